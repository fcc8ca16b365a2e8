"""Every action with the keys it has now, by group; what is typed filters them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from orch_tui.listing import Listing, Rows
from orch_tui.settings import ACTIONS, bindings, keys_of, shown_key
from orch_tui.text import Row

if TYPE_CHECKING:
    from orch_tui.settings import Settings

WIDTH, HEIGHT = 72, 40
KEYS = 20
"""Columns of the keys."""


def help_rows(keys: Mapping[str, str], wanted: str = "") -> list[Row]:
    """Actions with every word of `wanted` in their words, group, keys or id, under the names of their groups.

    `keys` are the user's own.
    """
    words = wanted.split()
    groups: dict[str, list[Row]] = {}
    for name, action in ACTIONS.items():
        shown = "  ".join(shown_key(key) for key in keys_of(name, keys))
        if all(_fits(word, action.words, action.group, name) or word in shown.split() for word in words):
            row: Row = (
                (f"  {shown:<{KEYS}}", "key"),
                (f" {action.words:<32}", ""),
                (f" {name}", "dim"),
            )
            groups.setdefault(action.group, []).append(row)
    rows: list[Row] = []
    for group, actions in groups.items():
        rows += [*([()] if rows else []), ((group, "head"),), *actions]
    return rows or [((f"no action or key fits '{wanted}'", "dim"),)]


def _fits(word: str, *texts: str) -> bool:
    return any(word.lower() in text.lower() for text in texts)


class HelpScreen(ModalScreen[None]):
    """Typing filters, arrows and page keys scroll, esc closes. The last column is the id for the settings."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > Vertical { border: round $primary; background: $surface; padding: 0 1; }
    HelpScreen Input { border: none; height: 1; padding: 0; margin-bottom: 1; background: $surface; }
    HelpScreen Listing { background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("back"),
        Binding("down", "scroll_by(1)", show=False),
        Binding("up", "scroll_by(-1)", show=False),
        Binding("pagedown", "scroll_by(10)", show=False),
        Binding("pageup", "scroll_by(-10)", show=False),
        Binding("enter", "back", show=False),
    ]

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._keys = settings.keys

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Input(placeholder="type to filter: keys, words", id="filter")
            yield Listing(Rows(help_rows(self._keys)), cursor_shown=False)

    def on_mount(self) -> None:
        self.query_one(Vertical).border_title = "Keys"
        self.query_one(Vertical).border_subtitle = "esc closes"
        self.query_one(Listing).can_focus = False
        self.query_one(Input).focus()

    def on_resize(self, event: events.Resize) -> None:
        box = self.query_one(Vertical)
        box.styles.width = min(WIDTH, event.size.width)
        box.styles.height = min(HEIGHT, event.size.height)

    def on_input_changed(self, message: Input.Changed) -> None:
        self.query_one(Listing).set_source(Rows(help_rows(self._keys, message.value)))

    def action_scroll_by(self, rows: int) -> None:
        self.query_one(Listing).scroll_relative(y=rows, animate=False)

    def action_back(self) -> None:
        self.dismiss(None)
