"""Saves the screen as SVG or HTML and the run as JSON, under a name that does not exist yet. Blocks on the disk."""

from __future__ import annotations

import asyncio
import io
import json
import re
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from textual.widgets._toast import Toast

from orchestrator.errors import OrchError
from orchestrator.report.record import run_json
from orchestrator.safe import UNSAFE, safe
from orchestrator.state import RunState

if TYPE_CHECKING:
    from rich.console import Console
    from textual.app import App

    from orchestrator.store.store import Store

KINDS = ("SVG", "HTML", "JSON")
_FONTS = re.compile(r"@font-face\s*\{[^}]*\}\s*")


def save(folder: Path, stem: str, suffix: str, text: str) -> Path:
    """Write a new file beside those that are there. Raises OrchError when the folder does not take it."""
    stem = re.sub(r"[^\w.-]+", "_", stem).strip("._") or "run"
    for number in count(1):
        path = folder / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
        try:
            with path.open("x", encoding="utf-8", errors="backslashreplace") as file:
                return _fill(file, path, text)
        except FileExistsError:
            continue
        except OSError as error:
            raise _refused(path, error) from error
    raise AssertionError("count() does not end")


def _fill(file: io.TextIOWrapper, path: Path, text: str) -> Path:
    try:
        file.write(text)
        file.flush()
    except OSError:
        path.unlink(missing_ok=True)  # half a file would look like a whole one
        raise
    return path


def _refused(path: Path, error: OSError) -> OrchError:
    return OrchError(
        f"{path} cannot be written: {error.strerror}",
        hint="start `orch tui` in a folder that can be written and has room",
    )


def run_as_json(store: Store, run: str) -> str:
    """What `orch show RUN --json` prints. Reads the whole record."""
    row, state = store.run(run), RunState()
    for seq, event in store.events(run):
        state.apply(event, seq)
    text = json.dumps(run_json(asdict(row), state), ensure_ascii=False, indent=2, allow_nan=False)
    return UNSAFE.sub(_escape, text) + "\n"


def _escape(found: re.Match[str]) -> str:
    """A control character as JSON's own escape, so that the file is harmless to print."""
    return "".join(f"\\u{int.from_bytes(unit, 'big'):04x}" for unit in _units(found[0]))


def _units(character: str) -> list[bytes]:
    data = character.encode("utf-16-be", "surrogatepass")
    return [data[at : at + 2] for at in range(0, len(data), 2)]


async def without_toasts(app: App[None]) -> None:
    """Take away what was said in passing: it would lie over the picture."""
    app.clear_notifications()
    await app.screen.query(Toast).remove()
    gone = asyncio.Event()
    app.screen.call_after_refresh(gone.set)
    await gone.wait()


def screen_as_svg(app: App[None], title: str) -> str:
    """The screen as a picture that asks no other server for fonts."""
    return _FONTS.sub("", app.export_screenshot(title=safe(title)))


def screen_as_html(app: App[None], title: str) -> str:
    """The visible text with its colours, in one file that needs nothing else."""
    from html import escape

    console = _painted(app)
    variables = app.theme_variables
    page = (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        f"<title>{escape(safe(title))}</title><style>"
        f"body {{ margin: 1em; background: {_css(variables.get('background', ''))}; "
        f"color: {_css(variables.get('foreground', ''))} }}\n"
        "pre { font-family: ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; line-height: 1.25 }"
        "</style></head>\n<body><pre>{code}</pre></body></html>\n"
    )
    head, tail = page.split("{code}")
    body = console.export_html(inline_styles=True, code_format="{code}")
    return head + body + tail


def _painted(app: App[None]) -> Console:
    """What is on the screen now, recorded."""
    from rich.console import Console

    width, height = app.size
    console = Console(
        width=width, height=height, file=io.StringIO(), force_terminal=True, color_system="truecolor", record=True,
        legacy_windows=False, safe_box=False,
    )  # fmt: skip
    console.print(app.screen._compositor.render_update(full=True, screen_stack=app._background_screens))
    return console


def _css(color: str) -> str:
    """A colour of the theme as CSS; those the terminal decides are left to the browser."""
    from textual.color import Color, ColorParseError

    try:
        found = Color.parse(color)
    except ColorParseError:
        return "inherit"
    return "inherit" if found.ansi is not None else found.hex6
