"""The YAML file as frozen pydantic models. These models *are* the language: schema and reference come from them.

Expressions and templates stay text here; `graph` compiles them. Knows no file and no line number:
`load` maps every error of these models to its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from orchestrator.spec.fields import (
    Bare,
    Duration,
    InputType,
    Name,
    OutputType,
    RowTypes,
    Template,
    TypeMap,
)

Label = Literal["public", "internal", "private", "secret"]
Count = Annotated[int, Field(ge=1)]


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, protected_namespaces=())


# ---------------------------------------------------------------------------------------------- top level


class InputSpec(Model):
    """What a run is given: `-i name=value`. The short form is just the type."""

    type: InputType
    """An output type, `file`, `files` or `image`."""
    default: Any = None
    """Used when nothing is given; a `date` may say `today`. Without it the input is required."""
    label: Label | None = None
    """How private the value is; files and everything else default to `private`."""
    description: str = ""
    format: Literal["text", "json", "jsonl", "csv", "pdf", "image"] = "text"
    """How a `file` is read."""
    rows: RowTypes | None = None
    """Types of the fields of each row of a `json`, `jsonl` or `csv` file."""
    missing: Literal["empty"] | None = None
    """`empty`: the file need not exist."""
    new: bool = False
    """For `files`: only those that no finished run of this workflow has seen."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return value if isinstance(value, dict) and "type" in value else {"type": value}


class ModelSpec(Model):
    """Who can think. The short form is just the reference, `provider:model`."""

    use: str = Field(min_length=1)
    """`provider:model`, e.g. `llamacpp:smollm2-135m`, `ollama:llama3.2:3b`, `openai:gpt-5-mini`."""
    context: Annotated[int, Field(ge=128)] | None = None
    """Context window in tokens."""
    params: Mapping[str, Any] = Field(default_factory=dict)
    """Sampling parameters: temperature, top_p, top_k, min_p, seed, repeat_penalty, max_tokens, stop."""
    url: str | None = None
    """Address of an OpenAI-compatible or Ollama server."""
    key: str | None = None
    """`env.NAME`: where the API key comes from. A secret never stands in a file."""
    price: Mapping[str, float] | None = None
    """USD per million tokens `{input, output}`, or per hour `{hour}`."""
    clearance: Label | None = None
    where: Literal["local", "cloud"] | None = None
    serve: tuple[str, ...] | None = None
    """Command that starts a local server."""
    keep: Duration | None = None
    """How long the model stays loaded after its last use."""
    warm: bool = False
    """Load it when the run starts, not at its first call."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"use": value} if isinstance(value, str) else value

    @field_validator("key")
    @classmethod
    def _from_environment(cls, value: str | None) -> str | None:
        if value is not None and not (value.startswith("env.") and len(value) > 4):
            raise ValueError("a key is never written into a file: write env.NAME")
        return value


class Examples(Model):
    """Worked examples from a file of `{input, output}` lines."""

    from_: str = Field(alias="from")
    k: Count = 8


class Head(Model):
    from_: str = Field(alias="from")


class Memory(Model):
    key: Template
    turns: Count = 8


class Sampling(Model):
    """Parameters an agent or step asks of its model."""

    temperature: Annotated[float, Field(ge=0, le=5)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: int | None = None
    repeat_penalty: Annotated[float, Field(gt=0)] | None = None
    max_tokens: Count | None = None
    stop: tuple[str, ...] | None = None


class AgentSpec(Model):
    """A specialist: a model, a role, worked examples, at most a few tools."""

    uses: Name | None = None
    """Start from the agent of this name beside the workflow, in the project's `agents/`, or shipped."""
    description: str | None = None
    model: Name | None = None
    role: Template | None = None
    """The system prompt."""
    params: Sampling | None = None
    tools: tuple[str, ...] | None = None
    knowledge: tuple[Name, ...] | None = None
    examples: Examples | None = None
    head: Head | None = None
    output: OutputType | None = None
    takes: TypeMap | None = None
    """Types of what a caller hands over when this agent is used as a tool."""
    memory: Memory | None = None
    max_turns: Count | None = None
    label: Label | None = None


class Knowledge(Model):
    from_: str | tuple[str, ...] = Field(alias="from")
    k: Count = 4
    embed: str | None = None
    chunk: Count | None = None
    min_score: float | None = None
    label: Label | None = None


class McpServer(Model):
    command: tuple[str, ...] | None = None
    url: str | None = None


class ToolSpec(Model):
    mcp: McpServer | None = None
    python: str | None = None
    agent: Name | None = None
    clearance: Label | None = None
    effects: Literal["none", "idempotent", "once"] | None = None


class Budget(Model):
    """What a run may use. Reserved before a call, settled after it."""

    usd: Annotated[float, Field(ge=0)] | None = None
    tokens: Count | None = None
    wall: Duration | None = None
    cloud_calls: Annotated[int, Field(ge=0)] | None = None
    then: Literal["stay-local", "pause", "fail"] = "fail"


class Defaults(Model):
    """Defaults of agent and tool steps."""

    model: Name | None = None
    params: Sampling | None = None
    timeout: Duration | None = None
    wall: Duration | None = None
    repair: Annotated[int, Field(ge=0)] | None = None
    retry: Annotated[int, Field(ge=0)] | None = None
    overflow: Overflow | None = None
    on_error: OnError | None = None
    cache: bool | None = None
    parallel: Parallel | None = None


# -------------------------------------------------------------------------------------------------- steps

Overflow: TypeAlias = Literal["error", "drop-examples", "drop-sources", "escalate"]
Parallel: TypeAlias = Literal["auto"] | Count


class ValueInstead(Model):
    value: Any


OnError: TypeAlias = Literal["fail", "continue"] | ValueInstead


class Escalate(Model):
    to: Name | tuple[Name, ...]
    before: Bare | None = None
    when: Bare | None = None
    usd: Annotated[float, Field(ge=0)] | None = None
    carry: tuple[Literal["answer", "errors", "tool_results"], ...] = ()


class Declassify(Model):
    from_: Label = Field(alias="from")
    to: Label
    by: Literal["redact", "aggregate", "approve"]
    min_group: Count | None = None


class Repeat(Model):
    """A bounded loop over a group."""

    until: Bare
    max: Count
    else_: Any = Field(default="fail", alias="else")
    """`fail`, `keep` (the last pass), or a value."""


class StepBase(Model):
    """What every step may say."""

    description: str = ""
    needs: tuple[Name, ...] = ()
    when: Bare | None = None
    foreach: Bare | tuple[Any, ...] | None = None
    as_: Name | tuple[Name, ...] | None = Field(default=None, alias="as")
    parallel: Parallel | None = None
    on_item_error: Literal["stop", "keep"] = "stop"
    on_error: OnError | None = None
    label: Label | None = None

    @field_validator("needs", mode="before")
    @classmethod
    def _one_need(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class AgentStep(StepBase):
    """Ask a specialist."""

    agent: Name
    prompt: Template
    model: Name | None = None
    role: Template | None = None
    params: Sampling | None = None
    tools: tuple[str, ...] | None = None
    knowledge: tuple[Name, ...] | None = None
    search: Template | None = None
    examples: Examples | None = None
    head: Head | None = None
    output: OutputType | None = None
    memory: Memory | None = None
    max_turns: Count | None = None
    images: Any = None
    models: tuple[Name, ...] | None = None
    samples: Count | None = None
    pick: Name | None = None
    reduce: Bare | None = None
    by: Annotated[int, Field(ge=2)] | None = None
    repair: Annotated[int, Field(ge=0)] | None = None
    check: Mapping[str, Bare] = Field(default_factory=dict)
    timeout: Duration | None = None
    wall: Duration | None = None
    overflow: Overflow | None = None
    escalate: Escalate | None = None
    cache: bool | None = None
    declassify: Declassify | None = None


class ToolStep(StepBase):
    """Call a tool."""

    tool: str
    with_: Mapping[str, Any] = Field(default_factory=dict, alias="with")
    retry: Annotated[int, Field(ge=0)] | None = None
    check: Mapping[str, Bare] = Field(default_factory=dict)
    timeout: Duration | None = None
    wall: Duration | None = None
    cache: bool | None = None
    declassify: Declassify | None = None


class ValueStep(StepBase):
    """Compute a value: a pure expression, or a map of them."""

    value: Any
    output: OutputType | None = None
    check: Mapping[str, Bare] = Field(default_factory=dict)


class AskStep(StepBase):
    """Ask a person; the run may end and go on later."""

    ask: Template
    show: Any = None
    choices: Annotated[tuple[str, ...], Field(min_length=1)] = ("yes", "no")
    timeout: Duration | None = None
    then: str | None = None
    each: Bare | None = None
    edit: str | None = None


class WorkflowStep(StepBase):
    """Run another workflow; its value is that workflow's `outputs`."""

    workflow: str
    with_: Mapping[str, Any] = Field(default_factory=dict, alias="with")
    retry: Annotated[int, Field(ge=0)] | None = None
    wall: Duration | None = None
    allow_declassify: tuple[Name, ...] = ()


class GroupStep(StepBase):
    """A group of steps, once, or per item, or in a bounded loop."""

    steps: Annotated[Mapping[Name, Step], Field(min_length=1)]
    repeat: Repeat | None = None
    wall: Duration | None = None


VERBS = ("agent", "tool", "value", "ask", "workflow", "steps")


def verb_of(value: Any) -> str | None:
    """The verb of a raw or parsed step; None when there is none or more than one."""
    if isinstance(value, StepBase):
        return next(verb for verb in VERBS if verb in type(value).model_fields)
    found = [verb for verb in VERBS if isinstance(value, dict) and verb in value]
    return found[0] if len(found) == 1 else None


Step: TypeAlias = Annotated[
    Annotated[AgentStep, Tag("agent")]
    | Annotated[ToolStep, Tag("tool")]
    | Annotated[ValueStep, Tag("value")]
    | Annotated[AskStep, Tag("ask")]
    | Annotated[WorkflowStep, Tag("workflow")]
    | Annotated[GroupStep, Tag("steps")],
    Discriminator(verb_of),
]


class Workflow(Model):
    """One YAML file: a team of small-model agents as a graph."""

    orch: Literal[1]
    """Version of the language."""
    name: str | None = None
    description: str = ""
    inputs: Mapping[Name, InputSpec] = Field(default_factory=dict)
    models: Mapping[Name, ModelSpec] = Field(default_factory=dict)
    knowledge: Mapping[Name, Knowledge] = Field(default_factory=dict)
    agents: Mapping[Name, AgentSpec] = Field(default_factory=dict)
    tools: Mapping[str, ToolSpec] = Field(default_factory=dict)
    defaults: Defaults = Defaults()
    budget: Budget | None = None
    egress: Literal["none"] | tuple[str, ...] | None = None
    keep: Mapping[Label, Literal["full", "hash", "none"]] = Field(default_factory=dict)
    steps: Annotated[Mapping[Name, Step], Field(min_length=1)]
    outputs: Mapping[Name, Any] = Field(default_factory=dict)


class Project(Model):
    """The project file `orch.yaml`: what its workflows share; a workflow wins, entry by entry."""

    orch: Literal[1]
    models: Mapping[Name, ModelSpec] = Field(default_factory=dict)
    agents: Mapping[Name, AgentSpec] = Field(default_factory=dict)
    knowledge: Mapping[Name, Knowledge] = Field(default_factory=dict)
    tools: Mapping[str, ToolSpec] = Field(default_factory=dict)
    defaults: Defaults = Defaults()


Defaults.model_rebuild()
GroupStep.model_rebuild()
Workflow.model_rebuild()
