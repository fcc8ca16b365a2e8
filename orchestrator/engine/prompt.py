"""From a step to the messages a model reads: role, answer format, examples, sources, prompt, images; measured and fitted.

The stable parts come first (role, then the format), so that a server's prompt cache can keep them. Worked examples are
turns of a conversation; what was retrieved stands in the user's message, and never in the system's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.engine.frame import Frame
from orchestrator.engine.gate import Gate
from orchestrator.engine.looked import looks_up
from orchestrator.engine.run import Run, evaluate
from orchestrator.errors import StepError
from orchestrator.events import Warned
from orchestrator.graph.model import Node
from orchestrator.light import light
from orchestrator.messages import Image, Message, ModelInfo, Request, Role, TokenCount
from orchestrator.policy.answer_size import most_tokens, tokens_wanted
from orchestrator.policy.plainly import reader_of
from orchestrator.policy.quote import sources_text
from orchestrator.spec.model import AgentStep
from orchestrator.spec.schema import describe
from orchestrator.spec.types import Type

if TYPE_CHECKING:
    from orchestrator.calling import Turn
    from orchestrator.engine.looked import Looked

IDLE = 300.0
"""Seconds without a token after which a call counts as dead, when nobody says."""

REPAIR = 1
"""How often an invalid answer goes back when nobody says."""


@dataclass(slots=True)
class Prompt:
    """Messages to send and the characters each part of them has. Nothing changes it; each step makes one."""

    messages: tuple[Message, ...]
    parts: Mapping[str, int]


def compose(
    node: Node, frame: Frame, extra: Mapping[str, Any] | None, terms: Terms, looked: Looked | None = None
) -> Prompt:
    """Render what the model will read. `extra` holds `items` of a reduce. Raises StepError."""
    first = terms.opening or _opening(evaluate(node, "role", frame, extra), terms.shape)
    text = prompt_of(node, frame, extra)
    images = _images(evaluate(node, "images", frame, extra)) if "images" in node.programs else ()
    parts = {**first.parts, "prompt": len(text)} if text else first.parts
    if looked is None:
        return Prompt((*first.messages, Message("user", text, images)), parts)
    return _with_looked(first, Message("user", text, images), parts, looked)


def prompt_of(node: Node, frame: Frame, extra: Mapping[str, Any] | None) -> str:
    """The task of a step as text. Raises StepError."""
    text = evaluate(node, "prompt", frame, extra)
    return text if type(text) is str else _text(text)


def _with_looked(first: Prompt, asked: Message, parts: Mapping[str, int], looked: Looked) -> Prompt:
    """Examples stand before the question as earlier turns, the one most like it last; then what was said in earlier runs.

    Sources stand in the question.
    """
    turns: list[Message] = []
    for example in reversed(looked.examples):
        turns += [Message("user", example.asked), Message("assistant", example.answered)]
    sizes = {"examples": sum(len(turn.content) for turn in turns)} if turns else {}
    if looked.turns:
        said = [Message(role, text) for turn in looked.turns for role, text in _said(turn)]
        sizes["memory"] = sum(len(message.content) for message in said)
        turns += said
    if looked.searched:
        sources = sources_text(looked.sources)
        sizes["sources"] = len(sources)
        asked = Message("user", f"{sources}\n\n{asked.content}", asked.images)
    return Prompt((*first.messages, *turns, asked), {**parts, **sizes})


def _said(turn: Turn) -> tuple[tuple[Role, str], ...]:
    return ("user", turn.asked), ("assistant", turn.answered)


def _opening(role: Any, shape: str) -> Prompt:
    """What stands before the prompt: the role and the format of the answer; often nothing."""
    return _opening_with(str(role).strip(), shape)


@lru_cache(maxsize=256)
def _opening_with(role: str, shape: str) -> Prompt:
    """The same for many steps: an agent's, with one type of answer."""
    system = f"{role}\n{shape}" if role and shape else role or shape
    sizes = {"role": len(role), "format": len(shape)}
    messages = (Message("system", system),) if system else ()
    return Prompt(messages, {name: size for name, size in sizes.items() if size})


def _text(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _images(value: Any) -> tuple[Image, ...]:
    found = value if isinstance(value, list | tuple) else [value]
    return tuple(_image(item) for item in found if item is not None)


def _image(value: Any) -> Image:
    if not isinstance(value, Mapping) or not {"path", "media_type", "sha256"} <= value.keys():
        raise StepError(
            "template", "images: expected an image input", hint="declare the input with `type: image`"
        )
    path = Path(value["path"])
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StepError("template", f"images: {path} cannot be read: {error.strerror}") from None
    if hashlib.sha256(data).hexdigest() != value["sha256"]:
        raise StepError("template", f"images: {path} changed since the run began", hint="start a new run")
    return Image(data, str(value["media_type"]))


# ------------------------------------------------------------------------------------------------ request


@light(frozen=True, slots=True)
class Terms:
    """What every request of one step to one model has in common. `shape` says the answer's format."""

    shape: str
    opening: Prompt | None
    """What stands before the prompt; None where the role reads something and is rendered anew each time."""
    params: Mapping[str, Any]
    max_tokens: int
    idle: float
    wall: float | None
    affinity: str
    repairs: int
    read: Callable[[str], Any]
    """The reader of plain answers."""
    logprobs: bool = False
    """Whether somebody reads how sure the model was."""
    looks: bool = False
    """Whether something is looked up before it is asked."""
    acts: bool = False
    """Whether its agent may call anything."""

    def request(self, node: Node, prompt: Prompt) -> Request:
        return Request(
            prompt.messages,
            self.max_tokens,
            node.schema,
            self.params,
            self.logprobs,
            self.idle,
            self.wall,
            self.affinity,
        )


def terms_of(run: Run, node: Node, gate: Gate, info: ModelInfo) -> Terms:
    """Parameters of the model, the agent and the step, in that order; then what nobody said."""
    step, defaults = node.step, run.graph.workflow.defaults
    assert isinstance(step, AgentStep)
    params = _params_of(node, gate)
    wanted = params.pop("max_tokens", None)
    if left_out := untaken(node, gate, info):
        params = {name: value for name, value in params.items() if name not in left_out}
        message = f"model '{gate.name}' takes no {', '.join(left_out)}: asked without"
        run.emit(Warned(at=run.now(), path=node.path, message=message))
    idle = step.timeout if step.timeout is not None else defaults.timeout
    repair = step.repair if step.repair is not None else defaults.repair
    shape, tokens, read = _form_of(node.output)
    return Terms(
        shape=shape,
        opening=_opening_of(node, shape),
        params=params,
        max_tokens=min(wanted, info.context - 1) if wanted else most_tokens(tokens, info.context),
        idle=IDLE if idle is None else idle,
        wall=step.wall if step.wall is not None else defaults.wall,
        affinity=_affinity(node),
        repairs=REPAIR if repair is None else repair,
        read=read,
        logprobs=(node.confident and info.logprobs) or (bool(node.ladder) and _asks_how_sure(node)),
        looks=looks_up(node),
        acts=node.agent is not None and bool(node.agent.spec.tools),
    )


@lru_cache(maxsize=1024)
def _form_of(output: Type | None) -> tuple[str, int, Callable[[str], Any]]:
    """What depends on the type of an answer alone, made once for all steps with that type (3 µs for a small one): the
    sentence that says its format, the tokens it may take, and its reader."""
    shape = "" if output is None else f"Answer with JSON only: {describe(output)}"
    return shape, tokens_wanted(output), reader_of(output)


def _affinity(node: Node) -> str:
    """Whose prompts begin alike: an agent's, by its name and its role, since two files may each have one of a name."""
    role = node.programs.get("role")
    name = node.agent.name if node.agent is not None else node.path
    return f"{name}: {role.source}" if role is not None else name


def _params_of(node: Node, gate: Gate) -> dict[str, Any]:
    params: dict[str, Any] = {"temperature": 0.0} | dict(gate.spec.params)
    if node.agent is not None and node.agent.spec.params is not None:
        params |= node.agent.spec.params.model_dump(exclude_none=True)
    return params


def untaken(node: Node, gate: Gate, info: ModelInfo) -> tuple[str, ...]:
    """Parameters that this step asks for and this model does not take: it is asked without them."""
    if info.takes is None:
        return ()
    asked = _params_of(node, gate)
    if asked["temperature"] == 0:
        del asked["temperature"]
    return tuple(name for name in asked if name != "max_tokens" and name not in info.takes)


def _opening_of(node: Node, shape: str) -> Prompt | None:
    """What all requests of this step begin with, unless it depends on what a run holds."""
    role = node.programs.get("role")
    if role is None:
        return _opening("", shape)
    return None if role.names else _opening(role.evaluate({}), shape)


def _asks_how_sure(node: Node) -> bool:
    """Whether the rule of the step reads `confidence`: log-probabilities are not for nothing."""
    when = node.programs.get("escalate")
    return when is not None and "confidence" in when.names


def fits(count: TokenCount, request: Request, info: ModelInfo) -> bool:
    """Whether the prompt and the longest answer have room in the model's context."""
    return count.tokens + request.max_tokens <= info.context


def fitted(count: TokenCount, prompt: Prompt, request: Request, info: ModelInfo, name: str) -> TokenCount:
    """The count of a prompt that fits. Raises StepError when it does not."""
    if fits(count, request, info):
        return count
    biggest = max(prompt.parts, key=lambda part: prompt.parts[part])
    about = "" if count.exact else "about "
    raise StepError(
        "overflow",
        f"the prompt takes {about}{count.tokens} tokens and the answer may take {request.max_tokens}, "
        f"but model '{name}' holds {info.context}; the biggest part is the {biggest} "
        f"({prompt.parts[biggest]} of {sum(prompt.parts.values())} characters)",
        hint="shorten it, split it with `| chunks(tokens=…)`, lower `params.max_tokens`, or give the model more `context`",
    )
