"""One life of a process that executes a run: forked from here, with the very code of `orch run` and `orch resume`.

Only the models and tools are scripted. What the tools do to the world, and what was told to be durable, goes into
files that the dead cannot take with them.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sys
import time
import traceback
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection

from orchestrator.calling import CallContext
from orchestrator.cli.console import Console
from orchestrator.cli.equipment import Equipment
from orchestrator.cli.equipment_knowledge import Lookups
from orchestrator.cli.executing import Job, Kit, execute_with
from orchestrator.cli.settling import settled
from orchestrator.config import Config
from orchestrator.engine.recover import Recovered, recover
from orchestrator.engine.start import Result, models_needed
from orchestrator.errors import StoreError, ToolError
from orchestrator.events import Event, RunStarted, encode
from orchestrator.graph.model import Graph
from orchestrator.graph.open import open_workflow
from orchestrator.messages import Request
from orchestrator.providers.scripted import ScriptedModel
from orchestrator.report.summary import Summary
from orchestrator.spec.types import Str
from orchestrator.store.lease import Lease
from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.chaos import equipped
from tests.chaos.equipped import equipment, sample
from tests.chaos.graphs import TOOLS, Flow, Node, Read, refuses, reply
from tests.engine.tools import FakeTool

RUN = "chaos"


@dataclass(frozen=True)
class Place:
    """Where a trial happens."""

    folder: Path
    graph: Graph
    lies: float = 0.0
    """How often a transaction that was committed says that it failed."""
    url: str = ""
    """Of a server; else the store is a file."""
    shared: bool = False
    """Whether the file is treated as a server's database would be: with leases that can be lost."""
    real: bool = False
    """Whether its tools and what it looks up are the real ones."""

    inputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def effects(self) -> Path:
        return self.folder / "effects"

    @property
    def acknowledged(self) -> Path:
        return self.folder / "acknowledged"

    @property
    def gate(self) -> Path:
        """Tools whose argument begins with `gate` wait until it is there."""
        return self.folder / "open"

    def told(self, process: int) -> Path:
        return self.folder / f"told.{process}"

    @property
    def database(self) -> Path:
        return self.folder / ".orch" / "store.db"

    def store(self) -> Store:
        store = open_store(self.url or self.database)
        return Store(store.engine, store.where, place=None, name=store.name) if self.shared else store


@dataclass(frozen=True)
class Life:
    """How one process begins and ends. `happened` and `again` are what a person says about calls."""

    kill: str = ""
    happened: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """What became of it: killed, a fault of the store, or the end of the run."""

    status: str
    asks: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    error: str = ""


class LyingStore(Store):
    """Commits, and now and then says that it could not."""

    def __init__(self, store: Store, rate: float) -> None:
        super().__init__(store.engine, store.where, place=store.place, name=store.name)
        self._rate = rate
        self._chance = random.Random(os.getpid())

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Connection]:
        with super().writing(durable=durable) as connection:
            yield connection
        if self._chance.random() < self._rate:
            raise StoreError("the connection broke while the transaction ended")


@dataclass
class Witness:
    """Stands where the progress would be: writes down what the journal says is durable."""

    file: int
    summary: Summary = field(default_factory=Summary)

    def feed(self, seq: int, event: Event) -> None:
        os.write(self.file, f"{seq} {encode(event)}\n".encode())

    def recall(self, events: Any) -> None:
        """What was told before is not told again."""

    def tokens(self, path: str, text: str) -> None:
        """Tokens are not kept."""

    def away(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        os.close(self.file)


def warm(folder: Path) -> Path:
    """Have everything imported and compiled before the first fork; returns an empty store, to be copied."""
    flow = Flow([Node("s0", "agent"), Node("s1", "send", (Read("s0"),)), Node("s2", "ask")])
    place = Place(folder, open_workflow(flow.write(folder)))
    place.store().close()
    empty = shutil.copy(place.database, folder / "empty.db")
    for _ in range(2):
        _execute(place, Life())
    return Path(empty)


def live(place: Place, life: Life) -> Ended:
    """One process from its beginning to its end."""
    return ended(place, begin(place, life))


def begin(place: Place, life: Life) -> int:
    """A new process; returns its number."""
    child = os.fork()
    if child == 0:
        _be_born(place, life)
    return child


def ended(place: Place, process: int) -> Ended:
    """What became of it."""
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        return Ended("killed")
    said: dict[str, Any] = json.loads(place.told(process).read_text(encoding="utf-8"))
    place.told(process).unlink()
    return Ended(said["status"], tuple(said["asks"]), tuple(said["unknown"]), said["error"])


def _be_born(place: Place, life: Life) -> None:
    """Never returns."""
    try:
        os.environ["ORCH_KILL_AT"] = life.kill
        _tell(place, _execute(place, life))
    except StoreError as error:
        _tell(place, Ended("fault", error=error.message))
    except BaseException:  # noqa: BLE001 - whatever it was, the parent must hear of it
        _tell(place, Ended("broken", error=traceback.format_exc()))
    finally:
        sys.stdout.flush()
        os._exit(0)


def _tell(place: Place, ended: Ended) -> None:
    place.told(os.getpid()).write_text(json.dumps(vars(ended)), encoding="utf-8")


def _execute(place: Place, life: Life) -> Ended:
    store = LyingStore(place.store(), place.lies) if place.lies else place.store()
    with Lease.acquire(store, RUN), open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
        known = _began(store, place)
        told = os.open(place.acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        job = Job(
            run=RUN,
            graph=place.graph,
            inputs=place.inputs,
            today="2026-01-31",
            models=_models(place),
            resumed=known is not None,
            use_cache=False,
            quiet=True,
            settled=settled(RUN, known or Recovered(), life.happened, life.again, life.values),
        )
        result = asyncio.run(_played(store, job, Console(nowhere, nowhere), place, Witness(told)))
    store.close()
    return _ended(result)


async def _played(store: Store, job: Job, console: Console, place: Place, shown: Witness) -> Result:
    async with equipment(place.graph, place.folder) if place.real else nullcontext(_kit(place)) as kit:
        result, _ = await execute_with(store, job, console, kit, shown)
        return result


def _ended(result: Result) -> Ended:
    error = result.error.message if result.error is not None else ""
    return Ended(result.status, tuple(result.asks), tuple(result.unknown), error)


def _began(store: Store, place: Place) -> Recovered | None:
    """What the record knows, None for a run that begins now."""
    if not store.has(RUN):
        store.create(RUN, replace(first_event(place.graph), inputs=place.inputs))
        return None
    problems = store.verify(RUN)
    assert not problems, problems
    return recover(event for _, event in store.events(RUN))


def first_event(graph: Graph) -> RunStarted:
    return RunStarted(
        at=1.0,
        run=RUN,
        workflow="chaos",
        file=graph.file,
        root=graph.root,
        revision="",
        source=graph.digest,
        version="0",
        inputs={},
        options={},
        steps=1,
    )


def _models(place: Place) -> dict[str, ScriptedModel]:
    answer = equipped.answer if place.real else _answer
    return {
        name: ScriptedModel(answer, name=name, ref="scripted:none") for name in models_needed(place.graph)
    }


def _answer(request: Request) -> str:
    if request.schema is not None:
        return json.dumps(sample(request.schema))
    return reply(str(request.messages[-1].content))


# ---------------------------------------------------------------------------------------------------- tools


@dataclass
class World:
    """Tools whose effects are lines of a file, on the disk before a call returns."""

    file: int
    gate: Path

    async def __call__(self, file: str, name: str) -> FakeTool:
        do = self._acting(name)
        return FakeTool(name, do, result=Str(None), effects=cast("Any", TOOLS[name]))

    async def close(self) -> None:
        os.close(self.file)

    def _acting(self, name: str) -> Any:
        def act(arguments: Mapping[str, Any], context: CallContext) -> str:
            text = str(arguments["to"])
            while text.startswith("gate") and not self.gate.exists():
                time.sleep(0.02)
            if refuses(text):
                raise ToolError("it may not")
            if TOOLS[name] != "none":
                line = json.dumps({"tool": name, "to": text, "key": context.key})
                os.write(self.file, f"{line}\n".encode())
                os.fdatasync(self.file)
            return reply(text)

        return act


def _kit(place: Place) -> Kit:
    world = World(os.open(place.effects, os.O_WRONLY | os.O_CREAT | os.O_APPEND), place.gate)
    lookups = Lookups(place.graph, Config.from_environment(os.environ, place.folder), os.environ)
    return Kit(cast("Equipment", world), lookups)


def effects_of(place: Place) -> list[Mapping[str, str]]:
    """What happened to the world, in order."""
    if not place.effects.exists():
        return []
    return [json.loads(line) for line in place.effects.read_text(encoding="utf-8").splitlines()]


def acknowledged_of(place: Place) -> Collection[str]:
    """What was told to be durable: `number event`, line by line."""
    return place.acknowledged.read_text(encoding="utf-8").splitlines() if place.acknowledged.exists() else []
