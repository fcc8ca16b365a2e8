"""What a run came to, as a fold over its events: per step and per model, calls, tokens, seconds, cached.

Knows no store: it takes events one by one, live or read back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from orchestrator.events import (
    AskAnswered,
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    CallFinished,
    CallStarted,
    Decided,
    Event,
    ModelReady,
    Retrieved,
    RunFailed,
    RunFinished,
    RunInterrupted,
    RunResumed,
    RunStarted,
    RunWaiting,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    Warned,
)
from orchestrator.report import words
from orchestrator.report.cost import Line, Spending
from orchestrator.report.paths import instance, is_item, step_of

CONTAINERS = frozenset({"steps", "workflow"})


@dataclass(slots=True)
class Use:
    """What models did for somebody. `busy` is seconds in which at least one call was under way."""

    calls: int = 0
    failed_calls: int = 0
    repairs: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    busy: float = 0.0
    open_calls: int = 0
    since: float = 0.0

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens written per second while a model was at work, reading the prompt included."""
        return words.speed(self.completion_tokens, self.busy)

    def begin(self, at: float) -> None:
        if self.open_calls == 0:
            self.since = at
        self.open_calls += 1

    def end(self, event: AttemptFinished) -> None:
        self.calls += 1
        self.failed_calls += event.outcome == "error"
        self.repairs += event.decision == "repair"
        self.prompt_tokens += event.prompt_tokens
        self.completion_tokens += event.completion_tokens
        self.cached_tokens += event.cached_tokens
        if self.open_calls > 0:
            self.open_calls -= 1
            if self.open_calls == 0:
                self.busy += max(0.0, event.at - self.since)

    def forget_open(self) -> None:
        """A crash left calls open; what they took is not known."""
        self.open_calls = 0


@dataclass(slots=True)
class StepRow:
    """One step of the file, all its instances together.

    `seconds` is from its first start to its last end, without the time in which no process worked on the run; of a
    question how long it was open, whoever worked.
    """

    step: str
    verb: str = ""
    models: dict[str, None] = field(default_factory=dict)
    done: int = 0
    cached: int = 0
    skipped: int = 0
    failed: int = 0
    fans_out: bool = False
    valued: int = 0
    """Of `done` those with a value of their own; a group's is made of its steps'."""
    kept: int = 0
    """Of `failed` those with null in their place (`on_item_error: keep`)."""
    caught: int = 0
    """Of `done` those that failed and have what `on_error` says in their place."""
    started: float | None = None
    ended: float = 0.0
    """Both on the clock of `Summary.worked`."""
    opened: float | None = None
    answered: float | None = None
    """When it was asked first and answered last, on the clock of the wall."""
    use: Use = field(default_factory=Use)
    tool_calls: int = 0
    """Calls of tools that came to an end, by the step itself or by its agent."""

    @property
    def seconds(self) -> float:
        if self.verb == "ask" and self.opened is not None and self.answered is not None:
            return max(0.0, self.answered - self.opened)
        return max(0.0, self.ended - self.started) if self.started is not None else 0.0


@dataclass(slots=True)
class ModelRow:
    """One model. `local` is None while nobody has said where it runs."""

    name: str
    ref: str = ""
    local: bool | None = None
    load_seconds: float = 0.0
    use: Use = field(default_factory=Use)


@dataclass(slots=True)
class Summary:
    """A run in figures. `seconds` counts only the time in which some process worked on it."""

    status: str = "new"
    steps: dict[str, StepRow] = field(default_factory=dict)
    models: dict[str, ModelRow] = field(default_factory=dict)
    total: Use = field(default_factory=Use)
    cached: int = 0
    failed: int = 0
    """Failures that are final so far, not those of the groups that failed with a step of theirs."""
    caught: int = 0
    """What failed and has what `on_error` says in its place, fan-outs and groups as a whole too."""
    seconds: float = 0.0
    spending: Spending = field(default_factory=Spending)
    _lost: dict[str, bool] = field(default_factory=dict)
    """What failed with nothing in its place, and whether it counts in `failed`."""
    _segment: float | None = None
    _last: float = 0.0

    def add(self, event: Event) -> None:
        """Take one event in, in the order of the log."""
        match event:
            case RunStarted():
                self.status, self._segment = "running", event.at
            case RunResumed():
                self.spending.add(event)
                self._close_segment(self._last)
                self.status, self._segment = "running", event.at
                self._forget_open()
                self._try_again()
            case ModelReady():
                row = self._model(event.model)
                row.ref, row.local = event.ref, event.local
                row.load_seconds += event.seconds
                self.spending.add(event)
            case StepStarted():
                self._started(event)
            case AttemptStarted():
                for use in self._uses(event.path, event.model):
                    use.begin(event.at)
                if event.intent:
                    self._model(event.model).local = False
                    self.spending.add(event)
            case AttemptFinished():
                for use in self._uses(event.path, event.model):
                    use.end(event)
                self.spending.add(event)
            case StepFinished() | StepSkipped() | StepFailed():
                self._ended(event)
                self.spending.add(event)
            case RunFinished():
                self._stop("done", event.at)
            case RunFailed():
                self._stop(event.status, event.at)
            case RunWaiting():
                self._stop("waiting", event.at)
            case RunInterrupted():
                self._stop("cancelled" if event.cancelled else "interrupted", event.at)
            case AskOpened():
                asked = self._step(event.path)
                asked.opened = event.at if asked.opened is None else asked.opened
            case AskAnswered():
                self._step(event.path).answered = event.at
                return  # nobody needs to work on the run when somebody answers
            case Decided():
                self.spending.add(event)
            case CallFinished():
                self._step(event.path).tool_calls += event.call > 0  # 0: another run made it
            case Warned() | CallStarted() | Retrieved():
                pass  # they cost nothing
            case _:
                assert_never(event)
        self._last = event.at

    def worked(self, now: float) -> float:
        """Seconds in which some process worked on it, until now."""
        return self.seconds + (max(0.0, now - self._segment) if self._segment is not None else 0.0)

    @property
    def stayed_local(self) -> bool | None:
        """Whether every call stayed on this machine; None when a model never said where it runs."""
        called = [row.local for row in self.models.values() if row.use.calls or row.use.open_calls]
        if False in called:
            return False
        return None if None in called else True

    def _started(self, event: StepStarted) -> None:
        row = self._step(event.path)
        if not row.verb or not instance(event.path).part:  # an agent that the step calls is not the step
            row.verb = event.verb
        row.fans_out = row.fans_out or event.items is not None
        if row.started is None:
            row.started = self.worked(event.at)

    def _ended(self, event: StepFinished | StepSkipped | StepFailed) -> None:
        row = self._step(event.path)
        row.ended = self.worked(event.at)
        if instance(event.path).part:
            return  # one answer of several that make up the step
        self._settle(event)
        self.caught += isinstance(event, StepFinished) and bool(event.handled)
        if row.fans_out and not is_item(event.path):
            return  # the end of the whole fan-out: its items are counted
        match event:
            case StepSkipped():
                row.skipped += 1
            case StepFailed():
                row.failed += 1
                row.kept += event.kept
            case StepFinished():
                row.done += 1
                row.valued += "container" not in event.facts
                row.cached += event.cached
                row.caught += bool(event.handled)
                self.cached += event.cached

    def _settle(self, event: StepFinished | StepSkipped | StepFailed) -> None:
        """Count failures once, where they began; know which of them a resumed run tries again."""
        lost = isinstance(event, StepFailed) and not event.kept
        if not self._lost and not isinstance(event, StepFailed):
            return
        inside = [path for path in self._lost if path.startswith((f"{event.path}.", f"{event.path}~"))]
        self.failed += isinstance(event, StepFailed) and not inside
        if lost:
            self._lost[event.path] = not inside
        else:  # null or a value stands in the place of what failed inside: that is not tried again
            for path in inside:
                del self._lost[path]

    def _try_again(self) -> None:
        for path, counted in self._lost.items():
            if not (self._step(path).fans_out and not is_item(path)):
                self._step(path).failed -= 1
            self.failed -= counted
        self._lost.clear()

    def _stop(self, status: str, at: float) -> None:
        self.status = status
        self._close_segment(at)

    def _close_segment(self, at: float) -> None:
        if self._segment is not None:
            self.seconds += max(0.0, at - self._segment)
            self._segment = None

    def _forget_open(self) -> None:
        uses = [row.use for row in self.steps.values()] + [row.use for row in self.models.values()]
        for use in (*uses, self.total):
            use.forget_open()

    def _uses(self, path: str, model: str) -> tuple[Use, Use, Use]:
        step = self._step(path)
        step.models.setdefault(model)
        return step.use, self._model(model).use, self.total

    def _step(self, path: str) -> StepRow:
        name = step_of(path)
        row = self.steps.get(name)
        if row is None:
            row = self.steps[name] = StepRow(name)
        return row

    def _model(self, name: str) -> ModelRow:
        row = self.models.get(name)
        if row is None:
            row = self.models[name] = ModelRow(name)
        return row


def summary(events: Iterable[Event]) -> Summary:
    """The figures of these events, from the first."""
    result = Summary()
    for event in events:
        result.add(event)
    return result


def costs(events: Iterable[Event]) -> dict[tuple[str, str], Line]:
    """What each step asked of each model, as the store keeps it of a run."""
    return summary(events).spending.all_lines()


def steps_done(run: Summary) -> int:
    """Steps and items with a value; groups are made of theirs and do not count."""
    return sum(row.valued for row in run.steps.values())


def sentence(run: Summary) -> str:
    """One line for a person: `done in 4.2 s · 12 steps · 3 cached · 1,234 tokens · 80 tok/s · …`."""
    rows = [row for row in run.steps.values() if row.verb not in CONTAINERS]
    skipped = sum(row.skipped for row in rows)
    tokens = run.total.prompt_tokens + run.total.completion_tokens
    calls = sum(row.tool_calls for row in rows)
    parts = [
        f"{run.status} in {words.seconds(run.seconds)}" if run.status != "waiting" else "waiting",
        words.count(steps_done(run), "step"),
        f"{words.number(run.cached)} cached" if run.cached else "",
        f"{words.number(skipped)} skipped" if skipped else "",
        f"{words.number(run.failed)} failed" if run.failed else "",
        f"{words.number(run.caught)} caught" if run.caught else "",
        words.count(calls, "tool call") if calls else "",
        words.count(tokens, "token") if tokens else "",
        words.rate(run.total.completion_tokens, run.total.busy),
        whereabouts(run),
    ]
    return " · ".join(part for part in parts if part)


def whereabouts(run: Summary) -> str:
    """Where the calls went, in words; empty when nobody was called or it is not known."""
    if not run.total.calls and not run.total.open_calls:
        return ""
    match run.stayed_local:
        case True:
            return "everything stayed on this machine"
        case False:
            away = [row for row in run.models.values() if row.local is False]
            calls = sum(row.use.calls for row in away)
            return f"{words.count(calls, 'call')} left this machine ({', '.join(row.name for row in away)})"
        case None:
            return ""


def step_table(run: Summary) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and one row per step, in the order in which the steps began; calls of tools where there were any."""
    tools = any(row.tool_calls for row in run.steps.values())
    header = (
        "step",
        "model",
        "done",
        "cached",
        "skipped",
        "failed",
        *(("tools",) if tools else ()),
        "calls",
        "tokens in",
        "out",
        "seconds",
        "tok/s",
    )
    rows = [
        (
            row.step,
            ", ".join(row.models) or "–",
            *_counts(row.done, row.cached, row.skipped, row.failed),
            *(_counts(row.tool_calls) if tools else ()),
            *_use(row.use, row.seconds),
        )
        for row in run.steps.values()
    ]
    return header, rows


def model_table(run: Summary) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and one row per model. `seconds` is the time in which it was at work."""
    header = ("model", "is", "where", "calls", "tokens in", "out", "seconds", "tok/s")
    where = {True: "this machine", False: "off this machine", None: "?"}
    rows = [
        (row.name, row.ref or "–", where[row.local], *_use(row.use, row.use.busy))
        for row in run.models.values()
    ]
    return header, rows


def _counts(*values: int) -> tuple[str, ...]:
    return tuple(words.number(value) if value else "–" for value in values)


def _use(use: Use, seconds: float) -> tuple[str, ...]:
    speed = use.tokens_per_second
    return (
        *_counts(use.calls, use.prompt_tokens, use.completion_tokens),
        f"{seconds:.1f}",
        f"{speed:,.0f}" if speed is not None else "–",
    )
