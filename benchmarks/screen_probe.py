"""Runs a screen and writes down what cannot be seen from outside: a line for every frame it draws.

`python -m benchmarks.screen_probe FRAMES tui RUN` is `orch tui RUN`; without a command it shows nothing, ten times a
second: the least that an application of this kind costs. A frame's CPU time is all that the thread of the event loop spent
since the frame before: taking news in, keys, layout, drawing. What threads beside it spend is not in it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from textual.app import App, ComposeResult
from textual.scroll_view import ScrollView
from textual.strip import Strip

WRITTEN = 0.5
"""Seconds after which the frames recorded so far can be read."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A line of the record, as a list. `at` is monotonic, `cpu` in seconds since the frame before. `events` were taken in so far; `actions` done."""

    at: float
    cpu: float
    events: int
    caught_up: bool
    actions: int


class Recorder:
    """Writes each frame when it has been handed to the terminal."""

    def __init__(self, to: IO[str]) -> None:
        self._to = to
        self._flushed = 0.0
        self._spent = time.thread_time()
        self.actions = 0

    def drawn(self, app: App[Any]) -> None:
        shown = getattr(app.screen, "shown", None)
        feed = getattr(shown, "feed", None)
        events = feed.trace.state.events if feed is not None else 0
        caught_up = feed is None or feed.caught_up
        spent = time.thread_time()
        now = time.monotonic()
        frame = (now, spent - self._spent, events, caught_up, self.actions)
        self._to.write(json.dumps(frame) + "\n")
        if now - self._flushed > WRITTEN:
            self._to.flush()
            self._flushed = now
        self._spent = time.thread_time()


@contextmanager
def recorded(to: IO[str]) -> Iterator[None]:
    """Every application of Textual that runs inside the block is watched where it hands frames to the terminal."""
    recorder = Recorder(to)
    display, run_action = App._display, App.run_action

    def displayed(app: App[Any], screen: Any, renderable: Any) -> None:
        display(app, screen, renderable)
        if renderable is not None:
            recorder.drawn(app)

    async def acted(app: App[Any], *arguments: Any, **named: Any) -> bool:
        done = await run_action(app, *arguments, **named)
        recorder.actions += 1
        return done

    watched: Any = App
    watched._display, watched.run_action = displayed, acted
    try:
        yield
    finally:
        watched._display, watched.run_action = display, run_action


class Nothing(ScrollView):
    """An empty list, drawn ten times a second."""

    def on_mount(self) -> None:
        self.set_interval(0.1, self.refresh)

    def render_line(self, y: int) -> Strip:  # noqa: ARG002
        return Strip.blank(self.size.width, self.rich_style)


class Bare(App[None]):
    BINDINGS = [("q", "quit", "Quit")]  # noqa: RUF012 - as Textual's own applications have it

    def compose(self) -> ComposeResult:
        yield Nothing()


def main() -> int:
    frames, *arguments = sys.argv[1:]
    with Path(frames).open("w", encoding="utf-8") as to, recorded(to):
        if not arguments:
            Bare().run()
            return 0
        from orchestrator.cli.main import main as orch

        sys.argv[1:] = arguments
        return orch()


if __name__ == "__main__":
    sys.exit(main())
