"""JSON as rows: laid out with indents, names and values in their roles. Deep and huge values are bounded.

Also JSON that is still being written, or is none: it is laid out as far as it goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from orch_tui.tabs.page import Page
from orch_tui.text import Piece, Role, Row

DEEPEST = 60
"""Levels that are laid out; what is deeper stands as an ellipsis."""
LINES = 20_000
"""Lines of one value."""
_SIGN = re.compile(r'"(?:[^"\\]|\\.)*("|\\?$)|[{}\[\],:]|\s+|[^\s{}\[\],:"]+', re.DOTALL)
BLOCK: Piece = ("¶", "dim")
"""Stands for a text of several lines, which follow beneath it as they are."""
_BAR: Piece = ("│ ", "track")
_CLOSING = {"{": "}", "[": "]"}


def put(page: Page, value: Any, more: str = "") -> None:
    """The value on the page. `more` says where the rest of a very long one is found."""
    for number, (depth, pieces) in enumerate(_lines(value)):
        if number >= LINES:
            page.more(f"more lines{': ' + more if more else ''}")
            return
        if pieces[0] is _BAR:
            page.add((*_indent(depth, page.width), _BAR), pieces[1:])
        else:
            page.add(_indent(depth, page.width), pieces)


def put_partial(page: Page, text: str) -> None:
    """JSON as far as it was written. The end of what is there is marked; what is not closed yet is closed dimly."""
    depth, stack, line = 0, [], list[Piece]()
    for sign, role in _signs(text):
        if sign in "{[":
            line.append((sign, role))
            page.add(_indent(depth, page.width), line)
            stack.append(_CLOSING[sign])
            depth, line = depth + 1, []
        elif sign in "}]":
            if line:
                page.add(_indent(depth, page.width), line)
            if stack:
                stack.pop()
            depth, line = len(stack), [(sign, role)]
        elif sign == ",":
            page.add(_indent(depth, page.width), [*line, (",", "dim")])
            line = []
        else:
            line.append((": " if sign == ":" else sign, role))
    page.add(_indent(depth, page.width), [*line, ("▌", "run")])
    for depth, sign in reversed(list(enumerate(stack))):
        page.add(_indent(depth, page.width), ((sign, "dim"),))


def looks_like_json(text: str) -> bool:
    return text[:200].lstrip()[:1] in ("{", "[")


def _indent(depth: int, width: int) -> Row:
    columns = min(2 * depth, width // 2)
    return ((" " * columns, ""),) if columns else ()


def _signs(text: str) -> Iterator[tuple[str, Role]]:
    """Tokens with their roles; a string before a colon is a name."""
    found = [match[0] for match in _SIGN.finditer(text) if not match[0].isspace()]
    for number, sign in enumerate(found):
        following = found[number + 1] if number + 1 < len(found) else ""
        if sign[0] == '"':
            yield sign, "key" if following == ":" else "good"
        else:
            yield sign, "dim" if sign in "{}[],:" else _scalar_role(sign)


def _scalar_role(sign: str) -> Role:
    return "accent" if sign in ("true", "false", "null") else "data"


def _lines(value: Any) -> Iterator[tuple[int, list[Piece]]]:
    """Line by line with its depth, without recursion: values may be as deep as they like."""
    stack: list[tuple[int, list[Piece], Any, bool]] = [(0, [], value, True)]
    while stack:
        depth, name, one, last = stack.pop()
        comma: list[Piece] = [] if last else [(",", "dim")]
        if isinstance(one, _Close):
            yield depth, [(one.sign, "dim"), *comma]
        elif isinstance(one, Mapping | list | tuple) and one and depth < DEEPEST:
            opening = "{" if isinstance(one, Mapping) else "["
            yield depth, [*name, (opening, "dim")]
            stack.append((depth, [], _Close(_CLOSING[opening]), last))
            stack.extend(reversed(list(_inside(one, depth + 1))))
        elif isinstance(one, str) and "\n" in one:
            yield depth, [*name, BLOCK, *comma]
            for line in one.replace("\r\n", "\n").split("\n"):
                yield depth + 1, [_BAR, (line, "good")]
        else:
            yield depth, [*name, _scalar(one), *comma]


class _Close:
    def __init__(self, sign: str) -> None:
        self.sign = sign


def _inside(value: Any, depth: int) -> Iterator[tuple[int, list[Piece], Any, bool]]:
    end = len(value) - 1
    if isinstance(value, Mapping):
        for number, (key, one) in enumerate(value.items()):
            name: list[Piece] = [(json.dumps(str(key), ensure_ascii=False), "key"), (": ", "dim")]
            yield depth, name, one, number == end
    else:
        for number, one in enumerate(value):
            yield depth, [], one, number == end


def _scalar(value: Any) -> Piece:
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False), "good"
        case None | bool():
            return json.dumps(value), "accent"
        case int() | float():
            return repr(value), "data"
        case Mapping():
            return ("{…}" if value else "{}"), "dim"
        case list() | tuple():
            return ("[…]" if value else "[]"), "dim"
        case _:
            return str(value), ""
