"""Where every key and value of a YAML file stands, so that a message can point at it.

Places are kept as character indexes; lines, columns and the inside of scalars are worked out only when asked.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from orchestrator.light import light
from orchestrator.spec.diagnostics import Diagnostic, Mark, Severity

Part: TypeAlias = str | int
_BREAK = re.compile(r"\r\n|\n|\r")
_ESCAPE = re.compile(
    r"\\(?:\r\n[ \t]*|[\r\n][ \t]*|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL
)


@dataclass(slots=True)
class Place:
    """A node of the file: `[start, end)` in characters. `style` is a scalar's quoting, or `map` or `list`.

    `value` is a scalar's text, `keys` the span of each key of a map, `children` the places below, by key or index.
    """

    start: int
    end: int
    style: str = ""
    value: str = ""
    keys: dict[str, tuple[int, int]] | None = None
    children: dict[Part, Place] | None = None


class Marks:
    """The places of one file. Paths are keys and indexes from the top: `("steps", "draft", "needs", 0)`."""

    def __init__(self, file: str, text: str, root: Place | None = None) -> None:
        self.file = file
        self.text = text
        self.root = root or Place(0, len(text), "", text)

    def at(self, *path: Part) -> Mark:
        """The value's place, or the nearest ancestor's when it is not there.

        The key's place when the value is empty, or a block of lines below its key.
        """
        place, depth = self._find(path)
        if place.start == place.end and (span := self._key_span(path[:depth])):
            return self.span(*span)
        return self.span(place.start, place.end)

    def key(self, *path: Part) -> Mark:
        """The place of the key that leads to the value; of the value itself inside a list."""
        span = self._key_span(path)
        return self.span(*span) if span else self.at(*path)

    def _key_span(self, path: tuple[Part, ...]) -> tuple[int, int] | None:
        parent, depth = self._find(path[:-1])
        return (parent.keys or {}).get(str(path[-1])) if path and depth == len(path) - 1 else None

    def inside(self, path: tuple[Part, ...], offset: int, width: int = 1) -> Mark:
        """A place inside a scalar: `offset` and `width` in characters of its *value*."""
        place, depth = self._find(path)
        if depth != len(path) or place.style in ("map", "list"):
            return self.at(*path)
        tokens = _tokens(self.text[place.start : place.end], place.style)
        if not tokens:
            return self.at(*path)
        first = _source(tokens, place.value, offset)
        last = _source(tokens, place.value, offset + max(width, 1) - 1)
        return self.span(place.start + first, place.start + max(last, first) + 1)

    def has(self, *path: Part) -> bool:
        return self._find(path)[1] == len(path)

    def span(self, start: int, end: int) -> Mark:
        """The mark of `[start, end)`, cut at the end of its first line; always inside the file."""
        start = max(0, min(start, len(self.text)))
        number = bisect_right(self.starts, start) - 1
        column = start - self.starts[number]
        length = len(self.lines[number])
        column = min(column, length)
        return Mark(self.file, number + 1, column + 1, max(1, min(end - start, length - column)))

    def line(self, number: int) -> str:
        """The text of a 1-based line, without its end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def diagnostic(
        self, code: str, message: str, mark: Mark, hint: str = "", severity: Severity = "error"
    ) -> Diagnostic:
        """A diagnostic at a mark of this file, with its source line."""
        return Diagnostic(code, severity, message, mark, hint, self.line(mark.line))

    @cached_property
    def starts(self) -> list[int]:
        """Index of the first character of each line."""
        return [0, *(found.end() for found in _BREAK.finditer(self.text))]

    @cached_property
    def lines(self) -> list[str]:
        return _BREAK.split(self.text)

    def _find(self, path: tuple[Part, ...]) -> tuple[Place, int]:
        """The deepest place on the way, and how many parts of the path led to it."""
        place = self.root
        for depth, part in enumerate(path):
            child = (place.children or {}).get(part)
            if child is None:
                return place, depth
            place = child
        return place, len(path)


@light(frozen=True, slots=True)
class _Token:
    """A character that a scalar's source stands for; `index` is relative to the start of the source."""

    index: int
    char: str


def _tokens(source: str, style: str) -> list[_Token]:
    match style:
        case "'":
            return _single(source)
        case '"':
            return _double(source)
        case "|" | ">":
            body = _BREAK.search(source)
            start = body.end() if body else len(source)
            return [_Token(start + i, char) for i, char in enumerate(source[start:])]
        case _:
            return [_Token(i, char) for i, char in enumerate(source)]


def _single(source: str) -> list[_Token]:
    tokens, index = [], 1
    while index < len(source) - 1:
        tokens.append(_Token(index, source[index]))
        index += 2 if source.startswith("''", index) else 1
    return tokens


def _double(source: str) -> list[_Token]:
    tokens, index = [], 1
    while index < len(source) - 1:
        escape = _ESCAPE.match(source, index)
        if escape is None:
            tokens.append(_Token(index, source[index]))
            index += 1
            continue
        if escape[0][1] not in "\r\n":
            tokens.append(_Token(index, _decoded(escape[0])))
        index = escape.end()
    return tokens


def _decoded(escape: str) -> str:
    """What an escape stands for, as far as it matters here: whether it is white space."""
    if escape[1] in "xuU" and len(escape) > 2:
        code = int(escape[2:], 16)
        return chr(code) if code < 0x110000 else "?"
    return "\n" if escape[1] in "nrtvfNLP_ e" and escape[1] != "e" else "?"


def _source(tokens: list[_Token], value: str, offset: int) -> int:
    """The index, relative to the scalar's start, of the value's character at `offset`.

    Folding and indentation change white space only: the n-th visible character of the value is the n-th
    visible character of the source, in every style. White space is counted on from the character before it.
    """
    before = value[:offset]
    visible = sum(not char.isspace() for char in before)
    if value[offset : offset + 1].strip():
        return _nth_visible(tokens, visible)
    spaces = len(before) - len(before.rstrip()) + (1 if visible else 0)
    start = _nth_visible(tokens, visible - 1) if visible else tokens[0].index
    return min(start + spaces, tokens[-1].index)


def _nth_visible(tokens: list[_Token], number: int) -> int:
    seen = -1
    for token in tokens:
        seen += not token.char.isspace()
        if seen == number:
            return token.index
    return tokens[-1].index
