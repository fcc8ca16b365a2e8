"""The budget of a run: reserved in full before a call, settled after it. Pure: no clock, no I/O."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import BudgetExceeded


@dataclass(slots=True)
class Ledger:
    """Counts tokens and calls off this machine. None means unlimited.

    `spent` counts what was used, `reserved` what running calls may still use.
    """

    tokens: int | None = None
    cloud_calls: int | None = None
    spent: int = 0
    reserved: int = 0
    calls: int = 0

    def reserve(self, tokens: int, *, cloud: bool) -> None:
        """Set aside the worst case of one call. Raises BudgetExceeded when it does not fit any more."""
        if self.tokens is not None and self.spent + self.reserved + tokens > self.tokens:
            raise BudgetExceeded(
                f"the budget of {self.tokens} tokens does not allow this call: {self.spent} are spent, "
                f"{self.reserved} reserved by running calls, and it may need {tokens}",
                hint="raise budget.tokens, or lower max_tokens of the step",
            )
        if cloud and self.cloud_calls is not None and self.calls >= self.cloud_calls:
            raise BudgetExceeded(
                f"the budget allows {self.cloud_calls} cloud calls, and all are used",
                hint="raise budget.cloud_calls",
            )
        self.reserved += tokens
        self.calls += cloud

    def settle(self, reserved: int, used: int) -> None:
        """A call ended: give its reservation back and count what it used."""
        self.reserved -= reserved
        self.spent += used
