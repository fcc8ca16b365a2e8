"""Prices and amounts as the screen says them: what a model takes, what was spent, what it would have cost elsewhere.

Knows no price list: what the record does not say comes through `ports.World`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.events import ModelReady
from orchestrator.money import Price
from orchestrator.report.cost import Line, saved

if TYPE_CHECKING:
    from orch_tui.ports import World
    from orchestrator.report.summary import Summary
    from orchestrator.state import RunState


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The model of the cloud that a run is compared with. `name` is as a file names it: `openai:gpt-5-mini`."""

    name: str
    price: Price

    @property
    def short(self) -> str:
        """Without who bills it."""
        return self.name.partition(":")[2] or self.name


@dataclass(frozen=True, slots=True)
class Comparing:
    """What has to be known to find the model a run is compared with; taken in the thread of the trace."""

    file: str
    named: Mapping[str, Any]
    """Models that were named on the command line in the place of the file's."""
    paid: Elsewhere | None = None
    """The one that cost most in this run."""

    def find(self, world: World) -> Elsewhere | None:
        """None when nobody knows a price. May take a second: called from a thread."""
        if self.paid is not None:
            return self.paid
        found = world.bigger(self.file, self.named)
        return Elsewhere(*found) if found is not None else None


def comparing(state: RunState, summary: Summary) -> Comparing:
    """For a run as it is now."""
    models = state.options.get("models")
    return Comparing(state.file, models if isinstance(models, Mapping) else {}, _paid(state, summary))


def _paid(state: RunState, summary: Summary) -> Elsewhere | None:
    spent: dict[str, int] = {}
    for (_, model), line in summary.spending.lines.items():
        if line.cost:
            spent[model] = spent.get(model, 0) + line.cost
    for model in sorted(spent, key=lambda name: -spent[name]):
        ready = state.models.get(model)
        price = price_of(ready)
        if ready is not None and not ready.local and price is not None:
            return Elsewhere(ready.ref, price)
    return None


def price_of(ready: ModelReady | None) -> Price | None:
    """The price that was recorded; None when nobody knew one, or what is there is no price."""
    stated = ready.price if ready is not None else None
    if stated is None:
        return None
    read, written, hour = (_amount(stated, name) for name in ("input", "output", "hour"))
    if read is None or written is None or hour is None:
        return None
    cached = _amount(stated, "cached") if "cached" in stated else None
    return Price(read, written, cached, hour, str(stated.get("origin", "")))


def _amount(stated: Mapping[str, Any], name: str) -> float | None:
    found = stated.get(name, 0.0)
    return float(found) if isinstance(found, int | float) and 0 <= found < 1e9 else None


def told(price: Price | None, *, local: bool | None) -> str:
    """`$0.25 in, $2 out` per million tokens, `$0.30 an hour`, `free`; empty when nobody knows."""
    if price is None:
        return "free" if local else ""
    parts = []
    if price.input or price.output:
        parts.append(f"${price.input:g} in, ${price.output:g} out")
    if price.hour:
        parts.append(f"${price.hour:g} an hour")
    return " + ".join(parts) or "free"


def against(line: Line, other: Elsewhere | None) -> str:
    """What was spent and what the other model would have taken for it; empty when there is nothing to compare."""
    return saved(line, other.price, other.short) if other is not None else ""
