"""Texts taken apart at their headings: Markdown, HTML, code, tables, plain text. Knows no size and no index."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Line = tuple[int, str]
"""Its number in the file, from 1, and what it says."""

_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-+)\s*$")
_DEFINITION = re.compile(
    r"^(?:@|(?:export |default |pub(?:\([a-z]+\))? |public |private |protected |internal |static |final |abstract |"
    r"async |unsafe |inline |const )*(?:def|class|func|fn|function|struct|enum|interface|impl|trait|type|module|"
    r"object|record|namespace|CREATE|create)\b)"
)
LONGEST = 1000
"""Characters of a line that can be a heading."""
SHOWN = 120
"""Characters of a heading that are kept."""


@dataclass(frozen=True, slots=True)
class Section:
    """Lines that belong together. `heading` is the way to it, `Guide > Install`; empty when there is none."""

    heading: str
    lines: Sequence[Line]


def sections_of(kind: str, text: str) -> Iterator[Section]:
    """The sections of a text of this kind (a suffix without its dot). Any text is one of some kind."""
    return _READERS.get(kind, _code if kind in CODE else _plain)(text)


CODE = frozenset((
    "py", "pyi", "js", "jsx", "ts", "tsx", "mjs", "java", "kt", "scala", "go", "rs", "c", "h", "cc", "cpp",
    "hpp", "cs", "rb", "php", "swift", "lua", "r", "jl", "sh", "bash", "sql", "pl", "ex", "exs", "hs",
    "ml", "dart", "groovy", "zig", "nim",
))  # fmt: skip


def numbered(text: str) -> list[Line]:
    """The lines of a text; only line ends count, not what else Python splits at."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return list(enumerate(lines, 1))


def _plain(text: str) -> Iterator[Section]:
    yield Section("", numbered(text))


# ------------------------------------------------------------------------------------------------- Markdown


def _markdown(text: str) -> Iterator[Section]:
    """At every heading; a `#` inside a fence is none."""
    path: list[tuple[int, str]] = []
    lines: list[Line] = []
    fence = ""
    for number, line in numbered(text):
        fence = _fenced(fence, line)
        level, title = (0, "") if fence else _heading(line, lines)
        if not level:
            lines.append((number, line))
            continue
        if _UNDERLINE.match(line):
            lines.pop()
        yield Section(_way(path), lines)
        path = [(depth, name) for depth, name in path if depth < level] + [(level, title)]
        lines = []
    yield Section(_way(path), lines)


def _fenced(fence: str, line: str) -> str:
    """The fence that stands open after this line."""
    found = _FENCE.match(line)
    if found is None:
        return fence
    if not fence:
        return found[1]
    closes = found[1].startswith(fence) and not line.strip().strip(fence[0])
    return "" if closes else fence


def _heading(line: str, before: Sequence[Line]) -> tuple[int, str]:
    if len(line) > LONGEST:
        return 0, ""
    found = _HEADING.match(line)
    if found is not None:
        return len(found[1]), found[2][:SHOWN]
    under = _UNDERLINE.match(line)
    above = before[-1][1].strip() if before else ""
    alone = len(before) < 2 or not before[-2][1].strip()
    if under is not None and above and alone and len(above) <= SHOWN and above[0] not in "-*+|>#":
        return (1 if under[1][0] == "=" else 2), above
    return 0, ""


def _way(path: Sequence[tuple[int, str]]) -> str:
    return " > ".join(name for _, name in path if name)


# ----------------------------------------------------------------------------------------------------- HTML


def _html(text: str) -> Iterator[Section]:
    from orchestrator.knowledge.html import read_html

    path: list[tuple[int, str]] = []
    lines: list[Line] = []
    for number, level, words in read_html(text):
        if not level:
            lines.append((number, words))
            continue
        yield Section(_way(path), lines)
        path = [(depth, name) for depth, name in path if depth < level] + [(level, words[:SHOWN])]
        lines = []
    yield Section(_way(path), lines)


# ----------------------------------------------------------------------------------------------------- code


def _code(text: str) -> Iterator[Section]:
    """At definitions on the left margin, with the comments and decorators that stand on top of them."""
    open_ = _Block()
    for line in numbered(text):
        if open_.ends_before(line[1]):
            yield Section(open_.heading, open_.lines)
            open_ = _Block()
        open_.add(line)
    yield Section(open_.heading, open_.lines)


@dataclass(slots=True)
class _Block:
    heading: str = ""
    lines: list[Line] = field(default_factory=list)
    gap: bool = False
    """The last line was blank."""

    def ends_before(self, line: str) -> bool:
        """A line on the margin begins something new behind a gap, or with a definition behind another one."""
        if not line or line[0] in " \t)]}":
            return False
        begins = _DEFINITION.match(line) is not None
        if not self.heading:
            return self.gap and begins
        return self.gap or (begins and not self.heading.startswith("@"))

    def add(self, line: Line) -> None:
        self.lines.append(line)
        self.gap = not line[1].strip()
        if (not self.heading or self.heading.startswith("@")) and _DEFINITION.match(line[1]):
            self.heading = line[1].strip().rstrip("{:").strip()[:SHOWN]


# --------------------------------------------------------------------------------------------------- tables


def _csv(text: str) -> Iterator[Section]:
    """Each row as `column: value` pairs, so that a row says by itself what it means."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
    names: list[str] = []
    lines: list[Line] = []
    start = 1
    try:
        for row in reader:
            if names:
                lines.append((start, _pairs(names, row)))
            else:
                names = [name.strip() for name in row]
            start = reader.line_num + 1
    except csv.Error:  # a field without an end: the rest is text like any other
        lines += [line for line in numbered(text) if line[0] >= start]
    yield Section("", lines)


def _separator(text: str) -> str:
    """The one that the first line has most of, outside quotes."""
    bare = re.sub(r'"[^"]*"', "", text.lstrip()[:8192].partition("\n")[0])
    return max(",;\t|", key=bare.count)


def _pairs(names: Sequence[str], row: Sequence[str]) -> str:
    named = [*names, *(f"column {n + 1}" for n in range(len(names), len(row)))]
    return "; ".join(
        f"{name}: {value.strip()}" for name, value in zip(named, row, strict=False) if value.strip()
    )


def _jsonl(text: str) -> Iterator[Section]:
    """Each line a section of its own; `title`, `name` or `id` is its heading."""
    for number, line in numbered(text):
        try:
            value = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            value = line
        if value is None:
            continue
        heading = ""
        if isinstance(value, Mapping):
            found = next((value[key] for key in ("title", "name", "heading", "id") if value.get(key)), "")
            heading = " ".join(str(found).split())[:SHOWN]
        yield Section(heading, [(number, text) for text in _flat(value, "")])


def _flat(value: Any, name: str, depth: int = 0) -> Iterator[str]:
    """The leaves of a value as `name.of.field: text`, texts of several lines as they are."""
    if isinstance(value, Mapping) and depth < 20:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(value, list) and depth < 20:
        for inner in value:
            yield from _flat(inner, name, depth + 1)
    elif value is not None:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)[:2000]
        yield from (f"{name}: {text}" if name else text).split("\n")


_READERS: Mapping[str, Callable[[str], Iterator[Section]]] = {
    "md": _markdown,
    "markdown": _markdown,
    "mdx": _markdown,
    "html": _html,
    "htm": _html,
    "xhtml": _html,
    "csv": _csv,
    "tsv": _csv,
    "jsonl": _jsonl,
    "ndjson": _jsonl,
}
