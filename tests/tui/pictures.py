"""The screens a person looks at as pictures that are the same on every machine: which they are, how they are taken."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from textual.pilot import Pilot

from orch_tui.app import Screens
from orch_tui.ports import Machine, Resident, World
from orch_tui.run_screen import RunScreen
from orch_tui.saving import screen_as_svg
from orch_tui.settings import Settings
from orchestrator.store.store import Store
from tests.cli.recorded import record_all
from tests.tui.campaign import CAMPAIGN, ENDED, REPAIRED, record_campaign
from tests.tui.host import screen, until
from tests.tui.recorded import Started

FOLDER = Path(__file__).parent / "snapshots"
SIZES = {"80x24": (80, 24), "160x48": (160, 48)}
THEMES = ("textual-dark", "textual-light")
GB = 10**9
ALIKE = 8
"""So many looks in a row must show the same before a picture is taken."""
PATIENCE = 100
"""So many looks until it has to be as it is stored."""


class Look(NamedTuple):
    """Which keys lead to a screen, and what stands on it only when all of it is there."""

    keys: tuple[str, ...]
    words: str
    in_run: bool = True


LOOKS = {
    "runs": Look((), CAMPAIGN, in_run=False),
    "output": Look(("1",), REPAIRED),
    "prompt": Look(("2",), REPAIRED),
    "attempts": Look(("3",), REPAIRED),
    "why": Look(("4",), REPAIRED),
    "raw": Look(("5",), REPAIRED),
    "graph": Look(("w",), "choice"),
    "timeline": Look(("T",), REPAIRED),
    "logs": Look(("L",), "done"),
    "approvals": Look(("i",), "Send 2 replies?", in_run=False),
    "models": Look(("m",), "smollm2-135m"),
}


class Picture(NamedTuple):
    """One screen in one size and one theme."""

    look: str
    size: str
    theme: str

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.look}-{self.size}-{self.theme.removeprefix('textual-')}.svg"


ALL = [Picture(look, size, theme) for look in LOOKS for size in SIZES for theme in THEMES]


def record(store: Store) -> None:
    """The run of a real model, and short ones that are done, failed and waiting."""
    record_all(store)
    record_campaign(store)


@contextmanager
def everywhere_the_same() -> Iterator[None]:
    """The clock of the wall is UTC's, and the terminal has colours."""
    before = {name: os.environ.pop(name, None) for name in ("TZ", "NO_COLOR")}
    os.environ["TZ"] = "UTC"
    time.tzset()
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        time.tzset()


@contextmanager
def nothing_moves(store: Store, theme: str) -> Iterator[World]:
    """A world whose clock stands still a little after the run, on a machine with one model in it."""
    resident = Resident("smollm2-135m", "llamacpp", "idle", memory=210_000_000, context=8192, slots=4, busy=0)
    machine = Machine(8 * GB, 5 * GB, (resident,))
    with everywhere_the_same():
        yield World(
            store,
            Started(),
            lambda: machine,
            Settings(theme=theme),
            user="sam",
            now=lambda: ENDED + 24,
        )


async def taken(store: Store, picture: Picture, wanted: str = "") -> str:
    """The picture as SVG: as soon as it is the wanted one, else when nothing changes any more."""
    look = LOOKS[picture.look]
    with nothing_moves(store, picture.theme) as world:
        app = Screens(world, CAMPAIGN if look.in_run else None)
        async with app.run_test(size=SIZES[picture.size], notifications=True) as pilot:
            if look.in_run:
                await _to_the_repaired_step(pilot)
            await pilot.press(*look.keys)
            await until(pilot, lambda: look.words in screen(pilot.app))
            for _ in range(PATIENCE if wanted else 0):
                if picture_of(app) == wanted:
                    return wanted
                await pilot.pause(0.03)
            await _settled(pilot)
            return picture_of(app)


async def _to_the_repaired_step(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))
    run = pilot.app.screen
    assert isinstance(run, RunScreen)
    await until(pilot, lambda: run.shown.feed.caught_up and len(run.shown.trace) > 0)
    await pilot.pause()
    run._go_to(run.shown.trace.find(REPAIRED))
    await until(pilot, lambda: run.path == REPAIRED)


async def _settled(pilot: Pilot[None]) -> None:
    """Wait until the same stands there for a while."""
    alike, before = 0, ""
    for _ in range(200):
        await pilot.pause(0.02)
        now = screen(pilot.app)
        alike, before = (alike + 1 if now == before else 0), now
        if alike >= ALIKE:
            return


def picture_of(app: Screens) -> str:
    """Without the names that Rich derives from the content, and with no space at the end of a line."""
    svg = re.sub(r"terminal-\d+", "screen", screen_as_svg(app, "orch"))
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"
