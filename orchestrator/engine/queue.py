"""The queue between ready and running: which request goes to a model next.

    Slots   first come, first served: for models that share nothing between requests
    Queue   per agent: warm prefixes first, a burst warms one slot before it spreads, nobody is passed over for ever

Requests of one agent keep their order. What the order is changes when an answer comes, never which.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.engine.prefixes import Prefix, Prefixes

if TYPE_CHECKING:
    from orchestrator.engine.asking import Draft
    from orchestrator.messages import Completion, ModelInfo

PATIENCE = 4
"""Rounds of all slots after which a request that others were preferred to goes first."""
TELLING = 32
"""Tokens read at once that say something about the rate of reading."""


class Slots:
    """A fair counter of free slots; taking one costs nothing while one is free.

    Whoever calls `take` in vain awaits `turn`; either way he gives the slot back with `release`.
    """

    __slots__ = ("_free", "_waiting")
    learns = False
    """Whether it wants to hear of answers."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self, draft: Draft) -> bool:  # noqa: ARG002 - whose it is plays no part here
        """Whether a slot was free, and is now the caller's."""
        if self._free == 0:
            return False
        self._free -= 1
        return True

    async def turn(self, draft: Draft) -> None:
        """Wait for a slot, first come first served."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(draft)  # the slot was handed over in the moment of the cancellation
            raise

    def release(self, draft: Draft) -> None:  # noqa: ARG002
        """Hand the slot to whoever waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def learn(self, draft: Draft, completion: Completion) -> None:
        """An answer has come."""

    def cool(self) -> None:
        """The host was started anew: nothing is warm."""

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._waiting)


@dataclass(slots=True)
class Lane:
    """The requests of one agent that wait, in their order. `passed` counts how often others were preferred."""

    prefix: Prefix
    turns: deque[asyncio.Future[None]] = field(default_factory=deque)
    since: int = 0
    passed: int = 0


Choose = Callable[[Sequence[Lane], Prefixes], Lane]
"""Picks one of the lanes whose first request may go now."""


def best(lanes: Sequence[Lane], host: Prefixes) -> Lane:
    """Who was passed over too often; else who finds his prefix warm; else who has waited longest."""
    bound = PATIENCE * host.slots
    return min(lanes, key=lambda lane: (lane.passed < bound, not host.is_warm(lane.prefix), lane.since))


class Queue(Slots):
    """The slots of a host that keeps the prompt of the last request in each of them."""

    __slots__ = ("_arrived", "_choose", "_lanes", "host")
    learns = True

    def __init__(self, count: int, choose: Choose = best) -> None:
        super().__init__(count)
        self.host = Prefixes(count)
        self._lanes: dict[str, Lane] = {}
        self._choose = choose
        self._arrived = 0

    def take(self, draft: Draft) -> bool:
        lane = self._lane(draft)
        if lane.turns or not self.host.may_go(lane.prefix, 0):
            return False
        self.host.begin(lane.prefix)
        return True

    async def turn(self, draft: Draft) -> None:
        """Wait for a slot, behind everybody of the same agent."""
        turn = asyncio.get_running_loop().create_future()
        lane = self._lane(draft)
        if not lane.turns:
            lane.since, lane.passed = self._next(), 0
        lane.turns.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(draft)
            raise

    def release(self, draft: Draft) -> None:
        self.host.end(self._lane(draft).prefix)
        self.advance()

    def learn(self, draft: Draft, completion: Completion) -> None:
        usage, timings = completion.usage, completion.timings
        rate = timings.prompt_rate if usage.prompt - usage.cached >= TELLING else None
        prefix = self._lane(draft).prefix
        self.host.learn(prefix, usage.cached, rate, usage.completion, timings.generation_rate)

    def cool(self) -> None:
        self.host.cool()

    def advance(self) -> None:
        """Send everybody who may go now."""
        while lanes := [lane for lane in self._waiting_lanes() if self._may_go(lane)]:
            chosen = self._choose(lanes, self.host)
            self.host.begin(chosen.prefix)
            chosen.turns.popleft().set_result(None)
            chosen.passed, chosen.since = 0, self._next()
            for lane in lanes:
                lane.passed += lane is not chosen
        if self.host.running < self.host.slots:
            for lane in self._waiting_lanes():
                self.host.wait(lane.prefix)

    @property
    def waiting(self) -> int:
        return sum(len(lane.turns) for lane in self._lanes.values())

    def _may_go(self, lane: Lane) -> bool:
        return self.host.may_go(lane.prefix, len(lane.turns) - 1)

    def _waiting_lanes(self) -> list[Lane]:
        for lane in self._lanes.values():
            while lane.turns and lane.turns[0].done():
                lane.turns.popleft()  # its caller was cancelled
        return [lane for lane in self._lanes.values() if lane.turns]

    def _lane(self, draft: Draft) -> Lane:
        lane = self._lanes.get(draft.request.affinity)
        if lane is None:
            prefix = self.host.add(prefix_tokens(draft))
            lane = self._lanes[draft.request.affinity] = Lane(prefix)
        return lane

    def _next(self) -> int:
        self._arrived += 1
        return self._arrived


def prefix_tokens(draft: Draft) -> int:
    """Tokens that this request has in common with others of its agent, by the share of characters before the last message."""
    sizes = [len(message.content) for message in draft.request.messages]
    whole = sum(sizes)
    return draft.count.tokens * (whole - sizes[-1]) // whole if whole else 0


def queue_for(info: ModelInfo) -> Slots:
    """What stands before a model of this kind."""
    count = max(1, info.slots)
    return Queue(count) if info.prefixes else Slots(count)
