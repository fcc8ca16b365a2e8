"""`orch logs`: the events of a run as lines, and live."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.cli.console import Console
from orchestrator.cli.logs import Printer, belongs, print_live
from orchestrator.config import STORE_FILE
from orchestrator.events import StepFinished, decode
from tests.cli.recorded import AT, DONE, FAILED, Shell, a_grouped_run, record, record_all, shell_in
from tests.store.processes import hear, process, talk, write_a_run


@pytest.fixture
def orch(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(project)
    shell = shell_in(project)
    record_all(shell.store)
    yield shell
    shell.store.close()


def test_every_event_is_one_line(orch: Shell) -> None:
    """In order, readable."""
    lines = orch("logs", DONE).stdout.splitlines()

    assert len(lines) == orch.store.run(DONE).events
    assert "started" in lines[0]
    assert (
        "← triage.0  attempt 1: check, 7 tokens, 0.50 s, 14 tok/s (repair: a reply cites a source)"
        in lines[5]
    )
    assert lines[-1].endswith('done  {"urgency": "low"}')


def test_a_container_says_what_it_is_made_of(orch: Shell) -> None:
    """Its value is in the events of its steps, so the line counts them."""
    record(orch.store, "grouped", a_grouped_run())

    text = orch("logs", "grouped").stdout

    assert "✓ handle  2 items\n" in text
    assert "✓ handle.1  2 steps\n" in text
    assert "✓ handle.1.polish  2 passes\n" in text


def test_a_step_is_shown_alone(orch: Shell) -> None:
    """With its items and what is inside them, without its neighbours."""
    assert len(orch("logs", DONE, "triage").stdout.splitlines()) == 9
    assert len(orch("logs", DONE, "triage.1").stdout.splitlines()) == 1
    assert "nothing has happened in 'tri'" in orch("logs", DONE, "tri").stderr


@pytest.mark.parametrize(
    ("path", "step", "inside"),
    [
        ("a", "", True),
        ("", "", True),
        ("", "a", False),
        ("a.1.b~2", "a", True),
        ("a~2.b", "a", True),
        ("ab", "a", False),
    ],
)
def test_what_belongs_to_a_step(path: str, step: str, inside: bool) -> None:
    """Items and passes do, other steps that begin alike do not."""
    assert belongs(path, step) is inside


def test_events_are_lines_of_json(orch: Shell) -> None:
    """They decode to the very events."""
    lines = orch("logs", FAILED, "--events").stdout.splitlines()

    assert [decode(text) for text in lines] == [event for _, event in orch.store.events(FAILED)]
    assert json.loads(lines[0])["kind"] == "run.started"


def test_following_a_live_run_ends_with_it(orch: Shell, project: Path) -> None:
    """Another process writes, this one prints, and says how it ended."""
    with process(write_a_run, project, "live", 50, None, STORE_FILE) as (_, told):
        assert hear(told) == "created"
        result = orch("logs", "live", "-f")

    assert [text for text in result.stdout.splitlines() if "✓" not in text][-1].endswith("done  done")
    assert result.stdout.count("✓") == 50
    assert "run live: done" in result.stderr


def test_following_shows_text_while_it_is_written(orch: Shell, project: Path) -> None:
    """Another process writes token by token; the line stands here before its step has ended."""
    out = io.StringIO()

    async def follow() -> None:
        with process(talk, project, "live", STORE_FILE) as (_, told):
            assert hear(told) == "created"
            printer = Printer(Console(out, io.StringIO()), "", as_json=False)
            following = asyncio.create_task(print_live(orch.store, "live", printer))
            async with asyncio.timeout(60):
                while "time" not in out.getvalue():
                    await asyncio.sleep(0.01)
                told.send("go on")
                await following

    asyncio.run(follow())

    assert "          draft │ Once upon a\n          │ time\n" in out.getvalue()
    assert out.getvalue().rstrip().endswith("done  done")


def test_following_a_run_that_has_ended_prints_it(orch: Shell) -> None:
    """No waiting for more."""
    result = orch("logs", FAILED, "-f")

    assert len(result.stdout.splitlines()) == orch.store.run(FAILED).events
    assert f"run {FAILED}: failed" in result.stderr


def test_text_that_is_being_written_stands_between_the_lines() -> None:
    """Each step's text on lines of its own; an event closes the open one."""
    out = io.StringIO()
    printer = Printer(Console(out, io.StringIO()), "", as_json=False)

    for path, text in (("a", "Hel"), ("a", "lo"), ("b", "x\ny")):
        printer.tokens(path, text)
    printer.event(StepFinished(AT, "b", "x\ny", {}))

    assert out.getvalue().splitlines()[:3] == ["          a │ Hello", "          b │ x", "          b │ y"]
    assert "✓ b" in out.getvalue().splitlines()[3]


def test_controls_in_an_answer_do_not_reach_a_terminal() -> None:
    """What a model writes is shown, never obeyed."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    printer = Printer(Console(out, io.StringIO()), "", as_json=False)

    printer.tokens("a", "\x1b]52;c;ZXZpbA==\x07")
    printer.event(StepFinished(AT, "a\x1b[2J", "\x1b]0;title\x07", {}))

    assert "\x1b" not in out.getvalue()
    assert "\x07" not in out.getvalue()


def test_text_that_comes_after_its_step_has_ended_is_not_shown_again() -> None:
    """It is in the event; a piece that is late would look like a step that writes on."""
    out = io.StringIO()
    printer = Printer(Console(out, io.StringIO()), "", as_json=False)

    printer.event(StepFinished(AT, "a", "all of it", {}))
    printer.tokens("a", " of it")
    printer.end()

    assert "│" not in out.getvalue()
