"""The application as a whole: themes, and how it ends, on a terminal of its own."""

from __future__ import annotations

import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fcntl import ioctl
from pathlib import Path

import pytest

from orch_tui.app import DARK, LIGHT, Screens, chosen_theme, run_screen
from orch_tui.settings import Settings
from orch_tui.text import Styles
from orchestrator.errors import UsageError
from orchestrator.events import StepFinished, StepStarted
from orchestrator.store.journal import StoreJournal
from orchestrator.store.open import open_store
from tests.cli.recorded import AT, DONE, begun
from tests.cli.terminal import CLOSED, OPENED, Terminal
from tests.tui.host import screen
from tests.tui.hostile import record_hostile
from tests.tui.recorded import VARIED, store_in, world
from tests.tui.test_run_screen import read

HOSTILE_RUN = "1123-0700-bad"
SCRIPT = """
import os, sys
from pathlib import Path
from dataclasses import replace
from orch_tui.app import run_screen
from orchestrator.errors import OrchError
from orchestrator.store.open import open_store
from tests.tui.recorded import world

def broken():
    raise ValueError("the clock is broken \\x1b]52;c;Q0FOQVJZ\\x07")

the_world = world(open_store(Path(sys.argv[1])))
if sys.argv[3:] == ["broken"]:
    the_world = replace(the_world, now=broken)
try:
    code = run_screen(the_world, sys.argv[2])
except OrchError as error:
    print("told:", error.message, "|", error.hint, file=sys.stderr)
    code = error.exit_code
sys.exit(code)
"""


@contextmanager
def attached(store: Path, run: str, *more: str, **environ: str) -> Iterator[tuple[Terminal, int]]:
    """The screen on a terminal of 100 by 30, and the id of its process."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(store), run, *more],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "TMPDIR": str(store.parent), **environ},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours), process.pid
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.mark.parametrize(
    ("colors", "theme"),
    [("15;0", DARK), ("0;15", LIGHT), ("0;default;7", LIGHT), ("", DARK), ("12;8", DARK), ("x", DARK)],
)
def test_without_a_theme_the_background_of_the_terminal_decides(colors: str, theme: str) -> None:
    """As far as it tells it; else dark."""
    assert chosen_theme("", {"COLORFGBG": colors}) == theme


def test_the_theme_of_the_settings_comes_first() -> None:
    """Whatever the terminal says."""
    assert chosen_theme("nord", {"COLORFGBG": "0;15"}) == "nord"


def test_a_theme_that_does_not_exist_is_said_before_the_screen_opens(tmp_path: Path) -> None:
    """With the name it is most like."""
    wrong = replace(world(store_in(tmp_path)), settings=Settings(theme="grubox"))

    with pytest.raises(UsageError, match="no theme 'grubox'") as refused:
        run_screen(wrong)

    assert "gruvbox" in refused.value.hint


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "ansi-dark", "ansi-light", "nord"])
async def test_every_theme_shows_a_run(tmp_path: Path, theme: str) -> None:
    """Also those whose colours the terminal decides; what is bad never looks like what is good."""
    app = Screens(replace(world(store_in(tmp_path)), settings=Settings(theme=theme)), VARIED)
    async with app.run_test(size=(100, 30)) as pilot:
        await read(pilot)
        styles = Styles(app.theme_variables)

        assert app.theme == theme
        assert "letter" in screen(app)
        assert styles["bad"].color is not None
        assert styles["bad"].color != styles["good"].color


async def test_without_colour_glyphs_tell_the_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed and what went well differ in more than colour."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = Screens(world(store_in(tmp_path)), VARIED)
    async with app.run_test(size=(100, 30)) as pilot:
        await read(pilot)

        assert app.no_color
        assert "✓" in screen(app)
        assert "✗" in screen(app)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_leaves_with_the_terminal_as_it_was(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """`kill` and a closed window are ways to leave."""
    store_in(tmp_path)
    with attached(tmp_path / "runs.db", DONE) as (terminal, process):
        terminal.wait_for("triage")

        os.kill(process, number)

        assert terminal.end() == code
        assert CLOSED in terminal.seen
        assert "Traceback" not in terminal.seen


def test_a_terminal_that_is_gone_is_left_also_without_a_signal(tmp_path: Path) -> None:
    """As of a shell that had let go of it; it would read the end of its input for ever."""
    store_in(tmp_path)
    with attached(tmp_path / "runs.db", DONE) as (terminal, _):
        terminal.wait_for("triage")

        terminal.vanish()

        assert terminal.end() == 129


@pytest.mark.parametrize("key", ["q", "\x03"])
def test_q_and_ctrl_c_leave_with_the_terminal_as_it_was(tmp_path: Path, key: str) -> None:
    """And with exit code 0: the person has seen enough."""
    store_in(tmp_path)
    with attached(tmp_path / "runs.db", DONE) as (terminal, _):
        terminal.wait_for("triage")

        terminal.type(key)

        assert terminal.end() == 0
        assert terminal.afterwards.strip() == ""


def test_a_defect_is_one_sentence_with_the_details_in_a_file(tmp_path: Path) -> None:
    """No traceback on the terminal, and what the error says is not obeyed; the file has all of it."""
    store_in(tmp_path)
    with attached(tmp_path / "runs.db", DONE, "broken") as (terminal, _):
        code = terminal.end()

    assert code == 1
    assert "the screen stopped by a defect of its own (ValueError" in terminal.afterwards
    assert "Traceback" not in terminal.seen
    assert f"orch tui {DONE}" in terminal.afterwards
    details = next(tmp_path.glob("orch-tui-*.txt"))
    assert "in broken" in details.read_text()
    assert details.stat().st_mode & 0o077 == 0


def test_the_editor_opens_the_step_and_the_screen_comes_back(tmp_path: Path) -> None:
    """At the line of the step, on the whole terminal; then the screen is there as before."""
    workflow, said, vim = tmp_path / "workflow.yaml", tmp_path / "said", tmp_path / "vim"
    workflow.write_text("orch: 1\nsteps:\n  greet:\n    value: hello\n")
    vim.write_text(f'#!/bin/sh\necho "$@" > {said}\n')
    vim.chmod(0o755)
    store = open_store(tmp_path / "runs.db")
    started = replace(begun("r1"), file=str(workflow))
    store.create("r1", started)
    journal = StoreJournal(store, "r1")
    journal.append(StepStarted(AT, "greet", "value"))
    journal.append(StepFinished(AT, "greet", "hello", {}))
    journal.close()

    with attached(tmp_path / "runs.db", "r1", EDITOR=str(vim), VISUAL="") as (terminal, _):
        terminal.wait_for("greet")
        terminal.type("o")
        terminal.wait_for("changed since")
        terminal.type("q")

        assert terminal.end() == 0
    assert said.read_text() == f"+3 {workflow}\n"
    assert terminal.seen.count(OPENED) == 2


def test_a_file_that_is_gone_is_said_and_the_screen_stays(tmp_path: Path) -> None:
    """No editor opens an empty file in its place."""
    store_in(tmp_path)
    with attached(tmp_path / "runs.db", DONE, EDITOR="", VISUAL="") as (terminal, _):
        terminal.wait_for("triage")
        terminal.type("o")
        terminal.wait_for("not there any more")
        terminal.type("q")

        assert terminal.end() == 0


SEQUENCE = re.compile(
    r"\x1b\[[0-9;:?<>=!]*[ $]?[@-~]|\x1b[=>78M]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
OURS = re.compile(
    r"\x1b\[[0-9;]*[mHABCDJK]|\x1b\[[?>=<][0-9;]*\$?[hlpu]|\x1b\[<u|\x1b\[>[0-9]+u|\x1b\]22;[a-z-]+\x07"
)
"""Colours, places, modes, and the shape of the pointer."""


def test_on_a_terminal_only_our_own_sequences_are_written_whatever_the_run_holds(tmp_path: Path) -> None:
    """No title, no clipboard, no link, no string of a device: only colours, places and modes."""
    store = store_in(tmp_path)
    record_hostile(store, HOSTILE_RUN)
    with attached(tmp_path / "runs.db", HOSTILE_RUN) as (terminal, _):
        terminal.wait_for("CANARY")
        for keys in (
            "jjjjG",
            "2",
            "3",
            "4",
            "5",
            "1",
            "\t",
            "G",
            "\x1b",
            "w",
            "T",
            "L",
            "G",
            "t",
            "m",
            "\x1b",
            "s",
        ):
            before = len(terminal.seen)
            terminal.type(keys)
            while len(terminal.seen) == before:
                assert terminal._read()
        terminal.type("\x03")
        terminal.end()

    assert OPENED in terminal.seen
    others = {found for found in SEQUENCE.findall(terminal.seen) if not OURS.fullmatch(found)}
    assert not others
