"""A span or an attempt as one row: fold mark, status, name, and as many columns as there is room for. Draws nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

from orch_tui.rows import TreeRows
from orch_tui.text import MARK, Piece, Role, Row, clean, cut, width_of
from orch_tui.trace import (
    ASKING,
    CACHED,
    CAUGHT,
    DONE,
    FAILED,
    NOWHERE,
    RUNNING,
    SKIPPED,
    STOPPED,
    Trace,
    Try,
)
from orch_tui.waterfall import Axis, bar, segment_of, segments_of

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
GLYPHS: dict[int, tuple[str, Role]] = {
    RUNNING: ("●", "run"),
    ASKING: ("?", "ask"),
    DONE: ("✓", "good"),
    CACHED: ("≈", "good"),
    SKIPPED: ("–", "dim"),
    FAILED: ("✗", "bad"),
    STOPPED: ("■", "warn"),
    CAUGHT: ("!", "warn"),
}
"""How a status looks, with and without colour."""
RUN_GLYPHS: dict[str, tuple[str, Role]] = {
    "new": ("○", "dim"),
    "running": GLYPHS[RUNNING],
    "waiting": GLYPHS[ASKING],
    "done": GLYPHS[DONE],
    "failed": GLYPHS[FAILED],
    "rejected": GLYPHS[FAILED],
    "interrupted": GLYPHS[STOPPED],
    "cancelled": GLYPHS[STOPPED],
}
"""How the status of a run looks."""
QUEUED: tuple[str, Role] = ("◌", "dim")
"""It has begun but waits for its model."""
TAKEN: tuple[str, Role] = ("⇐", "good")
"""Its value was taken over from another run."""
CLOUD = "☁"

NAME, SECONDS, FALL, MODEL, TOKENS, TRIED = 26, 7, 11, 13, 7, 4
"""Columns that a name has at least, and that the others take with the space before them."""
WIDEST_FALL = 48
INDENT = 2
DEEPEST = 12
"""Columns an indent takes at most in a narrow pane, so that names stay."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How many columns everything has; 0 for what dropped out. Each but the name has a space before it."""

    name: int
    model: int = 0
    tried: int = 0
    tokens: int = 0
    seconds: int = 0
    fall: int = 0


@lru_cache(maxsize=8)
def layout(width: int) -> Layout:
    """What has room beside a name: seconds first, then the waterfall, the model, tokens, attempts."""
    room = max(0, width - NAME)
    sizes = [SECONDS, FALL, MODEL, TOKENS, TRIED]
    kept = next((number for number in range(len(sizes)) if sum(sizes[: number + 1]) > room), len(sizes))
    seconds, fall, model, tokens, tried = (*sizes[:kept], *[0] * (len(sizes) - kept))
    rest = room - sum(sizes[:kept])
    if fall:
        fall += min(rest // 2, WIDEST_FALL - FALL)
    name = width - seconds - fall - model - tokens - tried
    return Layout(name, model, tried, tokens, seconds, fall)


@dataclass(frozen=True, slots=True)
class Look:
    """A moment in which rows are drawn."""

    rows: TreeRows
    now: float
    axis: Axis

    @property
    def trace(self) -> Trace:
        return self.rows.trace


def row_at(look: Look, span: int, attempt: int, width: int) -> Row:
    """The row of a span, or of one of its attempts: NOWHERE means the span."""
    return span_row(look, span, width) if attempt == NOWHERE else attempt_row(look, span, attempt, width)


def facts_of(look: Look, span: int) -> tuple[object, ...]:
    """All that the row of a span which has ended depends on, beside its width: when that differs it does. Quickly got.

    An event of the span itself changes `last`; passes of a loop end without one, and a run stops without any.
    """
    trace, rows = look.trace, look.rows
    return (
        trace.last[span],
        trace.status[span],
        trace.ended[span],
        rows.opens(span),
        rows.can_open(span),
        rows.filtered,
        look.axis.length,
        len(trace.gaps),
        len(trace.loads),
        tuple(trace.counts[span]) if span in trace.counts else None,
    )


def span_row(look: Look, span: int, width: int) -> Row:
    trace, columns = look.trace, layout(width)
    return (
        *_fitted(_name(look, span, columns.name), columns.name),
        *_model(trace, span, columns.model),
        *_right(f"↻{trace.tried[span]}" if trace.tried[span] > 1 else "", columns.tried, "warn"),
        *_right(_amount(trace.tokens_in[span] + trace.tokens_out[span]), columns.tokens, "dim"),
        *_right(clock(trace.seconds(span, look.now)) if _took(trace, span) else "", columns.seconds, "dim"),
        *_fall(bar(segments_of(trace, span, look.now), look.axis, columns.fall - 1), columns.fall),
    )


def attempt_row(look: Look, span: int, number: int, width: int) -> Row:
    """`number` counts from 0."""
    trace, columns = look.trace, layout(width)
    one = trace.tries[span][number]
    end = look.now if one.ended is None else one.ended
    indent = _indent(trace.depth(span) + 1, columns.name)
    glyph, role = _outcome(one, look.now)
    kept = one.decision == "keep"
    words = "" if one.ended is None or kept else one.outcome
    name: Row = (
        (indent + "  ", ""),
        (glyph, role),
        (f" attempt {number + 1}", "dim"),
        (f" {words}" if words else "", role),
        (f"  {one.reason}" if one.reason and not kept else "", "dim"),
    )
    return (
        *_fitted(name, columns.name),
        *_model_name(one.model, cloud=_away(trace, one.model), width=columns.model),
        *_right("", columns.tried, "dim"),
        *_right("", columns.tokens, "dim"),
        *_right(clock(trace.worked(one.started, end)), columns.seconds, "dim"),
        *_fall(bar([segment_of(one, look.now)], look.axis, columns.fall - 1), columns.fall),
    )


def run_row(look: Look, status: str, width: int) -> Row:
    """The row of the run as a whole: there are its outputs."""
    state, columns = look.trace.state, layout(width)
    glyph, role = RUN_GLYPHS.get(status, GLYPHS[STOPPED])
    what = state.error.message if status in ("failed", "rejected") and state.error is not None else ""
    name: Row = (
        (" ", ""),
        (glyph, role),
        (" the whole run", "head"),
        ("  outputs" if status == "done" else "", "dim"),
        (f"  {what}" if what else "", "dim"),
    )
    tokens = _amount(state.prompt_tokens + state.completion_tokens)
    took = clock(look.trace.summary.worked(look.now))
    return (
        *_fitted(name, columns.name),
        *_model_name("", cloud=False, width=columns.model),
        *_right("", columns.tried, "dim"),
        *_right(tokens, columns.tokens, "dim"),
        *_right(took, columns.seconds, "dim"),
        *_right("", columns.fall, "dim"),
    )


def clock(seconds: float) -> str:
    """A duration in six columns: `0.04 s`, `12.3 s`, `3m05s`, `2h10m`, `3d04h`."""
    if seconds < 0.95:
        return f"{max(0.0, seconds):.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 100 * 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


# -- the name and what stands behind it


def _name(look: Look, span: int, width: int) -> Row:
    trace, rows = look.trace, look.rows
    mark = ("▾" if rows.opens(span) else "▸") if rows.can_open(span) else " "
    glyph, role = TAKEN if span in trace.taken else GLYPHS[trace.status[span]]
    if trace.queued(span):
        glyph, role = QUEUED
    elif trace.status[span] == RUNNING:
        glyph = FRAMES[int(look.now * 10) % len(FRAMES)]
    name_role: Role = {FAILED: "bad", SKIPPED: "dim", CAUGHT: "warn"}.get(trace.status[span], "")  # type: ignore[assignment]
    note = trace.notes.get(span, "")
    caught = trace.status[span] == CAUGHT
    return (
        (_indent(trace.depth(span), width) + mark, "dim"),
        (glyph, role),
        (f" {trace.name(span)}", name_role),
        *_items(trace, span),
        ("  caught:" if caught else " " if note else "", "warn" if caught else "dim"),
        (f" {note}" if note else "", "dim"),
    )


def _items(trace: Trace, span: int) -> Row:
    """Of a fan-out how many there are, how many ended while it runs, how many failed, were caught, or wait for their model."""
    items = trace.items.get(span)
    if items is None:
        return ()
    failed, caught = trace.counted(span, FAILED), trace.counted(span, CAUGHT)
    ended = trace.counted(span, DONE, CACHED, SKIPPED, FAILED, CAUGHT)
    ended_of = (
        f" {ended:,}/{items:,}" if trace.live(span) or trace.status[span] == STOPPED else f" ×{items:,}"
    )
    return (
        (ended_of, "dim"),
        (f" {GLYPHS[FAILED][0]}{failed:,}" if failed else "", "bad"),
        (f" {GLYPHS[CAUGHT][0]}{caught:,}" if caught else "", "warn"),
        (f" {QUEUED[0]}{waiting:,}" if (waiting := trace.waiting(span)) else "", "dim"),
    )


def _indent(depth: int, width: int) -> str:
    """Deep trees and narrow panes: the indent may never push the name out."""
    return " " * min(depth * INDENT, max(0, width - DEEPEST))


def mark_column(rows: TreeRows, span: int, width: int) -> int:
    """Where the sign stands that says whether a span is open."""
    return len(_indent(rows.trace.depth(span), layout(width).name))


def _fitted(row: Row, width: int) -> Row:
    """The row in exactly `width` columns, cut with a mark."""
    size = width_of(row)
    if size <= width:
        return (*row, (" " * (width - size), ""))
    fitted: list[Piece] = []
    left = width - 1
    for text, role in row:
        shown = clean(text)
        if cell_len(shown) > left:
            return (*fitted, (set_cell_size(shown, left) + MARK, role))
        fitted.append((shown, role))
        left -= cell_len(shown)
    return tuple(fitted)


# -- columns


def _model(trace: Trace, span: int, width: int) -> Row:
    return _model_name(trace.model(span), cloud=trace.is_cloud(span), width=width)


def _model_name(name: str, *, cloud: bool, width: int) -> Row:
    if not width:
        return ()
    shown = cut(f"{CLOUD} {clean(name)}" if cloud else clean(name), width - 1)
    return ((" " + shown + " " * (width - 1 - cell_len(shown)), "cloud" if cloud else "dim"),)


def _away(trace: Trace, model: str) -> bool:
    ready = trace.state.models.get(model)
    return ready is not None and not ready.local


def _right(text: str, width: int, role: Role) -> Row:
    return ((text.rjust(width), role),) if width else ()


def _fall(row: Row, width: int) -> Row:
    return ((" ", ""), *row) if width else ()


def _amount(tokens: int) -> str:
    """Tokens in five columns: `812`, `9,999`, `12.3k`, `123k`, `1.2M`."""
    if tokens < 10_000:
        return f"{tokens:,}" if tokens else ""
    if tokens < 100_000:
        return f"{tokens / 1000:.1f}k"
    return f"{tokens // 1000}k" if tokens < 1_000_000 else f"{tokens / 1e6:.1f}M"


def _took(trace: Trace, span: int) -> bool:
    return trace.status[span] not in (SKIPPED, CACHED)


def _outcome(one: Try, now: float) -> tuple[str, Role]:
    if one.ended is None:
        return FRAMES[int(now * 10) % len(FRAMES)], "run"
    if not one.decision:
        return GLYPHS[STOPPED]
    return GLYPHS[DONE] if one.decision == "keep" else GLYPHS[FAILED]
