"""`orch init [DIR]`: a first workflow that runs as it is. Asks nothing, overwrites nothing."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orchestrator.cli.console import the_console
from orchestrator.errors import UsageError

SCHEMA = "workflow.schema.json"
"""Beside the workflow and for git, unlike `.orch/`: who clones the project has it too."""
MODELINE = f"# yaml-language-server: $schema={SCHEMA}\n"
WORKFLOW = (
    MODELINE
    + """orch: 1
name: note
description: Read a customer's note and draft the answer.

inputs:
  note:
    type: text
    default: >-
      Hello, I ordered a blue lamp on Monday and a red one came today.
      Could you send me the right one? Thank you, Ada

steps:
  facts:                        # a model fills in a form; what it may answer is fixed
    agent: extractor            # ships with orch; `orch agents` lists the others
    prompt: |
      Text: {{ inputs.note }}
      Facts: name, ordered, received
    output:
      name: string(40)
      ordered: string(60)
      received: string(60)

  letter:                       # a plain value: no model, no surprise
    value: |
      Dear {{ facts.name }},
      we are sorry: you ordered "{{ facts.ordered }}" and got "{{ facts.received }}".
      The right one is on its way.

outputs:
  letter: "{{ letter }}"
"""
)
IGNORED = ".orch/"


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=Path())
def command(directory: Path) -> None:
    """Write a small workflow into DIRECTORY (by default the current one), ready to run and to edit."""
    file = directory / "workflow.yaml"
    if file.exists():
        raise UsageError(f"{file} is already there", hint="name another directory: orch init DIRECTORY")
    console = the_console()
    directory.mkdir(parents=True, exist_ok=True)
    _write_schema(directory / SCHEMA)
    _ignore(directory / ".gitignore")
    with file.open("x", encoding="utf-8") as stream:
        stream.write(WORKFLOW)
    where = "" if directory == Path() else f"cd {directory} && "
    console.say(f"wrote {file}, and {SCHEMA} for editors; keep both in git")
    console.say("")
    console.say("Next:")
    console.say(f"  {where}orch run workflow.yaml")
    console.say(f'  {where}orch run workflow.yaml -i note="I asked for tea and got coffee. Tom"')


def _write_schema(path: Path) -> None:
    """What the first line of the workflow points to; one that is there stays (`orch schema` prints today's)."""
    from orchestrator.spec.editor import editor_schema

    if path.exists():
        return
    path.write_text(json.dumps(editor_schema(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _ignore(path: Path) -> None:
    """Runs are not for git. An existing file only gains a line."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if IGNORED in (line.strip() for line in text.splitlines()):
        return
    start = text if not text or text.endswith("\n") else text + "\n"
    path.write_text(f"{start}{IGNORED}\n", encoding="utf-8")
