"""What the record holds of a value: all of it, a digest, or nothing, by its label (`keep:`). Pure; writes nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal, TypeAlias

from orchestrator.labels import LEVELS, Label, rank
from orchestrator.light import light

Keeping: TypeAlias = Literal["full", "hash", "none"]
DEFAULT: Mapping[Label, Keeping] = {"secret": "hash"}
"""What holds where the file says nothing: a secret is never written down."""
_NOTE = re.compile(r"\[(public|internal|private|secret), not kept(?:; digest ([0-9a-f]{32}))?\]")


@light(frozen=True, slots=True)
class Keep:
    """How values of each label are kept. `key` makes digests useless to who has only the record."""

    rules: Mapping[Label, Keeping] = field(default_factory=lambda: DEFAULT)
    key: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, stated: Mapping[Label, Keeping], key: bytes = b"") -> Keep:
        """The rules of a file, over the default."""
        return cls({**DEFAULT, **stated}, key)

    def how(self, label: Label) -> Keeping:
        """The rule of the highest label that is not above this one; all of it where there is none."""
        reached = [level for level in LEVELS if level in self.rules and rank(level) <= rank(label)]
        return self.rules[reached[-1]] if reached else "full"

    def note(self, value: Any, label: Label) -> str:
        """What stands in the record in the place of a value that is not kept in full."""
        if self.how(label) == "none":
            return f"[{label}, not kept]"
        return f"[{label}, not kept; digest {self.digest(value)}]"

    def digest(self, value: Any) -> str:
        """The same for equal values, and only with the key to be compared with a guess."""
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
        return hmac.new(self.key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


def noted(value: Any) -> tuple[str, str] | None:
    """Label and digest (empty for none) of a value that was not kept; None for every other value."""
    found = _NOTE.fullmatch(value) if isinstance(value, str) else None
    return (found[1], found[2] or "") if found else None


__all__ = ["DEFAULT", "Keep", "Keeping", "noted"]
