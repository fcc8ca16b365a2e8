"""The expressions and templates of a step: under which key they run, where they stand, and what they may read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

from orchestrator.light import light
from orchestrator.spec.marks import Part
from orchestrator.spec.model import AgentStep, AskStep, GroupStep, Step, ToolStep, ValueStep, WorkflowStep

Path: TypeAlias = tuple[Part, ...]
Sees: TypeAlias = Literal["outside", "item", "inside"]
"""`outside`: not the step's own loop variables; `item`: those too; `inside`: the steps of the group as well."""

PASSES_NULL = frozenset({"prompt", "role", "with", "images", "search", "foreach", "reduce", "each", "until"})
"""Keys that make a step null when a step they read is null; in all others null is a value."""
PRINTS = frozenset({"prompt", "role", "search", "ask"})
"""Keys whose value ends as text, so that a null in them is an error even where it stands alone."""

_ESCALATION = ("invalid", "failed", "confidence", "attempts", "prompt_tokens")


@light(frozen=True, slots=True)
class Text:
    """One expression or template. `key` names the program it belongs to; `path` leads to it in the file.

    `extra` are the names that only this key has (`output` in a check). `literal` marks a map or list whose
    leaves are templates.
    """

    key: str
    path: Path
    raw: Any
    kind: Literal["expression", "template", "value"]
    sees: Sees = "item"
    extra: tuple[str, ...] = ()

    def leaves(self) -> Iterator[tuple[Path, str]]:
        """Every text in it, with its place in the file."""
        return _leaves(self.path, self.raw)


def _leaves(path: Path, raw: Any) -> Iterator[tuple[Path, str]]:
    match raw:
        case str():
            yield path, raw
        case Mapping():
            for key, value in raw.items():
                yield from _leaves((*path, str(key)), value)
        case list() | tuple():
            for index, value in enumerate(raw):
                yield from _leaves((*path, index), value)
        case _:
            pass


def texts_of(step: Step, at: Path) -> Iterator[Text]:
    """Everything of a step that is computed while it runs; `at` is the step's place in the file."""
    if step.foreach is not None:
        kind: Literal["expression", "value"] = "expression" if isinstance(step.foreach, str) else "value"
        yield Text("foreach", (*at, "foreach"), step.foreach, kind, "outside")
    if step.when is not None:
        yield Text("when", (*at, "when"), step.when, "expression")
    yield from _of_verb(step, at)
    if step.on_error is not None and not isinstance(step.on_error, str):
        extra = ("error", "answer")
        yield Text("on_error", (*at, "on_error", "value"), step.on_error.value, "value", extra=extra)


def _of_verb(step: Step, at: Path) -> Iterator[Text]:
    match step:
        case AgentStep():
            yield from _of_agent(step, at)
        case ToolStep() | WorkflowStep():
            if step.with_:
                yield Text("with", (*at, "with"), step.with_, "value")
            if isinstance(step, ToolStep):
                yield from _checks(step.check, at)
        case ValueStep():
            yield Text("value", (*at, "value"), step.value, "value")
            yield from _checks(step.check, at)
        case AskStep():
            yield from _of_ask(step, at)
        case GroupStep():
            yield from _of_group(step, at)


def _of_agent(step: AgentStep, at: Path) -> Iterator[Text]:
    items: tuple[str, ...] = ()
    if step.reduce is not None:
        yield Text("reduce", (*at, "reduce"), step.reduce, "expression")
        items = ("items",)
    yield Text("prompt", (*at, "prompt"), step.prompt, "template", extra=items)
    if step.role is not None:
        yield Text("role", (*at, "role"), step.role, "template", extra=items)
    if step.images is not None:
        yield Text("images", (*at, "images"), step.images, "value")
    if step.search is not None:
        yield Text("search", (*at, "search"), step.search, "template", extra=items)
    if step.memory is not None:
        yield Text("memory", (*at, "memory", "key"), step.memory.key, "template")
    if step.escalate is not None:
        if step.escalate.before is not None:
            path = (*at, "escalate", "before")
            yield Text("before", path, step.escalate.before, "expression", extra=("prompt_tokens",))
        if step.escalate.when is not None:
            path = (*at, "escalate", "when")
            yield Text("escalate", path, step.escalate.when, "expression", extra=_ESCALATION)
    yield from _checks(step.check, at, items)


def _of_ask(step: AskStep, at: Path) -> Iterator[Text]:
    item: tuple[str, ...] = ()
    if step.each is not None:
        yield Text("each", (*at, "each"), step.each, "expression")
        item = ("item", "index")
    yield Text("ask", (*at, "ask"), step.ask, "template", extra=item)
    if step.show is not None:
        yield Text("show", (*at, "show"), step.show, "value", extra=item)
    if step.edit is not None:
        yield Text("edit", (*at, "edit"), step.edit, "expression", extra=item)


def _of_group(step: GroupStep, at: Path) -> Iterator[Text]:
    if step.repeat is None:
        return
    yield Text("until", (*at, "repeat", "until"), step.repeat.until, "expression", "inside")
    if step.repeat.else_ not in ("fail", "keep"):
        yield Text("else", (*at, "repeat", "else"), step.repeat.else_, "value")


def _checks(sentences: Mapping[str, str], at: Path, extra: tuple[str, ...] = ()) -> Iterator[Text]:
    for sentence, expression in sentences.items():
        path = (*at, "check", sentence)
        yield Text(f"check:{sentence}", path, expression, "expression", extra=("output", *extra))


def loop_names(step: Step) -> tuple[str, ...]:
    """The loop variables of a step; empty without `foreach`."""
    if step.foreach is None:
        return ()
    names = step.as_
    if names is None:
        return ("item",)
    return (names,) if isinstance(names, str) else tuple(names)
