"""The indexes of a project for `orch index`: where they lie, what its files declare, and what is done with one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.console import Console, the_console
from orchestrator.cli.indexing import Watch
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.knowledge.index import Index
    from orchestrator.knowledge.search import By, Found
    from orchestrator.knowledge.update import Report
    from orchestrator.ports import Embedder
    from orchestrator.spec.model import Knowledge, ModelSpec


@dataclass(frozen=True, slots=True)
class Place:
    """Where the indexes of a project lie, and what its files declare."""

    config: Config
    root: Path
    known: Mapping[str, Known]

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
class Known:
    """An entry of `knowledge:`; `base` is where its globs start, `embedder` the model behind its `embed`."""

    spec: Knowledge
    base: Path
    embedder: ModelSpec | None


def place_of(workflow: str | None) -> Place:
    from orchestrator.config import Config, find_root
    from orchestrator.spec.load import read_project
    from orchestrator.spec.model import ModelSpec

    config = Config.from_environment(os.environ, Path.cwd())
    if workflow is not None:
        from orchestrator.cli.opening import opened

        graph = opened(workflow, the_console())
        known = {name: Known(d.spec, d.base, d.embedder) for name, d in graph.knowledge.items()}
        return Place(config, Path(graph.root), known)
    root = find_root(config.cwd)
    project = read_project(root)
    if project is None:
        return Place(config, root, {})
    if project.diagnostics:
        from orchestrator.spec.diagnostics import SpecError

        wrong = [found for found in project.diagnostics if found.severity == "error"]
        if wrong:
            raise SpecError(wrong)
    models = project.project.models
    return Place(
        config,
        root,
        {
            name: Known(
                spec,
                root,
                None if spec.embed is None else models.get(spec.embed) or ModelSpec(use=spec.embed),
            )
            for name, spec in project.project.knowledge.items()
        },
    )


def known_as(place: Place, name: str) -> Known:
    """What is declared under this name, or the globs the index was made with."""
    found = place.known.get(name)
    if found is not None:
        return found
    if place.path(name).exists():
        index = open_index(place.path(name))
        try:
            patterns, (ref, _) = index.patterns, index.built_with()
        finally:
            index.close()
        if patterns:
            whole = [_moved(pattern, lambda path: str(place.root / path)) for pattern in patterns]
            return from_globs(place, whole, ref or None, None)
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


def from_globs(place: Place, globs: Sequence[str], embed: str | None, chunk: int | None) -> Known:
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
    return Known(spec, place.root, None if embed is None else ModelSpec(use=embed))


def embedder_of(place: Place, name: str, known: Known) -> Embedder:
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


async def update(place: Place, name: str, known: Known, console: Console) -> Report:
    from orchestrator.knowledge.retrieve import open_knowledge

    embedder = embedder_of(place, name, known)
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


async def find(
    place: Place, name: str, query: str, k: int, by: By, files: str | None, min_score: float | None
) -> list[Found]:
    from orchestrator.knowledge.retrieve import IndexedKnowledge

    path = existing(place, name)
    known = known_as(place, name)
    embedder = embedder_of(place, name, known)
    knowledge: IndexedKnowledge = IndexedKnowledge(name, path, embedder)
    try:
        return await knowledge.find(query, k, min_score, by=by, files=files)
    finally:
        await knowledge.close()
        await embedder.close()


async def remove(place: Place, name: str, patterns: Sequence[str]) -> tuple[list[str], int]:
    from fnmatch import fnmatchcase

    from orchestrator.knowledge.lock import alone

    console = the_console()
    path = place.path(name)
    index = open_index(path)
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


def existing(place: Place, name: str) -> Path:
    path = place.path(name)
    if not path.exists():
        there = ", ".join(sorted(one.stem for one in place.folder.glob("*.db")))
        raise UsageError(
            f"there is no index '{name}'" + (f"; there is {there}" if there else ""),
            hint=f"make it: orch index add {name}",
        )
    return path


def forget(place: Place, name: str) -> None:
    """Delete the files of an index, when nobody writes it."""
    from orchestrator.knowledge.lock import alone

    path = place.path(name)
    console = the_console()

    async def go() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        async with alone(
            path.with_suffix(".lock"), lambda: console.say(f"index {name}: waiting for another process")
        ):
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)

    asyncio.run(go())


def open_index(path: Path) -> Index:
    from orchestrator.knowledge.index import Index

    return Index(path)
