"""A lane as cells: bars with their names where there is room, and how busy it was where many lie in one cell."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from rich.cells import cell_len

from orch_tui.gantt import Lane
from orch_tui.scale import Scale, step_of_ticks, tick_words
from orch_tui.span_row import GLYPHS
from orch_tui.text import Piece, Role, Row, clean
from orch_tui.trace import ASKING, CACHED, CAUGHT, FAILED, NOWHERE, RUNNING, STOPPED, Trace
from orchestrator.report import words

LEVELS = "▁▂▃▄▅▆▇█"
SEEN = 10
"""One failure among so many bars of a cell stands for them all."""
TICK = 14
"""Cells from one tick to the next, at least."""


class Look(NamedTuple):
    """How a bar is drawn: what fills it, what stands at its end."""

    fill: str
    end: str
    role: Role


DONE_HERE = Look("█", "█", "good")
DONE_AWAY = Look("▓", "▓", "cloud")
REJECTED = Look("▞", "▞", "warn")
LOADING = Look("╱", "╱", "key")
LOOKS: dict[int, Look] = {
    RUNNING: Look("▒", "▶", "run"),
    ASKING: Look("┄", GLYPHS[ASKING][0], "ask"),
    CACHED: Look(GLYPHS[CACHED][0], GLYPHS[CACHED][0], "good"),
    FAILED: Look("▞", GLYPHS[FAILED][0], "bad"),
    STOPPED: Look("░", GLYPHS[STOPPED][0], "warn"),
    CAUGHT: Look("▞", GLYPHS[CAUGHT][0], "warn"),
}
LEGEND: Row = (
    ("█", "good"), (" here  ", "dim"), ("▓", "cloud"), (" cloud  ", "dim"), ("▒▶", "run"), (" runs  ", "dim"),
    ("▞", "warn"), (" rejected  ", "dim"), ("▞!", "warn"), (" caught  ", "dim"), ("▞✗", "bad"), (" failed  ", "dim"), ("≈", "good"),
    (" cached  ", "dim"), ("┄", "ask"), (" a person  ", "dim"), ("╱", "key"), (" loads  ", "dim"),
    ("▂▅█", "good"), (" many", "dim"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Window:
    """The piece of the line on the screen: cell `x` shows what lies between `edges[x]` and `edges[x + 1]`."""

    scale: Scale
    start: float
    length: float
    edges: tuple[float, ...]
    now: float

    @classmethod
    def of(cls, scale: Scale, start: float, length: float, cells: int, now: float) -> Window:
        step = length / max(1, cells)
        edges = tuple(scale.wall(start + step * cell) for cell in range(cells + 1))
        return cls(scale, start, length, edges, now)

    @property
    def cells(self) -> int:
        return len(self.edges) - 1

    def cell(self, at: float) -> int:
        """The cell of a place on the line, which may lie outside."""
        return int((at - self.start) * self.cells / self.length // 1) if self.length > 0 else 0

    def cell_of(self, wall: float) -> int:
        """The cell of a moment, within the window."""
        return max(0, min(self.cells - 1, bisect_right(self.edges, wall) - 1))


def lane_row(trace: Trace, lane: Lane, window: Window) -> Row:
    """The cells of a lane. What it costs goes with the cells, not with the bars in them."""
    row: list[Piece] = []
    x = 0
    last = window.cell_of(window.now)
    while x <= last:
        bars = lane.between(window.edges[x], window.edges[x + 1])
        match bars[1] - bars[0]:
            case 0:
                after = window.cells
                if bars[0] < len(lane):
                    after = max(x + 1, window.cell_of(lane.starts[bars[0]]))
                row.append((" " * (after - x), "track"))
            case 1:
                after = min(_alone_until(lane, bars[0], window, x), last + 1)
                row += bar_cells(
                    trace, lane, bars[0], after - x, whole=_ends_before(lane, bars[0], window, after)
                )
            case _:
                after = x + 1
                row.append(density(lane, window.edges[x], window.edges[after], bars))
        x = after
    return tuple(row)


def _alone_until(lane: Lane, bar: int, window: Window, x: int) -> int:
    """The cell behind the last one in which this bar is the only one."""
    stop = window.cell_of(lane.ends[bar]) + 1 if lane.ends[bar] < window.edges[-1] else window.cells
    if stop - 1 > x and lane.ends[bar] <= window.edges[stop - 1]:
        stop -= 1  # it ended exactly where the cell begins
    if bar + 1 < len(lane) and lane.starts[bar + 1] < window.edges[stop]:
        stop = window.cell_of(lane.starts[bar + 1])
    return max(x + 1, stop)


def _ends_before(lane: Lane, bar: int, window: Window, after: int) -> bool:
    """Whether the end of the bar is on the screen."""
    return lane.ends[bar] == inf or lane.ends[bar] <= window.edges[min(after + 1, window.cells)]


def bar_cells(trace: Trace, lane: Lane, bar: int, width: int, *, whole: bool) -> list[Piece]:
    look = look_of(trace, lane, bar)
    if width == 1:
        return [(look.end if whole else look.fill, look.role)]
    begin = "▐" if look.fill == "█" else look.fill  # half a cell of air behind the one before
    end = look.end if whole else look.fill
    name = next((name for name in names_of(trace, lane, bar) if cell_len(name) <= width - 4), "")
    if not name:
        return [(begin + look.fill * (width - 2) + end, look.role)]
    rest = width - 4 - cell_len(name)
    return [(f"{begin} {name} {look.fill * rest}{end}", look.role)]


def names_of(trace: Trace, lane: Lane, bar: int) -> tuple[str, ...]:
    """From long to short: one of them may have room in the bar."""
    span = lane.spans[bar]
    name = clean(name_of(trace, lane, bar))
    return (name,) if span == NOWHERE else (name, clean(trace.path(span)), clean(trace.name(span)))


def density(lane: Lane, start: float, end: float, bars: tuple[int, int]) -> Piece:
    """How busy a lane was where several bars lie in one cell. Failures show: as a sign unless they are few of many."""
    failed = lane.failed_in(bars)
    if failed * SEEN >= bars[1] - bars[0]:
        return GLYPHS[FAILED][0], "bad"
    level = LEVELS[min(len(LEVELS) - 1, int(lane.share(start, end, bars) * len(LEVELS)))]
    return level, "bad" if failed else "good"


def look_of(trace: Trace, lane: Lane, bar: int) -> Look:
    span, attempt = lane.spans[bar], lane.attempts[bar]
    if span == NOWHERE:
        return LOADING
    status = trace.status[span]
    tries = trace.tries.get(span, ())
    if attempt < len(tries) - 1:
        return REJECTED if tries[attempt].decision else LOOKS[STOPPED]
    if lane.ends[bar] == inf and status != ASKING:
        return LOOKS[RUNNING] if trace.live(span) else LOOKS[STOPPED]
    if trace.verb(span) == "ask":
        return LOOKS[ASKING]
    if status in (CACHED, FAILED, STOPPED, CAUGHT):
        return LOOKS[status]
    return DONE_AWAY if trace.is_cloud(span) else DONE_HERE


def name_of(trace: Trace, lane: Lane, bar: int) -> str:
    """The path, with the attempt where there were several."""
    span, attempt = lane.spans[bar], lane.attempts[bar]
    if span == NOWHERE:
        model = trace.loads[attempt][0]
        again = any(before == model for before, _, _ in trace.loads[:attempt])
        return f"loads {model} again" if again else f"loads {model}"  # it had to leave meanwhile
    several = len(trace.tries.get(span, ())) > 1
    return f"{trace.path(span)} #{attempt + 1}" if several else trace.path(span)


# ------------------------------------------------------------------------------------------------- the axis


def axis_row(window: Window, cursor: int) -> Row:
    """Ticks with seconds of work since the start, the gaps with what they really took, and where the cursor is."""
    cells = [" "] * window.cells
    taken = _gap_words(window, cells)
    worked = Scale(window.scale.begun, window.scale.gaps)
    first, last = worked.at(window.edges[0]), worked.at(window.edges[-1])
    step = step_of_ticks(max(last - first, 1e-6), window.cells // TICK)
    number = int(first / step)
    while number * step <= last:
        x = window.cell(window.scale.at(worked.wall(number * step)))
        _write(cells, taken, x, "╵" + tick_words(number * step, step))
        number += 1
    text = "".join(cells)
    if not 0 <= cursor < window.cells:
        return ((text, "dim"),)
    return ((text[:cursor], "dim"), ("▼", "accent"), (text[cursor + 1 :], "dim"))


def _gap_words(window: Window, cells: list[str]) -> set[int]:
    taken: set[int] = set()
    for left, right, seconds in window.scale.short():
        first, room = window.cell(left), max(1, window.cell(right) - window.cell(left))
        text = f"≀ {words.seconds(seconds)} "
        _write(cells, taken, first, text if len(text) <= max(room, TICK) else "≀")
    return taken


def _write(cells: list[str], taken: set[int], x: int, text: str) -> None:
    """Put the text there if all of it has room and nothing stands there yet."""
    places = range(x, x + len(text))
    if x < 0 or x + len(text) > len(cells) or taken.intersection(places):
        return
    cells[x : x + len(text)] = text
    taken.update(places)
