"""Texts that look like expressions: a warning where they were surely meant to be read, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph.workshop import check, seen

FILE = """
orch: 1
inputs: {text: string, one: string, two: string, rows: {type: file, format: csv, rows: {body: text}}}
agents: {writer: {role: You write short answers.}}
steps:
  used: {value: "{{ inputs.text }}{{ inputs.one }}{{ inputs.two }}{{ inputs.rows | length }}"}
  tri: {agent: writer, prompt: Sort it., output: {topic: string, body: string}}
  STEP
"""
MEANT = {
    "x: {agent: writer, prompt: inputs.text}": ["inputs.text"],
    "x: {agent: writer, prompt: ' tri.topic '}": ["tri.topic"],
    "x: {agent: writer, prompt: tri}": ["tri"],
    "x: {agent: writer, prompt: 'say {inputs.text} now'}": ["{inputs.text}"],
    "x: {agent: writer, prompt: 'say ${inputs.text} {tri.body}'}": ["${inputs.text}", "{tri.body}"],
    "x: {value: '{{ item }}', foreach: [inputs.one, inputs.two]}": ["inputs.one", "inputs.two"],
    "x: {agent: writer, prompt: item.body, foreach: inputs.rows}": ["item.body"],
    "x: {value: tri.topic}": ["tri.topic"],
    "x: {agent: writer, prompt: late.body, needs: late}\n  late: {when: inputs.text, value: {body: x}}": [
        "late.body"
    ],
    "x: {value: {a: {b: tri.topic}}}": ["tri.topic"],
    "x: {ask: Send it?, show: tri}": ["tri"],
}
LITERAL = [
    "x: {value: inputs.txt}",
    "x: {value: tri.yaml}",
    "x: {value: used.text}",
    "x: {value: {a: tri, b: x}}",
    "x: {value: x}",
    "x: {agent: writer, prompt: 'Answer as {name} or {\"topic\": 1} and {tri} and {{ tri.topic }}'}",
    "x: {agent: writer, prompt: 'Read inputs.text aloud.'}",
    "x: {value: '{{ item }}', foreach: [tri, used]}",
    "x: {ask: Send it?, choices: [tri, used]}",
    "x: {value: 'https://inputs.text/a', when: tri.topic == 'a'}",
]


def _found(root: Path, step: str) -> list[tuple[str, str]]:
    return [seen(d) for d in check(root, FILE.replace("STEP", step)).diagnostics]


@pytest.mark.parametrize(("step", "words"), MEANT.items(), ids=list(MEANT))
def test_a_name_that_is_taken_to_the_letter_is_a_warning(step: str, words: list[str], tmp_path: Path) -> None:
    """Under the very words."""
    assert _found(tmp_path, step) == [("ORCH522", word) for word in words]


@pytest.mark.parametrize("step", LITERAL)
def test_a_text_that_only_resembles_a_name_is_none(step: str, tmp_path: Path) -> None:
    """A warning on right files would teach people not to read warnings."""
    assert _found(tmp_path, step) == []


def test_an_output_that_is_a_name_is_warned_of_with_the_remedy(tmp_path: Path) -> None:
    """The run would return the word."""
    built = check(tmp_path, "orch: 1\nsteps: {c: {value: 1}}\noutputs: {r: c}\n")

    assert [(*seen(d), d.hint) for d in built.diagnostics] == [
        ("ORCH522", "c", 'to read it, write "{{ c }}"')
    ]


def test_a_list_of_names_is_shown_as_the_expression_that_was_meant(tmp_path: Path) -> None:
    """`foreach` takes an expression or a literal list."""
    built = check(tmp_path, FILE.replace("STEP", "x: {value: 1, foreach: [inputs.one, inputs.two]}"))

    assert {d.hint for d in built.diagnostics} == {'to read it, write foreach: "[inputs.one, inputs.two]"'}


_STOP = "params: {stop: ['END', '{{ b }}']}"


@pytest.mark.parametrize(
    "text",
    [
        f"agents: {{writer: {{role: Write., {_STOP}}}}}\nsteps: {{b: {{value: x}}, a: {{agent: writer, prompt: Go}}}}",
        f"agents: {{writer: {{role: Write.}}}}\nsteps: {{b: {{value: x}}, a: {{agent: writer, prompt: Go, {_STOP}}}}}",
        "agents: {writer: {role: Write.}}\ndefaults: {params: {stop: ['{{ b }}']}}\n"
        "steps: {b: {value: x}, a: {agent: writer, prompt: Go}}",
        "models: {m: {use: 'ollama:qwen3:4b', params: {stop: '{{ b }}'}}}\nagents: {writer: {role: Write.}}\n"
        "steps: {b: {value: x}, a: {agent: writer, model: m, prompt: Go}}",
    ],
)
def test_nothing_is_read_in_what_ends_an_answer(tmp_path: Path, text: str) -> None:
    """Wherever parameters are said, a template in `stop` is warned of once, at the text."""
    found = check(tmp_path, f"orch: 1\n{text}\n").diagnostics

    warned = [d for d in found if d.code == "ORCH522"]
    assert [d.message for d in warned] == ["nothing is read in `stop`: '{{ b }}' is sent as it stands"]
    assert not [d for d in found if d.severity == "error"]
