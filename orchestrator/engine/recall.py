"""Recalls the last turns of a conversation for one instance, and writes down what it recalled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.calling import Turn
from orchestrator.engine.frame import Frame
from orchestrator.engine.run import evaluate
from orchestrator.errors import StepError, StoreError
from orchestrator.events import Retrieved
from orchestrator.graph.model import Node
from orchestrator.spec.model import Memory

if TYPE_CHECKING:
    from orchestrator.engine.asking import Asking


def memory_of(node: Node) -> Memory | None:
    return node.agent.spec.memory if node.agent is not None else None


def conversation_of(node: Node, frame: Frame, extra: Mapping[str, Any] | None) -> str:
    """The key of the conversation. Raises StepError."""
    return str(evaluate(node, "memory", frame, extra))


async def recall(at: Asking) -> tuple[Turn, ...]:
    """The last turns, oldest first. Raises StepError."""
    memory, conversations, node = memory_of(at.node), at.run.ports.conversations, at.node
    if memory is None or conversations is None or node.agent is None:
        return ()
    known = at.run.recovered.recalled.get(at.path)
    if known is not None:
        return tuple(Turn(str(one["asked"]), str(one["answered"])) for one in known)
    key, began = conversation_of(node, at.frame, at.extra), time.monotonic()
    try:
        turns = await asyncio.to_thread(conversations.recall, node.agent.name, key, memory.turns)
    except StoreError as error:
        raise StepError("knowledge", f"the memory of '{node.path}' cannot be read: {error.message}") from None
    at.run.emit(
        Retrieved(
            at=at.run.now(),
            path=at.path,
            source="memory",
            names=(node.agent.name,),
            query=key,
            found=tuple({"asked": turn.asked, "answered": turn.answered} for turn in turns),
            seconds=round(time.monotonic() - began, 4),
        )
    )
    return turns


__all__ = ["conversation_of", "memory_of", "recall"]
