"""Bytes and texts of files a person names, with one clear sentence for everything that can be wrong with them."""

from __future__ import annotations

import codecs
import stat
from difflib import get_close_matches
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.regular import real

CEILING = 100_000_000
"""Bytes a file may have."""

_MARKS = ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32"), (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))  # fmt: skip
_KNOWN = (
    (b"%PDF-", "a PDF", "say `format: pdf`"),
    (b"\x89PNG", "an image", "say `type: image`"),
    (b"\xff\xd8\xff", "an image", "say `type: image`"),
    (b"GIF8", "an image", "say `type: image`"),
    (b"PK\x03\x04", "a zip archive or office document", "export it as text or CSV"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"SQLite format 3", "a database", ""),
)


def read_bytes(path: Path, shown: str, ceiling: int = CEILING) -> bytes:
    """The bytes of a file; `shown` is the path as the person wrote it. Raises UsageError."""
    try:
        if path.is_dir():
            raise UsageError(f"{shown} is a directory, a file is needed", hint="name a file in it")
        with path.open("rb") as file:
            data = file.read(ceiling + 1)
    except FileNotFoundError:
        raise UsageError(f"there is no file {shown}", hint=_near(path)) from None
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except ValueError:
        raise UsageError(f"{shown!r} is no path") from None
    if len(data) > ceiling:
        raise UsageError(
            f"{shown} is larger than {ceiling // 1_000_000} MB",
            hint="split it, or give only the part you need",
        )
    return data


def _near(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"there is no directory {path.parent} either"
    near = get_close_matches(path.name, names, n=1)
    return f"did you mean {path.with_name(near[0]).name}?" if near else "check the path"


def read_text(path: Path, shown: str, ceiling: int = CEILING) -> str:
    """The UTF-8 text of a file (a byte order mark is dropped). Raises UsageError."""
    return decode(read_bytes(path, shown, ceiling), shown)


def decode(data: bytes, shown: str) -> str:
    """UTF-8 bytes as text. Raises UsageError that says what the bytes are instead."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            raise UsageError(f"{shown} is {name}, UTF-8 is needed", hint=_convert(name, shown))
    for magic, what, hint in _KNOWN:
        if data.startswith(magic):
            raise UsageError(f"{shown} is {what}, text is needed", hint=hint)
    zero = data.find(b"\0")
    if zero >= 0:
        raise UsageError(f"{shown} is a binary file (byte 0 at position {zero}), text is needed")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{shown}:{line}: byte 0x{data[error.start]:02X} (position {error.start}) is no UTF-8; "
            "the file is probably Windows-1252",
            hint=_convert("WINDOWS-1252", shown),
        ) from None


def _convert(encoding: str, shown: str) -> str:
    return f"convert it: iconv -f {encoding} -t UTF-8 {shown} > converted.txt"


def beneath(path: Path, root: Path, shown: str) -> Path:
    """The resolved path. Raises UsageError where it leaves the project, by `..` or by a link, and for a pipe or a device:
    a person may name one, who knows what writes to it; whoever wrote the workflow does not."""
    found = real(path)
    if not found.is_relative_to(real(root)):
        raise UsageError(
            f"{shown} lies outside the project ({root})",
            hint="a path in a workflow stays in its project; give other files with -i",
        )
    if _is_special(found):
        raise UsageError(
            f"{shown} is no regular file", hint="a pipe is read when it is given by hand: -i NAME=PATH"
        )
    return found


def _is_special(path: Path) -> bool:
    """Whether it is a pipe or a device; what cannot be looked at cannot be read either, and whoever reads it says so."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
