"""A project with recorded runs, and a shell to ask about them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from orchestrator.cli.main import cli
from orchestrator.config import STORE, STORE_FILE
from orchestrator.events import (
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    Event,
    ModelReady,
    RunFailed,
    RunFinished,
    RunStarted,
    RunWaiting,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from orchestrator.store.journal import StoreJournal
from orchestrator.store.open import open_store
from orchestrator.store.store import Store

AT = 1_795_416_300.0
DONE, FAILED, WAITING = "1123-0645-aaa", "1123-0646-bbb", "1123-0647-ccc"


@dataclass(frozen=True)
class Shell:
    """`orch` called in a project."""

    store: Store

    def __call__(self, *words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, list(words))
        assert result.exit_code == code, (result.output, result.stderr)
        return result

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self(*words, "--json", code=code).stdout)


def shell_in(project: Path) -> Shell:
    return Shell(open_store(project / STORE / STORE_FILE))


def begun(run: str, at: float = AT) -> RunStarted:
    inputs = {"tone": "warm", "tickets": [{"id": 1}]}
    return RunStarted(
        at, run, "support-desk", "/p/workflow.yaml", "/p", "f0ba319", "d" * 64, "0.1.0", inputs, {}, 2
    )


def answer(path: str, attempt: int, text: str, *, repair: bool = False) -> list[Event]:
    messages = (
        {"role": "system", "content": "You sort tickets."},
        {"role": "user", "content": "Ticket: help"},
    )
    return [
        AttemptStarted(AT + 1, path, attempt, "tiny", messages, 31, True, {"role": 9, "prompt": 22}),
        AttemptFinished(
            AT + 2,
            path,
            attempt,
            "tiny",
            "check" if repair else "ok",
            "repair" if repair else "keep",
            "a reply cites a source" if repair else "",
            text,
            "",
            31,
            7,
            20,
            0.5,
            0.1,
            14.0,
        ),
    ]


def a_done_run() -> list[Event]:
    return [
        ModelReady(AT, "tiny", "llamacpp:x", True, 2048, 4, "sha", "http://127.0.0.1:1", 0.9),
        StepStarted(AT, "triage", "agent", 2),
        StepStarted(AT, "triage.0", "agent"),
        *answer("triage.0", 1, "hi", repair=True),
        *answer("triage.0", 2, "low"),
        StepFinished(AT + 2, "triage.0", {"urgency": "low"}, {"attempts": 2}),
        StepSkipped(AT + 2, "triage.1", "its `when` was false"),
        StepFinished(AT + 2, "triage", [{"urgency": "low"}, None], {}),
        RunFinished(AT + 4.2, {"urgency": "low"}),
    ]


def a_failed_run() -> list[Event]:
    return [
        StepStarted(AT, "draft", "agent"),
        *answer("draft", 1, "\x1b]52;c;ZXZpbA==\x07", repair=True),
        StepFailed(AT + 3, "draft", "check", "a reply cites a source", "raise repair"),
        RunFailed(AT + 3, "draft", "check", "a reply cites a source", "raise repair"),
    ]


def a_waiting_run() -> list[Event]:
    return [
        StepStarted(AT, "approve", "ask"),
        AskOpened(AT, "approve", "Send 2 replies?", {"n": 2}, ("send", "drop"), None, None),
        RunWaiting(AT + 1, ("approve",)),
    ]


def a_grouped_run() -> list[Event]:
    """`handle`: two items, each a group of `note` and a loop `polish` of two passes."""

    def one(number: int) -> list[Event]:
        path = f"handle.{number}"
        passes: list[Event] = []
        for turn in (1, 2):
            passes.append(StepStarted(AT, f"{path}.polish~{turn}.draft", "value"))
            passes.append(StepFinished(AT, f"{path}.polish~{turn}.draft", f"take {turn}", {}))
        return [
            StepStarted(AT, path, "steps"),
            StepStarted(AT, f"{path}.note", "value"),
            StepFinished(AT, f"{path}.note", f"note {number}", {}),
            StepStarted(AT, f"{path}.polish", "steps"),
            *passes,
            StepFinished(AT, f"{path}.polish", None, {"container": "steps"}),
            StepFinished(AT, path, None, {"container": "steps"}),
        ]

    return [
        StepStarted(AT, "handle", "steps", 2),
        *one(0),
        *one(1),
        StepFinished(AT, "handle", None, {"container": "foreach"}),
        RunFinished(AT + 1, "x"),
    ]


def record(store: Store, run: str, events: Sequence[Event], at: float = AT) -> None:
    store.create(run, begun(run, at))
    journal = StoreJournal(store, run)
    for event in events:
        journal.append(event)
    journal.close()


def record_all(store: Store) -> None:
    record(store, DONE, a_done_run(), AT)
    record(store, FAILED, a_failed_run(), AT + 60)
    record(store, WAITING, a_waiting_run(), AT + 120)
