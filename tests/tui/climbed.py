"""A run whose steps went up to a bigger model, stayed, or were refused: every kind of decision, for tests of the screen."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.events import (
    AttemptFinished,
    AttemptStarted,
    Decided,
    Event,
    ModelReady,
    RunStarted,
    RunWaiting,
    StepFinished,
    StepStarted,
)
from orchestrator.money import Price
from tests.cli.recorded import AT, begun
from tests.tui.recorded import HOSTILE

CLIMBED = "1123-0649-eee"
PAUSE = "the budget of $0.50 does not allow this call: $0.49 are spent, and it may cost $0.02"
PRICE = {"input": 1.0, "output": 2.0, "origin": "file"}
SIGNALS = {"invalid": False, "failed": False, "confidence": 0.412, "attempts": 1, "prompt_tokens": 50}
USUAL = ("openai:gpt-5-mini", Price(0.25, 2.0, origin="list"))
WITHHELD = "[private, not kept; digest 0123456789abcdef0123456789abcdef]"


def first() -> RunStarted:
    """With a budget in dollars, and one in calls."""
    budget = {"usd": 0.5, "cloud_calls": 4, "then": "pause"}
    return replace(begun(CLIMBED), options={"budget": budget}, steps=5)


def a_climbed_run() -> list[Event]:
    """`easy` stays by its rule, `hard` goes up, `dear` and `inner` may not, `odd` is hostile; then it waits for money."""
    return [
        ModelReady(
            AT,
            "tiny",
            "llamacpp:x",
            True,
            2048,
            4,
            "sha",
            "",
            0.9,
            {"input": 0, "output": 0, "origin": "local"},
        ),
        ModelReady(AT, "far", "openai:y", False, 128_000, 8, "", "https://api.example", 0.1, PRICE),
        *_step("easy", [_kept("easy", 0.97), _decided("easy", "keep", "confidence < 0.7 is false", to="")]),
        *_step("hard", [_kept("hard", 0.412, up=True), _climb(), *_asked("hard")], model="far"),
        *_step("dear", [_kept("dear", 0.4), _stay()]),
        *_step("inner", [_kept("inner", 0.4, text=WITHHELD), _refusal()], value=WITHHELD),
        *_step("odd", [_kept("odd", 0.4), _decided("odd", "stay", " ".join(HOSTILE), rule="fault")]),
        RunWaiting(AT + 30, (), PAUSE),
    ]


def _step(path: str, between: list[Event], model: str = "tiny", value: str = "yes") -> list[Event]:
    prompt = AttemptStarted(
        AT + 1, path, 1, "tiny", ({"role": "user", "content": "Is it?"},), 50, True, {"prompt": 50}
    )
    facts = {"attempts": 1 + (model == "far"), "model": model, "escalated": model == "far"}
    return [
        StepStarted(AT + 1, path, "agent"),
        prompt,
        *between,
        StepFinished(AT + 4, path, value, facts),
    ]


def _kept(path: str, confidence: float, *, up: bool = False, text: str = "yes") -> AttemptFinished:
    return AttemptFinished(
        AT + 2, path, 1, "tiny", "ok", "escalate" if up else "keep", "", text, "", 50, 12, 0, 1.0, 0.2, 15.0, 0, 0,
        confidence,
    )  # fmt: skip


def _asked(path: str) -> list[Event]:
    messages = ({"role": "user", "content": "Is it?"},)
    return [
        AttemptStarted(AT + 3, path, 2, "far", messages, 50, False, {"prompt": 50}, True, 1_000_000),
        AttemptFinished(
            AT + 4, path, 2, "far", "ok", "keep", "", "no", "", 60, 2, 0, 1.0, 0.2, 2.0, 0, 64_000, None
        ),
    ]


def _decided(path: str, choice: str, reason: str, *, rule: str = "when", to: str = "far") -> Decided:
    return Decided(
        AT + 2,
        path,
        choice,  # type: ignore[arg-type]
        rule,  # type: ignore[arg-type]
        reason,
        to,
        "flow.yaml:12: when: confidence < 0.7",
        SIGNALS,
    )


def _climb() -> Decided:
    climb = _decided("hard", "climb", "confidence < 0.7 is true")
    return replace(climb, label="internal", clearance="internal", reserved=1_000_000, left=500_000_000)


def _stay() -> Decided:
    stay = _decided("dear", "stay", "escalate.usd allows $0.0001", rule="budget")
    return replace(stay, reserved=1_000_000, left=499_936_000)


def _refusal() -> Decided:
    refusal = _decided("inner", "refuse", "the prompt is private, and far may see internal", rule="privacy")
    return replace(refusal, label="private", clearance="internal")
