"""A line to type a filter into, at the foot of a listing. What is typed is only text: shown safely, never read as markup.

A listing with its find bar stand in a `Vertical`, the bar below. Knows nothing of what is filtered.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from orch_tui.settings import bindings
from orch_tui.text import clean


def first(*found: BindingType) -> list[BindingType]:
    """Bindings that are obeyed before the next key is looked at: who types on gets every letter into the line."""
    return [replace(one, priority=True) if isinstance(one, Binding) else one for one in found]


class _Words(Input):
    """Controls that are pasted become the signs that stand for them."""

    def validate_value(self, value: str) -> str:
        return clean(value)


class FindBar(Horizontal):
    """Hidden until `open`. Posts `Changed` with every letter, `Done` on enter, `Cancelled` when it is taken back.

    After enter it stays in sight, and the focus is where it was before.
    """

    DEFAULT_CSS = """
    FindBar { height: 1; width: 1fr; background: $panel; display: none; }
    FindBar.-open { display: block; }
    FindBar > .sign { width: 2; color: $text-muted; }
    FindBar > Input { width: 1fr; background: $panel; }
    FindBar > .found { width: auto; color: $text-muted; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "done", show=False, priority=True),
        *first(*bindings("back")),
    ]

    class Changed(Message):
        def __init__(self, bar: FindBar, text: str) -> None:
            super().__init__()
            self.bar = bar
            self.text = text

        @property
        def control(self) -> FindBar:
            return self.bar

    class Done(Changed):
        """The person has typed enough: the filter stays."""

    class Cancelled(Changed):
        """No filter any more; `text` is empty."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self._before: Widget | None = None
        """What had the focus before."""
        self._found = Static("", classes="found", markup=False)

    def compose(self) -> ComposeResult:
        yield Static("/ ", classes="sign", markup=False)
        yield _Words(compact=True, select_on_focus=False)
        yield self._found

    @property
    def text(self) -> str:
        return self.query_one(Input).value

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    @property
    def typing(self) -> bool:
        return any(words.has_focus for words in self.query(Input))

    def open(self) -> None:
        """Show it and type into it; what was typed before is still there."""
        if not self.typing:
            self._before = self.screen.focused
        self.add_class("-open")
        words = self.query_one(Input)
        words.can_focus = True
        self.screen.set_focus(words)  # at once: `focus` would wait, and the next letter is here already

    def cancel(self) -> None:
        """Forget what was typed and hide."""
        self.remove_class("-open")
        self._leave()
        with self.prevent(Input.Changed):
            self.query_one(Input).value = ""
        self.say("")
        self.post_message(self.Cancelled(self, ""))

    def say(self, words: str) -> None:
        """What stands at the right end: how much was found. May be said before there is a screen to show it."""
        self._found.update(Content(clean(words)))

    def action_back(self) -> None:
        self.cancel()

    def action_done(self) -> None:
        """Keep what was typed, if anything was."""
        if not self.text.strip():
            self.cancel()
            return
        self._leave()
        self.post_message(self.Done(self, self.text))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(self, event.value))

    def on_click(self) -> None:
        self.open()

    def _leave(self) -> None:
        """The focus goes back; going from pane to pane does not stop at a filter that is only shown."""
        if self.typing:
            self.screen.set_focus(self._before)
        self.query_one(Input).can_focus = False
