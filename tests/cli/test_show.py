"""`orch show`: a run, a step, what was asked and what came back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from orchestrator.events import (
    AskAnswered,
    Event,
    RunFinished,
    RunInterrupted,
    RunResumed,
    StepFinished,
    StepStarted,
)
from orchestrator.report.record import run_json
from orchestrator.state import fold
from orchestrator.store.quarantine import damaged
from tests.cli.recorded import (
    AT,
    DONE,
    FAILED,
    WAITING,
    Shell,
    a_grouped_run,
    a_waiting_run,
    record,
    record_all,
    shell_in,
)


@pytest.fixture
def orch(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(project)
    shell = shell_in(project)
    record_all(shell.store)
    yield shell
    shell.store.close()


def test_a_run_shows_inputs_steps_and_result(orch: Shell) -> None:
    """What went in, per step models, seconds and tokens, what came out, and whether it stayed here."""
    text = orch("show", DONE).stdout

    assert f"run {DONE} of support-desk: done" in text
    assert 'input    tickets: [{"id": 1}]' in text
    assert "triage" in text
    assert "tiny" in text
    assert 'result: {"urgency": "low"}' in text
    assert "everything stayed on this machine" in text


def test_the_time_of_a_run_is_the_one_in_the_list_and_the_one_at_work(orch: Shell) -> None:
    """A run that lay still for an hour took that hour, and says how much of it was work."""
    events: list[Event] = [RunInterrupted(AT + 18.5, "Ctrl-C"), RunResumed(AT + 3600, "me")]
    record(orch.store, "long", [*events, RunFinished(AT + 3602, "x")])

    listed = next(line for line in orch("runs").stdout.splitlines() if line.startswith("long"))

    assert "1 h 00 min" in listed
    assert "took 1 h 00 min, 20.5 s of it at work" in orch("show", "long").stdout
    assert "took 4.2 s\n" in orch("show", DONE).stdout


def test_an_answered_question_says_how_long_it_was_open(orch: Shell) -> None:
    """The step itself took no time."""
    events: list[Event] = [RunResumed(AT + 90, "me"), AskAnswered(AT + 90, "approve", "send", "ada")]
    again: list[Event] = [
        StepStarted(AT + 91, "approve", "ask"),
        StepFinished(AT + 91, "approve", "send", {}),
    ]
    record(orch.store, "asked", [*a_waiting_run(), *events, *again])

    text = orch("show", "asked", "approve").stdout

    assert text.startswith("approve  (ask): done\n")
    assert "answered by ada after 1 min 30 s" in text


def test_a_failed_run_says_why_and_what_to_do(orch: Shell) -> None:
    """The step, the message, the command to go on."""
    text = orch("show", "bbb").stdout

    assert "✗ draft: a reply cites a source" in text
    assert f"orch resume {FAILED}" in text


def test_a_waiting_run_shows_its_questions(orch: Shell) -> None:
    """With the commands that answer them."""
    text = orch("show", "last").stdout

    assert "? approve: Send 2 replies?" in text
    assert f"orch approve {WAITING}/approve --choice drop" in text


def test_a_step_shows_prompts_attempts_and_value(orch: Shell) -> None:
    """Everything between the prompt and the value, in order."""
    text = orch("show", DONE, "triage.0").stdout

    places = [
        text.index(part)
        for part in (
            "attempt 1: tiny, 31 tokens",
            "Ticket: help",
            "decided: repair",
            "attempt 2",
            "urgency: low",
        )
    ]
    assert places == sorted(places)


def test_a_fan_out_lists_its_items(orch: Shell) -> None:
    """And says how to see one."""
    result = orch("show", DONE, "triage")

    assert [line.split()[:2] for line in result.stdout.splitlines()[1:]] == [
        ["triage.0", "done"],
        ["triage.1", "skipped"],
    ]
    assert f"orch show {DONE} triage.0" in result.stderr


def test_a_fan_out_shows_the_values_of_its_items(orch: Shell) -> None:
    """In short, and for those that have none the reason."""
    lines = orch("show", DONE, "triage").stdout.splitlines()

    assert lines[0].split()[-1] == "VALUE"
    assert lines[1].endswith('{"urgency": "low"}')
    assert lines[2].endswith("its `when` was false")


def test_a_group_shows_the_values_of_its_steps(orch: Shell) -> None:
    """No event holds them: they are put together, one item, one loop or all."""
    record(orch.store, "grouped", a_grouped_run())

    group = orch("show", "grouped", "handle.1").stdout
    loop = orch("show", "grouped", "handle.1.polish").stdout
    lines = orch("show", "grouped", "handle").stdout.splitlines()

    assert "── value, made of its steps\nnote: note 1\npolish:\n  draft: take 2" in group
    assert "── value, made of its steps in pass 2\ndraft: take 2" in loop
    assert lines[1].endswith('{"note": "note 0", "polish": {"draft": "take 2"}}')
    assert orch.json("show", "grouped", "handle.0")["value"]["note"] == "note 0"
    assert orch.json("show", "grouped", "handle")[1]["value"]["note"] == "note 1"


def test_what_a_model_wrote_is_shown_as_it_was_to_a_pipe(orch: Shell) -> None:
    """JSON escapes controls, text to a file is the very text."""
    assert "\\u001b]52" in orch("show", FAILED, "draft", "--json").stdout


def test_a_misspelled_step_gets_the_nearest(orch: Shell) -> None:
    """Exit code 2, no traceback."""
    result = orch("show", DONE, "triagee", code=2)

    assert "no step 'triagee'" in result.stderr
    assert "'triage'" in result.stderr


def test_a_step_of_a_group_named_alone_gets_its_full_name(orch: Shell) -> None:
    """And how one of its instances is spelled."""
    record(orch.store, "grouped", a_grouped_run())

    hint = orch("show", "grouped", "draft", code=2).stderr

    assert "did you mean 'handle.polish.draft'?" in hint
    assert "'handle.1.polish~2.draft' (item 1, pass 2)" in hint
    assert len(orch("show", "grouped", "handle.polish.draft").stdout.splitlines()) == 5


def test_json_holds_everything(orch: Shell) -> None:
    """For scripts: inputs, spans, models, outputs; a step with all its events."""
    run = orch.json("show", DONE)
    step = orch.json("show", DONE, "triage.0")

    assert run["inputs"]["tone"] == "warm"
    assert [span["path"] for span in run["steps"]] == ["triage", "triage.0", "triage.1"]
    assert run["outputs"] == {"urgency": "low"}
    assert [event["kind"] for event in step["events"]] == [
        "step.started",
        *["attempt.started", "attempt.finished"] * 2,
        "step.finished",
    ]


def test_verify_finds_a_changed_byte(orch: Shell) -> None:
    """Exit code 0 when all is as it was written, 1 when not."""
    assert "as they were written" in orch("show", DONE, "--verify").stdout
    with orch.store.writing() as connection:
        connection.exec_driver_sql("UPDATE events SET payload = replace(payload, 'low', 'LOW') WHERE run = 1")

    assert "not what was written" in orch("show", DONE, "--verify", code=1).stdout
    assert orch.json("show", DONE, "--verify", code=1)["problems"]
    assert "as they were written" in orch("show", FAILED, "--verify").stdout


def test_a_run_in_json_is_what_others_make_of_its_record(orch: Shell) -> None:
    """A screen that saves it writes the same."""
    state = fold(event for _, event in orch.store.events(FAILED))

    made = run_json(asdict(orch.store.run(FAILED)), state)

    assert orch.json("show", FAILED) == json.loads(json.dumps(made))


def forge(orch: Shell) -> None:
    with orch.store.writing() as connection:
        connection.exec_driver_sql("UPDATE events SET payload = replace(payload, 'low', 'LOW') WHERE run = 1")


@pytest.mark.parametrize(
    "words", [("show", DONE), ("show", DONE, "triage"), ("logs", DONE), ("diff", DONE, FAILED)]
)
def test_who_reads_a_forged_run_is_warned(orch: Shell, words: tuple[str, ...]) -> None:
    """Nobody has to ask for it, and the run is marked from then on."""
    forge(orch)

    said = orch(*words)

    assert f"warning: the record of run {DONE} is damaged: event" in said.stderr
    assert DONE in damaged(orch.store)


def test_a_forged_run_is_headed_damaged(orch: Shell) -> None:
    """In JSON too; a whole one says nothing of it."""
    forge(orch)

    assert f"run {DONE} of support-desk: damaged" in orch("show", DONE).stdout
    assert "not what was written" in orch.json("show", DONE)["damaged"]
    assert "damaged" not in orch.json("show", FAILED)


def test_a_finished_run_that_was_forged_is_not_said_to_be_done(orch: Shell) -> None:
    """Whoever wants to go on with it learns that its record is damaged."""
    forge(orch)

    assert "is damaged" in orch("resume", DONE, code=2).stderr
