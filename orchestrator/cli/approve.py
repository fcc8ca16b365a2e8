"""`orch approve` and `orch reject`: answer what a run asks, from any shell. `orch resume` then goes on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

import click

from orchestrator.cli import complete
from orchestrator.cli.console import the_console
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.store.answers import Answer, Change


@click.command()
@click.argument("target", metavar="RUN[/STEP]", shell_complete=complete.runs)
@click.option("--choice", help="One of the step's choices; the first when you do not say.")
@click.option("--edit", "edits", is_flag=True, help="Change the value in your editor before you answer.")
@click.option(
    "--edited", type=click.File(encoding="utf-8"), help="Take the changed value from FILE; - reads stdin."
)
def command(target: str, choice: str | None, edits: bool, edited: TextIO | None) -> int:
    """Answer the question of a waiting run; where its step says `edit`, with a changed value."""
    if edits and edited is not None:
        raise UsageError("--edit and --edited exclude each other", hint="give one of them")
    return _answer(target, "approve", choice, _change(edits, edited))


def _change(edits: bool, edited: TextIO | None) -> Change | None:
    from orchestrator.policy.editing import changed

    if edits:
        from orch_tui.changing import edited as from_editor

        return lambda edit: from_editor(edit, os.environ)
    if edited is None:
        return None
    return lambda edit: changed(edit, _text(edited))


def _text(file: TextIO) -> str:
    try:
        return file.read()
    except UnicodeDecodeError:
        raise UsageError(f"{file.name} is no UTF-8 text") from None


@click.command()
@click.argument("target", metavar="RUN[/STEP]", shell_complete=complete.runs)
def reject(target: str) -> int:
    """Refuse to let a waiting run go on: it ends with exit code 3."""
    return _answer(target, "reject", None)


def _answer(target: str, kind: str, choice: str | None, change: Change | None = None) -> int:
    from orchestrator.cli.waiting import what_to_do
    from orchestrator.cli.wiring import existing_store
    from orchestrator.store import answers

    console = the_console()
    store = existing_store()
    try:
        name, _, step = target.partition("/")
        run, by = store.find(name), answers.login_name()
        if kind == "approve":
            answer = answers.approve(store, run, step, choice, by, change)
        else:
            answer = answers.reject(store, run, step, by)
        console.say(f"{answer.ask.path}: {answer.ask.question}")
        console.say(f"  {_chosen(answer, given=choice is not None)}")
        if change is not None:
            console.say("  nothing was changed" if answer.edit is None else "  with the changed value")
        for text in what_to_do(store, run):
            console.say(text)
    finally:
        store.close()
    return 0


def _chosen(answer: Answer, *, given: bool) -> str:
    """What was answered, and what else could have been when the first choice was taken unsaid."""
    if not answer.choice:
        return "rejected"
    others = [choice for choice in answer.ask.choices if choice != answer.choice]
    if given or not others:
        return f"answered: {answer.choice}"
    return f"answered: {answer.choice} (the first choice; --choice takes another: {', '.join(others)})"
