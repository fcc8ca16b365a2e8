"""The real program in a real terminal multiplexer: keys are typed, the screen is read as a person sees it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.config import STORE, STORE_FILE
from orchestrator.store.open import open_store
from tests.cli.recorded import DONE, record_all

LONGEST = 30.0
"""Seconds after which the test gives up; nothing depends on them."""

pytestmark = pytest.mark.skipif(
    shutil.which("tmux") is None, reason="tmux is not installed here: the same keys are tested in test_tui.py"
)


@dataclass(frozen=True)
class Tmux:
    """A server of its own behind a socket, with one window of 140 by 40."""

    socket: Path

    def __call__(self, *words: str) -> str:
        command = ["tmux", "-S", str(self.socket), "-f", "/dev/null", *words]
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TMUX_TMPDIR": str(self.socket.parent)}
        return subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=LONGEST,
            env=environment,
        ).stdout

    def press(self, *keys: str) -> None:
        self("send-keys", "-t", "screen", *keys)

    @property
    def screen(self) -> str:
        return self("capture-pane", "-p", "-t", "screen")

    def read(self, *words: str) -> str:
        """The screen as soon as all of this stands on it."""
        until = time.monotonic() + LONGEST
        while not all(word in (screen := self.screen) for word in words):
            assert time.monotonic() < until, f"no {words} on:\n{screen}"
            time.sleep(0.05)
        return screen


@pytest.fixture
def tmux(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tmux]:
    tmux = Tmux(tmp_path_factory.mktemp("t") / "s")  # the path of a socket may have about 100 characters
    yield tmux
    subprocess.run(["tmux", "-S", str(tmux.socket), "kill-server"], capture_output=True, check=False)


def contents(project: Path) -> tuple[object, list[object]]:
    """All that is recorded of the run."""
    store = open_store(project / STORE / STORE_FILE)
    try:
        return store.run(DONE), list(store.events(DONE))
    finally:
        store.close()


def test_in_a_terminal_keys_lead_from_the_runs_to_a_prompt_and_out_again(tmux: Tmux, project: Path) -> None:
    """List, trace, the second tab, leave: the shell is back with exit code 0, and the record is as it was."""
    store = open_store(project / STORE / STORE_FILE)
    record_all(store)
    store.close()
    before = contents(project)
    environment = {"PATH": os.environ["PATH"], "ORCH_HOME": str(project / "home"), "COLORTERM": "truecolor"}
    settings = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
    tmux("new-session", "-d", "-s", "screen", "-x", "140", "-y", "40", "-c", str(project), *settings, "sh")
    command = shlex.join([sys.executable, "-m", "orchestrator", "tui"])
    tmux.press(f"{command}; echo ended with $?", "Enter")

    tmux.read(DONE, "failed", "waiting")
    tmux.press("G")
    tmux.press("Enter")
    trace = tmux.read("triage", "Output", "Prompt")
    tmux.press("l", "j", "2")
    prompt = tmux.read("You sort tickets.")
    tmux.press("q")
    shell = tmux.read("ended with 0")

    assert "You sort tickets." not in trace
    assert "Ticket: help" in prompt
    assert "triage" not in shell
    assert contents(project) == before
