"""A picture as SVG, readable on light and dark pages. Names and texts are escaped: they are data."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from orchestrator.graph.layout import Layout, Measures, Place, Run, lay_out
from orchestrator.graph.picture import Box, Picture
from orchestrator.safe import safe, width_of

TITLE, LINE, LEADING, PAD = 8.4, 7.0, 18, 12
MARGIN = 16
RADIUS = {"value": 16, "ask": 2, "steps": 10, "workflow": 10}
STYLE = """
.page{fill:#ffffff}.box{fill:#f6f8fa;stroke:#57606a;stroke-width:1.2}.agent{fill:#ddf4ff;stroke:#0969da}
.ask{fill:#fff8c5;stroke:#9a6700;stroke-width:2}.tool{fill:#fbefff;stroke:#8250df}
.group{fill:none;stroke:#57606a;stroke-dasharray:6 3}.wire{fill:none;stroke:#57606a;stroke-width:1.4}
.order{stroke-dasharray:2 4}.head{fill:#57606a}.name{font-weight:600;fill:#1f2328}.more{fill:#424a53}
text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:12px}
.name{font-size:14px}
@media (prefers-color-scheme:dark){.page{fill:#0d1117}.box{fill:#161b22;stroke:#8b949e}
.agent{fill:#0c2d4a;stroke:#58a6ff}.ask{fill:#3a2d00;stroke:#d29922}.tool{fill:#2a1a45;stroke:#bc8cff}
.group{fill:none;stroke:#8b949e}.wire{stroke:#8b949e}.head{fill:#8b949e}.name{fill:#f0f6fc}.more{fill:#c9d1d9}}
"""


def svg(picture: Picture, *, title: str) -> str:
    """A complete SVG document."""
    layout = lay_out(picture, Measures(_size, _head, gap=28, track=12, stub=16, pad=(16, 16), thread=9))
    width, height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    body = "\n".join(_layout(layout, MARGIN, MARGIN))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">\n<title>{_text(title)}</title>\n<style>{STYLE}</style>\n'
        f'<rect class="page" width="{width}" height="{height}"/>\n{body}\n</svg>\n'
    )


def _size(box: Box) -> tuple[int, int]:
    width = _width(box) + 2 * PAD
    return width + (width + 1) % 2, PAD + LEADING * (1 + len(box.lines)) + PAD // 2


def _head(box: Box) -> tuple[int, int]:
    return _width(box) + 2 * PAD, PAD + LEADING * (1 + len(box.lines)) + PAD


def _width(box: Box) -> int:
    return round(max(width_of(box.title) * TITLE, *(width_of(line) * LINE for line in box.lines), 40.0))


def _layout(layout: Layout, left: int, top: int) -> Iterator[str]:
    for place in layout.places:
        if place.box is not None:
            yield from _box(place, place.box, left, top)
    for run in layout.runs:
        yield from _run(run, left, top)


def _box(place: Place, box: Box, left: int, top: int) -> Iterator[str]:
    x, y = left + place.x, top + place.y
    kind = "group" if place.inside else box.kind
    yield (
        f'<rect class="box {kind}" x="{x}" y="{y}" width="{place.width}" height="{place.height}" '
        f'rx="{RADIUS.get(box.kind, 6)}"/>'
    )
    for number, line in enumerate((box.title, *box.lines)):
        style = "more" if number else "name"
        yield f'<text class="{style}" x="{x + PAD}" y="{y + PAD + 8 + number * LEADING}">{_text(line)}</text>'
    if place.inside:
        yield from _layout(place.inside, x, y)


def _run(run: Run, left: int, top: int) -> Iterator[str]:
    style = "wire order" if run.dotted else "wire"
    x, y = left + run.source.middle, top + run.source.y + run.source.height
    start = y - run.source.height if run.source.box is None else y
    for target in run.targets:
        to_x, to_y = left + target.middle, top + target.y
        end = to_y - 6 if target.box is not None else to_y
        yield f'<path class="{style}" d="M{x} {start}{_bend(x, to_x, top + run.y)}V{end}"/>'
        if target.box is not None:
            yield f'<path class="head" d="M{to_x - 5} {to_y - 8}h10l-5 8z"/>'


def _bend(x: int, to_x: int, y: int) -> str:
    """Down to a track, along it and down again, with rounded corners."""
    if x == to_x:
        return ""
    step = min(6, abs(to_x - x) // 2)
    side = step if to_x > x else -step
    return f"V{y - step}Q{x} {y} {x + side} {y}H{to_x - side}Q{to_x} {y} {to_x} {y + step}"


def _text(text: str) -> str:
    return escape(safe(text), {'"': "&quot;", "\ufffe": "�", "\uffff": "�"})
