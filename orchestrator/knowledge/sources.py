"""The files that globs mean, and their text whatever encoding it is in. What cannot be read is skipped, with the reason.

Nothing outside the project is ever opened, also not through a link. Knows no index.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import KnowledgeError, UsageError
from orchestrator.inputs.globs import matches
from orchestrator.knowledge.sections import Section, numbered, sections_of

CEILING = 20_000_000
"""Bytes of one file; a larger one is skipped."""
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Unreadable(Exception):
    """The reason why a file is skipped."""


class Gone(Exception):
    """The file is not there any more."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file. `name` is relative to the project's root; `stamp` changes when the file is written."""

    path: Path
    name: str
    stamp: str


def find(patterns: Sequence[str], base: Path, root: Path) -> list[Source]:
    """The regular files beneath `root` that the globs mean, by name; relative globs start at `base`.

    A folder means everything in it. Names that begin with a dot are left out. Raises KnowledgeError when there is none.
    """
    real = root.resolve()
    found: dict[str, Source] = {}
    for pattern in patterns:
        for path in matches(pattern, base):
            source = _source(path, real)
            if source is not None:
                found[source.name] = source
    if not found:
        raise KnowledgeError(
            f"{' and '.join(repr(pattern) for pattern in patterns)} match no file in {base}",
            hint="a glob like docs/**/*.md, relative to the file that writes it",
        )
    return [found[name] for name in sorted(found)]


def _source(path: Path, root: Path) -> Source | None:
    try:
        real = path.resolve()
        if not real.is_relative_to(root):
            return None
        found = real.stat()
    except (OSError, RuntimeError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    stamp = f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"
    where = Path(os.path.normpath(path if path.is_absolute() else Path.cwd() / path))
    name = where if where.is_relative_to(root) else real
    shown = os.fsencode(name.relative_to(root).as_posix()).decode("utf-8", "backslashreplace")
    return Source(real, shown, stamp)


def read_bytes(source: Source) -> bytes:
    """All bytes of a file. Raises Gone, and Unreadable with the reason."""
    try:
        descriptor = os.open(source.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Gone
            data = file.read(CEILING + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise Gone from None
    except OSError as error:
        raise Unreadable(f"it cannot be read: {(error.strerror or str(error)).lower()}") from None
    if len(data) > CEILING:
        raise Unreadable(f"it is larger than {CEILING // 1_000_000} MB; split it")
    return data


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sections(source: Source, data: bytes) -> Iterator[Section]:
    """The sections of a file. Raises Unreadable for what holds no text."""
    kind = source.path.suffix.lower().lstrip(".")
    if kind == "pdf" or data.startswith(b"%PDF-"):
        return _pages(data)
    return sections_of(kind, decode(data))


def decode(data: bytes) -> str:
    """Text in UTF-8, UTF-16 or UTF-32 with a mark, or else Windows-1252, line by line: files are mixed sometimes.

    Raises Unreadable for what is no text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                raise Unreadable(f"it is damaged {encoding.upper()}") from None
    zero = data.find(b"\0")
    if zero >= 0:
        raise Unreadable(f"it is binary (byte 0 at position {zero})")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "".join(_line(line) for line in data.splitlines(keepends=True))


def _line(line: bytes) -> str:
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def _pages(data: bytes) -> Iterator[Section]:
    """Pages as sections; lines are counted through the whole text."""
    from orchestrator.inputs.media import pdf_pages

    try:
        pages = pdf_pages(data, "it")
    except UsageError as error:
        raise Unreadable(error.message + (f" ({error.hint})" if error.hint else "")) from None
    return _counted(pages)


def _counted(pages: Sequence[str]) -> Iterator[Section]:
    before = 0
    for number, page in enumerate(pages, 1):
        lines = [(before + at, line) for at, line in numbered(page)]
        before += len(lines)
        yield Section(f"page {number}", lines)
