"""Sections into pieces of a size that an embedder reads well, each with the lines it stands on. Knows no file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.knowledge.sections import Line, Section

SIZE = 180
"""Tokens of a piece where nobody says. The default embedder was trained on texts of up to 128, and reads 512."""
VERSION = 1
"""Changes when the same file would be split in another way: indexes then split it anew."""
_WORD = re.compile(r"[^\W\d_]+|[0-9]{1,3}|[^\s\w]|_")


@dataclass(frozen=True, slots=True)
class Piece:
    """`lines` are first and last, from 1."""

    text: str
    heading: str
    lines: tuple[int, int]


def tokens(text: str) -> int:
    """About how many tokens a text is, rather too many: long words are several, a sign or an ideograph is one."""
    return sum(_weight(word) for word in _WORD.findall(text))


def _weight(word: str) -> int:
    if not word.isascii():
        return max(1, len(word) if word > "\u2e80" else (len(word) + 2) // 3)
    return 1 if len(word) <= 7 else 1 + (len(word) - 4) // 4


def pieces(section: Section, size: int = SIZE) -> Iterator[Piece]:
    """The section in pieces of at most about `size` tokens, cut at blank lines where that is possible."""
    held: list[Line] = []
    weights: list[int] = []
    filled = 0
    for number, line in section.lines:
        weight = tokens(line)
        if weight > size:
            yield from _piece(section.heading, held)
            held, weights, filled = [], [], 0
            yield from (Piece(part, section.heading, (number, number)) for part in _parts(line, size))
            continue
        while held and filled + weight > size:
            cut = _cut(held, weights, size)
            yield from _piece(section.heading, held[:cut])
            held, weights = held[cut:], weights[cut:]
            filled = sum(weights)
        if held or line.strip():
            held.append((number, line))
            weights.append(weight)
            filled += weight
    yield from _piece(section.heading, held)


def _cut(held: Sequence[Line], weights: Sequence[int], size: int) -> int:
    """How many lines go into the piece: up to the last blank one, unless that leaves too little."""
    before = sum(weights)
    for at in range(len(held) - 1, 0, -1):
        before -= weights[at]
        if before < size // 3:
            break
        if not held[at][1].strip():
            return at
    return len(held)


def _piece(heading: str, lines: Sequence[Line]) -> Iterator[Piece]:
    """The lines as one piece, without blank ones at its ends; nothing when that is all there is."""
    said = [index for index, (_, line) in enumerate(lines) if any(sign.isalnum() for sign in line)]
    if not said:
        return
    first, last = said[0], said[-1]
    while last + 1 < len(lines) and lines[last + 1][1].strip():
        last += 1
    while first > 0 and lines[first - 1][1].strip():
        first -= 1
    text = "\n".join(line.rstrip() for _, line in lines[first : last + 1])
    yield Piece(text, heading, (lines[first][0], lines[last][0]))


def _parts(line: str, size: int) -> Iterator[str]:
    """A line that is too long, at ends of sentences or between words; a word without an end is cut."""
    part, filled = "", 0
    for word in _bits(line, size * 3):
        weight = tokens(word)
        if part and filled + weight > size:
            yield part.strip()
            part, filled = "", 0
        part += word
        filled += weight
    if any(sign.isalnum() for sign in part):
        yield part.strip()


def _bits(line: str, longest: int) -> Iterator[str]:
    """The words with the blanks behind them."""
    for word in re.findall(r"\S+\s*|\s+", line):
        for start in range(0, len(word), longest):
            yield word[start : start + longest]
