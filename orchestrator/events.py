"""The facts a run is made of: one class per fact, appended and never changed.

Everything else (the live screen, resume, cost tables, replay) is a fold over these.
`at` is wall-clock seconds since the epoch. `path` names a step's instance, `answer.3.reply~2.draft`.
Frozen dataclasses (`light` where each step makes them), not models: pydantic only decodes them from bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field, fields
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from orchestrator.light import light

if TYPE_CHECKING:
    from pydantic import TypeAdapter


REJECTED = 3
"""The exit code of a run that a person refused to let go on."""
TAKEN = "taken_from"
"""Among the facts of an instance in the record: the run that its value was taken over from. No fact of the language."""


@light(frozen=True, slots=True)
class RunStarted:
    """A run exists. `source` is the digest of the workflow and all it includes; `inputs` are typed values."""

    at: float
    run: str
    workflow: str
    file: str
    root: str
    revision: str
    source: str
    version: str
    inputs: Mapping[str, Any]
    options: Mapping[str, Any]
    steps: int
    labels: Mapping[str, str] = field(default_factory=dict)
    """How private what the record holds is: by input (`inputs.body`) and by step (`triage`, `answer.reply`)."""
    kind: Literal["run.started"] = "run.started"


@light(frozen=True, slots=True)
class RunResumed:
    """Another process took the run up again after it stopped, waited or crashed.

    `budget` holds the limits that were raised for it (`usd` in nano-dollars, `tokens`, `cloud_calls`), for the whole
    run from its beginning.
    """

    at: float
    owner: str
    budget: Mapping[str, int] = field(default_factory=dict)
    kind: Literal["run.resumed"] = "run.resumed"


@light(frozen=True, slots=True)
class ModelReady:
    """A model answered for the first time in this run. `seconds` is what starting or loading it took.

    `price` is what it takes in USD: per million tokens `input`, `output` (and `cached`), or per `hour`; `origin` says
    who states it. None: nobody knows a price.
    """

    at: float
    model: str
    ref: str
    local: bool
    context: int
    slots: int
    digest: str
    endpoint: str
    seconds: float
    price: Mapping[str, Any] | None = None
    kind: Literal["model.ready"] = "model.ready"


@light(frozen=True, slots=True)
class StepStarted:
    """An instance began. `items` is the length of a foreach list, None for a single instance."""

    at: float
    path: str
    verb: str
    items: int | None = None
    kind: Literal["step.started"] = "step.started"


@light(frozen=True, slots=True)
class AttemptStarted:
    """A prompt is about to go to a model.

    `messages` is what the model will read, as `{role, content}`; `tokens` its measured length, `exact` if the
    model's own tokenizer counted. `parts` names what the prompt consists of, with tokens or characters each.
    `intent` is true for calls that leave the machine: such an event is durable before the call. `reserved` is what
    was set aside of the budget for it, in nano-dollars.
    """

    at: float
    path: str
    attempt: int
    model: str
    messages: tuple[Mapping[str, Any], ...]
    tokens: int
    exact: bool
    parts: Mapping[str, int]
    intent: bool = False
    reserved: int = 0
    kind: Literal["attempt.started"] = "attempt.started"


@light(frozen=True, slots=True)
class AttemptFinished:
    """A model answered or failed, and what was decided about it.

    `outcome`: ok, invalid (schema, empty), cut (token bound), refused (the model declines), repeated (it goes round in
    circles), check (a check said no), error (provider).
    `decision`: keep, repair, fail, escalate, call (of an agent with tools: what it wants to do next is known). `reason` says why in a sentence. Seconds and tokens/s as measured.
    `cost` is in nano-dollars. `confidence` is between 0 and 1, None where nobody asked for it.
    """

    at: float
    path: str
    attempt: int
    model: str
    outcome: Literal["ok", "invalid", "cut", "refused", "repeated", "check", "error"]
    decision: Literal["keep", "repair", "fail", "escalate", "call"]
    reason: str
    text: str
    thinking: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    seconds: float
    first_token: float | None
    rate: float | None
    retries: int = 0
    cost: int = 0
    confidence: float | None = None
    kind: Literal["attempt.finished"] = "attempt.finished"


@light(frozen=True, slots=True)
class Decided:
    """What was decided for an instance between this machine and a bigger model, and on what evidence.

    `choice`: `local` (begin on this machine), `climb` (ask the next model of the ladder), `keep` (the answer stands),
    `stay` (it would have climbed, but budget, offline mode or a fault forbid it), `refuse` (the request may not go
    there), `again` (a request is sent once more after a fault of the transport, with a reservation of its own), `head`
    (the trained classifier in front of the model answered), `pass` (it was not sure enough, the model is asked), `pick`
    (one of several samples was chosen), `stop` (an agent's calls of tools were ended: too many turns, or the same call
    again and again). `rule` is what decided: privacy, budget, offline, before, when, failed (nothing valid and no rule
    of its own), fault, head, pick, turns. The order is privacy > budget > the step's own rule. `to` is the model it is about, `reason` a
    sentence, `policy` the line of the file that says so (`flow.yaml:12: when: confidence < 0.7`). `signals` holds what
    the rule read: invalid, failed, confidence (None where nothing is known: it counts as 0), attempts, prompt_tokens. `label` is the highest of the request,
    `clearance` what the model may see. Amounts are nano-dollars: `reserved` for the call, `left` of the budget before.
    """

    at: float
    path: str
    choice: Literal["local", "climb", "keep", "stay", "refuse", "again", "head", "pass", "pick", "stop"]
    rule: Literal[
        "privacy", "budget", "offline", "before", "when", "failed", "fault", "head", "pick", "turns"
    ]
    reason: str
    to: str = ""
    policy: str = ""
    signals: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    clearance: str = ""
    reserved: int = 0
    left: int | None = None
    kind: Literal["decided"] = "decided"


@light(frozen=True, slots=True)
class CallStarted:
    """A tool is about to be called: by a tool step, or by an agent in one of its turns.

    `call` counts the calls of this instance from 1; 0 stands for one that another run made.
    `effects` is none, idempotent or once; with the last two the event
    is durable before the call, and a `once` that was never finished stops for a person.
    """

    at: float
    path: str
    call: int
    tool: str
    arguments: Mapping[str, Any]
    effects: str = "none"
    kind: Literal["call.started"] = "call.started"


@light(frozen=True, slots=True)
class CallFinished:
    """What a tool gave. `outcome` is `error` when it could not be called to its end; `message` says why.

    `unknown` is an error of a tool with an effect `once`, after which the effect may have happened or not. What a
    person said about such a call is an event of this kind as well: `ok` or `error`, and `message` says who.
    `artifacts` are the files it made: name, media_type, sha256, bytes.
    """

    at: float
    path: str
    call: int
    tool: str
    outcome: Literal["ok", "error", "unknown"]
    value: Any
    seconds: float
    message: str = ""
    artifacts: tuple[Mapping[str, Any], ...] = ()
    kind: Literal["call.finished"] = "call.finished"


@light(frozen=True, slots=True)
class Retrieved:
    """What was looked up for an instance before its model was asked.

    `source` is `knowledge`, `examples` or `memory`; `names` the knowledge that was searched, the file of the examples, or
    the agent that remembers. `found` holds passages (`Passage.as_map`), lines and similarities of the examples, or turns
    (`asked`, `answered`) of the conversation `query`.
    """

    at: float
    path: str
    source: Literal["knowledge", "examples", "memory"]
    names: tuple[str, ...]
    query: str
    found: tuple[Mapping[str, Any], ...]
    seconds: float = 0.0
    kind: Literal["retrieved"] = "retrieved"


@light(frozen=True, slots=True)
class StepFinished:
    """An instance has its value. Committed means it never runs again.

    `facts` holds what stands under `steps.<name>`: model, tokens, attempts, seconds, passes, met, error.
    `cached` is true when the answer was reused. `handled` holds the error that `on_error` turned into `value`.
    """

    at: float
    path: str
    value: Any
    facts: Mapping[str, Any]
    cached: bool = False
    handled: str = ""
    kind: Literal["step.finished"] = "step.finished"


@light(frozen=True, slots=True)
class StepSkipped:
    """An instance does not run: its `when` was false, or something it reads is null. Its value is null."""

    at: float
    path: str
    reason: str
    kind: Literal["step.skipped"] = "step.skipped"


@light(frozen=True, slots=True)
class StepFailed:
    """An instance failed for good. `kept` is true when `on_item_error: keep` put null in its place."""

    at: float
    path: str
    error_kind: str
    message: str
    hint: str = ""
    kept: bool = False
    facts: Mapping[str, Any] | None = None
    kind: Literal["step.failed"] = "step.failed"


@light(frozen=True, slots=True)
class AskOpened:
    """A person is asked. `deadline` is wall-clock seconds; `then` is the answer when it passes."""

    at: float
    path: str
    question: str
    show: Any
    choices: tuple[str, ...]
    deadline: float | None
    then: str | None
    edit: Any = None
    """What may be changed, as `{value, schema}` with its JSON Schema; None where nothing may."""
    kind: Literal["ask.opened"] = "ask.opened"


@light(frozen=True, slots=True)
class AskAnswered:
    """`by` says who: a login name, or `timeout`. `edit` is what the person made of the value, None when nothing."""

    at: float
    path: str
    choice: str
    by: str
    edit: Any = None
    kind: Literal["ask.answered"] = "ask.answered"


@light(frozen=True, slots=True)
class Warned:
    """Something a person should know that stops nothing; `path` is empty when it concerns the run."""

    at: float
    message: str
    path: str = ""
    kind: Literal["warned"] = "warned"


@light(frozen=True, slots=True)
class RunWaiting:
    """Nothing can go on until somebody answers; `asks` are the open paths. The process ends with exit code 7.

    `reason` says what else it waits for: a budget that is used up (`then: pause`). `unknown` are the steps of which
    nobody knows whether they had their effect.
    """

    at: float
    asks: tuple[str, ...]
    reason: str = ""
    unknown: tuple[str, ...] = ()
    kind: Literal["run.waiting"] = "run.waiting"


@light(frozen=True, slots=True)
class RunInterrupted:
    """Stopped from outside (Ctrl-C, `orch cancel`) with everything finished written down. `by` says by whom."""

    at: float
    by: str
    cancelled: bool = False
    kind: Literal["run.interrupted"] = "run.interrupted"


@light(frozen=True, slots=True)
class RunFailed:
    at: float
    path: str
    error_kind: str
    message: str
    hint: str = ""
    exit_code: int = 1
    kind: Literal["run.failed"] = "run.failed"

    @property
    def status(self) -> Literal["failed", "rejected"]:
        """How the run stands after it: that a person said no is no fault, and is final."""
        return "rejected" if self.exit_code == REJECTED else "failed"


@light(frozen=True, slots=True)
class RunFinished:
    at: float
    outputs: Any
    kind: Literal["run.finished"] = "run.finished"


Event: TypeAlias = (
    RunStarted
    | RunResumed
    | ModelReady
    | StepStarted
    | AttemptStarted
    | AttemptFinished
    | Decided
    | CallStarted
    | CallFinished
    | Retrieved
    | StepFinished
    | StepSkipped
    | StepFailed
    | AskOpened
    | AskAnswered
    | Warned
    | RunWaiting
    | RunInterrupted
    | RunFailed
    | RunFinished
)


@cache
def _names(cls: type[Any]) -> tuple[str, ...]:
    return tuple(f.name for f in fields(cls))


def to_dict(event: Event) -> dict[str, Any]:
    """The event as a flat map in field order; values are shared, not copied."""
    kind: Any = type(event)
    return {name: getattr(event, name) for name in _names(kind)}


def encode(event: Event) -> str:
    """Compact JSON, one line."""
    return json.dumps(to_dict(event), ensure_ascii=False, separators=(",", ":"))


@cache
def _adapter() -> TypeAdapter[Event]:
    from pydantic import ConfigDict, Field, TypeAdapter

    # paths are hardly ever the same: the 16,000 last ones would take a megabyte
    keys_only = ConfigDict(cache_strings="keys")
    return TypeAdapter(Annotated[Event, Field(discriminator="kind")], config=keys_only)


def decode(text: str | bytes) -> Event:
    """The event in one line of JSON. Raises pydantic.ValidationError for what is none."""
    return _adapter().validate_json(text)
