"""Answers without a model, and cases that must not answer themselves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.bench.guess import Guesses, Pool
from orchestrator.bench.lenient import read_kindly
from orchestrator.bench.measure import Asking, measure
from orchestrator.bench.subject import Setup, Subject, graph_of, with_agent
from orchestrator.calling import Example
from orchestrator.engine.run import Ports
from orchestrator.errors import KnowledgeError
from orchestrator.knowledge.examples import Cases
from orchestrator.policy.grade import Case, read_graded
from orchestrator.providers.scripted import Reply, ScriptedModel
from orchestrator.report.score import Measured
from orchestrator.spec.types import Bool, Enum, Field, Int, MapOf, Str, Type
from tests.embedding import WordEmbedder

KINDS = Enum(("bill", "parcel"))
AGENT = """
description: Sorts.
role: Sort the letter.
model: tiny
output: bill | parcel
"""
BILLS = ["the bill is wrong", "a bill for may", "pay this bill", "my bill again", "bill and money"]
PARCELS = ["the parcel is late", "a parcel came", "open this parcel", "my parcel again", "parcel at the door"]
LINES = [
    (text, kind)
    for pair in zip(BILLS, PARCELS, strict=True)
    for text, kind in zip(pair, KINDS.values, strict=True)
]


def pool(lines: Sequence[tuple[Any, Any]] = LINES) -> Pool:
    return Pool(tuple(Example(asked, answered, n) for n, (asked, answered) in enumerate(lines, 1)))


def test_the_nearest_case_is_another_one() -> None:
    """Neither itself, nor one that asks the same in other letters: that one has another answer here."""
    lines = [
        ("Pay this bill", "copied"),
        ("pay  THIS bill ", "copied"),
        ("pay a bill", "neighbour"),
        ("fly", "far"),
    ]

    answer = asyncio.run(Guesses(pool(lines), WordEmbedder()).nearest("Pay this bill"))

    assert answer == "neighbour"


def test_cases_of_one_group_do_not_answer_each_other() -> None:
    """Two replies to one source look alike and are opposite."""
    lines = [("a red house. it is red", "yes"), ("a red house. it is blue", "no"), ("a tree", "far")]
    examples = pool(lines).examples
    grouped = Pool(examples, {1: "house", 2: "house"})

    answers = [
        asyncio.run(Guesses(one, WordEmbedder()).nearest("a red house. it is red"))
        for one in (Pool(examples), grouped)
    ]

    assert answers == ["no", "far"]
    assert len({grouped.folds()[asked] for asked, _ in lines[:2]}) == 1


def test_there_is_no_neighbour_of_the_only_case() -> None:
    """None, not itself."""
    assert asyncio.run(Guesses(pool([("x", "y")]), WordEmbedder()).nearest("x")) is None


def test_a_classifier_has_not_seen_the_case_it_is_asked() -> None:
    """A case whose answer is a lie is answered by what the others say."""
    lines = [*LINES, ("bill bill bill", "parcel")]
    guesses = Guesses(pool(lines), WordEmbedder(dimensions=256))

    answers = [asyncio.run(_classified(guesses, asked)) for asked in ("bill bill bill", "my parcel again")]

    assert answers == ["bill", "parcel"]


async def _classified(guesses: Guesses, asked: str) -> Any:
    return (await guesses.classify(asked)).value


def test_a_classifier_needs_two_answers() -> None:
    """It says so."""
    guesses = Guesses(pool([("a", "x"), ("b", "x")]), WordEmbedder())

    with pytest.raises(KnowledgeError, match="two different answers"):
        asyncio.run(guesses.classify("a"))


@pytest.mark.parametrize(
    ("text", "output", "value"),
    [
        ("It is about a Bill.", KINDS, "bill"),
        ("bill or parcel", KINDS, None),
        ('"parcel"', KINDS, "parcel"),
        ("billing", KINDS, None),
        ("Yes, it is.", Bool(), True),
        ("yes and no", Bool(), None),
        ("Perhaps", Bool(), None),
        ("There are 12 of them", Int(), 12),
        ("12 or 13", Int(), None),
        ("No.", MapOf((Field("ok", Bool()), Field("why", Str(60)))), {"ok": False, "why": ""}),
        (
            'Sure: {"ok": true, "why": "x"}',
            MapOf((Field("ok", Bool()), Field("why", Str(60)))),
            {"ok": True, "why": "x"},
        ),
        ("hello", MapOf((Field("a", Str(60)), Field("b", Str(60)))), None),
        ("  a text ", None, "a text"),
        ("", None, None),
    ],
)
def test_a_plain_answer_is_read_kindly(text: str, output: Type | None, value: Any) -> None:
    """What a person would understand counts; what is said twice or not at all does not."""
    assert read_kindly(text, output) == value


# ----------------------------------------------------------------------------------------------- with a model


@pytest.fixture(name="subject")
def _subject(project: Path) -> Subject:
    """A specialist with ten cases, none of which another asks."""
    folder = project / "agents" / "sorter"
    folder.mkdir(parents=True)
    (project / "orch.yaml").write_text("orch: 1\nmodels: {tiny: 'scripted:'}\n", encoding="utf-8")
    (folder / "agent.yaml").write_text(AGENT, encoding="utf-8")
    lines = "".join(json.dumps({"input": asked, "output": answered}) + "\n" for asked, answered in LINES)
    (folder / "cases.jsonl").write_text(lines, encoding="utf-8")
    file = folder / "cases.jsonl"
    return with_agent(Subject("sorter", project, read_graded(lines.encode())[0], file))


def measured(subject: Subject, rung: Any, model: ScriptedModel, folder: Path, k: int = 3) -> list[Measured]:
    found: list[Measured] = []
    embedder = WordEmbedder()
    assert subject.pool is not None
    cases = Cases(subject.pool, embedder, folder)

    def ports(journal: Any, examples: Any, heads: Any) -> Ports:
        return Ports(journal=journal, examples=examples, heads=heads)

    asking = Asking(
        subject,
        rung,
        pool(),
        Guesses(pool(), embedder),
        graph_of(subject, rung, Setup(k=k)),
        {"tiny": model},
        ports,
        lambda _file: cases,
        today="2026-11-23",
    )
    asyncio.run(measure(asking, [(case, 0) for case in subject.cases], found.append))
    return sorted(found, key=lambda one: one.case)


def last(request: Any) -> str:
    return str(request.messages[-1].content)


def knows(request: Any) -> str:
    return json.dumps("bill" if "bill" in last(request) else "parcel")


def test_no_case_is_among_its_own_examples(subject: Subject, tmp_path: Path) -> None:
    """Every prompt holds three others."""
    model = ScriptedModel(knows)

    found = measured(subject, "examples", model, tmp_path)

    assert [one.right for one in found] == [True] * len(LINES)
    for request in model.requests:
        shown = [message.content for message in request.messages[:-1] if message.role == "user"]
        assert len(shown) == 3
        assert last(request) not in shown


def test_each_rung_has_one_help_more(subject: Subject, tmp_path: Path) -> None:
    """A plain prompt has no schema and no system message; the grammar no second try; then examples, then the repair."""
    asked: Mapping[str, ScriptedModel] = {
        rung: ScriptedModel(lambda _: "nonsense") for rung in ("plain", "grammar", "examples", "repair")
    }
    for rung, model in asked.items():
        measured(subject, rung, model, tmp_path)

    per_case = {rung: len(model.requests) / len(LINES) for rung, model in asked.items()}
    first = {rung: model.requests[0] for rung, model in asked.items()}
    assert per_case == {"plain": 1, "grammar": 1, "examples": 1, "repair": 2}
    assert [first[rung].schema is not None for rung in asked] == [False, True, True, True]
    assert [message.role for message in first["plain"].messages] == ["user"]
    assert "Sort the letter." in last(first["plain"])
    assert "Answer with one of: bill, parcel." in last(first["plain"])
    assert len(first["grammar"].messages) == 2
    assert len(first["repair"].messages) == 8


def test_a_cut_or_a_fault_is_a_wrong_answer(subject: Subject, tmp_path: Path) -> None:
    """Whatever the text holds, and the rest is measured."""

    def answer(request: Any) -> Reply:
        text = last(request).split("\n\n")[1]  # between the role and the form of the answer
        if "the bill is wrong" in text:
            return Reply(text="bill", finish="length")
        return (
            Reply(fault="refused", message="gone")
            if "late" in text
            else Reply(text="A bill." if "bill" in text else "A parcel.")
        )

    found = measured(subject, "plain", ScriptedModel(answer), tmp_path)

    assert [(one.case, one.valid) for one in found if not one.right] == [(1, False), (2, False)]
    assert found[0].why.startswith("cut")
    assert len(found) == len(LINES)


def test_what_was_asked_is_counted(subject: Subject, tmp_path: Path) -> None:
    """Calls and tokens of every case; the answer that counted once."""
    found = measured(subject, "repair", ScriptedModel(lambda _: "nonsense"), tmp_path)

    assert {one.calls for one in found} == {2}
    assert all(one.prompt > one.answer_prompt > 0 for one in found)
    assert all(one.seconds > 0 for one in found)


def test_a_head_in_front_of_the_model_has_not_seen_the_case(subject: Subject, tmp_path: Path) -> None:
    """As the agent's file says it, and the record of the answer is none of the model."""
    assert subject.pool is not None
    (subject.pool.parent / "agent.yaml").write_text(AGENT + "head: {from: cases.jsonl}\n", encoding="utf-8")
    model = ScriptedModel(knows)

    found = measured(with_agent(subject), "as-is", model, tmp_path)

    assert len(found) == len(LINES)
    assert all(one.valid for one in found)
    assert len(model.requests) == sum(one.calls for one in found)


def test_a_text_is_asked_as_it_is(subject: Subject, tmp_path: Path) -> None:
    """What looks like a template in a case is data."""
    hostile = Case("{{ inputs.asked }} bill", "bill", line=1)
    model = ScriptedModel(knows)

    measured(
        Subject(**{**{n: getattr(subject, n) for n in subject.__slots__}, "cases": (hostile,)}),
        "grammar",
        model,
        tmp_path,
    )

    assert last(model.requests[0]) == "{{ inputs.asked }} bill"
