"""`orch fork`, `orch run --from` and `orch replay` as a person meets them: real stores, scripted models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.again import Wish
from orchestrator.cli.fork import arguments
from orchestrator.cli.forking import Forking
from orchestrator.cli.main import cli
from orchestrator.cli.replay import DIFFERS
from orchestrator.config import STORE, STORE_FILE, Config
from orchestrator.errors import UsageError
from orchestrator.events import TAKEN, AttemptStarted, Event, RunFinished, RunStarted, StepFinished
from orchestrator.store.lease import Lease
from orchestrator.store.open import open_store

FLOW = """
orch: 1
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny}}
inputs: {n: {type: "[int]", default: [1, 2, 3]}, tone: {type: string, default: warm}}
steps:
  start: {agent: writer, prompt: start}
  each: {foreach: inputs.n, agent: writer, prompt: "draft {{ item }} {{ start }}"}
  said: {agent: writer, prompt: "say {{ each | join(' ') }} {{ inputs.tone }}"}
  end: {value: "{{ said }}!"}
"""
ANSWERS = "- {match: start, text: go}\n- {match: draft, text: d}\n- {match: warm, text: dear}\n- {match: say, text: so}\n"


@pytest.fixture(name="flow")
def _flow(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    (project / "flow.yaml").write_text(FLOW, encoding="utf-8")
    (project / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    assert orch("run", "flow.yaml").stdout == "dear!\n"
    return project


def orch(*words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(cli, list(words))
    assert done.exit_code == code, (done.output, done.stderr)
    return done


def log(project: Path, run: str = "last") -> list[Event]:
    store = open_store(project / STORE / STORE_FILE, create=False)
    try:
        found = store.find(run)
        assert not store.verify(found)
        return [event for _, event in store.events(found)]
    finally:
        store.close()


def asked(project: Path) -> list[str]:
    return [event.path for event in log(project) if isinstance(event, AttemptStarted)]


def runs() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(orch("runs", "--json").stdout)
    return found


# --------------------------------------------------------------------------------------------------- fork


def test_a_fork_is_a_run_of_its_own(flow: Path) -> None:
    """With its own id and record; the other one stays as it is."""
    before = log(flow)
    done = orch("fork", "last", "--at", "said", "--no-cache")

    assert done.stdout == "dear!\n"
    assert "taken over  start, each (3)" in done.stderr
    assert "said (begins here), end (comes after said)" in done.stderr
    assert asked(flow) == ["said"]
    assert log(flow, runs()[1]["id"]) == before
    assert "out of   run" in orch("show", "last").stdout
    assert "taken over from run" in orch("show", "last", "start").stdout


def test_another_input_runs_what_reads_it(flow: Path) -> None:
    """Its value is that of the new run."""
    done = orch("fork", "last", "-i", "tone=cold", "--json")

    assert json.loads(done.stdout) == "so!"
    assert asked(flow) == ["said"]
    assert json.loads(orch("show", "last", "--json").stdout)["inputs"]["tone"] == "cold"


def test_what_changed_in_the_file_runs_anew(flow: Path) -> None:
    """The rest does not."""
    (flow / "flow.yaml").write_text(FLOW.replace('"say ', '"say warmly '), encoding="utf-8")

    orch("fork", "last", "--changed")

    assert asked(flow) == ["said"]


def test_a_plan_starts_nothing(flow: Path) -> None:
    """It says what is reused, what is anew, and what that takes at most."""
    plan = json.loads(orch("fork", "last", "--at", "each.1", "--plan", "--json").stdout)

    assert plan["reused"] == {"start": 1, "each": 2}
    assert plan["anew"] == {
        "each.1": "begins here",
        "said": "comes after each",
        "end": "comes after said",
    }
    assert (plan["calls"], plan["usd"], plan["once"]) == (4, 0.0, [])
    assert len(runs()) == 1
    assert "at most     4 model calls" in orch("fork", "last", "--at", "each.1", "--plan").stdout


def test_a_fork_of_a_fork_and_a_run_that_goes_on(flow: Path) -> None:
    """Both know where their values are from."""
    first = runs()[0]["id"]
    orch("fork", "last", "--at", "end")
    orch("fork", "last", "--at", "end")

    marks = {e.facts.get(TAKEN) for e in log(flow) if isinstance(e, StepFinished) and e.path == "start"}
    assert marks == {first}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fork", "last"], "say what is to run anew"),
        (["fork", "last", "--at", "sayd"], "no step 'sayd'"),
        (["fork", "last", "--at", "each.9"], "no finished 'each.9'"),
        (["fork", "last", "-i", "town=x"], "no input 'town'"),
        (["fork", "nobody", "--at", "said"], "no run 'nobody'"),
        (["run", "flow.yaml", "--from", "said", "--input-file", "x.yaml"], "exclude each other"),
        (["run", "flow.yaml", "--from", "said", "--tui"], "exclude each other"),
        (["replay", "last", "-i", "tone=x"], "takes it from there"),
    ],
)
def test_mistakes_are_said(flow: Path, words: list[str], said: str) -> None:
    """In a sentence, with exit code 2, and nothing begins."""
    done = orch(*words, code=2)

    assert said in done.stderr
    assert len(runs()) == 1


def test_effects_are_had_a_second_time_only_when_somebody_says_so(flow: Path) -> None:
    """Without a terminal that is `--yes`."""
    (flow / "tools.py").write_text(
        "from pathlib import Path\ndef note(text: str) -> int:\n    with Path('notes').open('a') as f:\n"
        "        return f.write(text)\n",
        encoding="utf-8",
    )
    (flow / "sends.yaml").write_text(
        "orch: 1\ntools: {note: {python: tools.py:note}}\nsteps:\n  first: {value: hello}\n"
        "  sent: {tool: note, with: {text: '{{ first }}'}}\n  end: {value: '{{ sent }}'}\n",
        encoding="utf-8",
    )
    orch("run", "sends.yaml")

    refused = orch("fork", "last", "--at", "sent", code=2)
    orch("fork", "last", "--at", "end")
    assert (flow / "notes").read_text(encoding="utf-8") == "hello"
    orch("fork", "last", "--at", "sent", "--yes")

    assert "it would happen a second time" in refused.stderr
    assert "sent calls note" in refused.stderr
    assert (flow / "notes").read_text(encoding="utf-8") == "hellohello"


# --------------------------------------------------------------------------------------------- run --from


def test_run_from_takes_the_newest_run_of_the_file(flow: Path) -> None:
    """However it ended, and not that of another file."""
    (flow / "other.yaml").write_text("orch: 1\nsteps: {one: {value: 1}}\n", encoding="utf-8")
    orch("run", "other.yaml")

    orch("run", "flow.yaml", "--from", "said", "-i", "tone=cold")

    assert asked(flow) == ["said"]


def test_run_from_without_a_run_says_what_to_do(flow: Path) -> None:
    """Run it once."""
    (flow / "other.yaml").write_text("orch: 1\nsteps: {one: {value: 1}}\n", encoding="utf-8")

    done = orch("run", "other.yaml", "--from", "one", code=2)

    assert "there is no run of" in done.stderr
    assert "without --from" in done.stderr


# ------------------------------------------------------------------------------------------------- killed


def _orch(project: Path, *words: str, kill_at: int) -> int:
    environment = os.environ | {"ORCH_KILL_AT": str(kill_at)}
    command = [sys.executable, "-m", "orchestrator", *words]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, check=False).returncode


@pytest.mark.parametrize("boundary", [2, 8])
def test_a_killed_fork_goes_on(flow: Path, boundary: int) -> None:
    """Nothing that was taken over runs again."""
    assert _orch(flow, "fork", "last", "--at", "each.1", "--no-cache", kill_at=boundary) < 0

    orch("resume", "last")

    paths = asked(flow)
    assert isinstance(log(flow)[-1], RunFinished)
    assert set(paths) <= {"each.1", "said"}


def test_a_fork_that_was_stopped_while_it_was_made_does_not_go_on(flow: Path) -> None:
    """It would do again what the other run had done."""
    run = runs()[0]["id"]
    orch("fork", "last", "--at", "said")
    store = open_store(flow / STORE / STORE_FILE, create=False)
    forked = log(flow)[0]
    assert isinstance(forked, RunStarted)
    store.create("half", forked)
    store.close()

    done = orch("resume", "half", code=2)

    assert "was stopped while it was being made" in done.stderr
    assert f"orch fork {run} --at said" in done.stderr


# ------------------------------------------------------------------------------------------------- replay


def test_a_replay_says_that_nothing_changed(flow: Path) -> None:
    """And writes nothing."""
    done = orch("replay", "last")

    assert done.stdout == "as recorded: 5 requests, 5 decisions, 0 tool calls, 7 values\n"
    assert len(runs()) == 1


def test_a_changed_prompt_is_shown_as_a_diff(flow: Path) -> None:
    """With an exit code of its own."""
    (flow / "flow.yaml").write_text(FLOW.replace('"say ', '"say warmly '), encoding="utf-8")

    done = orch("replay", "last", code=DIFFERS)
    data = json.loads(orch("replay", "last", "--json", code=DIFFERS).stdout)

    assert "said: request 1" in done.stdout
    assert "-say d d d warm" in done.stdout
    assert "+say warmly d d d warm" in done.stdout
    assert (data["same"], [one["path"] for one in data["differences"]]) == (False, ["said"])


def test_a_replay_of_a_fork_leaves_out_what_was_taken_over(flow: Path) -> None:
    """Its requests are on record where it was asked."""
    orch("fork", "last", "--at", "said", "--no-cache")

    done = orch("replay", "last")

    assert "not compared: start, each.0, each.1, each.2: it was taken over from run" in done.stdout
    assert "as recorded: 1 request" in done.stdout


# ------------------------------------------------------------------------------------------------ detached


def test_the_same_wish_for_another_process() -> None:
    """Everything that was said goes along."""
    wish = Wish("a.1", {"x": "1=2"}, {"m": "scripted:b"}, changed=True)

    assert arguments("r1", wish, no_cache=True, local_only=True) == [
        "--input=x=1=2",
        "--model=m=scripted:b",
        "--at=a.1",
        "--changed",
        "--no-cache",
        "--local-only",
        "r1",
    ]
    assert arguments("r1", Wish("a", {}, {}), no_cache=False, local_only=False) == ["--at=a", "r1"]


def test_the_screen_is_told_and_starts_it(flow: Path) -> None:
    """The plan that the command prints, and a run that is recorded under the id it gives."""
    store = open_store(flow / STORE / STORE_FILE, create=False)
    first = runs()[0]["id"]
    forks = Forking(store, Config.from_environment(os.environ, flow))

    plan = forks.plan(first, "said")
    new, asked = forks.start(first, "said"), forks.start(first, "said", fresh=True)
    end = time.monotonic() + 60
    while forks.running and time.monotonic() < end:
        time.sleep(0.02)

    store.close()
    assert plan == json.loads(orch("fork", first, "--at", "said", "--plan", "--json").stdout)
    options = [json.loads(orch("show", run, "--json").stdout)["options"] for run in (new, asked)]
    assert [option["forked"]["run"] for option in options] == [first, first]
    assert [option["cache"] for option in options] == [plan["cache"], False] == [True, False]


def test_a_run_that_is_executed_is_not_taken_from(flow: Path) -> None:
    """Both would do what it has not done yet; nothing of it is touched, and its end makes it possible."""
    store = open_store(flow / STORE / STORE_FILE, create=False)
    first = runs()[0]["id"]
    before = store.head(first)
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE runs SET status = 'running'")
    forks = Forking(store, Config.from_environment(os.environ, flow))

    with Lease.acquire(store, first):
        told = orch("fork", first, "--at", "said", code=2).stderr
        also = orch("run", "flow.yaml", "--from", "said", code=2).stderr
        with pytest.raises(UsageError, match="still being executed"):
            forks.plan(first, "said")

    for said in (told, also):
        assert f"run {first} is still being executed" in said
        assert f"orch cancel {first}" in said
    assert len(runs()) == 1
    assert store.head(first) == replace(before, status="running")
    assert orch("fork", first, "--at", "said").stdout == "dear!\n"
    store.close()


def test_the_rest_of_what_was_not_finished_is_counted(flow: Path) -> None:
    """Also when it begins at one item of it."""
    slow = "- {match: draft 1, text: d}\n- {match: draft, text: d, delay: 60s}\n"
    (flow / "answers.yaml").write_text("- {match: start, text: go}\n" + slow, encoding="utf-8")
    environ = {**os.environ, "ORCH_KILL_AT": "29"}  # the first item is done, the others are asked
    command = [sys.executable, "-m", "orchestrator", "run", "flow.yaml", "--no-cache", "-q"]
    done = subprocess.run(command, cwd=flow, env=environ, capture_output=True, check=False)
    assert runs()[0]["status"] == "interrupted", done.stderr
    assert [event.path for event in log(flow) if isinstance(event, StepFinished)] == ["start", "each.0"]

    plan = json.loads(orch("fork", "last", "--at", "each.0", "--plan", "--json").stdout)

    assert plan["anew"] == {
        "each": "was not finished",
        "each.0": "begins here",
        "said": "comes after each",
        "end": "comes after said",
    }
    assert plan["calls"] >= 4


def test_a_detached_fork_prints_its_id(flow: Path) -> None:
    """It is recorded when the command returns."""
    command = [sys.executable, "-m", "orchestrator", "fork", "last", "--at", "said", "--detach"]
    done = subprocess.run(command, cwd=flow, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == runs()[0]["id"]


@pytest.mark.parametrize("words", [("fork", "last", "--at", "said"), ("run", "--from", "said", "flow.yaml")])
def test_what_must_not_leave_the_machine_does_not_in_a_process_of_its_own(
    words: tuple[str, ...], flow: Path
) -> None:
    """The new run knows it, whoever goes on with it."""
    command = [sys.executable, "-m", "orchestrator", *words, "--detach", "--local-only"]
    subprocess.run(command, cwd=flow, capture_output=True, text=True, check=True)

    started = log(flow)[0]
    assert isinstance(started, RunStarted)
    assert started.options["local_only"] is True


def test_a_mistyped_input_is_told_as_a_run_tells_it(flow: Path) -> None:
    """Though it has what the others are from the record."""
    done = orch("fork", "last", "-i", "ton=cold", code=2)

    assert "no input 'ton'" in done.stderr
    assert "did you mean 'tone'?" in done.stderr
