"""`orch index`: bring indexes of documents up to date, list, search and remove them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.console import Console, the_console
from orchestrator.cli.download import megabytes
from orchestrator.cli.indexing import Watch
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.knowledge.index import Index
    from orchestrator.knowledge.retrieve import IndexedKnowledge
    from orchestrator.knowledge.search import By, Found
    from orchestrator.knowledge.update import Report
    from orchestrator.ports import Embedder
    from orchestrator.spec.model import Knowledge, ModelSpec

SHOWN = 10
"""Skipped files that are named."""
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
    place = _place(workflow)
    known = _from_globs(place, globs, embed, chunk) if globs else _known(place, name)
    console = the_console()
    if rebuild:
        _forget(place, name)
    report = asyncio.run(_update(place, name, known, console))
    if as_json:
        return console.json(_as_map(name, report))
    return _tell(name, report, console)


@command.command()
@click.argument("name", required=False)
@of_workflow
@as_json
def ls(name: str | None, *, workflow: str | None, as_json: bool) -> None:
    """List the indexes of this project, or the files in one."""
    place = _place(workflow)
    console = the_console()
    if name is not None:
        return _list_files(place, name, console, as_json=as_json)
    rows = [_described(path) for path in sorted(place.folder.glob("*.db"))]
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
    place = _place(workflow)
    found = asyncio.run(_search(place, name, query, k, by, files, min_score))
    console = the_console()
    if as_json:
        return console.json([_found(one) for one in found])
    if not found:
        return console.say("nothing found")
    return console.view("\n\n".join(_shown(number, one) for number, one in enumerate(found, 1)))


@command.command()
@click.argument("name")
@click.argument("files", nargs=-1)
@of_workflow
def rm(name: str, files: tuple[str, ...], *, workflow: str | None) -> None:
    """Remove an index, or single FILES from it (names or globs, as `orch index ls NAME` shows them).

    A file that its globs still mean comes back when the index is brought up to date.
    """
    place = _place(workflow)
    _existing(place, name)
    console = the_console()
    if not files:
        _forget(place, name)
        return console.say(f"index {name}: removed")
    gone, passages = asyncio.run(_remove(place, name, files))
    return console.say(f"index {name}: {len(gone)} files and their {passages} passages removed")


# ------------------------------------------------------------------------------------------------------ work


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the indexes of a project lie, and what its files declare."""

    config: Config
    root: Path
    known: Mapping[str, _Known]

    @property
    def state(self) -> Path:
        return self.config.store(self.root)

    @property
    def folder(self) -> Path:
        from orchestrator.knowledge.retrieve import FOLDER

        return self.state / FOLDER

    def path(self, name: str) -> Path:
        from orchestrator.knowledge.retrieve import where

        return where(self.state, name)


@dataclass(frozen=True, slots=True)
class _Known:
    """An entry of `knowledge:`; `base` is where its globs start, `embedder` the model behind its `embed`."""

    spec: Knowledge
    base: Path
    embedder: ModelSpec | None


def _place(workflow: str | None) -> _Place:
    from orchestrator.config import Config, find_root
    from orchestrator.spec.load import read_project
    from orchestrator.spec.model import ModelSpec

    config = Config.from_environment(os.environ, Path.cwd())
    if workflow is not None:
        from orchestrator.cli.opening import opened

        graph = opened(workflow, the_console())
        known = {name: _Known(d.spec, d.base, d.embedder) for name, d in graph.knowledge.items()}
        return _Place(config, Path(graph.root), known)
    root = find_root(config.cwd)
    project = read_project(root)
    if project is None:
        return _Place(config, root, {})
    if project.diagnostics:
        from orchestrator.spec.diagnostics import SpecError

        wrong = [found for found in project.diagnostics if found.severity == "error"]
        if wrong:
            raise SpecError(wrong)
    models = project.project.models
    return _Place(
        config,
        root,
        {
            name: _Known(
                spec,
                root,
                None if spec.embed is None else models.get(spec.embed) or ModelSpec(use=spec.embed),
            )
            for name, spec in project.project.knowledge.items()
        },
    )


def _known(place: _Place, name: str) -> _Known:
    """What is declared under this name, or the globs the index was made with."""
    found = place.known.get(name)
    if found is not None:
        return found
    if place.path(name).exists():
        index = _open(place.path(name))
        try:
            patterns, (ref, _) = index.patterns, index.built_with()
        finally:
            index.close()
        if patterns:
            whole = [_moved(pattern, lambda path: str(place.root / path)) for pattern in patterns]
            return _from_globs(place, whole, ref or None, None)
    names = ", ".join(sorted(place.known))
    raise UsageError(
        f"there is no knowledge '{name}'" + (f"; there is {names}" if names else " in orch.yaml"),
        hint=f"name the workflow that declares it (-w FILE), or files: orch index add {name} 'docs/**/*.md'",
    )


def _moved(pattern: str, move: Callable[[str], str]) -> str:
    """The pattern with its path seen from somewhere else."""
    from orchestrator.knowledge.chroma import PREFIX, is_chroma

    if not is_chroma(pattern):
        return move(pattern)
    folder, sign, collection = pattern.removeprefix(PREFIX).partition("#")
    return f"{PREFIX}{move(folder)}{sign}{collection}"


def _from_globs(place: _Place, globs: Sequence[str], embed: str | None, chunk: int | None) -> _Known:
    from orchestrator.spec.model import Knowledge, ModelSpec

    patterns = [
        _moved(one, lambda path: os.path.relpath(place.config.cwd / path, place.root)) for one in globs
    ]
    outside = next((one for one in patterns if one.removeprefix("chroma:").split("/")[0] == ".."), None)
    if outside is not None:
        raise UsageError(
            f"{outside} lies outside the project ({place.root})", hint="documents lie in the project"
        )
    spec = Knowledge.model_validate({"from": patterns, "embed": embed, "chunk": chunk})
    return _Known(spec, place.root, None if embed is None else ModelSpec(use=embed))


def _embedder(place: _Place, name: str, known: _Known) -> Embedder:
    from orchestrator.cli.equipment_knowledge import Guarded
    from orchestrator.providers.embedders import open_embedder

    ref, spec = known.spec.embed, known.embedder
    inner = open_embedder(
        ref,
        environ=os.environ,
        config=place.config,
        base=known.base,
        models={} if ref is None or spec is None else {ref: spec},
    )
    if spec is None:
        return inner
    return Guarded(inner, spec, name, known.spec.label or "private", place.config.offline)


async def _update(place: _Place, name: str, known: _Known, console: Console) -> Report:
    from orchestrator.knowledge.retrieve import open_knowledge

    embedder = _embedder(place, name, known)
    watch = Watch("index", name, console)
    knowledge = open_knowledge(
        name, known.spec, place.root, place.state, embedder, base=known.base, progress=watch
    )
    try:
        return await knowledge.refresh()
    finally:
        watch.end()
        await knowledge.close()
        await embedder.close()


async def _search(
    place: _Place, name: str, query: str, k: int, by: By, files: str | None, min_score: float | None
) -> list[Found]:
    from orchestrator.knowledge.retrieve import IndexedKnowledge

    path = _existing(place, name)
    known = _known(place, name)
    embedder = _embedder(place, name, known)
    knowledge: IndexedKnowledge = IndexedKnowledge(name, path, embedder)
    try:
        return await knowledge.find(query, k, min_score, by=by, files=files)
    finally:
        await knowledge.close()
        await embedder.close()


async def _remove(place: _Place, name: str, patterns: Sequence[str]) -> tuple[list[str], int]:
    from fnmatch import fnmatchcase

    from orchestrator.knowledge.lock import alone

    console = the_console()
    path = place.path(name)
    index = _open(path)
    try:
        async with alone(
            path.with_suffix(".lock"), lambda: console.say(f"index {name}: waiting for another process")
        ):
            names = [
                file.name for file in index.files() if any(fnmatchcase(file.name, one) for one in patterns)
            ]
            if not names:
                raise UsageError(f"index '{name}' has no such file", hint=f"orch index ls {name}")
            gone = index.remove(names)
            index.settle()
    finally:
        index.close()
    return names, gone


def _existing(place: _Place, name: str) -> Path:
    path = place.path(name)
    if not path.exists():
        there = ", ".join(sorted(one.stem for one in place.folder.glob("*.db")))
        raise UsageError(
            f"there is no index '{name}'" + (f"; there is {there}" if there else ""),
            hint=f"make it: orch index add {name}",
        )
    return path


def _forget(place: _Place, name: str) -> None:
    """Delete the files of an index, when nobody writes it."""
    from orchestrator.knowledge.lock import alone

    path = place.path(name)
    console = the_console()

    async def forget() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        async with alone(
            path.with_suffix(".lock"), lambda: console.say(f"index {name}: waiting for another process")
        ):
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)

    asyncio.run(forget())


def _open(path: Path) -> Index:
    from orchestrator.knowledge.index import Index

    return Index(path)


# ------------------------------------------------------------------------------------------------- what is said


def _tell(name: str, report: Report, console: Console) -> None:
    parts = [
        f"{len(files)} {word}"
        for word, files in (("new", report.added), ("changed", report.changed), ("gone", report.removed))
        if files
    ]
    parts.append(f"{report.unchanged} unchanged")
    rate = f", {report.passages / report.seconds:.0f} passages/s" if report.passages else ""
    how = "taken over" if report.taken else "embedded"
    console.say(
        f"index {name}: {', '.join(parts)}; {report.passages} passages {how} in {report.seconds:.1f} s{rate}"
    )
    Watch("index", name, console).left_out(report, SHOWN, f": orch index ls {name}")


def _as_map(name: str, report: Report) -> dict[str, Any]:
    return {
        "name": name,
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
        "skipped": report.skipped,
        "passages": report.passages,
        "seconds": round(report.seconds, 3),
        "embedding_seconds": round(report.embedding, 3),
    }


def _list_files(place: _Place, name: str, console: Console, *, as_json: bool) -> None:
    index = _open(_existing(place, name))
    try:
        files = [file for file in index.files() if file.done]
        skipped = index.skipped()
    finally:
        index.close()
    if as_json:
        rows: list[dict[str, Any]] = [{"file": file.name, "passages": file.passages} for file in files]
        return console.json([*rows, *({"file": one, "left_out": why} for one, (_, why) in skipped.items())])
    return console.table(
        ("FILE", "PASSAGES"),
        [
            *((file.name, f"{file.passages:,}") for file in files),
            *((one, f"left out: {why}") for one, (_, why) in skipped.items()),
        ],
    )


def _described(path: Path) -> dict[str, Any]:
    index = _open(path)
    try:
        size, (ref, digest), skipped = index.size(), index.built_with(), index.skipped()
    finally:
        index.close()
    return {
        "name": path.stem,
        "files": size.files,
        "passages": size.passages,
        "bytes": size.bytes,
        "embedder": ref,
        "digest": digest,
        "skipped": len(skipped),
    }


def _found(one: Found) -> dict[str, Any]:
    return {**one.passage.as_map(), "cosine": one.cosine, "bm25": one.bm25}


def _shown(number: int, one: Found) -> str:
    passage = one.passage
    first, last = passage.lines
    facts = [f"score {passage.score:.2f}"]
    facts += [] if one.cosine is None else [f"meaning {one.cosine:.2f}"]
    facts += [] if one.bm25 is None else [f"words {one.bm25:.1f}"]
    heading = f"  {passage.heading}" if passage.heading else ""
    body = "\n".join(f"    {line}" for line in passage.text.splitlines())
    lines = f":{first}-{last}" if first else ""
    return f"[{number}] {passage.file}{lines}{heading}  ({', '.join(facts)})\n{body}"
