"""Before a run: which of its models have to take turns in a memory, and how far from the end each of them stands.

Nothing is loaded here. Where everything fits at once, nothing changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping
from functools import partial

from orchestrator.engine.gate import Gate, own_name
from orchestrator.engine.residency import House, Tenant, crowded
from orchestrator.errors import CredentialsMissing, ProviderError
from orchestrator.graph.model import Graph, Scope
from orchestrator.ports import Clock, Footprint, Journal, Resident
from orchestrator.spec.model import ModelSpec


async def settle(
    graph: Graph, gates: Mapping[str, Gate], climbed: Collection[str], journal: Journal, clock: Clock
) -> list[House]:
    """Give every model that has to take turns its place in a house. Raises ProviderError for one that fits nowhere."""
    full = crowded(await _footprints(gates, climbed))
    ranks = dict(_ranks(graph, gates)) if full else {}
    houses: dict[str, House] = {}
    for place in dict.fromkeys(one.place for one in full.values()):
        inside = {name: one for name, one in full.items() if one.place == place}
        houses[place] = _house(inside, gates, ranks, journal, clock)
    return list(houses.values())


async def _footprints(gates: Mapping[str, Gate], climbed: Collection[str]) -> dict[str, Footprint]:
    residents = {name: gate.model for name, gate in gates.items() if isinstance(gate.model, Resident)}
    taken: dict[str, Footprint] = {}
    for name, model in residents.items() if len(residents) > 1 else ():
        try:
            taken[name] = await model.footprint(fetch=name not in climbed)
        except (ProviderError, CredentialsMissing):
            if name not in climbed:  # one that only an `escalate` asks stops no run that may never need it
                raise
    return taken


def _house(
    inside: Mapping[str, Footprint],
    gates: Mapping[str, Gate],
    ranks: Mapping[str, int],
    journal: Journal,
    clock: Clock,
) -> House:
    most = min((one.most for one in inside.values() if one.most is not None), default=None)
    house = House(min(one.room for one in inside.values()), most)
    for weights in dict.fromkeys(one.weights for one in inside.values()):
        names = [name for name, one in inside.items() if one.weights == weights]
        sharing = [gates[name] for name in names]
        tenant = Tenant(
            weights,
            inside[names[0]].bytes,
            partial(_load, sharing, journal, clock),
            partial(_unload, [gate.model for gate in sharing]),
            partial(_prefetch, sharing[0].model),
            rank=max(ranks.get(name, 0) for name in names),
        )
        house.add(tenant)
        for gate in sharing:
            gate.move_in(house, tenant)
    return house


async def _load(gates: list[Gate], journal: Journal, clock: Clock) -> None:
    for gate in gates:
        await gate.load(journal, clock)


async def _prefetch(model: object) -> None:
    if isinstance(model, Resident):
        await model.prefetch()


async def _unload(models: list[object]) -> None:
    await asyncio.gather(*[model.unload() for model in models if isinstance(model, Resident)])


def _ranks(graph: Graph, gates: Mapping[str, Gate]) -> Iterator[tuple[str, int]]:
    """By gate, the number of steps on the longest way from a step that asks it to the end."""
    best: dict[str, int] = {}
    for name, rank in _ranked(graph, graph.scope, 0, {name: gate.spec for name, gate in gates.items()}):
        best[name] = max(rank, best.get(name, 0))
    yield from best.items()


def _ranked(
    graph: Graph, scope: Scope, behind: int, known: Mapping[str, ModelSpec]
) -> Iterator[tuple[str, int]]:
    heights = [behind] * len(scope.nodes)
    for node in reversed(scope.nodes):  # in topological order: successors stand behind
        heights[node.index] = max((heights[s] + 1 for s in node.successors), default=behind)
        for name in (*node.models, *node.ladder):
            yield own_name(graph, name, known), heights[node.index]
        if node.body is not None:
            yield from _ranked(graph, node.body, heights[node.index], known)
        if node.child is not None:
            yield from _ranked(node.child, node.child.scope, heights[node.index], known)
