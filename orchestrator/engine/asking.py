"""What is shared while models are asked for the answer of one instance: whose it is, what was spent, what is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from orchestrator.engine.frame import Frame
from orchestrator.engine.gate import Gate
from orchestrator.engine.looked import Looked
from orchestrator.engine.prompt import Prompt
from orchestrator.engine.recover import Tried
from orchestrator.engine.run import Run
from orchestrator.graph.model import Node
from orchestrator.messages import Request, TokenCount
from orchestrator.money import Nano, dollars
from orchestrator.policy.budget import Worst

Verdict = Literal["ok", "invalid", "cut", "refused", "repeated", "check"]
Conclusion = Literal["keep", "repair", "fail", "escalate", "call"]
Admit: TypeAlias = "Callable[[Asking, Worst], None]"
"""Reserves a call or raises; called when its slot is free, immediately before it is sent."""


@dataclass(slots=True)
class Spent:
    """What one step used, over all its attempts and models. `cost` is in nano-dollars."""

    attempts: int = 0
    prompt: int = 0
    completion: int = 0
    seconds: float = 0.0
    cost: Nano = 0
    calls: int = 0
    """Of tools."""

    def take(self, tried: Tried) -> None:
        """Count what was used before the run was interrupted."""
        self.attempts += tried.attempts
        self.prompt += tried.prompt
        self.completion += tried.completion
        self.seconds += tried.seconds
        self.cost += tried.cost

    def facts(self, model: str, confidence: float | None = None) -> dict[str, Any]:
        facts = {
            "model": model,
            "tokens": self.prompt + self.completion,
            "attempts": self.attempts,
            "seconds": round(self.seconds, 4),
            "error": None,
        }
        if self.cost:
            facts["usd"] = dollars(self.cost)
        if confidence is not None:
            facts["confidence"] = confidence
        return facts


@dataclass(slots=True)
class Asking:
    """One instance of a step while models are asked for its answer. `extra` holds `items` of a reduce.

    Nothing but `spent` and `looked` changes; frozen it would be slower to make, and each step makes one. So it is with the others.
    """

    run: Run
    node: Node
    frame: Frame
    path: str
    extra: Mapping[str, Any] | None = None
    vary: int = 0
    """Which of several samples of the same prompt this is, from 1."""
    spent: Spent = field(default_factory=Spent)
    looked: Looked | None = None
    """What was looked up before anybody is asked; None where the step looks nothing up."""

    def facts(self, model: str, confidence: float | None = None) -> dict[str, Any]:
        """What stands under `steps.<name>` when this model gave the answer."""
        facts = self.spent.facts(model, confidence)
        if self.looked is not None and self.looked.searched and self.run.keeps_facts:
            facts["sources"] = [dict(source) for source in self.looked.shown_to(model)]
        return facts


@dataclass(slots=True)
class Draft:
    """A request to one model that fits, and what belongs to it. `parts` are its parts by the names of its labels."""

    gate: Gate
    prompt: Prompt
    request: Request
    count: TokenCount
    parts: tuple[str, ...]
    key: str | None
    read: Callable[[str], Any]
    """From an answer that is plainly of the declared type to its value (`policy.plainly`)."""
