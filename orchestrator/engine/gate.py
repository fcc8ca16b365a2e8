"""The gate in front of each model: made ready once, and a queue with as many slots as the model has.

The order of calls is decided in that queue and nowhere else. A model that only `escalate` may ask is made ready when it is asked for the first time:
a cloud that is down stops no run that may never need it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from orchestrator.engine.egress import leaves
from orchestrator.engine.queue import Slots, queue_for
from orchestrator.engine.residency import House, Housed, Tenant, TurnTaking
from orchestrator.errors import CredentialsMissing, ProviderError
from orchestrator.events import ModelReady
from orchestrator.graph.model import Graph, asking_nodes
from orchestrator.messages import ModelInfo
from orchestrator.money import FREE, Price
from orchestrator.ports import Clock, Journal, Model, Prices
from orchestrator.spec.model import ModelSpec

REST = 30.0
"""Seconds for which a model that could not be reached is not tried again."""


QueueFor = Callable[[ModelInfo], Slots]
"""Makes what stands before a model of this kind."""


def stated(spec: ModelSpec, *, local: bool) -> Price | None:
    """What the file says about the price, and nothing else."""
    if spec.price is not None:
        return Price(
            spec.price.get("input", 0.0), spec.price.get("output", 0.0), hour=spec.price.get("hour", 0.0)
        )
    return FREE if local else None


class Gate:
    """One model of the run: made ready once, then guarded by its slots.

    `leaves`, `guarded` (it may not see everything) and `price` are known once it is ready; until then it counts as off
    the machine.
    """

    def __init__(
        self, name: str, spec: ModelSpec, model: Model, prices: Prices = stated, queue: QueueFor = queue_for
    ) -> None:
        self.name = name
        self.spec = spec
        self.model = model
        self.info: ModelInfo | None = None
        self.leaves = True
        self.guarded = True
        self.price: Price | None = None
        self.doubted = False
        self.waited = False
        self.silent = False
        self.slots = Slots(1)
        self._prices = prices
        self._queue = queue
        self._preparing = asyncio.Lock()
        self._fault: ProviderError | CredentialsMissing | None = None
        self._rests_until = 0.0
        self._home: tuple[House, Tenant] | None = None

    def move_in(self, house: House, tenant: Tenant) -> None:
        """From now on it takes turns with others: it is loaded when it is its turn."""
        self.model = Housed(self.model, house, tenant)
        self._home = house, tenant

    @property
    def takes_turns(self) -> bool:
        """Whether it is loaded only when it is its turn."""
        return self._home is not None

    async def ready(self, journal: Journal, clock: Clock) -> ModelInfo:
        """What is known of the model, once it can answer. Raises ProviderError or CredentialsMissing.

        After a fault the same fault is raised for a while, without another try.
        """
        if self.info is not None:
            return self.info
        async with self._preparing:
            return self.info or await self._first_time(journal, clock)

    async def _first_time(self, journal: Journal, clock: Clock) -> ModelInfo:
        if self._fault is not None and time.monotonic() < self._rests_until:
            raise self._fault
        if self._home is None:
            return await self.load(journal, clock)
        house, tenant = self._home
        await house.visit(tenant)
        assert self.info is not None
        return self.info

    async def load(self, journal: Journal, clock: Clock) -> ModelInfo:
        """Make it ready, for the first time or once more after it gave up its place."""
        self.info = await self._prepare(journal, clock)
        return self.info

    async def _prepare(self, journal: Journal, clock: Clock) -> ModelInfo:
        began = time.monotonic()
        try:
            info = await self.model.prepare()
        except (ProviderError, CredentialsMissing) as error:
            self._fault, self._rests_until = error, time.monotonic() + REST
            raise
        if self.info is None:
            queue = self._queue(info)
            self.slots = queue if self._home is None else TurnTaking(queue, *self._home)
        else:
            self.slots.cool()
        self.leaves = leaves(self.spec, info)
        self.guarded = self.leaves or self.spec.clearance is not None
        self.price = self._prices(self.spec, local=not self.leaves)
        journal.append(
            ModelReady(
                at=clock.now(),
                model=self.name,
                ref=self.spec.use,
                local=not self.leaves,
                context=info.context,
                slots=info.slots,
                digest=info.digest,
                endpoint=info.endpoint,
                seconds=round(time.monotonic() - began, 3),
                price=None if self.price is None else _told(self.price),
            )
        )
        return info


def _told(price: Price) -> dict[str, float | str]:
    amounts = {
        "input": price.input,
        "output": price.output,
        "cached": price.cached,
        "hour": price.hour or None,
    }
    return {name: value for name, value in amounts.items() if value is not None} | {"origin": price.origin}


# ------------------------------------------------------------------------------- models of a whole graph


def models_needed(graph: Graph) -> dict[str, ModelSpec]:
    """Every model that the graph or a subworkflow of it can call, each under a name that is its alone."""
    return models_of(graph)[0]


def models_climbed(graph: Graph) -> frozenset[str]:
    """The names among `models_needed` that only an `escalate` can call: they are made ready when one does."""
    return models_of(graph)[1]


def models_of(graph: Graph) -> tuple[dict[str, ModelSpec], frozenset[str]]:
    """`models_needed` and `models_climbed` at once."""
    needed: dict[str, ModelSpec] = {}
    first: set[str] = set()
    ladders = _collect(graph, needed, first)
    return needed, frozenset(ladders - first)


def _collect(graph: Graph, needed: dict[str, ModelSpec], first: set[str]) -> set[str]:
    """Fills `needed`, and `first` with what is asked without a climb; returns all names of the ladders."""
    ladders: set[str] = set()
    own: dict[str, str] = {}
    seen: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
    for node in asking_nodes(graph):
        asks = node.models, node.ladder
        if asks not in seen:  # most steps ask what others ask
            seen.add(asks)
            for name in (*node.models, *node.ladder):
                if name not in own:
                    own[name] = own_name(graph, name, needed)
                    needed[own[name]] = graph.models[name]
            first.update([own[name] for name in node.models])
            ladders.update([own[name] for name in node.ladder])
        if node.child is not None:
            ladders |= _collect(node.child, needed, first)
    return ladders


def own_name(graph: Graph, name: str, known: Mapping[str, ModelSpec]) -> str:
    """The name itself, unless another file means another model by it."""
    spec = graph.models[name]
    return name if known.get(name, spec) == spec else f"{graph.file}:{name}"


def gates_of(graph: Graph, gates: Mapping[str, Gate]) -> dict[str, Gate]:
    """The gates of one graph, by the names its own steps use."""
    known = {name: gate.spec for name, gate in gates.items()}
    used = {name for node in asking_nodes(graph) for name in (*node.models, *node.ladder)}
    return {name: gates[own_name(graph, name, known)] for name in used}
