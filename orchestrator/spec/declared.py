"""What a file declares: inputs, models, agents, knowledge, tools, budget, defaults. Knows no step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, PrivateAttr, Tag, model_validator

from orchestrator.labels import Label
from orchestrator.spec.base import Model
from orchestrator.spec.fields import (
    AsMap,
    Count,
    Duration,
    Flag,
    InputType,
    Name,
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
    _folder: Path | None = PrivateAttr(default=None)

    @property
    def folder(self) -> Path | None:
        """Where `serve` starts, when that is not beside the workflow that is run."""
        return self._folder

    def written_in(self, folder: Path) -> ModelSpec:
        """The same entry of a file in this folder."""
        moved = self.model_copy()
        moved._folder = folder
        return moved

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
