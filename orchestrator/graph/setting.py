"""What a workflow is checked against: its file, its project, its specialists, and the names these declare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.graph.kinds import TEXT, UNKNOWN, list_of, nullable
from orchestrator.graph.report import Report
from orchestrator.graph.weights import as_seen_from
from orchestrator.spec.model import (
    AgentStep,
    Defaults,
    InputSpec,
    Knowledge,
    ModelSpec,
    Sampling,
    Step,
    ToolSpec,
    ToolStep,
)
from orchestrator.spec.types import Field, ImageType, MapOf, Type

if TYPE_CHECKING:
    import ast
    from pathlib import Path

    from orchestrator.graph.model import Graph
    from orchestrator.graph.pytypes import Called
    from orchestrator.library import Library
    from orchestrator.spec.load import Document, LoadedProject
    from orchestrator.spec.marks import Marks

EMBEDDED = "embedded"
EMBEDDED_MODEL = ModelSpec(use="llamacpp:smollm2-135m")


@dataclass(slots=True)
class Setting:
    """Everything the checks of one file look up. `used` collects names by namespace, for the warnings."""

    document: Document
    library: Library
    project: LoadedProject | None
    report: Report
    models: Mapping[str, ModelSpec]
    tools: Mapping[str, ToolSpec]
    knowledge: Mapping[str, Knowledge]
    defaults: Defaults
    inputs: MapOf
    used: dict[str, set[str]] = field(default_factory=dict)
    env: dict[str, bool] = field(default_factory=dict)
    """Variables of the environment that the file reads, and whether they must be set."""
    checked: set[str] = field(default_factory=set)
    """Agents that were looked at already."""
    children: dict[str, Graph] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)
    """Python functions behind tools, as they are written."""
    called: dict[str, Called] = field(default_factory=dict)
    """How these are called."""
    opened: Path | None = None
    """The workflow that is opened, where that calls this one."""
    locked: dict[Path, Mapping[str, Any]] = field(default_factory=dict)
    """What MCP servers listed, by the lock file that says so."""
    included: dict[str, bytes] = field(default_factory=dict)
    """Contents of the files that belong to the workflow, for the digest."""

    @property
    def marks(self) -> Marks:
        return self.document.marks

    def use(self, namespace: str, name: str) -> None:
        self.used.setdefault(namespace, set()).add(name)

    def read_env(self, names: Mapping[str, bool]) -> None:
        for name, needed in names.items():
            self.env[name] = self.env.get(name, False) or needed

    def broken(self, name: str) -> bool:
        """Whether an entry of this name was refused already, so that it is not called unknown as well."""
        return name in self.document.broken or (self.project is not None and name in self.project.broken)


def setting_for(
    document: Document,
    library: Library,
    project: LoadedProject | None,
    report: Report,
    opened: Path | None = None,
) -> Setting:
    """The workflow's entries before the project's, entry by entry. `opened` is the workflow that calls this one."""
    workflow = document.workflow
    shared = project.project if project else None
    folder, own = (opened or document.path.resolve()).parent, document.path.resolve().parent
    theirs = as_seen_from(folder, shared.models, project.path.parent) if shared and project else {}
    return Setting(
        document,
        library,
        project,
        report,
        models={EMBEDDED: EMBEDDED_MODEL, **theirs, **as_seen_from(folder, workflow.models, own)},
        tools={**(shared.tools if shared else {}), **workflow.tools},
        knowledge={**(shared.knowledge if shared else {}), **workflow.knowledge},
        defaults=merged_defaults(workflow.defaults, shared.defaults if shared else None),
        inputs=MapOf(tuple(Field(name, input_type(spec)) for name, spec in workflow.inputs.items())),
    )


def merged_defaults(own: Defaults, shared: Defaults | None) -> Defaults:
    if shared is None:
        return own
    return shared.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})


def with_defaults(step: Step, defaults: Defaults) -> Step:
    """An agent or tool step with `on_error` and `parallel` of the defaults, where it has none of its own."""
    if not isinstance(step, AgentStep | ToolStep):
        return step
    missing = [key for key in ("on_error", "parallel") if getattr(step, key) is None]
    filled = {key: getattr(defaults, key) for key in missing if getattr(defaults, key) is not None}
    return step.model_copy(update=filled) if filled else step


def merged_params(own: Sampling | None, below: Sampling | None) -> Sampling | None:
    """Parameter by parameter, the more specific ones win."""
    if own is None or below is None:
        return own or below
    return below.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})


def input_type(spec: InputSpec) -> Type:
    """What an input is to the expressions that read it."""
    kind = _given_type(spec)
    has_null_default = "default" in spec.model_fields_set and spec.default is None
    return nullable(kind) if has_null_default else kind


def _given_type(spec: InputSpec) -> Type:
    match spec.type:
        case "file":
            return _file_type(spec)
        case "files":
            return list_of(MapOf((Field("name", TEXT), Field("path", TEXT), Field("text", TEXT))))
        case "image":
            return nullable(ImageType()) if spec.missing == "empty" else ImageType()
        case str():
            return UNKNOWN
        case _:
            return spec.type


def _file_type(spec: InputSpec) -> Type:
    match spec.format:
        case "text" | "pdf":
            return TEXT
        case "image":
            return nullable(ImageType()) if spec.missing == "empty" else ImageType()
        case "jsonl" | "csv":
            return list_of(spec.rows or UNKNOWN)
        case "json":
            return list_of(spec.rows) if spec.rows is not None else UNKNOWN
