"""The line in front of the budget: a call that fits but for what running calls have reserved waits until one settles.

First come, first served. Whoever is at its head decides again after each settlement; behind nobody's reservation the
ledger's answer is final, so that nobody waits for nothing. Knows no prices and no models.
"""

from __future__ import annotations

import asyncio

from orchestrator.money import Nano
from orchestrator.policy.budget import Ledger, Worst


class Line:
    """Who waits for room in a ledger. Settling goes through here, so that they hear of it."""

    __slots__ = ("_head", "_ledger", "_settled", "_waiting")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._head = asyncio.Lock()
        self._settled = asyncio.Event()
        self._waiting = 0

    def is_due(self, worst: Worst) -> bool:
        """Whether this call can be decided now; else its caller awaits `turn` first."""
        ledger = self._ledger
        if ledger.tokens is None and not worst.cloud:
            return True
        if ledger.forbids_for_good(worst):
            return True
        return self._waiting == 0 and ledger.forbids(worst) is None

    async def turn(self, worst: Worst) -> None:
        """Wait until this call fits or never will. The caller reserves without waiting in between."""
        self._waiting += 1
        try:
            async with self._head:
                while self._ledger.forbids(worst) is not None and not self._ledger.forbids_for_good(worst):
                    self._settled.clear()
                    await self._settled.wait()
        finally:
            self._waiting -= 1

    def settle(self, worst: Worst, tokens: int, usd: Nano = 0) -> None:
        """A call ended: what it reserved and did not use is there for who waits."""
        self._ledger.settle(worst, tokens, usd)
        if self._waiting:
            self._settled.set()
