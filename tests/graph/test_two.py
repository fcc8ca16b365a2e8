"""The rule of two: a warning where a text from outside, private data and an effect outside meet, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.graph.open import check_workflow
from orchestrator.library import shipped_workflows
from tests.graph.workshop import check

HEAD = """\
orch: 1
inputs:
  letter: file
  name: string
  topic: {type: string, label: public}
knowledge: {book: {from: "*.md"}}
tools:
  mail: {mcp: {command: [mail-server]}, clearance: private}
  look: {mcp: {command: [web-server]}, clearance: private, effects: none}
agents: {writer: {role: You write short answers.}}
steps:
"""
SEND = 'send: {tool: mail.send, with: {text: "{{ reply }}"}}'
ANSWER = 'reply: {agent: writer, prompt: "Answer: {{ inputs.letter }}"}'


def warned(root: Path, *steps: str) -> list[str]:
    (root / "a.md").write_text("A handbook.\n", encoding="utf-8")
    built = check(root, HEAD + "".join(f"  {step}\n" for step in steps))
    assert not [one.message for one in built.diagnostics if one.severity == "error"]
    return [one.message for one in built.diagnostics if one.code == "ORCH715"]


@pytest.mark.parametrize(
    ("steps", "source"),
    [
        ((ANSWER, SEND), "the file of 'inputs.letter' (step 'reply')"),
        (
            ('reply: {agent: writer, prompt: "For {{ inputs.name }}", knowledge: [book]}', SEND),
            "the documents of 'book' (step 'reply')",
        ),
        (
            ('page: {tool: look.up, with: {of: "{{ inputs.name }}"}}', 'reply: {value: "{{ page }}"}', SEND),
            "what 'look.up' gives (step 'page')",
        ),
        (
            ('reply: {agent: writer, prompt: "For {{ inputs.name }}", tools: [mail.send]}',),
            "what 'mail.send' gives (step 'reply')",
        ),
        (
            (f"all: {{foreach: [a, b], steps: {{{ANSWER}, {SEND}}}}}",),
            "the file of 'inputs.letter' (step 'reply')",
        ),
        (
            (
                "all: {foreach: 'inputs.letter | lines', steps: {s: {tool: mail.send, with: {text: '{{ item }}'}}}}",
            ),
            "the file of 'inputs.letter' (step 'all')",
        ),
    ],
)
def test_where_all_three_meet_it_is_said(tmp_path: Path, steps: tuple[str, ...], source: str) -> None:
    """With the step that reads what others wrote; also when it is far above, or the step itself."""
    (said,) = warned(tmp_path, *steps)

    assert source in said


@pytest.mark.parametrize(
    "steps",
    [
        # a person looks
        (
            ANSWER,
            "ok: {ask: Send?, show: '{{ reply }}', choices: ['yes', 'no']}",
            SEND[:-1] + ", when: \"ok == 'yes'\"}",
        ),
        (
            "ok: {ask: 'Begin with {{ inputs.letter }}?', choices: ['yes', 'no']}",
            "all: {when: \"ok == 'yes'\", steps: {" + f"{ANSWER}, {SEND}" + "}}",
        ),
        # nothing that others wrote
        ('reply: {agent: writer, prompt: "For {{ inputs.name }}"}', SEND),
        # nothing private
        ('reply: {agent: writer, prompt: "Of {{ inputs.topic }}"}', SEND),
        # what a server gave may go back there
        ('reply: {agent: writer, prompt: "Of {{ inputs.topic }}", tools: [mail.send, mail.list]}',),
        # no effect
        (ANSWER, 'found: {tool: look.up, with: {of: "{{ reply }}"}}'),
        # it stays here
        (ANSWER, 'kept: {tool: files.write, with: {path: a.txt, text: "{{ reply }}"}}'),
    ],
)
def test_two_of_the_three_are_fine(tmp_path: Path, steps: tuple[str, ...]) -> None:
    """And all three, where a person says so before."""
    assert warned(tmp_path, *steps) == []


@pytest.mark.parametrize(
    "file",
    [*shipped_workflows().values(), *(Path(__file__).parents[2] / "examples").glob("*/*.yaml")],
    ids=str,
)
def test_nothing_that_ships_is_warned_of(file: Path) -> None:
    """A warning that is often wrong is read by nobody."""
    if file.name == "orch.yaml":
        return
    assert [one.code for one in check_workflow(file).diagnostics if one.code == "ORCH715"] == []
