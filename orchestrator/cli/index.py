"""`orch index`: bring indexes of documents up to date, list, search and remove them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from orchestrator.cli.console import the_console
from orchestrator.cli.download import megabytes
from orchestrator.cli.index_told import as_map, described, found_map, list_files, shown, tell
from orchestrator.cli.indexes import existing, find, forget, from_globs, known_as, place_of, remove, update

if TYPE_CHECKING:
    from orchestrator.knowledge.search import By

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
of_workflow = click.option(
    "-w", "--workflow", metavar="FILE", help="Take NAME from this workflow's `knowledge:`."
)


@click.group(name="index")
def command() -> None:
    """Bring indexes of documents up to date, list, search and remove them.

    NAME is an entry of `knowledge:` in orch.yaml, or of the workflow that -w names. A run brings what it searches up to
    date by itself; `orch index add` does it beforehand, and tells which files could not be read.
    """


@command.command()
@click.argument("name")
@click.argument("globs", nargs=-1)
@of_workflow
@click.option("--embed", metavar="REF", help="Embedding model of an index made from GLOBS.")
@click.option("--chunk", type=click.IntRange(min=16), metavar="N", help="Tokens of a passage, for GLOBS.")
@click.option("--rebuild", is_flag=True, help="Throw away what is there, and index everything anew.")
@as_json
def add(
    name: str,
    globs: tuple[str, ...],
    *,
    workflow: str | None,
    embed: str | None,
    chunk: int | None,
    rebuild: bool,
    as_json: bool,
) -> None:
    """Index the documents of NAME, or bring its index up to date: only what changed is read again.

    With GLOBS an index of these files is made, also where no file declares it: `orch index add notes 'notes/**/*.md'`.
    """
    place = place_of(workflow)
    known = from_globs(place, globs, embed, chunk) if globs else known_as(place, name)
    console = the_console()
    if rebuild:
        forget(place, name)
    report = asyncio.run(update(place, name, known, console))
    if as_json:
        return console.json(as_map(name, report))
    return tell(name, report, console)


@command.command()
@click.argument("name", required=False)
@of_workflow
@as_json
def ls(name: str | None, *, workflow: str | None, as_json: bool) -> None:
    """List the indexes of this project, or the files in one."""
    place = place_of(workflow)
    console = the_console()
    if name is not None:
        return list_files(place, name, console, as_json=as_json)
    rows = [described(path) for path in sorted(place.folder.glob("*.db"))]
    if as_json:
        return console.json(rows)
    if not rows:
        return console.say("no index here yet; `orch index add NAME` makes one")
    return console.table(
        ("NAME", "FILES", "PASSAGES", "SIZE", "EMBEDDER", "LEFT OUT"),
        [
            (
                row["name"],
                f"{row['files']:,}",
                f"{row['passages']:,}",
                megabytes(row["bytes"]),
                row["embedder"],
                f"{row['skipped']:,}",
            )
            for row in rows
        ],
    )


@command.command()
@click.argument("name")
@click.argument("query")
@click.option("-k", default=4, type=click.IntRange(1, 100), show_default=True, help="Passages to show.")
@click.option(
    "--by",
    type=click.Choice(["both", "words", "meaning"]),
    default="both",
    show_default=True,
    help="Which half of the search counts.",
)
@click.option("--files", metavar="GLOB", help="Only in files of these names.")
@click.option("--min-score", type=float, metavar="X", help="Least similarity of meaning, 0 to 1.")
@of_workflow
@as_json
def search(
    name: str,
    query: str,
    *,
    k: int,
    by: By,
    files: str | None,
    min_score: float | None,
    workflow: str | None,
    as_json: bool,
) -> None:
    """Search an index as it is; it is not brought up to date."""
    place = place_of(workflow)
    found = asyncio.run(find(place, name, query, k, by, files, min_score))
    console = the_console()
    if as_json:
        return console.json([found_map(one) for one in found])
    if not found:
        return console.say("nothing found")
    return console.view("\n\n".join(shown(number, one) for number, one in enumerate(found, 1)))


@command.command()
@click.argument("name")
@click.argument("files", nargs=-1)
@of_workflow
def rm(name: str, files: tuple[str, ...], *, workflow: str | None) -> None:
    """Remove an index, or single FILES from it (names or globs, as `orch index ls NAME` shows them).

    A file that its globs still mean comes back when the index is brought up to date.
    """
    place = place_of(workflow)
    existing(place, name)
    console = the_console()
    if not files:
        forget(place, name)
        return console.say(f"index {name}: removed")
    gone, passages = asyncio.run(remove(place, name, files))
    return console.say(f"index {name}: {len(gone)} files and their {passages} passages removed")
