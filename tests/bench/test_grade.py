"""What graders say of answers, and which lines of a file are cases."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from orchestrator.policy.grade import Case, closed_choice, failed, is_closed, read_graded, right
from orchestrator.spec.types import Bool, Enum, Field, Int, MapOf, Str

PASSAGES = ({"file": "docs/fees.md"}, {"file": "docs/hours.md"})


@pytest.mark.parametrize(
    ("case", "good", "bad"),
    [
        (Case("x", "May"), " May\n", "may"),
        (Case("x", 7), 7, 8),
        (Case("x", 1), 1, True),
        (Case("x", {"a": {"b": 1}}), {"a": {"b": 1}, "more": 2}, {"a": {"b": 2}}),
        (Case("x", {"a": 1, "note": "n"}, ignore=("note",)), {"a": 1, "note": "m"}, {"a": 2, "note": "n"}),
        (Case("x", "-", contains=(["dog", "cat"], "big")), "a BIG cat", "a big cow"),
        (Case("x", "-", lacks=("sorry",)), "yes", "Sorry, no"),
        (Case("x", "-", regex=(r"^\d{4}$",)), "2026", "in 2026"),
        (Case("x", 40, tolerance=0.5), "about 40.4 of them", "41"),
        (Case("x", 1200, tolerance="1%"), "1,210 euros", "1.21"),
        (Case("x", 40, tolerance=0), {"mean": 40.0}, {"mean": 39.9}),
        (Case("x", "a b", contains=("a",), max_words=2), "a c", "a b c"),
        (Case("x", "yes", contains=("y",), exact=True), "yes", "yeah"),
        (Case("x", valid=True), "anything", None),
    ],
)
def test_a_grader_tells_a_good_answer_from_a_bad_one(case: Case, good: Any, bad: Any) -> None:
    """Each kind by one of either."""
    assert failed(case, good) is None
    assert failed(case, bad) is not None


def test_a_citation_that_is_among_the_passages_is_right() -> None:
    """The number has to exist, and a wanted file has to have been looked up."""
    case = Case("x", "-", contains=("12",), sources=("fees.md",))

    assert failed(case, "It costs 12 [1].", None, PASSAGES) is None
    assert "only sources 1 to 2" in str(failed(case, "It costs 12 [3].", None, PASSAGES))
    assert "was not made from" in str(failed(case, "It costs 12.", None, PASSAGES[1:]))


def test_no_answer_is_never_right() -> None:
    """Also where nothing is asked of it."""
    assert not right(Case("x", None, lacks=("a",)), None)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "no JSON"),
        ("[1]", "not a map"),
        ('{"output": 1}', "not a map with `input`"),
        ('{"input": "x"}', "neither `output` nor a grader"),
        ('{"input": "x", "contains": [1]}', "`contains` is not a list of texts"),
        ('{"input": "x", "regex": "("}', "`regex`"),
        ('{"input": "x", "output": "many", "tolerance": 1}', "needs a number"),
        ('{"input": "x", "output": 1, "tolerance": "-1%"}', "neither a number nor a share"),
        ('{"input": "x", "output": 1, "max_words": "two"}', "`max_words` has the wrong type"),
    ],
)
def test_a_line_that_is_no_case_is_refused_with_its_number(line: str, said: str) -> None:
    """Good lines around it are read."""
    good = '{"input": "x", "output": "y", "further": "key"}'

    cases, wrong = read_graded(f"{good}\n\n{line}\n{good}\n".encode())

    assert [case.line for case in cases] == [1, 4]
    assert [(one.line, said in one.message) for one in wrong] == [(3, True)]


@given(some.recursive(some.none() | some.booleans() | some.floats(allow_nan=False) | some.text(), some.lists))
def test_no_answer_breaks_a_grader(answer: Any) -> None:
    """Whatever JSON comes."""
    case = Case("x", 3, contains=("a",), regex=("b",), tolerance="5%", max_words=3, lacks=("c",))

    assert right(case, answer) in (True, False)


@given(some.binary(max_size=60))
def test_any_bytes_are_cases_or_wrong_lines(data: bytes) -> None:
    """Reading raises nothing."""
    cases, wrong = read_graded(data)

    assert len(cases) + len(wrong) <= data.count(b"\n") + 1


def test_an_answer_of_its_own_case_is_right() -> None:
    """A case that is read back accepts its output."""
    for output in ("text", 3, True, {"a": [1, 2]}, ["x"]):
        (case,), _ = read_graded(json.dumps({"input": "x", "output": output}).encode())
        assert right(case, output)


def test_closed_answers_are_enums_and_bools() -> None:
    """Reasons beside them do not count; several closed fields are closed, but no single choice."""
    mood, ok = Enum(("good", "bad")), Bool()
    with_why = MapOf((Field("ok", ok), Field("why", Str(60))))
    two = MapOf((Field("ok", ok), Field("mood", mood)))

    assert all(is_closed(kind) for kind in (mood, with_why, two))
    assert not is_closed(MapOf((Field("ok", ok), Field("n", Int()))))
    assert not is_closed(None)
    assert closed_choice(with_why) == ("ok", ok)
    assert closed_choice(two) is None
