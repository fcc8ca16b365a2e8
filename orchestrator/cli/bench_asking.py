"""Wires one row of `orch bench`: the workflow of a subject, its models, tools and examples, without a store."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.bench.graders import Graders, Judge
from orchestrator.bench.guess import Guesses, Pool
from orchestrator.bench.measure import Asking, Recorded, Told, measure
from orchestrator.bench.subject import ASKED, WITHOUT_MODEL, Rung, Setup, Subject, graph_of, has_head
from orchestrator.cli.bench_cases import inputs_reader
from orchestrator.cli.equipment import Equipment
from orchestrator.cli.equipment_knowledge import Lookups
from orchestrator.cli.needs import EMBEDDER, open_models, price_list
from orchestrator.cli.privacy import privacy_of
from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine, models_needed
from orchestrator.errors import OrchError, UsageError
from orchestrator.policy.cases import read_cases
from orchestrator.policy.grade import read_graded

if TYPE_CHECKING:
    from orchestrator.calling import Example
    from orchestrator.cli.bench import Wanted
    from orchestrator.cli.console import Console
    from orchestrator.config import Config
    from orchestrator.graph.model import Graph
    from orchestrator.messages import ModelInfo
    from orchestrator.policy.grade import Case
    from orchestrator.ports import Classifier, Exemplars, Journal, Model, Tool


@dataclass(frozen=True, slots=True)
class Facts:
    """Of the model that was asked; of several the first."""

    local: bool | None = None
    memory: int | None = None


def measured_row(
    subject: Subject,
    rung: Rung,
    model: str | None,
    planned: Sequence[tuple[Case, int]],
    told: Told,
    wanted: Wanted,
    config: Config,
    console: Console,
) -> Facts:
    """Ask all planned cases. Raises OrchError for what keeps all of them from being asked, KeyboardInterrupt."""
    facts = Facts()
    for repeat in sorted({repeat for _, repeat in planned}):
        cases = [one for one in planned if one[1] == repeat]
        setup = Setup(model, wanted.seed + repeat if wanted.repeat > 1 else wanted.seed, wanted.k)
        facts = _Round(subject, rung, setup, wanted, config, console).measured(cases, told)
    return facts


@dataclass(slots=True)
class _Round:
    """All cases once, with one seed."""

    subject: Subject
    rung: Rung
    setup: Setup
    wanted: Wanted
    config: Config
    console: Console

    def measured(self, cases: Sequence[tuple[Case, int]], told: Told) -> Facts:
        if self.rung in WITHOUT_MODEL:
            self._fetch_embedder()
            return asyncio.run(self._without_model(cases, told))
        graph = graph_of(self.subject, self.rung, self.setup)
        models = open_models(graph, self.config, self.console)
        judge = self._judge_graph() if any(case.judge for case, _ in cases) else None
        judges = open_models(judge, self.config, self.console) if judge is not None else {}
        return asyncio.run(self._with_model(graph, models, judge, judges, cases, told))

    def _fetch_embedder(self) -> None:
        from orchestrator.cli.download import fetch_missing
        from orchestrator.providers.model_store import ModelStore

        store = ModelStore(self.config.models, environ=os.environ, offline=self.config.offline)
        fetch_missing([EMBEDDER], store, self.subject.root, self.console)

    def _judge_graph(self) -> Graph:
        """The specialist `judge` on the model that is named, else on the measured one."""
        judge = Subject("judge", self.subject.root, (), None, label=self.subject.label)
        return graph_of(judge, "as-is", Setup(self.wanted.judge or self.setup.model))

    # ---------------------------------------------------------------------------------------------- running

    async def _without_model(self, cases: Sequence[tuple[Case, int]], told: Told) -> Facts:
        pool = self._pool()
        if pool is None:
            raise UsageError(f"'{self.subject.name}' has no cases to learn from")
        graph = graph_of(self.subject, "as-is", Setup())
        async with AsyncExitStack() as stack:
            lookups = Lookups(graph, self.config, os.environ)
            stack.push_async_callback(lookups.close)
            grader = self._graders(graph, stack, None)
            guesses = Guesses(pool, lookups.embedder(None))
            asking = Asking(
                self.subject, self.rung, pool, guesses, grader=grader, parallel=self.wanted.parallel
            )
            await measure(asking, cases, told)
        return Facts(local=True)

    async def _with_model(
        self,
        graph: Graph,
        models: Mapping[str, Model],
        judge: Graph | None,
        judges: Mapping[str, Model],
        cases: Sequence[tuple[Case, int]],
        told: Told,
    ) -> Facts:
        pool, own = self._pool(), self.subject.pool
        async with AsyncExitStack() as stack:
            for model in (*models.values(), *judges.values()):
                stack.push_async_callback(model.close)
            lookups = Lookups(graph, self.config, os.environ)
            stack.push_async_callback(lookups.close)
            tools = Equipment(graph, os.environ, privacy_of(graph, self.config, os.environ).keys)
            stack.push_async_callback(tools.close)
            judging = self._judge(judge, judges) if judge is not None else None
            asking = Asking(
                self.subject,
                self.rung,
                pool,
                Guesses(pool, lookups.embedder(None))
                if pool is not None and own is not None and has_head(graph, own)
                else None,
                graph,
                models,
                self._ports(graph, tools, lookups),
                lookups.examples,
                self._inputs(graph),
                self._graders(graph, stack, judging),
                date.today().isoformat(),  # noqa: DTZ011 - the user's own calendar
                self.wanted.parallel,
            )
            await measure(asking, cases, told)
            first = next(iter(models.values()), None)
            return Facts() if first is None else _facts(await first.prepare(), self.config)

    def _pool(self) -> Pool | None:
        file = self.subject.pool
        if file is None:
            return None
        data = file.read_bytes()
        examples: tuple[Example, ...] = read_cases(data)[0]
        return Pool(examples, {case.line: case.group for case in read_graded(data)[0] if case.group})

    def _ports(
        self, graph: Graph, tools: Equipment, lookups: Lookups
    ) -> Callable[[Journal, Callable[[Path], Exemplars], Callable[[Path], Classifier]], Ports]:
        privacy = privacy_of(graph, self.config, os.environ)
        own = self.subject.pool

        def ports(
            journal: Journal, examples: Callable[[Path], Exemplars], unseen: Callable[[Path], Classifier]
        ) -> Ports:
            def heads(file: Path) -> Classifier:
                mine = own is not None and file.resolve() == own.resolve()
                return unseen(file) if mine else lookups.head(file)

            return Ports(
                journal=journal,
                prices=price_list,
                offline=self.config.offline,
                secrets=privacy.secrets,
                env=privacy.env,
                digest_key=privacy.keep.key,
                tools=tools,
                knowledge=lookups,
                examples=examples,
                heads=heads,
                run="bench",
            )

        return ports

    def _inputs(self, graph: Graph) -> Callable[[Case], Mapping[str, Any]] | None:
        """None where the case is one text: of a specialist, and of a plain prompt."""
        if self.subject.path is None or self.rung != "as-is":
            return None
        return inputs_reader(graph, self.subject.path)

    # ---------------------------------------------------------------------------------------------- grading

    def _graders(self, graph: Graph, stack: AsyncExitStack, judge: Judge | None) -> Graders:
        equipment = Equipment(graph, os.environ)
        stack.push_async_callback(equipment.close)

        def opened(name: str) -> Awaitable[Tool]:
            return equipment(graph.file, name)

        return Graders(opened, judge)

    def _judge(self, graph: Graph, models: Mapping[str, Model]) -> Judge:
        async def judge(measure: str, reply: str) -> str:
            ports = Ports(journal=Recorded(), prices=price_list, offline=self.config.offline)
            asked = {ASKED: f"Source: {measure}\nReply: {reply}"}
            result = await Engine(graph, asked, models, ports, today="").execute()
            if result.status != "done" or not isinstance(result.outputs, Mapping):
                return "the judge has not answered"
            return "" if result.outputs.get("ok") is True else str(result.outputs.get("why", "it is not ok"))

        return judge


def named_model(subject: Subject, rung: Rung, model: str | None) -> str:
    """The reference of the model that is asked, of all of them where there are several; `–` for none."""
    if rung in WITHOUT_MODEL:
        return "–"
    try:
        needed = models_needed(graph_of(subject, rung, Setup(model)))
    except OrchError:
        return model or "–"
    return " + ".join(dict.fromkeys(spec.use for spec in needed.values())) or "–"


def _facts(info: ModelInfo, config: Config) -> Facts:
    return Facts(info.local, _memory(info, config) if info.local else None)


def _memory(info: ModelInfo, config: Config) -> int | None:
    """What the process holds that serves the model, where it is one that this machine tells of."""
    from orchestrator.cli.machine import machine, memory_of
    from orchestrator.providers.hosts import Hosts

    for host in Hosts(config.runtime / "hosts", environ=os.environ).running():
        if host.state is not None and host.state.url == info.endpoint:
            return memory_of(host.state.pid)
    if info.provider != "ollama":
        return None
    name = info.ref.partition(":")[2]
    return next((one.memory for one in machine(config, os.environ).residents if one.name == name), None)


__all__ = ["Facts", "measured_row", "named_model"]
