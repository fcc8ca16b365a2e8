"""What a name means at a place of the file: names resolve outwards, from inner steps to loop variables to outer steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from orchestrator.graph.kinds import BOOL, COUNT, INT, NUMBER, TEXT, UNKNOWN, list_of, nullable
from orchestrator.graph.texts import Path
from orchestrator.light import light
from orchestrator.render import FUNCTIONS
from orchestrator.spec.model import GroupStep, Step
from orchestrator.spec.types import Date, Field, MapOf, Type

Sort: TypeAlias = Literal["step", "loop", "last", "inputs", "steps", "env", "extra", "local"]

RESERVED = frozenset(
    {
        "inputs", "steps", "item", "items", "index", "last", "output", "answer", "error", "env", "today", "invalid",
        "confidence", "failed", "attempts", "prompt_tokens",
    }
)  # fmt: skip
TAKEN = (RESERVED - {"answer"}) | frozenset(FUNCTIONS)
"""Names that no step and no loop variable may have (`item` may be said to be the loop variable it is anyway).

`answer` means something in `on_error` only, and is too good a name for a step. Names of filters stand only behind
a `|`, so `sort`, `first` and `count` may name steps.
"""

FACTS: Mapping[str, Type] = {
    "model": TEXT,
    "tokens": COUNT,
    "confidence": NUMBER,
    "sources": list_of(UNKNOWN),
    "escalated": BOOL,
    "attempts": COUNT,
    "seconds": NUMBER,
    "usd": NUMBER,
    "error": nullable(TEXT),
    "met": BOOL,
    "passes": COUNT,
}
"""What stands under `steps.<name>`."""
EDITED = "edited"
"""The fact that only a question with `edit` has: the value as the person left it."""
LEAF_FACTS = MapOf(tuple(Field(name, kind) for name, kind in FACTS.items()))

EXTRA: Mapping[str, Type] = {
    "output": UNKNOWN,
    "answer": nullable(TEXT),
    "error": MapOf((Field("kind", TEXT), Field("message", TEXT))),
    "items": list_of(UNKNOWN),
    "item": UNKNOWN,
    "index": INT,
    "invalid": BOOL,
    "failed": BOOL,
    "confidence": NUMBER,
    "attempts": COUNT,
    "prompt_tokens": COUNT,
}
"""Types of the names that only some keys have, where nothing better is known."""

TODAY = Date()


@light(frozen=True, slots=True)
class Binding:
    """What a name stands for. `inside` are the steps of the group it names, reached as its fields."""

    sort: Sort
    type: Type = UNKNOWN
    inside: Mapping[str, Step] | None = None


@dataclass(slots=True)
class Level:
    """One level of `steps:`, with what is known of it so far. `loop` and `last` are those of the group around it."""

    steps: Mapping[str, Step]
    at: Path
    prefix: str = ""
    outer: Level | None = None
    owner: str = ""
    loop: dict[str, Type] = field(default_factory=dict)
    repeats: bool = False
    last: Type = UNKNOWN
    types: dict[str, Type] = field(default_factory=dict)
    facts: dict[str, Type] = field(default_factory=dict)
    handled: frozenset[str] = frozenset()
    """Names that occur in the `when` of a group around this level: nobody inside need fear that they are null."""

    def upwards(self) -> Iterator[Level]:
        level: Level | None = self
        while level is not None:
            yield level
            level = level.outer

    def find(self, name: str) -> Binding | None:
        """The meaning of a name here or further out; None when there is none."""
        for level in self.upwards():
            step = level.steps.get(name)
            if step is not None:
                return Binding("step", level.types.get(name, UNKNOWN), inside_of(step))
            if name in level.loop:
                return Binding("loop", level.loop[name])
            if name == "last" and level.repeats:
                return Binding("last", level.last)
        return None

    def find_facts(self, name: str) -> Type | None:
        """What stands under `steps.<name>` here."""
        for level in self.upwards():
            if name in level.steps:
                return level.facts.get(name, UNKNOWN)
        return None

    def visible(self) -> Iterator[str]:
        """Every step and loop variable that can be read here."""
        for level in self.upwards():
            yield from level.steps
            yield from level.loop
            if level.repeats:
                yield "last"


def inside_of(step: Step) -> Mapping[str, Step] | None:
    """The steps that are fields of the step's value: those of a group that is no list."""
    return step.steps if isinstance(step, GroupStep) and step.foreach is None else None
