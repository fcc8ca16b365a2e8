"""The application: opens on the list of runs or on one of them, knows themes and keys. It reads and never executes.

Every notification goes through `notify` here, which shows text as it is and never reads it as markup.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import ModalScreen
from textual.theme import BUILTIN_THEMES

from orch_tui.settings import ACTIONS, bindings, clashes, keys_of, why_not
from orch_tui.uncoloured import Uncoloured
from orchestrator.errors import OrchError, UsageError
from orchestrator.safe import safe

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.notifications import SeverityLevel
    from textual.screen import Screen

    from orch_tui.ports import World
    from orch_tui.replay_screen import Sight

DARK, LIGHT = "textual-dark", "textual-light"
LIGHT_COLORS = frozenset({"7", "9", "10", "11", "12", "13", "14", "15"})
"""What stands last in COLORFGBG on a light background."""
STOPS = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Screens(App[None]):
    """`run` is attached to at once when it is given, or played; `back` from it leads to the list of runs."""

    TITLE = "orch"
    ENABLE_COMMAND_PALETTE = (
        False  # Textual's own has a key that cannot be changed; ours is the action `palette`
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("quit", "help", "palette", "models", "approvals", "runs", shown=("help", "quit")),
        Binding("ctrl+c", "interrupt", "Leave", show=False, priority=True),
    ]

    def __init__(self, world: World, run: str | None = None, *, replay: bool = False) -> None:
        super().__init__()
        if self.no_color:
            self._filters = [Uncoloured()]
        self.world = world
        self.crash: Exception | None = None
        """The defect that closed the screen."""
        self.crashed_in: str | None = None
        """The run that was on the screen then."""
        self.replays: dict[str, Sight] = {}
        """Replays that were left before their end, by run."""
        self.resumed: dict[str, float] = {}
        """When the answer to its question made this screen go on with a run, by run, in monotonic seconds."""
        self.starting: set[asyncio.Future[str]] = set()
        """Runs that are being started; each gives the id."""
        self._run_id = run
        self._replay = replay
        self._begun_in_page = False

    def on_mount(self) -> None:
        from orch_tui.runs import RunsScreen

        self.theme = chosen_theme(self.world.settings.theme, os.environ)
        self._take_keys()
        self._leave_on_signals()
        self.run_worker(self._watch_store())
        self.push_screen(RunsScreen(self.world))
        if self._run_id is not None and self._replay:
            from orch_tui.replay_screen import open_replay

            open_replay(self, self.world, self._run_id)
        elif self._run_id is not None:
            from orch_tui.run_screen import RunScreen

            self.push_screen(RunScreen(self.world, self._run_id))

    def _take_keys(self) -> None:
        keys = self.world.settings.keys
        if keys:
            self.set_keymap(dict(keys))
        for key, one, other in clashes(keys):
            self.notify(f"the key '{key}' is given to '{one}' and to '{other}'", severity="warning")

    def _leave_on_signals(self) -> None:
        """A closed window and `kill` leave like `q` does, so that the terminal is as it was before."""
        if self.is_headless:
            return
        loop = asyncio.get_running_loop()
        for number in STOPS:
            loop.add_signal_handler(number, self.exit, None, 128 + number)
        if os.isatty(0):
            self.set_interval(1.0, self._leave_without_terminal)

    def _leave_without_terminal(self) -> None:
        """Who was detached from its window hears no signal when that closes, and would read its end for ever."""
        if not os.isatty(0):
            self.exit(None, 128 + signal.SIGHUP)

    async def _watch_store(self) -> None:
        """Say when the store's file is moved or deleted, and go to the runs of the one that takes its place."""
        from orch_tui.presence import AGAIN, LOOK, Presence

        presence = Presence(self.world.store)
        while presence.path is not None:
            await asyncio.sleep(LOOK)
            change = await asyncio.to_thread(presence.look)
            if change is not None and change.anew:
                self.replays.clear()
                self._back_to_runs()
            if change is not None:
                self.notify(change.text, severity="error", timeout=AGAIN * LOOK)

    def _back_to_runs(self) -> None:
        """Whatever lies above the list of runs is left, and a dialog without an answer."""
        from orch_tui.runs import RunsScreen

        while len(self.screen_stack) > 1 and not isinstance(self.screen, RunsScreen):
            if isinstance(self.screen, ModalScreen):
                self.screen.dismiss(None)
            else:
                self.pop_screen()

    # -- whether somebody looks

    def on_app_blur(self, event: events.AppBlur) -> None:
        """The driver of pages says at the start that nobody looks, often after the page said that somebody does."""
        if self.is_web and not self._begun_in_page:
            self._begun_in_page = True
            event.prevent_default()

    def watch_app_focus(self, looked_at: bool) -> None:
        """While nobody looked a screen may have opened with nothing focused, or what was focused may have been hidden:
        keys would be dead."""
        within = self.screen.focus_chain if looked_at else []
        if within and self.screen.focused not in within:
            self.screen.set_focus(within[0])

    # -- what is said

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,  # noqa: ARG002 - whoever asks for markup does not get it
    ) -> None:
        """Say something in a corner: controls in it are shown, and nothing in it is markup."""
        super().notify(safe(message), title=safe(title), severity=severity, timeout=timeout, markup=False)

    def copy_to_clipboard(self, text: str) -> None:
        """Through the terminal. Controls go as they are shown: what is pasted into a shell must not act there."""
        super().copy_to_clipboard(safe(text))

    # -- keys that work everywhere

    def action_interrupt(self) -> None:
        """Ctrl-C: what is selected is copied, else leave."""
        selected = self.screen.get_selected_text()
        if selected:
            self.copy_to_clipboard(selected)
            self.screen.clear_selection()
            self.notify(f"copied {len(selected):,} characters")
        else:
            self.exit()

    async def on_key(self, event: events.Key) -> None:
        """In a dialog no key of ours is bound, but leaving works from there too. Elsewhere no key of ours is mute."""
        if not isinstance(self.screen, ModalScreen):
            self._say_why_not(event.key)
        elif event.key in keys_of("quit", self._keymap):
            event.stop()
            await self.action_quit()

    def _say_why_not(self, key: str) -> None:
        """Of a key whose action is not valid now."""
        name = next((name for name in ACTIONS if key in keys_of(name, self._keymap)), "")
        if name and ACTIONS[name].group != "Move" and key not in self.screen.active_bindings:
            self.notify(f"{ACTIONS[name].words}: {why_not(name, self.screen)}")

    async def action_quit(self) -> None:
        """A run that is being started is waited for: nobody else would say its id."""
        if not self.starting:
            self.exit()
        else:
            self.notify("leaving as soon as the run has begun…")
            self.run_worker(self._leave_after(set(self.starting)), group="leave", exclusive=True)

    async def _leave_after(self, tasks: set[asyncio.Future[str]]) -> None:
        await asyncio.wait(tasks)
        begun = [task.result() for task in tasks if not task.cancelled() and task.exception() is None]
        said = "\n".join(f"run {run} has begun; see it with: orch tui {run}" for run in begun)
        self.exit(message=Text(safe(said)) if said else None)

    def action_mouse(self) -> None:
        """Give the mouse to the terminal, or take it back."""
        driver = self._driver
        if not isinstance(driver, LinuxDriver):
            self.notify("the mouse is not the screen's to give here", severity="warning")
        elif driver._mouse:
            driver._disable_mouse_support()
            driver._mouse = False
            self.notify("the mouse is the terminal's now: select text as ever")
        else:
            driver._mouse = True
            driver._enable_mouse_support()
            self.notify("the mouse moves the cursor and scrolls")

    def action_help(self) -> None:
        from orch_tui.help import HelpScreen

        self.push_screen(HelpScreen(self.world.settings))

    def action_palette(self) -> None:
        from orch_tui.palette import NARROWEST, Actions, Palette

        if self.size.width < NARROWEST:
            self.notify(f"the list of commands needs {NARROWEST} columns")
        else:
            self.push_screen(Palette([Actions], placeholder="What to do…"))

    def action_models(self) -> None:
        from orch_tui.models import ModelsScreen

        self._show(ModelsScreen, ModelsScreen(self.world))

    def action_approvals(self) -> None:
        from orch_tui.approvals import ApprovalsScreen

        self._show(ApprovalsScreen, ApprovalsScreen(self.world))

    def action_runs(self) -> None:
        """Back to the list of runs, whatever lies above it."""
        from orch_tui.runs import RunsScreen

        while len(self.screen_stack) > 1 and not isinstance(self.screen, RunsScreen):
            self.pop_screen()

    def _show(self, kind: type[Screen[None]], screen: Screen[None]) -> None:
        """Unless one of its kind is on top already."""
        if not isinstance(self.screen, kind):
            self.push_screen(screen)

    @property
    def attached(self) -> str | None:
        """The run on the screen, None in the list of runs."""
        from orch_tui.run_screen import RunScreen

        runs = [screen.shown.run for screen in self.screen_stack if isinstance(screen, RunScreen)]
        return runs[-1] if runs else None

    # -- defects

    def _handle_exception(self, error: Exception) -> None:
        """Leave; the traceback is for a file and not for the terminal, see `run_screen`."""
        if self.crash is None:
            self.crash, self.crashed_in = error, self.attached
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()

    def panic(self, *renderables: RenderableType) -> None:
        """What Textual's own threads say when they fail."""
        self._handle_exception(
            RuntimeError("the terminal could not be read: " + " ".join(map(str, renderables)))
        )


def chosen_theme(name: str, environment: Mapping[str, str]) -> str:
    """The theme of the settings, else the one that fits the terminal's background. Raises UsageError for a name that
    no theme has."""
    if name and name not in BUILTIN_THEMES:
        near = get_close_matches(name, BUILTIN_THEMES, 1, 0.6)
        hint = f"did you mean '{near[0]}'?" if near else f"themes: {', '.join(BUILTIN_THEMES)}"
        raise UsageError(f"there is no theme '{name}'", hint=hint)
    return name or (LIGHT if is_light(environment) else DARK)


def is_light(environment: Mapping[str, str]) -> bool:
    """Whether the terminal says that its background is light: `COLORFGBG` is `foreground;background`."""
    return environment.get("COLORFGBG", "").rpartition(";")[2] in LIGHT_COLORS


class ScreenCrashed(OrchError):
    """A defect in the screen. The runs are other processes and go on."""


def run_screen(world: World, run: str | None = None, *, replay: bool = False) -> int:
    """Show the list of runs, one run or its replay, until the person leaves. Returns the application's exit code.

    Raises UsageError for a theme that does not exist, ScreenCrashed after a defect; the terminal is as before then.
    """
    chosen_theme(world.settings.theme, os.environ)
    app = Screens(world, run, replay=replay)
    app.run(mouse=world.settings.mouse)
    if app.crash is not None:
        raise crashed(app.crash, app.crashed_in) from app.crash
    return app.return_code or 0


def crashed(error: Exception, run: str | None) -> ScreenCrashed:
    """The defect as a sentence; the traceback is in a file only this user can read."""
    import tempfile
    import traceback

    first = str(error).strip().partition("\n")[0]
    what = f"{type(error).__name__}: {first}" if first else type(error).__name__
    hint = f"open it again with `orch tui {shlex.quote(run)}`" if run else "open it again with `orch tui`"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="orch-tui-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write("".join(traceback.format_exception(error)))
        hint += f"; the details to report are in {file.name}"
    except OSError:
        hint += "; `orch --debug tui` shows the details"
    return ScreenCrashed(
        f"the screen stopped by a defect of its own ({safe(what)}); runs are not touched", hint=hint
    )
