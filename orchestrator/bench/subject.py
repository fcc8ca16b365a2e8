"""What is measured: a specialist or a workflow, with the help it gets taken away or added piece by piece.

    plain -> grammar -> examples -> repair -> samples          of a specialist, one piece more each time
    as-is                                                      what the files say, nothing else
    nearest, head                                              no model at all

Each is a workflow of one step, made in memory. Asks nobody and opens no store.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from orchestrator.engine.gate import models_needed
from orchestrator.errors import UsageError
from orchestrator.graph.build import Built, build
from orchestrator.graph.model import Graph, Node, all_nodes
from orchestrator.graph.open import check_workflow
from orchestrator.library import Library
from orchestrator.policy.answer_size import answer_tokens
from orchestrator.policy.grade import Case, closed_choice
from orchestrator.spec.diagnostics import Diagnostic, SpecError
from orchestrator.spec.load import Document, interpret, read_project
from orchestrator.spec.model import AgentSpec, Workflow
from orchestrator.spec.types import Enum, Type
from orchestrator.spec.words import describe

Rung = Literal["plain", "grammar", "examples", "repair", "samples", "as-is", "nearest", "head"]
RUNGS: tuple[Rung, ...] = get_args(Rung)
WITHOUT_MODEL: tuple[Rung, ...] = ("nearest", "head")
ASKED, STEP, MODEL, FILE = "asked", "answer", "measured", "bench.yaml"
EXAMPLES, SAMPLES = 8, 5
ROOM = 200
"""Tokens a plain answer may have at least: without a grammar there are words around it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """`output` is the type of its answer, None for text; `pool` the file of worked examples, None where there is none.

    `label` is that of its cases. `path` is the file of a workflow, None for a specialist.
    """

    name: str
    root: Path
    cases: tuple[Case, ...]
    pool: Path | None
    label: str = "private"
    path: Path | None = None
    output: Type | None = None
    spec: AgentSpec | None = None
    model: str | None = None
    """The model of a workflow that is asked alone in its place."""

    def rungs(self) -> tuple[Rung, ...]:
        """Those that make sense for it."""
        if self.path is not None:
            return ("plain", "as-is", *(WITHOUT_MODEL if self.pool is not None else ()))
        learned: tuple[Rung, ...] = (
            ("examples", "repair", "samples") if self.pool is not None else ("repair",)
        )
        typed: tuple[Rung, ...] = ("grammar",) if self.output is not None else ()
        return ("plain", *typed, *learned, "as-is", *(WITHOUT_MODEL if self.pool is not None else ()))


@dataclass(frozen=True, slots=True)
class Setup:
    """How it is asked. `model` is a reference or the name of one of the project's models, None for the file's own."""

    model: str | None = None
    seed: int = 0
    k: int = EXAMPLES


def library_of(root: Path) -> Library:
    """The specialists as a workflow in the project's root sees them."""
    return Library(_document(_nothing(), root), read_project(root))


def with_agent(subject: Subject) -> Subject:
    """With the type of its answer and its role, of a workflow what it says that it is for.

    Raises SpecError for one that cannot be used.
    """
    graph = graph_of(subject, "as-is", Setup())
    if subject.path is None:
        node = _step(graph)
        return replace(subject, output=node.output, spec=node.agent.spec if node.agent is not None else None)
    last, models = _last(graph), list(models_needed(graph).values())
    spec = AgentSpec(description=graph.workflow.description or None)
    output = last.output if last is not None else None
    return replace(subject, output=output, spec=spec, model=models[0].use if models else None)


def graph_of(subject: Subject, rung: Rung, setup: Setup) -> Graph:
    """The checked workflow that asks it once, with this help. Raises SpecError, UsageError."""
    if subject.path is not None and rung == "as-is":
        return _of_workflow(subject, subject.path, setup)
    graph = _checked(_built(_draft(subject, rung, setup), subject.root))
    return _bare(graph) if rung in ("plain", "grammar") else graph if rung == "as-is" else _headless(graph)


def _of_workflow(subject: Subject, path: Path, setup: Setup) -> Graph:
    """With another model in the place of each of its own."""
    graph = _checked(check_workflow(path))
    if setup.model is None:
        return graph
    known = project_models(subject.root).get(setup.model)
    return _checked(check_workflow(path, models=dict.fromkeys(graph.models, known or setup.model)))


def _checked(built: Built) -> Graph:
    wrong = [found for found in built.diagnostics if found.severity == "error"]
    if built.graph is None or wrong:
        raise SpecError(built.diagnostics)
    return built.graph


def _built(draft: Mapping[str, Any], root: Path) -> Built:
    document, project = _document(draft, root), read_project(root)
    library = Library(document, project)
    built = build(document, library, project=project)
    found: tuple[Diagnostic, ...] = (*(project.diagnostics if project else ()), *built.diagnostics)
    return Built(built.graph, found)


def _document(draft: Mapping[str, Any], root: Path) -> Document:
    """As if it stood in the project's root; it is in no file."""
    text = json.dumps(draft, ensure_ascii=False, indent=1)
    reading = interpret(text, FILE, Workflow)
    if reading.value is None:
        raise SpecError(reading.diagnostics)
    return Document(FILE, root / FILE, root, text, reading.value, reading.marks, reading.broken)


def _nothing() -> dict[str, Any]:
    return {"orch": 1, "steps": {"nothing": {"value": ""}}}


# ------------------------------------------------------------------------------------------------- drafts


def _draft(subject: Subject, rung: Rung, setup: Setup) -> dict[str, Any]:
    step: dict[str, Any] = {"agent": subject.name, "prompt": f"{{{{ inputs.{ASKED} }}}}", "cache": False}
    draft: dict[str, Any] = {
        "orch": 1,
        "inputs": {ASKED: {"type": "text", "label": subject.label}},
        "steps": {STEP: step},
    }
    model = setup.model or subject.model
    if model is not None:
        own = model not in project_models(subject.root)
        draft |= {"models": {MODEL: model}} if own else {}
        step["model"] = MODEL if own else model
    step["params"] = {"seed": setup.seed} if setup.seed else {}
    if rung == "plain":
        _plainly(draft, step, subject)
    if rung in ("examples", "repair", "samples") and subject.pool is not None:
        step["examples"] = {"from": str(subject.pool), "k": setup.k}
    if rung in ("plain", "grammar", "examples"):
        step["repair"] = 0
    if rung == "samples":
        step["samples"] = SAMPLES
    if not step["params"]:
        del step["params"]
    return draft


def _plainly(draft: dict[str, Any], step: dict[str, Any], subject: Subject) -> None:
    """One prompt holds all: what to do, the form of the answer in words, and the input."""
    spec = subject.spec or AgentSpec()
    params = {} if spec.params is None else spec.params.model_dump(exclude_none=True)
    if subject.output is not None:
        params.setdefault("max_tokens", max(ROOM, answer_tokens(subject.output, 1 << 20)))
    role = str(spec.role or spec.description or "").strip()
    draft["agents"] = {"plain": {"description": "Nothing but a model."}}
    step |= {"agent": "plain", "params": {**params, **step["params"]}}
    step["prompt"] = "\n\n".join(part for part in (role, step["prompt"], _shape(subject.output)) if part)
    if spec.model is not None and "model" not in step:
        step["model"] = spec.model


def _shape(output: Type | None) -> str:
    """The form of the answer in words, as a person would ask for it; of one closed answer only that."""
    choice = closed_choice(output)
    if choice is None:
        return "" if output is None else f"Answer with JSON only: {describe(output)}"
    kind = choice[1]
    return f"Answer with one of: {', '.join(kind.values)}." if isinstance(kind, Enum) else "Answer yes or no."


def project_models(root: Path) -> Mapping[str, str]:
    """References of the project's models by their names."""
    project = read_project(root)
    return {name: spec.use for name, spec in project.project.models.items()} if project else {}


def _bare(graph: Graph) -> Graph:
    """Without what is looked up and learned from."""
    return _changed(graph, {"examples": None, "head": None})


def _headless(graph: Graph) -> Graph:
    return _changed(graph, {"head": None})


def _changed(graph: Graph, update: Mapping[str, Any]) -> Graph:
    nodes = tuple(_with(node, update) for node in graph.scope.nodes)
    return replace(graph, scope=replace(graph.scope, nodes=nodes))


def _with(node: Node, update: Mapping[str, Any]) -> Node:
    if node.agent is None:
        return node
    return replace(node, agent=replace(node.agent, spec=node.agent.spec.model_copy(update=dict(update))))


# ------------------------------------------------------------------------------------------------ looking


def _step(graph: Graph) -> Node:
    return next(node for node in all_nodes(graph.scope) if node.name == STEP)


def _last(graph: Graph) -> Node | None:
    """The step whose answer is the result of a workflow without `outputs`."""
    ends = [node for node in graph.scope.nodes if not node.successors]
    return ends[0] if len(ends) == 1 and graph.outputs is None else None


def has_head(graph: Graph, cases: Path) -> bool:
    """Whether a classifier that is trained on these cases stands in front of one of its models."""
    agents = (node.agent for node in all_nodes(graph.scope) if node.agent is not None)
    heads = (agent.spec.head for agent in agents if agent.spec.head is not None)
    return any(Path(head.from_).resolve() == cases.resolve() for head in heads)


def wanted_rungs(subject: Subject, names: tuple[str, ...], *, closed: bool) -> tuple[Rung, ...]:
    """The kinds of help to measure; by default what the files say, the plain prompt, and mere copying.

    Raises UsageError for a name that there is not.
    """
    from difflib import get_close_matches

    possible = subject.rungs()
    if not names:
        usual: tuple[Rung, ...] = ("plain", "as-is", *(("nearest",) if closed else ()))
        return tuple(rung for rung in usual if rung in possible)
    for name in names:
        if name not in (*RUNGS, "all"):
            near = get_close_matches(name, RUNGS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(RUNGS)} and all"
            raise UsageError(f"--rungs: there is no '{name}'", hint=hint)
    return tuple(rung for rung in possible if rung in names or "all" in names)


__all__ = [
    "ASKED", "RUNGS", "STEP", "WITHOUT_MODEL", "Rung", "Setup", "Subject", "graph_of", "has_head", "library_of", "project_models",
    "wanted_rungs", "with_agent",
]  # fmt: skip
