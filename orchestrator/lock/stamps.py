"""Digests of files, each file read once per change: what was read is remembered by its size, times and inode."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from orchestrator.regular import read_regular

SMALL = 16_384
"""Bytes below which a file is read rather than looked up."""


class Stamps:
    """`memory` is a file of this machine that need not exist; without it everything is read."""

    def __init__(self, memory: Path | None = None) -> None:
        self._memory = memory
        self._known: dict[str, list[object]] | None = None
        self._changed = False

    def of(self, path: Path) -> str:
        """`sha256:…` of a file. Raises OSError."""
        found = path.stat()
        if found.st_size < SMALL:
            return digest(read_regular(path, SMALL))
        key, seen = str(path), f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"
        known = self._all()
        if key not in known or known[key][0] != seen:
            with path.open("rb") as file:
                known[key] = [seen, f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"]
            self._changed = True
        return str(known[key][1])

    def save(self) -> None:
        """Remember what was read. It only saves reading again, so that nothing is said when it cannot be kept."""
        if self._memory is None or not self._changed:
            return
        fresh = self._memory.with_name(f"{self._memory.name}.{os.getpid()}")
        try:
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps(self._known), encoding="utf-8")
            fresh.replace(self._memory)
        except OSError:
            return

    def _all(self) -> dict[str, list[object]]:
        if self._known is None:
            self._known = {}
            try:
                read = json.loads(self._memory.read_bytes()) if self._memory is not None else {}
            except (OSError, ValueError):
                read = {}
            if isinstance(read, dict):
                self._known = {k: v for k, v in read.items() if isinstance(v, list) and len(v) == 2}
        return self._known


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_of_all(parts: Iterable[tuple[str, str]]) -> str:
    """Of named digests, in order."""
    return digest(json.dumps(list(parts), ensure_ascii=True).encode())


__all__ = ["Stamps", "digest", "digest_of_all"]
