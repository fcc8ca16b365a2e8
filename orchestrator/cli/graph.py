"""`orch graph FILE`: the workflow as a drawing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.complete import workflows
from orchestrator.cli.console import Console, the_console

if TYPE_CHECKING:
    from orchestrator.graph.draw import Format

SUFFIXES: dict[str, Format] = {".svg": "svg", ".mmd": "mermaid", ".md": "mermaid", ".txt": "text"}


@click.command()
@click.argument("workflow", shell_complete=workflows)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "ascii", "mermaid", "svg"]),
    help="text has box characters, ascii has none. By default what the name after -o says, else text.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file.")
def command(workflow: str, form: Format | None, output: Path | None) -> None:
    """Draw WORKFLOW: a file, or the name of one that ships."""
    from orchestrator.cli.opening import opened
    from orchestrator.graph.draw import draw

    console = the_console()
    chosen = form or (SUFFIXES.get(output.suffix, "text") if output else _default(console))
    drawn = draw(opened(workflow, console), chosen)
    if output is None:
        console.result(drawn)
        return
    text = f"```mermaid\n{drawn}```\n" if output.suffix == ".md" and chosen == "mermaid" else drawn
    output.write_text(text, encoding="utf-8")
    console.say(f"wrote {output}")


def _default(console: Console) -> Format:
    """Box characters where the stream can carry them."""
    encoding = (getattr(console.out, "encoding", None) or "utf-8").lower().replace("-", "")
    return "text" if encoding in ("utf8", "utf16", "utf32") else "ascii"
