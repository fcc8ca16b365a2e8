"""LangGraph: a loop of one node, a chain of nodes, a map with `Send`; in memory and with its SQLite saver.

https://docs.langchain.com/oss/python/langgraph/graph-api-control-flow (sequences, loops, `Send`) and
https://docs.langchain.com/oss/python/langgraph/persistence (savers). The loop is the form in which it is fastest; a graph
of many nodes is measured beside it. The saver writes with the default durability, "async".
"""

from __future__ import annotations

import operator
import tempfile
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from benchmarks.peers.work import WIDE, Run, items, step


class State(TypedDict):
    text: str
    left: int


class Items(TypedDict):
    items: list[str]
    said: Annotated[list[str], operator.add]


async def _say(state: State) -> dict[str, Any]:
    return {"text": await step(state["text"]), "left": state["left"] - 1}


async def _say_item(state: dict[str, str]) -> dict[str, Any]:
    return {"said": [await step(state["item"])]}


def _loop() -> Any:
    graph = StateGraph(State)
    graph.add_node("say", _say)
    graph.add_edge(START, "say")
    graph.add_conditional_edges("say", lambda state: "say" if state["left"] else END)
    return graph


def _nodes(steps: int) -> Any:
    graph = StateGraph(State)
    graph.add_sequence([(f"s{n}", _say) for n in range(steps)])
    graph.add_edge(START, "s0")
    return graph


def _map() -> Any:
    graph = StateGraph(Items)
    graph.add_node("say", _say_item)
    graph.add_conditional_edges(START, lambda state: [Send("say", {"item": item}) for item in state["items"]])
    graph.add_edge("say", END)
    return graph


def _config(steps: int) -> dict[str, Any]:
    return {
        "recursion_limit": steps + 10,
        "max_concurrency": WIDE,
        "configurable": {"thread_id": "bench"},
    }


def _run(graph: Any, start: dict[str, Any], key: str, steps: int, *, durable: bool = False) -> Run:
    compiled = graph.compile()

    async def in_memory() -> Any:
        return (await compiled.ainvoke(start, _config(steps)))[key]

    async def saved() -> Any:
        with tempfile.TemporaryDirectory() as folder:
            async with AsyncSqliteSaver.from_conn_string(str(Path(folder) / "saved.db")) as saver:
                found = await graph.compile(checkpointer=saver).ainvoke(start, _config(steps))
        return found[key]

    return saved if durable else in_memory


def _once(steps: int) -> dict[str, Any]:
    return {"text": "once", "left": steps}


def _many(steps: int) -> dict[str, Any]:
    return {"items": items(steps), "said": []}


WORK = {
    "chain": lambda steps: _run(_loop(), _once(steps), "text", steps),
    "chain of nodes": lambda steps: _run(_nodes(steps), _once(steps), "text", steps),
    "fan-out": lambda steps: _run(_map(), _many(steps), "said", steps),
    "durable chain": lambda steps: _run(_loop(), _once(steps), "text", steps, durable=True),
    "durable fan-out": lambda steps: _run(_map(), _many(steps), "said", steps, durable=True),
}
