"""Starts a run and brings it to its end: done, waiting, failed or interrupted, always with a last event.

This is the engine's whole face: `Engine(...).execute()` and `cancel()`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field, replace
from typing import Any, Literal

from orchestrator.engine import verbs
from orchestrator.engine.agent import agent, part
from orchestrator.engine.declassify import Known
from orchestrator.engine.frame import Frame
from orchestrator.engine.gate import Gate, QueueFor, gates_of, models_climbed, models_needed, models_of
from orchestrator.engine.head import refuse_missing_heads
from orchestrator.engine.instance import Verb, node_runner
from orchestrator.engine.line import Line
from orchestrator.engine.looked import refuse_missing_examples
from orchestrator.engine.preflight import (
    Absent,
    ledger_of,
    preflight,
    refuse_unsure,
    refuse_untaken,
    uncalibrated,
)
from orchestrator.engine.queue import queue_for
from orchestrator.engine.record import recording
from orchestrator.engine.recover import Recovered
from orchestrator.engine.residency import CROWD, House
from orchestrator.engine.run import Failed, Ports, Rejected, Run
from orchestrator.engine.schedule import run_scope
from orchestrator.engine.settle import settle
from orchestrator.engine.tool import tool
from orchestrator.errors import OrchError, StepError
from orchestrator.events import AskOpened, RunFailed, RunFinished, RunInterrupted, RunWaiting, Warned
from orchestrator.graph.model import Graph, Scope, all_nodes
from orchestrator.light import light
from orchestrator.policy.keep import Keep
from orchestrator.ports import Model

NARROW, WIDE = 8, 256
EXITS: Mapping[str, int] = {"budget": 5, "privacy": 6}
"""Exit codes of runs that fail by a step, by the kind of its error; 1 for all others."""
VERBS: Mapping[str, Verb] = {
    "agent": agent,
    "tool": tool,
    "value": verbs.value,
    "ask": verbs.ask,
    "steps": verbs.group,
    "workflow": verbs.workflow,
}
Enter = Callable[[Run, Scope, Frame], Awaitable[bool]]


def entering(functions: Mapping[str, Verb]) -> Enter:
    """What runs one scope, given one function per verb."""
    run_node = node_runner(functions)

    async def enter(run: Run, scope: Scope, frame: Frame) -> bool:
        return await run_scope(run, scope, frame, run_node)

    return enter


_ENTER = entering(VERBS)


@light(frozen=True, slots=True)
class Result:
    """How a run ended. `exit_code` is the process's, by the table in errors.py."""

    status: Literal["done", "waiting", "failed", "interrupted", "cancelled"]
    exit_code: int
    outputs: Any = None
    error: OrchError | None = None
    path: str = ""
    asks: Mapping[str, AskOpened] = field(default_factory=dict)
    """Questions nobody has answered, by path."""
    stopped_by: str = ""
    waits_for: str = ""
    """What it waits for besides answers: a larger budget. Empty when it does not."""
    unknown: Mapping[str, StepError] = field(default_factory=dict)
    """Steps of which nobody knows whether they had their effect; a person has to say."""


class Engine:
    """One run. `models` holds a Model for every name that `models_needed` gives; they are not closed here."""

    def __init__(
        self,
        graph: Graph,
        inputs: Mapping[str, Any],
        models: Mapping[str, Model],
        ports: Ports,
        *,
        today: str,
        recovered: Recovered | None = None,
        enter: Enter = _ENTER,
        queue: QueueFor = queue_for,
    ) -> None:
        budget = graph.workflow.budget
        recovered = recovered or Recovered()
        preflight(graph, ports.prices, offline=ports.offline)
        refuse_missing_examples(graph)
        refuse_missing_heads(graph)
        keep = Keep.of(graph.workflow.keep, ports.digest_key)
        journal = recording(ports.journal, graph, ports.secrets, keep, recovered, ports.clock)
        ports = replace(ports, journal=journal)
        ledger = ledger_of(budget, recovered)
        needed, self._climbed = models_of(graph)
        gates = {name: Gate(name, spec, models[name], ports.prices, queue) for name, spec in needed.items()}
        self._inputs = dict(inputs)
        self._houses: list[House] = []
        self._task: asyncio.Task[bool] | None = None
        self._stopped: tuple[str, bool] | None = None
        self._wall = budget.wall if budget else None
        self._run = Run(
            graph=graph,
            ports=ports,
            gates=gates_of(graph, gates),
            all_gates=gates,
            recovered=recovered,
            ledger=ledger,
            line=Line(ledger),
            enter=enter,
            part=part,
            today=today,
            known=Known(graph, inputs),
            emit=journal.append,
            now=ports.clock.now,
            keeps_facts=_reads_facts(graph),
        )

    def cancel(self, by: str, *, cancelled: bool = True) -> None:
        """Stop as soon as possible with everything finished written down. `cancelled` is for good."""
        if self._stopped is None:
            self._stopped = (by, cancelled)
            if self._task is not None:
                self._task.cancel()

    @property
    def stopping(self) -> bool:
        """Whether somebody has asked the run to stop."""
        return self._stopped is not None

    async def execute(self) -> Result:
        """Run to the end; the last event is durable when this returns. Raises only StoreError.

        The event that starts or resumes the run is the caller's.
        """
        run = self._run
        try:
            result = await self._result()
        finally:
            run.watchdog.close()
            for house in self._houses:
                await house.close()
        run.emit(_last_event(run, result))
        await run.ports.journal.flush()
        return result

    async def _result(self) -> Result:
        run = self._run
        frame = Frame(None, "", {"inputs": self._inputs, "today": run.today, "env": run.ports.env})
        try:
            self._task = asyncio.create_task(self._work(frame))
            async with asyncio.timeout(self._wall):
                complete = await self._task
            if not complete:
                asks, unknown = dict(run.asking), dict(run.unknown)
                return Result("waiting", 7, asks=asks, waits_for=run.ledger.paused, unknown=unknown)
            return Result("done", 0, outputs=verbs.outputs_of(run.graph, frame))
        except asyncio.CancelledError:
            if self._stopped is None:
                self._stopped = ("the process was stopped", False)
            return self._interrupted()
        except TimeoutError:
            error = OrchError(f"the run took longer than budget.wall ({self._wall:g} s)")
            error.exit_code = 5
            return Result("failed", 5, error=error)
        except Rejected as rejected:
            error = OrchError(f"{rejected.path} was rejected by {rejected.by}")
            return Result("failed", 3, error=error, path=rejected.path)
        except Failed as failed:
            return Result("failed", EXITS.get(failed.error.kind, 1), error=failed.error, path=failed.path)
        except OrchError as error:
            return Result("failed", error.exit_code, error=error)

    async def _work(self, frame: Frame) -> bool:
        await self._prepare()
        return await self._run.enter(self._run, self._run.graph.scope, frame)

    async def _prepare(self) -> None:
        """Every model answers before the first step runs: a late failure would waste what came before.

        Those that only an `escalate` asks are left alone until one does.
        """
        run, journal, clock = self._run, self._run.ports.journal, self._run.ports.clock
        self._houses = await settle(run.graph, run.all_gates, self._climbed, journal, clock)
        first = [gate for name, gate in run.all_gates.items() if name not in self._climbed]
        infos = [await gate.ready(journal, clock) for gate in first if not gate.takes_turns]
        refuse_unsure(run.graph, run.all_gates)
        refuse_untaken(run.graph, run.all_gates)
        for path, message in uncalibrated(run.graph, run.all_gates):
            run.emit(Warned(at=run.now(), path=path, message=message))
        for gate in run.all_gates.values():
            if isinstance(gate.model, Absent):
                run.emit(Warned(at=run.now(), message=f"steps stay local: {gate.model.why}"))
        run.width = min(WIDE, max(NARROW, 2 * sum(info.slots for info in infos)))
        if self._houses:
            run.width = CROWD

    def _interrupted(self) -> Result:
        assert self._stopped is not None
        by, cancelled = self._stopped
        return Result("cancelled" if cancelled else "interrupted", 130, stopped_by=by)


def _last_event(run: Run, result: Result) -> RunFinished | RunFailed | RunWaiting | RunInterrupted:
    at = run.now()
    match result.status:
        case "done":
            return RunFinished(at=at, outputs=result.outputs)
        case "waiting":
            asks, unknown = tuple(result.asks), tuple(result.unknown)
            return RunWaiting(at=at, asks=asks, reason=result.waits_for, unknown=unknown)
        case "interrupted" | "cancelled":
            return RunInterrupted(at=at, by=result.stopped_by, cancelled=result.status == "cancelled")
        case "failed":
            error = result.error or OrchError("unknown")
            kind = error.kind if isinstance(error, StepError) else type(error).__name__
            return RunFailed(
                at=at,
                path=result.path,
                error_kind=kind,
                message=error.message,
                hint=error.hint,
                exit_code=result.exit_code,
            )


def _reads_facts(graph: Graph) -> bool:
    """Whether any expression reads `steps.<name>.<fact>`: only then are facts kept in memory."""
    if graph.outputs is not None and "steps" in graph.outputs.names:
        return True
    for node in all_nodes(graph.scope):
        for program in node.programs.values():
            if "steps" in program.names:
                return True
        if node.child is not None and _reads_facts(node.child):
            return True
    return False


__all__ = ["VERBS", "Engine", "Enter", "Result", "entering", "models_climbed", "models_needed", "preflight"]
