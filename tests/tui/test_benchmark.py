"""The measuring of the screen measures what it says: a long run, a pseudo-terminal, frames written down."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.screen_probe import Frame
from benchmarks.screen_pty import COLUMNS, LINES, Terminal
from benchmarks.screen_run import record
from orchestrator.state import fold
from orchestrator.store.open import Store, open_store

ROOT = Path(__file__).parents[2]
RUN = "1123-0645-k7q"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "store.db")
    yield opened
    opened.close()


def started(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def frames(written: Path) -> list[Frame]:
    whole = written.read_text(encoding="utf-8").rpartition("\n")[0]
    return [Frame(*json.loads(line)) for line in whole.splitlines()]


def test_the_recorded_run_has_as_many_steps_as_were_asked_for(store: Store) -> None:
    """The figures speak of that many, some of them failed, some with several attempts, and the run goes on."""
    events = record(store, RUN, 1000)

    state = fold(event for _, event in store.events(RUN))

    assert (state.events, len(state.spans), state.status) == (events, 1000, "running")
    assert {span.status for span in state.spans.values()} == {"running", "done", "failed"}
    assert any(span.attempts == 2 for span in state.spans.values())
    assert store.verify(RUN) == []


def test_the_owner_goes_on_where_the_record_ends(store: Store) -> None:
    """It holds the lease, no step begins twice, and it ends when its input is closed."""
    recorded = record(store, RUN, 100)
    command = started("benchmarks.screen_run", store.where, RUN, 500)

    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "started\n"
        live = store.run(RUN).live
        until = time.monotonic() + 60
        while store.head(RUN).count == recorded and time.monotonic() < until:
            time.sleep(0.01)
        told, _ = owner.communicate()

    begun = [event.path for _, event in store.events(RUN) if event.kind == "step.started"]
    assert live
    assert int(told) == store.head(RUN).count > recorded
    assert len(begun) == len(set(begun))


def test_a_program_in_the_terminal_has_its_size_and_is_read_without_its_controls(tmp_path: Path) -> None:
    """What is looked for is the text that stands there, whatever its colours."""
    code = "import os, sys; print('\\x1b[1;31msize', *os.get_terminal_size(), '\\x1b[0m'); input()"

    with Terminal([sys.executable, "-c", code], cwd=tmp_path, environ=os.environ) as terminal:
        terminal.wait_for(f"size {COLUMNS} {LINES}")
        terminal.end("\n")

    assert terminal.process.returncode == 0


def test_the_screen_is_seen_in_the_terminal_and_its_frames_are_written_down(
    store: Store, tmp_path: Path
) -> None:
    """The run and its steps appear; frames stand for the whole record and for the key that was pressed."""
    recorded = record(store, RUN, 100)
    written = tmp_path / "frames.jsonl"
    command = started("benchmarks.screen_probe", written, "tui", RUN)
    environ = {**os.environ, "ORCH_DATABASE_URL": f"sqlite:///{store.where}", "ORCH_HOME": str(tmp_path)}

    with Terminal(command, cwd=ROOT, environ=environ) as terminal:
        terminal.wait_for(RUN, "gather", "triage")
        until = time.monotonic() + 60
        for key in itertools.cycle(
            "jk"
        ):  # each draws a frame, and what was drawn before is written down with it
            terminal.send(key)
            time.sleep(0.1)
            drawn = frames(written)
            if any(frame.caught_up and frame.actions for frame in drawn) or time.monotonic() > until:
                break
        terminal.end("q")

    drawn = frames(written)
    assert max(frame.events for frame in drawn) == recorded
    assert any(frame.caught_up and frame.actions for frame in drawn)
