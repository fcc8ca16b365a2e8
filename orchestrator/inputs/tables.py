"""Rows out of json, jsonl and csv files, typed by `rows:`; a mistake is named by file, line and column."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.spec.schema import check_value, coerce, complete
from orchestrator.spec.types import Bool, Enum, Field, Int, MapOf, Nullable, Str, Type, Unknown
from orchestrator.spec.values import too_deep

MOST_PROBLEMS = 10


class Problems:
    """The mistakes of one file, counted, the first few kept."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0

    def add(self, line: str) -> None:
        self.count += 1
        if len(self.lines) < MOST_PROBLEMS:
            self.lines.append(line)

    def settle(self, shown: str) -> None:
        """Raise UsageError with everything, if there is anything."""
        if not self.count:
            return
        if self.count == 1:
            raise UsageError(self.lines[0])
        rest = [f"… and {self.count - len(self.lines)} more"] if self.count > len(self.lines) else []
        raise UsageError(f"{shown} has {self.count} mistakes:\n  " + "\n  ".join([*self.lines, *rest]))


# ---------------------------------------------------------------------------------------------------- JSON


def read_json(text: str, shown: str, rows: MapOf | None) -> Any:
    """The value of a JSON file; with `rows`, a list of such maps. Raises UsageError."""
    try:
        value = _DECODER.decode(text.strip())
    except json.JSONDecodeError as error:
        line = text[: len(text) - len(text.lstrip())].count("\n") + error.lineno
        raise UsageError(
            f"{shown}:{line}:{error.colno}: no JSON: {error.msg.lower()}", hint=_lines_hint(text)
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{shown}: {_reason(error)}") from None
    if too_deep(value):
        raise UsageError(f"{shown}: nested too deeply")
    if rows is None:
        return value
    if not isinstance(value, list):
        raise UsageError(f"{shown} holds no list of rows", hint="the file must be a JSON list of objects")
    return _typed_rows(enumerate(value), rows, lambda index: f"{shown}: row {index + 1}", shown)


def _lines_hint(text: str) -> str:
    return "one JSON value per line is `format: jsonl`" if "}\n{" in text else ""


def read_jsonl(text: str, shown: str, rows: MapOf | None) -> list[Any]:
    """One JSON value per line; empty lines are passed over. Raises UsageError with every bad line."""
    problems = Problems()
    found = _jsonl(text, shown, problems)
    if rows is None:
        values = [value for _, value in found]
        problems.settle(shown)
        return values
    return _typed_rows(found, rows, lambda line: f"{shown}:{line}", shown, problems)


def _jsonl(text: str, shown: str, problems: Problems) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(io.StringIO(text), 1):
        if line.isspace():
            continue
        try:
            value = _DECODER.decode(line)
            if too_deep(value):
                raise RecursionError
            yield number, value
        except json.JSONDecodeError as error:
            problems.add(f"{shown}:{number}:{error.colno}: no JSON: {error.msg.lower()}")
        except (ValueError, RecursionError) as error:
            problems.add(f"{shown}:{number}: {_reason(error)}")


def _reason(error: Exception) -> str:
    if isinstance(error, _Refused):
        return str(error)
    return "nested too deeply" if isinstance(error, RecursionError) else "holds a number that is too long"


class _Refused(ValueError):
    """JSON that is read by some and refused by others: doubled keys, NaN."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _Refused(f"the key '{twice}' stands there more than once")
    return found


def _no_constant(name: str) -> Any:
    raise _Refused(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


# ----------------------------------------------------------------------------------------------------- CSV


def read_csv(text: str, shown: str, rows: MapOf | None) -> list[dict[str, Any]]:
    """Rows of a CSV file with a header, as maps; cells become the types of `rows`, else stay text."""
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header = [name.strip() for name in _next(reader, shown) or []]
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"{shown}:1: the column '{twice}' stands there more than once")
    columns = _columns(header, rows, shown)
    problems, found = Problems(), []
    while (cells := _next(reader, shown)) is not None:
        if not cells:
            continue
        if len(cells) != len(header):
            problems.add(f"{shown}:{reader.line_num}: {len(cells)} cells, the header has {len(header)}")
            continue
        found.append(_row(cells, columns, f"{shown}:{reader.line_num}", problems))
    problems.settle(shown)
    return found


def _delimiter(text: str) -> str:
    head = text.split("\n", 1)[0]
    return max(",;\t", key=lambda sign: (head.count(sign), sign == ","))


def _next(reader: Any, shown: str) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error as error:
        raise UsageError(
            f"{shown}:{reader.line_num}: no CSV: {error}", hint='a quote inside a cell is doubled: ""'
        ) from None


def _columns(header: list[str], rows: MapOf | None, shown: str) -> list[tuple[int, Field]]:
    if rows is None:
        return [(index, Field(name, Str(None))) for index, name in enumerate(header)]
    missing = [field.name for field in rows.fields if field.name not in header and not field.optional]
    if missing:
        near = get_close_matches(missing[0], header, n=1)
        raise UsageError(
            f"{shown}:1: there is no column {', '.join(repr(name) for name in missing)}; "
            f"the columns are {', '.join(header)}",
            hint=f"did you mean '{near[0]}'?" if near else "",
        )
    return [(header.index(f.name) if f.name in header else -1, f) for f in rows.fields]


def _row(
    cells: list[str], columns: list[tuple[int, Field]], where: str, problems: Problems
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for index, field in columns:
        text = cells[index] if index >= 0 else ""
        if field.optional and not text.strip():
            row[field.name] = None
            continue
        try:
            row[field.name] = text if field.type == Str(None) else coerce(field.type, text)
        except ValueError as error:
            problems.add(
                f"{where}: column '{field.name}': {error}"
                if text.strip()
                else f"{where}: column '{field.name}' is empty"
            )
    return row


# ------------------------------------------------------------------------------------------------ typed rows


def _typed_rows(
    rows: Iterator[tuple[int, Any]],
    kind: MapOf,
    where: Callable[[int], str],
    shown: str,
    problems: Problems | None = None,
) -> list[Any]:
    """The declared fields of each row, in their order; other fields are left out."""
    problems = Problems() if problems is None else problems
    fast = [(f.name, _quick(Nullable(f.type) if f.optional else f.type)) for f in kind.fields]
    found = []
    for number, row in rows:
        if isinstance(row, dict) and all(quick(row.get(name)) for name, quick in fast):
            found.append({name: row.get(name) for name, _ in fast})
            continue
        known = _declared(kind, row)
        wrong = check_value(kind, known)
        for problem in wrong:
            problems.add(f"{where(number)}: {problem.removeprefix('the value: ')}")
        if not wrong:
            found.append(complete(kind, known))
    problems.settle(shown)
    return found


def _declared(kind: MapOf, row: Any) -> Any:
    return {f.name: row[f.name] for f in kind.fields if f.name in row} if isinstance(row, dict) else row


def _quick(kind: Type) -> Callable[[Any], bool]:
    """A cheap test that is true only for values of the type; the exact one decides where it is false.

    A missing field comes as null.
    """
    match kind:
        case Str(None):
            return lambda value: type(value) is str
        case Str(int(limit)):
            return lambda value: type(value) is str and len(value) <= limit
        case Int(None, None):
            return lambda value: type(value) is int
        case Bool():
            return lambda value: type(value) is bool
        case Enum(values):
            return lambda value: type(value) is str and value in values
        case Unknown():
            return lambda value: value is not None
        case Nullable(inner):
            quick = _quick(inner)
            return lambda value: value is None or quick(value)
        case _:
            return lambda _: False
