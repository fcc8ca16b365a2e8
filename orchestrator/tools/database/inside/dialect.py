"""How a CSV file is written: its encoding and what parts its columns. Guesses neither a header nor lines to leave out.

DuckDB's own guess takes lines away in silence when they are not of one length, so the first line always holds the
names here, every line after it counts, and one that does not fit is an error.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from pathlib import Path
from typing import BinaryIO

DELIMITERS = ",;\t|"
HEAD = 1 << 16
PIECE = 1 << 20
_WIDE = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class NotText(Exception):
    """The file is no text, or in an encoding that is not read; says what to do."""


def dialect(path: str, shown: str) -> tuple[str, str]:
    """The encoding as DuckDB names it, and the sign between two columns. Raises NotText, OSError."""
    with _opened(path) as file:
        head = file.read(HEAD)
        for mark, name in _WIDE.items():
            if head.startswith(mark):
                return name, _delimiter(head.decode("utf-16", "replace"))
        if not head.strip():
            raise NotText(f"{shown} is empty")
        if b"\0" in head:
            raise NotText(f"{shown} is no text, so no CSV")
        file.seek(0)
        encoding = _encoding(file, shown)
    return encoding, _delimiter(head.decode("utf-8" if encoding == "utf-8" else "latin-1", "replace"))


def faulty_line(path: str) -> str:
    """The first line that has another number of columns than the names, or a quote that is not closed; or nothing."""
    encoding, delimiter = dialect(path, path)
    name = "utf-8-sig" if encoding == "utf-8" else encoding
    with _opened(path) as file, io.TextIOWrapper(file, name, "replace", newline="") as text:
        rows = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            names = next(rows, [])
            for row in rows:
                if row and len(row) != len(names):
                    return f"line {rows.line_num}: {len(row)} columns, but there are {len(names)} names"
        except csv.Error as error:
            return f"line {rows.line_num}: {error}"
    return ""


def _opened(path: str) -> BinaryIO:
    if path.endswith(".gz"):
        return gzip.open(path, "rb")  # type: ignore[return-value]  # a stream of bytes like any other
    return Path(path).open("rb")


def _encoding(file: BinaryIO, shown: str) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while piece := file.read(PIECE):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return _of_the_west(file, shown)
    return "utf-8"


def _of_the_west(file: BinaryIO, shown: str) -> str:
    """Latin-1, unless it has signs that only Windows' own code page has, which DuckDB does not read."""
    file.seek(0)
    while piece := file.read(PIECE):
        if any(0x80 <= byte < 0xA0 for byte in piece.translate(None, bytes(range(0x80)))):
            raise NotText(
                f"{shown} is not UTF-8; convert it: iconv -f WINDOWS-1252 -t UTF-8 {shown} > converted.csv"
            )
    return "latin-1"


def _delimiter(head: str) -> str:
    """The most frequent of four signs in the first line, outside of quotes."""
    counts = dict.fromkeys(DELIMITERS, 0)
    inside = False
    for sign in head.lstrip("\ufeff\r\n"):
        if sign == '"':
            inside = not inside
        elif sign in "\r\n" and not inside:
            break
        elif not inside and sign in counts:
            counts[sign] += 1
    return max(counts, key=lambda one: counts[one])
