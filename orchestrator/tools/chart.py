"""The tool `chart`: rows become a picture, as SVG and as PNG. Columns that make no chart are a result with `error`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.calling import Artifact, CallContext, Signature, ToolResult
from orchestrator.errors import ToolError
from orchestrator.graph.builtin import RESULTS
from orchestrator.spec.types import Enum, Field, MapOf, Str, Unknown
from orchestrator.tools.charts.data import KINDS, Data, Kind, NoChart, read
from orchestrator.tools.charts.draw import draw
from orchestrator.tools.charts.png import as_png
from orchestrator.tools.charts.svg import as_svg

MOST_ROWS = 1_000_000
LONGEST = 200
"""Characters of a title."""

SIGNATURE = Signature(
    "chart",
    "Draws rows as a chart: x is the column along the axis, y one or more columns of numbers. Returns the files it made.",
    MapOf(
        (
            Field("rows", Unknown()),
            Field("x", Str(None)),
            Field("y", Unknown()),
            Field("kind", Enum(KINDS), optional=True),
            Field("title", Str(None), optional=True),
        )
    ),
    RESULTS["chart"],
)


class ChartTool:
    """Draws; holds nothing."""

    @property
    def signature(self) -> Signature:
        return SIGNATURE

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Draw once. Raises ToolError for arguments that make no sense."""
        rows, x, y, kind, title = _given(arguments)
        try:
            data = read(rows, x, y, kind)
        except NoChart as error:
            return ToolResult({"files": [], "error": str(error)})
        made = await asyncio.to_thread(_make, data, title, context.scratch)
        value: dict[str, Any] = {
            "files": [
                {"name": one.name, "media_type": one.media_type, "size": one.path.stat().st_size}
                for one in made
            ]
        }
        if data.notes:
            value["note"] = "; ".join(data.notes)
        return ToolResult(value, made)


def _make(data: Data, title: str, folder: Path) -> tuple[Artifact, ...]:
    picture = draw(data, title)
    vector, pixels = folder / "chart.svg", folder / "chart.png"
    vector.write_text(as_svg(picture), encoding="utf-8")
    pixels.write_bytes(as_png(picture))
    return (
        Artifact(vector.name, "image/svg+xml", vector),
        Artifact(pixels.name, "image/png", pixels),
    )


def _given(arguments: Mapping[str, Any]) -> tuple[Sequence[Mapping[str, Any]], str, list[str], Kind, str]:
    rows, x, kind = arguments.get("rows"), arguments.get("x"), arguments.get("kind") or "bar"
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise ToolError("chart: 'rows' must be a list of maps, such as the rows of sql.query")
    if len(rows) > MOST_ROWS:
        raise ToolError(f"chart: {len(rows):,} rows are more than {MOST_ROWS:,}")
    wrong = next((n for n, row in enumerate(rows, 1) if not isinstance(row, Mapping)), None)
    if wrong is not None:
        raise ToolError(f"chart: row {wrong} is no map of columns to values")
    if not isinstance(x, str):
        raise ToolError("chart: 'x' must be the name of a column")
    known = next((one for one in KINDS if one == kind), None)
    if known is None:
        raise ToolError(f"chart: there is no kind '{kind}'; there is {', '.join(KINDS)}")
    title = arguments.get("title") or ""
    if not isinstance(title, str):
        raise ToolError("chart: 'title' must be text")
    return rows, x, _columns(arguments.get("y")), known, title[:LONGEST]


def _columns(y: Any) -> list[str]:
    names = [y] if isinstance(y, str) else y
    if not isinstance(names, Sequence) or not names or not all(isinstance(name, str) for name in names):
        raise ToolError("chart: 'y' must be the name of a column of numbers, or a list of such names")
    return list(dict.fromkeys(names))
