"""`orch validate FILE…`: everything that is wrong with workflow files, at once, without running anything."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.complete import workflows
from orchestrator.cli.console import Console, the_console
from orchestrator.report import words

if TYPE_CHECKING:
    from orchestrator.spec.diagnostics import Diagnostic

PARTS = ("orch.yaml", "agent.yaml")
"""Names of files that may be something else than a workflow."""
FORMATS = ("text", "json", "github", "sarif")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="WORKFLOW…", shell_complete=workflows)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
def command(files: tuple[str, ...], form: str, strict: bool) -> int:
    """Check each WORKFLOW: a file, or the name of one that ships. Exit code 2 when one has errors.

    A project file `orch.yaml` and the `agent.yaml` of an agent's folder are checked as what they are.
    """
    console = the_console()
    with _no_collection():
        found, unreadable = _check(files, console, report=form != "text")
    _print(found, form, console)
    if form == "text" and not unreadable:
        _conclude(found, files, console)
    wrong = [d for d in found if strict or d.severity == "error"]
    return 2 if wrong or unreadable else 0


def _check(files: Sequence[str], console: Console, *, report: bool) -> tuple[list[Diagnostic], int]:
    """What is wrong with all files, and how many could not be read at all: those stand in a report too."""
    from orchestrator.errors import UsageError
    from orchestrator.spec.diagnostics import Diagnostic, Mark

    found: dict[Diagnostic, None] = {}  # an agent that two files use is wrong once
    unreadable = 0
    for file in files:
        try:
            found.update(dict.fromkeys(_problems(file)))
        except UsageError as error:
            console.error(error.message, error.hint)
            unreadable += 1
            if report:
                found[Diagnostic("ORCH025", "error", error.message, Mark(file), error.hint)] = None
    return list(found), unreadable


def _problems(file: str) -> tuple[Diagnostic, ...]:
    """Of one file. Raises UsageError when there is none."""
    from orchestrator.cli.opening import checked

    path = Path(file)
    if path.name in PARTS and path.is_file():
        from orchestrator.graph.parts import check_part

        found = check_part(path)
        if found is not None:
            return found
    return checked(file).diagnostics


@contextmanager
def _no_collection() -> Iterator[None]:
    """Nothing here becomes garbage before the process ends; looking for it takes a tenth of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _print(found: Sequence[Diagnostic], form: str, console: Console) -> None:
    from orchestrator.spec import format as formats

    match form:
        case "text":
            text = formats.as_text(found, color=console.color_out) if found else ""
        case "json":
            text = formats.as_json(found)
        case "github":
            text = formats.as_github(found)
        case _:
            text = formats.as_sarif(found)
    if text:
        console.out.write(text.rstrip("\n") + "\n")


def _conclude(found: Sequence[Diagnostic], files: Sequence[str], console: Console) -> None:
    if found:
        console.say(summary(found))
    else:
        console.say(f"{files[0]} is valid" if len(files) == 1 else f"{len(files)} files are valid", "green")


def summary(found: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning; orch explain ORCH101 says more`."""
    errors = sum(d.severity == "error" for d in found)
    counts = [
        words.count(errors, "error") if errors else "",
        words.count(len(found) - errors, "warning") if errors < len(found) else "",
    ]
    first = next((d for d in found if d.severity == "error"), found[0])
    return f"{', '.join(c for c in counts if c)}; `orch explain {first.code}` says more"
