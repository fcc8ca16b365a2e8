"""`orch schema`: the JSON Schema of workflow files, for editors."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli.console import the_console


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file.")
def command(output: Path | None) -> None:
    """Print the JSON Schema of workflow files; editors use it to complete and to check while you type.

    A file says which schema it follows in its first line:
    # yaml-language-server: $schema=workflow.schema.json
    """
    import json

    from orchestrator.spec.editor import editor_schema

    console = the_console()
    if output is None:
        console.json(editor_schema())
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(editor_schema(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    console.say(f"wrote {output}")
