"""YAML as the language reads it: 1.2 core scalars, text keys, no tags, bounded; values together with their places.

Built from the events of PyYAML's C parser without recursion, so neither depth nor aliases can hurt.
Knows nothing of workflows; what libyaml complains of is put into words by `syntax`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml import CSafeLoader
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from orchestrator.light import light
from orchestrator.spec.diagnostics import Diagnostic, Severity
from orchestrator.spec.marks import Marks, Place

DEPTH = 100
ALIAS_RATIO = 10
ALIAS_CEILING = 100_000
REPAIRS = 20

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_ANCHOR = re.compile(r"[&!][^\s,\[\]{}]*\s+")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_COMMENT = re.compile(r"[ \t]+(#[^\r\n]*)")


@light(frozen=True, slots=True)
class Parsed:
    """What a file says. `value` is None and `whole` False when its syntax is too broken to be read on."""

    value: Any
    marks: Marks
    diagnostics: tuple[Diagnostic, ...]
    whole: bool
    """Every word of the file was read as it stands: nothing had to be guessed to read on."""


def parse(text: str, file: str) -> Parsed:
    """The one document in `text`, all its problems, and where everything stands."""
    found = _FORBIDDEN.search(text)
    if found:
        return _stop(text, file, found)
    readable, problems = text, []
    for _ in range(REPAIRS):
        composer = _Composer(readable, Marks(file, text))
        try:
            composer.run()
        except yaml.MarkedYAMLError as error:
            from orchestrator.spec.syntax import explain

            trouble = explain(readable, error)
            problems.append(_Problem(trouble.code, trouble.message, trouble.start, trouble.end, trouble.hint))
            if trouble.repaired is None:
                return _result(composer, problems, whole=False)
            readable = trouble.repaired
            continue
        except _TooMuch as stop:
            return _result(composer, [stop.problem], whole=False)
        return _result(composer, problems, whole=not problems)
    return _result(composer, problems, whole=False)


@light(frozen=True, slots=True)
class _Problem:
    code: str
    message: str
    start: int
    end: int
    hint: str = ""
    severity: Severity = "error"


class _TooMuch(Exception):
    """Reading further would only cost time and memory."""

    def __init__(self, problem: _Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def _stop(text: str, file: str, found: re.Match[str]) -> Parsed:
    marks = Marks(file, text)
    code = f"U+{ord(found[0]):04X}"
    problem = marks.diagnostic(
        "ORCH004",
        f"the character {code} is not allowed in YAML",
        marks.span(found.start(), found.end()),
        'remove it, or write it as an escape in double quotes, like "\\u001b"',
    )
    return Parsed(None, marks, (problem,), whole=False)


def _result(composer: _Composer, problems: list[_Problem], *, whole: bool) -> Parsed:
    marks = composer.marks
    if composer.root is not None:
        marks.root = composer.root.place
    every = sorted([*problems, *composer.problems], key=lambda p: p.start)
    diagnostics = tuple(
        marks.diagnostic(p.code, p.message, marks.span(p.start, p.end), p.hint, p.severity) for p in every
    )
    guessed = any(p.severity == "error" for p in composer.problems)
    value = composer.root.value if composer.root else None
    return Parsed(value, marks, diagnostics, whole and not guessed)


@dataclass(slots=True)
class _Node:
    """A value with its place. `size` counts it and everything below, aliases expanded."""

    value: Any
    place: Place
    size: int = 1


@dataclass(slots=True)
class _Frame:
    """A map or list that is still open."""

    node: _Node
    anchor: str | None
    key: str | None = None
    template: bool = False
    """It is really an unquoted `{{ … }}`."""


@dataclass
class _Composer:
    text: str
    marks: Marks
    root: _Node | None = None
    problems: list[_Problem] = field(default_factory=list)
    stack: list[_Frame] = field(default_factory=list)
    anchors: dict[str, _Node | None] = field(default_factory=dict)
    documents: int = 0
    written: int = 0
    expanded: int = 0

    def run(self) -> None:
        """Read every event. Raises yaml.MarkedYAMLError, _TooMuch."""
        loader = CSafeLoader(self.text)
        try:
            while loader.check_event():
                event = loader.get_event()
                if event is not None:
                    self._take(event)
        finally:
            loader.dispose()

    def _take(self, event: Event) -> None:
        if isinstance(event, DocumentStartEvent):
            self.documents += 1
            if self.documents == 2:
                self._problem(
                    "ORCH007",
                    "a second document begins here",
                    event,
                    hint="a file holds one workflow: remove the ---",
                )
        if self.documents > 1:
            return
        if isinstance(event, ScalarEvent):
            self._scalar(event)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._open(event)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._close(event)
        elif isinstance(event, AliasEvent):
            self._alias(event)

    # -------------------------------------------------------------------------------------------- nodes

    def _scalar(self, event: ScalarEvent) -> None:
        start, end = _span(event)
        if event.anchor or event.tag:
            start = self._prefix(event, start)
        if "\0" in event.value:
            message = "a text holds the character U+0000, at which paths and programs end"
            self.problems.append(_Problem("ORCH004", message, start, end, "leave it out"))
        frame = self.stack[-1] if self.stack else None
        if frame and frame.key is None and frame.node.place.style == "map":
            self._key(frame, event, start, end)
            return
        style = event.style or ""
        value = event.value if style else self._plain(event.value, start, end)
        self._add(_Node(value, Place(start, end, style, event.value)), event.anchor)

    def _plain(self, text: str, start: int, end: int) -> Any:
        if self.text[end : end + 1] in " \t" and (comment := _COMMENT.match(self.text, end)):
            self._comment(text, comment)
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in "0123456789+-.":
            return text
        return self._number(text, start, end)

    def _number(self, text: str, start: int, end: int) -> Any:
        if len(text) <= 20 and _INT.fullmatch(text) and abs(int(text)) < 2**63:
            return int(text)
        if _INT.fullmatch(text) or _NOT_FINITE.fullmatch(text):
            return self._no_number(text, start, end)
        if text.startswith(("0x", "0o")):
            return _based(text)
        if _FLOAT.fullmatch(text):
            number = float(text)
            return number if abs(number) != float("inf") else self._no_number(text, start, end)
        return text

    def _no_number(self, text: str, start: int, end: int) -> str:
        message = f"{_short(text)} is no number that can be kept exactly"
        self.problems.append(_Problem("ORCH022", message, start, end, "quote it if it is meant as text"))
        return text

    def _comment(self, text: str, comment: re.Match[str]) -> None:
        from orchestrator.spec.syntax import cut_off

        key = self.stack[-1].key if self.stack else None
        parent = self.stack[-2].key if len(self.stack) > 1 else None
        severity = cut_off(text, comment[1], key or "", parent or "")
        if severity:
            at = comment.start(1)
            message = f"everything from the # on is a comment, so the value is only {_short(text)!r}"
            hint = "quote the whole value if the # belongs to it"
            code = "ORCH013" if severity == "error" else "ORCH021"
            self.problems.append(_Problem(code, message, at, comment.end(1), hint, severity))

    def _open(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        start, end = _span(event)
        if event.anchor or event.tag:
            start = self._prefix(event, start)
        if len(self.stack) >= DEPTH:
            problem = _Problem("ORCH010", f"nested deeper than {DEPTH} levels", start, end, "flatten it")
            raise _TooMuch(problem)
        is_map = isinstance(event, MappingStartEvent)
        place = Place(start, end, "map" if is_map else "list", keys={} if is_map else None, children={})
        if event.anchor:
            self.anchors[event.anchor] = None
        self.stack.append(_Frame(_Node({} if is_map else [], place), event.anchor))

    def _close(self, event: MappingEndEvent | SequenceEndEvent) -> None:
        frame = self.stack.pop()
        node, parent = frame.node, self.stack[-1] if self.stack else None
        start, end = _span(event)
        if end > start:
            node.place.end = end
        if frame.template:
            source = self.text[node.place.start : node.place.end]
            node = _Node(source, Place(node.place.start, node.place.end, "", source))
        if parent and parent.key is None and parent.node.place.style == "map":
            self._strange_key(parent, node)
        else:
            self._add(node, frame.anchor)

    def _alias(self, event: AliasEvent) -> None:
        name = event.anchor or ""
        start, end = _span(event)
        node = self.anchors.get(name)
        if node is None:
            known = name in self.anchors
            message = (
                f"*{name} stands inside the very value it means" if known else f"no value is named &{name}"
            )
            hint = "write the value out" if known else "quote it if the * is meant as text"
            self.problems.append(_Problem("ORCH009", message, start, end, hint))
            node = _Node(None, Place(start, end))
        self.expanded += node.size
        if self.expanded > min(ALIAS_CEILING, ALIAS_RATIO * self.written + 1000):
            message = f"the aliases of this file unfold into more than {self.expanded - node.size} values"
            raise _TooMuch(
                _Problem("ORCH008", message, start, end, "write the values out, or use fewer aliases")
            )
        frame = self.stack[-1] if self.stack else None
        if frame and frame.key is None and frame.node.place.style == "map":
            self._strange_key(frame, _Node(None, Place(start, end)))
            return
        self._add(node, None)

    # ----------------------------------------------------------------------------------- keys and places

    def _key(self, frame: _Frame, event: ScalarEvent, start: int, end: int) -> None:
        key = event.value
        if not key and not event.style:
            self.problems.append(_Problem("ORCH023", "a key is missing before the colon", start, end + 1))
        keys = frame.node.place.keys
        assert keys is not None
        if key in keys:
            self._duplicate(frame, key, start, end)
        frame.key = key
        keys.setdefault(key, (start, end))

    def _duplicate(self, frame: _Frame, key: str, start: int, end: int) -> None:
        assert frame.node.place.keys is not None
        first = self.marks.span(*frame.node.place.keys[key])
        message = f"{key!r} stands here a second time; the first is in line {first.line}"
        hint = "remove one of them, or give it another name"
        self.problems.append(_Problem("ORCH005", message, start, end, hint))

    def _strange_key(self, frame: _Frame, node: _Node) -> None:
        """A map, a list or an alias where a key belongs: nearly always an unquoted `{{`."""
        start, end = frame.node.place.start, node.place.end
        if self.text.startswith("{{", start):
            frame.template = True
            message = "an unquoted {{ is a map in YAML, not a template"
            self.problems.append(
                _Problem("ORCH011", message, start, end, "put quotes around the whole value")
            )
        else:
            message = "a key is text, not a list, a map or an alias"
            self.problems.append(
                _Problem("ORCH023", message, node.place.start, end, "quote it if it is text")
            )
        frame.key = self.text[node.place.start : end]

    def _add(self, node: _Node, anchor: str | None) -> None:
        self.written += 1
        if anchor:
            self.anchors[anchor] = node
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        parent = frame.node
        parent.size += node.size
        children = parent.place.children
        assert children is not None
        if isinstance(parent.value, list):
            children[len(parent.value)] = node.place
            parent.value.append(node.value)
            return
        if frame.key is not None and frame.key not in parent.value:
            parent.value[frame.key] = node.value
            children[frame.key] = node.place
        frame.key = None

    def _prefix(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent, start: int) -> int:
        """The index behind the anchor and the tag; a tag is a problem."""
        if event.tag:
            self._problem(
                "ORCH006", f"the tag {event.tag} is not allowed", event, hint="write the plain value"
            )
        if not isinstance(event, ScalarEvent) and not event.flow_style:
            return start
        end = max(_span(event)[1], start + 1)
        while (found := _ANCHOR.match(self.text, start)) and found.end() <= end:
            start = found.end()
        return start

    def _problem(self, code: str, message: str, event: Event, *, hint: str = "") -> None:
        self.problems.append(_Problem(code, message, *_span(event), hint))


def _span(event: Event) -> tuple[int, int]:
    assert event.start_mark is not None
    assert event.end_mark is not None
    return event.start_mark.index, event.end_mark.index


def _based(text: str) -> Any:
    base, digits = (16, "0123456789abcdefABCDEF") if text[1] == "x" else (8, "01234567")
    body = text[2:]
    return int(body, base) if body and len(body) < 16 and not body.strip(digits) else text


def _short(text: str, limit: int = 40) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
