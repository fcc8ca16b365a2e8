"""The price of the model that runs are compared with, kept between commands.

To read the whole price list takes longer than the rest of a small run. What is kept counts for one day and one list.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.money import Price

USUAL = "openai:gpt-5-mini"
"""The model that the rest is compared with when no run has paid one and nobody names one."""
FILE = "usual-price.json"


def named(model: str) -> tuple[str, Price]:
    """Its name in the price list and its price. Raises UsageError for one that is not there."""
    from orchestrator.pricelist import listed, listed_name, near

    name = listed_name(model)
    provider, _, rest = (name or "").partition(":")
    price = listed(rest, provider) if name else None
    if name is None or price is None:
        names = near(model)
        hint = f"did you mean {' or '.join(names)}?" if names else "name one like openai:gpt-5-mini"
        raise UsageError(f"the price list has no model '{model}'", hint=hint)
    return name, price


def usual(folder: Path) -> tuple[str, Price]:
    """Name and price of the usual model; `folder` is the user's cache, and need not exist or be writable."""
    file, stamp = folder / FILE, _stamp()
    known = _known(file, stamp)
    if known is None:
        known = named(USUAL)
        _keep(file, stamp, known)
    return known


def _stamp() -> list[Any]:
    """What the price depends on: the model, the day and the list that is installed."""
    spec = find_spec("genai_prices")
    data = Path(spec.origin).with_name("data.py").stat() if spec is not None and spec.origin else None
    return [USUAL, date.today().isoformat(), data and data.st_mtime_ns, data and data.st_size]  # noqa: DTZ011 - the user's own calendar


def _known(file: Path, stamp: list[Any]) -> tuple[str, Price] | None:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        name, price = kept["name"], Price(**kept["price"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    numbers = (price.input, price.output, price.cached or 0.0, price.hour)
    sound = isinstance(name, str) and all(isinstance(n, (int, float)) and 0 <= n < 1e6 for n in numbers)
    return (name, price) if sound and kept["stamp"] == stamp else None


def _keep(file: Path, stamp: list[Any], known: tuple[str, Price]) -> None:
    from orchestrator.providers.files import write_atomic

    name, price = known
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, json.dumps({"stamp": stamp, "name": name, "price": asdict(price)}))
    except OSError:
        return  # it is read from the list the next time


__all__ = ["FILE", "USUAL", "named", "usual"]
