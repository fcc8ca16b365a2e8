"""`orch tui`: opens the screen on the runs of this project, or on one of them; wires it to the world outside."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import complete
from orchestrator.cli.console import Console, is_terminal, the_console
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orch_tui.ports import World
    from orch_tui.settings import Settings
    from orchestrator.config import Config
    from orchestrator.store.store import Store

WEB_DRIVER = "textual.drivers.web_driver:WebDriver"
"""What the server of pages tells the processes that it starts."""


@click.command()
@click.argument("run", required=False, shell_complete=complete.runs)
@click.option("--replay", is_flag=True, help="Play what RUN did, at its own speed, faster, or step by step.")
@click.option("--theme", metavar="NAME", help="Colours, e.g. textual-dark, textual-light, nord, gruvbox.")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal, for selecting text.")
@click.option("--web", is_flag=True, help="Show it in a browser of this machine instead; prints the address.")
@click.option("--port", type=click.IntRange(1, 65535), help="With --web: its port. [default: a free one]")
def command(
    run: str | None, replay: bool, theme: str | None, no_mouse: bool, web: bool, port: int | None
) -> int:
    """Watch runs live: what runs, on which model, and why.

    Without RUN (an id, its beginning, or `last`) it lists the runs; `?` shows the keys. Leaving it with `q` harms no
    run: what runs goes on.

    \b
    Your own settings are in config.yaml (`orch doctor` says where):
      tui:
        theme: nord
        mouse: false
        keys: {quit: "Q,ctrl+q"}    other keys for an action, by its id
    """
    from orchestrator.cli.wiring import existing_store, the_store
    from orchestrator.config import Config

    console = the_console()
    if port is not None and not web:
        raise UsageError(
            "--port is the port of the page that --web serves", hint="orch tui --web --port PORT"
        )
    if replay and not run:
        raise UsageError(
            "--replay needs the run that is to be played", hint="orch tui RUN --replay; `last` is the newest"
        )
    if not web and (why := why_no_screen()):
        raise UsageError(why, hint=f"follow a run with: orch logs {run or 'RUN'} -f")
    config = Config.from_environment(os.environ, Path.cwd())
    settings = settings_for(config, theme=theme, mouse=False if no_mouse else None)
    store = existing_store() if run else the_store()
    store.keep_little()
    try:
        chosen = store.find(run) if run else None
        if replay and chosen is not None:
            refuse_live(store, chosen)
        if web:
            options = [*(["--theme", theme] if theme else []), *(["--no-mouse"] if no_mouse else [])]
            return serve(config, console, chosen, [*options, *(["--replay"] if replay else [])], port or 0)
        return show(config, store, settings, console, chosen, replay=replay)
    finally:
        store.close()


def refuse_live(store: Store, run: str) -> None:
    """Only a record that does not grow can be played. Raises UsageError for a run that is being executed."""
    if store.run(run).live:
        raise UsageError(
            f"run {run} is being executed and cannot be replayed yet", hint=f"watch it live: orch tui {run}"
        )


def why_no_screen() -> str:
    """Why this terminal cannot show a screen; empty when it can."""
    if in_a_page():
        return ""
    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        return "the screen needs a terminal, and this is a pipe or a file"
    if os.environ.get("TERM", "") in ("", "dumb"):
        return f"the screen needs a terminal that can place text, and TERM is '{os.environ.get('TERM', '')}'"
    return ""


def in_a_page() -> bool:
    """Whether a server of pages started this process: its pipes lead to a browser."""
    return os.environ.get("TEXTUAL_DRIVER") == WEB_DRIVER


def settings_for(config: Config, *, theme: str | None = None, mouse: bool | None = None) -> Settings:
    """The user's settings, with those of the command line over them. Raises SpecError, UsageError."""
    from orchestrator.cli.settings import read_settings

    settings = read_settings(config.settings)
    if theme is not None:
        settings = replace(settings, theme=theme)
    if settings.theme:
        _refuse_unknown(settings.theme)
    return settings if mouse is None else replace(settings, mouse=mouse)


def show(
    config: Config,
    store: Store,
    settings: Settings,
    console: Console,
    run: str | None,
    *,
    replay: bool = False,
) -> int:
    """Open the screen and return when the person leaves it."""
    from orch_tui.app import run_screen

    if not (console.color_out or in_a_page()):  # --no-color, in the one way that the screen knows
        os.environ["NO_COLOR"] = "1"
    return run_screen(the_world(config, store, settings), run, replay=replay)


def serve(config: Config, console: Console, run: str | None, options: list[str], port: int) -> int:
    """Serve the screen as a page until Ctrl-C; each page is `orch tui` with these options."""
    try:
        from orchestrator.cli import web
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the page needs the package {error.name}, which is not installed",
            hint="pip install 'orch[web]'",
        ) from error

    if is_terminal(sys.stdout) and not console.color_out:
        os.environ["NO_COLOR"] = "1"
    words = [sys.executable, "-P", "-m", "orchestrator", "tui", *options, *([run] if run else [])]

    def say(text: str) -> None:
        console.view(text)
        console.out.flush()

    return web.serve(words, f"orch {run or config.cwd.name}", port, say)


def the_world(config: Config, store: Store, settings: Settings) -> World:
    """What the screen needs of processes and of this machine."""
    from orch_tui.ports import World
    from orchestrator.cli.bigger import Bigger
    from orchestrator.cli.forking import Forking
    from orchestrator.cli.machine import machine
    from orchestrator.cli.starting import Starter
    from orchestrator.store.answers import login_name

    return World(
        store,
        Starter(store, config.cwd),
        lambda: machine(config, os.environ),
        settings,
        login_name(),
        bigger=Bigger(),
        forks=Forking(store, config),
    )


def _refuse_unknown(theme: str) -> None:
    from difflib import get_close_matches

    from textual.theme import BUILTIN_THEMES

    if theme not in BUILTIN_THEMES:
        near = get_close_matches(theme, BUILTIN_THEMES, 1, 0.6)
        names = ", ".join(BUILTIN_THEMES)
        raise UsageError(
            f"there is no theme '{theme}'", hint=f"did you mean '{near[0]}'?" if near else f"themes: {names}"
        )
