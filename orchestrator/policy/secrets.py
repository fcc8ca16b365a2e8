"""Secrets known by value: found in a text, and taken out of what is written down. Pure; reads no environment.

A label says what a value may hold; this says what it does hold. Both are needed: a label is proved before the run,
a secret that a model wrote into its answer is only seen when it is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

from orchestrator.light import light
from orchestrator.policy.encoded import encoded

SHORTEST = 4
"""Characters below which a value is no secret to look for: it would be found in every other word."""


@light(frozen=True, slots=True)
class Secrets:
    """Secret values by what stands in their place, longest first, each in every way it may be written."""

    spellings: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Secrets:
        """Of variables by name, e.g. `{'API_KEY': 'sk-…'}`. Values that are too short to be told apart are left out."""
        found: dict[str, str] = {}
        for name, value in values.items():
            for spelling in _spellings(value):
                found.setdefault(spelling, f"[env.{name}]")
        return cls(tuple(sorted(found.items(), key=lambda pair: -len(pair[0]))))

    def __bool__(self) -> bool:
        return bool(self.spellings)

    def found(self, texts: Iterable[str]) -> str | None:
        """What stands for the first secret that one of these texts holds; None when they hold none."""
        for text in texts:
            for spelling, instead in self.spellings:
                if spelling in text:
                    return instead
        return None

    def within(self, value: Any) -> bool:
        """Whether any text in a value holds a secret. Looks only, and so takes a fifth of the time of `cleaned`."""
        kind = type(value)
        if kind is str:
            if len(value) >= SHORTEST:
                for spelling, _ in self.spellings:
                    if spelling in value:
                        return True
            return False
        if kind is dict:
            return self.within(tuple(value)) or self.within(tuple(value.values()))
        if kind is list or kind is tuple:
            for inner in value:
                if inner is not None and type(inner) not in _NO_TEXT and self.within(inner):
                    return True
            return False
        return value is not None and kind not in _NO_TEXT and self.cleaned(value) is not value

    def clean(self, text: str) -> str:
        """The text with every secret replaced by its name."""
        for spelling, instead in self.spellings:
            if spelling in text:
                text = text.replace(spelling, instead)
        return text

    def cleaned(self, value: Any) -> Any:
        """A value like this one, with every text in it cleaned; the value itself when nothing is in it."""
        match value:
            case str():
                return self.clean(value)
            case Mapping():
                changed = {self.cleaned(key): self.cleaned(inner) for key, inner in value.items()}
                return changed if changed != value else value
            case list() | tuple():
                items = [self.cleaned(inner) for inner in value]
                same = all(new is old for new, old in zip(items, value, strict=True))
                return value if same else type(value)(items)
            case _:
                return value


@dataclass(slots=True)
class Masked:
    """A stream of pieces by path in which no secret shows, even if it comes in two pieces.

    What may be the beginning of a secret waits for what follows.
    """

    secrets: Secrets
    to: Callable[[str, str], None]
    _held: dict[str, str] = field(default_factory=dict)

    def __call__(self, path: str, text: str) -> None:
        if text:
            text = self.secrets.clean(self._held.pop(path, "") + text)
            waits = self._beginning(text)
            if waits:
                self._held[path] = text[-waits:]
                text = text[:-waits]
        self.to(path, text)

    def end(self, path: str) -> None:
        """The answer is complete: what waited was no secret."""
        held = self._held.pop(path, "")
        if held:
            self.to(path, held)

    def _beginning(self, text: str) -> int:
        """Characters at the end of the text with which a secret may begin."""
        longest = 0
        for spelling, _ in self.secrets.spellings:
            most = min(len(spelling) - 1, len(text))
            start = text.find(spelling[0], len(text) - most)
            while 0 <= start < len(text) - longest:
                if spelling.startswith(text[start:]):
                    longest = len(text) - start
                start = text.find(spelling[0], start + 1)
        return longest


def _spellings(value: str) -> Iterable[str]:
    """As it is, without blanks around it, inside JSON (both ways), inside an address, and as programs write bytes."""
    for text in dict.fromkeys((value, value.strip())):
        if len(text) < SHORTEST:
            continue
        yield text
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield json.dumps(text)[1:-1]
        yield from _in_address(text)
    yield from encoded(value.strip())


def _in_address(text: str) -> Iterable[str]:
    """With percent signs, which some write in small letters; a blank may be a plus."""
    for written in (quote(text, safe=""), quote(text), quote_plus(text)):
        yield written
        yield _PERCENT.sub(lambda found: found[0].lower(), written)


_PERCENT = re.compile("%[0-9A-F]{2}")
_NO_TEXT = frozenset((int, float, bool))
NONE = Secrets()

__all__ = ["NONE", "SHORTEST", "Masked", "Secrets"]
