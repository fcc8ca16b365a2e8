"""A lock file as text: YAML of which every line is one fact, sorted, so that a diff in git shows what changed and no more.

Texts in it may come from servers: whatever does not print is written as an escape, and nothing in them can be markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

DEPTH = 7
"""Levels that have lines of their own; what lies deeper, inside one argument of a tool, stands on one line."""
_PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def lines_of(content: Mapping[str, Any], level: int = 0) -> Iterator[str]:
    """The lines of a map, its keys in order."""
    for key in sorted(content):
        value, name = content[key], "  " * level + scalar(key)
        if isinstance(value, Mapping) and value and level + 1 < DEPTH:
            yield f"{name}:"
            yield from lines_of(value, level + 1)
        else:
            yield f"{name}: {flow(value)}"


def flow(value: Any) -> str:
    """A value on one line."""
    match value:
        case Mapping():
            inside = ", ".join(f"{scalar(str(key))}: {flow(value[key])}" for key in sorted(value, key=str))
            return f"{{{inside}}}"
        case list() | tuple():
            return f"[{', '.join(map(flow, value))}]"
        case str():
            return scalar(value)
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case _:
            return repr(value)


def scalar(text: str) -> str:
    """A word as it is, any other text in quotes."""
    plain = _PLAIN.fullmatch(text) is not None and text.casefold() not in _WORDS
    return text if plain and text.isascii() else quoted(text)


def quoted(text: str) -> str:
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    if char.isprintable():
        return char
    number = ord(char)
    if 0xD800 <= number < 0xE000:
        return "\\uFFFD"  # half a character, which YAML does not have
    return f"\\u{number:04X}" if number < 0x10000 else f"\\U{number:08X}"


__all__ = ["DEPTH", "flow", "lines_of", "quoted", "scalar"]
