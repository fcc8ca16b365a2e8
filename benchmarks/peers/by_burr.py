"""Burr: an action that loops, and `MapStates` for a fan-out; with its asynchronous SQLite persister for the durable chain.

https://burr.apache.org/concepts/transitions/ (loops), https://burr.apache.org/concepts/parallelism/ (`MapStates`) and
https://burr.apache.org/concepts/state-persistence/ (persisters).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from burr.core import Application, ApplicationBuilder, State, action, default, expr
from burr.core.parallelism import MapStates, RunnableGraph

from benchmarks.peers.work import Run, items, step


@action(reads=["text", "left"], writes=["text", "left"])
async def say(state: State) -> State:
    return state.update(text=await step(state["text"]), left=state["left"] - 1)


@action(reads=["item"], writes=["said"])
async def say_item(state: State) -> State:
    return state.update(said=await step(state["item"]))


@action(reads=[], writes=[])
async def done(state: State) -> State:
    return state


class Each(MapStates):
    """One state for each item."""

    def action(self, state: State, inputs: dict[str, Any]) -> Any:  # noqa: ARG002 - as MapStates has it
        return RunnableGraph.create(say_item)

    async def states(self, state: State, context: Any, inputs: Any) -> Any:  # noqa: ARG002 - the same
        for item in state["items"]:
            yield state.update(item=item)

    async def reduce(self, state: State, states: Any) -> State:
        return state.update(said=[found["said"] async for found in states])

    def is_async(self) -> bool:
        return True

    @property
    def reads(self) -> list[str]:
        return ["items"]

    @property
    def writes(self) -> list[str]:
        return ["said"]


def _builder(steps: int) -> ApplicationBuilder:
    return (
        ApplicationBuilder()
        .with_actions(say=say, done=done)
        .with_transitions(("say", "say", expr("left > 0")), ("say", "done", default))
        .with_state(text="once", left=steps)
        .with_entrypoint("say")
    )


def _chain(steps: int) -> Run:
    app = _builder(steps).build()
    return lambda: _to_the_end(app)


async def _to_the_end(app: Application, key: str = "text") -> Any:
    _, _, state = await app.arun(halt_after=["done"])
    return state[key]


def _durable(steps: int) -> Run:
    from burr.integrations.persisters.b_aiosqlite import AsyncSQLitePersister

    async def run() -> Any:
        with tempfile.TemporaryDirectory() as folder:
            persister = await AsyncSQLitePersister.from_values(str(Path(folder) / "burr.db"), "runs")
            await persister.initialize()
            app = (
                await _builder(steps)
                .with_state_persister(persister)
                .with_identifiers(app_id="bench")
                .abuild()
            )
            found = await _to_the_end(app)
            await persister.cleanup()
        return found

    return run


def _fan_out(steps: int) -> Run:
    app = (
        ApplicationBuilder()
        .with_actions(each=Each(), done=done)
        .with_transitions(("each", "done"))
        .with_state(items=items(steps))
        .with_entrypoint("each")
        .build()
    )
    return lambda: _to_the_end(app, "said")


WORK = {"chain": _chain, "fan-out": _fan_out, "durable chain": _durable}
