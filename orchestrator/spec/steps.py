"""The steps of a workflow, one model for each verb, and what decides about their attempts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag, field_validator

from orchestrator.labels import Label
from orchestrator.spec.base import Model
from orchestrator.spec.declared import Examples, Head, Memory, OnError, Overflow, Sampling
from orchestrator.spec.fields import (
    Bare,
    Count,
    Duration,
    Flag,
    Name,
    Names,
    OutputType,
    Parallel,
    Real,
    Template,
    Whole,
    shape,
)


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
    """No progress for so long ends the attempt. Flowing tokens are progress; waiting for a slot that other runs fill does not count."""
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

STEPS: Mapping[str, type[StepBase]] = {
    "agent": AgentStep,
    "tool": ToolStep,
    "value": ValueStep,
    "ask": AskStep,
    "workflow": WorkflowStep,
    "steps": GroupStep,
}
