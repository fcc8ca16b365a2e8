"""What one instance knows while it climbs: the facts that its rules read, and every decision written down with them.

Decides nothing and asks nobody: `climb` does, by the rules of `policy.escalate`.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.engine.asking import Asking
from orchestrator.engine.egress import Refusal
from orchestrator.engine.gate import Gate
from orchestrator.errors import StepError
from orchestrator.events import Decided
from orchestrator.money import Nano
from orchestrator.policy.escalate import Case, Decision, Rule, Signals, decide

NOTHING = Signals()
"""Before anything is known; shared, since every instance of an agent step begins with it."""


@dataclass(slots=True)
class Ground:
    """Changes with every answer and with every model that gave none."""

    at: Asking
    signals: Signals = NOTHING
    error: StepError | None = None
    """Why the last model that was asked gave nothing valid."""
    overflowed: bool = False
    not_asked: tuple[str, ...] = ()
    """Why rungs were not asked."""

    @property
    def rule(self) -> Rule:
        own = "escalate" in self.at.node.programs
        return "when" if own and not self.overflowed else "failed"

    def passed_over(self) -> None:
        """`before` does not ask for a bigger model."""
        said = sentence(self.at.node.programs["before"].source, yes=False)
        self._tell(decide(Case("before", wants=False), "", said), "")

    def stays(self) -> None:
        """The rule does not ask for more."""
        self._tell(decide(Case(self.rule, wants=False), "", self._why(yes=False)), "")

    def not_climbed(
        self,
        gate: Gate,
        rule: Rule,
        *,
        refusal: Refusal | None = None,
        offline: bool = False,
        budget: str = "",
        fault: str = "",
        reserved: Nano = 0,
        left: Nano | None = None,
    ) -> None:
        """This rung is not asked, or in vain."""
        said = refusal.sentence(self.at.path) if refusal is not None else ""
        case = Case(rule, wants=True, refused=said, offline=offline, budget=budget, fault=fault)
        decision = decide(case, gate.name, self._why(yes=True))
        self.not_asked += (decision.reason,)
        label, clearance = (refusal.label, refusal.clearance) if refusal is not None else ("", "")
        self._tell(decision, gate.name, label, clearance, reserved, left)

    def climbed(
        self,
        gate: Gate,
        rule: Rule,
        label: str,
        clearance: str,
        reserved: Nano,
        left: Nano | None,
        evidence: Signals | None = None,
    ) -> None:
        why = self._why(yes=True, rule=rule, evidence=evidence)
        decision = decide(Case(rule, wants=True), gate.name, why)
        self._tell(decision, gate.name, label, clearance, reserved, left, evidence)

    def _tell(
        self,
        decision: Decision,
        to: str,
        label: str = "",
        clearance: str = "",
        reserved: Nano = 0,
        left: Nano | None = None,
        evidence: Signals | None = None,
    ) -> None:
        at = self.at
        at.run.emit(
            Decided(
                at=at.run.now(),
                path=at.path,
                choice=decision.choice,
                rule=decision.rule,
                reason=decision.reason,
                to=to,
                policy=self._policy(decision.rule),
                signals=(evidence or self.signals).as_dict(),
                label=label,
                clearance=clearance,
                reserved=reserved,
                left=left,
            )
        )

    def _why(self, *, yes: bool, rule: Rule | None = None, evidence: Signals | None = None) -> str:
        if rule == "before":
            return sentence(self.at.node.programs["before"].source, yes=yes)
        if self.rule == "when":
            said = sentence(self.at.node.programs["escalate"].source, yes=yes)
            silent = (evidence or self.signals).silent
            return f"{said}: {_silence(silent)}" if silent else said
        return self.error.message if yes and self.error is not None else "a valid answer stands"

    def _policy(self, rule: str) -> str:
        """The line of the file that decided."""
        mark, programs = self.at.node.mark, self.at.node.programs
        place = f"{mark.file}:{mark.line}"
        match rule:
            case "before":
                return f"{place}: before: {programs['before'].source}"
            case "when":
                return f"{place}: when: {programs['escalate'].source}"
            case "failed":
                return f"{place}: overflow: escalate" if self.overflowed else f"{place}: when: failed"
            case _:
                return place


def _silence(name: str) -> str:
    return f"no log-probabilities of '{name}' say how sure it was, so its confidence counts as 0"


def sentence(source: str, *, yes: bool) -> str:
    return f"{source} is {'true' if yes else 'false'}"


__all__ = ["Ground"]
