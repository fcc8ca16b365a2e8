"""The budget of a run: reserved in full before a call, settled after it. Pure: no clock, no I/O.

A check and its reservation are one step without a wait between them, so that calls that begin at once cannot both
take what is left. Amounts of money are whole nano-dollars.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from orchestrator.errors import BudgetExceeded
from orchestrator.messages import Request
from orchestrator.money import Nano, Price, cost, shown

FRAME_BYTES = 32
"""What a message costs beyond its text: role, quotes, braces, and the marks of a chat template."""
IMAGE_TOKENS = 50_000
"""More than any server counts for one image, whatever its size in bytes."""


class Worst(NamedTuple):
    """What one call may take at most. `usd` is None where nobody knows the price; `cloud`: it leaves the machine."""

    tokens: int
    usd: Nano | None = 0
    cloud: bool = False


def prompt_bound(request: Request) -> int:
    """Tokens the request can take at most: no tokenizer makes more tokens than there are bytes."""
    total = FRAME_BYTES
    for message in request.messages:
        total += len(message.content.encode("utf-8", "surrogatepass")) + FRAME_BYTES
        total += sum(max(IMAGE_TOKENS, len(image.data)) for image in message.images)
    if request.schema is not None:
        total += len(json.dumps(request.schema))  # some servers put it into the prompt
    return total


def worst_of_cloud(request: Request, price: Price | None) -> Worst:
    """The reservation of a call that leaves the machine: bytes of the request and the longest answer, at its price."""
    prompt = prompt_bound(request)
    usd = None if price is None else cost(price, prompt, request.max_tokens)
    return Worst(prompt + request.max_tokens, usd, cloud=True)


@dataclass(slots=True)
class Ledger:
    """Counts tokens, money and calls off this machine. None means unlimited.

    `spent` and `paid` count what was used, `reserved` and `held` what running calls may still use. `closed` says why
    no call may leave the machine any more. `then` is what the file wants done when something does not fit.
    """

    tokens: int | None = None
    cloud_calls: int | None = None
    usd: Nano | None = None
    then: Literal["stay-local", "pause", "fail"] = "fail"
    spent: int = 0
    reserved: int = 0
    calls: int = 0
    paid: Nano = 0
    held: Nano = 0
    closed: str = ""
    paused: str = ""
    """Why the run waits for a larger budget; empty while it does not."""

    @property
    def left(self) -> Nano | None:
        """What no call has spent or reserved; None without a limit."""
        return None if self.usd is None else self.usd - self.paid - self.held

    @property
    def limited(self) -> bool:
        """Whether the file limits anything that a call off this machine uses."""
        return any(limit is not None for limit in (self.tokens, self.cloud_calls, self.usd))

    def forbids(self, worst: Worst) -> BudgetExceeded | None:
        """Why this call may not be made now; None when it may."""
        if self._short_of_tokens(worst):
            return BudgetExceeded(
                f"the budget of {self.tokens} tokens does not allow this call: {self.spent} are spent, "
                f"{self.reserved} reserved by running calls, and it may need {worst.tokens}",
                hint="raise budget.tokens, or lower max_tokens of the step",
            )
        return self._forbids_cloud(worst) if worst.cloud else None

    def forbids_for_good(self, worst: Worst) -> bool:
        """Whether this call would not fit either when all running calls had given back what they reserved.

        Calls are not given back: one that was made counts.
        """
        free = replace(self, reserved=0, held=0) if self.reserved or self.held else self
        return free.forbids(worst) is not None

    def goes_on_without(self, worst: Worst) -> bool:
        """Whether the run goes on when this call does not fit.

        Not for want of tokens: local calls use them too, and what goes on would tell how long private texts were.
        """
        return self.then == "stay-local" and worst.cloud and not self._short_of_tokens(worst)

    def _short_of_tokens(self, worst: Worst) -> bool:
        return self.tokens is not None and self.spent + self.reserved + worst.tokens > self.tokens

    def _forbids_cloud(self, worst: Worst) -> BudgetExceeded | None:
        if self.closed:
            return BudgetExceeded(f"no call leaves the machine any more: {self.closed}")
        if self.cloud_calls is not None and self.calls >= self.cloud_calls:
            return BudgetExceeded(
                f"the budget allows {self.cloud_calls} cloud calls, and all are used",
                hint="raise budget.cloud_calls",
            )
        if self.usd is None:
            return None
        if worst.usd is None:
            return BudgetExceeded(
                "there is a budget in dollars, and nobody knows what this model costs",
                hint="say it: price: {input: …, output: …}",
            )
        if self.paid + self.held + worst.usd > self.usd:
            return BudgetExceeded(
                f"the budget of {shown(self.usd)} does not allow this call: {shown(self.paid)} are spent, "
                f"{shown(self.held)} reserved by running calls, and it may cost {shown(worst.usd)}",
                hint="raise budget.usd, or lower max_tokens of the step",
            )
        return None

    def reserve(self, worst: Worst) -> None:
        """Set aside the worst case of one call. Raises BudgetExceeded when it does not fit any more."""
        if worst.cloud or self.tokens is not None:
            refused = self.forbids(worst)
            if refused is not None:
                raise refused
        self.reserved += worst.tokens
        if worst.cloud:
            self.calls += 1
            self.held += worst.usd or 0

    def settle(self, worst: Worst, tokens: int, usd: Nano = 0) -> None:
        """A call ended: give its reservation back and count what it used."""
        self.reserved -= worst.tokens
        self.spent += tokens
        if worst.cloud:
            self.held -= worst.usd or 0
            self.paid += usd


def overrun(worst: Worst, tokens: int, usd: Nano) -> str:
    """How a bill is larger than what was reserved for it; empty when it is not."""
    if worst.usd is not None and usd > worst.usd:
        return f"a call was billed {shown(usd)}, and at most {shown(worst.usd)} had been possible"
    if tokens > worst.tokens:
        return f"a call was billed {tokens:,} tokens, and at most {worst.tokens:,} had been possible"
    return ""


def too_dear(worst: Worst, cap: Nano | None, name: str) -> str:
    """Why one call of the model `name` is above `escalate.usd`; empty when it is not, or costs nothing."""
    if cap is None or not worst.cloud:
        return ""
    if worst.usd is None:
        return f"escalate.usd bounds a call to '{name}', and nobody knows what it costs"
    if worst.usd > cap:
        return f"a call of '{name}' may cost {shown(worst.usd)}, and escalate.usd allows {shown(cap)}"
    return ""
