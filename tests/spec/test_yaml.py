"""YAML as the language reads it."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.spec.yaml import Parsed, parse


def read(text: str) -> Parsed:
    return parse(text, "w.yaml")


def codes(text: str) -> list[str]:
    return [found.code for found in read(text).diagnostics]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("1:30", "1:30"),
        ("2026-01-31", "2026-01-31"),
        ("0777", "0777"),
        ("1_000", "1_000"),
        ("1.2.3", "1.2.3"),
        ("-", None),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("'1'", "1"),
        ('"true"', "true"),
        ("é", "é"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(written: str, meant: Any) -> None:
    """Words, times and dates stay text; only what JSON would call a number, boolean or null is one."""
    if written == "-":
        assert read("- \n- ").value == [None, None]
        return

    value = read(f"a: {written}\n").value["a"]

    assert value == meant
    assert type(value) is type(meant)


def test_keys_stay_text() -> None:
    """A key is a name, whatever it looks like."""
    assert read("1: a\ntrue: b\non: c\nnull: d\n").value == {"1": "a", "true": "b", "on": "c", "null": "d"}


def test_every_style_of_text_is_read() -> None:
    """Block, folded, quoted and plain texts come out as YAML defines them."""
    text = "a: |\n  x\n  y\nb: >-\n  x\n  y\nc: 'it''s'\nd: \"\\u00e4\\n\"\ne: plain\n  goes on\n"

    value = read(text).value

    assert value == {"a": "x\ny\n", "b": "x y", "c": "it's", "d": "ä\n", "e": "plain goes on"}


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: 1\na: 2\n", "ORCH005", 2, 1),
        ("a: {b: 1, b: 2}\n", "ORCH005", 1, 11),
        ("a: !x 1\n", "ORCH006", 1, 4),
        ("a: !!python/object:os.system {}\n", "ORCH006", 1, 4),
        ("a: 1\n---\nb: 2\n", "ORCH007", 2, 1),
        ("a: &a [*a]\n", "ORCH009", 1, 8),
        ("a: *b\n", "ORCH009", 1, 4),
        ("a:\n  b: {{ x }}\n", "ORCH011", 2, 6),
        ("a: {{ x }} and\n", "ORCH011", 1, 4),
        ("a: {% if x %}y{% endif %}\n", "ORCH011", 1, 4),
        ("when: 'x' in y\n", "ORCH012", 1, 7),
        ('when: "x" == y\n', "ORCH012", 1, 7),
        ("a: Say #{{x}}\n", "ORCH013", 1, 8),
        ("when: x == ' #a'\n", "ORCH013", 1, 14),
        ("when: a and # b\n", "ORCH013", 1, 13),
        ("check:\n  short: f(x # )\n", "ORCH013", 2, 14),
        ("a:\n\tb: 1\n", "ORCH014", 2, 1),
        ('a: "x\nb: 1\n', "ORCH015", 1, 4),
        ("a: 'it's'\n", "ORCH012", 1, 4),
        ("a: b: c\n", "ORCH016", 1, 4),
        ("a:\n  b: 1\n c: 2\n", "ORCH017", 3, 2),
        ("a: [1, 2\nb: 3\n", "ORCH018", 1, 4),
        ("a: @x\n", "ORCH019", 1, 4),
        ("a: *.md\n", "ORCH019", 1, 4),
        ("a: `x`\n", "ORCH019", 1, 4),
        ("agent:foo\nb: c\n", "ORCH020", 1, 6),
        ("steps\nb: c\n", "ORCH020", 1, 1),
        ("a: 99999999999999999999\n", "ORCH022", 1, 4),
        ("a: .nan\n", "ORCH022", 1, 4),
        ("a: 1e999\n", "ORCH022", 1, 4),
        ("a: {[b]: 1}\n", "ORCH023", 1, 5),
        ("a: \x1b[0m\n", "ORCH004", 1, 4),
        ("a: 1\nb: \u202e\x00\n", "ORCH004", 2, 5),
    ],
)
def test_a_mistake_is_recognised_where_it_is(text: str, code: str, line: int, column: int) -> None:
    """Each usual mistake has its own code, its place, and says what to write instead."""
    found = read(text).diagnostics

    assert [(d.code, d.mark.line, d.mark.column) for d in found] == [(code, line, column)]
    assert found[0].hint


@pytest.mark.parametrize(
    "text",
    [
        "when: a == b # only then\n",
        "prompt: Don't do it # a note\n",
        "a: x#y\n",
        "a: 'x # {{ y }}'\n",
        "a: |\n  x # {{ y }}\n",
        "when: x == '#a'\n",
        "a: {b: 1} # {{ x }}\n",
        "a: 1 # plain\n",
    ],
)
def test_an_honest_comment_is_left_alone(text: str) -> None:
    """Only a comment that leaves something incomplete behind is called a mistake."""
    assert codes(text) == []


def test_several_syntax_errors_are_reported_at_once() -> None:
    """A mistake that is understood does not hide the next one."""
    text = "a: {{ x }} y\nb: 'c' in d\ne: f: g\nh: @i\nj: [1]\n"

    found = read(text)

    assert [(d.code, d.mark.line) for d in found.diagnostics] == [
        ("ORCH011", 1), ("ORCH012", 2), ("ORCH016", 3), ("ORCH019", 4),
    ]  # fmt: skip
    assert found.value["j"] == [1]
    assert not found.whole


def test_an_unquoted_template_is_read_as_the_text_that_was_meant() -> None:
    """`a: {{ x }}` is reported, and read on as the template."""
    assert read("a: {{ x }}\nb: 1\n").value == {"a": "{{ x }}", "b": 1}


def test_an_alias_means_the_same_value() -> None:
    """Aliases are allowed."""
    assert read("a: &x {b: [1]}\nc: *x\n").value == {"a": {"b": [1]}, "c": {"b": [1]}}


def test_an_alias_bomb_is_refused_before_it_unfolds() -> None:
    """A few hundred bytes that stand for billions of values end in one message."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]

    assert codes("\n".join(lines)) == ["ORCH008"]


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_depth_is_bounded(opening: str) -> None:
    """A hundred thousand open brackets cost one message, not the stack."""
    found = read(opening * 100_000)

    assert [d.code for d in found.diagnostics] == ["ORCH010"]


def test_an_empty_text_is_nothing() -> None:
    """Whether that is allowed is for the caller to say."""
    assert read("").value is None
    assert read("# only this\n").value is None


BLOCK = """\
orch: 1
steps:
  one:
    agent: creative
    prompt: "Say {{ word }} in a warm tone
    repair: 1
  two: {agent: creative, prompt: "Again."}
"""
FLOW = """\
orch: 1
inputs:
  text: {type: string, default: 'hello}
steps:
  one: {value: '{{ inputs.text }}'}
"""


@pytest.mark.parametrize(
    ("text", "place", "hint"), [(BLOCK, (5, 13), 'warm tone"'), (FLOW, (3, 33), "write '")]
)
def test_a_forgotten_quote_is_reported_where_it_was_opened(
    text: str, place: tuple[int, int], hint: str
) -> None:
    """Although it is closed: by the next quote of its kind, lines below."""
    (found,) = parse(text, "w.yaml").diagnostics

    assert (found.code, (found.mark.line, found.mark.column)) == ("ORCH015", place)
    assert "never closed" in found.message
    assert hint in found.hint


def test_what_stands_below_a_forgotten_quote_is_read_all_the_same() -> None:
    """One mistake does not hide the others."""
    parsed = parse(BLOCK.replace("repair", "repiar"), "w.yaml")

    assert parsed.value["steps"]["one"]["repiar"] == 1
    assert parsed.value["steps"]["two"]["prompt"] == "Again."


def test_a_quoted_text_of_several_lines_with_text_behind_it_is_no_forgotten_quote() -> None:
    """Nothing in it looks like a key."""
    (found,) = parse('a:\n  b: "one\n    two" three\n', "w.yaml").diagnostics

    assert found.code != "ORCH015"


def test_a_block_text_that_is_not_indented_is_reported_at_its_first_line() -> None:
    """Not at the step behind it."""
    text = "steps:\n  one:\n    prompt: |\n    Write this.\n    And that.\n  two: {value: 1}\n"

    (found,) = parse(text, "w.yaml").diagnostics

    assert (found.code, found.mark.line) == ("ORCH017", 4)
    assert "`prompt: |`" in found.hint


def test_an_apostrophe_inside_apostrophes_is_answered_with_the_other_quotes() -> None:
    """The inner quotes are not kept."""
    (found,) = parse("prompt: 'it's late'\n", "w.yaml").diagnostics

    assert found.hint == 'put " around it instead: "it\'s late"'


def test_a_merge_that_is_not_finished_is_called_that() -> None:
    """At its first mark, whatever the parser stumbled over behind it; the text of a prompt may hold such a mark."""
    both = "steps:\n<<<<<<< HEAD\n  a: {value: 1}\n=======\n  a: {value: 2}\n>>>>>>> topic\n"

    (found,) = parse(both, "w.yaml").diagnostics

    assert (found.code, found.mark.line) == ("ORCH001", 2)
    assert "the marks of a merge" in found.message
    assert "<<<<<<<" in found.hint
    assert codes("prompt: |\n  <<<<<<< HEAD\n  one\n  =======\n") == []
