"""What runs cost, as a fold over their events: per step and model, and what it would have cost all-cloud.

The comparison prices the answers that counted: of every instance its last attempt, prompt and answer, as if the other
model had given it at once. Repairs and lower rungs of a ladder are not counted for the other model, reused answers for
neither. It counts the tokens as the models that did the work counted them; another tokenizer counts differently, so
the figure is an estimate and is called one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from orchestrator.events import AttemptFinished, AttemptStarted, Event, ModelReady
from orchestrator.money import Nano, Price, cost, shown
from orchestrator.report import words


@dataclass(slots=True)
class Line:
    """What one model did for one step. `cost` is in nano-dollars; `local` is None while nobody has said where it runs.

    `answers` are the attempts that counted, with their tokens in `answer_prompt` and `answer_completion`.
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
)


@dataclass(slots=True)
class Spending:
    """The lines of one run by step and model. Takes events one by one; `step_of` is applied by who calls `line`."""

    lines: dict[tuple[str, str], Line] = field(default_factory=dict)
    _models: dict[str, tuple[str, bool]] = field(default_factory=dict)
    _reserved: dict[str, Nano] = field(default_factory=dict)
    _earlier: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Tokens of an attempt that another one follows, by instance."""

    def add(self, event: Event, step: str = "") -> None:
        """Take one event in, in the order of the log; `step` is the step its path belongs to."""
        match event:
            case ModelReady():
                self._models[event.model] = (event.ref, event.local)
            case AttemptStarted():
                if event.reserved:
                    self._reserved[event.path] = event.reserved
                if event.intent:
                    self._models.setdefault(event.model, ("", False))
            case AttemptFinished():
                self._finished(event, step)
            case _:
                pass

    @property
    def cost(self) -> Nano:
        return sum(line.cost for line in self.lines.values())

    def total(self) -> Line:
        return total(self.lines.values())

    def _finished(self, event: AttemptFinished, step: str) -> None:
        line = self.lines.get((step, event.model))
        if line is None:
            ref, local = self._models.get(event.model, ("", None))
            line = self.lines[step, event.model] = Line(ref, local)
        line.calls += 1
        line.prompt += event.prompt_tokens
        line.completion += event.completion_tokens
        line.cached += event.cached_tokens
        line.cost += event.cost
        line.overruns += event.cost > self._reserved.pop(event.path, event.cost)
        tokens = event.prompt_tokens, event.completion_tokens
        if event.decision in ("repair", "escalate"):
            self._earlier[event.path] = tokens
            return
        earlier = self._earlier.pop(event.path, None)
        prompt, completion = earlier if event.outcome == "error" and earlier else tokens
        line.answers += 1
        line.answer_prompt += prompt
        line.answer_completion += completion


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
    if not line.answers:
        return ""
    would = all_cloud(line, price)
    if not would and not line.cost:
        return ""
    spent = f"{shown(line.cost)} spent" if line.cost else "nothing spent"
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
