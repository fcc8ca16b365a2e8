"""Measures drafts: what limits a text breaks, and how different several texts are. Knows no model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

LEAST = 6
"""Words of the shortest text: below it is a list, not a sentence."""


@dataclass
class Variety:
    """`distinct_1`, `distinct_2`: share of different words and pairs of words among all; `similarity`: mean share of
    words that two drafts have in common."""

    distinct_1: float
    distinct_2: float
    similarity: float


def variety(drafts: list[str]) -> Variety:
    """How different several texts are."""
    words = [_words(draft) for draft in drafts]
    pairs = [list(pairwise(one)) for one in words]
    singles = [word for one in words for word in one]
    doubles = [pair for one in pairs for pair in one]
    shares = [_common(one, other) for n, one in enumerate(words) for other in words[n + 1 :]]
    mean = sum(shares) / len(shares) if shares else 1.0
    return Variety(_share(singles), _share(doubles), round(mean, 3))


def broken(text: str, product: str, must: list[str], avoid: list[str], words: int) -> list[str]:
    """The limits that a text does not keep, in words; empty when it keeps all."""
    found = [f"it does not name {product}"] if not _has(text, product) else []
    found += [f"the word '{word}' is missing" for word in must if not _has(text, word)]
    found += [f"it uses '{word}'" for word in avoid if _has(text, word)]
    count = len(text.split())
    fits = LEAST <= count <= words
    return found + ([] if fits else [f"it has {count} words, not {LEAST} to {words}"])


def choose(
    drafts: list[str], favourite: str, product: str, must: list[str], avoid: list[str], words: int
) -> str:
    """The judge's favourite among the drafts that break the fewest limits; else the first of them."""
    counts = [len(broken(draft, product, must, avoid, words)) for draft in drafts]
    best = [draft for draft, count in zip(drafts, counts, strict=True) if count == min(counts)]
    return favourite if favourite in best else best[0] if best else ""


def mend(text: str, product: str, brief: str, must: list[str], avoid: list[str], words: int) -> str:
    """A text within the limits, without a model: its whole sentences if it names the product, those of the brief, then the words that are missing."""
    if not broken(text, product, must, avoid, words):
        return text
    kept: list[str] = []
    about = _sentences(text) if _has(text, product) else []
    for sentence in (*about, *_sentences(brief)):
        own = [*kept, sentence]
        clean = not any(_has(sentence, word) for word in avoid)
        missing = [word for word in must if not _has(" ".join(own), word)]
        spare = words - len(missing) - len(product.split())
        if (
            clean
            and sentence not in kept
            and len(" ".join(own).split()) <= spare
            and len(sentence.split()) > 2
        ):
            kept = own
    said = " ".join(kept)
    missing = [word for word in must if not _has(said, word)]
    tail = f"{', '.join(missing)}." if missing else ""
    said = " ".join(part for part in (said, tail[:1].upper() + tail[1:]) if part)
    return said if _has(said, product) else f"{product}: {said}"


def _sentences(text: str) -> list[str]:
    """Whole ones only: what ends without a full stop was cut."""
    return [one.strip() for one in re.findall(r"[^.!?]+[.!?]+", text) if one.strip()]


def _has(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _share(found: list[str] | list[tuple[str, str]]) -> float:
    return round(len(set(found)) / len(found), 3) if found else 0.0


def _common(one: list[str], other: list[str]) -> float:
    together = set(one) | set(other)
    return len(set(one) & set(other)) / len(together) if together else 1.0
