"""The values of groups, loops and fan-outs, which no event holds: put together from those of their steps.

Two things are not in the log: the item that a group under `foreach` holds beside its steps, and the `outputs` of a
subworkflow. Knows no store.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from orchestrator.events import Event, StepFailed, StepFinished, StepSkipped, StepStarted
from orchestrator.report import words

_CHILD = re.compile(r"(?P<inside>.+)\.(?P<name>[^\W\d]\w*)")
_PASS = re.compile(r"(?P<group>.+)~(?P<number>\d+)")


def container_of(event: StepFinished) -> str:
    """`foreach`, `steps` or `workflow` when the value is made of the values inside; empty when the event holds it."""
    return "" if event.handled else str(event.facts.get("container", ""))


def inside_of(path: str) -> str:
    """What an instance is a step of: `answer.3` for `answer.3.draft`, `loop~2` for `loop~2.draft`; else empty."""
    found = _CHILD.fullmatch(path)
    return found["inside"] if found else ""


class Values:
    """A fold over events; `of` gives the value of any instance. `keep` says which paths are worth their memory."""

    def __init__(self, keep: Callable[[str], bool] = lambda path: True) -> None:  # noqa: ARG005 - keeps all
        self._keep = keep
        self._values: dict[str, Any] = {}
        self._containers: set[str] = set()
        self._items: dict[str, int] = {}
        self._children: dict[str, dict[str, None]] = {}
        self._passes: dict[str, int] = {}

    def add(self, event: Event) -> None:
        """Take one event in, in the order of the log."""
        if not isinstance(event, StepStarted | StepFinished | StepSkipped | StepFailed):
            return
        if not self._keep(event.path):
            return
        self._place(event.path)
        match event:
            case StepStarted():
                if event.items is not None:
                    self._items[event.path] = event.items
            case StepFinished() if container_of(event):
                self._containers.add(event.path)
            case StepFinished():
                self._values[event.path] = event.value
            case _:
                self._values[event.path] = None

    def of(self, path: str) -> Any:
        """The value; null for what was skipped, failed or has not finished."""
        if path not in self._containers:
            return self._values.get(path)
        if path in self._items:
            return [self.of(f"{path}.{number}") for number in range(self._items[path])]
        passes = self._passes.get(path)
        children = self._children.get(path if passes is None else f"{path}~{passes}", {})
        return {child.rpartition(".")[2]: self.of(child) for child in children}

    def passes(self, path: str) -> int:
        """How often the loop of this path went round; 0 for everything else."""
        return self._passes.get(path, 0)

    def _place(self, path: str) -> None:
        inside = inside_of(path)
        if not inside:
            return
        self._children.setdefault(inside, {}).setdefault(path)
        if turn := _PASS.fullmatch(inside):
            group = turn["group"]
            self._passes[group] = max(self._passes.get(group, 0), int(turn["number"]))


class Sizes:
    """A fold over events; `of` says what a container is made of: `8 items`, `2 passes`, `3 steps`."""

    def __init__(self) -> None:
        self._items: dict[str, int] = {}
        self._passes: dict[str, int] = {}
        self._steps: dict[str, set[str]] = {}

    def add(self, event: Event) -> None:
        """Take one event in, in the order of the log."""
        if not isinstance(event, StepStarted | StepFinished | StepSkipped | StepFailed):
            return
        if isinstance(event, StepStarted) and event.items is not None:
            self._items[event.path] = event.items
        inside = inside_of(event.path)
        turn = _PASS.fullmatch(inside)
        group = turn["group"] if turn else inside
        if turn:
            self._passes[group] = max(self._passes.get(group, 0), int(turn["number"]))
        if group:
            self._steps.setdefault(group, set()).add(event.path.rpartition(".")[2])

    def of(self, path: str) -> str:
        """In words; of a loop the passes, of a fan-out the items, of the others the steps."""
        if path in self._items:
            return words.count(self._items[path], "item")
        if path in self._passes:
            return words.count(self._passes[path], "pass", "passes")
        return words.count(len(self._steps.get(path, ())), "step")
