"""The screens a person looks at as pictures that are the same on every machine: which they are, how they are taken."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from textual.pilot import Pilot

from orch_tui.app import Screens
from orch_tui.ports import Machine, Resident, World
from orch_tui.run_screen import RunScreen
from orch_tui.saving import screen_as_svg
from orch_tui.settings import Settings
from orchestrator.store.store import Store
from tests.cli.recorded import record_all
from tests.tui import campaign
from tests.tui.host import screen, until
from tests.tui.picture import Picture, taken_of
from tests.tui.recorded import Started

FOLDER = Path(__file__).parent / "snapshots"
DOCS = Path(__file__).parents[2] / "docs" / "screen.svg"
KEPT = Path(__file__).parents[2] / "build" / "pictures"
"""Where pictures go that are not what they were."""
SIZES = {"80x24": (80, 24), "160x48": (160, 48)}
THEMES = {"dark": "textual-dark", "light": "textual-light"}
GB = 10**9
ALIKE = 20
"""So many looks in a row must show the same, with nothing at work, before a screen counts as finished."""


class Look(NamedTuple):
    """Which keys lead to a screen, and what stands on it only when it is the right one."""

    keys: tuple[str, ...]
    words: str
    in_run: bool = True


LOOKS = {
    "runs": Look((), campaign.RUN, in_run=False),
    "output": Look(("1",), campaign.CHOSEN),
    "prompt": Look(("2",), campaign.CHOSEN),
    "attempts": Look(("3",), campaign.CHOSEN),
    "why": Look(("4",), campaign.CHOSEN),
    "raw": Look(("5",), campaign.CHOSEN),
    "graph": Look(("w",), "choice"),
    "timeline": Look(("T",), campaign.CHOSEN),
    "logs": Look(("L",), "done"),
    "approvals": Look(("i",), "Send 2 replies?", in_run=False),
    "models": Look(("m",), "smollm2-135m"),
}


class Shot(NamedTuple):
    """One screen in one size and one theme."""

    look: str
    size: str
    theme: str

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.look}-{self.size}-{self.theme}.svg"


ALL = [Shot(look, size, theme) for look in LOOKS for size in SIZES for theme in THEMES]


def record(store: Store) -> None:
    """The run of a real model, and short ones that are done, failed and waiting."""
    record_all(store)
    campaign.record(store)


@contextmanager
def everywhere_the_same() -> Iterator[None]:
    """UTC, a terminal with colours, and the folder in which the recorded run's file stands."""
    here, told = Path.cwd(), {"TZ": "UTC", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with mock.patch.dict(os.environ, told):
        for name in ("NO_COLOR", "COLORFGBG"):
            os.environ.pop(name, None)
        time.tzset()
        os.chdir(campaign.FOLDER)
        try:
            yield
        finally:
            os.chdir(here)
    time.tzset()


class Counting(ThreadPoolExecutor):
    """The threads of a loop, which know how many pieces of work are not done."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="pictures")
        self.busy = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.busy += 1
        future = super().submit(fn, *args, **kwargs)
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._done))
        return future

    def _done(self) -> None:
        self.busy -= 1


def world(store: Store, theme: str) -> World:
    """The clock stands still a little after the run, on a machine with one model in it."""
    resident = Resident("smollm2-135m", "llamacpp", "idle", memory=210_000_000, context=8192, slots=4, busy=0)
    machine, settings = Machine(8 * GB, 5 * GB, (resident,)), Settings(theme=THEMES[theme])
    return World(store, Started(), lambda: machine, settings, user="sam", now=lambda: campaign.ENDED + 24)


@contextmanager
def threads() -> Iterator[Counting]:
    """Count what the running loop has its threads do."""
    executor = Counting()
    asyncio.get_running_loop().set_default_executor(executor)
    yield executor


async def taken(store: Store, shot: Shot, wanted: Picture | None = None) -> Picture:
    """The picture: at once when it is the wanted one, else when nothing is at work and nothing changes any more."""
    with everywhere_the_same(), threads() as executor:
        look = LOOKS[shot.look]
        app = Screens(world(store, shot.theme), campaign.RUN if look.in_run else None)
        async with app.run_test(size=SIZES[shot.size]) as pilot:
            await shown(pilot, look)
            return await settled(pilot, executor, wanted)


async def for_the_docs(store: Store) -> str:
    """The picture of README and docs, as the screen saves itself, without the names that follow from its content."""
    with everywhere_the_same(), threads() as executor:
        app = Screens(world(store, "dark"), campaign.RUN)
        async with app.run_test(size=(120, 28)) as pilot:
            await shown(pilot, Look(("3", "d"), campaign.CHOSEN))
            await settled(pilot, executor, None)
            svg = screen_as_svg(app, f"orch: run {campaign.RUN}")
    lines = re.sub(r"terminal-\d+", "screen", svg).splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


async def shown(pilot: Pilot[None], look: Look) -> None:
    """Go where the look is."""
    if look.in_run:
        await _to_the_chosen_step(pilot)
    await pilot.press(*look.keys)
    await until(pilot, lambda: look.words in screen(pilot.app))


async def _to_the_chosen_step(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))
    run = pilot.app.screen
    assert isinstance(run, RunScreen)
    await until(pilot, lambda: run.shown.feed.caught_up and len(run.shown.trace) > 0)
    await pilot.pause()
    run._go_to(run.shown.trace.find(campaign.CHOSEN))
    await until(pilot, lambda: run.path == campaign.CHOSEN)


async def settled(pilot: Pilot[None], executor: Counting, wanted: Picture | None) -> Picture:
    """Looks instead of seconds: on a slow machine each of them takes longer."""
    alike, before = 0, taken_of(pilot.app)
    while before != wanted and alike < ALIKE:
        await pilot.pause(0.03)
        now = taken_of(pilot.app)
        alike, before = (alike + 1 if now == before and not executor.busy else 0), now
    return before
