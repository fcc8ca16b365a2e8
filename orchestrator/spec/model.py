"""The YAML file as frozen pydantic models. These models *are* the language: schema and reference come from them.

Here the whole file; what it declares and its steps are models of their own. Expressions and templates stay text;
`graph` compiles them. Knows no file and no line number: `load` maps every error of these models to its place. A
docstring under a field is its help text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from orchestrator.labels import Label
from orchestrator.spec.base import Model
from orchestrator.spec.declared import (
    AgentSpec,
    Budget,
    Defaults,
    Examples,
    Head,
    InputSpec,
    Knowledge,
    McpServer,
    Memory,
    ModelParams,
    ModelSpec,
    OnError,
    Overflow,
    Sampling,
    ToolSpec,
    ValueInstead,
)
from orchestrator.spec.fields import Name, shape
from orchestrator.spec.steps import (
    STEPS,
    VERBS,
    AgentStep,
    AskStep,
    Declassify,
    Escalate,
    GroupStep,
    Repeat,
    Step,
    StepBase,
    ToolStep,
    ValueStep,
    WorkflowStep,
    verb_of,
)


class Workflow(Model):
    """One YAML file: a team of small-model agents as a graph."""

    orch: Literal[1]
    """Version of the language."""
    name: str | None = None
    """Its name; the file's name when there is none."""
    description: str = ""
    """What it does, in a sentence."""
    inputs: Mapping[Name, InputSpec] = Field(default_factory=dict)
    """What a run is given."""
    models: Mapping[Name, ModelSpec] = Field(default_factory=dict)
    """Who can think."""
    knowledge: Mapping[Name, Knowledge] = Field(default_factory=dict)
    """Documents to look things up in."""
    agents: Mapping[Name, AgentSpec] = Field(default_factory=dict)
    """The specialists of this file."""
    tools: Mapping[str, ToolSpec] = Field(default_factory=dict)
    """What steps and agents can call."""
    defaults: Defaults = Field(default_factory=Defaults)
    """Defaults of agent and tool steps."""
    budget: Budget | None = None
    """What a run may use."""
    egress: (
        Annotated[
            Annotated[Literal["none"], Tag("<one>")] | Annotated[tuple[str, ...], Tag("<list>")],
            Discriminator(shape),
        ]
        | None
    ) = None
    """`none`, or the list of everything outside this machine that the file may ever use."""
    keep: Mapping[Label, Literal["full", "hash", "none"]] = Field(default_factory=dict)
    """What the record holds of values with a label: `full`, `hash` or `none`."""
    steps: Annotated[Mapping[Name, Step], Field(min_length=1)]
    """What happens; the order follows from who reads whom."""
    outputs: Mapping[Name, Any] = Field(default_factory=dict)
    """What the run returns; the last step's value when there are none."""


class Project(Model):
    """The project file `orch.yaml`: what its workflows share; a workflow wins, entry by entry."""

    orch: Literal[1]
    """Version of the language."""
    models: Mapping[Name, ModelSpec] = Field(default_factory=dict)
    """Who can think."""
    agents: Mapping[Name, AgentSpec] = Field(default_factory=dict)
    """The project's specialists."""
    knowledge: Mapping[Name, Knowledge] = Field(default_factory=dict)
    """Documents to look things up in."""
    tools: Mapping[str, ToolSpec] = Field(default_factory=dict)
    """What steps and agents can call."""
    defaults: Defaults = Field(default_factory=Defaults)
    """Defaults of agent and tool steps."""


__all__ = [
    "STEPS",
    "VERBS",
    "AgentSpec",
    "AgentStep",
    "AskStep",
    "Budget",
    "Declassify",
    "Defaults",
    "Escalate",
    "Examples",
    "GroupStep",
    "Head",
    "InputSpec",
    "Knowledge",
    "McpServer",
    "Memory",
    "Model",
    "ModelParams",
    "ModelSpec",
    "OnError",
    "Overflow",
    "Project",
    "Repeat",
    "Sampling",
    "Step",
    "StepBase",
    "ToolSpec",
    "ToolStep",
    "ValueInstead",
    "ValueStep",
    "Workflow",
    "WorkflowStep",
    "verb_of",
]
