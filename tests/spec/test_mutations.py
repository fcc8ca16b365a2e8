"""Whatever is done to a workflow file: it is clean, or it is wrong at a place in it; never a traceback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import UsageError
from orchestrator.spec.codes import CODES
from orchestrator.spec.diagnostics import Diagnostic
from orchestrator.spec.format import as_text
from orchestrator.spec.load import Reading, interpret, read
from orchestrator.spec.model import Workflow

FULL = """\
orch: 1
name: support-desk
description: Sort tickets.
inputs:
  tickets: {type: file, format: jsonl, rows: {id: int, from: string, body?: text}}
  tone: {type: warm | formal, default: warm, label: public}
models:
  tiny: llamacpp:smollm2-135m
  cloud: {use: "openai:gpt-5-mini", key: env.OPENAI_API_KEY, price: {input: 1, output: 2}, keep: 5m}
knowledge:
  handbook: {from: [docs/**/*.md], k: 4, label: internal}
agents:
  writer:
    uses: support
    model: tiny
    role: You answer in a {{ inputs.tone }} tone.   # a comment
    params: {temperature: 0.2, stop: ["\\n\\n"]}
    examples: {from: cases.jsonl, k: 8}
tools:
  mail.send: {mcp: {command: [mail-server]}, clearance: private, effects: once}
defaults: {timeout: 5m, repair: 1}
budget: {usd: 0.50, wall: 20m, then: stay-local}
keep: {secret: hash}
steps:
  triage:
    foreach: inputs.tickets
    agent: writer
    prompt: "Ticket: {{ item.body }}"
    output:
      urgency: low | normal | high
      topics: "[string](1..3)"
    check:
      it has topics: output.topics | length > 0
    on_error: {value: {urgency: low, topics: [none]}}
  answer:
    foreach: zip(inputs.tickets, triage)
    as: [ticket, tri]
    when: tri.urgency != 'low'
    steps:
      reply:
        repeat: {until: draft.good, max: 3, else: keep}
        steps:
          draft:
            agent: writer
            prompt: |
              Customer wrote: {{ ticket.body }}
              {% if last %}Before: {{ last.draft.text }}{% endif %}
            output: {text: string(1200), good: bool}
            escalate: {to: [cloud], when: invalid, usd: 0.02}
  ready: {value: "{{ answer | present | list }}"}
  approve: {ask: "Send?", show: "{{ ready }}", choices: [send, drop], timeout: 24h, then: drop}
  send:
    when: approve == 'send'
    tool: mail.send
    with: {to: "{{ ready }}"}
outputs: {replies: "{{ ready }}"}
"""
WORDS = st.sampled_from(
    ["", "agent", "steps", "prompt", "x", "{{", "}}", "'", '"', "#", ":", "- ", "*a", "&a ", "!x ", "\t", "[", "}", "|", ">", "~",
     "\u2028", "\x85", "\ufeff", "é", "日本", "1e999", "0x", "no", "%", "@", "---", "...", "? ", "<<", "\r", "\n", "\n\n  "]
)  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**70)
    | st.floats(allow_nan=False, width=32)
    | st.text(max_size=6)
    | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | WORDS, inner, max_size=3)
    ),
    max_leaves=6,
)


def check(text: str) -> Reading[Workflow]:
    """Read a text; hold what comes out against the promises."""
    reading = interpret(text, "w.yaml", Workflow)
    for found in reading.diagnostics:
        promised(found, text)
    as_text(reading.diagnostics)
    if not reading.diagnostics:
        assert reading.value is not None
    return reading


def promised(found: Diagnostic, text: str) -> None:
    lines = reading_lines(text)
    assert found.code in CODES
    assert found.message
    assert 1 <= found.mark.line <= len(lines), found
    assert 1 <= found.mark.column <= len(lines[found.mark.line - 1]) + 1, found
    assert found.source == lines[found.mark.line - 1]


def reading_lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every path below a value."""
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, below in entries:
        yield (*path, key)
        yield from places(below, (*path, key))


def document() -> dict[str, Any]:
    from orchestrator.spec.yaml import parse

    value: dict[str, Any] = parse(FULL, "w.yaml").value
    return deepcopy(value)


PLACES = tuple(places(document()))


def holder(value: Any, path: tuple[Any, ...]) -> Any:
    for part in path[:-1]:
        value = value[part]
    return value


def test_the_workflow_that_is_mutated_is_right() -> None:
    """Else the mutations would prove nothing."""
    assert check(FULL).diagnostics == ()
    assert check(json.dumps(document())).diagnostics == ()


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_any_entry_may_be_missing(path: tuple[Any, ...]) -> None:
    """Every key and list entry, one after the other."""
    value = document()
    parent = holder(value, path)
    del parent[path[-1]]

    check(json.dumps(value))


@pytest.mark.parametrize(
    "path", [path for path in PLACES if isinstance(path[-1], str)], ids=lambda p: ".".join(map(str, p))
)
def test_any_misspelt_key_is_found_at_its_own_line(path: tuple[Any, ...]) -> None:
    """Keys of the language are refused where they stand; names of the user are theirs to choose."""
    value = document()
    parent = holder(value, path)
    entries = list(parent.items())
    parent.clear()
    parent.update({(f"{key}x" if key == path[-1] else key): below for key, below in entries})

    found = check(json.dumps(value, indent=1)).diagnostics

    free = len(path) > 1 and path[-2] in (
        "inputs",
        "models",
        "agents",
        "knowledge",
        "tools",
        "steps",
        "outputs",
        "with",
    )
    data = {"output", "rows", "check", "value"} & set(path[:-1])
    if not (free or data):
        assert found
        assert any(f"{path[-1]}x" in problem.source for problem in found)


@settings(max_examples=300)
@given(st.sampled_from(PLACES), VALUES)
def test_any_value_may_stand_anywhere(path: tuple[Any, ...], value: Any) -> None:
    """Wrong kinds at every level."""
    mutated = document()
    holder(mutated, path)[path[-1]] = value

    check(json.dumps(mutated, indent=1))


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=2, max_size=8))
def test_many_mistakes_at_once_are_all_survived(mutations: list[tuple[tuple[Any, ...], Any]]) -> None:
    """Mending one must not trip over another."""
    mutated = document()
    for path, value in mutations:
        parent = mutated
        try:
            for part in path[:-1]:
                parent = parent[part]
            parent[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue

    check(json.dumps(mutated, indent=1))


@settings(max_examples=200)
@given(st.sampled_from(PLACES), st.sampled_from(PLACES))
def test_any_two_entries_may_be_swapped(first: tuple[Any, ...], second: tuple[Any, ...]) -> None:
    """A part of a workflow in the wrong place."""
    value = document()
    one, other = holder(value, first), holder(value, second)
    one[first[-1]], other[second[-1]] = deepcopy(other[second[-1]]), deepcopy(one[first[-1]])

    check(json.dumps(value, indent=1))


@settings(max_examples=300)
@given(st.integers(0, len(FULL)), st.integers(0, 12), WORDS | st.text(max_size=5))
def test_any_stretch_of_the_text_may_be_replaced(start: int, length: int, text: str) -> None:
    """Typing, deleting and pasting, in the middle of anything."""
    check(FULL[:start] + text + FULL[start + length :])


@settings(max_examples=200)
@given(st.lists(st.integers(0, FULL.count("\n")), min_size=1, max_size=4), st.integers(-3, 3))
def test_any_line_may_be_moved_sideways(numbers: list[int], by: int) -> None:
    """Indentation gone wrong."""
    lines = FULL.split("\n")
    for number in numbers:
        lines[number] = " " * by + lines[number] if by > 0 else lines[number][-by:]

    check("\n".join(lines))


@settings(max_examples=150)
@given(st.lists(WORDS | st.text(max_size=3), max_size=30))
def test_any_text_is_survived(parts: list[str]) -> None:
    """Signs of YAML in any order."""
    check("".join(parts))


@settings(max_examples=100)
@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_survived(tmp_path_factory: pytest.TempPathFactory, data: bytes, whole: bool) -> None:
    """A file may hold anything: one clear refusal, or diagnostics inside it."""
    path = tmp_path_factory.mktemp("any") / "w.yaml"
    path.write_bytes(data if whole else FULL.encode()[:100] + data)
    refusal = ""
    found: tuple[Diagnostic, ...] = ()
    try:
        found = read(path).diagnostics
    except UsageError as error:
        refusal = error.message

    assert not refusal or "w.yaml" in refusal
    assert all(problem.mark.line <= data.count(b"\n") + data.count(b"\r") + 20 for problem in found)


def test_a_broken_file_of_hundreds_of_steps_is_read_in_one_go() -> None:
    """Mistakes in every step are all reported, each once."""
    steps = "".join(
        f"  s{n}: {{agent: w, prompt: 5, output: {{a: strin, b: innt}}, timeout: 3}}\n" for n in range(300)
    )

    found = check(f"orch: 1\nsteps:\n{steps}").diagnostics

    assert len(found) == 300 * 4
