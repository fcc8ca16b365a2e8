"""Events for the store's tests, one of every kind, and strategies that make more of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from orchestrator.events import (
    AskAnswered,
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    Event,
    ModelReady,
    RunFailed,
    RunFinished,
    RunInterrupted,
    RunResumed,
    RunStarted,
    RunWaiting,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    Warned,
)
from orchestrator.store.open import open_store
from orchestrator.store.store import Store

AT = 1_795_416_300.25


def a_store(folder: Path, file: str = "store.db") -> Store:
    return open_store(folder / ".orch" / file)


def started(run: str = "1123-0645-k7q", **changes: Any) -> RunStarted:
    facts: dict[str, Any] = {
        "at": AT,
        "run": run,
        "workflow": "support-desk",
        "file": "/project/workflow.yaml",
        "root": "/project",
        "revision": "f0ba319",
        "source": "ab" * 32,
        "version": "0.1.0",
        "inputs": {"tone": "warm", "tickets": [{"id": 1, "body": "hé"}]},
        "options": {},
        "steps": 3,
    }
    return RunStarted(**{**facts, **changes})


def finished(number: int, value: Any = "ok") -> StepFinished:
    return StepFinished(AT + number, f"triage.{number}", value, {"seconds": 0.5})


def one_of_each() -> list[Event]:
    return [
        started(),
        RunResumed(AT + 1, "process 7 on box"),
        ModelReady(AT + 2, "tiny", "llamacpp:x", True, 2048, 4, "sha", "http://127.0.0.1:1", 0.9),
        StepStarted(AT + 3, "triage", "agent", 2),
        AttemptStarted(
            AT + 4,
            "triage.0",
            1,
            "tiny",
            ({"role": "user", "content": "hi"},),
            12,
            True,
            {"prompt": 12},
            True,
        ),
        AttemptFinished(
            AT + 5, "triage.0", 1, "tiny", "ok", "keep", "", "low", "", 12, 3, 0, 0.4, 0.1, 85.0, 1
        ),
        StepFinished(AT + 6, "triage.0", {"urgency": "low"}, {"tokens": 15}, True, "went on"),
        StepSkipped(AT + 7, "triage.1", "its `when` was false"),
        StepFailed(AT + 8, "triage.2", "invalid", "no", "try", True, {"attempts": 2}),
        AskOpened(AT + 9, "approve", "Send?", {"n": 1}, ("send", "drop"), AT + 99, "drop"),
        AskAnswered(AT + 10, "approve", "send", "ann", {"n": 2}),
        Warned(AT + 11, "slow"),
        RunWaiting(AT + 12, ("approve",)),
        RunInterrupted(AT + 13, "Ctrl-C", True),
        RunFailed(AT + 14, "triage", "invalid", "no", "try", 3),
        RunFinished(AT + 15, {"replies": []}),
    ]


def json_values(leaves: int = 30) -> st.SearchStrategy[Any]:
    """Whatever JSON can hold: NUL, characters beyond the basic plane, big numbers, keys that look like blobs."""
    keys = st.one_of(st.text(max_size=8), st.sampled_from(["$blob", "$$blob", "kind", "at", "path", ""]))
    leaf = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**80), 2**80),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        st.sampled_from(["\x00", "😀", "x" * 9000, "é" * 9000, '{"$blob": "00"}']),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
        max_leaves=leaves,
    )
