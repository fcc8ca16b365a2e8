"""`orch approve` and `orch reject`: answer what a run asks, from any shell. `orch resume` then goes on."""

from __future__ import annotations

import getpass
import time
from datetime import datetime
from typing import TYPE_CHECKING

import click

from orchestrator.cli import complete
from orchestrator.cli.console import the_console
from orchestrator.errors import UsageError
from orchestrator.events import AskOpened

if TYPE_CHECKING:
    from orchestrator.store.store import Store


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
    from orchestrator.store.inbox import post

    console = the_console()
    store = existing_store()
    try:
        name, _, step = target.partition("/")
        run = store.find(name)
        asks = _open_asks(store, run)
        ask = _which(run, step, asks)
        _refuse_late(run, ask)
        picked = _picked(ask, choice) if kind == "approve" else ""
        post(store, run, kind, {"path": ask.path, "choice": picked, "by": _who()})
        console.say(f"{ask.path}: {ask.question}")
        console.say(f"  {_chosen(ask, picked, given=choice is not None)}")
        for text in what_to_do(store, run, asks):
            console.say(text)
    finally:
        store.close()
    return 0


def _chosen(ask: AskOpened, picked: str, *, given: bool) -> str:
    """What was answered, and what else could have been when the first choice was taken unsaid."""
    if not picked:
        return "rejected: the run ends with exit code 3"
    others = [choice for choice in ask.choices if choice != picked]
    if given or not others:
        return f"answered: {picked}"
    return f"answered: {picked} (the first choice; --choice takes another: {', '.join(others)})"


def _open_asks(store: Store, run: str) -> dict[str, AskOpened]:
    """Questions that are neither answered in the log nor in the inbox."""
    from orchestrator.cli.waiting import unanswered
    from orchestrator.state import fold

    asks = fold(event for _, event in store.events(run)).asks
    return {path: asks[path] for path in unanswered(store, run, asks)}


def _which(run: str, step: str, asks: dict[str, AskOpened]) -> AskOpened:
    if not asks:
        raise UsageError(f"run {run} has no open question", hint=f"see what it does: orch show {run}")
    if step in asks:
        return asks[step]
    if not step and len(asks) == 1:
        return next(iter(asks.values()))
    what = f"run {run} does not ask '{step}'" if step else f"run {run} asks {len(asks)} questions"
    raise UsageError(what, hint="say which: " + ", ".join(f"{run}/{path}" for path in list(asks)[:5]))


def _refuse_late(run: str, ask: AskOpened) -> None:
    if ask.deadline is not None and time.time() >= ask.deadline:
        what = f"it takes '{ask.then}'" if ask.then is not None else "it fails"
        raise UsageError(
            f"the question {ask.path} was open until {datetime.fromtimestamp(ask.deadline):%Y-%m-%d %H:%M:%S}",  # noqa: DTZ006
            hint=f"{what} when the run goes on: orch resume {run}",
        )


def _picked(ask: AskOpened, choice: str | None) -> str:
    if choice is None:
        return ask.choices[0]
    if choice not in ask.choices:
        raise UsageError(f"'{choice}' is no choice of {ask.path}", hint=f"choices: {', '.join(ask.choices)}")
    return choice


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"
