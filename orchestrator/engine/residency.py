"""Models that take turns in a memory which cannot hold all of them.

A model that is loaded keeps its place until nothing that is ready needs it: N items through M models are M loads, not
N times M. Then the model goes that has the longest way to the end behind it, and among equals the one that was asked for
first; whoever was passed over a thousand times goes before all. Knows no provider: what a model takes, loading and
unloading are its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.engine.queue import Slots
from orchestrator.errors import CredentialsMissing, ProviderError
from orchestrator.messages import Completion, Message, ModelInfo, Request, TokenCount
from orchestrator.ports import Emit, Footprint, Model

if TYPE_CHECKING:
    from orchestrator.engine.asking import Draft

CROWD = 1024
"""Instances open at once where models take turns: so many items go through one model before the next is loaded."""
BOUND = 4 * CROWD
"""Entries of others after which a model that is waited for is not passed over again."""
TAIL = 4
"""So many requests of a model are left when the weights of the next one are brought nearer."""
BREATHS = 8
"""Turns of the loop in which steps that just got an answer say what they need next."""


@dataclass(eq=False, slots=True)
class Tenant:
    """One set of weights in a house. `rank` is how long the way to the end of the workflow is behind its steps."""

    weights: str
    bytes: int
    load: Callable[[], Coroutine[Any, Any, object]]
    unload: Callable[[], Coroutine[Any, Any, None]]
    prefetch: Callable[[], Coroutine[Any, Any, None]]
    rank: int = 0
    loaded: bool = False
    open: bool = False
    """Whether it takes requests: loaded, and nobody has waited too long for its place."""
    inside: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    since: int = 0
    passed: int = 0


class House:
    """One memory: `room` bytes and at most `most` models at once."""

    def __init__(self, room: int, most: int | None = None) -> None:
        self._room = room
        self._most = most
        self._tenants: list[Tenant] = []
        self._moving: asyncio.Task[None] | None = None
        self._nearer: Tenant | None = None
        self._changed = False
        self._now = 0

    def add(self, tenant: Tenant) -> None:
        self._tenants.append(tenant)

    async def enter(self, tenant: Tenant) -> None:
        """Return once it is loaded; it stays until `leave`. Raises what loading it raises."""
        if not tenant.open:
            turn = asyncio.get_running_loop().create_future()
            if not tenant.waiting:
                tenant.since, tenant.passed = self._next(), 0
            tenant.waiting.append(turn)
            self._look()
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled() and turn.exception() is None:
                    self.leave(tenant)
                raise
        else:
            self.enter_now(tenant)

    def enter_now(self, tenant: Tenant) -> None:
        """Go into one that is open."""
        tenant.inside += 1
        self._next()
        for other in self._tenants:
            if other.waiting and other is not tenant:
                other.passed += 1
                if other.passed >= BOUND:
                    tenant.open = False

    def leave(self, tenant: Tenant) -> None:
        tenant.inside -= 1
        if tenant.inside <= TAIL:
            self._look()

    async def visit(self, tenant: Tenant) -> None:
        """Return once it was loaded."""
        await self.enter(tenant)
        self.leave(tenant)

    async def close(self) -> None:
        """Nobody comes any more."""
        if self._moving is not None:
            self._moving.cancel()
            await asyncio.gather(self._moving, return_exceptions=True)

    # ------------------------------------------------------------------------------------------- moving

    def _look(self) -> None:
        """Something changed: see whether somebody can come in now."""
        self._changed = True
        if self._moving is None and any(_wanted(tenant) for tenant in self._tenants):
            self._moving = asyncio.create_task(self._move())
            self._moving.add_done_callback(self._moved)

    def _moved(self, task: asyncio.Task[None]) -> None:
        """A fault of ours is told to everybody who waits: they would wait for ever."""
        if task.cancelled() or (fault := task.exception()) is None:
            return
        for tenant in self._tenants:
            for turn in _taken(tenant):
                turn.set_exception(fault)

    async def _move(self) -> None:
        """Let models in until nobody waits, or nothing changed since the one that waits did not fit."""
        try:
            while self._changed:
                for _ in range(BREATHS):
                    await asyncio.sleep(0)
                self._changed = False
                coming = self._next_tenant()
                if coming is None:
                    return
                if await self._make_room(coming):
                    await self._let_in(coming)
                    self._changed = True
                else:
                    await self._prefetch(coming)
        finally:
            self._moving = None

    def _next_tenant(self) -> Tenant | None:
        waiting = [tenant for tenant in self._tenants if _wanted(tenant)]
        return min(waiting, key=lambda t: (t.passed < BOUND, -t.rank, t.since), default=None)

    async def _make_room(self, coming: Tenant) -> bool:
        """Whether it fits now; models that nobody needs leave for it, the one used the longest ago first."""
        if coming.loaded:
            return not any(t.passed >= BOUND and t is not coming for t in self._tenants if _wanted(t))
        idle = [t for t in self._tenants if t.loaded and not t.inside and not (t.open and t.waiting)]
        for tenant in sorted(idle, key=lambda t: t.since):
            if self._fits(coming):
                break
            tenant.loaded = tenant.open = False
            await tenant.unload()
        return self._fits(coming)

    def _fits(self, coming: Tenant) -> bool:
        inside = [tenant for tenant in self._tenants if tenant.loaded]
        if not inside:
            return True
        few = self._most is None or len(inside) < self._most
        return few and sum(tenant.bytes for tenant in inside) + coming.bytes <= self._room

    async def _prefetch(self, coming: Tenant) -> None:
        if coming is not self._nearer and all(tenant.inside <= TAIL for tenant in self._tenants):
            self._nearer = coming
            await coming.prefetch()

    async def _let_in(self, coming: Tenant) -> None:
        try:
            if not coming.loaded:
                await coming.load()
        except (ProviderError, CredentialsMissing) as error:
            for turn in _taken(coming):
                turn.set_exception(error)
            return
        coming.loaded = coming.open = True
        self._nearer = None
        coming.since = self._next()
        for turn in _taken(coming):
            self.enter_now(coming)
            turn.set_result(None)

    def _next(self) -> int:
        self._now += 1
        return self._now


def _wanted(tenant: Tenant) -> bool:
    while tenant.waiting and tenant.waiting[0].done():
        tenant.waiting.popleft()  # its caller was cancelled
    return bool(tenant.waiting)


def _taken(tenant: Tenant) -> list[asyncio.Future[None]]:
    turns = [turn for turn in tenant.waiting if not turn.done()]
    tenant.waiting.clear()
    return turns


# ------------------------------------------------------------------------------- what the engine sees of it


class TurnTaking(Slots):
    """The slots of a model that has to be loaded first."""

    __slots__ = ("_house", "_inner", "_tenant")

    def __init__(self, inner: Slots, house: House, tenant: Tenant) -> None:
        super().__init__(0)
        self._inner, self._house, self._tenant = inner, house, tenant

    @property
    def learns(self) -> bool:  # type: ignore[override]
        return self._inner.learns

    def take(self, draft: Draft) -> bool:
        if self._tenant.open and self._inner.take(draft):
            self._house.enter_now(self._tenant)
            return True
        return False

    async def turn(self, draft: Draft) -> None:
        """Wait until it is loaded, then for one of its slots: who waits for a slot keeps it where it is."""
        await self._house.enter(self._tenant)
        try:
            if not self._inner.take(draft):
                await self._inner.turn(draft)
        except BaseException:
            self._house.leave(self._tenant)
            raise

    def release(self, draft: Draft) -> None:
        self._inner.release(draft)
        self._house.leave(self._tenant)

    def learn(self, draft: Draft, completion: Completion) -> None:
        self._inner.learn(draft, completion)

    def cool(self) -> None:
        self._inner.cool()

    @property
    def waiting(self) -> int:
        return self._inner.waiting


class Housed:
    """A model that is counted with only while it is loaded. Implements ports.Model."""

    def __init__(self, model: Model, house: House, tenant: Tenant) -> None:
        self._model, self._house, self._tenant = model, house, tenant

    async def prepare(self) -> ModelInfo:
        return await self._model.prepare()

    async def count(self, messages: Sequence[Message]) -> TokenCount:
        await self._house.enter(self._tenant)
        try:
            return await self._model.count(messages)
        finally:
            self._house.leave(self._tenant)

    async def generate(self, request: Request, emit: Emit) -> Completion:
        """Answer; whoever calls this has a slot, and so the model is loaded."""
        return await self._model.generate(request, emit)

    async def close(self) -> None:
        await self._model.close()


def crowded(taken: Mapping[str, Footprint]) -> dict[str, Footprint]:
    """Those of them that live in a memory which cannot hold all that live there."""
    by_place: dict[str, dict[str, Footprint]] = {}
    for one in taken.values():
        by_place.setdefault(one.place, {})[one.weights] = one
    full = {place for place, ones in by_place.items() if not _fit(list(ones.values()))}
    return {name: one for name, one in taken.items() if one.place in full}


def _fit(ones: Sequence[Footprint]) -> bool:
    most = min((one.most for one in ones if one.most is not None), default=len(ones))
    return len(ones) == 1 or (len(ones) <= most and sum(one.bytes for one in ones) <= ones[0].room)
