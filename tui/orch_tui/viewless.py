"""What the keys of a run's views say where no run is open. Knows nothing of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from textual.screen import Screen

    from orch_tui.app import Screens

VIEWS = ("trace", "graph", "timeline", "logs")


class Viewless:
    """A screen without the views of a run; the table of actions gives these their keys everywhere."""

    def action_trace(self) -> None:
        self._open_first()

    def action_graph(self) -> None:
        self._open_first()

    def action_timeline(self) -> None:
        self._open_first()

    def action_logs(self) -> None:
        self._open_first()

    def _open_first(self) -> None:
        screen = cast("Screen[Any]", self)
        below = cast("Screens", screen.app).attached
        screen.notify("go back to the run first" if below else "open a run first", markup=False)
