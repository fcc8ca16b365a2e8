"""The work that every peer does in a step: render a template that reads the value before, ask, validate the answer.

Whatever a peer does not bring is done here in the leanest way known: a compiled Jinja template, a Pydantic model.
Imports nothing of orch: the peers' environment does not have it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from jinja2 import Environment
from pydantic import BaseModel, Field

ANSWER = '{"line":"and so it went on"}'
LAST = "and so it went on"
WIDE = 64
"""Items of a fan-out that are under way at once, where a peer has a bound."""

Run = Callable[[], Awaitable[Any]]
Prepare = Callable[[int], Run]
"""From a number of steps to one run of them; what is made before the run is not measured."""


class Line(BaseModel):
    """What a step answers."""

    line: str = Field(max_length=80)


_go_on = Environment(autoescape=False).from_string("Go on: {{ text }}")


async def model(_prompt: str) -> str:
    """Answers at once."""
    return ANSWER


async def step(text: str) -> str:
    """Template, model, validation."""
    return Line.model_validate_json(await model(_go_on.render(text=text))).line


def items(count: int) -> list[str]:
    return [f"item {n}" for n in range(count)]


def check(found: Any, steps: int) -> None:
    """A run that did not do its work is no measurement."""
    if isinstance(found, Sequence) and not isinstance(found, str):
        assert len(found) == steps, f"{len(found)} of {steps} items"
        found = found[-1]
    assert found == LAST, found
