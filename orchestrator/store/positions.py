"""Where everything of an event stands in its row: time, kind and path in columns, the other fields by position.

The usual facts of a step and messages of a role and a text stand without their names, and what holds its default at the
end stands nowhere. `shapes.py` knows this of every kind; the four events that each step makes are written here once
more, field by field, which takes a third of the time. Knows no JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from orchestrator.events import AttemptFinished, AttemptStarted, Event, StepFinished, StepStarted
from orchestrator.store.shapes import LETTERS, Shape, by_class

Placed = tuple[float, str, str, Sequence[Any]]
"""Time, letter, path (empty where the kind has none) and the other fields."""
Way = Callable[[Any], Placed]

USUAL_FACTS = ("model", "tokens", "attempts", "seconds", "error")
"""The facts of a step that a model answered: only their values are stored, and no error where there was none."""
_MESSAGE = ("role", "content")
_STEP_STARTED, _STEP_FINISHED = LETTERS["step.started"], LETTERS["step.finished"]
_ATTEMPT_STARTED, _ATTEMPT_FINISHED = LETTERS["attempt.started"], LETTERS["attempt.finished"]


@cache
def ways() -> Mapping[type, Way]:
    """How to place an event, by its class."""
    usual: dict[type, Way] = {
        StepStarted: _step_started,
        AttemptStarted: _attempt_started,
        AttemptFinished: _attempt_finished,
        StepFinished: _step_finished,
    }
    return {cls: usual.get(cls, placed) for cls in by_class()}


def placed(event: Event) -> Placed:
    """An event of any kind."""
    shape = by_class()[type(event)]
    found = shape.values(event)
    return found[0], shape.letter, found[1] if shape.has_path else "", _positions(shape, found)


def _positions(shape: Shape, found: tuple[Any, ...]) -> Sequence[Any]:
    """The fields behind the columns in order, up to the last that says something."""
    bare = shape.bare
    if found[bare:] != shape.ending or found[bare - 1] is None:
        return _cut(shape, found[shape.first :])
    values = found[shape.first : bare]
    return values if shape.facts is None and shape.messages is None else _short(shape, [*values])


def _cut(shape: Shape, fields: Sequence[Any]) -> list[Any]:
    values, tail = [*fields], shape.tail
    while values and values[-1] is tail[len(values) - 1]:
        values.pop()
    return _short(shape, values)


def _short(shape: Shape, values: list[Any]) -> list[Any]:
    """The same with the names left out that everybody knows."""
    if (at := shape.facts) is not None and at < len(values):
        values[at] = _unnamed(values[at])
    elif (at := shape.messages) is not None:
        values[at] = _flat(values[at])
    return values


def _unnamed(facts: Mapping[str, Any] | None) -> Any:
    """The usual facts as a list of their values."""
    if facts is None or tuple(facts) != USUAL_FACTS:
        return facts
    values = [*facts.values()]
    if values[-1] is None:
        values.pop()
    return values


def _flat(messages: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
    """`role, content, role, content` where all messages consist of these; the first role, a text, tells it later."""
    flat: list[Any] = []
    for message in messages:
        if tuple(message) != _MESSAGE:
            return messages
        flat += message.values()
    return flat if flat and type(flat[0]) is str else messages


# ------------------------------------------------------------------------------------- the four of every step


def _step_started(event: StepStarted) -> Placed:
    items = event.items
    return event.at, _STEP_STARTED, event.path, [event.verb] if items is None else [event.verb, items]


def _attempt_started(event: AttemptStarted) -> Placed:
    if event.intent or event.reserved:
        return placed(event)
    asked = _flat(event.messages)
    values = [event.attempt, event.model, asked, event.tokens, event.exact, event.parts]
    return event.at, _ATTEMPT_STARTED, event.path, values


def _attempt_finished(event: AttemptFinished) -> Placed:
    if event.cost or event.retries or event.confidence is not None:
        return placed(event)
    values = [
        event.attempt,
        event.model,
        event.outcome,
        event.decision,
        event.reason,
        event.text,
        event.thinking,
        event.prompt_tokens,
        event.completion_tokens,
        event.cached_tokens,
        event.seconds,
    ]
    if event.rate is not None:
        values += (event.first_token, event.rate)
    elif event.first_token is not None:
        values.append(event.first_token)
    return event.at, _ATTEMPT_FINISHED, event.path, values


def _step_finished(event: StepFinished) -> Placed:
    if event.cached or event.handled:
        return placed(event)
    return event.at, _STEP_FINISHED, event.path, [event.value, _unnamed(event.facts)]


__all__ = ["USUAL_FACTS", "Placed", "Way", "placed", "ways"]
