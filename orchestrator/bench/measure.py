"""Asks every case of a subject, each as a run of its own that nobody records, and grades the answers.

    case -> run without this case among its examples -> answer -> graders -> measured

Whatever goes wrong with one case is a wrong answer of that case; only what concerns all of them is raised.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.bench.guess import Guesses, Pool, Unseen
from orchestrator.bench.lenient import read_kindly
from orchestrator.bench.subject import ASKED, STEP, Rung, Subject
from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine, Result
from orchestrator.errors import KnowledgeError, OrchError, ProviderError
from orchestrator.events import AttemptFinished, Event, Retrieved, StepFinished
from orchestrator.graph.model import Graph
from orchestrator.knowledge.examples import Without
from orchestrator.policy.cases import as_asked
from orchestrator.policy.grade import Case, failed
from orchestrator.report.cost import Spending
from orchestrator.report.score import Measured
from orchestrator.spec.values import check_value

if TYPE_CHECKING:
    from orchestrator.ports import Classifier, Exemplars, Journal, Model

Told = Callable[[Measured], None]
Inputs = Callable[[Case], Mapping[str, Any]]
Grader = Callable[[Case, Any], Awaitable[str]]
"""Asks somebody else (a sandbox, a database, a model) about an answer; returns what is wrong with it."""


@dataclass(slots=True)
class Recorded:
    """A journal in memory: the events of one case."""

    events: list[Event] = field(default_factory=list)

    def append(self, event: Event) -> None:
        self.events.append(event)

    async def flush(self) -> None:
        """Nothing is kept on disk."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What a measurement needs of the world. `ports` makes those of one run around its journal."""

    subject: Subject
    rung: Rung
    pool: Pool | None
    guesses: Guesses | None
    graph: Graph | None = None
    models: Mapping[str, Model] = field(default_factory=dict)
    ports: Callable[[Journal, Callable[[Path], Exemplars], Callable[[Path], Classifier]], Ports] | None = None
    examples: Callable[[Path], Exemplars] | None = None
    inputs: Inputs | None = None
    grader: Grader | None = None
    today: str = ""
    parallel: int = 1


async def measure(asking: Asking, cases: Sequence[tuple[Case, int]], told: Told) -> None:
    """Ask every case (with the number of its repeat); each is told as soon as it is graded.

    Raises ProviderError or CredentialsMissing for a model that cannot be had at all, KnowledgeError for a head that
    cannot be trained.
    """
    for model in asking.models.values():
        await model.prepare()
    if asking.guesses is not None and cases:
        await asking.guesses.ready()
        if asking.rung != "nearest":
            await asking.guesses.learn([case.input for case, _ in cases])
    turns = asyncio.Semaphore(asking.parallel)

    async def one(case: Case, repeat: int) -> None:
        async with turns:
            told(await _measured(asking, case, repeat))

    async with asyncio.TaskGroup() as group:
        for case, repeat in cases:
            group.create_task(one(case, repeat))


async def _measured(asking: Asking, case: Case, repeat: int) -> Measured:
    began = time.monotonic()
    if asking.graph is None:
        answer, why = await _guessed(asking, case)
        said = _Said(answer, why)
    else:
        said = await _asked(asking, asking.graph, case)
    seconds = time.monotonic() - began
    valid = said.value is not None
    why = said.why or await _wrong(asking, case, said)
    line = said.spending.total()
    return Measured(
        case.line,
        repeat,
        valid,
        valid and not why,
        seconds,
        said.value,
        why,
        calls=line.calls,
        prompt=line.prompt,
        completion=line.completion,
        busy=said.busy,
        cost=line.cost,
        answer_prompt=line.answer_prompt,
        answer_completion=line.answer_completion,
    )


async def _wrong(asking: Asking, case: Case, said: _Said) -> str:
    found = failed(case, said.value, asking.subject.output, said.sources)
    if found is not None:
        return f"{found.kind}: {found.why}"
    return await asking.grader(case, said.value) if asking.grader is not None else ""


# --------------------------------------------------------------------------------------------- without a model


async def _guessed(asking: Asking, case: Case) -> tuple[Any, str]:
    guesses = asking.guesses
    assert guesses is not None
    try:
        if asking.rung == "nearest":
            answer = await guesses.nearest(case.input)
        else:
            answer = (await guesses.classify(case.input)).value
    except (KnowledgeError, ProviderError) as error:
        return None, error.message
    output = asking.subject.output
    if answer is not None and output is not None and check_value(output, answer):
        return None, "valid: it does not fit the output"
    return answer, "" if answer is not None else "there is no other case"


# ------------------------------------------------------------------------------------------------ with a model


@dataclass(frozen=True, slots=True)
class _Said:
    """What came of one case: None with the reason where there is no valid answer."""

    value: Any
    why: str = ""
    sources: tuple[Mapping[str, Any], ...] = ()
    spending: Spending = field(default_factory=Spending)
    busy: float = 0.0


async def _asked(asking: Asking, graph: Graph, case: Case) -> _Said:
    journal = Recorded()
    assert asking.ports is not None
    try:
        ports = asking.ports(journal, _others(asking, case), _unseen(asking, case))
        engine = Engine(graph, _inputs(asking, case), asking.models, ports, today=asking.today)
        result = await engine.execute()
    except OrchError as error:
        return _Said(None, error.message)
    if result.status in ("interrupted", "cancelled"):
        raise asyncio.CancelledError  # somebody stops the measurement: that is no answer of this case
    spending = Spending()
    for event in journal.events:
        spending.add(event)
    attempts = [event for event in journal.events if isinstance(event, AttemptFinished)]
    busy = sum(event.completion_tokens / event.rate for event in attempts if event.rate)
    if not any(event.rate for event in attempts):
        busy = sum(event.seconds for event in attempts)
    value, why = _value(asking, case, result, journal.events)
    hidden = ports.secrets  # an answer is printed: no value of the environment stands in it
    return _Said(hidden.cleaned(value), hidden.clean(why), _sources(journal.events), spending, busy)


def _inputs(asking: Asking, case: Case) -> Mapping[str, Any]:
    return asking.inputs(case) if asking.inputs is not None else {ASKED: as_asked(case.input)}


def _value(asking: Asking, case: Case, result: Result, events: Sequence[Event]) -> tuple[Any, str]:
    if asking.rung == "plain":
        return _plain(asking, events, result)
    if result.status == "waiting":
        return None, "it waits for a person"
    if result.status != "done":
        return None, result.error.message if result.error is not None else result.status
    if asking.subject.path is None:
        finished = [one for one in events if isinstance(one, StepFinished) and one.path == STEP]
        handled = finished[-1].handled if finished else ""
        return (None, handled) if handled else (result.outputs, "")
    return _compared(case, result.outputs), ""


def _compared(case: Case, outputs: Any) -> Any:
    """Of a workflow with one output its value, where the case does not speak of the map."""
    single = isinstance(outputs, Mapping) and len(outputs) == 1
    if single and not (isinstance(case.output, Mapping) and set(case.output) & set(outputs)):
        return next(iter(outputs.values()))
    return outputs


def _plain(asking: Asking, events: Sequence[Event], result: Result) -> tuple[Any, str]:
    """A text, whatever the engine makes of it; one that was cut or goes round in circles is no answer."""
    attempts = [event for event in events if isinstance(event, AttemptFinished)]
    last = attempts[-1] if attempts else None
    if last is None or last.outcome == "error":
        error = result.error
        return None, (last.reason if last else error.message if error else "nothing was answered")
    if last.outcome in ("cut", "repeated"):
        return None, f"{last.outcome}: {last.reason}"
    answer = read_kindly(last.text, asking.subject.output)
    return answer, "" if answer is not None else "valid: there is no such answer in it"


def _sources(events: Sequence[Event]) -> tuple[Mapping[str, Any], ...]:
    return tuple(
        passage
        for event in events
        if isinstance(event, Retrieved) and event.source == "knowledge"
        for passage in event.found
    )


# -------------------------------------------------------------------------------------------- leaving itself out


def _others(asking: Asking, case: Case) -> Callable[[Path], Exemplars]:
    """The worked examples but for those that ask the very same."""
    pool = asking.pool
    lines = pool.same(case.input) if pool is not None else frozenset()

    def opened(file: Path) -> Exemplars:
        assert asking.examples is not None
        found = asking.examples(file)
        return Without(found, lines) if lines and _same_file(file, asking.subject.pool) else found

    return opened


def _unseen(asking: Asking, case: Case) -> Callable[[Path], Classifier]:
    def opened(file: Path) -> Classifier:
        if asking.guesses is None or not _same_file(file, asking.subject.pool):
            raise KnowledgeError(f"{file}: a head is measured with the cases it learns from")
        return Unseen(asking.guesses, case.input)

    return opened


def _same_file(one: Path, other: Path | None) -> bool:
    return other is not None and one.resolve() == other.resolve()


__all__ = ["Asking", "Grader", "Recorded", "Told", "measure"]
