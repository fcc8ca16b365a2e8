"""`orch doctor --sandbox`: attacks the sandbox of the tool python on this machine and prints what became of it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.console import STYLES, Console, paint
from orchestrator.safe import safe

if TYPE_CHECKING:
    from orchestrator.tools.sandbox.probes import Probe, Table

WIDTH = 40
"""Columns of the attack's name."""


def trial() -> str:
    """What keeps code in on this machine, tried with an empty program. Raises SandboxUnavailable."""
    from orchestrator.tools.sandbox.sandbox import Job, Sandbox

    with tempfile.TemporaryDirectory() as keep:
        job = Job({"main.py": ""}, ("main.py",))
        return asyncio.run(Sandbox().run(job, Path(keep))).layers


def attack(console: Console, *, as_json: bool) -> int:
    """Try every attack; 0 when all were held. Nothing is attacked where nothing would be run."""
    from orchestrator.tools.sandbox.probes import probe

    def tell(one: Probe) -> None:
        if not as_json:
            console.out.write(_line(one, console))
            console.out.flush()

    table = asyncio.run(probe(tell=tell))
    if as_json:
        console.json(table.as_map())
    else:
        console.out.write(_summary(table, console))
    return 0 if table.held and not table.refused else 1


def _line(one: Probe, console: Console) -> str:
    mark = _styled("✓", "green", console) if one.held else _styled("✗", "red", console)
    return f"{mark} {one.name:{WIDTH}} {safe(one.detail)}\n"


def _summary(table: Table, console: Console) -> str:
    if table.refused:
        return f"{_styled('!', 'yellow', console)} {safe(table.refused)}\n"
    held = sum(one.held for one in table.probes)
    words = f"{held} of {len(table.probes)} attacks held, as {table.user}, by {table.layers}"
    return f"\n{_styled(words, 'green' if table.held else 'red', console)}\n"


def _styled(text: str, style: str, console: Console) -> str:
    return paint(text, style) if console.color_out and style in STYLES else text
