"""A line to type a filter into, at the foot of a listing. What is typed is only text: shown safely, never read as markup.

A listing with its find bar stand in a `Vertical`, the bar below. Knows nothing of what is filtered.
"""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from orch_tui.settings import bindings
from orch_tui.text import clean


class _Words(Input):
    """Controls that are pasted become the signs that stand for them."""

    def validate_value(self, value: str) -> str:
        return clean(value)


class FindBar(Horizontal):
    """Hidden until `open`. Posts `Changed` with every letter, `Done` on enter, `Cancelled` when it is taken back."""

    DEFAULT_CSS = """
    FindBar { height: 1; width: 1fr; background: $panel; display: none; }
    FindBar.-open { display: block; }
    FindBar > .sign { width: 2; color: $text-muted; }
    FindBar > Input { width: 1fr; background: $panel; }
    FindBar > .found { width: auto; color: $text-muted; padding: 0 1; }
    """
    BINDINGS = bindings("back")

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

    def compose(self) -> ComposeResult:
        yield Static("/ ", classes="sign", markup=False)
        yield _Words(compact=True, select_on_focus=False)
        yield Static("", classes="found", markup=False)

    @property
    def text(self) -> str:
        return self.query_one(Input).value

    @property
    def is_open(self) -> bool:
        return self.has_class("-open")

    @property
    def typing(self) -> bool:
        return self.query_one(Input).has_focus

    def open(self) -> None:
        """Show it and type into it; what was typed before is still there."""
        self.add_class("-open")
        words = self.query_one(Input)
        words.can_focus = True
        words.focus()

    def cancel(self) -> None:
        """Forget what was typed and hide."""
        self.remove_class("-open")
        self._leave()
        with self.prevent(Input.Changed):
            self.query_one(Input).value = ""
        self.say("")
        self.post_message(self.Cancelled(self, ""))

    def say(self, words: str) -> None:
        """What stands at the right end: how much was found."""
        self.query_one(".found", Static).update(Content(clean(words)))

    def action_back(self) -> None:
        self.cancel()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(self, event.value))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self._leave()
            self.post_message(self.Done(self, event.value))
        else:
            self.cancel()

    def on_click(self) -> None:
        self.open()

    def _leave(self) -> None:
        """Going from pane to pane does not stop at a filter that is only shown."""
        self.query_one(Input).can_focus = False
