"""Runs the work of one peer when asked to: a line of JSON in, a line of JSON out. Runs in the peer's own environment.

python -m benchmarks.peers.serve langgraph         # {"work": "chain", "steps": 1000} on standard input
python -m benchmarks.peers.serve langgraph --once  # one step, for the time that a start takes
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from benchmarks.peers.work import Prepare, check

QUIET = {"HAYSTACK_TELEMETRY_ENABLED": "False", "LANGSMITH_TRACING": "false", "DO_NOT_TRACK": "true"}


def work_of(name: str) -> Mapping[str, Prepare]:
    """What this peer can do."""
    if name == "bare":
        found = import_module("benchmarks.peers.by_hand").BARE
    else:
        found = import_module(f"benchmarks.peers.by_{name.replace('-', '_')}").WORK
    assert isinstance(found, Mapping)
    return found


def run(prepare: Prepare, steps: int) -> dict[str, float]:
    """Microseconds of CPU (all threads) and of wall time for a step."""
    made = prepare(steps)

    async def main() -> tuple[Any, float, float]:
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        found = await made()
        return found, time.process_time() - cpu, time.perf_counter() - wall

    found, cpu, wall = asyncio.run(main())
    check(found, steps)
    return {"cpu": cpu / steps * 1e6, "wall": wall / steps * 1e6}


def main() -> None:
    os.environ.update(QUIET)
    out = os.fdopen(os.dup(1), "w")  # whatever a peer prints goes elsewhere
    os.dup2(2, 1)
    work = work_of(sys.argv[1])
    if "--once" in sys.argv:
        run(next(iter(work.values())), 1)
        return
    print(json.dumps(list(work)), file=out, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(run(work[asked["work"]], asked["steps"])), file=out, flush=True)


if __name__ == "__main__":
    main()
