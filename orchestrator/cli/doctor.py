"""`orch doctor`: what is installed, what fits, which servers answer, and what is in the way.

Asks loopback addresses only, with short timeouts. Changes nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.console import STYLES, Console, paint, the_console
from orchestrator.safe import safe

if TYPE_CHECKING:
    from orchestrator.cli.finding import Finding

MARKS = {"ok": ("✓", "green"), "note": ("·", "dim"), "warning": ("!", "yellow"), "problem": ("✗", "red")}


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--sandbox", is_flag=True, help="Attack the sandbox of the tool python instead, and print what held."
)
def command(*, as_json: bool, sandbox: bool) -> int:
    """Say what is installed, what fits on this machine, which model servers answer, and what is in the way.

    Exit code 1 when something keeps orch from running a model here; with --sandbox, when an attack was not held.
    """
    if sandbox:
        from orchestrator.cli.probing import attack

        return attack(the_console(), as_json=as_json)
    from orchestrator.cli.checkup import checkup
    from orchestrator.config import Config

    console = the_console()
    found = checkup(Config.from_environment(os.environ, Path.cwd()), os.environ)
    problems = sum(finding.level == "problem" for finding in found)
    if as_json:
        console.json({"ok": not problems, "findings": [finding.as_map() for finding in found]})
    else:
        _print(found, console)
    return 1 if problems else 0


def _print(found: list[Finding], console: Console) -> None:
    topic = ""
    for finding in found:
        if finding.topic != topic:
            topic = finding.topic
            console.out.write(("" if finding is found[0] else "\n") + _styled(topic, "bold", console) + "\n")
        mark, style = MARKS[finding.level]
        console.out.write(f"  {_styled(mark, style, console)} {safe(finding.text)}\n")
        if finding.hint:
            console.out.write(f"    {_styled(safe('→ ' + finding.hint), 'cyan', console)}\n")


def _styled(text: str, style: str, console: Console) -> str:
    return paint(text, style) if console.color_out and style in STYLES else text
