"""From a step to the messages a model reads: role, answer format, prompt, images; measured and fitted.

The stable parts come first (role, then the format), so that a server's prompt cache can keep them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.engine.frame import Frame
from orchestrator.engine.gate import Gate
from orchestrator.engine.run import Run, evaluate
from orchestrator.errors import StepError
from orchestrator.graph.model import Node
from orchestrator.messages import Image, Message, ModelInfo, Request, TokenCount
from orchestrator.policy.answer_size import answer_tokens
from orchestrator.spec.model import AgentStep
from orchestrator.spec.schema import describe

IDLE = 300.0
"""Seconds without a token after which a call counts as dead, when nobody says."""

REPAIR = 1
"""How often an invalid answer goes back when nobody says."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages to send and the characters each part of them has."""

    messages: tuple[Message, ...]
    parts: Mapping[str, int]


def compose(node: Node, frame: Frame, extra: Mapping[str, Any] | None, shape: str) -> Prompt:
    """Render what the model will read. `extra` holds `items` of a reduce; `shape` says the answer's format.

    Raises StepError.
    """
    role = str(evaluate(node, "role", frame, extra)).strip() if "role" in node.programs else ""
    text = _text(evaluate(node, "prompt", frame, extra))
    images = _images(evaluate(node, "images", frame, extra)) if "images" in node.programs else ()
    system = f"{role}\n{shape}" if role and shape else role or shape
    messages: tuple[Message, ...] = (Message("user", text, images),)
    if system:
        messages = (Message("system", system), *messages)
    parts = {"role": len(role), "format": len(shape), "prompt": len(text)}
    return Prompt(messages, {name: size for name, size in parts.items() if size})


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
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


@dataclass(frozen=True, slots=True)
class Terms:
    """What every request of one step to one model has in common."""

    shape: str
    params: Mapping[str, Any]
    max_tokens: int
    idle: float
    wall: float | None
    affinity: str
    repairs: int
    logprobs: bool = False
    """Whether somebody reads how sure the model was."""

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
    params: dict[str, Any] = {"temperature": 0.0} | dict(gate.spec.params)
    if node.agent is not None and node.agent.spec.params is not None:
        params |= node.agent.spec.params.model_dump(exclude_none=True)
    wanted = params.pop("max_tokens", None)
    idle = step.timeout if step.timeout is not None else defaults.timeout
    repair = step.repair if step.repair is not None else defaults.repair
    return Terms(
        shape="" if node.output is None else f"Answer with JSON only: {describe(node.output)}",
        params=params,
        max_tokens=min(wanted, info.context - 1) if wanted else answer_tokens(node.output, info.context),
        idle=IDLE if idle is None else idle,
        wall=step.wall if step.wall is not None else defaults.wall,
        affinity=node.agent.name if node.agent is not None else node.path,
        repairs=REPAIR if repair is None else repair,
        logprobs=(node.confident and info.logprobs) or (bool(node.ladder) and _asks_how_sure(node)),
    )


def _asks_how_sure(node: Node) -> bool:
    """Whether the rule of the step reads `confidence`: log-probabilities are not for nothing."""
    when = node.programs.get("escalate")
    return when is not None and "confidence" in when.names


def fits(count: TokenCount, request: Request, info: ModelInfo) -> bool:
    """Whether the prompt and the longest answer have room in the model's context."""
    return count.tokens + request.max_tokens <= info.context


def fitted(count: TokenCount, prompt: Prompt, request: Request, info: ModelInfo, name: str) -> TokenCount:
    """The count of a prompt that fits. Raises StepError when it does not."""
    if count.tokens + request.max_tokens <= info.context:
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
