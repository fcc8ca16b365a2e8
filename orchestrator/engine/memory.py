"""The memory of an agent: what was said in earlier runs stands before the question, and what is said now is kept.

A run sees what other runs kept before it looked; what it saw is in its record, so that a resumed run sees the same.
Nothing above `private` and nothing that `keep:` withholds is remembered: it would come back as less than it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

from orchestrator.calling import Turn
from orchestrator.engine.frame import Frame
from orchestrator.engine.prompt import prompt_of
from orchestrator.engine.recall import conversation_of, memory_of
from orchestrator.engine.reuse import label_of
from orchestrator.engine.run import Outcome, Run
from orchestrator.errors import StoreError
from orchestrator.events import Warned
from orchestrator.graph.model import Node
from orchestrator.labels import Label, above
from orchestrator.policy.cases import as_answered

MOST_PRIVATE: Label = "private"
"""What stands in a memory counts as private wherever it is recalled."""


async def remember(
    run: Run, node: Node, frame: Frame, path: str, outcome: Outcome, extra: Mapping[str, Any] | None = None
) -> None:
    """Keep what this instance was asked and answered. A memory that cannot be written costs a warning."""
    conversations, memory = run.ports.conversations, memory_of(node)
    if conversations is None or memory is None or node.agent is None:
        return
    label = label_of(run, node)
    if label is None or above(cast("Label", label), MOST_PRIVATE):
        _once(run, node, path, "what it is asked is too private to be remembered")
        return
    asked = prompt_of(node, frame, extra)
    turn = Turn(*run.ports.secrets.cleaned([asked, as_answered(outcome.value, node.output)]))
    key = conversation_of(node, frame, extra)
    try:
        await asyncio.to_thread(conversations.remember, node.agent.name, key, path, turn)
    except StoreError as error:
        _once(run, node, path, f"nothing is remembered: {error.message}")


def _once(run: Run, node: Node, path: str, message: str) -> None:
    kept = run.kept.of(node)
    if ":memory" not in kept:
        kept[":memory"] = True
        run.emit(Warned(at=run.now(), path=path, message=message))


__all__ = ["remember"]
