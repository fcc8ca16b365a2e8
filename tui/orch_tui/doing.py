"""What a person does with a run on the screen: copy, open its file in an editor, save it, cancel it.

Each takes the screen to speak on. What goes wrong is a sentence there, never an exception.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from textual.app import SuspendNotSupported

from orchestrator.errors import OrchError

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen

    from orch_tui.app import Screens
    from orch_tui.copying import Copied
    from orch_tui.editor import Place
    from orch_tui.view import Followed

SOON = 0.4
"""Seconds after which a person wants to know what is being done."""

Result = TypeVar("Result")


def refuse(speaker: Screen[Any] | App[Any], error: OrchError) -> None:
    """Say what went wrong and what to do."""
    speaker.notify(f"{error.message}\n{error.hint}" if error.hint else error.message, severity="error")


async def with_patience(speaker: Screen[Any] | App[Any], work: Awaitable[Result], saying: str) -> Result:
    """Wait for what is done elsewhere, and say what that is when it takes long."""
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=SOON)
    if not done:
        speaker.notify(saying)
    return await task


def copy(screen: Screen[Any], copied: Copied) -> None:
    if copied.text:
        screen.app.copy_to_clipboard(copied.text)
    screen.notify(copied.sentence)


async def open_file(screen: Screen[Any], shown: Followed, path: str) -> None:
    """The workflow at the line of this step in the person's editor; the screen comes back afterwards."""
    from orch_tui.editor import place_of

    state = shown.trace.state
    try:
        place = await asyncio.to_thread(place_of, state.file, path, state.source)
        _edit(screen, place)
    except OrchError as error:
        refuse(screen, error)


def _edit(screen: Screen[Any], place: Place) -> None:
    from orch_tui.editor import command_of, edit, editor_of

    command = command_of(editor_of(os.environ, place), place)
    try:
        with screen.app.suspend():
            said = edit(command, place)
    except SuspendNotSupported:
        said = f"an editor needs a terminal of its own; the step is at {place}"
    if said:
        screen.notify(said, severity="error")
    if place.note:
        screen.notify(place.note, severity="warning")


def offer_to_save(screen: Screen[Any], shown: Followed) -> None:
    """Ask in which form, then write it beside where the screen was started."""
    from orch_tui.dialogs import Choose
    from orch_tui.saving import KINDS

    def save(chosen: int | None) -> None:
        if chosen is not None:  # first the dialog must be off the screen
            screen.call_after_refresh(lambda: screen.run_worker(_write(screen, shown, chosen), group="save"))

    details = "into the folder where this was started, under a name that does not exist yet"
    screen.app.push_screen(Choose("Save", KINDS, details), save)


async def _write(screen: Screen[Any], shown: Followed, chosen: int) -> None:
    from orch_tui import saving

    run, app = shown.run, cast("Screens", screen.app)
    stem, suffix = f"orch-{run}", (".svg", ".html", ".json")[chosen]
    try:
        if suffix == ".json":
            text = await asyncio.to_thread(saving.run_as_json, shown.world.store, run)
        else:
            title = f"orch: run {run}"
            await saving.without_toasts(app)
            text = (saving.screen_as_svg if suffix == ".svg" else saving.screen_as_html)(app, title)
        path = await asyncio.to_thread(saving.save, Path(), stem, suffix, text)
        screen.notify(f"saved as {path.absolute()}")
    except OrchError as error:
        refuse(screen, error)


def offer_to_cancel(screen: Screen[Any], shown: Followed) -> None:
    """Cancel a run that goes on or waits, when the person is sure."""
    from orch_tui.canceling import why_not
    from orch_tui.dialogs import Confirm

    status, run = shown.feed.status, shown.run
    if status not in ("running", "waiting"):
        screen.notify(why_not(status, run), severity="warning")
        return

    def cancel(sure: bool | None) -> None:
        if sure:
            screen.run_worker(_cancel(screen, shown), group="cancel")

    details = "What has finished is kept, and `orch resume` goes on from there."
    screen.app.push_screen(Confirm(f"Cancel run {run}?", details, yes="Cancel the run"), cancel)


async def _cancel(screen: Screen[Any], shown: Followed) -> None:
    from orch_tui.canceling import cancel

    try:
        screen.notify(await asyncio.to_thread(cancel, shown.world.store, shown.run, shown.world.user))
    except OrchError as error:
        refuse(screen, error)
