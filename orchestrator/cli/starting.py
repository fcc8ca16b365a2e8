"""Starts `orch` as a process of its own that outlives this one, and says why it could not begin."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from orchestrator.errors import OrchError, UsageError

if TYPE_CHECKING:
    from orchestrator.cli.console import Console
    from orchestrator.store.store import Store

LOOK = 0.05
"""Seconds between looks whether it has begun."""
SOON = 1.5
"""Seconds in which a command that cannot begin has said so."""
LONG = 15.0
"""Seconds in which a resumed run writes its first event, unless a model is fetched first."""
SAID = 4000
"""Characters of its last words that are kept."""


class Child:
    """A process of our own program, without a terminal and in a session of its own.

    Inside a `with` block it is known what it says to stderr; afterwards nobody reads that any more.
    """

    def __init__(self, arguments: Sequence[str], cwd: Path) -> None:
        said, self._said = tempfile.mkstemp(prefix="orch-")
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                # -P: what lies in the current directory is data and no module of ours
                [sys.executable, "-P", "-m", "orchestrator", *arguments],
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        finally:
            os.close(said)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        Path(self._said).unlink(missing_ok=True)

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    def wait(self, begun: Callable[[], bool], seconds: float | None = None) -> bool:
        """Whether it has begun; False when it ended first, or when the seconds are over."""
        end = None if seconds is None else time.monotonic() + seconds
        while not begun():
            if self.code is not None:
                return begun()
            if end is not None and time.monotonic() >= end:
                return False
            time.sleep(LOOK)
        return True

    def stop(self) -> None:
        """Nobody wants it any more."""
        self._process.terminate()
        self._process.wait()

    def error(self, what: str) -> OrchError:
        """Why it ended, in its own words; `what` is what it was started for."""
        said = Path(self._said).read_text(encoding="utf-8", errors="replace")
        message, hint = last_words(said)
        error = OrchError(f"{what}: {message}" if message else f"{what} (exit code {self.code})", hint=hint)
        error.exit_code = self.code or 1
        return error


def last_words(text: str) -> tuple[str, str]:
    """The error and the hint in what a command said; all of it when it said no such thing."""
    message, hint = "", ""
    for line in text.splitlines():
        if line.startswith("error: "):
            message, hint = line.removeprefix("error: "), ""
        elif line.startswith("hint: ") and message:
            hint = line.removeprefix("hint: ")
    return (message, hint) if message else (text.strip()[-SAID:], "")


def start_run(store: Store, run: str, arguments: Sequence[str], cwd: Path, command: str = "run") -> Child:
    """A new run in a process of its own, under this id; it is recorded on return. Raises OrchError."""
    with Child([command, "--quiet", "--run-id", run, *arguments], cwd) as child:
        try:
            if not child.wait(lambda: store.has(run)):
                raise child.error("the run could not be started")
        except BaseException:
            child.stop()
            raise
    return child


def tell_started(console: Console, run: str, *, as_json: bool) -> None:
    """What `--detach` prints: the id of the run that goes on by itself."""
    if as_json:
        console.json({"run": run, "status": "running"})
    else:
        console.result(run)
    console.say(f"follow it with: orch logs {run} -f, or on a screen: orch tui {run}")


def unseen() -> UsageError:
    """Why a run that goes on by itself does not print its events."""
    return UsageError(
        "--detach and --events exclude each other",
        hint="start it with --detach, then: orch logs last -f --events",
    )


class Starter:
    """`World.start` for the screen: keeps the processes it started, so that those which ended are not left as zombies."""

    def __init__(self, store: Store, cwd: Path, *, soon: float = SOON, long: float = LONG) -> None:
        self._store = store
        self._cwd = cwd
        self._soon = soon
        self._long = long
        self._children: list[Child] = []

    def __call__(self, arguments: Sequence[str], /) -> None:
        """Start `orch ARGUMENTS`. Blocks until it has begun, at most some seconds: call it from a thread.

        Raises OrchError with its own words when it ends at once with an error.
        """
        self._children = self.running
        if arguments[0] == "resume":
            self._resume(arguments[1], arguments)
            return
        with self._child(arguments) as child:
            child.wait(lambda: False, self._soon)
            if child.code:
                raise child.error(f"orch {arguments[0]} failed")

    @property
    def running(self) -> list[Child]:
        """What it started and what has not ended yet."""
        return [child for child in self._children if child.code is None]

    def _resume(self, run: str, arguments: Sequence[str]) -> None:
        """Begun is what has written an event, however soon it ends after that."""
        before = self._store.head(run).count
        with self._child([*arguments, "--quiet"]) as child:
            if not child.wait(lambda: self._store.head(run).count > before, self._long) and child.code:
                raise child.error(f"run {run} does not go on")

    def _child(self, arguments: Sequence[str]) -> Child:
        child = Child(arguments, self._cwd)
        self._children.append(child)
        return child
