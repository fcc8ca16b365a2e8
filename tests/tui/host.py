"""An app around one view of a run, for tests: it feeds it as the screen of a run does, and keeps what it posts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

from orch_tui.feed import Feed
from orch_tui.graph import GraphView
from orch_tui.logs import LogsView
from orch_tui.timeline import TimelineView
from orch_tui.view import Followed
from orchestrator.store.store import Store
from tests.tui.recorded import world

AnyView = TypeVar("AnyView", GraphView, LogsView, TimelineView)


class Host(App[None], Generic[AnyView]):
    """Shows one view of one run."""

    def __init__(self, store: Store, run: str, make: Callable[[Followed], AnyView]) -> None:
        super().__init__()
        self.shown = Followed(world(store), Feed(store, run))
        self.view: AnyView = make(self.shown)
        self.posted: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.view

    def on_mount(self) -> None:
        self.shown.feed.start()
        self.set_interval(0.02, self.tick)
        self.view.focus()

    def tick(self) -> None:
        self.view.flush(self.shown.feed.take())

    def on_unmount(self) -> None:
        self.shown.feed.close()

    def on_graph_view_step_chosen(self, message: GraphView.StepChosen) -> None:
        self.posted.append(message)

    def on_timeline_view_span_chosen(self, message: TimelineView.SpanChosen) -> None:
        self.posted.append(message)

    def on_logs_view_span_chosen(self, message: LogsView.SpanChosen) -> None:
        self.posted.append(message)


async def until(pilot: Pilot[None], fact: Callable[[], bool]) -> None:
    """Wait until it is so; the bound is far beyond what any machine needs."""
    for _ in range(3000):
        if fact():
            return
        await pilot.pause(0.01)
    raise AssertionError(f"it never came to be:\n{screen(pilot.app)}")


def screen(app: App[None]) -> str:
    """What stands on the screen, as text."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


def shown(widget: Widget) -> str:
    """What a widget shows now, line by line."""
    return "\n".join(widget.render_line(y).text.rstrip() for y in range(widget.size.height))


def harmless(text: str) -> bool:
    """No control character reached it."""
    return all(char == "\n" or char.isprintable() for char in text)
