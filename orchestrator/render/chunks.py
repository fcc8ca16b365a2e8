"""Cutting a long text into pieces a small model can read, without losing a character."""

from __future__ import annotations

import re
from collections.abc import Iterator

BYTES_PER_TOKEN = 4
"""The estimate: one token per four bytes of UTF-8 (English about right, other scripts a little low)."""

_BORDERS = (
    re.compile(r"\n[ \t]*\n\s*"),
    re.compile(r"\n"),
    re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]"),
    re.compile(r"\s+"),
)


def chunks(text: str, tokens: int, overlap: int = 0) -> list[str]:
    """Pieces of at most `tokens` estimated tokens; each but the first repeats up to `overlap` tokens of the last.

    Cut between paragraphs where that fits, else lines, sentences, words, and inside a word only when it
    alone is too long. Without overlap the pieces joined are exactly the text.
    """
    room = (tokens - overlap) * BYTES_PER_TOKEN
    fresh = list(_packed(_atoms(text, room, 0), room))
    if not overlap:
        return fresh
    tails = ["", *(_tail(piece, overlap * BYTES_PER_TOKEN) for piece in fresh)]
    return [tail + piece for tail, piece in zip(tails, fresh, strict=False)]


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _atoms(text: str, room: int, level: int) -> Iterator[tuple[str, int]]:
    """Pieces that fit, with their sizes, at the coarsest border that makes them fit."""
    size = _size(text)
    if size <= room:
        if text:
            yield text, size
    elif level == len(_BORDERS):
        yield from _cut(text, room)
    else:
        start = 0
        for border in _BORDERS[level].finditer(text):
            yield from _atoms(text[start : border.end()], room, level + 1)
            start = border.end()
        yield from _atoms(text[start:], room, level + 1)


def _cut(text: str, room: int) -> Iterator[tuple[str, int]]:
    start, size = 0, 0
    for end, character in enumerate(text):
        width = _size(character)
        if size + width > room:
            yield text[start:end], size
            start, size = end, 0
        size += width
    yield text[start:], size


def _packed(atoms: Iterator[tuple[str, int]], room: int) -> Iterator[str]:
    held: list[str] = []
    used = 0
    for atom, size in atoms:
        if used + size > room:
            yield "".join(held)
            held, used = [], 0
        held.append(atom)
        used += size
    if held:
        yield "".join(held)


def _tail(text: str, room: int) -> str:
    """The end of a piece, at most `room` bytes, beginning with a whole word where there is one."""
    start = len(text)
    while start and room >= (width := _size(text[start - 1])):
        start, room = start - 1, room - width
    if start == 0:
        return text
    word = re.compile(r"\s+").search(text, start)
    return text[word.end() :] if word and word.end() < len(text) else text[start:]
