"""The verb `tool`: arguments rendered, an earlier result where one may be used again, called, tried again, checked."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from orchestrator.calling import Signature, ToolResult
from orchestrator.engine.delegate import Delegate, open_tool
from orchestrator.engine.frame import Frame
from orchestrator.engine.invoke import first_call, invoke, refuse_arguments
from orchestrator.engine.reuse import label_of
from orchestrator.engine.run import Outcome, Run, evaluate
from orchestrator.engine.verbs import failed_check
from orchestrator.errors import StepError
from orchestrator.graph.model import Node
from orchestrator.ports import Tool
from orchestrator.spec.model import ToolStep
from orchestrator.spec.values import check_value

PATIENCE = 300.0
"""Seconds a call may take when nobody says."""
PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before the first and at most before any other try."""
AGAIN = frozenset({"tool", "timeout"})
"""Kinds of failure after which a call is tried again."""


async def tool(run: Run, node: Node, frame: Frame, path: str) -> Outcome:
    """What the tool gives, checked. Raises StepError."""
    step = node.step
    assert isinstance(step, ToolStep)
    arguments = evaluate(node, "with", frame) if "with" in node.programs else {}
    try:
        async with asyncio.timeout(step.wall or run.graph.workflow.defaults.wall):
            return await _called(run, node, step, frame, path, arguments)
    except TimeoutError:
        wall = step.wall or run.graph.workflow.defaults.wall
        raise StepError("timeout", f"{step.tool} took longer than its wall of {wall:g} s") from None


async def _called(
    run: Run, node: Node, step: ToolStep, frame: Frame, path: str, arguments: Mapping[str, Any]
) -> Outcome:
    opened = await open_tool(run, node, frame, path, step.tool)
    signature = opened.signature
    refuse_arguments(signature, arguments)
    key = None if isinstance(opened, Delegate) else _key_of(run, node, step, signature, arguments)
    found = _remembered(run, key, signature) if key is not None else None
    if found is not None:
        _check(node, frame, found[0])
        return Outcome(found[0], {"attempts": 0, "error": None}, cached=True)
    result, calls = await _tried(run, node, step, path, opened, arguments)
    _check(node, frame, result.value)
    if key is not None and not result.artifacts:
        _remember(run, key, result.value)
    told = opened.facts if isinstance(opened, Delegate) else {}
    return Outcome(result.value, {**told, "attempts": calls, "error": None})


async def _tried(
    run: Run, node: Node, step: ToolStep, path: str, opened: Tool, arguments: Mapping[str, Any]
) -> tuple[ToolResult, int]:
    """What the first call gives that gives something, and how many it took."""
    defaults = run.graph.workflow.defaults
    seconds = step.timeout or defaults.timeout or PATIENCE
    retries = step.retry if step.retry is not None else defaults.retry or 0
    if opened.signature.effects == "once":
        retries = 0  # it may have happened
    first = first_call(run, path)
    for tried in range(retries + 1):
        try:
            result = await invoke(run, node, path, first + tried, opened, arguments, seconds)
        except StepError as error:
            if error.kind not in AGAIN or tried == retries:
                raise
            await asyncio.sleep(min(LONGEST_PAUSE, PAUSE * 2**tried))
        else:
            return result, tried + 1
    raise AssertionError("the last try gives a value or raises")


def _check(node: Node, frame: Frame, value: Any) -> None:
    failed = failed_check(node, frame, value)
    if failed:
        hint = "change what it is called with, or say what happens with `on_error`"
        raise StepError("check", f"check failed: {failed}", hint=hint, answer=_short(value))


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# ------------------------------------------------------------------------------------------ used again


def _key_of(
    run: Run, node: Node, step: ToolStep, signature: Signature, arguments: Mapping[str, Any]
) -> str | None:
    """What a result is kept under; None unless the step asks for it and the tool has no effect.

    The digest of the file and of all it includes stands for what the tool is.
    """
    if run.ports.cache is None or not step.cache or signature.effects != "none" or signature.network:
        return None
    label = label_of(run, node)
    if label is None:
        return None
    content = {
        "tool": [signature.name, repr(asdict(signature))],
        "graph": run.graph.digest,
        "label": label,
        "arguments": arguments,
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _remembered(run: Run, key: str, signature: Signature) -> tuple[Any] | None:
    assert run.ports.cache is not None
    match run.ports.cache.get(key):
        case {"result": value} if not check_value(signature.result, value):
            return (value,)
        case _:
            return None


def _remember(run: Run, key: str, value: Any) -> None:
    assert run.ports.cache is not None
    secrets = run.ports.secrets
    if not secrets or secrets.cleaned(value) is value:
        run.ports.cache.put(key, {"result": value})


__all__ = ["tool"]
