"""A measurement as a picture: a bar for each row with its 95 % interval, as SVG, and as a page with the table below it.

Readable on light and dark pages. Names and answers are data: they are escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from orchestrator.report.score import Row, Table, latency, percent, table
from orchestrator.safe import safe, width_of

BAR, GAP, HEAD = 18, 8, 30
SCALE = 3.6
"""Width of a percent."""
LETTER, MARGIN = 7.0, 16
STYLE = """
.page{fill:#ffffff}.name{font-weight:600;font-size:14px;fill:#1f2328}text{font-family:ui-monospace,SFMono-Regular,Menlo,
Consolas,"DejaVu Sans Mono",monospace;font-size:12px;fill:#424a53}.axis{stroke:#d0d7de}.bar{fill:#54aeff}
.plain{fill:#c9d1d9}.copied{fill:#d4a72c}.valid{fill:none;stroke:#57606a;stroke-dasharray:3 3}.sure{stroke:#1f2328;
stroke-width:1.4}
@media (prefers-color-scheme:dark){.page{fill:#0d1117}.name{fill:#f0f6fc}text{fill:#c9d1d9}.axis{stroke:#30363d}
.bar{fill:#1f6feb}.plain{fill:#484f58}.copied{fill:#9e6a03}.valid{stroke:#8b949e}.sure{stroke:#f0f6fc}}
"""
LEGEND = "bar: right, line: its 95 % interval, dashed: valid; grey: one plain prompt, yellow: no model asked"


def svg(found: Table) -> str:
    """A complete SVG document."""
    rows = [row for row in found.rows if row.measured]
    left = MARGIN + round(LETTER * max((width_of(_label(row)) for row in rows), default=8)) + 12
    right = round(LETTER * max((width_of(_facts(row)) for row in rows), default=8)) + 12
    groups = _groups(rows)
    height = 2 * MARGIN + sum(HEAD + len(group) * (BAR + GAP) for group in groups) + 40
    width = max(left + round(100 * SCALE) + 12 + right + MARGIN, round(LETTER * len(LEGEND)) + 2 * MARGIN)
    body = "\n".join(_body(groups, left, height))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img">\n<title>Scores with their 95 % intervals</title>\n<style>{STYLE}</style>\n'
        f'<rect class="page" width="{width}" height="{height}"/>\n{body}\n</svg>\n'
    )


def html(found: Table) -> str:
    """A page of its own: the picture, the table, and what was measured how."""
    header, lines = table(found)
    head = "".join(f"<th>{_text(cell)}</th>" for cell in header)
    body = "\n".join(_line(line, len(header)) for line in lines)
    facts = " · ".join(f"{name} {value}" for name, value in found.facts.items())
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n'
        "<title>orch bench</title>\n<style>:root{color-scheme:light dark}body{font:14px system-ui,sans-serif;margin:2em}"
        "table{border-collapse:collapse}td,th{padding:.3em .8em;text-align:right;border-bottom:1px solid #8884}"
        "td:nth-child(-n+3),th:nth-child(-n+3),.problem{text-align:left}svg{max-width:100%;height:auto}</style>\n"
        f"{svg(found)}<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>\n<p>{_text(facts)}</p>\n</html>\n"
    )


def _line(line: Sequence[str], width: int) -> str:
    if len(line) == width:
        return f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in line)}</tr>"
    *cells, problem = line
    first = "".join(f"<td>{_text(cell)}</td>" for cell in cells)
    return f'<tr>{first}<td class="problem" colspan="{width - len(cells)}">{_text(problem)}</td></tr>'


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.subject, []).append(row)
    return list(found.values())


def _body(groups: Sequence[Sequence[Row]], left: int, height: int) -> Iterator[str]:
    bottom = height - MARGIN - 30
    for share in range(0, 101, 25):
        x = left + share * SCALE
        yield f'<line class="axis" x1="{x:.1f}" y1="{MARGIN}" x2="{x:.1f}" y2="{bottom}"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{share} %</text>'
    y = MARGIN
    for group in groups:
        yield f'<text class="name" x="{MARGIN}" y="{y + 18}">{_text(group[0].subject)}</text>'
        y += HEAD
        for row in group:
            yield from _bar(row, left, y)
            y += BAR + GAP
    yield f'<text x="{MARGIN}" y="{height - MARGIN + 4}">{_text(LEGEND)}</text>'


def _bar(row: Row, left: int, y: int) -> Iterator[str]:
    low, high = (left + 100 * SCALE * share for share in row.interval)
    kind = {"plain": "bar plain", "nearest": "bar copied", "head": "bar copied"}.get(row.rung, "bar")
    middle, valid = y + BAR / 2, 100 * SCALE * row.valid
    yield f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{_text(_label(row))}</text>'
    yield f'<rect class="{kind}" x="{left}" y="{y}" width="{100 * SCALE * row.right:.1f}" height="{BAR}"/>'
    yield f'<rect class="valid" x="{left}" y="{y}" width="{valid:.1f}" height="{BAR}"/>'
    yield f'<line class="sure" x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}"/>'
    yield f'<text x="{left + 100 * SCALE + 12:.1f}" y="{y + 13}">{_text(_facts(row))}</text>'


def _label(row: Row) -> str:
    return row.rung if row.model == "–" else f"{row.rung}  {row.model.rpartition(':')[2] or row.model}"


def _facts(row: Row) -> str:
    low, high = row.interval
    return f"{percent(row.right)} ({percent(low)[:-2]}–{percent(high)}) of {len(row.measured)}, p50 {latency(row.latency(0.5))}"


def _text(value: object) -> str:
    return escape(safe(str(value)))


__all__ = ["html", "svg"]
