"""Which workflow of another revision a file is that has another name there. Knows bytes, not git and not workflows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath

ALIKE = 0.6
"""The share of lines in common from which two files are one that was moved."""


def same_file(text: bytes, others: Mapping[PurePosixPath, bytes]) -> PurePosixPath | None:
    """The one of `others` that is most like it; None where none is like it, or two are so equally."""
    own = _lines(text)
    shares = sorted(((_in_common(own, _lines(other)), path) for path, other in others.items()), reverse=True)
    near = [one for one in shares if one[0] >= ALIKE]
    if not near or (len(near) > 1 and near[0][0] == near[1][0]):
        return None
    return near[0][1]


def _lines(text: bytes) -> Counter[bytes]:
    return Counter(line.strip() for line in text.splitlines() if line.strip())


def _in_common(one: Counter[bytes], other: Counter[bytes]) -> float:
    both = one.total() + other.total()
    return 2 * (one & other).total() / both if both else 0.0


__all__ = ["same_file"]
