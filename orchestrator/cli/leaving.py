"""What may leave this machine in a run, in words: which bytes, to where, how often, at what price; and what it cost before.

For `orch plan`. Knows the price list and the store, prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from orchestrator.money import dollars, shown
from orchestrator.report.words import count

if TYPE_CHECKING:
    from orchestrator.graph.model import Graph
    from orchestrator.money import Price
    from orchestrator.plan.overview import Overview
    from orchestrator.plan.spend import Expected, Leaving, Past
    from orchestrator.spec.model import ModelSpec
    from orchestrator.store.store import Store

HEADER = ("may leave", "to", "when", "what", "bytes ≤", "calls ≤", "a call ≤", "in all ≤")


def price(spec: ModelSpec) -> Price | None:
    """What a model off this machine costs."""
    from orchestrator.pricelist import price_of

    return price_of(spec, local=False)


def rows(plan: Overview) -> list[tuple[str, ...]]:
    """One row per step and model, then one per other way out."""
    models_out = [_row(one, plan) for one in plan.leaves]
    models = {(one.step, one.model) for one in plan.leaves}
    others = [way for way in plan.exits if (way.step, way.sink) not in models]
    return models_out + [
        (way.step, way.sink, way.kind, _parts(way.parts, way.label, way.lowered), "–", "–", "–", "–")
        for way in others
    ]


def _row(one: Leaving, plan: Overview) -> tuple[str, ...]:
    way = next((way for way in plan.exits if (way.step, way.sink) == (one.step, one.model)), None)
    more = "".join(f" + {name}" for name in one.open[:2]) + (" + …" if len(one.open) > 2 else "")
    return (
        one.step,
        f"{one.model} ({one.ref})",
        "if it escalates" if one.climbs else "always",
        _parts(way.parts, way.label, way.lowered) if way is not None else "its prompt",
        f"{one.bytes:,}{more}",
        str(one.calls),
        _each(one),
        "–" if one.whole is None else shown(one.whole),
    )


def _parts(parts: tuple[str, ...], label: str, lowered: tuple[str, ...]) -> str:
    made = f", after {', '.join(lowered)}" if lowered else ""
    return f"{', '.join(parts) or 'that it is called'} ({label}{made})"


def _each(one: Leaving) -> str:
    if one.price is None:
        return "price unknown"
    if one.each is None:
        return "open"
    return shown(one.each) + (f" ({one.caps})" if one.caps else "")


def sentences(
    graph: Graph, plan: Overview, expected: Expected | None, *, offline: bool = False
) -> Iterator[str]:
    """What it comes to; that nothing can leave is said in words."""
    if offline:
        yield "leaves this machine: nothing; this run is offline, steps that would escalate stay local"
        return
    if not plan.leaves and not plan.exits:
        yield "leaves this machine: nothing; no model, tool or embedder of this file is off this machine"
        return
    yield from _worst(graph, plan)
    if expected is not None:
        share = f"{expected.away:,} of {count(expected.answers, 'answer')} from off this machine"
        yield f"as in {count(expected.runs, 'run')} before: about {shown(expected.cost)}, {share}"


def _worst(graph: Graph, plan: Overview) -> Iterator[str]:
    from orchestrator.plan.spend import worst

    unpriced = list(dict.fromkeys(one.ref for one in plan.leaves if one.price is None))
    whole, budget = worst(plan.leaves), graph.workflow.budget
    if plan.leaves and whole is not None:
        yield f"at most {shown(whole)} in all, if every call is made and none has to be sent again"
    elif plan.leaves:
        yield "no bound for the whole cost: " + (
            f"nobody knows what {', '.join(unpriced)} costs" if unpriced else "a length or a count is open"
        )
    if budget is not None and budget.usd is not None:
        then = {"stay-local": "then it stays local", "pause": "then it waits", "fail": "then it ends"}[
            budget.then
        ]
        yield f"budget.usd allows ${budget.usd:g}; {then}"
    if budget is not None and budget.cloud_calls is not None:
        yield f"budget.cloud_calls allows {count(budget.cloud_calls, 'call')}"
    prices = {one.ref: one.price for one in plan.leaves if one.price is not None}
    for ref, known in prices.items():
        yield f"{ref}: ${known.input:g} / ${known.output:g} per million tokens in / out ({known.origin})"


def history(plan: Overview, workflow: str, store: Store) -> Expected | None:
    """The expected case from the runs of this workflow in the store. Raises StoreError."""
    from orchestrator.plan.spend import Past, expected
    from orchestrator.report.summary import costs
    from orchestrator.store.spending import spent

    found = spent(store, costs, workflow=workflow, damaged=lambda *_: None)
    past: dict[str, Past] = {}
    for row in found:
        line = row.line
        away = line["answers"] if line["local"] is False else 0
        past[row.step] = past.get(row.step, Past()) + Past(line["answers"], away, line["cost"])
    return expected((step.bound for step in plan.steps), past, len({row.run for row in found}))


def data(plan: Overview, expected: Expected | None) -> dict[str, Any]:
    """The same as JSON; amounts in USD."""
    from orchestrator.plan.spend import worst

    whole = worst(plan.leaves)
    return {
        "leaves": [
            {
                "step": one.step,
                "model": one.model,
                "ref": one.ref,
                "escalation": one.climbs,
                "bytes": one.bytes,
                "open": list(one.open),
                "calls": str(one.calls) if one.calls.known is None else one.calls.known,
                "usd_per_call": None if one.each is None else dollars(one.each),
                "usd": None if one.whole is None else dollars(one.whole),
            }
            for one in plan.leaves
        ],
        "exits": [
            {
                "step": way.step,
                "sink": way.sink,
                "kind": way.kind,
                "label": way.label,
                "clearance": way.clearance,
                "parts": list(way.parts),
                "lowered_by": list(way.lowered),
            }
            for way in plan.exits
        ],
        "usd_worst": None if whole is None else dollars(whole),
        "usd_expected": None if expected is None else dollars(expected.cost),
    }


__all__ = ["HEADER", "data", "history", "price", "rows", "sentences"]
