"""What runs cost, as a fold over their events: per step and model, and what it would have cost all-cloud.

The comparison prices the answers that counted: of every instance the attempt that gave its value (its last one when it
has none), prompt and answer, as if the other model had given it at once. Repairs and other rungs of a ladder are not
counted for the other model, reused answers for neither. It counts the tokens as the models that did the work counted them; another tokenizer counts differently, so
the figure is an estimate and is called one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from orchestrator.events import (
    AttemptFinished,
    AttemptStarted,
    Decided,
    Event,
    ModelReady,
    RunResumed,
    StepFailed,
    StepFinished,
)
from orchestrator.money import Nano, Price, cost, shown
from orchestrator.report import words
from orchestrator.report.paths import step_of


@dataclass(slots=True)
class Line:
    """What one model did for one step. `cost` is in nano-dollars; `local` is None while nobody has said where it runs.

    `answers` are the attempts that counted, with their tokens in `answer_prompt` and `answer_completion`. `open_calls`
    left the machine and have no bill: they go on, or a crash cut them off; `open_cost` is what they may have cost.
    """

    ref: str = ""
    local: bool | None = None
    calls: int = 0
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    cost: Nano = 0
    overruns: int = 0
    answers: int = 0
    answer_prompt: int = 0
    answer_completion: int = 0
    open_calls: int = 0
    open_cost: Nano = 0

    def add(self, other: Line) -> None:
        """Take another line in, of the same or of another model."""
        self.ref = other.ref if self.ref in ("", other.ref) else ""
        self.local = other.local if self.calls == 0 or self.local == other.local else None
        for name in _COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))


_COUNTED = (
    "calls",
    "prompt",
    "completion",
    "cached",
    "cost",
    "overruns",
    "answers",
    "answer_prompt",
    "answer_completion",
    "open_calls",
    "open_cost",
)


@dataclass(slots=True)
class _Tried:
    """The attempts of one instance that has no value yet: tokens of the last one of each model, and the last model."""

    tokens: dict[str, tuple[int, int]] = field(default_factory=dict)
    last: str = ""


@dataclass(slots=True)
class Spending:
    """The lines of one run by step and model. Takes events one by one."""

    lines: dict[tuple[str, str], Line] = field(default_factory=dict)
    _models: dict[str, tuple[str, bool]] = field(default_factory=dict)
    _reserved: dict[str, tuple[str, str, Nano]] = field(default_factory=dict)
    """Step, model and reservation of calls without a bill, by instance."""
    _tried: dict[str, _Tried] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Take one event in, in the order of the log."""
        match event:
            case ModelReady():
                self._models[event.model] = (event.ref, event.local)
            case AttemptStarted():
                if event.intent:
                    self._models.setdefault(event.model, ("", False))
                    self._reserved[event.path] = (step_of(event.path), event.model, event.reserved)
            case Decided():
                self._again(event)
            case AttemptFinished():
                self._finished(event)
            case StepFinished() | StepFailed():
                self._settled(event)
            case RunResumed():
                self._cut_off(self.lines)
                self._reserved.clear()
                self._tried.clear()
            case _:
                pass

    @property
    def cost(self) -> Nano:
        return sum(line.cost for line in self.lines.values())

    def total(self) -> Line:
        return total(self.all_lines().values())

    def all_lines(self) -> dict[tuple[str, str], Line]:
        """The lines, with the calls that have no bill and the answers that have no value so far."""
        found = {key: replace(line) for key, line in self.lines.items()}
        self._cut_off(found)
        for path, tried in self._tried.items():
            key = (step_of(path), tried.last)
            if key in found:
                _count(found[key], tried.tokens[tried.last])
        return found

    def _again(self, event: Decided) -> None:
        """A call is sent once more, with a reservation more."""
        if event.choice == "again" and event.path in self._reserved:
            step, model, reserved = self._reserved[event.path]
            self._reserved[event.path] = step, model, reserved + event.reserved

    def _finished(self, event: AttemptFinished) -> None:
        line = self._line(self.lines, step_of(event.path), event.model)
        line.calls += 1
        line.prompt += event.prompt_tokens
        line.completion += event.completion_tokens
        line.cached += event.cached_tokens
        line.cost += event.cost
        reserved = self._reserved.pop(event.path, None)
        line.overruns += reserved is not None and event.cost > reserved[2]
        tried = self._tried.get(event.path)
        if tried is None:
            tried = self._tried[event.path] = _Tried()
        if event.outcome != "error" or not tried.last:
            tried.tokens[event.model], tried.last = (
                (event.prompt_tokens, event.completion_tokens),
                event.model,
            )

    def _settled(self, event: StepFinished | StepFailed) -> None:
        """An instance has its value, or never will: one of its attempts counted."""
        tried = self._tried.pop(event.path, None)
        if tried is None:
            return
        model = (event.facts or {}).get("model")
        counted = model if isinstance(model, str) and model in tried.tokens else tried.last
        _count(self._line(self.lines, step_of(event.path), counted), tried.tokens[counted])

    def _cut_off(self, lines: dict[tuple[str, str], Line]) -> None:
        for step, model, reserved in self._reserved.values():
            line = self._line(lines, step, model)
            line.open_calls += 1
            line.open_cost += reserved

    def _line(self, lines: dict[tuple[str, str], Line], step: str, model: str) -> Line:
        line = lines.get((step, model))
        if line is None:
            ref, local = self._models.get(model, ("", None))
            line = lines[step, model] = Line(ref, local)
        return line


def _count(line: Line, tokens: tuple[int, int]) -> None:
    line.answers += 1
    line.answer_prompt += tokens[0]
    line.answer_completion += tokens[1]


def total(lines: Iterable[Line]) -> Line:
    """All of them as one."""
    result = Line()
    for line in lines:
        result.add(line)
    return result


def all_cloud(line: Line, price: Price) -> Nano:
    """What the answers of this line would have cost at that price, in nano-dollars; an estimate, see above."""
    return cost(price, line.answer_prompt, line.answer_completion)


def kept_local(lines: Iterable[Line]) -> tuple[int, int]:
    """Answers that were given on this machine, and all answers."""
    here = every = 0
    for line in lines:
        every += line.answers
        here += line.answers if line.local is not False else 0
    return here, every


def saved(line: Line, price: Price, name: str) -> str:
    """For a person: `$0.0004 spent; about $0.021 if gpt-5-mini had done it all`. Empty when nobody answered."""
    if not line.answers and not line.open_calls:
        return ""
    would = all_cloud(line, price)
    if not would and not line.cost and not line.open_calls:
        return ""
    spent = f"{shown(line.cost)} spent" if line.cost else "nothing spent"
    if line.open_calls:
        spent += (
            f", and at most {shown(line.open_cost)} by {words.count(line.open_calls, 'call')} without a bill"
        )
    return f"{spent}; about {shown(would)} if {name} had done it all"


def table(
    lines: Iterable[tuple[str, Line]], price: Price | None, name: str
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and one row per named line, and what each would have cost elsewhere."""
    header = ("", "calls", "answers", "tokens in", "out", "spent", *((f"all by {name}",) if price else ()))
    rows = [
        (
            title,
            words.number(line.calls),
            words.number(line.answers),
            words.number(line.prompt),
            words.number(line.completion),
            shown(line.cost),
            *((shown(all_cloud(line, price)),) if price else ()),
        )
        for title, line in lines
    ]
    return header, rows
