"""What was measured about the peers, as Markdown tables in docs/figures.md and as a picture.

The picture knows medians only; the tables have the spread, and what each peer leaves out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from statistics import median

from benchmarks.peers.environment import requirements
from benchmarks.peers.measure import ORDER, Series
from benchmarks.peers.worker import ROOT
from benchmarks.table import Row, figure

NAMES = {
    "bare": "bare task group",
    "hand": "task group by hand",
    "orch": "orch",
    "langgraph": "LangGraph",
    "burr": "Burr",
    "pydantic-graph": "pydantic-graph",
    "dbos": "DBOS",
    "haystack": "Haystack",
}
NOTES = {
    "bare": "no template, no validation, no record",
    "hand": "template and validation, no record",
    "orch": "distinct steps from a file; counts tokens, makes a grammar, four events a step",
    "langgraph": "template and validation inside the node; no events",
    "burr": "one action, template and validation inside it; no events",
    "pydantic-graph": "one step, template and validation inside it; no events; cannot store a run",
    "dbos": "a function in a loop, template and validation inside it; always durable",
    "haystack": "a component a step, template and validation inside it; no map, no durable log",
}
MORE = {
    ("langgraph", "chain"): "a loop of one node",
    ("langgraph", "chain of nodes"): "a node for each step",
    ("pydantic-graph", "chain of nodes"): "a step of the graph for each step",
    ("langgraph", "durable chain"): "a loop of one node; SQLite saver, a checkpoint a step",
    (
        "langgraph",
        "durable fan-out",
    ): "SQLite saver; all items are one step, so one checkpoint and its writes",
    ("langgraph", "fan-out"): "`Send`, 64 at once",
    ("burr", "fan-out"): "`MapStates`",
    ("burr", "chain"): "a loop of one action",
    ("burr", "durable chain"): "a loop of one action; SQLite persister, the state a step",
    ("pydantic-graph", "chain"): "a loop of one step",
    ("pydantic-graph", "fan-out"): "`map` and a join",
    ("dbos", "durable chain"): "SQLite, a row a step; it recommends Postgres in production",
    ("dbos", "durable fan-out"): "SQLite, a row a step; it recommends Postgres in production",
    ("orch", "durable chain"): "SQLite, every event, chained by hash",
    ("orch", "durable fan-out"): "SQLite, every event, chained by hash",
}
FIGURES, PICTURE = ROOT / "docs" / "figures.md", ROOT / "docs" / "peers.svg"
BEGIN, END = "<!-- peers -->", "<!-- /peers -->"


def rows(found: Sequence[Series]) -> list[Row]:
    """For the table of all figures."""
    lines = []
    for series in found:
        what = f"{_work(series)}: {NAMES[series.who]}"
        unit = "ms CPU" if series.work == "start" else "µs CPU per step"
        lines.append(Row(what, "–", spread=series.why) if not series.cpu else figure(what, series.cpu, unit))
    return lines


def markdown(found: Sequence[Series], load: float) -> str:
    """A table for each kind of work."""
    sections = []
    for group in _groups(found):
        start = group[0].work == "start"
        unit = "ms" if start else "µs per step"
        sections += [
            f"**{_work(group[0]).capitalize()}**\n",
            f"| | CPU, {unit} | wall, {unit} | CPU against orch, lowest–highest | |",
            "| --- | ---: | ---: | ---: | --- |",
            *(_line(series, _ours(found, series)) for series in group),
            "",
        ]
    versions = ", ".join(f"{name} {version}" for name, version in requirements().items())
    others = f"Load of the machine in that time: {load:.1f} on 2 cores" + (
        "; other work was going on, so wall times say little and CPU times are above those of a quiet machine."
        if load > 3
        else "."
    )
    return "\n".join([*sections, f"{others} Versions: {versions}."])


def write(found: Sequence[Series], load: float) -> None:
    """Into the docs, between the markers."""
    page = FIGURES.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    FIGURES.write_text(f"{before}{BEGIN}\n\n{markdown(found, load)}\n\n{END}{after}", encoding="utf-8")
    PICTURE.write_text(svg(found), encoding="utf-8")


def _groups(found: Sequence[Series]) -> Iterator[list[Series]]:
    kinds = sorted({(series.steps, series.work) for series in found}, key=_place)
    for steps, work in kinds:
        yield sorted(
            (series for series in found if (series.steps, series.work) == (steps, work)),
            key=lambda series: median(series.cpu) if series.cpu else math.inf,
        )


def _place(kind: tuple[int, str]) -> tuple[int, int]:
    steps, work = kind
    return (len(ORDER) if work == "start" else ORDER.index(work), steps)


def _work(series: Series) -> str:
    return "start: import and one step" if series.work == "start" else f"{series.work} of {series.steps:,}"


def _ours(found: Sequence[Series], other: Series) -> Series | None:
    """orch on the same work; its chain is one of nodes."""
    work = "chain" if other.work == "chain of nodes" else other.work
    same = (series for series in found if (series.work, series.steps) == (work, other.steps))
    return next((series for series in same if series.who == "orch"), None)


def _line(series: Series, ours: Series | None) -> str:
    note = MORE.get((series.who, series.work), NOTES[series.who]) if series.work != "start" else ""
    if not series.cpu:
        return f"| {NAMES[series.who]} | – | – | – | {series.why} |"
    note = "; ".join(part for part in (note, series.why) if part)
    cells = (NAMES[series.who], _number(series.cpu), _number(series.wall), _against(series, ours), note)
    return f"| {' | '.join(cells)} |"


def _against(series: Series, ours: Series | None) -> str:
    if ours is None or not ours.cpu:
        return "–"
    if series is ours:
        return "1"
    ratios = [a / b for a, b in zip(series.cpu, ours.cpu, strict=False)]
    return f"{median(ratios):.2g} x, {min(ratios):.2g}–{max(ratios):.2g}"


def _number(values: Sequence[float]) -> str:
    middle = median(values)
    return f"{middle:,.0f}" if middle >= 100 else f"{middle:.3g}"


# --------------------------------------------------------------------------------------------- the picture

BAR, GAP, HEAD, MARGIN, LEFT, WIDTH = 16, 6, 30, 16, 150, 430
SHOWN = ("chain", "fan-out", "durable chain", "durable fan-out")
STYLE = """
.page{fill:#ffffff}.name{font-weight:600;font-size:14px;fill:#1f2328}text{font-family:ui-monospace,SFMono-Regular,Menlo,
Consolas,"DejaVu Sans Mono",monospace;font-size:12px;fill:#424a53}.bar{fill:#c9d1d9}.ours{fill:#54aeff}
@media (prefers-color-scheme:dark){.page{fill:#0d1117}.name{fill:#f0f6fc}text{fill:#c9d1d9}.bar{fill:#484f58}
.ours{fill:#1f6feb}}
"""
LEGEND = "CPU per step, median; each group has its own scale"


def svg(found: Sequence[Series]) -> str:
    """Bars of CPU per step, a group for each kind of work at the smaller size."""
    smallest = min((series.steps for series in found if series.work in SHOWN), default=0)
    groups = [
        [series for series in group if series.cpu]
        for group in _groups(found)
        if group[0].work in SHOWN and group[0].steps == smallest
    ]
    height = 2 * MARGIN + sum(HEAD + len(group) * (BAR + GAP) for group in groups) + 24
    width = LEFT + WIDTH + 90
    body = "\n".join(_bars(groups, height))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img">\n<title>{LEGEND}</title>\n<style>{STYLE}</style>\n'
        f'<rect class="page" width="{width}" height="{height}"/>\n{body}\n</svg>\n'
    )


def _bars(groups: Sequence[Sequence[Series]], height: int) -> Iterator[str]:
    y = MARGIN
    for group in groups:
        yield f'<text class="name" x="{MARGIN}" y="{y + 18}">{escape(_work(group[0]))}</text>'
        y += HEAD
        longest = max(median(series.cpu) for series in group)
        for series in group:
            yield from _bar(series, WIDTH * median(series.cpu) / longest, y)
            y += BAR + GAP
    yield f'<text x="{MARGIN}" y="{height - MARGIN + 4}">{LEGEND}</text>'


def _bar(series: Series, length: float, y: int) -> Iterator[str]:
    kind = "ours" if series.who == "orch" else "bar"
    yield f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(NAMES[series.who])}</text>'
    yield f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{max(length, 1):.1f}" height="{BAR}"/>'
    yield f'<text x="{LEFT + length + 6:.1f}" y="{y + 12}">{_number(series.cpu)} µs</text>'
