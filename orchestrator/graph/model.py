"""The graph a run executes: scopes of integer-indexed nodes. Frozen; `build` makes it, the engine reads it.

A scope is one level of `steps:` (the file's, or a group's). Edges stay inside a scope: when a step in a
group reads an outer step, the group depends on that step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, TypeAlias

from orchestrator.graph.tags import PUBLIC, Tag
from orchestrator.labels import Exit, Flow
from orchestrator.library import Agent
from orchestrator.light import light
from orchestrator.policy.calibration import Calibration
from orchestrator.render import Program
from orchestrator.spec.diagnostics import Mark
from orchestrator.spec.model import Knowledge, ModelSpec, Step, ToolSpec, ToolStep, Workflow
from orchestrator.spec.types import Type

Chain: TypeAlias = tuple[str, ...]
"""A dotted name as its parts: `hard.expert.text` is ('hard', 'expert', 'text')."""


@light(frozen=True, slots=True)
class Node:
    """One step, wired.

    `programs` holds what is compiled, by key: the step's own keys (`prompt`, `role`, `when`, `foreach`, `value`,
    `with`, `ask`, `show`, `images`, `reduce`, `each`, `until`, `else`, `on_error`) and `check` sentences as
    `check:<sentence>`. `nulls` says, by the same key, which chains make the step null when they are null.
    """

    index: int
    name: str
    path: str
    verb: str
    step: Step
    mark: Mark
    deps: tuple[int, ...] = ()
    successors: tuple[int, ...] = ()
    needs: tuple[int, ...] = ()
    """The subset of `deps` that `needs:` names."""
    programs: Mapping[str, Program] = field(default_factory=dict)
    nulls: Mapping[str, tuple[Chain, ...]] = field(default_factory=dict)
    agent: Agent | None = None
    """The effective agent: found, merged along `uses`, overridden by the step and filled from `defaults`."""
    models: tuple[str, ...] = ()
    """Names of the models this step calls; more than one only with `models:`."""
    ladder: tuple[str, ...] = ()
    """Names of the models that `escalate` may ask, from the first to the last."""
    flow: Flow | None = None
    """Labels of its request and its value; None was not worked out, and then nothing of it may leave the machine."""
    calibrations: tuple[Calibration, ...] = ()
    """What its confidence was worth when somebody measured it, by model; only where a text reads `confidence`."""
    confident: bool = False
    """A text reads it behind the step: `steps.<name>.confidence`."""
    output: Type | None = None
    """Type of one answer; None is plain text."""
    schema: Mapping[str, Any] | None = None
    """`output` as JSON Schema."""
    edited: Type | None = None
    """Type of what a person may change (`edit`); None where a question has nothing of the kind."""
    value_type: Type | None = None
    """What the step's name means to readers in its scope (a list under `foreach`, Nullable where it can be null)."""
    loop: tuple[str, ...] = ()
    """Names of the loop variables of `foreach`, e.g. ('item',) or ('ticket', 'tri')."""
    body: Scope | None = None
    child: Graph | None = None


@light(frozen=True, slots=True)
class Scope:
    """One level of steps, in topological order of the file's names."""

    path: str
    nodes: tuple[Node, ...]
    roots: tuple[int, ...]
    """Indexes of the nodes without dependencies."""


@light(frozen=True, slots=True)
class Declared:
    """A tool of `tools:`. `base` is the folder of the file that declares it: its relative paths mean that."""

    spec: ToolSpec
    base: Path


@light(frozen=True, slots=True)
class Documents:
    """An entry of `knowledge:`. `base` is the folder of the file that declares it: its relative globs mean that.

    `embedder` is the model behind `embed`; None for the one that ships.
    """

    spec: Knowledge
    base: Path
    embedder: ModelSpec | None = None


@light(frozen=True, slots=True)
class Graph:
    """A checked workflow. `file` as the user named it; `root` the project's root; both absolute where opened."""

    workflow: Workflow
    file: str
    root: str
    digest: str
    """sha256 over the workflow and everything it includes (agents, subworkflows, project file)."""
    scope: Scope
    models: Mapping[str, ModelSpec]
    """Every model that a step can call, by the name steps use; includes the default."""
    outputs: Program | None
    """`outputs:` compiled; None when the file has none (then the last step's value is the result)."""
    agents: Mapping[str, Agent] = field(default_factory=dict)
    specialists: Mapping[str, Agent] = field(default_factory=dict)
    """Every agent that is named, as it is found: before a step says anything else of it."""
    env: Mapping[str, bool] = field(default_factory=dict)
    """Variables of the environment that its texts read (`env.NAME`), and whether they must be set."""
    exits: tuple[Exit, ...] = ()
    """Every way off this machine that the file opens, and what may go there; those of subworkflows are in theirs."""
    returns: Tag = PUBLIC
    """Labels of what it returns, as the label of each input is the highest that goes into it."""
    output_type: Type | None = None
    """Type of the map of `outputs`; None when the file has none."""
    tools: Mapping[str, Declared] = field(default_factory=dict)
    """What `tools:` declares, the project's among it."""
    knowledge: Mapping[str, Documents] = field(default_factory=dict)
    """What `knowledge:` declares, the project's among it."""
    delegates: Mapping[str, Node] = field(default_factory=dict)
    """Agents that are called as tools, by name: a step each that reads `prompt`. Their labels are those of the call."""


def tools_of(node: Node) -> tuple[str, ...]:
    """The tools that a step calls, or that its agent may call."""
    if isinstance(node.step, ToolStep):
        return (node.step.tool,)
    return (node.agent.spec.tools or ()) if node.agent is not None else ()


def asking_nodes(graph: Graph) -> Iterator[Node]:
    """Every node that may ask a model: those of all its steps, and its delegates; not those of subworkflows."""
    yield from all_nodes(graph.scope)
    yield from graph.delegates.values()


def all_nodes(scope: Scope) -> Iterator[Node]:
    """Every node of a scope and of the groups inside it, outside in; not those of subworkflows."""
    for node in scope.nodes:
        yield node
        if node.body is not None:
            yield from all_nodes(node.body)
