"""The life of one node: recorded or null, then foreach, then per item when, verb, on_error, on_item_error.

This is the order LANGUAGE.md promises. Verbs come in as a table; knows no model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from orchestrator.engine.declassify import declassify_of, lowered, shown_before
from orchestrator.engine.frame import Frame, null_among
from orchestrator.engine.run import Blocked, Failed, Outcome, Run, evaluate
from orchestrator.engine.schedule import drain
from orchestrator.errors import ProviderError, StepError, as_step_error
from orchestrator.events import StepFailed, StepFinished, StepSkipped, StepStarted
from orchestrator.graph.model import Node
from orchestrator.spec.values import check_value

Verb = Callable[[Run, Node, Frame, str], Awaitable[Outcome]]
CONTAINERS = frozenset({"steps", "workflow"})
NOTHING_KNOWN: Mapping[str, Any] = {
    "model": None,
    "tokens": 0,
    "confidence": None,
    "sources": [],
    "escalated": False,
    "attempts": 0,
    "seconds": None,
    "usd": 0.0,
    "error": None,
    "met": None,
    "passes": None,
}
"""Every fact of the language, as it stands for a step of which nothing is known."""


def complete(facts: Mapping[str, Any] | None) -> dict[str, Any]:
    """All facts a person may ask for under `steps.<name>`."""
    return {**NOTHING_KNOWN, **(facts or {})}


def node_runner(verbs: Mapping[str, Verb]) -> Callable[[Run, Node, Frame], Awaitable[bool]]:
    """The function that runs any node of a graph, given one function per verb."""

    async def run_node(run: Run, node: Node, frame: Frame) -> bool:
        path = frame.prefix + node.name
        try:
            reason = _passed_on(node, frame)
            if reason:
                _skip(run, node, frame, path, reason)
            elif "foreach" in node.programs:
                await _foreach(run, node, frame, path, verbs[node.verb])
            else:
                value, facts = await _instance(run, node, frame, path, verbs[node.verb])
                _keep(run, node, frame, value, facts)
        except Blocked:
            return False
        return True

    return run_node


def _passed_on(node: Node, frame: Frame) -> str:
    """Why the node is skipped before anything of it is looked at; empty when it is not."""
    if node.step.needs:
        skipped = next((name for name in node.step.needs if frame.was_skipped(name)), None)
        if skipped is not None:
            return f"it needs {skipped}, which was skipped"
    null = null_among(frame, node.nulls["foreach"]) if "foreach" in node.nulls else None
    return f"{null} is null" if null else ""


def _keep(run: Run, node: Node, frame: Frame, value: Any, facts: Any) -> None:
    frame.names[node.name] = value
    if run.keeps_facts:
        frame.facts[node.name] = facts if isinstance(facts, list) else complete(facts)


def _skip(run: Run, node: Node, frame: Frame, path: str, reason: str) -> None:
    if path not in run.recovered.done:
        run.emit(StepSkipped(at=run.now(), path=path, reason=reason))
    frame.skip(node.name)
    _keep(run, node, frame, None, None)


async def _instance(
    run: Run, node: Node, frame: Frame, path: str, verb: Verb, *, kept: bool = False
) -> tuple[Any, Any]:
    """One instance, from `when` to `on_error`. Raises Failed or Blocked.

    `kept` says that whoever called puts null in the place of a failure.
    """
    recorded = run.recovered.done.get(path)
    if recorded is not None:
        if recorded.skipped:
            frame.skip(node.name)
        return recorded.value, recorded.facts
    began = run.ports.clock.monotonic()
    try:
        reason = _unwanted(node, frame)
        if reason:
            run.emit(StepSkipped(at=run.now(), path=path, reason=reason))
            frame.skip(node.name)
            return None, None
        _open(run, node, path)
        if declassify_of(node) is None:
            outcome = await verb(run, node, frame, path)
        else:
            outcome = shown_before(run, node, path) or await verb(run, node, frame, path)
            await lowered(run, node, frame, path, outcome.value)
    except (StepError, ProviderError, Failed) as error:
        outcome = _on_error(run, node, frame, path, error, kept=kept)
        await _lower_handled(run, node, frame, path, outcome, kept=kept)
    facts = outcome.facts if "seconds" in outcome.facts else {**outcome.facts, "seconds": _since(run, began)}
    if node.verb in CONTAINERS and not outcome.handled and not outcome.own:
        _close(run, path, node.verb, facts)
    else:
        # By position an event is made three times as fast as by name.
        run.emit(StepFinished(run.now(), path, outcome.value, facts, outcome.cached, outcome.handled))
    return outcome.value, facts


def _open(run: Run, node: Node, path: str, items: int | None = None) -> None:
    """An instance begins; one that began before the run was resumed goes on silently."""
    if path not in run.recovered.containers:
        run.emit(StepStarted(run.now(), path, node.verb, items))


def _close(run: Run, path: str, kind: str, facts: Mapping[str, Any] = NOTHING_KNOWN) -> None:
    """A container ends. Its value is made of its steps' values, which are in the log already; of a loop it is told
    how often it went round and whether `until` was met."""
    if not run.recovered.containers.get(path, False):
        loop = {name: facts[name] for name in ("passes", "met") if isinstance(facts.get(name), int)}
        run.emit(StepFinished(at=run.now(), path=path, value=None, facts={"container": kind, **loop}))


def _since(run: Run, began: float) -> float:
    return round(max(0.0, run.ports.clock.monotonic() - began), 4)


def _unwanted(node: Node, frame: Frame) -> str:
    if "when" in node.programs and not evaluate(node, "when", frame):
        return f"when: {node.programs['when'].source}"
    if not node.nulls:
        return ""
    for key, chains in node.nulls.items():
        if key not in ("foreach", "until") and (null := null_among(frame, chains)):
            return f"{null} is null"
    return ""


def _on_error(
    run: Run,
    node: Node,
    frame: Frame,
    path: str,
    error: StepError | ProviderError | Failed,
    *,
    kept: bool = False,
) -> Outcome:
    """What `on_error` makes of a failure: a value, null, or Failed (raised, and written to the log). Raises Blocked."""
    cause = _as_step_error(error)
    if cause.kind == "unknown":
        run.unknown[path] = cause
        raise Blocked  # a person says whether it happened, whatever the step says about errors
    facts = {"error": cause.message}
    try:
        match node.step.on_error:
            case "continue":
                return Outcome(None, facts, handled=cause.message)
            case None | "fail":
                pass
            case _:
                scope = {"kind": cause.kind, "message": cause.message}
                value = evaluate(node, "on_error", frame, {"error": scope, "answer": cause.answer})
                _refuse_unfit(node, value)
                return Outcome(value, facts, handled=cause.message)
    except StepError as second:
        cause = second
    _fail(run, path, cause, kept=kept, facts=facts)
    first = error.path if isinstance(error, Failed) else path
    raise Failed(first, cause) from None


def _fail(run: Run, path: str, error: StepError, *, kept: bool, facts: Mapping[str, Any]) -> None:
    run.emit(
        StepFailed(
            at=run.now(),
            path=path,
            error_kind=error.kind,
            message=error.message,
            hint=error.hint,
            kept=kept,
            facts=facts,
        )
    )


async def _lower_handled(
    run: Run, node: Node, frame: Frame, path: str, outcome: Outcome, *, kept: bool
) -> None:
    """What `on_error` makes of the answer or the error is as private as they are; what the file writes out is not."""
    program = node.programs.get("on_error")
    if declassify_of(node) is None or program is None or not program.names:
        return
    try:
        await lowered(run, node, frame, path, outcome.value)
    except StepError as error:
        _fail(run, path, error, kept=kept, facts=outcome.facts)
        raise Failed(path, error) from None


def _refuse_unfit(node: Node, value: Any) -> None:
    if node.output is None or len(node.models) > 1:
        return
    problems = check_value(node.output, value)
    if problems:
        raise StepError("output", f"the value of on_error does not satisfy `output`: {'; '.join(problems)}")


def _as_step_error(error: StepError | ProviderError | Failed) -> StepError:
    return error.error if isinstance(error, Failed) else as_step_error(error)


# ------------------------------------------------------------------------------------------------ foreach


async def _foreach(run: Run, node: Node, frame: Frame, path: str, verb: Verb) -> None:
    """One instance per item, results in input order; null for a skipped or kept one."""
    recorded = run.recovered.done.get(path)
    if recorded is not None:
        if recorded.skipped:
            frame.skip(node.name)
        _keep(run, node, frame, recorded.value, recorded.facts)
        return
    try:
        items = _items(node, evaluate(node, "foreach", frame))
    except StepError as error:
        run.emit(StepStarted(at=run.now(), path=path, verb=node.verb))
        outcome = _on_error(run, node, frame, path, error)
        run.emit(
            StepFinished(
                at=run.now(), path=path, value=outcome.value, facts=outcome.facts, handled=outcome.handled
            )
        )
        _keep(run, node, frame, outcome.value, outcome.facts)
        return
    _open(run, node, path, len(items))
    kept = node.step.on_item_error == "keep"
    values: list[Any] = [None] * len(items)
    facts: list[Any] = [None] * len(items) if run.keeps_facts else []
    loop = node.loop

    async def work(index: int) -> bool:
        item_path = f"{path}.{index}"
        names = {"index": index}
        if len(loop) == 1:
            names[loop[0]] = items[index]
        else:
            names.update(zip(loop, items[index], strict=True))
        inner = Frame(frame, frame.prefix, names)
        try:
            value, fact = await _instance(run, node, inner, item_path, verb, kept=kept)
        except Blocked:
            return False
        except Failed:
            if kept:
                return True
            raise
        values[index] = value
        run.recovered.done.pop(item_path, None)  # from now on it stands in the list
        if run.keeps_facts:
            facts[index] = complete(fact)
        return True

    width = node.step.parallel if isinstance(node.step.parallel, int) else None
    try:
        finished = await drain(deque(range(len(items))), run, work, width)
    except Failed as failed:
        run.emit(
            StepFailed(at=run.now(), path=path, error_kind=failed.error.kind, message=failed.error.message)
        )
        raise
    if not finished:
        raise Blocked
    _close(run, path, "foreach")
    _keep(run, node, frame, values, facts)


def _items(node: Node, value: Any) -> Sequence[Any]:
    source = node.programs["foreach"].source
    if not isinstance(value, list | tuple):
        raise StepError("items", f"foreach: {source} is {_word(value)}, not a list")
    wanted = len(node.loop)
    if wanted > 1:
        wrong = next((n for n, item in enumerate(value) if not _has_parts(item, wanted)), None)
        if wrong is not None:
            raise StepError("items", f"foreach: item {wrong} of {source} does not have {wanted} parts")
    return value


def _word(value: Any) -> str:
    match value:
        case None:
            return "null"
        case str():
            return "a text"
        case Mapping():
            return "a map"
        case bool():
            return "true or false"
        case _:
            return "a number"


def _has_parts(item: Any, count: int) -> bool:
    return isinstance(item, list | tuple) and len(item) == count


__all__ = ["Verb", "node_runner"]
