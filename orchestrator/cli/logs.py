"""`orch logs`: what happened in a run, one line per event; with -f live, tokens included, until it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from orchestrator.cli import complete
from orchestrator.cli.console import Console, the_console
from orchestrator.cli.region import terminal_width
from orchestrator.cli.whole import warn_damaged
from orchestrator.cli.writing import Writing
from orchestrator.events import AttemptFinished, Event, StepFailed, StepFinished, StepStarted, encode
from orchestrator.report.lines import line
from orchestrator.report.values import Sizes

if TYPE_CHECKING:
    from orchestrator.store.store import Store


@click.command()
@click.argument("run", shell_complete=complete.runs)
@click.argument("step", required=False, default="")
@click.option(
    "-f", "--follow", is_flag=True, help="Go on until the run ends, and show text while it is written."
)
@click.option("--events", "--json", "as_json", is_flag=True, help="Print each event as a line of JSON.")
def command(run: str, step: str, follow: bool, as_json: bool) -> None:
    """Print what happens in RUN (an id, its beginning, or `last`), or in one STEP of it and its items."""
    from orchestrator.cli.wiring import existing_store

    console = the_console()
    store = existing_store()
    try:
        found = store.find(run)
        warn_damaged(console, store, found)
        printer = Printer(console, step, as_json=as_json)
        if follow:
            asyncio.run(print_live(store, found, printer))
            _say_how_it_stands(store, found, console)
        else:
            for _, event in store.events(found):
                printer.event(event)
        if step and not printer.shown:
            console.say(f"nothing has happened in '{step}' of run {found}; its steps: orch show {found}")
    finally:
        store.close()


def _say_how_it_stands(store: Store, run: str, console: Console) -> None:
    """The status after the last event; of a waiting run what it asks and how to answer."""
    status = store.run(run).status
    console.say(f"run {run}: {status}")
    if status == "waiting":
        from orchestrator.cli.waiting import what_to_do

        for text in what_to_do(store, run):
            console.say(text)


class Printer:
    """Events as lines, and pieces of text in between. `step` limits both to a step and what is inside it."""

    def __init__(
        self, console: Console, step: str, *, as_json: bool, columns: Callable[[], int] | None = None
    ) -> None:
        self.shown = 0
        self._console = console
        self._step = step
        self._as_json = as_json
        self._sizes = Sizes()
        self._writing = Writing(console.piece, columns or (lambda: terminal_width(console.out)))
        self._over: set[str] = set()
        """Steps that have ended: the pieces of their text that come late are in the event."""

    def event(self, event: Event) -> None:
        path = getattr(event, "path", "")
        if not belongs(path, self._step):
            return
        self.shown += 1
        if self._as_json:
            self._console.out.write(encode(event) + "\n")
        else:
            self._line(event, path)
        self._console.out.flush()

    def tokens(self, path: str, text: str) -> None:
        if not self._as_json and belongs(path, self._step) and path not in self._over:
            self._writing.piece(path, text)

    def end(self) -> None:
        """Nothing more will come."""
        self._writing.end()

    def _line(self, event: Event, path: str) -> None:
        if isinstance(event, AttemptFinished | StepFinished | StepFailed):
            self._writing.ended(path)
        if isinstance(event, StepFinished | StepFailed):
            self._over.add(path)
        elif isinstance(event, StepStarted):
            self._over.discard(path)
        self._writing.close()
        self._sizes.add(event)
        self._console.view(line(event, self._sizes.of(path)))


def belongs(path: str, step: str) -> bool:
    """Whether `path` is the step, one of its items or passes, or inside it; every path belongs to ''."""
    return not step or path == step or path.startswith((step + ".", step + "~"))


async def print_live(store: Store, run: str, printer: Printer) -> None:
    """Print events as they are committed and text as it is written, until nobody executes the run."""
    watcher = asyncio.create_task(_watch(store, run, printer))
    try:
        async for page in store.follow(run):
            for _, event in page:
                printer.event(event)
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
        printer.end()


async def _watch(store: Store, run: str, printer: Printer) -> None:
    from orchestrator.store.live import watch

    async for path, text in watch(store, run):
        printer.tokens(path, text)
