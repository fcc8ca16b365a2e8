"""`orch approve` and `orch reject`: questions, choices and what was answered, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.cli.waiting import ask_lines, waiting_lines
from orchestrator.events import AskOpened
from orchestrator.store.inbox import take
from orchestrator.store.lease import Lease
from tests.cli.recorded import AT, DONE, WAITING, Shell, a_waiting_run, record, record_all, shell_in

ASK = AskOpened(AT, "ok", "Send it?", None, ("send", "not now"), None, None)


@pytest.fixture
def orch(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(project)
    shell = shell_in(project)
    record_all(shell.store)
    yield shell
    shell.store.close()


def test_a_waiting_run_is_told_with_a_command_for_every_choice() -> None:
    """Nobody has to look up what can be answered; words with blanks are quoted for the shell."""
    assert waiting_lines("r1", {"ok": ASK}) == [
        "run r1 waits for an answer:",
        "  ? ok: Send it?",
        "    send          orch approve r1/ok --choice send",
        "    not now       orch approve r1/ok --choice 'not now'",
        "    stop the run  orch reject r1/ok",
        "then go on with: orch resume r1",
    ]


def test_what_is_asked_about_can_be_read_first() -> None:
    """`show` may be long: the line says where it stands."""
    assert "    to read first: orch show r1 ok" in waiting_lines("r1", {"ok": replace(ASK, show={"n": 2})})


def test_of_many_questions_the_first_are_told() -> None:
    """The rest is counted."""
    asks = {f"ok.{number}": replace(ASK, path=f"ok.{number}") for number in range(12)}

    lines = waiting_lines("r1", asks)

    assert lines[0] == "run r1 waits for 12 answers:"
    assert sum("?" in line for line in lines) == 5
    assert "  and 7 more: orch show r1" in lines


def test_approving_shows_the_question_and_what_was_chosen(orch: Shell) -> None:
    """And how to take the other choice, when none was named; then the command to go on."""
    text = orch("approve", WAITING).stderr

    assert "approve: Send 2 replies?" in text
    assert "answered: send (the first choice; --choice takes another: drop)" in text
    assert f"run {WAITING} is answered; go on with: orch resume {WAITING}" in text
    assert take(orch.store, WAITING)[0].payload["choice"] == "send"


def test_a_named_choice_is_said_as_it_is(orch: Shell) -> None:
    """Nothing about others."""
    assert "  answered: drop\n" in orch("approve", WAITING, "--choice", "drop").stderr


def test_rejecting_says_what_becomes_of_the_run(orch: Shell) -> None:
    """It ends when it goes on, and until then nothing says that it were merely answered."""
    ends = f"run {WAITING} is rejected; it ends, with exit code 3, when it goes on: orch resume {WAITING}\n"

    assert f"  rejected\n{ends}" in orch("reject", f"{WAITING}/approve").stderr
    assert ends in orch("runs").stderr
    assert ends in orch("show", WAITING).stdout


def test_a_run_that_is_executed_ends_by_itself_when_it_is_rejected(orch: Shell) -> None:
    """Nobody has to resume it."""
    record(orch.store, "alive", a_waiting_run()[:-1])

    with Lease.acquire(orch.store, "alive"):
        said = orch("reject", "alive").stderr

    assert said.endswith("rejected\nrun alive ends with exit code 3\n")


@pytest.mark.parametrize(("value", "offered"), [("a letter", True), ("[private, not kept]", False)])
def test_a_waiting_run_says_what_may_be_changed(value: str, offered: bool) -> None:
    """Only where the record holds it."""
    ask = replace(ASK, edit={"value": value, "schema": {"type": "string"}})
    command = "    change it first  orch approve r/ok --edit --choice send"

    assert (command in ask_lines("r", ask)) == offered


def test_a_wrong_choice_names_the_right_ones(orch: Shell) -> None:
    """Nothing is answered."""
    assert "choices: send, drop" in orch("approve", WAITING, "--choice", "sned", code=2).stderr
    assert take(orch.store, WAITING) == []


def test_an_answered_run_is_listed_as_answered(orch: Shell) -> None:
    """Until somebody resumes it; `show` and `logs -f` say so too, and a second answer is refused."""
    assert "waiting" in orch("runs").stdout

    orch("approve", WAITING)

    line = next(line for line in orch("runs").stdout.splitlines() if line.startswith(WAITING))
    assert line.split()[2] == "answered"
    assert f"orch resume {WAITING}" in orch("runs").stderr
    assert "is answered; go on with" in orch("show", WAITING).stdout
    assert "is answered; go on with" in orch("logs", WAITING, "-f").stderr
    assert "no open question" in orch("approve", WAITING, code=2).stderr
    assert "no open question" in orch("approve", DONE, code=2).stderr


def test_following_a_run_that_waits_ends_with_how_to_answer(orch: Shell) -> None:
    """The status alone helps nobody."""
    text = orch("logs", WAITING, "-f").stderr

    assert f"run {WAITING}: waiting" in text
    assert f"orch approve {WAITING}/approve --choice drop" in text
    assert f"orch resume {WAITING}" in text


def test_a_run_that_is_executed_goes_on_by_itself(orch: Shell) -> None:
    """Nobody has to resume it."""
    record(orch.store, "alive", a_waiting_run()[:-1])

    with Lease.acquire(orch.store, "alive"):
        shown = orch("show", "alive").stdout
        said = orch("approve", "alive").stderr

    assert "orch approve alive/approve --choice send" in shown
    assert "resume" not in shown + said


def test_what_only_the_run_can_show_is_released_where_it_runs() -> None:
    """`orch approve` would be refused; to withhold it works from anywhere."""
    shown = "[private, not kept; digest " + "0" * 32 + "]"
    ask = AskOpened(1.0, "scrub", "May this leave?", shown, ("release", "withhold"), None, None)

    lines = "\n".join(ask_lines("r", ask))

    assert "release       orch resume r\n" in lines
    assert "withhold      orch approve r/scrub --choice withhold\n" in lines
    assert "the record does not hold what would leave" in lines
