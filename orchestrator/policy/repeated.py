"""Whether a text goes round in circles, as no person would write it. Pure; knows no language and no model.

Most of such a text is the same again: a stretch of words that follows itself at least four times, or a sentence or
line that comes back at least four times. Only whole repetition counts. Sentences of one pattern with other facts in
them (opening hours, rows of a table, cases of a program) are what people write, and so are labels and numbers that
recur.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

SHORTEST = 60
"""Characters below which a text is no circle yet."""
LONGEST = 20_000
"""Characters that are looked at, at the end: a model that has begun to repeat itself does not stop."""
SHARE = 0.5
"""The part of a text above which repetition counts: a chorus is less."""
TIMES = 4
"""How often something stands there that is a sentence, or words in a row."""
UNIT = 5
"""Different words a sentence has; what has fewer may be a label or a verdict."""
ITEMS = 8
"""How often what could be an item of a list, of `PHRASE` different words or more."""
PHRASE = 3
LABELS = 40
"""How often what could be a label."""
NEVER = 1_000_000
SEED = 4
"""Words by which a place is known again."""
FEWEST = (TIMES - 1) * (UNIT - SEED + 1)
"""Places known again in a text with a sentence that comes back."""
LEAST = 12
"""Words a stretch has to have."""
LONG_WORD = 40
"""Characters of a word that is none (`hahaha…`); its characters are looked at as words are."""
ONE_SIGN = 32
"""Characters of a text that is nothing but one and the same."""

_SPACELESS = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Scripts without spaces between words: each character counts as one."""
_WORD = re.compile(rf"[{_SPACELESS}]|[^\s{_SPACELESS}]+")
_AROUND = ".,;:!?\"'*`…。、，！？"
"""What may stand behind a word, or before it, and leaves it the same."""
_SENTENCE_END = re.compile(r"\n|(?<=[.!?])\s|(?<=[。！？])")
_LIST_SIGNS = re.compile(r"[\n,;|\t<]")
_SPACELESS_SIGN = re.compile(f"[{_SPACELESS}]")
_ENDS_WITHOUT_SPACE = re.compile("[。！？]")
_NUMBERED = re.compile(r"(?m)^[ \t>]*(?:[-*+•#]+|\(?\w{1,3}[.):])[ \t]+")


def repeats(text: str) -> bool:
    """Whether most of the text is the same again and again."""
    if len(text) < SHORTEST:
        return len(text) >= ONE_SIGN and _one_sign(text)
    text = _NUMBERED.sub("", text[-LONGEST:]).casefold()
    if _one_sign(text):
        return True
    words = _bare(text)
    again = _recurring(words)
    if again > SHARE / 2 * len(words) and _circling(_words(text), text):
        return True
    return (again >= FEWEST or _ENDS_WITHOUT_SPACE.search(text) is not None) and _coming_back(text)


def _one_sign(text: str) -> bool:
    return bool(text) and text == text[0] * len(text)


def _recurring(words: Sequence[str]) -> int:
    """Places at which words in a row stand that stood there before. What repeats itself has many; most texts none.

    A stretch of L words that `_circling` counts has L/2 or more: all but its first period and its last three words, of
    which each is at most a quarter. So what has fewer need not be looked at closely, which takes five times as long.
    """
    seeds = zip(*(words[place:] for place in range(SEED)), strict=False)
    return max(0, len(words) - SEED + 1) - len(set(seeds))


def _bare(text: str) -> list[str]:
    """The words alone, as `_words` finds them."""
    found = text.split()
    spaceless = not text.isascii() and _SPACELESS_SIGN.search(text) is not None
    if spaceless or max(map(len, found), default=0) > LONG_WORD:
        return [word for word, _, _ in _words(text)]
    return [word for one in found if (word := one.strip(_AROUND))]


# ------------------------------------------------------------------------------------ one after the other


Word = tuple[str, int, int]
"""A word, and where it begins and ends."""


def _words(text: str) -> list[Word]:
    found: list[Word] = []
    for match in _WORD.finditer(text):
        word, start = match[0], match.start()
        if len(word) > LONG_WORD:
            found.extend((sign, start + n, start + n + 1) for n, sign in enumerate(word))
        elif bare := word.strip(_AROUND):
            found.append((bare, start, match.end()))
    return found


def _circling(words: Sequence[Word], text: str) -> bool:
    """Whether stretches of words that follow themselves make up most of the text."""
    covered = 0
    for start, end, period in _runs([word for word, _, _ in words]):
        enough = end - start >= max(TIMES * period, LEAST)
        if enough and end - start >= period * _times(words[start : start + period + 1], text):
            covered += end - start
    return covered > SHARE * len(words)


def _runs(words: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Stretches in which each word is that of `period` words before: begin, end, period. Time grows with the length."""
    last: dict[tuple[str, ...], int] = {}
    begin = period = 0
    for place in range(len(words) - SEED + 1):
        seed = tuple(words[place : place + SEED])
        back = place - last.get(seed, place)
        last[seed] = place
        if back != period:
            if period:
                yield begin - period, place + SEED - 1, period
            begin, period = place, back
    if period:
        yield begin - period, len(words), period


def _times(unit: Sequence[Word], text: str) -> int:
    """How often a stretch has to follow itself: more often where it could be an item of a list, or a cell of a table.

    The unit ends with the word that begins the next one. What holds nothing but numbers is never speech.
    """
    inside = text[unit[0][1] : unit[-1][1]]
    several = _variety(word for word, _, _ in unit)
    if not several:
        return NEVER
    if several >= UNIT or not _LIST_SIGNS.search(inside):
        return TIMES
    return ITEMS if several >= PHRASE else LABELS


def _variety(words: Iterable[str]) -> int:
    """How many different words there are among these; numbers and signs are none."""
    return len({word for word in words if any(sign.isalpha() for sign in word)})


# ---------------------------------------------------------------------------------------- again and again


def _coming_back(text: str) -> bool:
    """Whether sentences or lines that stand there several times, wherever, make up most of the text."""
    units = [" ".join(unit.split()) for unit in _SENTENCE_END.split(text)]
    again = sum(len(unit) * n for unit, n in Counter(units).items() if n >= TIMES and _is_sentence(unit))
    return again > SHARE * sum(len(unit) for unit in units)


def _is_sentence(unit: str) -> bool:
    return _variety(match[0] for match in _WORD.finditer(unit)) >= UNIT
