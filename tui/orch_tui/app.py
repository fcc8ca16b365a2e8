"""The application: opens on the list of runs or on one of them, knows themes and keys. It reads and never executes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import BindingType

from orch_tui.settings import bindings

if TYPE_CHECKING:
    from orch_tui.ports import World


class Screens(App[None]):
    """`run` is attached to at once when it is given; `back` from it leads to the list of runs."""

    TITLE = "orch"
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("quit", shown=("quit",))]

    def __init__(self, world: World, run: str | None = None) -> None:
        super().__init__()
        self.world = world
        self._run_id = run

    def on_mount(self) -> None:
        from orch_tui.runs import RunsScreen

        if self.world.settings.theme:
            self.theme = self.world.settings.theme
        if self.world.settings.keys:
            self.set_keymap(dict(self.world.settings.keys))
        self.push_screen(RunsScreen(self.world))
        if self._run_id is not None:
            from orch_tui.run_screen import RunScreen

            self.push_screen(RunScreen(self.world, self._run_id))


def run_screen(world: World, run: str | None = None) -> int:
    """Show the list of runs, or one run, until the person leaves. Returns the exit code of the application."""
    app = Screens(world, run)
    app.run(mouse=world.settings.mouse)
    return app.return_code or 0
