"""`orch approve` and `orch reject`: answer what a run asks, from any shell. `orch resume` then goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import complete
from orchestrator.cli.console import the_console

if TYPE_CHECKING:
    from orchestrator.store.answers import Answer


@click.command()
@click.argument("target", metavar="RUN[/STEP]", shell_complete=complete.runs)
@click.option("--choice", help="One of the step's choices; the first when you do not say.")
def command(target: str, choice: str | None) -> int:
    """Answer the question of a waiting run."""
    return _answer(target, "approve", choice)


@click.command()
@click.argument("target", metavar="RUN[/STEP]", shell_complete=complete.runs)
def reject(target: str) -> int:
    """Refuse to let a waiting run go on: it ends with exit code 3."""
    return _answer(target, "reject", None)


def _answer(target: str, kind: str, choice: str | None) -> int:
    from orchestrator.cli.waiting import what_to_do
    from orchestrator.cli.wiring import existing_store
    from orchestrator.store import answers

    console = the_console()
    store = existing_store()
    try:
        name, _, step = target.partition("/")
        run, by = store.find(name), answers.login_name()
        if kind == "approve":
            answer = answers.approve(store, run, step, choice, by)
        else:
            answer = answers.reject(store, run, step, by)
        console.say(f"{answer.ask.path}: {answer.ask.question}")
        console.say(f"  {_chosen(answer, given=choice is not None)}")
        for text in what_to_do(store, run):
            console.say(text)
    finally:
        store.close()
    return 0


def _chosen(answer: Answer, *, given: bool) -> str:
    """What was answered, and what else could have been when the first choice was taken unsaid."""
    if not answer.choice:
        return "rejected: the run ends with exit code 3"
    others = [choice for choice in answer.ask.choices if choice != answer.choice]
    if given or not others:
        return f"answered: {answer.choice}"
    return f"answered: {answer.choice} (the first choice; --choice takes another: {', '.join(others)})"
