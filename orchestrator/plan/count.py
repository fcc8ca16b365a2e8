"""Numbers that may hold unknowns: `40`, `4 × len(inputs.tickets)`. Sums of products with whole coefficients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Term = tuple[str, ...]
"""The unknowns of a product, sorted; () is the plain number."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many. `terms` maps a product of unknowns to its coefficient; zero terms are left out."""

    terms: Mapping[Term, int]

    def __add__(self, other: Count) -> Count:
        terms = Counter(self.terms)
        terms.update(other.terms)
        return _clean(terms)

    def __mul__(self, other: Count | int) -> Count:
        factor = of(other) if isinstance(other, int) else other
        terms: Counter[Term] = Counter()
        for left, a in self.terms.items():
            for right, b in factor.terms.items():
                terms[tuple(sorted(left + right))] += a * b
        return _clean(terms)

    @property
    def known(self) -> int | None:
        """The number, when there is no unknown in it."""
        return self.terms.get((), 0) if not set(self.terms) - {()} else None

    @property
    def unknowns(self) -> tuple[str, ...]:
        """Every unknown, once, in order of appearance."""
        return tuple(dict.fromkeys(name for term in self.terms for name in term))

    def __str__(self) -> str:
        parts = [_words(term, factor) for term, factor in sorted(self.terms.items(), reverse=True)]
        return " + ".join(parts) or "0"


def of(number: int) -> Count:
    return _clean(Counter({(): number}))


def unknown(name: str) -> Count:
    """A number that nobody knows before the run, by the name a person would call it."""
    return Count({(name,): 1})


def total(counts: Iterable[Count]) -> Count:
    result = of(0)
    for count in counts:
        result += count
    return result


def _clean(terms: Mapping[Term, int]) -> Count:
    return Count({term: factor for term, factor in terms.items() if factor})


def _words(term: Term, factor: int) -> str:
    if not term:
        return f"{factor:,}"
    names = " × ".join(term)
    return names if factor == 1 else f"{factor:,} × {names}"
