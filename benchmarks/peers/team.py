"""A map of LangGraph over a team of four agents on a model host: the same prompts as orch sends, one item a `Send`.

Runs in the peers' environment and knows of the team what it is told on its standard input, a line for each repetition:
the host, the roles, the items. Answers with the seconds it took and the prompt tokens that the host read. The client is
that of OpenAI, as in https://docs.langchain.com/oss/python/langgraph/graph-api-control-flow with any model.
"""

from __future__ import annotations

import asyncio
import json
import operator
import os
import sys
import time
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from openai import AsyncOpenAI


class Items(TypedDict):
    items: list[str]
    notes: Annotated[list[str], operator.add]


class One(TypedDict):
    item: str
    note: str


class Team:
    """One repetition."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.read = 0
        self.client = AsyncOpenAI(
            base_url=f"{asked['url']}/v1",
            api_key=asked["key"],
            max_retries=0,
            default_headers={"Connection": "close"},  # the host ends connections without saying so
        )

    def graph(self) -> Any:
        """A graph of the four agents, mapped over the items."""
        each = StateGraph(One)
        each.add_sequence([(name, self._agent(name)) for name in self.asked["roles"]])
        each.add_edge(START, next(iter(self.asked["roles"])))
        chain = each.compile()

        async def item(state: dict[str, str]) -> dict[str, Any]:
            found = await chain.ainvoke({"item": state["item"], "note": state["item"]})
            return {"notes": [found["note"]]}

        whole = StateGraph(Items)
        whole.add_node("each", item)
        whole.add_conditional_edges(
            START, lambda state: [Send("each", {"item": one}) for one in state["items"]]
        )
        whole.add_edge("each", END)
        return whole.compile()

    def _agent(self, name: str) -> Any:
        async def ask(state: One) -> dict[str, Any]:
            found = await self.client.chat.completions.create(
                model="tiny",
                messages=[
                    {"role": "system", "content": f"{self.asked['roles'][name]}\n{self.asked['shape']}"},
                    {"role": "user", "content": f"{state['item']} {state['note']}"},
                ],
                temperature=0,
                max_tokens=self.asked["tokens"],
                extra_body={"cache_prompt": True, "grammar": self.asked["grammar"]},
            )
            self.read += (found.model_extra or {})["timings"]["prompt_n"]
            return {"note": json.loads(found.choices[0].message.content or "")}

        return ask

    async def run(self) -> dict[str, float]:
        graph = self.graph()
        began = time.perf_counter()
        found = await graph.ainvoke(
            {"items": self.asked["items"], "notes": []}, {"max_concurrency": self.asked["width"]}
        )
        assert len(found["notes"]) == len(self.asked["items"])
        return {"seconds": time.perf_counter() - began, "read": self.read}


def main() -> None:
    os.environ["LANGSMITH_TRACING"] = "false"
    for line in sys.stdin:
        print(json.dumps(asyncio.run(Team(json.loads(line)).run())), flush=True)


if __name__ == "__main__":
    main()
