"""`orch tui` and `orch run --tui`: when the screen opens, when it cannot, and what is said afterwards."""

from __future__ import annotations

import io
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from orch_tui.settings import Settings
from orchestrator.cli.afterwards import how_it_stands
from orchestrator.cli.console import Console
from orchestrator.cli.starting import Starter
from orchestrator.cli.tui import settings_for, the_world
from orchestrator.config import Config
from orchestrator.errors import UsageError
from orchestrator.events import Event, RunFailed, RunInterrupted
from orchestrator.store.answers import approve
from orchestrator.store.lease import Lease
from tests.cli.recorded import AT, DONE, FAILED, WAITING, Shell, record, record_all, shell_in
from tests.cli.terminal import OPENED, terminal

HEAD = """
orch: 1
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny}}
"""
LETTER = "steps: {letter: {agent: writer, prompt: write}}\n"
ASK = "steps: {ok: {ask: Send?, choices: [send, drop]}}\n"
SLOW = "steps: {letter: {agent: writer, prompt: slow}}\n"
WRONG = "steps: {letter: {agent: writer, prompt: nothing fits}}\n"


@pytest.fixture
def orch(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(project)
    shell = shell_in(project)
    yield shell
    shell.store.close()


def write(project: Path, steps: str) -> None:
    answers = "- {match: slow, text: late, delay: 60s}\n- {match: write, text: a letter}\n"
    (project / "answers.yaml").write_text(answers, encoding="utf-8")
    (project / "w.yaml").write_text(HEAD + steps, encoding="utf-8")


def config_at(home: Path, settings: str = "") -> Config:
    home.mkdir(exist_ok=True)
    (home / "config.yaml").write_text(settings, encoding="utf-8")
    return Config.from_environment({"ORCH_HOME": str(home)}, home)


# ------------------------------------------------------------------------------------------ when it opens


def test_without_a_terminal_the_log_is_named(orch: Shell) -> None:
    """A pipe cannot show a screen; somebody who follows a run wants its log."""
    assert "orch logs RUN -f" in orch("tui", code=2).stderr
    assert "orch logs last -f" in orch("tui", "last", code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "settings", "term", "code", "words"),
    [
        ((), "", "dumb", 2, "TERM is 'dumb'"),
        (("--replay",), "", "xterm", 2, "orch tui RUN --replay"),
        (("nope", "--replay"), "", "xterm", 2, "there is no run"),
        (("nope",), "", "xterm", 2, "there is no run"),
        (("--theme", "nrod"), "", "xterm", 2, "did you mean 'nord'?"),
        ((), "tui: {theme: nrod}", "xterm", 2, "did you mean 'nord'?"),
        ((), "tui: {mice: false}", "xterm", 2, "config.yaml:1:7"),
    ],
)
def test_what_keeps_the_screen_from_opening_is_said_before(
    orch: Shell, tmp_path: Path, arguments: Sequence[str], settings: str, term: str, code: int, words: str
) -> None:
    """On the terminal as it is, with the exit code of a wrong command line."""
    record_all(orch.store)
    config_at(tmp_path / "home", settings)

    with terminal(Path.cwd(), "tui", *arguments, ORCH_HOME=str(tmp_path / "home"), TERM=term) as screen:
        assert screen.end() == code

    assert words in screen.seen
    assert OPENED not in screen.seen


def test_a_store_of_a_newer_version_is_no_screen(orch: Shell, project: Path) -> None:
    """The same sentence as everywhere else."""
    with closing(sqlite3.connect(project / ".orch" / "store.db")) as database:
        database.execute("UPDATE meta SET value = '99' WHERE key = 'version'")
        database.commit()

    with terminal(project, "tui") as screen:
        assert screen.end() == 1

    assert "newer orch" in screen.seen
    assert OPENED not in screen.seen


@pytest.mark.parametrize("arguments", [(), ("last",)])
def test_the_screen_opens_and_gives_the_terminal_back(
    orch: Shell, project: Path, arguments: Sequence[str]
) -> None:
    """On the list of runs, or on one run."""
    record_all(orch.store)

    with terminal(project, "tui", *arguments) as screen:
        screen.wait_for(WAITING if arguments else DONE)
        screen.type("q")
        assert screen.end() == 0

    assert screen.afterwards.strip() == ""


def test_a_recorded_run_is_replayed(orch: Shell, project: Path) -> None:
    """Its own bar says so; leaving it is like leaving any screen."""
    record_all(orch.store)

    with terminal(project, "tui", DONE, "--replay") as screen:
        screen.wait_for("replay: ")
        screen.type("q")
        assert screen.end() == 0

    assert screen.afterwards.strip() == ""


@pytest.mark.parametrize("arguments", [(), ("--web",)])
def test_a_run_that_is_being_executed_is_not_replayed(
    orch: Shell, project: Path, arguments: Sequence[str]
) -> None:
    """It is said how to watch it, before a screen or a page is opened."""
    record(orch.store, "1123-0700-ggg", [], AT + 500)

    with (
        Lease.acquire(orch.store, "1123-0700-ggg"),
        terminal(project, "tui", "1123-0700-ggg", "--replay", *arguments) as screen,
    ):
        assert screen.end() == 2

    assert "cannot be replayed yet" in screen.seen
    assert "watch it live: orch tui 1123-0700-ggg" in screen.seen
    assert OPENED not in screen.seen


def test_a_project_without_runs_opens_too(project: Path) -> None:
    """A run that is started elsewhere can appear in it: the store is made."""
    with terminal(project, "tui") as screen:
        screen.wait_for(OPENED)
        screen.type("q")
        assert screen.end() == 0

    assert (project / ".orch" / "store.db").exists()


def test_the_command_line_is_stronger_than_the_file(tmp_path: Path) -> None:
    """What neither says is as it comes."""
    config = config_at(tmp_path, "tui: {theme: nord, mouse: true}")

    assert settings_for(config) == Settings("nord")
    assert settings_for(config, theme="gruvbox", mouse=False) == Settings("gruvbox", mouse=False)
    with pytest.raises(UsageError, match="no theme 'x'"):
        settings_for(config, theme="x")


def test_the_screen_reaches_processes_and_the_machine_through_its_world(orch: Shell, project: Path) -> None:
    """It answers a question, and starts the process that goes on with the run."""
    write(project, ASK)
    orch("run", "w.yaml", "-q", code=7)
    run = orch.store.find("last")
    world = the_world(Config.from_environment(os.environ, project), orch.store, Settings())

    approve(world.store, run, "", "drop", world.user)
    world.start(["resume", run])
    assert isinstance(world.start, Starter)
    until(lambda: not world.start.running)

    assert orch.store.run(run).status == "done"
    assert world.user
    assert world.machine().memory_total > 0


def until(true: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


# ------------------------------------------------------------------------------------------- run --tui


def test_a_run_is_watched_and_its_result_stands_behind_the_screen(project: Path) -> None:
    """As a plain run prints it."""
    write(project, LETTER)

    with terminal(project, "run", "w.yaml", "--tui") as screen:
        screen.wait_for("letter")
        wait_for_the_end(project)
        screen.type("q")
        assert screen.end() == 0

    assert screen.afterwards.strip() == "a letter"


@pytest.mark.parametrize(
    ("steps", "code", "words"), [(ASK, 7, "orch approve"), (WRONG, 1, "see it with: orch show")]
)
def test_a_run_that_is_not_done_says_what_to_do(project: Path, steps: str, code: int, words: str) -> None:
    """With the exit code that a plain run has."""
    write(project, steps)

    with terminal(project, "run", "w.yaml", "--tui") as screen:
        screen.wait_for(OPENED)
        wait_for_the_end(project)
        screen.type("q")
        assert screen.end() == code

    assert words in screen.afterwards


def test_leaving_the_screen_harms_no_run(project: Path) -> None:
    """It goes on, and the way back is said."""
    write(project, SLOW)

    with terminal(project, "run", "w.yaml", "--tui") as screen:
        screen.wait_for(OPENED)
        screen.type("q")
        assert screen.end() == 0

    shell = shell_in(project)
    run = shell.store.run(shell.store.find("last"))
    assert f"run {run.id} goes on; look again with: orch tui {run.id}" in screen.afterwards
    assert run.status == "running"
    stop(shell, project)


def stop(shell: Shell, project: Path) -> None:
    """End the run that a test left."""
    run = shell.store.find("last")
    with terminal(project, "cancel", run) as cancelling:
        assert cancelling.end() == 0
    until(lambda: shell.store.run(run).status == "cancelled")
    shell.store.close()


def wait_for_the_end(project: Path) -> None:
    """The run has its last event and no process any more."""
    shell = shell_in(project)
    until(lambda: shell.store.runs() and shell.store.runs()[0].status not in ("running", "interrupted"))
    shell.store.close()


def test_what_is_wrong_is_said_before_the_screen_opens(project: Path) -> None:
    """A wrong file, a wrong input, a missing key: no run is recorded."""
    write(project, LETTER)
    cloud = "orch: 1\nmodels: {big: groq:x}\nsteps: {letter: {agent: creative, model: big, prompt: write}}\n"
    (project / "cloud.yaml").write_text(cloud, encoding="utf-8")
    (project / "wrong.yaml").write_text("orch: 1\nstps: 3\n", encoding="utf-8")

    for arguments, code in ((("wrong.yaml",), 2), (("w.yaml", "-i", "x=1"), 2), (("cloud.yaml",), 4)):
        with terminal(project, "run", *arguments, "--tui") as screen:
            assert screen.end() == code, screen.seen
        assert "error" in screen.seen
        assert OPENED not in screen.seen

    shell = shell_in(project)
    assert shell.store.runs() == []
    shell.store.close()


@pytest.mark.parametrize("option", ["--json", "--events", "--quiet", "--detach"])
def test_a_screen_and_another_output_exclude_each_other(orch: Shell, project: Path, option: str) -> None:
    """Nothing is run."""
    write(project, LETTER)

    assert f"--tui and {option} exclude each other" in orch("run", "w.yaml", "--tui", option, code=2).stderr
    assert orch.store.runs() == []


def test_without_a_terminal_a_run_is_told_as_ever(orch: Shell, project: Path) -> None:
    """The result is what counts."""
    write(project, LETTER)

    done = orch("run", "w.yaml", "--tui")

    assert done.stdout == "a letter\n"
    assert "progress is told in lines" in done.stderr


# ----------------------------------------------------------------------------------------- how it stands


def said(shell: Shell, run: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return how_it_stands(shell.store, run, Console(out, err)), out.getvalue(), err.getvalue()


def test_how_a_run_stands_is_told_by_its_status(orch: Shell) -> None:
    """The result on stdout, everything else beside it; the exit code is the run's."""
    rejected: list[Event] = [RunFailed(AT, "ok", "OrchError", "ok was rejected by ann", "", 3)]
    record_all(orch.store)
    record(orch.store, "rejected", rejected)
    record(orch.store, "stopped", [RunInterrupted(AT, "Ctrl-C")])
    record(orch.store, "cancelled", [RunInterrupted(AT, "ann", cancelled=True)])
    record(orch.store, "alive", [])

    assert said(orch, DONE)[:2] == (0, "urgency: low\n")
    assert said(orch, FAILED)[0] == 1
    assert "a reply cites a source" in said(orch, FAILED)[2]
    assert said(orch, WAITING)[0] == 7
    assert f"orch approve {WAITING}/approve" in said(orch, WAITING)[2]
    assert said(orch, "rejected")[0] == 3
    assert said(orch, "stopped") == (
        130,
        "",
        "everything finished is kept; go on with: orch resume stopped\n",
    )
    assert said(orch, "cancelled")[0] == 130
    with Lease.acquire(orch.store, "alive"):
        assert said(orch, "alive") == (0, "", "run alive goes on; look again with: orch tui alive\n")
