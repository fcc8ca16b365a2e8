"""Prices and amounts. Amounts are whole nano-dollars, so that sums are exact. Knows no price list.

A price is in USD per million tokens, so one token at $1 per million costs 1,000 nano-dollars.
"""

from __future__ import annotations

import math
from typing import TypeAlias

from orchestrator.light import light

Nano: TypeAlias = int
"""A billionth of a US dollar."""
DOLLAR: Nano = 1_000_000_000


@light(frozen=True, slots=True)
class Price:
    """USD per million tokens read and written, and per hour of computing for a local model.

    `cached` is for prompt tokens that the server had read before (None: as `input`). `origin` says where it is from:
    `file`, or the name of a price list with its date.
    """

    input: float = 0.0
    output: float = 0.0
    cached: float | None = None
    hour: float = 0.0
    origin: str = "file"


FREE = Price(origin="local")


def nano(usd: float) -> Nano:
    """An amount as it is written, rounded up: a bound is never below what was meant."""
    return math.ceil(round(usd * DOLLAR, 6))


def cost(price: Price, prompt: int, completion: int, *, cached: int = 0, seconds: float = 0.0) -> Nano:
    """What these tokens cost; `cached` of the prompt tokens had been read before. Rounded up per kind of token."""
    warm = price.input if price.cached is None else price.cached
    fresh = max(0, prompt - cached)
    return (
        math.ceil(fresh * price.input * 1000)
        + math.ceil(cached * warm * 1000)
        + math.ceil(completion * price.output * 1000)
        + math.ceil(seconds * price.hour * DOLLAR / 3600)
    )


def dollars(amount: Nano) -> float:
    return amount / DOLLAR


def shown(amount: Nano) -> str:
    """For a person: `$0.0123`, `$1.20`, `$0`; at least two figures that count."""
    usd = dollars(amount)
    if amount == 0:
        return "$0"
    if abs(usd) >= 0.1:
        return f"${usd:,.2f}"
    digits = 1 - math.floor(math.log10(abs(usd)))
    return f"${usd:.{digits}f}"
