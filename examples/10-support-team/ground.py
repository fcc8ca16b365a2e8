"""Whether a reply stands on its sources, and the sentence of a source that fits best: by words and numbers, no model."""

from __future__ import annotations

import re
from typing import TypedDict

SHARE = 0.75
"""Of the words of a reply that have to stand in its sources."""
_WORD = re.compile(r"[^\W\d_]{4,}")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_COMMON = frozenset("about after also been from have into just more need that their them then there they this what when where which will with your".split())
_LANGUAGES = {
    "en": "the and is my how what do can you for not have of",
    "de": "der die das und ist wie mein nicht ich kann für auf wo wann habe meine zu",
    "fr": "le la les et est mon ma je comment pas pour une quand puis des où",
    "es": "el la los y es mi cómo no para una cuándo puedo de qué dónde",
    "it": "il la gli e è mio come non per una quando posso di che dove",
}


class Judged(TypedDict):
    ok: bool
    cite: int
    why: str


class Quote(TypedDict):
    text: str
    cite: int


def grounded(answer: str, sources: list[str]) -> Judged:
    """Every number of the answer, and most of its words, stand in one of the sources, or in all of them together."""
    numbers, words = set(_NUMBER.findall(answer)), _words(answer)
    if not words:
        return {"ok": False, "cite": 0, "why": "it says nothing"}
    best = max(range(len(sources)), key=lambda place: _share(words, numbers, sources[place]))
    source = sources[best]
    strange = sorted(numbers - set(_NUMBER.findall(source)))
    if strange:
        return {"ok": False, "cite": best + 1, "why": f"{', '.join(strange)} is in no source"}
    share = len(words & _words(source)) / len(words)
    if share < SHARE:
        return {"ok": False, "cite": best + 1, "why": f"only {share:.0%} of its words are in the source"}
    return {"ok": True, "cite": best + 1, "why": ""}


def quoted(question: str, sources: list[str]) -> Quote:
    """The line that shares most with the question: rare words count more, earlier sources win."""
    lines = [(place, line) for place, text in enumerate(sources, 1) for line in _sayings(text)]
    if not lines:
        return {"text": "", "cite": 0}
    asked = _words(question)
    held = [_words(line) for _, line in lines]
    weight = {word: 1 / max(1, sum(word in words for words in held)) ** 2 for word in asked}
    scores = [sum(weight[word] for word in asked & words) + 0.1 / place for (place, _), words in zip(lines, held)]
    place, line = lines[max(range(len(lines)), key=scores.__getitem__)]
    return {"text": line, "cite": place}


def language(text: str) -> str:
    """By the small words; "en" where they do not tell."""
    words = re.findall(r"\w+", text.lower())
    counts = {name: sum(word in known.split() for word in words) for name, known in _LANGUAGES.items()}
    return max(counts, key=lambda name: counts[name])


def _share(words: set[str], numbers: set[str], source: str) -> float:
    return len(words & _words(source)) + 2 * len(numbers & set(_NUMBER.findall(source)))


def _words(text: str) -> set[str]:
    return {_stem(word) for word in _WORD.findall(text.lower()) if word not in _COMMON}


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "ed", "es", "s", "l"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def _sayings(text: str) -> list[str]:
    """Lines that say something; a question of the handbook goes together with its answer."""
    lines = _lines(text)
    joined = [f"{line} {after}" if line.endswith("?") else line for line, after in zip(lines, [*lines[1:], ""])]
    return [line for line, before in zip(joined, ["", *lines]) if not before.endswith("?")]


def _lines(text: str) -> list[str]:
    """Of a Markdown text, what says something: no headings, no rules of tables."""
    found = (line.strip().lstrip("-*> 0123456789.").strip() for line in text.splitlines() if not line.lstrip().startswith(("#", "| -")))
    return [line for line in found if len(line.split()) > 2]
