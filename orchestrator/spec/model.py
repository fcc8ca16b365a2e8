"""The YAML file as frozen pydantic models. These models *are* the language: schema and reference come from them.

Expressions and templates stay text here; `graph` compiles them. Knows no file and no line number:
`load` maps every error of these models to its place. A docstring under a field is its help text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from orchestrator.labels import Label
from orchestrator.spec.fields import (
    AsMap,
    Bare,
    Count,
    Duration,
    Flag,
    InputType,
    Name,
    Names,
    OutputType,
    Parallel,
    Real,
    RowTypes,
    Template,
    Texts,
    TypeMap,
    Whole,
    shape,
)
from orchestrator.spec.secret import Address, Command, Key, Variables

Overflow: TypeAlias = Literal["error", "drop-examples", "drop-sources", "escalate"]


class Model(BaseModel):
    """Frozen, and without keys nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, protected_namespaces=())


# ---------------------------------------------------------------------------------------------- top level


class InputSpec(Model):
    """What a run is given: `-i name=value`. The short form is just the type."""

    type: InputType
    """An output type, `file`, `files` (a list of `{name, path, text}`) or `image`."""
    default: Any = None
    """Used when nothing is given; a `date` may say `today`. Without it the input is required."""
    label: Label | None = None
    """How private the value is; files and everything else default to `private`."""
    description: str = ""
    """What it means, for whoever runs the workflow."""
    format: Literal["text", "json", "jsonl", "csv", "pdf", "image"] = "text"
    """How a `file` is read."""
    rows: RowTypes | None = None
    """Types of the fields of each row of a `json`, `jsonl` or `csv` file."""
    missing: Literal["empty"] | None = None
    """`empty`: the file need not exist."""
    new: Flag = False
    """For `files`: only those whose content no finished run of this workflow has taken; it may be an empty list."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return value if isinstance(value, dict) and "type" in value else {"type": value}


class Sampling(Model):
    """Parameters an agent or step asks of its model."""

    temperature: Annotated[Real, Field(ge=0, le=5)] | None = None
    """0 always takes the likeliest token."""
    top_p: Annotated[Real, Field(gt=0, le=1)] | None = None
    """Choose among the likeliest tokens that together have this probability."""
    top_k: Whole | None = None
    """Choose among this many likeliest tokens; 0 means all."""
    min_p: Annotated[Real, Field(ge=0, le=1)] | None = None
    """Drop tokens less likely than this share of the likeliest."""
    seed: Annotated[int, Field(strict=True)] | None = None
    """The same seed gives the same answer, as far as the engine allows."""
    repeat_penalty: Annotated[Real, Field(gt=0)] | None = None
    """Above 1 the model repeats itself less."""
    max_tokens: Count | None = None
    """The longest answer, in tokens."""
    stop: tuple[str, ...] | None = None
    """Texts that end the answer."""


class ModelParams(Sampling):
    """Parameters that go along with every call of a model."""

    stop: Texts | None = None  # type: ignore[assignment]  # wider: one text will do
    """Text that ends the answer, or a list of them."""
    think: Literal[True, False, "low", "medium", "high"] | None = None
    """Whether, or how much, a thinking model of Ollama thinks first."""


class ModelSpec(Model):
    """Who can think. The short form is just the reference, `provider:model`."""

    use: str = Field(min_length=1)
    """`provider:model`, e.g. `llamacpp:smollm2-135m`, `ollama:llama3.2:3b`, `openai:gpt-5-mini`."""
    context: Annotated[Count, Field(ge=128)] | None = None
    """Context window in tokens."""
    params: Annotated[Mapping[str, Any], AsMap(ModelParams)] = Field(default_factory=dict)
    """Sampling parameters; also `think` (true, false, low, medium, high) for a thinking model of Ollama."""
    url: Address | None = None
    """Address of an OpenAI-compatible or Ollama server."""
    key: Key | None = None
    """`env.NAME`: where the API key comes from. A secret never stands in a file."""
    price: Mapping[Literal["input", "output", "hour"], Real] | None = None
    """USD per million tokens `{input, output}`, or per hour `{hour}`."""
    clearance: Label | None = None
    """The highest label this model may see; off this machine the default is `public`."""
    where: Literal["local", "cloud"] | None = None
    """Where it really runs, when its address does not say: `local` or `cloud`."""
    serve: Command | None = None
    """Command that starts a local server."""
    keep: Duration | None = None
    """How long the model stays loaded after its last use."""
    warm: Flag = False
    """Load it when the run starts, not at its first call."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"use": value} if isinstance(value, str) else value


class Examples(Model):
    """Worked examples from a file of `{input, output}` lines."""

    from_: str = Field(alias="from")
    """A `.jsonl` file, relative to the file that names it."""
    k: Count = 8
    """How many of them, the most similar ones, go into the prompt."""


class Head(Model):
    """A trained classifier for closed answers, in front of the model."""

    from_: str = Field(alias="from")
    """A `.jsonl` file of `{input, output}` lines to train it on."""


class Memory(Model):
    """Gives a conversation its last turns."""

    key: Template
    """Which conversation, e.g. `{{ inputs.customer }}`."""
    turns: Count = 8
    """How many turns back."""


class AgentSpec(Model):
    """A specialist: a model, a role, worked examples, at most a few tools."""

    uses: Name | None = None
    """Start from the agent of this name beside the workflow, in the project's `agents/`, or shipped."""
    description: str | None = None
    """What it is good at, in a sentence."""
    model: Name | None = None
    """One of `models`. Without it: the default model, else the embedded one."""
    role: Template | None = None
    """The system prompt."""
    params: Sampling | None = None
    """Sampling parameters."""
    tools: tuple[str, ...] | None = None
    """Tools it may call; a small model chooses well among a few."""
    knowledge: tuple[Name, ...] | None = None
    """Where it looks things up before it answers."""
    examples: Examples | None = None
    """Worked examples; the most similar ones go into the prompt."""
    head: Head | None = None
    """A trained classifier for closed answers, in front of the model."""
    output: OutputType | None = None
    """The shape of its answer; plain text when there is none."""
    takes: TypeMap | None = None
    """Types of what a caller hands over when this agent is used as a tool."""
    memory: Memory | None = None
    """Gives a conversation its last turns."""
    max_turns: Count | None = None
    """How many rounds of tool calls at most."""
    label: Label | None = None
    """How private its role and examples are."""


class Knowledge(Model):
    """Documents to look things up in: indexed incrementally, sources always returned."""

    from_: Texts = Field(alias="from")
    """Files, as one glob or a list of them; or a Chroma folder, `chroma:FOLDER#COLLECTION`."""
    k: Count = 4
    """How many passages go into the prompt."""
    embed: str | None = None
    """The embedding model, `provider:model`."""
    chunk: Count | None = None
    """Size of a passage in tokens."""
    min_score: Real | None = None
    """Passages below this score are left out."""
    label: Label | None = None
    """How private the documents are; the default is `private`."""


class McpServer(Model):
    """A server that speaks the Model Context Protocol: a command to start, or an address."""

    command: Command | None = None
    """The command that starts it."""
    url: Address | None = None
    """Its address."""
    env: Variables = Field(default_factory=dict)
    """Variables that the command gets beside `PATH`, `HOME` and the locale: `env.NAME`, or a text that is no secret."""
    key: Key | None = None
    """`env.NAME`: where the bearer token of the address comes from. A secret never stands in a file."""


class ToolSpec(Model):
    """Something a step or an agent can call: an MCP server, a Python function of the project, or an agent."""

    mcp: McpServer | None = None
    """An MCP server."""
    python: str | None = None
    """A typed function of the project, `tools.py:score`."""
    agent: Name | None = None
    """An agent, used as a tool."""
    clearance: Label | None = None
    """The highest label that may flow into it."""
    effects: Literal["none", "idempotent", "once"] | None = None
    """Whether a call may be repeated after a crash; the default is `once` for what has a network or writes."""


class Budget(Model):
    """What a run may use. Reserved before a call, settled after it."""

    usd: Annotated[Real, Field(ge=0)] | None = None
    """Dollars for cloud models."""
    tokens: Count | None = None
    """Tokens, read and written, of all models."""
    wall: Duration | None = None
    """Time, not counting the time a person is asked."""
    cloud_calls: Whole | None = None
    """Calls of cloud models."""
    then: Literal["stay-local", "pause", "fail"] = "fail"
    """What happens when a call does not fit: go on without the cloud, wait (`orch resume RUN --budget-usd N`), or end."""


class ValueInstead(Model):
    """The value a failed step has instead."""

    value: Any
    """It must have the type of the step's `output`."""


OnError: TypeAlias = Annotated[
    Annotated[Literal["fail", "continue"], Tag("<one>")] | Annotated[ValueInstead, Tag("<map>")],
    Discriminator(shape),
]


class Defaults(Model):
    """Defaults of agent and tool steps."""

    model: Name | None = None
    """The model of every agent that names none."""
    params: Sampling | None = None
    """Sampling parameters."""
    timeout: Duration | None = None
    """No progress for so long ends an attempt."""
    wall: Duration | None = None
    """The longest a step may take."""
    repair: Whole | None = None
    """How often an invalid answer goes back to the model."""
    retry: Whole | None = None
    """How often a tool is called again after a failure."""
    overflow: Overflow | None = None
    """What happens when a prompt does not fit."""
    on_error: OnError | None = None
    """What happens when all is tried."""
    cache: Flag | None = None
    """Reuse finished answers."""
    parallel: Parallel | None = None
    """How many items of a `foreach` at once."""


# -------------------------------------------------------------------------------------------------- steps


class Escalate(Model):
    """When a step may ask a bigger model, and which."""

    to: Names
    """A model, or a ladder of them. It is made ready when it is asked first; without its key the step stays local."""
    before: Bare | None = None
    """Skip the local attempt when this is true."""
    when: Bare | None = None
    """Escalate when this is true after the last repair (default `failed`); asked again at each rung of a ladder."""
    usd: Annotated[Real, Field(ge=0)] | None = None
    """Dollars one call may cost at most, reckoned from its worst case; a dearer one is not made."""
    carry: tuple[Literal["answer", "errors", "tool_results"], ...] = ()
    """What of the attempt before goes along besides the original request."""


class Declassify(Model):
    """The only way down for a label: named, and visible in every diff."""

    from_: Label = Field(alias="from")
    """The highest label it accepts."""
    to: Label
    """The label its output gets."""
    by: Literal["redact", "aggregate", "approve"]
    """What makes it safe: detectors find nothing, only figures of large groups come out, or a person looks."""
    min_group: Count | None = None
    """`aggregate`: the smallest group a figure may stand for."""


class Repeat(Model):
    """A bounded loop over a group."""

    until: Bare
    """Ends the loop when true; sees the names inside the group."""
    max: Count
    """How many passes at most."""
    else_: Any = Field(default="fail", alias="else")
    """`fail`, `keep` (the last pass), or a value: what happens when `until` was never true."""


class StepBase(Model):
    """What every step may say."""

    description: str = ""
    """What it is for."""
    needs: tuple[Name, ...] = ()
    """Steps that come before it although it reads nothing of them."""
    when: Bare | None = None
    """Run only if this is true; else the step is skipped and its value is null."""
    foreach: (
        Annotated[
            Annotated[Bare, Tag("<one>")] | Annotated[tuple[Any, ...], Tag("<list>")], Discriminator(shape)
        ]
        | None
    ) = None
    """Once per item of this list; the value is a list with one entry per item, in order."""
    as_: Names | None = Field(default=None, alias="as")
    """Name of the item (default `item`); a list of names for `zip`. `index` is its place in the list, from 0."""
    parallel: Parallel | None = None
    """How many items at once: `auto` or a number."""
    on_item_error: Literal["stop", "keep"] = "stop"
    """`keep`: a failed item becomes null and the others go on."""
    on_error: OnError | None = None
    """What happens when all is tried: `fail`, `continue` (null), or `{value: …}`."""
    label: Label | None = None
    """Raises the label of its value."""

    @field_validator("needs", mode="before")
    @classmethod
    def _one_need(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class AgentStep(StepBase):
    """Ask a specialist."""

    agent: Name
    """Which one: of this file, the project, or shipped."""
    prompt: Template
    """The task, with `{{ expressions }}`."""
    model: Name | None = None
    """The model, instead of the agent's."""
    role: Template | None = None
    """The system prompt, instead of the agent's."""
    params: Sampling | None = None
    """Sampling parameters, instead of the agent's."""
    tools: tuple[str, ...] | None = None
    """Tools, instead of the agent's."""
    knowledge: tuple[Name, ...] | None = None
    """Knowledge, instead of the agent's; `[]` for none."""
    search: Template | None = None
    """What to look up in the knowledge, instead of the prompt."""
    examples: Examples | None = None
    """Worked examples, instead of the agent's."""
    head: Head | None = None
    """A trained classifier, instead of the agent's."""
    output: OutputType | None = None
    """The shape of the answer, instead of the agent's."""
    memory: Memory | None = None
    """Conversation memory, instead of the agent's."""
    max_turns: Count | None = None
    """Rounds of tool calls, instead of the agent's."""
    images: Any = None
    """One image or a list, for a model that sees."""
    models: tuple[Name, ...] | None = None
    """Ask each of these models; the value is a map by model name."""
    samples: Count | None = None
    """This many answers with different seeds, of which one is chosen."""
    pick: Name | None = None
    """The agent that chooses among the samples; without it the majority does."""
    reduce: Bare | None = None
    """Merge the `items` of this list, a few at a time, until one is left."""
    by: Annotated[Count, Field(ge=2)] | None = None
    """How many `items` are merged at a time."""
    repair: Whole | None = None
    """How often an invalid answer goes back to the model with the error."""
    check: Mapping[str, Bare] = Field(default_factory=dict)
    """`sentence: expression`. The sentence is what the model is told when it fails."""
    timeout: Duration | None = None
    """No progress for so long ends the attempt; flowing tokens are progress."""
    wall: Duration | None = None
    """The longest the step may take."""
    overflow: Overflow | None = None
    """What happens when the prompt does not fit."""
    escalate: Escalate | None = None
    """When a bigger model may be asked."""
    cache: Flag | None = None
    """Reuse a finished answer to the very same request."""
    declassify: Declassify | None = None
    """Lower the label of the output."""


class ToolStep(StepBase):
    """Call a tool."""

    tool: str
    """Which one: built in, or of `tools`."""
    with_: Mapping[str, Any] = Field(default_factory=dict, alias="with")
    """Its arguments; texts are templates."""
    retry: Whole | None = None
    """How often it is called again after a failure; only for what has no effect or may be repeated."""
    check: Mapping[str, Bare] = Field(default_factory=dict)
    """`sentence: expression` that the result must satisfy."""
    timeout: Duration | None = None
    """The longest a call may take."""
    wall: Duration | None = None
    """The longest the step may take, retries included."""
    cache: Flag | None = None
    """Reuse a finished result for the very same arguments."""
    declassify: Declassify | None = None
    """Lower the label of the result."""


class ValueStep(StepBase):
    """Compute a value: a pure expression, or a map of them."""

    value: Any
    """A template, a literal, or a map or list of them."""
    output: OutputType | None = None
    """The type the value must have."""
    check: Mapping[str, Bare] = Field(default_factory=dict)
    """`sentence: expression` that the value must satisfy."""


class AskStep(StepBase):
    """Ask a person; the run may end and go on later."""

    ask: Template
    """The question."""
    show: Any = None
    """What the person sees beside it."""
    choices: Annotated[tuple[str, ...], Field(min_length=1)] = ("yes", "no")
    """The possible answers; the step's value is the one chosen. Without them: `yes` and `no`."""
    timeout: Duration | None = None
    """How long to wait."""
    then: str | None = None
    """The answer when nobody gave one in time; one of the choices."""
    each: Bare | None = None
    """Ask once per item of this list."""
    edit: Bare | None = None
    """A value that the person may change before choosing, as its path (`draft.text`); afterwards it stands under
    `steps.<name>.edited`, changed or not."""


class WorkflowStep(StepBase):
    """Run another workflow; its value is that workflow's `outputs`."""

    workflow: str
    """A file, relative to this one, or the name of a workflow in the project's `workflows/` or shipped."""
    with_: Mapping[str, Any] = Field(default_factory=dict, alias="with")
    """Its inputs; texts are templates."""
    retry: Whole | None = None
    """How often it is run again after a failure."""
    wall: Duration | None = None
    """The longest it may take."""
    allow_declassify: tuple[Name, ...] = ()
    """Steps of that workflow that may lower a label."""


class GroupStep(StepBase):
    """A group of steps, once, or per item, or in a bounded loop."""

    steps: Annotated[Mapping[Name, Step], Field(min_length=1)]
    """The steps inside; the group's value is the map of their values, under `foreach` with the item under its name."""
    repeat: Repeat | None = None
    """Repeat the group until it is good enough."""
    wall: Duration | None = None
    """The longest it may take."""


VERBS = ("agent", "tool", "value", "ask", "workflow", "steps")


def verb_of(value: Any) -> str | None:
    """The verb of a raw or parsed step; None when there is none or more than one."""
    if isinstance(value, dict):
        found = [verb for verb in VERBS if verb in value]
        return found[0] if len(found) == 1 else None
    if isinstance(value, StepBase):
        return next(verb for verb in VERBS if verb in type(value).model_fields)
    return None


def _step_tag(value: Any) -> str | None:
    verb = verb_of(value)
    return f"<{verb}>" if verb else None


Step: TypeAlias = Annotated[
    Annotated[AgentStep, Tag("<agent>")]
    | Annotated[ToolStep, Tag("<tool>")]
    | Annotated[ValueStep, Tag("<value>")]
    | Annotated[AskStep, Tag("<ask>")]
    | Annotated[WorkflowStep, Tag("<workflow>")]
    | Annotated[GroupStep, Tag("<steps>")],
    Discriminator(_step_tag),
]
GroupStep.model_rebuild()

STEPS: Mapping[str, type[StepBase]] = {
    "agent": AgentStep,
    "tool": ToolStep,
    "value": ValueStep,
    "ask": AskStep,
    "workflow": WorkflowStep,
    "steps": GroupStep,
}


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
