"""Paths that a file names stay beneath its project's root, links followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from orchestrator.regular import real
from orchestrator.spec.diagnostics import Diagnostic
from orchestrator.spec.marks import Marks, Part
from orchestrator.spec.model import (
    AgentSpec,
    AgentStep,
    GroupStep,
    InputSpec,
    Model,
    Project,
    StepBase,
    Workflow,
)
from orchestrator.spec.types import ImageType

Named: TypeAlias = tuple[tuple[Part, ...], str]
"""Where a path stands in the file, and the path."""


def stray_paths(model: Model, marks: Marks, base: Path, root: Path) -> list[Diagnostic]:
    """A diagnostic for every path that leads out of `root`; relative ones mean `base`."""
    top = real(root)
    return [
        marks.diagnostic("ORCH162", f"{text!r} lies outside the project", marks.at(*path), _HINT)
        for path, text in _named(model)
        if not real(base / folder_of(text)).is_relative_to(top)
    ]


_HINT = "a path in a workflow stays beneath its project's root; other files are given as inputs"


def folder_of(text: str) -> str:
    """The folder that a `chroma:FOLDER#COLLECTION` means; any other path as it is."""
    return text.removeprefix("chroma:").partition("#")[0] if text.startswith("chroma:") else text


def _named(model: Model) -> Iterator[Named]:
    match model:
        case Workflow():
            yield from _inputs(model.inputs)
            yield from _shared(model)
            yield from _steps(model.steps, ("steps",))
        case Project():
            yield from _shared(model)
        case AgentSpec():
            yield from _cases(model, ())
        case _:
            raise TypeError(f"{type(model).__name__} is no kind of file")


def _shared(model: Workflow | Project) -> Iterator[Named]:
    for name, knowledge in model.knowledge.items():
        if isinstance(knowledge.from_, str):
            yield ("knowledge", name, "from"), knowledge.from_
        else:
            yield from ((("knowledge", name, "from", n), text) for n, text in enumerate(knowledge.from_))
    for name, tool in model.tools.items():
        if tool.python:
            yield ("tools", name, "python"), tool.python.partition(":")[0]
    for name, agent in model.agents.items():
        yield from _cases(agent, ("agents", name))


def _inputs(inputs: Mapping[str, InputSpec]) -> Iterator[Named]:
    for name, spec in inputs.items():
        if isinstance(spec.type, str | ImageType) and isinstance(spec.default, str):
            yield ("inputs", name, "default"), spec.default


def _steps(steps: Mapping[str, StepBase], path: tuple[Part, ...]) -> Iterator[Named]:
    for name, step in steps.items():
        if isinstance(step, AgentStep):
            yield from _cases(step, (*path, name))
        elif isinstance(step, GroupStep):
            yield from _steps(step.steps, (*path, name, "steps"))


def _cases(holder: AgentSpec | AgentStep, path: tuple[Part, ...]) -> Iterator[Named]:
    if holder.examples:
        yield (*path, "examples", "from"), holder.examples.from_
    if holder.head:
        yield (*path, "head", "from"), holder.head.from_
