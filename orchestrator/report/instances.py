"""The instances of a run, for whoever looks at one step: the state, which events tell of which instance, and values.

Knows no store: it takes events one by one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from orchestrator.events import Event
from orchestrator.report.paths import step_of
from orchestrator.report.values import Values
from orchestrator.state import RunState, Span


@dataclass(slots=True)
class Instances:
    """The state of a run, which events tell of which instance, and the values of one step and what is inside it."""

    values: Values
    state: RunState = field(default_factory=RunState)
    _events: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def around(cls, step: str) -> Instances:
        """For looking at this step, named by an instance's path or by its name in the file."""

        def near(path: str) -> bool:
            names = (path, step_of(path))
            return any(name == step or name.startswith((f"{step}.", f"{step}~")) for name in names)

        return cls(Values(near))

    def take(self, event: Event, seq: int) -> None:
        self.state.apply(event, seq)
        self.values.add(event)
        if path := getattr(event, "path", ""):
            self._events[path].append(seq)

    def of(self, path: str) -> list[int]:
        """Numbers of the events of this very instance."""
        return self._events[path]


def find_step(state: RunState, step: str) -> list[Span]:
    """The instance of this path; or, for a fan-out or the name of a step inside one, all its instances."""
    exact = state.spans.get(step)
    if exact is not None and exact.items is None:
        return [exact]
    inside = [span for path, span in state.spans.items() if step_of(path) == step and path != step]
    return inside or ([exact] if exact is not None else [])
