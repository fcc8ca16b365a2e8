"""Shows a model being fetched: a bar on a terminal, a line now and then elsewhere. Stderr only."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from orchestrator.cli.console import Console, is_terminal
from orchestrator.safe import safe

if TYPE_CHECKING:
    from orchestrator.providers.model_store import ModelStore, Weights

WIDTH = 24
REFRESH = 0.1
"""Seconds between two drawings of the bar."""
STEP = 25
"""Percent between two plain lines."""


class Download:
    """Progress of one model; use as a context manager, and call it with what happens, bytes done, bytes in all."""

    def __init__(self, name: str, console: Console) -> None:
        self._name = safe(name)
        self._console = console
        self._live = is_terminal(console.err)
        self._what = ""
        self._began = time.monotonic()
        self._drawn = 0.0
        self._step = -1
        self._open = False

    def __call__(self, what: str, done: int, total: int) -> None:
        fresh = what != self._what
        if fresh:
            self._what, self._began, self._step = what, time.monotonic(), -1
        done = min(done, total) if total else done
        if self._live:
            self._draw(done, total, at_once=fresh or done == total)
        else:
            self._line(done, total, fresh=fresh)

    def __enter__(self) -> Download:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open:
            self._console.err.write("\r\x1b[K")
            self._console.err.flush()

    def _draw(self, done: int, total: int, *, at_once: bool) -> None:
        now = time.monotonic()
        if now - self._drawn < REFRESH and not at_once:
            return
        self._drawn, self._open = now, True
        self._console.err.write(f"\r\x1b[K{self._name}  {self._what}{self._bar(done, total, now)}")
        self._console.err.flush()

    def _bar(self, done: int, total: int, now: float) -> str:
        if not total:
            return f"  {megabytes(done)}" if done else " …"
        filled = WIDTH * done // total
        seconds = now - self._began
        rate = f"  {megabytes(int(done / seconds))}/s" if seconds > 1 and self._what == "fetching" else ""
        return f"  {'█' * filled}{'░' * (WIDTH - filled)} {100 * done // total:3d} %  {amount(done, total)}{rate}"

    def _line(self, done: int, total: int, *, fresh: bool) -> None:
        step = 100 * done // total // STEP if total else 0
        if not fresh and (self._what != "fetching" or step <= self._step):
            return
        self._step = step
        size = f" {amount(done, total)}" if total and self._what == "fetching" else ""
        self._console.say(f"{self._name}: {self._what}{size}")


def fetch_missing(references: Iterable[str], store: ModelStore, base: Path, console: Console) -> None:
    """Fetch the weights of every `llamacpp:` reference that is not on this machine yet, and show it.

    Raises ProviderError.
    """
    from orchestrator.providers.model_store import is_path

    for reference in dict.fromkeys(references):
        provider, _, model = reference.partition(":")
        if provider != "llamacpp" or is_path(model) or store.get(model) is not None:
            continue
        with Download(model, console) as progress:
            weights = store.open(model, base, progress)
        console.say(f"{model}: fetched, sha256 checked")
        tell_form(weights, console)


def tell_form(weights: Weights, console: Console) -> None:
    """Say it where another form stands in for the weights that were fetched."""
    form = weights.made
    if form is not None and form.form:
        console.say(
            f"{weights.name}: used as {form.form} ({megabytes(form.bytes)}), made of its {form.origin}: faster here, the "
            f"same weights"
        )


def megabytes(count: int) -> str:
    """Bytes for people: 98 MB, 2.0 GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def amount(done: int, total: int) -> str:
    if total >= 1e9:
        return f"{done / 1e9:.1f} of {total / 1e9:.1f} GB"
    return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB"
