"""Haystack: a pipeline of so many components of one's own, in a row or side by side.

https://docs.haystack.deepset.ai/docs/pipelines and https://docs.haystack.deepset.ai/docs/asyncpipeline (asynchronous
running, which is part of `Pipeline` now). It has no map over items: a fan-out is as many components.
"""

from __future__ import annotations

from typing import Any

from haystack import Pipeline, component

from benchmarks.peers.work import WIDE, Run, items, step


@component
class Say:
    """One line."""

    @component.output_types(text=str)
    def run(self, text: str) -> dict[str, str]:  # noqa: ARG002 - as Haystack wants it
        raise AssertionError("asked to run asynchronously")

    @component.output_types(text=str)
    async def run_async(self, text: str) -> dict[str, str]:
        return {"text": await step(text)}


def _chain(steps: int) -> Run:
    pipeline = _pipeline(steps)
    for n in range(1, steps):
        pipeline.connect(f"s{n - 1}.text", f"s{n}.text")

    async def run() -> Any:
        found = await pipeline.run_async({"s0": {"text": "once"}})
        return found[f"s{steps - 1}"]["text"]

    return run


def _fan_out(steps: int) -> Run:
    pipeline = _pipeline(steps)
    data = {f"s{n}": {"text": item} for n, item in enumerate(items(steps))}

    async def run() -> Any:
        found = await pipeline.run_async(data, concurrency_limit=WIDE)
        return [found[name]["text"] for name in data]

    return run


def _pipeline(steps: int) -> Any:
    pipeline = Pipeline()
    for n in range(steps):
        pipeline.add_component(f"s{n}", Say())
    return pipeline


WORK = {"chain": _chain, "fan-out": _fan_out}
