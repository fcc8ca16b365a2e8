"""The wall clock jumps by hours, backwards and forwards: durations stay durations, deadlines stay what they are."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestrator.cli.main import cli
from orchestrator.events import AskOpened, Event, RunFinished, RunStarted, StepFailed
from orchestrator.store.journal import StoreJournal
from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.engine.harness import HEAD, again, play
from tests.engine.tools import FakeTool, equip

HOUR = 3600.0


@dataclass
class Jumping:
    """Every look at it is hours away from the one before; the monotonic clock is the machine's."""

    jumps: Iterator[float] = field(default_factory=lambda: cycle([0.0, -5 * HOUR, 7 * HOUR, -11 * HOUR]))
    start: float = 1_795_416_300.0

    def now(self) -> float:
        return self.start + next(self.jumps)

    def monotonic(self) -> float:
        return time.monotonic()


WORKFLOW = """
orch: 1
models: {tiny: 'scripted:none'}
agents: {writer: {model: tiny}}
tools: {send: {mcp: {command: [none]}, clearance: private, effects: once}}
budget: {wall: 1h}
defaults: {timeout: 30m, wall: 30m}
steps:
  each: {foreach: [1, 2, 3], agent: writer, prompt: "{{ item }}"}
  call: {tool: send, with: {to: "{{ each | join(' ') }}"}}
  end: {value: "{{ call.id }}"}
"""


def seconds_in(event: Event) -> Iterator[float]:
    facts = vars(event) if hasattr(event, "__dict__") else {n: getattr(event, n) for n in event.__slots__}
    for name, value in facts.items():
        if name in ("seconds", "first_token") and isinstance(value, float):
            yield value
        if name == "facts" and isinstance(value, dict) and isinstance(value.get("seconds"), float):
            yield value["seconds"]


def test_no_duration_is_negative_and_no_deadline_is_met_too_soon(tmp_path: Path) -> None:
    """Limits of half an hour hold though the wall clock moves by eleven."""
    played = play(tmp_path, WORKFLOW, equip={**equip(FakeTool()), "clock": Jumping()})

    assert isinstance(played.events[-1], RunFinished)
    assert played.of(StepFailed) == []
    durations = [(event, seconds) for event in played.events for seconds in seconds_in(event)]
    assert len(durations) > 5
    assert [(event, seconds) for event, seconds in durations if not 0 <= seconds < 600] == []


def test_the_deadline_of_a_question_is_on_the_wall_clock(tmp_path: Path) -> None:
    """It holds over processes: the run waits before it, and takes `then` behind it."""
    steps = HEAD + "steps:\n  ok: {ask: 'Go?', choices: [yes, no], timeout: 2h, then: no}\n"
    clock = Jumping(cycle([0.0]))
    first = play(tmp_path, steps, equip={"clock": clock})
    asked = first.of(AskOpened)[0]
    assert first.result.status == "waiting"
    assert asked.deadline == clock.start + 2 * HOUR

    before = play(tmp_path, steps, recovered=again(first), equip={"clock": Jumping(cycle([-9 * HOUR]))})
    behind = play(tmp_path, steps, recovered=again(first), equip={"clock": Jumping(cycle([2 * HOUR + 1]))})

    assert before.result.status == "waiting"
    assert (behind.result.status, behind.outputs) == ("done", "no")


@pytest.fixture
def backwards(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A recorded run during which the clock was put back by hours, again and again."""
    monkeypatch.chdir(project)
    played = play(project, WORKFLOW, equip={**equip(FakeTool()), "clock": Jumping()})
    store = open_store(project / ".orch" / "store.db")
    begun = played.events[0]
    assert isinstance(begun, RunStarted)
    late = {name: getattr(begun, name) for name in RunStarted.__slots__ if name not in ("kind", "at")}
    store.create("r", RunStarted(at=Jumping().start + 9 * HOUR, **late))
    journal = StoreJournal(store, "r")
    for event in played.events[1:]:
        journal.append(event)
    journal.close()
    yield store
    store.close()


@pytest.mark.parametrize(
    "words", [("runs",), ("show", "r"), ("show", "r", "each.1"), ("logs", "r"), ("cost", "r")], ids=" ".join
)
def test_what_is_shown_of_such_a_run_has_no_negative_time(backwards: Store, words: tuple[str, ...]) -> None:
    """A person who sees `-5 h` loses trust in all other figures."""
    assert backwards.verify("r") == []

    result = CliRunner().invoke(cli, list(words))

    assert result.exit_code == 0, result.output
    assert not re.search(r"(?<![\w.])-\d+(\.\d+)? ?(s|min|h)\b", result.output), result.output
    assert not re.search(r"(?<=\s)-\d+\.\d", result.output), result.output


def test_its_json_has_no_negative_seconds(backwards: Store) -> None:
    """What scripts read."""
    assert backwards.verify("r") == []
    found: list[float] = []

    def look(value: Any) -> None:
        for name, inner in value.items() if isinstance(value, dict) else ():
            if name.endswith("seconds") and isinstance(inner, int | float):
                found.append(inner)
            look(inner)
        for inner in value if isinstance(value, list) else ():
            look(inner)

    look(json.loads(CliRunner().invoke(cli, ["show", "r", "--json"]).stdout))
    assert all(seconds >= 0 for seconds in found), found
