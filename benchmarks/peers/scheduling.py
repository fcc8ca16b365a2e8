"""orch against a map of LangGraph on the same model host: four agents with long roles, items side by side.

The workload, the host and orch's side are those of `benchmarks.team_scheduling`; a pair of runs has roles of its own each,
so that nothing is warm at the start; the order within a pair alternates.

    python -m benchmarks.peers.scheduling --items 8 --repeats 3
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import team_scheduling as workload
from benchmarks.peers.environment import prepared
from benchmarks.peers.worker import ROOT
from benchmarks.table import Row, as_markdown, figure
from benchmarks.throughput import host_of
from orchestrator.config import Config
from orchestrator.graph.open import open_workflow
from orchestrator.ports import Model
from orchestrator.providers.gbnf import grammar
from orchestrator.providers.host import State
from orchestrator.providers.registry import open_model

Run = tuple[float, int]
"""Seconds, and prompt tokens read."""


def measure(items: int = 8, repeats: int = 3) -> list[Row]:
    python, missing = prepared()
    if "langgraph" in missing:
        return [Row(f"{items} items, LangGraph's map", "–", spread=missing["langgraph"])]
    return asyncio.run(_measure(python, items, repeats))


async def _measure(python: Path, items: int, repeats: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "workflow.yaml"
        file.write_text(workload.Team(0, 1, 0).workflow(), encoding="utf-8")
        graph = open_workflow(file)
        config = Config.from_environment(os.environ, Path.cwd())
        model = open_model("tiny", graph.models["tiny"], environ=os.environ, config=config, base=Path(folder))
        try:
            info = await model.prepare()
            host = host_of(config, info.ref)
            pairs = [await _pair(n, items, host, model, python, info.slots) for n in range(repeats)]
        finally:
            await model.close()
    return _rows(items, [ours for ours, _ in pairs], [theirs for _, theirs in pairs])


async def _pair(n: int, items: int, host: State, model: Model, python: Path, width: int) -> tuple[Run, Run]:
    draw = int(time.time())
    first, second = (workload.Team(draw + 1000 * n + more, items, draw) for more in (1, 2))
    if n % 2:
        theirs = await _langgraph(first, host, python, width)
        return await _orch(second, host, model), theirs
    ours = await _orch(first, host, model)
    return ours, await _langgraph(second, host, python, width)


async def _orch(team: workload.Team, host: State, model: Model) -> Run:
    began = time.perf_counter()
    await workload.orch(team, host, model)
    return _said("orch", time.perf_counter() - began, team.read)


async def _langgraph(team: workload.Team, host: State, python: Path, width: int) -> Run:
    process = await asyncio.create_subprocess_exec(
        os.fspath(python),
        *("-m", "benchmarks.peers.team"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate(json.dumps(_asked(team, host, width)).encode() + b"\n")
    assert process.returncode == 0, "LangGraph's side failed; its error is above"
    found = json.loads(out)
    return _said("LangGraph's map", found["seconds"], int(found["read"]))


def _asked(team: workload.Team, host: State, width: int) -> dict[str, Any]:
    return {
        "url": host.url,
        "key": host.key,
        "roles": team.roles,
        "items": team.items,
        "shape": "Answer with JSON only: a string",
        "tokens": workload.TOKENS,
        "grammar": grammar(workload.SCHEMA),
        "width": width,
    }


def _said(who: str, seconds: float, read: int) -> Run:
    print(f"  {who}: {seconds:.1f} s, {read:,} prompt tokens read", file=sys.stderr)
    return seconds, read


def _rows(items: int, ours: Sequence[Run], theirs: Sequence[Run]) -> list[Row]:
    ratios = [their[0] / our[0] for our, their in zip(ours, theirs, strict=True)]
    name = f"{items} items, four agents"
    return [
        figure(f"{name}: orch", [seconds for seconds, _ in ours], "s"),
        figure(f"{name}: LangGraph's map", [seconds for seconds, _ in theirs], "s"),
        figure(f"{name}: prompt tokens read, orch", [read for _, read in ours], ""),
        figure(f"{name}: prompt tokens read, LangGraph's map", [read for _, read in theirs], ""),
        figure(f"{name}: LangGraph's map / orch", ratios, "x", "≥ 2.5" if items == 8 else ""),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.scheduling", description=__doc__)
    parser.add_argument("--items", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    print(as_markdown(measure(given.items, given.repeats)))


if __name__ == "__main__":
    main()
