"""The model that a run is compared with: what the same answers would have cost there. Reads the price list offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.graph.model import Graph
    from orchestrator.money import Price
    from orchestrator.report.summary import Summary

USUAL = "openai:gpt-5-mini"
"""The model that the rest is compared with when no run has paid one and nobody names one."""


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


def bigger_of(graph: Graph, cache: Path) -> tuple[str, Price]:
    """The cloud model that a file may ask, with its price; the usual one where it has none with a price.

    `cache` is the user's folder for what can be found again.
    """
    from orchestrator.cli.usual import usual
    from orchestrator.pricelist import price_of
    from orchestrator.providers.registry import is_cloud

    for spec in graph.models.values():
        price = price_of(spec, local=False) if is_cloud(spec) else None
        if price is not None:
            return spec.use, price
    return usual(cache)


def compared(summary: Summary, graph: Graph, cache: Path) -> str:
    """What the run spent and what the bigger model would have cost, for a person; empty when nobody answered."""
    from orchestrator.report.cost import saved

    total = summary.spending.total()
    if not total.answers:
        return ""
    name, price = bigger_of(graph, cache)
    return saved(total, price, name.partition(":")[2])
