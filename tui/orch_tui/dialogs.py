"""Questions to the person in front of the screen: yes or no, one of several, one line of text.

What a question is about may come from anywhere: it is drawn as rows, never read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Input

from orch_tui.listing import Listing, Rows
from orch_tui.settings import bindings
from orch_tui.text import Role, Row, wrapped
from orchestrator.errors import OrchError
from orchestrator.safe import safe

WIDTH = 76
EDGES = 4
"""Columns that border and padding take."""

Answer = TypeVar("Answer")
Paragraph = tuple[str, Role]


def paragraphs(texts: Sequence[Paragraph], width: int) -> list[Row]:
    """Texts one below the other, wrapped; empty ones leave no line."""
    return [((line, role),) for text, role in texts if text for line in wrapped(text, width)]


def told(error: OrchError) -> str:
    """What went wrong and what to do, in one line."""
    return f"{error.message}: {error.hint}" if error.hint else error.message


class Dialog(ModalScreen[Answer]):
    """A box in the middle: a text that scrolls when it is long (tab leads to it), and below it what can be done."""

    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > Vertical { border: round $primary; background: $surface; padding: 0 1; }
    Dialog Listing { background: $surface; }
    Dialog #below { margin-top: 1; }
    Dialog Input { border: none; height: 1; padding: 0; margin-top: 1; }
    """
    BINDINGS = bindings("back")
    KEYS = ""
    """What its edge says of keys."""

    def __init__(self, texts: Sequence[Paragraph]) -> None:
        super().__init__()
        self._texts = texts

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Listing(Rows(), cursor_shown=False, id="text")
            yield self.below()

    def below(self) -> Listing | Input:
        """What stands below the text, with the id `below`; it has the focus. Here nothing can be done but to go back."""
        return Listing(Rows(), id="below")

    def on_mount(self) -> None:
        self._lay_out(self.app.size)  # before it is drawn for the first time
        self.query_one("#below").focus()

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out(event.size)

    def _lay_out(self, room: Size) -> None:
        """As wide as there is room, as high as the text, at most as high as the screen."""
        width = min(WIDTH, room.width)
        rows = paragraphs(self._texts, width - EDGES - 1)
        below = self._below_height(room.height)
        box, text = self.query_one(Vertical), self.query_one("#text", Listing)
        box.styles.width = width
        box.styles.height = min(len(rows) + below + 3, room.height)
        self.query_one("#below").styles.height = below
        text.can_focus = len(rows) + below + 3 > room.height
        box.border_subtitle = "tab: read on" if text.can_focus else self.KEYS
        text.set_source(Rows(rows))

    def _below_height(self, height: int) -> int:  # noqa: ARG002 - of the screen
        return 1


class Choose(Dialog[int | None]):
    """One of several, by its number, with enter, or none with escape. The first stands under the cursor."""

    KEYS = "enter chooses · esc closes"

    def __init__(self, title: str, options: Sequence[str], details: str = "") -> None:
        super().__init__([(title, "bold"), (details, "")])
        self._options = options

    def below(self) -> Listing:
        numbers = [str(number) if number < 10 else " " for number in range(1, len(self._options) + 1)]
        return Listing(
            Rows([((f" {n} ", "key"), (text, "")) for n, text in zip(numbers, self._options, strict=True)]),
            id="below",
        )

    def _below_height(self, height: int) -> int:
        return max(1, min(len(self._options), height // 2))

    def on_listing_chosen(self, message: Listing.Chosen) -> None:
        if message.listing.id == "below":
            self.dismiss(message.index)

    def on_key(self, event: events.Key) -> None:
        if event.character and event.character in "123456789" and int(event.character) <= len(self._options):
            event.stop()
            self.dismiss(int(event.character) - 1)

    def action_back(self) -> None:
        self.dismiss(None)


class Confirm(Dialog[bool]):
    """Yes or no. Enter alone does nothing that cannot be undone: the cursor stands on no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", show=False),
        Binding("n", "back", show=False),
    ]

    def __init__(
        self, question: str, details: str = "", yes: str = "Delete", more: Sequence[Paragraph] = ()
    ) -> None:
        super().__init__([(question, "bold"), (details, ""), *more])
        self._yes = yes

    def below(self) -> Listing:
        return Listing(
            Rows([((" n ", "key"), ("No", "")), ((" y ", "key"), (self._yes, "warn"))]), id="below"
        )

    def _below_height(self, height: int) -> int:  # noqa: ARG002 - always two
        return 2

    def on_listing_chosen(self, message: Listing.Chosen) -> None:
        if message.listing.id == "below":
            self.dismiss(message.index == 1)

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_back(self) -> None:
        self.dismiss(False)


class Line(Dialog[str | None]):
    """One line of text; escape gives none."""

    KEYS = "enter takes it · esc closes"

    def __init__(self, title: str, value: str = "") -> None:
        super().__init__([(title, "bold")])
        self._value = value

    def below(self) -> Input:
        return Input(safe(self._value), id="below", select_on_focus=False)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        self.dismiss(message.value)

    def action_back(self) -> None:
        self.dismiss(None)
