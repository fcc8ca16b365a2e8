"""What a person sees on stderr while a run goes on: one line per finished step and, on a terminal, what runs now.

Fed with committed events and live tokens, from any thread. Knows no engine and no store.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from orchestrator.cli.console import Console, is_terminal, paint
from orchestrator.cli.region import Region
from orchestrator.cli.story import Story
from orchestrator.events import Event
from orchestrator.report.rate import Rate
from orchestrator.report.summary import Summary, sentence
from orchestrator.safe import safe, tail

HERTZ = 10
SHOWN = 4  # running steps named at once


class Progress(Protocol):
    """What the commands feed. `summary` is the fold of what was seen so far."""

    @property
    def summary(self) -> Summary: ...

    def feed(self, seq: int, event: Event) -> None:
        """A committed event."""
        ...

    def recall(self, events: Iterable[tuple[int, Event]]) -> None:
        """What happened before this process went on with the run; nothing of it is shown."""
        ...

    def tokens(self, path: str, text: str) -> None:
        """A piece of an answer that is being written."""
        ...

    def away(self) -> AbstractContextManager[None]:
        """A context in which the terminal belongs to somebody else (a question, streamed output)."""
        ...

    def close(self) -> None:
        """Take the live lines away; what was printed stays."""
        ...


def progress(
    console: Console, *, quiet: bool = False, story: Story | None = None
) -> PlainProgress | LiveProgress:
    """The right kind for where stderr goes. `story` knows what happened before this process took the run up."""
    if not quiet and is_terminal(console.err):
        return LiveProgress(console, story=story)
    return PlainProgress(console, quiet=quiet, story=story)


class PlainProgress:
    """Lines only: for files, pipes and continuous integration."""

    def __init__(self, console: Console, *, quiet: bool = False, story: Story | None = None) -> None:
        self._console = console
        self._quiet = quiet
        self._story = story or Story()

    @property
    def summary(self) -> Summary:
        return self._story.summary

    def feed(self, seq: int, event: Event) -> None:
        for text, style in self._story.tell(event, seq):
            if not self._quiet:
                self._console.say(text, *style)

    def recall(self, events: Iterable[tuple[int, Event]]) -> None:
        self._story.recall(events)

    def tokens(self, path: str, text: str) -> None:
        """A file has no use for half an answer."""

    @contextmanager
    def away(self) -> Iterator[None]:
        yield

    def close(self) -> None:
        pass


class LiveProgress:
    """Lines, and below them what runs now, drawn again at most ten times a second."""

    def __init__(
        self,
        console: Console,
        *,
        clock: Callable[[], float] = time.time,
        columns: Callable[[], int] | None = None,
        ticking: bool = True,
        story: Story | None = None,
    ) -> None:
        self._console = console
        self._clock = clock
        self._region = Region(console.err, columns)
        self._story = story or Story()
        self._rate = Rate(clock)
        self._texts: dict[str, str] = {}
        self._drawn = float("-inf")
        self._away = 0
        self._lock = threading.RLock()
        self._closed = threading.Event()
        if ticking:
            threading.Thread(target=self._tick, name="progress", daemon=True).start()

    @property
    def summary(self) -> Summary:
        return self._story.summary

    def feed(self, seq: int, event: Event) -> None:
        with self._lock:
            for text, style in self._story.tell(event, seq):
                line = safe(text)
                self._region.print(paint(line, *style) if self._console.color_err and style else line)
            self._texts.pop(self._story.ended(event), None)
            self._draw()

    def recall(self, events: Iterable[tuple[int, Event]]) -> None:
        with self._lock:
            self._story.recall(events)

    def tokens(self, path: str, text: str) -> None:
        with self._lock:
            self._rate.add()
            self._texts[path] = (self._texts.get(path, "") + text)[-400:]
            self._draw()

    @contextmanager
    def away(self) -> Iterator[None]:
        with self._lock:
            self._away += 1
            self._region.clear()
        try:
            yield
        finally:
            with self._lock:
                self._away -= 1

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            self._region.clear()

    def _tick(self) -> None:
        while not self._closed.wait(1 / HERTZ):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        now = self._clock()
        if self._away or self._closed.is_set() or now - self._drawn < 1 / HERTZ:
            return
        self._drawn = now
        self._region.draw(self._lines(now))

    def _lines(self, now: float) -> list[str]:
        lines = [safe(self._story.headline(now, self._rate.per_second()))]
        width = self._region.columns
        for span, text in self._story.running(now, SHOWN):
            room = max(0, width - len(text) - 6)
            written = " ".join(safe(self._texts.get(span, "")).split())
            lines.append(f"  {safe(text)}  {tail(written, room)}".rstrip())
        return lines


def conclude(shown: Progress, console: Console, money: str = "") -> None:
    """The last line: how the run ended and what it took. `money` says what it cost."""
    shown.close()
    style = {"done": ("green",), "failed": ("red",)}.get(shown.summary.status, ("yellow",))
    console.say(" · ".join(part for part in (sentence(shown.summary), money) if part), *style)
