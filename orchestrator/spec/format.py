"""Diagnostics as text, JSON, GitHub annotations and SARIF. What a file says is data: shown, never obeyed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from orchestrator import __version__
from orchestrator.safe import safe
from orchestrator.spec.diagnostics import Diagnostic

WIDTH = 120
_STYLES: Mapping[str, str] = {"error": "1;31", "warning": "1;33", "frame": "1;34", "bold": "1", "hint": "36"}
_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_text(diagnostics: Iterable[Diagnostic], *, color: bool = False) -> str:
    """For a person: the message, the place, the line with a caret under it, the hint."""
    return "\n\n".join(_one(diagnostic, color) for diagnostic in diagnostics)


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """A JSON list, one map per diagnostic."""
    return json.dumps([_fields(diagnostic) for diagnostic in diagnostics], ensure_ascii=True, indent=2)


def as_github(diagnostics: Iterable[Diagnostic]) -> str:
    """Workflow commands that GitHub shows beside the changed lines, one a line."""
    return "\n".join(_annotation(diagnostic) for diagnostic in diagnostics)


def as_sarif(diagnostics: Sequence[Diagnostic]) -> str:
    """SARIF 2.1.0, for code scanning."""
    codes = sorted({diagnostic.code for diagnostic in diagnostics})
    rules = [{"id": code, "shortDescription": {"text": _title(code)}} for code in codes]
    driver = {"name": "orch", "version": __version__, "rules": rules}
    results = [_sarif_result(diagnostic, codes.index(diagnostic.code)) for diagnostic in diagnostics]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps(
        {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=True, indent=2
    )


# ---------------------------------------------------------------------------------------------------- text


def _one(diagnostic: Diagnostic, color: bool) -> str:
    mark = diagnostic.mark
    gutter = " " * len(str(mark.line))

    def paint(text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if color else text

    head = paint(f"{diagnostic.severity}[{diagnostic.code}]", diagnostic.severity)
    place = f"{_flat(mark.file)}:{mark.line}:{mark.column}"
    lines = [
        f"{head}: {paint(_flat(diagnostic.message), 'bold')}",
        f"{gutter}{paint('-->', 'frame')} {place}",
    ]
    bar = paint("|", "frame")
    if diagnostic.source.strip():
        source, column, width = _window(diagnostic.source, mark.column, mark.width)
        caret = paint("^" * width, diagnostic.severity)
        lines += [
            f"{gutter} {bar}",
            f"{paint(str(mark.line), 'frame')} {bar} {source}",
            f"{gutter} {bar} {' ' * column}{caret}",
        ]
    if diagnostic.hint:
        lines.append(f"{gutter} {paint('=', 'frame')} {paint('hint:', 'hint')} {_flat(diagnostic.hint)}")
    return "\n".join(lines)


def _window(source: str, column: int, width: int) -> tuple[str, int, int]:
    """The part of a line around the caret, where the caret stands in it, and its width, as they are printed."""
    start = max(0, column - 1 - WIDTH // 2) if len(source) > WIDTH else 0
    before = _printed(source[start : column - 1])
    marked = _printed(source[column - 1 : column - 1 + width])
    after = _printed(source[column - 1 + width : start + WIDTH])
    lead, tail = "…" if start else "", "…" if start + WIDTH < len(source) else ""
    room = max(1, min(_columns(marked) or 1, WIDTH - _columns(before)))
    return f"{lead}{before}{marked}{after}{tail}", _columns(lead + before), room


def _printed(text: str) -> str:
    return safe(text).replace("\t", "    ").replace("\n", "␊")


def _columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def _flat(text: str) -> str:
    """In one line."""
    return safe(text).replace("\n", "␊").replace("\t", " ")


# ---------------------------------------------------------------------------------------- for other programs


def _fields(diagnostic: Diagnostic) -> dict[str, Any]:
    mark = diagnostic.mark
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "file": mark.file,
        "line": mark.line,
        "column": mark.column,
        "width": mark.width,
        "hint": diagnostic.hint,
        "source": diagnostic.source,
    }


def _annotation(diagnostic: Diagnostic) -> str:
    mark = diagnostic.mark
    properties = {
        "file": mark.file,
        "line": str(mark.line),
        "col": str(mark.column),
        "endColumn": str(mark.column + mark.width),
        "title": diagnostic.code,
    }
    text = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    message = diagnostic.message + (f"\nhint: {diagnostic.hint}" if diagnostic.hint else "")
    return f"::{diagnostic.severity} {text}::{_data(message)}"


def _data(text: str) -> str:
    """Percent, carriage return and line feed would end or fake a command."""
    return safe(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _sarif_result(diagnostic: Diagnostic, rule: int) -> dict[str, Any]:
    mark = diagnostic.mark
    region = {"startLine": mark.line, "startColumn": mark.column, "endColumn": mark.column + mark.width}
    place = {"artifactLocation": {"uri": _uri(mark.file)}, "region": region}
    text = diagnostic.message + (f"\n{diagnostic.hint}" if diagnostic.hint else "")
    return {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": diagnostic.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }


def _uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix(), errors="surrogateescape")


def _title(code: str) -> str:
    from orchestrator.spec.codes import CODES

    return CODES[code].title if code in CODES else code
