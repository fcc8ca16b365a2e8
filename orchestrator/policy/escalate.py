"""Whether a step goes up to a bigger model: privacy before budget before the step's own rule. Pure: facts in, choice out.

What decides and what is done are apart: the engine finds the facts out, and only as many as are needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from orchestrator.light import light

Rule: TypeAlias = Literal["before", "when", "failed"]
"""The step's own rule: `before` the local attempt, `when` after it, or nothing valid (`failed`)."""
Choice: TypeAlias = Literal["local", "climb", "keep", "stay", "refuse"]
Ground: TypeAlias = Literal["privacy", "budget", "offline", "before", "when", "failed", "fault"]


@light(frozen=True, slots=True)
class Signals:
    """What is known of an answer when its step decides.

    `invalid`: it does not have its type, or a check said no. `failed`: nothing valid came, for whatever reason.
    `confidence` is between 0 and 1: 0 where nothing valid came, None where nothing is known of it or nobody asked.
    `attempts` counts the answers so far, `prompt_tokens` is the length of the original request as the local model
    counts it. `silent` is the model whose confidence the rule reads, and which gave no log-probabilities.
    """

    invalid: bool = False
    failed: bool = False
    confidence: float | None = None
    attempts: int = 0
    prompt_tokens: int = 0
    silent: str = ""

    def scope(self) -> dict[str, Any]:
        """The names that `when` has in scope: what is not known of an answer counts against it."""
        return {**self.as_dict(), "confidence": self.confidence or 0.0}

    def as_dict(self) -> dict[str, Any]:
        """What is written down of them."""
        return {
            "invalid": self.invalid,
            "failed": self.failed,
            "confidence": self.confidence,
            "attempts": self.attempts,
            "prompt_tokens": self.prompt_tokens,
        }


@light(frozen=True, slots=True)
class Case:
    """The facts of one decision. An empty text means: nothing against it, as far as anybody had to look.

    `wants`: the step's own rule asks for the bigger model. `refused`, `budget` and `fault` are sentences.
    """

    rule: Rule
    wants: bool
    refused: str = ""
    offline: bool = False
    budget: str = ""
    fault: str = ""


@light(frozen=True, slots=True)
class Decision:
    choice: Choice
    rule: Ground
    reason: str


def decide(case: Case, to: str, why: str = "") -> Decision:
    """What is done about the model `to`; `why` is the step's own rule in words."""
    if not case.wants:
        return Decision("local" if case.rule == "before" else "keep", case.rule, why)
    if case.refused:
        return Decision("refuse", "privacy", case.refused)
    if case.offline:
        return Decision("stay", "offline", f"this run is offline, and '{to}' is not on this machine")
    if case.budget:
        return Decision("stay", "budget", case.budget)
    if case.fault:
        return Decision("stay", "fault", case.fault)
    return Decision("climb", case.rule, why)


def carried(carry: Iterable[str], answer: str, problem: str) -> dict[str, str]:
    """What of the attempt before goes along with the original request, by part; what is empty does not."""
    found = {"answer": answer, "errors": problem}
    return {name: found[name] for name in carry if found.get(name)}
