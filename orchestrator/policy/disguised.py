"""Secrets in other writing: another case or width, joints between the letters, backwards, base64, hex. Pure.

For values that are about to count as less private, where a false alarm costs a repeated call and a miss costs the
secret. What is spelled out in words, translated or encrypted is not found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from functools import lru_cache

from orchestrator.light import light
from orchestrator.policy.detect import plain
from orchestrator.policy.encoded import in_base64
from orchestrator.policy.secrets import SHORTEST, Secrets


@light(frozen=True, slots=True)
class Disguised:
    """What is looked for in texts that were brought into one form."""

    needles: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def of(cls, secrets: Secrets) -> Disguised:
        return _of(secrets.spellings)

    def is_in(self, texts: Iterable[str]) -> bool:
        """Whether one of the secrets stands in one of these texts."""
        if not self.needles:
            return False
        return any(needle in form for form in map(_bare, texts) for needle in self.needles)


@lru_cache(maxsize=4)
def _of(spellings: tuple[tuple[str, str], ...]) -> Disguised:
    found = (needle for text, _ in spellings for needle in _needles(text))
    return Disguised(frozenset(needle for needle in found if len(needle) >= SHORTEST))


def _bare(text: str) -> str:
    """Letters and digits only, in one case and one width."""
    return "".join(char for char in plain(text).casefold() if char.isalnum())


def _needles(secret: str) -> Iterator[str]:
    bare = _bare(secret)
    yield bare
    yield bare[::-1]
    for text in (secret, secret[::-1]):
        data = text.encode("utf-8", "surrogatepass")
        yield data.hex()
        yield from map(_bare, in_base64(data))


__all__ = ["Disguised"]
