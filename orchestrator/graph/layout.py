"""Places boxes in layers, top to bottom, and arrows between them. The same for characters and for pixels.

Layers by longest path, order by barycentres, positions by neighbours, one bundle of arrows per box and gap:
the usual steps of a layered drawing (Sugiyama, Tagawa, Toda 1981).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from orchestrator.graph.picture import Box, Picture

SWEEPS = 6


@dataclass(frozen=True, slots=True)
class Measures:
    """Sizes of one medium. `text` gives (width, height) of a box without an inside; `head` those of a group's
    title. `gap` lies between boxes of a layer, `track` is the height of one horizontal run of arrows, `stub`
    what an arrow has above and below its runs, `pad` the margin (x, y) inside a group, `thread` the width left for
    an arrow that passes a layer. Widths are odd, so that a box has a middle."""

    text: Callable[[Box], tuple[int, int]]
    head: Callable[[Box], tuple[int, int]]
    gap: int
    track: int
    stub: int
    pad: tuple[int, int]
    thread: int


@dataclass(slots=True, eq=False)
class Place:
    """Where a box stands; a thread (an arrow passing this layer) has no box. `x` is the left edge."""

    box: Box | None
    layer: int
    width: int
    height: int
    x: int = 0
    y: int = 0
    inside: Layout | None = None

    @property
    def middle(self) -> int:
        return self.x + self.width // 2


@dataclass(slots=True, eq=False)
class Run:
    """The arrows that leave one place towards the next layer: down, along one track, down to each target."""

    source: Place
    targets: list[Place]
    dotted: bool
    y: int = 0
    track: int = 0

    @property
    def span(self) -> tuple[int, int]:
        xs = [self.source.middle, *(t.middle for t in self.targets)]
        return min(xs), max(xs)


@dataclass(slots=True)
class Layout:
    """Everything placed, relative to the top left corner; `width` and `height` enclose it."""

    places: list[Place] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    width: int = 0
    height: int = 0


def lay_out(picture: Picture, measures: Measures) -> Layout:
    """Place the boxes of a picture, groups recursively."""
    layers, links = _layers(picture, measures)
    _order(layers, links)
    _across(layers, links, measures.gap)
    return _down(layers, links, measures)


# ------------------------------------------------------------------------------------------------- layers

Link = tuple[Place, Place, bool]


def _layers(picture: Picture, measures: Measures) -> tuple[list[list[Place]], list[Link]]:
    depth = [0] * len(picture.boxes)
    for arrow in sorted(picture.arrows, key=lambda a: a.target):
        depth[arrow.target] = max(depth[arrow.target], depth[arrow.source] + 1)
    places = [_place(box, level, measures) for box, level in zip(picture.boxes, depth, strict=True)]
    layers: list[list[Place]] = [[] for _ in range(max(depth, default=-1) + 1)]
    for place in places:
        layers[place.layer].append(place)
    links: list[Link] = []
    threads: dict[tuple[int, int], Place] = {}
    for arrow in picture.arrows:
        here = places[arrow.source]
        for level in range(depth[arrow.source] + 1, depth[arrow.target]):
            # arrows of one source share their threads: one line that forks as late as possible
            thread = threads.get((arrow.source, level))
            if thread is None:
                thread = threads[arrow.source, level] = Place(None, level, measures.thread, 0)
                layers[level].append(thread)
                links.append((here, thread, arrow.order_only))
            here = thread
        links.append((here, places[arrow.target], arrow.order_only))
    return layers, links


def _place(box: Box, level: int, measures: Measures) -> Place:
    if box.inside is None:
        width, height = measures.text(box)
        return Place(box, level, width, height)
    inside = lay_out(box.inside, measures)
    head_width, head_height = measures.head(box)
    width = max(head_width, inside.width + 2 * measures.pad[0])
    place = Place(box, level, width + (width + 1) % 2, inside.height + head_height + measures.pad[1])
    spare = (place.width - inside.width) // 2
    for inner in inside.places:
        inner.x += spare
        inner.y += head_height
    for run in inside.runs:
        run.y += head_height
    place.inside = inside
    return place


def _order(layers: list[list[Place]], links: Sequence[Link]) -> None:
    """Fewer crossings: every layer sorted by the mean position of its neighbours, up and down in turns."""
    above, below = _neighbours(links)
    for sweep in range(SWEEPS):
        rank = {id(place): n for layer in layers for n, place in enumerate(layer)}
        near = above if sweep % 2 == 0 else below
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            keys = {id(p): _mean((rank[id(q)] for q in near[id(p)]), rank[id(p)]) for p in layer}
            layer.sort(key=lambda p: keys[id(p)])
            rank.update({id(place): n for n, place in enumerate(layer)})


def _neighbours(links: Sequence[Link]) -> tuple[dict[int, list[Place]], dict[int, list[Place]]]:
    above: dict[int, list[Place]] = defaultdict(list)
    below: dict[int, list[Place]] = defaultdict(list)
    for source, target, _ in links:
        below[id(source)].append(target)
        above[id(target)].append(source)
    return above, below


def _mean(values: Iterable[int], otherwise: float) -> float:
    found = list(values)
    return sum(found) / len(found) if found else otherwise


# ---------------------------------------------------------------------------------------------- positions


def _across(layers: list[list[Place]], links: Sequence[Link], gap: int) -> None:
    above, below = _neighbours(links)
    for layer in layers:
        _spread(layer, [0.0] * len(layer), gap)
    for sweep in range(SWEEPS):
        near = above if sweep % 2 == 0 else below
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wishes = [_mean((q.middle for q in near[id(p)]), p.middle) for p in layer]
            _spread(layer, wishes, gap)
    left = min((p.x for layer in layers for p in layer), default=0)
    for layer in layers:
        for place in layer:
            place.x -= left


def _spread(layer: list[Place], wishes: Sequence[float], gap: int) -> None:
    """Every place as near as possible to the middle it wishes for, in order, `gap` apart."""
    edge: float | None = None
    for place, wish in zip(layer, wishes, strict=True):
        place.x = round(wish) - place.width // 2
        if edge is not None:
            place.x = max(place.x, round(edge))
        edge = place.x + place.width + gap
    drift = round(sum(p.middle - w for p, w in zip(layer, wishes, strict=True)) / max(1, len(layer)))
    for place in layer:
        place.x -= drift


def _down(layers: list[list[Place]], links: Sequence[Link], measures: Measures) -> Layout:
    layout = Layout()
    y = 0
    for layer in layers:
        height = max((p.height for p in layer), default=0)
        for place in layer:
            place.y = y
            if place.box is None:
                place.height = height
            layout.places.append(place)
        y += height
        runs = _runs(layer, links)
        if runs:
            tracks = _tracks(runs)
            for run in runs:
                run.y = y + measures.stub + run.track * measures.track
            y += 2 * measures.stub + tracks * measures.track
            layout.runs += runs
    layout.width = max((p.x + p.width for p in layout.places), default=0)
    layout.height = y
    return layout


def _runs(layer: list[Place], links: Sequence[Link]) -> list[Run]:
    found: dict[tuple[int, bool], Run] = {}
    here = {id(place) for place in layer}
    for source, target, dotted in links:
        if id(source) in here:
            run = found.setdefault((id(source), dotted), Run(source, [], dotted))
            run.targets.append(target)
    return list(found.values())


def _tracks(runs: list[Run]) -> int:
    """Give every bundle a track so that none lie on each other; returns how many tracks there are.

    A bundle that starts above another's target must turn away before that one comes down there.
    """
    waiting = sorted((run for run in runs if run.span[0] != run.span[1]), key=lambda run: run.span)
    count = 0
    while waiting:
        free = [run for run in waiting if not _above_another(run, waiting)] or waiting[:1]
        level: list[Run] = []
        for run in free:
            if all(_apart(run, other) or _meet(run, other) for other in level):
                run.track = count
                level.append(run)
        waiting = [run for run in waiting if run not in level]
        count += 1
    return count


def _apart(run: Run, other: Run) -> bool:
    return run.span[0] > other.span[1] or run.span[1] < other.span[0]


def _meet(run: Run, other: Run) -> bool:
    """Bundles that end at the same places may become one line on the way."""
    return run.targets == other.targets and run.dotted == other.dotted


def _above_another(run: Run, waiting: Sequence[Run]) -> bool:
    """Whether one of its targets lies under the start of a bundle that has not turned away yet."""
    ends = {t.middle for t in run.targets}
    return any(other is not run and other.source.middle in ends for other in waiting)
