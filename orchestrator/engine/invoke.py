"""One call of a tool: arguments checked, written down before and after, ended in time, never made twice where once counts.

Knows no tool, and not who calls: a tool step, or an agent in one of its turns.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from orchestrator.calling import Artifact, CallContext, Signature, ToolResult
from orchestrator.engine.abridged import abridged, is_large
from orchestrator.engine.egress import tool_refusal, turn_away
from orchestrator.engine.recover import Called
from orchestrator.engine.reuse import label_of
from orchestrator.engine.run import Run
from orchestrator.errors import StepError, StepKind, ToolError
from orchestrator.events import CallFinished, CallStarted
from orchestrator.graph.model import Node
from orchestrator.policy.clearance import clearance_of_tool
from orchestrator.policy.keep import noted
from orchestrator.ports import Tool
from orchestrator.spec.model import ToolStep
from orchestrator.spec.values import check_value, too_deep

GRACE = 1.0
"""Seconds behind a limit that is not shorter, in which a tool may still say itself that the time ran out."""
LAST_WORDS = 5.0
"""Seconds that a tool may take to end what it started, once nobody waits for it any more."""
ELSEWHERE = "its value is that of the step"
"""In the record of a call without an effect that gave something large: it is written down once."""
STOPPED = "the run was stopped meanwhile"
_AS_TEXT = "a value that is only one `{{ }}` keeps its type; `{{ … | string }}` makes a text of it"


async def invoke(
    run: Run, node: Node, path: str, call: int, tool: Tool, arguments: Mapping[str, Any], seconds: float
) -> ToolResult:
    """Call a tool once, or take what the record says that it gave. Raises StepError.

    `call` counts the calls of this instance from 1; `seconds` is the hard limit. Files that the call made are kept by
    the run and stand in its record; what is returned says only that there were some, their paths are gone.
    """
    signature = tool.signature
    refuse_arguments(signature, arguments)
    keep_from(run, node, path, signature, arguments)
    recorded = _recorded(run, node, path, call, signature, arguments)
    if recorded is not None:
        return _settled(recorded, run.ports.run or "RUN", path, signature)
    return await _Call(run, node, path, call, signature, arguments).made(tool, seconds)


def refuse_arguments(signature: Signature, arguments: Mapping[str, Any]) -> None:
    """Raise StepError for arguments that the tool does not take."""
    problems = check_value(signature.arguments, arguments)
    if problems:
        hint = _AS_TEXT if problems[0].endswith(" is no text") else _takes(signature)
        raise StepError("tool", f"{signature.name}: {'; '.join(problems)}", hint=hint)


def _takes(signature: Signature) -> str:
    names = [f.name + ("?" if f.optional else "") for f in signature.arguments.fields]
    return f"it takes {', '.join(names)}" if names else "it takes no arguments"


def first_call(run: Run, path: str) -> int:
    """The number of the call of a tool step that the record knows most of; 1 when it knows of none."""
    calls = run.recovered.calls.get(path)
    if not calls:
        return 1
    return next((number for number, called in sorted(calls.items()) if called.outcome != "error"), 1)


def keep_from(run: Run, node: Node, path: str, signature: Signature, arguments: Mapping[str, Any]) -> None:
    """Raise StepError for arguments that are too private for where they would go, and write it down."""
    declared = run.graph.tools.get(signature.name) or run.graph.tools.get(signature.name.rpartition(".")[0])
    clearance = clearance_of_tool(declared.spec if declared is not None else None, signature)
    if clearance is None:
        return
    parts = ("with",) if isinstance(node.step, ToolStep) else None
    why = tool_refusal(node.flow, parts, signature, clearance, arguments, run.ports.secrets)
    if why is not None:
        turn_away(run, path, why, signature.name, clearance)


# ---------------------------------------------------------------------------------- what was called before


def _recorded(
    run: Run, node: Node, path: str, call: int, signature: Signature, arguments: Mapping[str, Any]
) -> Called | None:
    """The same call as an earlier process made it, if it must not or need not be made again."""
    calls = run.recovered.calls.get(path)
    if not calls:
        return None
    here = calls.get(call)
    if here is not None and here.counts and (here.outcome == "unknown" or isinstance(node.step, ToolStep)):
        return here  # whatever is asked now: a step has its one effect once, and what was made of it stays
    same = [number for number, called in calls.items() if _is_same(run, called, signature, arguments)]
    number = call if call in same else next((n for n in same if calls[n].counts), None)
    if number is None or calls[number].outcome == "error":
        return None
    called = calls[number]
    if called.counts:
        return called if called.outcome == "unknown" else calls.pop(number)
    if called.ended is None or called.ended.message or noted(called.ended.value) is not None:
        return None  # it may be made again, and what it gave is not known
    return calls.pop(number)


def _is_same(run: Run, called: Called, signature: Signature, arguments: Mapping[str, Any]) -> bool:
    """Whether these arguments are those of the record, which may hold other words for what is too private for it."""
    began = called.began
    if began.tool != signature.name or began.arguments.keys() != arguments.keys():
        return False
    given = abridged(arguments)
    clean = run.ports.secrets.cleaned(given) if run.ports.secrets else given
    return all(noted(known) is not None or known == clean[name] for name, known in began.arguments.items())


def _ask(run: str, path: str) -> str:
    name = run or "RUN"
    return f"look, then go on: orch resume {name} --done {path} if it happened, --rerun {path} if it did not"


def _settled(called: Called, name: str, path: str, signature: Signature) -> ToolResult:
    """What the record says that a call gave. Raises StepError where a person has to say more."""
    ended = called.ended
    if ended is None or ended.outcome == "unknown":
        why = f" ({ended.message})" if ended is not None and ended.message else ""
        raise StepError(
            "unknown",
            f"{signature.name} was being called when the run stopped{why}; nobody knows whether it happened",
            hint=_ask(name, path),
        )
    if noted(ended.value) is not None:
        raise StepError(
            "unknown",
            f"{signature.name} was called, and what it gave was not kept (`keep:`); it is not called again",
            hint=f"say what it gave: orch resume {name} --done {path} --value JSON; or call it again: --rerun {path}",
        )
    problems = check_value(signature.result, ended.value) if ended.value is not None else []
    if problems:
        raise StepError(
            "unknown",
            f"{signature.name}: the value that stands in the record does not fit: {'; '.join(problems)}",
            hint=f"give another one: orch resume {name} --done {path} --value JSON",
        )
    return ToolResult(ended.value)


# ------------------------------------------------------------------------------------------------ the call


@dataclass(slots=True)
class _Call:
    """One call that is made now."""

    run: Run
    node: Node
    path: str
    call: int
    signature: Signature
    arguments: Mapping[str, Any]
    began: float = 0.0

    async def made(self, tool: Tool, seconds: float) -> ToolResult:
        """Raises StepError; the record says how it ended, whatever happens."""
        run, name = self.run, self.signature.name
        run.emit(
            CallStarted(
                at=run.now(),
                path=self.path,
                call=self.call,
                tool=name,
                arguments=abridged(self.arguments),
                effects=self.signature.effects,
            )
        )
        if self.signature.effects != "none":
            await run.ports.journal.flush()
        self.began = time.monotonic()
        live = partial(run.ports.live, self.path)
        with tempfile.TemporaryDirectory(prefix="orch-call-", ignore_cleanup_errors=True) as scratch:
            try:
                context = CallContext(self._key, Path(scratch), seconds, live, self.call)
                result = await _ended(tool, self.arguments, context)
                value = plain(self.signature, result.value)
                kept = await self._kept(result.artifacts, Path(scratch))
            except ToolError as error:
                self._lost(error.message, unsure=error.unsure)
                told = self._named(error.message)
                raise self._failure("tool", told, error.hint, unsure=error.unsure) from None
            except StepError as error:
                self._lost(error.message, unsure=False)
                raise
            except TimeoutError:
                self._lost(f"it took longer than {seconds:g} s", unsure=True)
                told, hint = f"{name} took longer than {seconds:g} s", "raise `timeout` of the step"
                raise self._failure("timeout", told, hint, unsure=True) from None
            except asyncio.CancelledError:
                self._lost(STOPPED, unsure=True)
                raise
        if self.signature.effects == "none" and isinstance(self.node.step, ToolStep) and is_large(value):
            self._finish("ok", None, ELSEWHERE, kept)
        else:
            self._finish("ok", value, artifacts=kept)
        if self.signature.effects == "once":
            await run.ports.journal.flush()
        return ToolResult(value, result.artifacts)

    @property
    def _key(self) -> str:
        key = f"{self.run.ports.run}/{self.path}"
        return key if isinstance(self.node.step, ToolStep) else f"{key}#{self.call}"

    def _named(self, message: str) -> str:
        name = self.signature.name
        return message if message.startswith(name) else f"{name}: {message}"

    def _failure(self, kind: StepKind, message: str, hint: str, *, unsure: bool) -> StepError:
        """An agent is not told of an effect that may have happened: it would try again."""
        if not unsure or self.signature.effects != "once" or isinstance(self.node.step, ToolStep):
            return StepError(kind, message, hint=hint)
        message = f"{message}; nobody knows whether it happened"
        return StepError("unknown", message, hint=_ask(self.run.ports.run, self.path))

    def _lost(self, message: str, *, unsure: bool) -> None:
        once = self.signature.effects == "once"
        self._finish("unknown" if unsure and once else "error", None, message)

    def _finish(
        self,
        outcome: Literal["ok", "error", "unknown"],
        value: Any,
        message: str = "",
        artifacts: tuple[Mapping[str, Any], ...] = (),
    ) -> None:
        run = self.run
        run.emit(
            CallFinished(
                at=run.now(),
                path=self.path,
                call=self.call,
                tool=self.signature.name,
                outcome=outcome,
                value=value,
                seconds=round(time.monotonic() - self.began, 4),
                message=message,
                artifacts=artifacts,
            )
        )

    async def _kept(self, artifacts: tuple[Artifact, ...], scratch: Path) -> tuple[Mapping[str, Any], ...]:
        """What the record says of the files that were made, once they are kept. `keep:` holds for them as well."""
        keepsakes = self.run.ports.keepsakes
        if keepsakes is None or label_of(self.run, self.node) is None:
            return ()
        if any(not _lies_in(artifact.path, scratch) for artifact in artifacts):
            raise ToolError("it calls a file its own that is not in its scratch directory", unsure=True)
        return tuple([await asyncio.to_thread(keepsakes, artifact) for artifact in artifacts])


def _lies_in(path: Path, scratch: Path) -> bool:
    return path.resolve().is_relative_to(scratch.resolve())


async def _ended(tool: Tool, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """The result of a call, which nobody awaits longer than its limit. Raises TimeoutError and what the tool raises."""
    task = asyncio.ensure_future(tool.call(arguments, context))
    task.add_done_callback(_taken)  # who waits for it may be cancelled just when it has failed
    try:
        await asyncio.wait({task}, timeout=context.seconds + min(GRACE, context.seconds))
        if task.done():
            return task.result()
    finally:
        if not task.done():
            await _cancelled(task)
    raise TimeoutError


async def _cancelled(task: asyncio.Future[ToolResult]) -> None:
    """Have the tool end what it started. One that does not let go is left behind."""
    task.cancel()
    await asyncio.wait({task}, timeout=LAST_WORDS)


def _taken(ended: asyncio.Future[ToolResult]) -> None:
    """Look at what it raised: asyncio prints a traceback of what nobody has looked at."""
    if not ended.cancelled():
        ended.exception()


def plain(signature: Signature, value: Any) -> Any:
    """The value of a result as the record would give it back. Raises ToolError for one that is not what was promised."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
        copied = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise ToolError(f"what it gave is no plain data: {error}", unsure=True) from None
    if too_deep(copied):
        raise ToolError("what it gave is nested too deep", unsure=True)
    problems = check_value(signature.result, copied)
    if problems:
        raise ToolError(f"what it gave is not what it promises: {'; '.join(problems)}", unsure=True)
    return copied


__all__ = ["first_call", "invoke", "plain", "refuse_arguments"]
