"""The last line: the keys that are valid now for the part with the focus. What does not fit is marked with `…`."""

from __future__ import annotations

from collections.abc import Mapping

from textual import events
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from orch_tui.settings import ACTIONS, shown_key
from orch_tui.text import MARK, Piece, Row, Styles, strip, width_of

LAST = ("help", "quit")
"""These stand at the end and give way last: who knows `?` finds the rest."""


def key_row(keys: list[tuple[str, str, str]], width: int) -> tuple[Row, list[tuple[int, str]]]:
    """Keys as (action, key, words) in one row, and where each begins. Those that do not fit give way to `…`."""
    first = [key for key in keys if key[0] not in LAST]
    last = [key for key in keys if key[0] in LAST]
    kept = list(first)
    while kept and _width([*kept, *last], cut=len(kept) < len(first)) > width:
        kept.pop()
    row: list[Piece] = []
    places: list[tuple[int, str]] = []
    for number, (_, key, words) in enumerate([*kept, *last]):
        if number == len(kept) < len(first):
            row.append((f" {MARK} ", "dim"))
        places.append((width_of(row), key))
        row += [(f" {shown_key(key)}", "key"), (f" {words} ", "dim")]
    return tuple(row), places


def _width(keys: list[tuple[str, str, str]], *, cut: bool) -> int:
    return sum(len(shown_key(key)) + len(words) + 3 for _, key, words in keys) + (3 if cut else 0)


class KeyBar(Widget):
    """Drawn from the active bindings that are meant to be shown; a click presses the key."""

    DEFAULT_CSS = "KeyBar { height: 1; width: 1fr; dock: bottom; background: $footer-background; }"
    ALLOW_SELECT = False

    def on_mount(self) -> None:
        self._keys: list[tuple[str, str, str]] = []
        self._places: list[tuple[int, str]] = []
        self._styles: Styles | None = None
        self.app.theme_changed_signal.subscribe(self, self._theme_changed)
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self._changed(self.screen)

    def on_unmount(self) -> None:
        self.screen.bindings_updated_signal.unsubscribe(self)
        self.app.theme_changed_signal.unsubscribe(self)  # it would hold the widget, and the run with it

    def _theme_changed(self, _theme: object) -> None:
        self._styles = None
        self.refresh()

    def _changed(self, screen: Screen[object]) -> None:
        """Each action once, with the first of its keys, in the order in which the parts give them."""
        idle: frozenset[str] = getattr(screen, "idle_keys", frozenset())
        found: dict[str, tuple[str, str, str]] = {}
        for key, (_, binding, enabled, _) in screen.active_bindings.items():
            if binding.show and enabled and binding.description and binding.action not in idle:
                found.setdefault(binding.action, (binding.id or "", key, binding.description))
        now: Mapping[str, str] = getattr(screen, "words_now", {})
        keys = [(name, key, now.get(name) or _short(name, words)) for name, key, words in found.values()]
        if keys != self._keys:
            self._keys = keys
            self.refresh()

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - there is one
        if self._styles is None:
            self._styles = Styles(self.app.theme_variables)
        row, self._places = key_row(self._keys, self.size.width)
        return strip(row, self.size.width, self._styles, self.rich_style)

    def on_click(self, event: events.Click) -> None:
        hit = [key for start, key in self._places if start <= event.x]
        if hit:
            self.app.simulate_key(hit[-1])


def _short(name: str, words: str) -> str:
    """The words of an action as they fit a footer."""
    return SHORT.get(name, words)


SHORT = {
    "graph": "Graph",
    "copy_command": "Copy command",
    "open_file": "Open YAML",
    "save": "Save",
    "quit": "Leave",
    "other_pane": "Side",
    "next_error": "Error",
    "sort": "Sort",
    "follow": "Follow",
    "cancel": "Cancel",
    "pause": "Pause",
    "step": "One event",
    "replay": "Replay",
    "again": "Run anew",
    "change": "Change",
    "restart": "Again",
}
assert SHORT.keys() <= ACTIONS.keys()
