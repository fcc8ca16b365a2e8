"""pydantic-graph: a step that goes back to itself through a decision, a chain of steps, and `map` with a join.

https://ai.pydantic.dev/graph/beta/steps, https://ai.pydantic.dev/graph/beta/parallel, https://ai.pydantic.dev/graph/beta/joins
(what was beta there is the library now).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from pydantic_graph import GraphBuilder, StepContext, TypeExpression, reduce_list_append

from benchmarks.peers.work import Run, items, step


@dataclass
class Left:
    left: int
    text: str = "once"


def _chain(steps: int) -> Run:
    g = GraphBuilder(state_type=Left, output_type=str)

    @g.step
    async def say(ctx: StepContext[Left, None, None]) -> Literal["more", "done"]:
        ctx.state.text = await step(ctx.state.text)
        ctx.state.left -= 1
        return "more" if ctx.state.left else "done"

    @g.step
    async def last(ctx: StepContext[Left, None, Any]) -> str:
        return ctx.state.text

    more: Any = TypeExpression[Literal["more"]]
    done: Any = TypeExpression[Literal["done"]]
    choice = g.decision().branch(g.match(more).to(say)).branch(g.match(done).to(last))
    g.add(
        g.edge_from(g.start_node).to(say),
        g.edge_from(say).to(choice),
        g.edge_from(last).to(g.end_node),
    )
    graph = g.build()
    return lambda: graph.run(state=Left(steps))


def _nodes(steps: int) -> Run:
    g = GraphBuilder(input_type=str, output_type=str)

    async def say(ctx: StepContext[None, None, str]) -> str:
        return await step(ctx.inputs)

    made = [g.step(say, node_id=f"s{n}") for n in range(steps)]
    g.add(g.edge_from(g.start_node).to(made[0]))
    for before, after in pairwise(made):
        g.add(g.edge_from(before).to(after))
    g.add(g.edge_from(made[-1]).to(g.end_node))
    graph = g.build()
    return lambda: graph.run(inputs="once")


def _fan_out(steps: int) -> Run:
    g = GraphBuilder(input_type=list[str], output_type=list[str])

    @g.step
    async def each(ctx: StepContext[None, None, list[str]]) -> list[str]:
        return ctx.inputs

    @g.step
    async def say(ctx: StepContext[None, None, str]) -> str:
        return await step(ctx.inputs)

    collect = g.join(reduce_list_append, initial_factory=list[str])
    g.add(
        g.edge_from(g.start_node).to(each),
        g.edge_from(each).map().to(say),
        g.edge_from(say).to(collect),
        g.edge_from(collect).to(g.end_node),
    )
    graph = g.build()
    return lambda: graph.run(inputs=items(steps))


WORK = {"chain": _chain, "chain of nodes": _nodes, "fan-out": _fan_out}
