"""The lines above the detail of a span: its tabs, what it is, what it took."""

from __future__ import annotations

from rich.cells import cell_len
from textual import events
from textual.message import Message

from orch_tui.naming import readable
from orch_tui.pane import Lines
from orch_tui.span_row import CLOUD, GLYPHS, QUEUED, RUN_GLYPHS, TAKEN
from orch_tui.text import Piece, Row, clean, cut, cut_left, width_of
from orch_tui.trace import NOWHERE, STOPPED, Trace
from orchestrator.report import words

NAMES = ("Output", "Prompt", "Attempts", "Why", "Raw")
SOURCES = "Sources"
"""The last tab, named only where something was looked up, or it is chosen."""


class TabLine(Lines):
    """The names of the tabs with their keys; the chosen one stands in brackets. A click chooses."""

    class Chosen(Message):
        def __init__(self, tab: int) -> None:
            super().__init__()
            self.tab = tab

    def __init__(self) -> None:
        super().__init__(tab_row(0, 80))
        self.tab = 0
        self.looked_up = False
        """Whether there are sources."""

    @property
    def count(self) -> int:
        """How many tabs have something to show."""
        return len(NAMES) + self.looked_up

    def choose(self, tab: int, *, looked_up: bool | None = None) -> None:
        self.tab = tab
        self.looked_up = self.looked_up if looked_up is None else looked_up
        self.show(tab_row(tab, self.size.width, looked_up=self.looked_up))

    def on_resize(self) -> None:
        self.choose(self.tab)

    def on_click(self, event: events.Click) -> None:
        tab = tab_at(self.rows[0], event.x)
        if tab is not None:
            self.post_message(self.Chosen(tab))


def tab_row(chosen: int, width: int, *, looked_up: bool = False) -> Row:
    """One piece per tab; where there is no room for all names, only the chosen one has its name."""
    names = (*NAMES, SOURCES) if looked_up or chosen == len(NAMES) else NAMES
    pieces = _tab_pieces(chosen, names)
    if width_of(pieces) <= width:
        return pieces
    return _tab_pieces(chosen, [name if number == chosen else "" for number, name in enumerate(names)])


def _tab_pieces(chosen: int, names: tuple[str, ...] | list[str]) -> Row:
    pieces: list[Piece] = []
    for number, name in enumerate(names):
        words_of = f"{number + 1} {name}".strip()
        pieces.append((f"[{words_of}]", "accent") if number == chosen else (f" {words_of} ", "dim"))
    return tuple(pieces)


def tab_at(row: Row, column: int) -> int | None:
    """The tab in this column."""
    end = 0
    for number, (text, _) in enumerate(row):
        end += cell_len(text)
        if column < end:
            return number
    return None


def headline(trace: Trace, span: int, attempt: int, now: float, width: int, speed: str) -> tuple[Row, Row]:
    """What the span is, and what it took so far. `speed` is how fast its model wrote, in words, where it is known."""
    queued = trace.queued(span)
    taken = span in trace.taken
    glyph, role = QUEUED if queued else TAKEN if taken else GLYPHS[trace.status[span]]
    which = f" attempt {attempt + 1}" if attempt != NOWHERE else ""
    room = max(8, width - 2 - len(which))
    first: Row = ((f"{glyph} ", role), *_name(trace.path(span), room), (which, "dim"))
    rest: list[Piece] = [
        ("waits for its model" if queued else "taken over" if taken else trace.status_of(span), role)
    ]
    if model := trace.model(span):
        rest += _gap((model, ""))
        ready = trace.state.models.get(model)
        if ready is not None:
            rest.append((" this machine", "dim") if ready.local else (f" {CLOUD} cloud", "cloud"))
    seconds = trace.seconds(span, now)
    rest += _gap((words.seconds(seconds), ""))
    tokens_in, tokens_out = trace.tokens_in[span], trace.tokens_out[span]
    if tokens_in or tokens_out:
        rest += _gap((f"{words.number(tokens_in)} in, {words.number(tokens_out)} out", ""))
    if speed:
        rest += _gap((speed, ""))
    return first, tuple(rest)


def run_headline(trace: Trace, status: str, now: float, width: int) -> tuple[Row, Row]:
    """The run as a whole, and what it took so far."""
    glyph, role = RUN_GLYPHS.get(status, GLYPHS[STOPPED])
    first: Row = (
        (f"{glyph} ", role),
        (cut(clean(trace.state.workflow) or "the whole run", width - 2), "bold"),
    )
    rest: list[Piece] = [(status, role), *_gap((words.seconds(trace.summary.worked(now)), ""))]
    if trace.state.prompt_tokens or trace.state.completion_tokens:
        tokens_in, tokens_out = trace.state.prompt_tokens, trace.state.completion_tokens
        rest += _gap((f"{words.number(tokens_in)} in, {words.number(tokens_out)} out", ""))
    return first, tuple(rest)


def _name(path: str, room: int) -> Row:
    """In the words of the tree, with the path beside it where that is another and has room."""
    words_of = clean(readable(path))
    written = f"  {clean(path)}" if words_of != clean(path) else ""
    shown = written if cell_len(words_of) + cell_len(written) <= room else ""
    return ((cut_left(words_of, room), "bold"), (shown, "dim"))


def _gap(piece: Piece) -> list[Piece]:
    return [(" · ", "dim"), piece]
