"""Which spans of a trace are rows on the screen: folding, failed branches open and good ones folded, a filter.

A row is `(span, attempt)`; attempt NOWHERE is the span itself. Adding a span or folding costs the depth of the tree,
not its size: a wide fan-out keeps sums over blocks of its children. Draws nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from orch_tui.naming import SIGNS, readable
from orch_tui.trace import CACHED, DONE, FAILED, NOWHERE, SKIPPED, Trace

Place: TypeAlias = tuple[int, int]
BLOCK = 256


class TreeRows:
    """The rows of a trace. Tell it of every span that `Trace.take` returned with `touch`."""

    def __init__(self, trace: Trace, *, root: bool = False) -> None:
        """`root`: the run as a whole is the first row, as the span NOWHERE, unless a filter is set."""
        self.trace = trace
        self._rooted = root
        self.folded: dict[int, bool] = {}
        """What the person folded (True) or unfolded (False); everything else goes by its status."""
        self.changes = 0
        """Grows whenever another thing may stand in a row."""
        self.following = True
        """Whether the cursor goes with what runs: the tree's own to say, here for whoever tells of it."""
        self._unfolded: set[int] = set()
        """What is open now."""
        self._shown = array("i")
        """Rows a span takes with everything visible inside, if it is visible itself."""
        self._sums: dict[int, list[int]] = {}
        """Of open parents: rows per block of children."""
        self._filter: _Filtered | None = None
        self._held: frozenset[int] = frozenset()
        """What stays open because somebody looks at something inside it."""
        self._top = 0
        for span in range(len(trace)):
            self.touch(span)

    def __len__(self) -> int:
        return len(self._filter.spans) if self._filter else self._top + self._root

    @property
    def _root(self) -> int:
        """How many rows the run as a whole takes."""
        return int(self._rooted and self.trace.state.events > 0)

    def at(self, row: int) -> Place:
        """What stands in a row. Raises IndexError outside."""
        if not 0 <= row < len(self):
            raise IndexError(row)
        if self._filter:
            return self._filter.spans[row], NOWHERE
        row -= self._root
        if row < 0:
            return NOWHERE, NOWHERE
        parent = NOWHERE
        while True:
            span, row = self._child_at(parent, row)
            own = self._own(span)
            if row < own:
                return span, row - 1
            row -= own
            parent = span

    def window(self, row: int, count: int) -> list[Place]:
        """What stands in `count` rows from this one on, fewer at the end: cheaper than asking for each."""
        if row >= len(self):
            return []
        if self._filter:
            return [(span, NOWHERE) for span in self._filter.spans[row : row + count]]
        found = [self.at(row)]
        while len(found) < count and (place := self._after(*found[-1])) is not None:
            found.append(place)
        return found

    def row_of(self, span: int, attempt: int = NOWHERE) -> int:
        """The row of a span, or of the nearest parent that hides it."""
        if self._filter:
            return self._filter.row_of(span, self.trace)
        if span == NOWHERE:
            return 0
        line = list(self._line(span))
        row, parent = self._root, NOWHERE
        for one in line:
            row += self._before(parent, self.trace.place[one])
            if one == span or one not in self._unfolded:
                return row + (1 + attempt if one == span and one in self._unfolded else 0)
            row += self._own(one)
            parent = one
        return row

    def is_open(self, span: int) -> bool:
        return span in self._unfolded

    def can_open(self, span: int) -> bool:
        return span != NOWHERE and (self.trace.has_children(span) or len(self.trace.tries.get(span, ())) > 1)

    # -- changes

    def touch(self, span: int) -> None:
        """A span began, changed or ended."""
        while len(self._shown) <= span:  # a pass that came with its first step is told of by that one
            self._add(len(self._shown))
        self._settle(span)
        if not self.trace.live(span):
            self._settle_passes(span)
        above = self.trace.parent[span]
        while above != NOWHERE and self.trace.status[span] == FAILED and above not in self._unfolded:
            if above in self.folded:
                break
            self._turn(above, opened=True)
            above = self.trace.parent[above]

    def fold(self, span: int, *, folded: bool) -> None:
        """What the person wants; it stays so."""
        self.folded[span] = folded
        self._turn(span, opened=not folded)

    def fold_all(self) -> None:
        for span in sorted(self._unfolded, reverse=True):  # inner ones first: each then changes few sums
            self.fold(span, folded=True)

    def hold(self, span: int) -> None:
        """Somebody looks at this span: what it is inside of stays open when it ends. NOWHERE lets go."""
        self._held = frozenset(list(self._line(span))[:-1])

    def reveal(self, span: int) -> None:
        """Open everything the span is inside of."""
        for one in list(self._line(span))[:-1]:
            if one not in self._unfolded:
                self.fold(one, folded=False)

    def filter(self, words: str) -> None:
        """Show only spans with every word in their path, as written or as told, their status or model, and what they
        are inside of."""
        self.changes += 1
        self._filter = _Filtered(self.trace, words.lower().split()) if words.strip() else None

    @property
    def filtered(self) -> bool:
        return self._filter is not None

    def opens(self, span: int) -> bool:
        """Whether rows of what is inside the span follow its own: those that a filter leaves, while there is one."""
        return span in self._filter.parents if self._filter else span in self._unfolded

    @property
    def found(self) -> int:
        """How many spans fit the filter."""
        return len(self._filter.hits) if self._filter else 0

    def shows(self, span: int) -> bool:
        """Whether a filter leaves the span there, for itself or for what is inside it."""
        return self._filter is None or self._filter.has(span)

    def matches(self, row: int) -> bool:
        """Whether the row itself fits the filter, not only something inside it."""
        return self._filter is not None and self._filter.spans[row] in self._filter.hits

    # -- the arithmetic

    def _add(self, span: int) -> None:
        self._shown.append(1)
        parent = self.trace.parent[span]
        if parent == NOWHERE or parent in self._unfolded:
            self._grow(span, 1)
        if parent != NOWHERE:
            self._settle(parent)
            if self.trace.names[span][0] == "~":
                self._settle_passes(parent)

    def _settle_passes(self, span: int) -> None:
        """Passes of a loop end without a word of their own."""
        if not self.trace.has_children(span):
            return
        for child in self.trace.children(span):
            if self.trace.names[child][0] != "~":
                return
            if child < len(self._shown):
                self._settle(child)

    def _settle(self, span: int) -> None:
        """Open or close by what it is now; take new rows of attempts into account."""
        if span in self._held and span in self._unfolded and not self.trace.live(span):
            self.folded.setdefault(span, False)
        wanted = not self.folded[span] if span in self.folded else self._opens(span)
        if wanted != (span in self._unfolded):
            self._turn(span, opened=wanted)
        elif wanted:
            self._resize(span)

    def _opens(self, span: int) -> bool:
        if not self.can_open(span):
            return False
        status = self.trace.status[span]
        if status in (DONE, CACHED, SKIPPED):
            return any(self.trace.status[child] == FAILED for child in self._few(span))
        return True

    def _few(self, span: int) -> Sequence[int]:
        """The children, unless they are too many to look at each time: then those that are known to have failed."""
        children = self.trace.children(span)
        if len(children) <= BLOCK:
            return children
        return [child for child in self.trace.failed if self.trace.parent[child] == span]

    def _turn(self, span: int, *, opened: bool) -> None:
        if opened == (span in self._unfolded) or not self.can_open(span):
            return
        if opened:
            self._unfolded.add(span)
            self._sum_up(span)
        else:
            self._unfolded.discard(span)
            self._sums.pop(span, None)
        self._resize(span)

    def _resize(self, span: int) -> None:
        size = self._own(span) + sum(self._sums.get(span, ()))
        change = size - self._shown[span]
        if change:
            self._shown[span] = size
            parent = self.trace.parent[span]
            if parent == NOWHERE or parent in self._unfolded:
                self._grow(span, change)

    def _grow(self, span: int, change: int) -> None:
        """Rows were added at or beneath a span whose parent is open: tell everything above."""
        self.changes += 1
        while True:
            parent, block = self.trace.parent[span], self.trace.place[span] // BLOCK
            sums = self._sums.setdefault(parent, [])
            while len(sums) <= block:
                sums.append(0)
            sums[block] += change
            if parent == NOWHERE:
                self._top += change
                return
            self._shown[parent] += change
            span = parent
            above = self.trace.parent[span]
            if above != NOWHERE and above not in self._unfolded:
                return

    def _sum_up(self, span: int) -> None:
        children = self.trace.children(span)
        known = [child for child in children if child < len(self._shown)]
        sums = [0] * ((len(children) + BLOCK - 1) // BLOCK)
        for child in known:
            sums[self.trace.place[child] // BLOCK] += self._shown[child]
        self._sums[span] = sums

    def _own(self, span: int) -> int:
        """Its own row, and one per attempt when it is open and needed several."""
        tries = len(self.trace.tries.get(span, ()))
        return 1 + tries if tries > 1 and span in self._unfolded else 1

    def _child_at(self, parent: int, row: int) -> tuple[int, int]:
        """The child of an open parent in whose rows this one lies, and the row within them."""
        sums, block = self._sums[parent], 0
        while row >= sums[block]:
            row -= sums[block]
            block += 1
        for child in self.trace.children(parent)[block * BLOCK : (block + 1) * BLOCK]:
            if row < self._shown[child]:
                return child, row
            row -= self._shown[child]
        raise AssertionError("the sums of the rows are wrong")

    def _after(self, span: int, attempt: int) -> Place | None:
        """What stands in the next row; nothing filtered."""
        if span == NOWHERE:
            first = self._known_child(NOWHERE, 0)
            return (first, NOWHERE) if first != NOWHERE else None
        if span in self._unfolded:
            if attempt + 1 < self._own(span) - 1:
                return span, attempt + 1
            if (child := self._known_child(span, 0)) != NOWHERE:
                return child, NOWHERE
        while span != NOWHERE:
            parent = self.trace.parent[span]
            if (sibling := self._known_child(parent, self.trace.place[span] + 1)) != NOWHERE:
                return sibling, NOWHERE
            span = parent
        return None

    def _known_child(self, parent: int, place: int) -> int:
        """The child at this place, NOWHERE when there is none that was told of."""
        children = self.trace.children(parent)
        if place < len(children) and children[place] < len(self._shown):
            return children[place]
        return NOWHERE

    def _before(self, parent: int, place: int) -> int:
        """Rows of the children before this place."""
        block = place // BLOCK
        children = self.trace.children(parent)[block * BLOCK : place]
        return sum(self._sums[parent][:block]) + sum(self._shown[child] for child in children)

    def _line(self, span: int) -> Iterator[int]:
        """From the step of the file down to the span."""
        above: list[int] = []
        while span != NOWHERE:
            above.append(span)
            span = self.trace.parent[span]
        return reversed(above)


class _Filtered:
    """The spans that fit, with what they are inside of, in the order of the tree. Made again when there are more."""

    def __init__(self, trace: Trace, words: list[str]) -> None:
        self.hits: set[int] = set()
        self.spans = array("i")
        paths: list[str] = []
        for span in range(len(trace)):  # a parent has always the smaller number, or its path is made here
            parent = trace.parent[span]
            above = "" if parent == NOWHERE else paths[parent] if parent < span else trace.path(parent)
            paths.append(above + trace.names[span])
            told = readable(paths[span]) if any(sign in paths[span] for sign in SIGNS) else ""
            text = f"{paths[span]} {told} {trace.status_of(span)} {trace.model(span)}".lower()
            if all(word in text for word in words):
                self.hits.add(span)
        kept = set(self.hits)
        for span in self.hits:
            while (span := trace.parent[span]) != NOWHERE and span not in kept:
                kept.add(span)
        self.parents = {trace.parent[span] for span in kept}
        self._collect(trace, NOWHERE, kept)
        self._rows = {span: row for row, span in enumerate(self.spans)}

    def has(self, span: int) -> bool:
        return span in self._rows

    def row_of(self, span: int, trace: Trace) -> int:
        while span != NOWHERE and span not in self._rows:
            span = trace.parent[span]
        return self._rows.get(span, 0)

    def _collect(self, trace: Trace, parent: int, kept: set[int]) -> None:
        stack = [iter(trace.children(parent))]
        while stack:
            span = next(stack[-1], None)
            if span is None:
                stack.pop()
            elif span in kept:
                self.spans.append(span)
                stack.append(iter(trace.children(span)))
