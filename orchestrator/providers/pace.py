"""How fast weights are read and written on this machine, and what memory they take: measured in turns, on model hosts.

The forms of a model take turns, and the best of several rounds counts: whatever else the machine does can only slow
one down. Seconds are of the clock; knows no cases and no answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ProviderError

if TYPE_CHECKING:
    from orchestrator.providers.host import Launch, State
    from orchestrator.providers.hosts import Hosts

PROMPT, ANSWER = 512, 48
"""Tokens that are read and written in one go: a usual prompt of a specialist, and a short answer."""
ROUNDS = 3
LONGEST = 600.0
"""Seconds after which a host that is measured counts as hung."""
CONTEXT = 1024
WEIGHT = 8
"""Tokens that are read for one that is written, in the teams that ship."""
TEXT = "A customer writes that the parcel has not arrived, that nobody answers, and asks for the money back. "


@dataclass(frozen=True, slots=True)
class Pace:
    """Tokens per second, and bytes of memory while serving one request."""

    prompt: float
    answer: float
    memory: int

    @property
    def seconds(self) -> float:
        """What a token of an answer takes together with the tokens that are read for it."""
        return WEIGHT / self.prompt + 1 / self.answer


def paces(
    launches: Mapping[str, Launch],
    hosts: Hosts,
    memory: Callable[[State], int],
    *,
    rounds: int = ROUNDS,
    told: Callable[[str], None],
) -> dict[str, Pace]:
    """The pace of each, by name. Raises ProviderError for one that cannot be loaded."""
    found: dict[str, list[Pace]] = {name: [] for name in launches}
    for turn in range(rounds):
        for name in launches if turn % 2 == 0 else reversed(list(launches)):
            told(name)
            found[name].append(_once(alone(launches[name]), hosts, memory))
    return {name: _best(tries) for name, tries in found.items()}


def alone(launch: Launch) -> Launch:
    """One request at a time with a short context: what is measured are the weights."""
    return replace(launch, context=CONTEXT, slots=1, keep=30.0)


def _once(launch: Launch, hosts: Hosts, memory: Callable[[State], int]) -> Pace:
    lease = hosts.acquire(launch)
    try:
        prompt, answer = asyncio.run(_asked(lease.state))
        return Pace(prompt, answer, memory(lease.state))
    finally:
        lease.release()


async def _asked(state: State) -> tuple[float, float]:
    from orchestrator.providers.chat import ChatServer

    server = ChatServer(state.url, model=state.launch.name, key=state.key)
    try:
        tokens = await server.post("/tokenize", {"content": TEXT * PROMPT})
        prompt = _tokens(tokens)[:PROMPT]
        body = {"n_predict": ANSWER, "temperature": 0, "cache_prompt": False, "ignore_eos": True}
        await server.post("/completion", {**body, "prompt": prompt[:8], "n_predict": 1}, within=LONGEST)
        return _timings(await server.post("/completion", {**body, "prompt": prompt}, within=LONGEST))
    finally:
        await server.close()


def _tokens(answer: Any) -> Sequence[int]:
    found = answer.get("tokens") if isinstance(answer, dict) else None
    if not isinstance(found, list) or not found:
        raise ProviderError("protocol", "the model host does not say how a text is cut into tokens")
    return found


def _timings(answer: Any) -> tuple[float, float]:
    found: Any = answer.get("timings") if isinstance(answer, dict) else None
    try:
        prompt, written = float(found["prompt_per_second"]), float(found["predicted_per_second"])
    except (TypeError, KeyError, ValueError) as error:
        raise ProviderError("protocol", "the model host does not say how long it took") from error
    if prompt <= 0 or written <= 0:
        raise ProviderError("protocol", "the model host says that it took no time")
    return prompt, written


def _best(tries: Sequence[Pace]) -> Pace:
    return Pace(
        max(one.prompt for one in tries), max(one.answer for one in tries), max(one.memory for one in tries)
    )
