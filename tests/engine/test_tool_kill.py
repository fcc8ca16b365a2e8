"""A run with tools, ended at every one of its events, in memory and by SIGKILL: no effect twice, none forgotten."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orchestrator.calling import CallContext
from orchestrator.engine.recover import Recovered, recover
from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine, Result
from orchestrator.events import CallFinished, CallStarted, Event, RunFinished
from orchestrator.graph.open import open_workflow
from orchestrator.spec.types import Int, Str
from orchestrator.store.open import open_store
from tests.engine.tools import FakeTool, equip

WORKFLOW = """
orch: 1
tools:
  look: {mcp: {command: [server]}, clearance: private, effects: none}
  put: {mcp: {command: [server]}, clearance: private, effects: idempotent}
  send: {mcp: {command: [server]}, clearance: private, effects: once}
steps:
  look_it_up: {tool: look, with: {to: a}}
  each:
    foreach: [a, b, c]
    steps:
      put_it: {tool: put, with: {to: "{{ item }}{{ look_it_up }}"}}
      send_it: {tool: send, with: {to: "{{ item }}{{ put_it }}"}}
  end: {tool: send, needs: each, with: {to: z}}
"""
EXPECTED = Counter({"a1": 1, "b1": 1, "c1": 1, "z": 1})


class Killed(BaseException):
    """The process is gone."""


@dataclass
class MortalJournal:
    """Ends the process before its n-th event; `lossy`: what was not flushed by then is lost with it."""

    end: int
    lossy: bool
    events: list[Event] = field(default_factory=list)
    durable: int = 0
    dead: bool = False

    def append(self, event: Event) -> None:
        if self.dead or len(self.events) == self.end:
            self.dead = True
            raise Killed
        self.events.append(event)

    async def flush(self) -> None:
        self.durable = len(self.events)

    @property
    def left(self) -> list[Event]:
        return self.events[: self.durable] if self.lossy and self.dead else self.events


def execute(
    file: Path, journal: MortalJournal, tools: Mapping[str, Any], known: Recovered | None
) -> Result | None:
    """The result, or None for a process that was killed."""

    async def main() -> Result | None:
        ports = Ports(journal=journal, **tools)
        engine = Engine(open_workflow(file), {}, {}, ports, today="2026-01-31", recovered=known)
        try:
            return await engine.execute()
        except BaseExceptionGroup:
            return None
        except Killed:
            return None

    return asyncio.run(main())


def settle(events: list[Event], sent: Counter[str], paths: tuple[str, ...]) -> None:
    """What a person does: looks whether it happened, and says so."""
    for path in paths:
        began = [e for e in events if isinstance(e, CallStarted) and e.path == path][-1]
        happened = sent[began.arguments["to"]] > 0
        outcome: Any = "ok" if happened else "error"
        events.append(
            CallFinished(at=1.0, path=path, call=1, tool="send", outcome=outcome, value=1, seconds=0.0)
        )


@pytest.mark.parametrize(
    "lossy", [False, True], ids=["all that was written is kept", "only what was flushed is kept"]
)
def test_wherever_a_run_ends_each_effect_happens_once(tmp_path: Path, lossy: bool) -> None:
    """Every boundary of the log; the effects are counted outside of it."""
    file = tmp_path / "workflow.yaml"
    file.write_text(WORKFLOW, encoding="utf-8")
    sent: Counter[str] = Counter()
    put: dict[str, set[str]] = {}

    def send(arguments: Mapping[str, Any], _: CallContext) -> int:
        sent[arguments["to"]] += 1
        return 1

    def put_it(arguments: Mapping[str, Any], context: CallContext) -> str:
        put.setdefault(arguments["to"], set()).add(context.key)
        return ""

    tools = equip(
        FakeTool("look", effects="none", result=Int(), do=lambda *_: 1),
        FakeTool(
            "put", effects="idempotent", result=Str(None), do=lambda a, c: (put_it(a, c), a["to"][1:])[1]
        ),
        FakeTool("send", effects="once", result=Int(), do=send),
    )
    whole = MortalJournal(10**6, lossy=False)
    assert execute(file, whole, tools, None) is not None
    assert sent == EXPECTED

    for end in range(len(whole.events)):
        sent.clear()
        put.clear()
        journal = MortalJournal(end, lossy)
        execute(file, journal, tools, None)
        events = journal.left
        for _ in range(6):
            again = MortalJournal(10**6, lossy=False)
            result = execute(file, again, tools, recover(events))
            events = [*events, *again.events]
            assert result is not None
            if result.status == "done":
                break
            settle(events, sent, tuple(result.unknown))
        assert isinstance(events[-1], RunFinished), end
        assert sent == EXPECTED, end
        assert all(len(keys) == 1 for keys in put.values()), end


# ------------------------------------------------------------------------------------------ the real thing

FILES = """
orch: 1
steps:
  get: {tool: files.read, with: {path: in.txt}}
  add: {tool: files.append, with: {path: log.txt, content: "{{ get }}"}}
  put: {tool: files.write, with: {path: out.txt, content: "{{ add.size }}"}}
outputs: {size: "{{ add.size }}"}
"""


def orch(project: Path, *arguments: str, kill_at: int | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | ({} if kill_at is None else {"ORCH_KILL_AT": str(kill_at)})
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def number_of(project: Path, wanted: type[Event], path: str) -> int:
    store = open_store(project / ".orch" / "store.db", create=False)
    try:
        found = [
            seq
            for seq, e in store.events(store.find("last"))
            if isinstance(e, wanted) and getattr(e, "path", "") == path
        ]
        return found[0]
    finally:
        store.close()


def test_a_killed_process_stops_for_a_person_and_goes_on_with_what_he_says(project: Path) -> None:
    """Before the effect it is called again, behind it it is not: the file holds the line once either way."""
    (project / "workflow.yaml").write_text(FILES, encoding="utf-8")
    (project / "in.txt").write_text("hello", encoding="utf-8")
    log = project / "log.txt"
    assert orch(project, "run", "workflow.yaml").returncode == 0
    began, ended = number_of(project, CallStarted, "add"), number_of(project, CallFinished, "add")

    after, before = (
        2 * began + 1,
        2 * (ended - 1),
    )  # the first event of a run does not pass the switch before it
    for boundary, happened in ((after, False), (before, True)):
        log.unlink(missing_ok=True)
        killed = orch(project, "run", "workflow.yaml", kill_at=boundary)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert log.exists() is happened

        stopped = orch(project, "resume", "last")
        assert stopped.returncode == 7, stopped.stderr
        assert "nobody knows whether it happened" in stopped.stderr
        assert "--done add" in stopped.stderr
        assert log.exists() is happened

        said = (
            ("--done", "add", "--value", '{"path": "log.txt", "size": 6}') if happened else ("--rerun", "add")
        )
        resumed = orch(project, "resume", "last", *said, "--json")
        assert resumed.returncode == 0, resumed.stderr
        assert json.loads(resumed.stdout) == {"size": 6}
        assert log.read_text(encoding="utf-8") == "hello\n"
        assert (project / "out.txt").read_text(encoding="utf-8").strip() == "6"
