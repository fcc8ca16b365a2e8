"""Values of a database as JSON knows them. Knows no database.

Dates and times are ISO text. A decimal is a number as long as fifteen digits hold it exactly, else text. Bytes are
hexadecimal text. What JSON has no number for (NaN, infinity) is null.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

DIGITS = 15
"""As many decimal digits as every float keeps."""


def plain(value: Any) -> Any:
    """One value."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return _decimal(value)
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case Mapping():
            return {str(key): plain(one) for key, one in value.items()}
        case list() | tuple() | set():
            return [plain(one) for one in value]
        case _:
            return str(value)


def _decimal(value: Decimal) -> int | float | str | None:
    if not value.is_finite():
        return None
    if value == value.to_integral_value():
        return int(value)
    return float(value) if len(value.as_tuple().digits) <= DIGITS else str(value)


def distinct(names: Iterable[str]) -> list[str]:
    """Names of columns, each once: the second `id` is `id_2`."""
    seen: dict[str, None] = {}
    for name in names:
        other, number = name, 2
        while other in seen:
            other, number = f"{name}_{number}", number + 1
        seen[other] = None
    return list(seen)


def collect(
    names: Sequence[str], fetch: Callable[[int], Sequence[Sequence[Any]]], limit: int, size: int
) -> dict[str, Any]:
    """The result of a query: rows as maps, at most `limit`, and at most `size` bytes as JSON together."""
    columns = distinct(names)
    rows: list[dict[str, Any]] = []
    left = size
    while True:
        found = fetch(min(1000, limit + 1 - len(rows)))
        if not found:
            return {"columns": columns, "rows": rows}
        for values in found:
            if len(rows) == limit:
                return {"columns": columns, "rows": rows, "note": _note(limit, "")}
            row = {name: plain(value) for name, value in zip(columns, values, strict=True)}
            left -= len(json.dumps(row))
            if left < 0 and not rows:
                return failed(
                    f"one row is more than {size:,} bytes; select fewer columns, or parts of long texts"
                )
            if left < 0:
                return {"columns": columns, "rows": rows, "note": _note(len(rows), f" ({size:,} bytes)")}
            rows.append(row)


def failed(error: str) -> dict[str, Any]:
    """A query that gave no rows but a reason."""
    return {"columns": [], "rows": [], "error": error}


def _note(count: int, why: str) -> str:
    return f"only the first {count:,} rows{why}; there are more: aggregate, filter, or order them"
