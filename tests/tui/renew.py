"""Takes all pictures of the screen anew, after its looks were changed on purpose: `python -m tests.tui.renew`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from orchestrator.store.open import open_store
from tests.tui.pictures import ALL, FOLDER, record, taken


async def renew(folder: Path) -> list[str]:
    """Names of the pictures that are others now."""
    store, changed = open_store(folder / "runs.db"), []
    record(store)
    for old in set(FOLDER.glob("*.svg")) - {picture.file for picture in ALL}:
        old.unlink()
    for picture in ALL:
        before = picture.file.read_text(encoding="utf-8") if picture.file.exists() else ""
        svg = await taken(store, picture)
        if svg != before:
            picture.file.write_text(svg, encoding="utf-8")
            changed.append(picture.file.name)
    store.close()
    return changed


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        names = asyncio.run(renew(Path(scratch)))
    sys.stdout.write("".join(f"renewed {name}\n" for name in names) or "nothing has changed\n")
