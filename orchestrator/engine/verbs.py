"""The verbs that call no model: value, ask, workflow and groups with their bounded loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from orchestrator.engine.frame import Frame, null_among
from orchestrator.engine.gate import gates_of
from orchestrator.engine.run import Blocked, Failed, Outcome, Rejected, Run, evaluate
from orchestrator.errors import StepError, UsageError
from orchestrator.events import AskAnswered, AskOpened, Warned
from orchestrator.graph.model import Graph, Node
from orchestrator.graph.names import EDITED
from orchestrator.inputs import read_inputs
from orchestrator.light import light
from orchestrator.policy.keep import noted
from orchestrator.spec.model import AskStep, GroupStep, ValueStep, WorkflowStep
from orchestrator.spec.schema import json_schema
from orchestrator.spec.values import check_value

TIMED_OUT = "timeout"


async def value(run: Run, node: Node, frame: Frame, path: str) -> Outcome:  # noqa: ARG001 - the shape of a verb
    """A pure expression, checked against its declared type and its `check` sentences."""
    assert isinstance(node.step, ValueStep)
    result = evaluate(node, "value", frame)
    if node.output is not None and (problems := check_value(node.output, result)):
        raise StepError("output", f"the value does not have its declared type: {'; '.join(problems)}")
    failed = failed_check(node, frame, result)
    if failed:
        raise StepError("check", f"check failed: {failed}")
    return Outcome(result, {})


def failed_check(node: Node, frame: Frame, output: Any, extra: Mapping[str, Any] | None = None) -> str | None:
    """The sentence of the first check that says no to `output`; None when all agree."""
    sentences = getattr(node.step, "check", None)
    if not sentences:
        return None
    names = {**(extra or {}), "output": output}
    return next((text for text in sentences if not evaluate(node, f"check:{text}", frame, names)), None)


# ---------------------------------------------------------------------------------------------------- ask


@light(frozen=True, slots=True)
class _Said:
    """What a person chose, and the value of `edit` as they left it."""

    choice: str
    edited: Any = None


async def ask(run: Run, node: Node, frame: Frame, path: str) -> Outcome:
    """Ask a person, once or per item of `each`; the value is the choice, or a list of them."""
    if "each" not in node.programs:
        said = await _question(run, node, frame, path)
        return Outcome(said.choice, {EDITED: said.edited} if node.edited is not None else {})
    items = evaluate(node, "each", frame)
    if not isinstance(items, list | tuple):
        raise StepError("items", f"each: {node.programs['each'].source} is not a list")
    frames = [Frame(frame, frame.prefix, {"item": item, "index": n}) for n, item in enumerate(items)]
    questions = [_question(run, node, inner, f"{path}.{n}") for n, inner in enumerate(frames)]
    answers = await asyncio.gather(*questions, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, Blocked):
            raise answer
    given = [answer for answer in answers if isinstance(answer, _Said)]
    if len(given) < len(answers):
        raise Blocked
    facts = {EDITED: [one.edited for one in given]} if node.edited is not None else {}
    return Outcome([one.choice for one in given], facts)


async def _question(run: Run, node: Node, frame: Frame, path: str) -> _Said:
    opened, answer = run.recovered.asked.get(path), run.recovered.answered.get(path)
    if answer is not None and (problem := _unusable(node, answer)):
        run.emit(Warned(at=run.now(), path=path, message=f"{problem}: the question is asked again"))
        opened = answer = None
    if answer is not None:
        return _said(node, frame, answer)
    opened = _open(run, node, frame, path) if opened is None else _whole(node, frame, opened)
    if opened.deadline is not None and run.now() >= opened.deadline:
        return _time_out(run, node, frame, opened)
    run.asking[path] = opened
    if run.ports.asker is None:
        raise Blocked
    reply = await run.ports.asker(path, opened.question, opened.show, opened.choices, opened.edit)
    if reply is None:
        raise Blocked
    del run.asking[path]
    given = AskAnswered(at=run.now(), path=path, choice=reply.choice, by="terminal", edit=reply.edit)
    run.emit(given)
    return _said(node, frame, given)


def _unusable(node: Node, answer: AskAnswered) -> str:
    """Why a change cannot be taken as it lies in the record; empty when it can, and when nothing was changed."""
    if node.edited is None or answer.edit is None:
        return ""
    if noted(answer.edit) is not None:
        return "what was changed is not in the record (`keep`)"
    problems = check_value(node.edited, answer.edit)
    return f"what was changed does not fit: {'; '.join(problems)}" if problems else ""


def _whole(node: Node, frame: Frame, opened: AskOpened) -> AskOpened:
    """The question as it was put; what the record did not keep of it is worked out again."""
    if noted(opened.question) is not None:
        opened = replace(opened, question=str(evaluate(node, "ask", frame)))
    if noted(opened.show) is not None:
        opened = replace(opened, show=evaluate(node, "show", frame))
    if noted(opened.edit) is not None:
        opened = replace(opened, edit=_editable(node, frame))
    return opened


def _open(run: Run, node: Node, frame: Frame, path: str) -> AskOpened:
    step = node.step
    assert isinstance(step, AskStep)
    opened = AskOpened(
        at=run.now(),
        path=path,
        question=str(evaluate(node, "ask", frame)),
        show=evaluate(node, "show", frame) if "show" in node.programs else None,
        choices=step.choices,
        deadline=None if step.timeout is None else run.now() + step.timeout,
        then=step.then,
        edit=_editable(node, frame),
    )
    run.emit(opened)
    return opened


def _editable(node: Node, frame: Frame) -> dict[str, Any] | None:
    """What a person may change, with the JSON Schema that it keeps to; None where nothing may be, and for null."""
    if node.edited is None:
        return None
    value = evaluate(node, "edit", frame)
    return None if value is None else {"value": value, "schema": json_schema(node.edited)}


def _said(node: Node, frame: Frame, answer: AskAnswered) -> _Said:
    if not answer.choice:
        raise Rejected(answer.path, answer.by)
    if node.edited is None:
        return _Said(answer.choice)
    return _Said(answer.choice, evaluate(node, "edit", frame) if answer.edit is None else answer.edit)


def _time_out(run: Run, node: Node, frame: Frame, opened: AskOpened) -> _Said:
    if opened.then is None:
        raise StepError("timeout", "nobody answered in time", hint="give the ask a `then:` choice")
    given = AskAnswered(at=run.now(), path=opened.path, choice=opened.then, by=TIMED_OUT)
    run.emit(given)
    return _said(node, frame, given)


# ------------------------------------------------------------------------------------------------- groups


async def group(run: Run, node: Node, frame: Frame, path: str) -> Outcome:
    """A group: once, or as the passes of a bounded loop. The value is the map of its steps' values."""
    step = node.step
    assert isinstance(step, GroupStep)
    assert node.body is not None
    try:
        async with asyncio.timeout(step.wall):
            if step.repeat is None:
                inner = await _pass(run, node, frame, f"{path}.", {})
                return Outcome(_value_of(node, inner), dict(inner.facts))
            return await _repeat(run, node, frame, path)
    except TimeoutError:
        raise StepError("timeout", f"the group took longer than its wall of {step.wall:g} s") from None


async def _pass(run: Run, node: Node, frame: Frame, prefix: str, names: dict[str, Any]) -> Frame:
    assert node.body is not None
    inner = Frame(frame, prefix, names)
    if not await run.enter(run, node.body, inner):
        raise Blocked
    return inner


def _value_of(node: Node, inner: Frame) -> dict[str, Any]:
    assert node.body is not None
    values = {child.name: inner.names[child.name] for child in node.body.nodes}
    parent = inner.parent
    if node.loop and parent is not None:
        values = {name: parent.names[name] for name in node.loop if name in parent.names} | values
    return values


async def _repeat(run: Run, node: Node, frame: Frame, path: str) -> Outcome:
    step = node.step
    assert isinstance(step, GroupStep)
    assert step.repeat is not None
    last: dict[str, Any] | None = None
    inner = frame
    for number in range(1, step.repeat.max + 1):
        inner = await _pass(run, node, frame, f"{path}~{number}.", {"last": last})
        last = _value_of(node, inner)
        if _met(node, inner):
            return Outcome(last, {**inner.facts, "met": True, "passes": number})
    facts = {**inner.facts, "met": False, "passes": step.repeat.max}
    match step.repeat.else_:
        case "keep":
            return Outcome(last, facts)
        case "fail":
            raise StepError(
                "unmet",
                f"until: {step.repeat.until} was still false after {step.repeat.max} passes",
                hint="raise `max`, or say what happens then with `else: keep` or a value",
            )
        case _:
            return Outcome(evaluate(node, "else", frame), facts, own=True)


def _met(node: Node, inner: Frame) -> bool:
    if null_among(inner, node.nulls.get("until", ())):
        return False
    return bool(evaluate(node, "until", inner))


# ------------------------------------------------------------------------------------------- subworkflows


async def workflow(run: Run, node: Node, frame: Frame, path: str) -> Outcome:
    """Another workflow in this run: its steps are `<path>.<step>`, its value is its `outputs`."""
    step = node.step
    assert isinstance(step, WorkflowStep)
    child = node.child
    assert child is not None
    given = evaluate(node, "with", frame) if "with" in node.programs else {}
    names = {"inputs": typed_inputs(child, given, run.today), "today": run.today, "env": run.ports.env}
    attempts = 1 + (step.retry or 0)
    inside = replace(run, graph=child, gates=gates_of(child, run.all_gates))
    try:
        async with asyncio.timeout(step.wall):
            for attempt in range(attempts):
                inner = Frame(None, f"{path}.", dict(names))
                try:
                    if not await run.enter(inside, child.scope, inner):
                        raise Blocked
                    break
                except Failed:
                    if attempt + 1 == attempts:
                        raise
    except TimeoutError:
        raise StepError("timeout", f"the workflow took longer than its wall of {step.wall:g} s") from None
    return Outcome(outputs_of(child, inner), {"attempts": attempt + 1})


def typed_inputs(graph: Graph, given: dict[str, Any], today: str) -> dict[str, Any]:
    """The inputs of a subworkflow: what `with` gives and the defaults of the rest. Raises StepError."""
    specs = graph.workflow.inputs
    for name, spec in specs.items():
        if name in given and not isinstance(spec.type, str):
            problems = check_value(spec.type, given[name], name)
            if problems:
                raise StepError("workflow", f"input of {graph.file}: {'; '.join(problems)}")
    rest = {name: spec for name, spec in specs.items() if name not in given}
    needed = [
        name for name, spec in rest.items() if "default" not in spec.model_fields_set and not spec.missing
    ]
    if needed:
        raise StepError(
            "workflow",
            f"{graph.file} needs the input '{needed[0]}'",
            hint=f"add it under `with: {needed[0]}`",
        )
    base = Path(graph.file).resolve().parent
    try:
        defaults = read_inputs(
            rest, {}, root=Path(graph.root), cwd=base, base=base, today=date.fromisoformat(today)
        )
    except UsageError as error:
        raise StepError("workflow", f"{graph.file}: {error.message}", hint=error.hint) from None
    return {name: given[name] if name in given else defaults[name] for name in specs}


def outputs_of(graph: Graph, frame: Frame) -> Any:
    """The result: `outputs` where the file names them, else what no other step reads."""
    if graph.outputs is not None:
        return graph.outputs.evaluate(frame.context(graph.outputs))
    leaves = [node.name for node in graph.scope.nodes if not node.successors]
    if len(leaves) == 1:
        return frame.names[leaves[0]]
    return {name: frame.names[name] for name in leaves}
