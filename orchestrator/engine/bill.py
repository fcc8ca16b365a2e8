"""What a call off this machine has reserved, over all the times it is sent, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.engine.asking import Asking
from orchestrator.engine.gate import Gate
from orchestrator.errors import ProviderError
from orchestrator.events import Decided, Warned
from orchestrator.messages import Completion
from orchestrator.money import FREE, Nano, cost
from orchestrator.policy.budget import Worst, overrun

UNBILLED = frozenset({"unreachable", "auth", "not_found", "rate_limited", "overflow"})
"""Faults by which a server says that it did not answer; after any other the whole reservation counts as spent."""


@dataclass(slots=True)
class Bill:
    """The reservations of one call: one for each time it is sent."""

    at: Asking
    gate: Gate
    worst: Worst
    lost: Nano = 0
    """What tries that failed may have cost."""
    open: bool = True

    async def again(self, error: ProviderError) -> bool:
        """Whether the request may be sent once more: only with a reservation of its own, durable before it is sent."""
        run = self.at.run
        self.failed(error)
        if run.ledger.forbids(self.worst) is not None:
            return False
        run.ledger.reserve(self.worst)
        self.open = True
        left, reserved = run.ledger.left, self.worst.usd or 0
        reason = f"sent again after a fault: {error.message}"
        run.emit(
            Decided(
                run.now(),
                self.at.path,
                "again",
                "fault",
                reason,
                self.gate.name,
                reserved=reserved,
                left=left,
            )
        )
        await run.ports.journal.flush()
        return True

    def failed(self, error: ProviderError) -> None:
        """The try that is open ended in a fault."""
        if not self.open:
            return
        if error.kind in UNBILLED:
            self._settle(0, 0)
        else:
            self.lost += self.worst.usd or 0
            self._settle(self.worst.tokens, self.worst.usd or 0)

    def paid(self, completion: Completion) -> Nano:
        """The answer came: what the call cost in all. A bill above its reservation closes the way out."""
        usage = completion.usage
        tokens, price = usage.prompt + usage.completion, cost_of(self.gate, completion, self.worst)
        self._settle(tokens, price)
        if self.worst.cloud and (how := overrun(self.worst, tokens, price)):
            _close(self.at, self.gate, how)
        return self.lost + price

    def close(self) -> None:
        """Nobody knows what became of the try that is still open: it counts in full."""
        if self.open:
            self._settle(self.worst.tokens, self.worst.usd or 0)

    def _settle(self, tokens: int, usd: Nano) -> None:
        self.open = False
        self.at.run.line.settle(self.worst, tokens, usd)


def cost_of(gate: Gate, completion: Completion, worst: Worst) -> Nano:
    """The bill; without one of the server's own (an estimate) the whole reservation."""
    price, usage = gate.price, completion.usage
    if price is None or price is FREE:
        return 0
    if worst.cloud and usage.estimated:
        return worst.usd or 0
    seconds = completion.timings.total if price.hour else 0.0
    return cost(price, usage.prompt, usage.completion, cached=usage.cached, seconds=seconds)


def _close(at: Asking, gate: Gate, how: str) -> None:
    run = at.run
    capped = getattr(getattr(at.node.step, "escalate", None), "usd", None) is not None
    closes = run.ledger.limited or capped
    if closes:
        run.ledger.closed = f"{how} (model '{gate.name}')"
    after = "; no call leaves the machine any more in this run" if closes else ""
    run.emit(Warned(at=run.now(), path=at.path, message=f"overrun: {how} by model '{gate.name}'{after}"))
