"""What this machine has: memory and cores a model may use, bounded by the container it runs in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from orchestrator.errors import ProviderError

CGROUP = Path("/sys/fs/cgroup")


def memory_available(cgroup: Path = CGROUP) -> int:
    """Bytes that can be used now without pushing anything out."""
    import psutil

    free = int(psutil.virtual_memory().available)
    limit, used = _number(cgroup / "memory.max"), _number(cgroup / "memory.current")
    return free if limit is None or used is None else max(0, min(free, limit - used + _reclaimable(cgroup)))


def memory_total(cgroup: Path = CGROUP) -> int:
    """Bytes of memory altogether."""
    import psutil

    total = int(psutil.virtual_memory().total)
    limit = _number(cgroup / "memory.max")
    return total if limit is None else min(total, limit)


def models_at_most(environ: Mapping[str, str]) -> int | None:
    """How many models `ORCH_MODELS_MAX` lets be loaded at once; None where nobody says. Raises ProviderError."""
    stated = environ.get("ORCH_MODELS_MAX", "").strip()
    if not stated:
        return None
    if not stated.isascii() or not stated.isdigit() or int(stated) < 1:
        raise ProviderError(
            "refused", f"ORCH_MODELS_MAX is {stated!r}", hint="a number of models, 1 or more; or leave it out"
        )
    return int(stated)


def read_ahead(path: str) -> None:
    """Ask the system to have a file in its page cache soon; where it cannot be asked, nothing happens."""
    if not hasattr(os, "posix_fadvise"):
        return
    with suppress(OSError), Path(path).open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)


def cores(cgroup: Path = CGROUP) -> int:
    """Physical cores this process may use, at least one. A second thread on one core slows inference down."""
    import psutil

    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    quota = _quota(cgroup / "cpu.max")
    return max(1, min(physical, allowed, physical if quota is None else quota))


def _reclaimable(cgroup: Path) -> int:
    """Page cache counts as used by the container, but is given back when needed."""
    for line in _text(cgroup / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        if name == "inactive_file" and value.isdigit():
            return int(value)
    return 0


def _quota(path: Path) -> int | None:
    share, _, period = _text(path).strip().partition(" ")
    return (
        max(1, round(int(share) / int(period)))
        if share.isdigit() and period.isdigit() and int(period)
        else None
    )


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
