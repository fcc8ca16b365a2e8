"""The model that a run is compared with: what the same answers would have cost there. Reads the price list offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.usual import usual

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.graph.model import Graph
    from orchestrator.money import Price
    from orchestrator.report.summary import Summary


def bigger_of(graph: Graph, cache: Path) -> tuple[str, Price]:
    """The cloud model that a file may ask, with its price; the usual one where it has none with a price.

    `cache` is the user's folder for what can be found again.
    """
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
