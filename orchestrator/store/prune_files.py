"""Files of tools that no run has any more. What cannot be known to be unused stays."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from orchestrator.store.artifacts import FOLDER
from orchestrator.store.shapes import stored
from orchestrator.store.tables import Blob, BlobUse, EventRow, Run, table

if TYPE_CHECKING:
    from orchestrator.store.store import Store

RUNS, EVENTS, BLOBS, USES = table(Run), table(EventRow), table(Blob), table(BlobUse)
YOUNG = 3600.0
"""Seconds for which a file stays anyway: it lies there before the event that names it is written."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEPT = re.compile(r"[0-9a-f]{64}(?:\.[a-z0-9]{1,8})?")
_LEFT = re.compile(r"\.[0-9a-f]{16}")
_SQLITE = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Files that no kept run names. `why_not` says why nothing can be known; then there are none."""

    files: tuple[Path, ...] = ()
    size: int = 0
    why_not: str = ""


def leftovers(store: Store, going: Collection[str], now: float) -> Leftovers:
    """What could be removed once the runs `going` are gone."""
    if store.place is None:
        return Leftovers(why_not="the store is a server, and others' files may lie beside ours")
    folder = store.place / FOLDER
    if not folder.is_dir():
        return Leftovers()
    if other := _other_store(store.place, store.name):
        return Leftovers(why_not=f"{other} lies in the same folder, and its runs may have them")
    if any(row.live for row in store.runs(status="running")):
        return Leftovers(why_not="a run is being executed")
    used = _named(store, going)
    files = [
        path for path in _files(folder) if path.name[:64] not in used and path.stat().st_mtime < now - YOUNG
    ]
    return Leftovers(tuple(files), sum(path.stat().st_size for path in files))


def _other_store(place: Path, name: str) -> str:
    """The name of another database in the folder, empty for none."""
    for path in sorted(place.iterdir()):
        if path.name != name and path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(len(_SQLITE)) == _SQLITE:
                    return path.name
    return ""


def _files(folder: Path) -> Iterator[Path]:
    """What was kept there, and copies that were never finished; nothing else that somebody may have put there."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink() and len(path.name) == 2:
            yield from (one for one in sorted(path.iterdir()) if _KEPT.fullmatch(one.name) and _plain(one))
        elif _LEFT.fullmatch(path.name) and _plain(path):
            yield path


def _plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _named(store: Store, going: Collection[str]) -> frozenset[str]:
    """Every digest that stands in a finished call of a kept run, wherever it stands: also in a record that is damaged."""
    found: set[str] = set()
    with store.reading() as connection:
        runs = connection.execute(select(RUNS.c.no, RUNS.c.id))
        kept = {row.no for row in runs if row.id not in going}
        calls = select(EVENTS.c.run, EVENTS.c.payload).where(EVENTS.c.kind.in_(stored(["call.finished"])))
        for no, payload in connection.execution_options(yield_per=1000).execute(calls):
            if no in kept:
                found.update(_DIGEST.findall(str(payload)))
        blobs = select(USES.c.run, BLOBS.c.text).join(BLOBS, BLOBS.c.sha == USES.c.sha)
        for no, text in connection.execution_options(yield_per=50).execute(blobs):
            if no in kept:
                found.update(_DIGEST.findall(str(text)))
    return frozenset(found)


def remove_files(files: Collection[Path]) -> None:
    for path in files:
        path.unlink(missing_ok=True)
