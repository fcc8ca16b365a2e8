"""Draws what changed and nothing else: Textual asks every widget of the screen for all of its lines, and cuts each of them
at the edges of all others. Knows no widget of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from textual._compositor import Compositor, CompositorUpdate
from textual.geometry import Region

if TYPE_CHECKING:
    from rich.console import Console
    from textual.screen import Screen
    from textual.strip import Strip
    from textual.widget import Widget


class Piece(NamedTuple):
    """A part of a line of the screen, and where it begins."""

    x: int
    y: int
    strip: Strip


class PiecesUpdate(CompositorUpdate):
    """Parts of lines, as the terminal is told of them."""

    def __init__(self, pieces: list[Piece]) -> None:
        self.pieces = pieces

    def render_segments(self, console: Console) -> str:
        return "".join(f"\x1b[{y + 1};{x + 1}H{strip.render(console)}" for x, y, strip in self.pieces)


class Pieces(Compositor):
    """What is drawn when parts of the screen changed; all of it is drawn as ever."""

    def __init__(self) -> None:
        super().__init__()
        self._laid_out: object = None
        self._seen: dict[Region, list[tuple[Widget, Region]]] = {}
        """By regions that changed once: what one sees there. They are mostly the same ones again."""

    def render_partial_update(self) -> PiecesUpdate | None:  # type: ignore[override]
        changed, self._dirty_regions = self._dirty_regions, set()
        columns: dict[tuple[Widget, tuple[int, int]], list[Region]] = {}
        for widget, region in self._seen_in(changed):
            columns.setdefault((widget, region.column_span), []).append(region)
        pieces = [piece for (widget, _), regions in columns.items() for piece in self._drawn(widget, regions)]
        return PiecesUpdate(pieces) if pieces else None

    def _seen_in(self, changed: Iterable[Region]) -> Iterator[tuple[Widget, Region]]:
        visible, screen = self.visible_widgets, self.size.region
        if self._laid_out is not visible:
            self._laid_out = visible
            self._seen.clear()
        for region in changed:
            if region not in self._seen:
                fronts = [(widget, whole.intersection(clip)) for widget, (whole, clip) in visible.items()]
                self._seen[region] = list(seen_in(region.intersection(screen), fronts))
            yield from self._seen[region]

    def _drawn(self, widget: Widget, regions: list[Region]) -> Iterator[Piece]:
        """The lines of these regions, which have the same columns, made together."""
        around = Region.from_union(regions)
        rows = {y for region in regions for y in region.line_range}
        lines = widget.render_lines(around.translate(-self.visible_widgets[widget][0].offset))
        for y, line in zip(around.line_range, lines, strict=False):  # none when it is all covered
            if y in rows:
                yield Piece(around.x, y, line)


def draw_now(screen: Screen[None]) -> None:
    """What asked to be drawn is drawn: by way of the messages of each widget it takes several turns of the loop, and a
    timer. Whatever needs more than to be drawn is left to those."""
    app = screen.app
    if app.screen is not screen or app._batch_count or _needs_more(screen) or screen._repaint_required:
        return
    widgets = screen._compositor.visible_widgets
    dirty = {widget for widget in widgets if widget._repaint_required}
    if not dirty or any(map(_needs_more, widgets)):
        return
    for widget in dirty:
        widget._repaint_required = False
    screen._compositor.update_widgets(dirty)
    screen._compositor_refresh()


def _needs_more(widget: Widget) -> bool:
    return (
        widget._layout_required
        or widget._scroll_required
        or widget._refresh_styles_required
        or widget._recompose_required
    )


def seen_in(region: Region, fronts: Sequence[tuple[Widget, Region]]) -> Iterator[tuple[Widget, Region]]:
    """Which widget one sees where in this region; `fronts` are all of them from front to back, as far as they show."""
    for number, (widget, front) in enumerate(fronts):
        shown = front.intersection(region)
        if shown:
            yield widget, shown
            for rest in around(shown, region):
                yield from seen_in(rest, fronts[number + 1 :])
            return


def around(inner: Region, outer: Region) -> list[Region]:
    """What is left of a region without a part of it: above, below, and on both sides."""
    return [
        rest
        for rest in (
            Region.from_corners(outer.x, outer.y, outer.right, inner.y),
            Region.from_corners(outer.x, inner.bottom, outer.right, outer.bottom),
            Region.from_corners(outer.x, inner.y, inner.x, inner.bottom),
            Region.from_corners(inner.right, inner.y, outer.right, inner.bottom),
        )
        if rest
    ]
