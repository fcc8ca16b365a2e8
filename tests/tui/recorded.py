"""A store with recorded runs of every kind of span, and the world around it, for tests of the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from orch_tui.ports import Machine, World
from orchestrator.events import (
    AskAnswered,
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    Event,
    ModelReady,
    RunFinished,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    Warned,
)
from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.cli.recorded import AT, record, record_all

VARIED = "1123-0648-ddd"
"""One run with a span of every kind; `record_all` makes the short ones: DONE, FAILED, WAITING."""
MANY = 250
"""Items of its fan-out."""
HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b]8;;http://evil\x07link\x1b]8;;\x07",
    "\u202eright to left\u2066",
    "[@click=app.quit]click[/] [red]red[/red] [link=http://evil]x[/link]",
    "\x9b2J\x85\u2028\ufeff",
    "\U000e0041\u200b\u0301\u0301",
    "zero\u200bwidth 漢字仮名 👩\u200d👩\u200d👧 e\u0301",
)
"""Text that a terminal or a markup reader could obey."""


@dataclass
class Started:
    """In the place of processes: notes what would have been started."""

    calls: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, arguments: Sequence[str], /) -> None:
        self.calls.append(tuple(arguments))


def world(store: Store) -> World:
    """The clock stands a little after the recorded runs; no model is loaded on the machine."""
    return World(store, Started(), Machine, user="sam", now=lambda: AT + 1000)


def store_in(folder: Path) -> Store:
    """A store with all the runs of this module."""
    store = open_store(folder / "runs.db")
    record_all(store)
    record(store, VARIED, a_varied_run(), AT + 180)
    return store


def tried(
    path: str,
    attempt: int,
    text: str,
    *,
    at: float = AT + 1,
    outcome: Literal["ok", "invalid", "cut", "refused", "repeated", "check", "error"] = "ok",
    decision: Literal["keep", "repair", "fail", "call"] = "keep",
    reason: str = "valid",
    prompt: str = "Write a reply.",
    model: str = "tiny",
) -> list[Event]:
    """One attempt: its prompt and its answer."""
    messages = (
        {"role": "system", "content": "You answer letters."},
        {"role": "user", "content": prompt},
    )
    return [
        AttemptStarted(
            at, path, attempt, model, messages, 50, True, {"role": 19, "prompt": len(prompt)}, model == "far"
        ),
        AttemptFinished(
            at + 1, path, attempt, model, outcome, decision, reason, text, "", 50, 12, 30, 1.0, 0.2, 15.0
        ),
    ]


def a_varied_run() -> list[Event]:
    """Text, typed values, attempts, a cloud call, a fan-out, a question; cached, skipped, handled, failed, hostile."""
    return [
        ModelReady(AT, "tiny", "llamacpp:x", True, 2048, 4, "sha", "http://127.0.0.1:1", 0.9),
        ModelReady(AT, "far", "openai:y", False, 128_000, 8, "", "https://api.example", 0.1),
        *_writing(),
        *_many(),
        *_asking(),
        *_endings(),
        StepStarted(AT, "hostile", "agent"),
        *tried("hostile", 1, "\n".join(HOSTILE), prompt="\n".join(HOSTILE)),
        StepFinished(AT + 2, "hostile", "\n".join(HOSTILE), {"attempts": 1, "model": "tiny"}),
        RunFinished(AT + 60, "x"),
    ]


def _writing() -> list[Event]:
    complaint = "Write a reply.\n\nYour answer cannot be used.\nProblem: too long"
    return [
        StepStarted(AT, "letter", "agent"),
        *tried("letter", 1, "{", outcome="invalid", decision="repair", reason="it is no JSON"),
        *tried(
            "letter",
            2,
            "Dear Ann,\nwe are very sorry.",
            at=AT + 3,
            outcome="check",
            decision="repair",
            reason="a reply is short",
            prompt=complaint,
        ),
        *tried("letter", 3, "Dear Ann,\nwe are sorry.", at=AT + 5, prompt=complaint),
        StepFinished(
            AT + 6,
            "letter",
            "# Reply\n\nDear **Ann**,\n\n- one\n- two\n\n```py\nx = 1\n```\n",
            {"attempts": 3, "model": "tiny"},
        ),
        StepStarted(AT + 6, "typed", "agent"),
        *tried(
            "typed", 1, '{"urgency":"low","score":3,"tags":["a","b"],"done":true}', at=AT + 6, model="far"
        ),
        StepFinished(
            AT + 7,
            "typed",
            {"urgency": "low", "score": 3, "tags": ["a", "b"], "done": True},
            {"attempts": 1, "model": "far"},
        ),
    ]


def _many() -> list[Event]:
    events: list[Event] = [StepStarted(AT + 8, "many", "agent", MANY)]
    for item in range(MANY):
        path = f"many.{item}"
        events.append(StepStarted(AT + 8, path, "agent"))
        if item == 7:
            events.append(StepFailed(AT + 9, path, "check", "no source", kept=True))
        else:
            events.append(StepFinished(AT + 9, path, {"number": item}, {}))
    return [*events, StepFinished(AT + 10, "many", None, {"container": "foreach"})]


def _asking() -> list[Event]:
    return [
        StepStarted(AT + 11, "send", "ask"),
        AskOpened(AT + 11, "send", "Send 2 replies?", {"n": 2}, ("send", "drop"), AT + 500, "drop"),
        AskAnswered(AT + 20, "send", "send", "ann"),
        StepFinished(AT + 20, "send", "send", {}),
    ]


def _endings() -> list[Event]:
    return [
        StepStarted(AT + 21, "again", "agent"),
        StepFinished(AT + 21, "again", "the same words", {"attempts": 0, "model": "tiny"}, cached=True),
        StepSkipped(AT + 21, "unwanted", "when: typed.score > 5"),
        StepStarted(AT + 22, "shaky", "python"),
        Warned(AT + 22, "it is slow", "shaky"),
        StepFinished(AT + 23, "shaky", None, {"error": "division by zero"}, handled="division by zero"),
        StepStarted(AT + 24, "broken", "agent"),
        *tried(
            "broken", 1, "no", at=AT + 24, outcome="check", decision="fail", reason="a reply cites a source"
        ),
        StepFailed(AT + 26, "broken", "check", "one answer, none valid", "allow more `repair`", kept=True),
        StepStarted(AT + 27, "group", "steps"),
        StepStarted(AT + 27, "group.note", "value"),
        StepFinished(AT + 27, "group.note", "noted", {}),
        StepFinished(AT + 27, "group", None, {"container": "steps"}),
    ]
