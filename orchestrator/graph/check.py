"""Types of every step, in the order they run, and what is wrong with their expressions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestrator.graph.builtin import check_call
from orchestrator.graph.conditions import check_condition
from orchestrator.graph.declared import declared
from orchestrator.graph.kinds import (
    COUNT,
    NULL,
    TEXT,
    UNKNOWN,
    Perhaps,
    Row,
    base,
    bounded,
    is_null,
    join,
    list_of,
    misfit,
    nullable,
    present,
    view,
    widen,
)
from orchestrator.graph.names import EDITED, EXTRA, FACTS, LEAF_FACTS
from orchestrator.graph.reader import read_text
from orchestrator.graph.setting import Setting
from orchestrator.graph.texts import Text, loop_names
from orchestrator.graph.wire import Knot, Layer
from orchestrator.spec.model import (
    AgentStep,
    AskStep,
    GroupStep,
    Repeat,
    ToolStep,
    ValueStep,
    WorkflowStep,
)
from orchestrator.spec.types import Enum, Field, ImageType, ListOf, MapOf, Nullable, Type, Unknown
from orchestrator.spec.words import describe


class Checker:
    """Gives every knot of a workflow its types and nulls. One per file."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.report = setting.report

    def scope(self, layer: Layer) -> None:
        """The steps of one level, in the order they run."""
        for name in layer.order:
            self.step(layer, layer.knots[name])

    def step(self, layer: Layer, knot: Knot) -> None:
        one = _One(self, layer, knot)
        one.run()
        layer.level.types[knot.name] = knot.type
        layer.level.facts[knot.name] = one.facts()

    def outputs(self, layer: Layer, outputs: Mapping[str, Any]) -> Type:
        """The types of the file's `outputs`."""
        fields = []
        for name, raw in outputs.items():
            text = Text("outputs", ("outputs", name), raw, "value")
            kind, _ = read_text(self.setting, layer, None, text)
            fields.append(Field(name, widen(kind)))
        return MapOf(tuple(fields))


class _One:
    """One step while its types are worked out."""

    def __init__(self, checker: Checker, layer: Layer, knot: Knot) -> None:
        self.checker = checker
        self.setting = checker.setting
        self.layer = layer
        self.knot = knot
        self.extra: dict[str, Type] = {}
        self.texts = {text.key: text for text in knot.texts}
        self.around = layer.level.handled
        when = knot.programs.get("when")
        self.handled = self.around | (when.names - {"steps"} if when is not None else frozenset())
        self.null_item = False
        self.null_whole = False

    def run(self) -> None:
        knot = self.knot
        self._foreach()
        self._needs()
        when = self.read("when", self.around)
        if when is not None:
            self.null_item = True
            check_condition(self.setting, self.texts["when"], when, "when")
        answer = self._answer()
        self.null_item = self.null_item or any(
            knot.nulls.get(key) for key in knot.nulls if key not in ("foreach", "until")
        )
        answer = self._on_error(answer)
        self._finish(answer)

    # ------------------------------------------------------------------------------------------ reading

    def read(self, key: str, handled: frozenset[str] | None = None) -> Type | None:
        """The type of one key; None when the step does not have it."""
        text = self.texts.get(key)
        if text is None:
            return None
        extra = (
            {}
            if text.sees == "outside"
            else self.extra | {n: EXTRA[n] for n in text.extra if n not in self.extra}
        )
        taken = self.handled if handled is None else handled
        kind, nulls = read_text(self.setting, self.layer, self.knot, text, extra, taken)
        if nulls:
            self.knot.nulls[key] = nulls
        return kind

    def say(self, key: str, code: str, message: str, hint: str = "") -> None:
        text = self.texts[key]
        self.checker.report.at(self.setting.marks, text.path, code, message, hint)

    # ------------------------------------------------------------------------------------------ foreach

    def _foreach(self) -> None:
        names = loop_names(self.knot.step)
        if not names:
            return
        kind = self.read("foreach", self.around) or UNKNOWN
        if self.knot.nulls.get("foreach"):
            self.null_whole = True
        item = self._items("foreach", kind)
        self.extra["index"] = COUNT
        if len(names) == 1:
            self.extra[names[0]] = item
        else:
            self._spread(names, item)
        if self.knot.body is not None:
            self.knot.body.level.loop.update(self.extra)

    def _items(self, key: str, kind: Type) -> Type:
        """What the elements of a list are; a diagnostic for what is none."""
        if isinstance(kind, Nullable):
            hint = "say what happens then: | default([]), or a `when:` around it"
            if not is_null(kind):
                self.say(key, "ORCH401", f"{key}: {_source(self.texts[key])} can be null", hint)
        kind = view(present(kind))
        match kind:
            case ListOf():
                return kind.item if not isinstance(kind, Row) else widen(kind.item)
            case Unknown():
                return UNKNOWN
            case _:
                source = _source(self.texts[key])
                hint = f"{source} | items lists its pairs" if isinstance(kind, MapOf) else ""
                if base(kind) == "text":
                    hint = f"split it: {source} | lines"
                self.say(key, "ORCH310", f"{key}: {source} is {base(kind)}, not a list", hint)
                return UNKNOWN

    def _spread(self, names: tuple[str, ...], item: Type) -> None:
        """Several loop variables: one per position of the item."""
        inner = view(present(item))
        path = (*self.knot.at, "as")
        if isinstance(inner, Row):
            if len(inner.items) != len(names):
                self.checker.report.at(
                    self.setting.marks, path, "ORCH308",
                    f"`as` has {len(names)} names for items of {len(inner.items)} parts",
                )  # fmt: skip
        elif base(inner) not in ("", "a list"):
            self.checker.report.at(
                self.setting.marks, path, "ORCH308",
                f"`as` has {len(names)} names, but an item of {_source(self.texts['foreach'])} is {base(inner)}",
                "several names go with foreach: zip(a, b)",
            )  # fmt: skip
        for index, name in enumerate(names):
            if isinstance(inner, Row):
                self.extra[name] = inner.items[index] if index < len(inner.items) else UNKNOWN
            else:
                self.extra[name] = inner.item if isinstance(inner, ListOf) else UNKNOWN

    def _needs(self) -> None:
        for name in self.knot.needs:
            other = self.layer.knots.get(name)
            if other is not None:
                self.null_whole = self.null_whole or other.skippable
                self.knot.never = self.knot.never or other.never

    # --------------------------------------------------------------------------------------------- verbs

    def _answer(self) -> Type:
        """The type of what the verb gives once, before `on_error` and `foreach`."""
        step = self.knot.step
        match step:
            case AgentStep():
                return self._agent(step)
            case ToolStep():
                given = self.read("with")
                kind = check_call(self.setting, step, self.knot.at, given)
                self._checks(kind)
                return kind
            case ValueStep():
                return self._value(step)
            case AskStep():
                return self._ask(step)
            case WorkflowStep():
                return self._workflow(step)
            case GroupStep():
                return self._group(step)

    def _agent(self, step: AgentStep) -> Type:
        knot = self.knot
        items = self.read("reduce")
        answer = knot.output if knot.output is not None else TEXT
        if items is not None:
            self.extra["items"] = list_of(join(self._items("reduce", items), answer))
        for key in ("prompt", "role", "search", "memory"):
            self.read(key)
        self._images()
        for key in ("before", "escalate"):
            kind = self.read(key)
            if kind is not None:
                check_condition(self.setting, self.texts[key], kind, key)
        self._checks(answer)
        if step.models is not None:
            return MapOf(tuple(Field(name, answer) for name in step.models))
        return Perhaps(answer) if items is not None else answer

    def _images(self) -> None:
        kind = self.read("images")
        if kind is None:
            return
        inner = view(kind) if not isinstance(kind, ImageType) else kind
        parts = [present(part) for part in _elements(present(inner))]
        if not all(isinstance(part, ImageType | Unknown) for part in parts):
            wrong = next(part for part in parts if not isinstance(part, ImageType | Unknown))
            self.say(
                "images",
                "ORCH311",
                f"images needs images, not {base(wrong) or describe(wrong)}",
                "declare an input with `type: image`",
            )

    def _checks(self, answer: Type) -> None:
        for key, text in self.texts.items():
            if key.startswith("check:"):
                self.extra["output"] = answer
                kind = self.read(key)
                if kind is not None:
                    check_condition(self.setting, text, kind, "check")
        self.extra.pop("output", None)

    def _value(self, step: ValueStep) -> Type:
        kind = self.read("value") or NULL
        if step.output is not None:
            reason = misfit(kind, self.knot.output or step.output)
            if reason:
                self.say("value", "ORCH312", f"the value does not have its declared type: {reason}")
            kind = self.knot.output or step.output
        else:
            kind = widen(kind)
        self._checks(kind)
        return kind

    def _ask(self, step: AskStep) -> Type:
        each = self.read("each")
        if each is not None:
            self.extra["item"] = self._items("each", each)
            self.extra["index"] = COUNT
        self.read("ask")
        self.read("show")
        self._edit(step)
        choice = Enum(tuple(step.choices))
        return list_of(choice) if each is not None else choice

    def _edit(self, step: AskStep) -> None:
        kind = self.read("edit")
        if kind is None or step.edit is None:
            return
        if not _PATH.fullmatch(step.edit.strip()):
            self.say(
                "edit",
                "ORCH320",
                f"edit needs the path of one value, not '{step.edit.strip()}'",
                "name what the person may change, like `draft.text`; work it out in a `value` step before",
            )
        self.knot.edited = kind if isinstance(kind, Nullable) else widen(kind)

    def _workflow(self, step: WorkflowStep) -> Type:
        from orchestrator.graph.subflow import check_inputs, result_type

        given = self.read("with")
        child = self.knot.child
        if child is None:
            return UNKNOWN
        check_inputs(self.setting, child, step, self.knot.at, given)
        return result_type(child)

    def _group(self, step: GroupStep) -> Type:
        body = self.knot.body
        assert body is not None
        body.level.handled = self.handled
        if step.repeat is not None:
            body.level.last = nullable(declared(body, self.extra))
        self.checker.scope(body)
        fields = [Field(name, kind) for name, kind in self.extra.items() if name != "index"]
        fields += [Field(name, body.level.types.get(name, UNKNOWN)) for name in body.knots]
        kind: Type = MapOf(tuple(fields))
        if step.repeat is not None:
            until = self.read("until")
            if until is not None:
                check_condition(self.setting, self.texts["until"], until, "until")
            kind = self._otherwise(step.repeat, kind)
        return kind

    def _otherwise(self, repeat: Repeat, kind: Type) -> Type:
        """`else` of a repeat: a value that stands in for the last pass."""
        if repeat.else_ in ("fail", "keep"):
            return kind
        other = self.read("else") or NULL
        if is_null(other):
            return nullable(kind)
        reason = misfit(other, _without_loop(kind, self.extra))
        if reason:
            self.say("else", "ORCH313", f"`else` does not have the shape of the group's value: {reason}")
        return kind

    # ------------------------------------------------------------------------------------------- the end

    def _on_error(self, answer: Type) -> Type:
        step = self.knot.step
        if step.on_error == "continue":
            return nullable(answer)
        other = self.read("on_error")
        if other is None:
            return answer
        if is_null(other):
            return nullable(answer)
        declared = self.knot.output
        if declared is not None and not (isinstance(step, AgentStep) and step.models):
            reason = misfit(other, declared)
            if reason:
                self.say("on_error", "ORCH313", f"on_error.value does not satisfy `output`: {reason}")
            return answer
        return join(answer, widen(other))

    def _finish(self, answer: Type) -> None:
        knot, answer = self.knot, bounded(answer)
        item = nullable(answer) if self.null_item else answer
        if knot.step.foreach is not None:
            if knot.step.on_item_error == "keep":
                item = nullable(item)
            knot.skippable = self.null_whole
            whole: Type = list_of(item)
        else:
            knot.skippable = self.null_whole or self.null_item
            whole = item
        knot.type = nullable(whole) if self.null_whole else whole

    def facts(self) -> Type:
        """The type of `steps.<name>`."""
        knot = self.knot
        kind: Type = LEAF_FACTS
        if knot.body is not None:
            inner = dict(FACTS) | {n: knot.body.level.facts.get(n, UNKNOWN) for n in knot.body.knots}
            kind = MapOf(tuple(Field(name, part) for name, part in inner.items()))
        elif isinstance(knot.step, WorkflowStep):
            kind = UNKNOWN
        elif isinstance(knot.step, AskStep) and knot.edited is not None:
            edited = knot.edited if knot.step.each is None else list_of(knot.edited)
            kind = MapOf((*LEAF_FACTS.fields, Field(EDITED, edited)))
        elif isinstance(knot.step, AgentStep) and knot.step.models is not None:
            kind = MapOf(tuple(Field(name, LEAF_FACTS) for name in knot.step.models))
        if knot.step.foreach is not None:
            kind = list_of(nullable(kind) if self.null_item or knot.step.on_item_error == "keep" else kind)
            return nullable(kind) if self.null_whole else kind
        return nullable(kind) if knot.skippable else kind


_PATH = re.compile(r"(\{\{ *)?[a-z_]\w*(\.\w+|\[-?\d+\])*(?(1) *\}\})")


def _source(text: Text) -> str:
    return text.raw.strip() if isinstance(text.raw, str) else "the list"


def _elements(kind: Type) -> list[Type]:
    if isinstance(kind, Row):
        return list(kind.items)
    return [kind.item] if isinstance(kind, ListOf) else [kind]


def _without_loop(kind: Type, loop: Mapping[str, Type]) -> Type:
    if not isinstance(kind, MapOf):
        return kind
    return MapOf(tuple(Field(f.name, f.type, f.optional or f.name in loop) for f in kind.fields))
