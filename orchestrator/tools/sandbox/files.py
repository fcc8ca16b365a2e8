"""Takes the files that the code made out of its scratch. The child is dead by then; its names are data still."""

from __future__ import annotations

import mimetypes
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator.calling import Artifact

DEEPEST = 16
KNOWN = {".parquet": "application/vnd.apache.parquet", ".jsonl": "application/jsonl", ".md": "text/markdown"}


def gather(
    work: int, given: Mapping[str, str], keep: Path, most: int, count: int
) -> tuple[tuple[Artifact, ...], bool]:
    """Copy regular files below the descriptor `work` to `keep`, except those given and not changed.

    Links are not followed, other kinds of files are left out, as are names that cannot be printed. The second
    value says whether that was all: it ends at `most` bytes or `count` files.
    """
    made: list[Artifact] = []
    left = most
    for name, at, entry, size in _walk(work, "", DEEPEST):
        content = _content(at, entry, left)
        if name in given and content == given[name].encode("utf-8", "surrogatepass"):
            continue
        left -= max(size, len(content))
        if left < 0 or len(made) >= count:
            return tuple(made), False
        target = keep / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        made.append(Artifact(name, media_type(name), target))
    return tuple(made), True


def media_type(name: str) -> str:
    """Guessed from the name."""
    suffix = Path(name).suffix.lower()
    return KNOWN.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def usage(top: Path, most: int) -> tuple[int, int]:
    """Bytes and entries below a directory that somebody is writing in; it stops counting at `most` entries."""
    total, count, folders = 0, 0, [str(top)]
    while folders and count <= most:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    count += 1
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except OSError:  # gone meanwhile, or deeper than a path can be: there are enough entries then
            continue
    return total, count


def remove(top: Path) -> None:
    """Remove a directory that a hostile program filled; nothing to do when that fails."""
    try:
        shutil.rmtree(top, ignore_errors=True)
    except RecursionError:
        subprocess.run(["rm", "-rf", "--", top], check=False, capture_output=True)  # noqa: S603, S607


def _walk(at: int, above: str, depth: int) -> Iterator[tuple[str, int, str, int]]:
    for entry in sorted(os.listdir(at)):
        if not entry.isprintable():
            continue
        seen = os.stat(entry, dir_fd=at, follow_symlinks=False)
        if stat.S_ISREG(seen.st_mode):
            yield above + entry, at, entry, seen.st_size
        elif stat.S_ISDIR(seen.st_mode) and depth and entry != "__pycache__":
            yield from _within(at, entry, above, depth)


def _within(at: int, entry: str, above: str, depth: int) -> Iterator[tuple[str, int, str, int]]:
    try:
        inner = os.open(entry, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
    except OSError:
        return
    try:
        yield from _walk(inner, f"{above}{entry}/", depth - 1)
    finally:
        os.close(inner)


def _content(at: int, entry: str, most: int) -> bytes:
    descriptor = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(max(most, 0) + 1)
