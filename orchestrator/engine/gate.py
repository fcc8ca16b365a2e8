"""The gate in front of each model: the queue between ready and running.

It lets as many requests through as the model has slots, first come first served. The order of calls is
decided here and nowhere else.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType

from orchestrator.events import ModelReady
from orchestrator.graph.model import Graph, all_nodes
from orchestrator.messages import ModelInfo
from orchestrator.ports import Clock, Journal, Model
from orchestrator.spec.model import ModelSpec


class Slots:
    """A fair counter of free slots; entering costs nothing while one is free."""

    __slots__ = ("_free", "_waiting")

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self._free > 0:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release()  # the slot was handed over in the moment of the cancellation
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def _release(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class Gate:
    """One model of the run: made ready once, then guarded by its slots."""

    def __init__(self, name: str, spec: ModelSpec, model: Model) -> None:
        self.name = name
        self.spec = spec
        self.model = model
        self.info: ModelInfo | None = None
        self.slots = Slots(1)
        self._preparing = asyncio.Lock()

    async def ready(self, journal: Journal, clock: Clock) -> ModelInfo:
        """What is known of the model, once it can answer. Raises ProviderError or CredentialsMissing."""
        if self.info is not None:
            return self.info
        async with self._preparing:
            if self.info is None:
                began = time.monotonic()
                info = await self.model.prepare()
                self.slots = Slots(max(1, info.slots))
                self.info = info
                journal.append(
                    ModelReady(
                        at=clock.now(),
                        model=self.name,
                        ref=self.spec.use,
                        local=info.local,
                        context=info.context,
                        slots=info.slots,
                        digest=info.digest,
                        endpoint=info.endpoint,
                        seconds=round(time.monotonic() - began, 3),
                    )
                )
        return self.info


# ------------------------------------------------------------------------------- models of a whole graph


def models_needed(graph: Graph) -> dict[str, ModelSpec]:
    """Every model that the graph or a subworkflow of it can call, each under a name that is its alone."""
    needed: dict[str, ModelSpec] = {}
    _collect(graph, needed)
    return needed


def _collect(graph: Graph, needed: dict[str, ModelSpec]) -> None:
    for node in all_nodes(graph.scope):
        for name in node.models:
            needed[_own_name(graph, name, needed)] = graph.models[name]
        if node.child is not None:
            _collect(node.child, needed)


def _own_name(graph: Graph, name: str, known: Mapping[str, ModelSpec]) -> str:
    """The name itself, unless another file means another model by it."""
    spec = graph.models[name]
    return name if known.get(name, spec) == spec else f"{graph.file}:{name}"


def gates_of(graph: Graph, gates: Mapping[str, Gate]) -> dict[str, Gate]:
    """The gates of one graph, by the names its own steps use."""
    known = {name: gate.spec for name, gate in gates.items()}
    used = {name for node in all_nodes(graph.scope) for name in node.models}
    return {name: gates[_own_name(graph, name, known)] for name in used}
