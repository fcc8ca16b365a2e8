"""Takes all pictures of the screen anew, after its looks were changed on purpose: `python -m tests.tui.renew`.

Says what is another now, row by row. Words after it (`... renew logs graph`) take only pictures with one in the name;
the one of README and docs goes by `docs`.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.tui.picture import differences, read, svg
from tests.tui.pictures import ALL, DOCS, FOLDER, Shot, for_the_docs, record, taken


def renew(words: Sequence[str]) -> list[str]:
    """What has changed."""
    FOLDER.mkdir(exist_ok=True)
    told = [f"gone: {old.name}" for old in set(FOLDER.glob("*.svg")) - {shot.file for shot in ALL}]
    for old in set(FOLDER.glob("*.svg")) - {shot.file for shot in ALL}:
        old.unlink()
    for shot in ALL:
        if not words or any(word in shot.file.name for word in words):
            told += _renew(shot)
    if not words or "docs" in words:
        told += _renew_docs()
    return told


@contextmanager
def recorded() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as scratch:
        store = open_store(Path(scratch) / "runs.db")
        record(store)
        yield store
        store.close()


def _renew_docs() -> list[str]:
    with recorded() as store:
        now = asyncio.run(for_the_docs(store))
    changed = not DOCS.exists() or DOCS.read_text("utf-8") != now
    DOCS.write_text(now, encoding="utf-8")
    return [f"{DOCS.name}: the picture of README and docs"] if changed else []


def _renew(shot: Shot) -> list[str]:
    with recorded() as store:
        picture = asyncio.run(taken(store, shot))
    known = shot.file.exists()
    told = differences(read(shot.file.read_text("utf-8")), picture) if known else ["new"]
    shot.file.write_text(svg(picture), encoding="utf-8")
    return [f"{shot.file.name}: {line}" for line in told]


if __name__ == "__main__":
    sys.stdout.write("\n".join(renew(sys.argv[1:]) or ["nothing has changed"]) + "\n")
