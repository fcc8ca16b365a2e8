"""Memory that reading many inputs or a long record took, given back before the run goes on. Knows nothing of either."""

from __future__ import annotations

import contextlib
import resource

MUCH = 90_000
"""KiB: a run of a few steps takes less, and has nothing to give back."""


def give_back() -> None:
    """What was freed between two things that stay is kept by the C library for later, unless it is told otherwise."""
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < MUCH:
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # another system, another C library
        ctypes.CDLL(None).malloc_trim(0)


__all__ = ["give_back"]
