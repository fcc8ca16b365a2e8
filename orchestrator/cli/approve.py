"""`orch approve` and `orch reject`: answer what a run asks, from any shell. `orch resume` then goes on."""

from __future__ import annotations

import getpass
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
    from orchestrator.cli.wiring import existing_store
    from orchestrator.store.inbox import post
    from orchestrator.store.lease import owner_alive

    console = the_console()
    store = existing_store()
    try:
        name, _, step = target.partition("/")
        run = store.find(name)
        ask = _which(run, step, _open_asks(store, run))
        picked = _picked(ask, choice) if kind == "approve" else ""
        post(store, run, kind, {"path": ask.path, "choice": picked, "by": _who()})
        console.say(f"{ask.path}: {picked or 'rejected'}")
        if not owner_alive(store, run):
            console.say(f"go on with: orch resume {run}")
    finally:
        store.close()
    return 0


def _open_asks(store: Store, run: str) -> dict[str, AskOpened]:
    """Questions that are neither answered in the log nor in the inbox."""
    from orchestrator.state import fold
    from orchestrator.store.inbox import take

    state = fold(event for _, event in store.events(run))
    given = {row.payload.get("path") for row in take(store, run) if row.kind in ("approve", "reject")}
    return {path: ask for path, ask in state.asks.items() if path not in given}


def _which(run: str, step: str, asks: dict[str, AskOpened]) -> AskOpened:
    if not asks:
        raise UsageError(f"run {run} has no open question", hint=f"see what it does: orch show {run}")
    if step in asks:
        return asks[step]
    if not step and len(asks) == 1:
        return next(iter(asks.values()))
    what = f"run {run} does not ask '{step}'" if step else f"run {run} asks {len(asks)} questions"
    raise UsageError(what, hint="say which: " + ", ".join(f"{run}/{path}" for path in list(asks)[:5]))


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
