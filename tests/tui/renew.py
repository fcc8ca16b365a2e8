"""Takes all pictures of the screen anew, after its looks were changed on purpose: `python -m tests.tui.renew`.

Says what is another now, row by row. A word after it (`... renew logs graph`) takes only pictures with it in the name.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from orchestrator.store.open import open_store
from tests.tui.picture import differences, read, svg
from tests.tui.pictures import ALL, FOLDER, Shot, record, taken


def renew(words: Sequence[str]) -> list[str]:
    """What has changed."""
    FOLDER.mkdir(exist_ok=True)
    told = [f"gone: {old.name}" for old in set(FOLDER.glob("*.svg")) - {shot.file for shot in ALL}]
    for old in set(FOLDER.glob("*.svg")) - {shot.file for shot in ALL}:
        old.unlink()
    for shot in ALL:
        if not words or any(word in shot.file.name for word in words):
            told += _renew(shot)
    return told


def _renew(shot: Shot) -> list[str]:
    with tempfile.TemporaryDirectory() as scratch:
        store = open_store(Path(scratch) / "runs.db")
        record(store)
        picture = asyncio.run(taken(store, shot))
        store.close()
    known = shot.file.exists()
    told = differences(read(shot.file.read_text("utf-8")), picture) if known else ["new"]
    shot.file.write_text(svg(picture), encoding="utf-8")
    return [f"{shot.file.name}: {line}" for line in told]


if __name__ == "__main__":
    sys.stdout.write("\n".join(renew(sys.argv[1:]) or ["nothing has changed"]) + "\n")
