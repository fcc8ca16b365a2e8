"""What code in the sandbox may read: the interpreter's own files, its packages, and libraries of the system."""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

SYSTEM = (
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/lib",
    "/lib64",
    "/nix/store",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/localtime",
    "/etc/fonts",
    "/usr/share/zoneinfo",
    "/usr/share/fonts",
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
PACKAGES = ("site-packages", "dist-packages")
UNUSED = range(0x70000000, 0x80000000)
"""Numbers of users that no system gives away; each call gets one of its own when orch runs as root."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A Python to run, the paths it needs (its standard library first), and where its packages are."""

    python: str
    readable: tuple[str, ...]
    packages: tuple[str, ...]
    devices: tuple[str, ...] = DEVICES


def own_ground() -> Ground:
    """The Python that runs orch, with what is installed beside it."""
    packages = tuple(path for path in sys.path if Path(path).name in PACKAGES and Path(path).is_dir())
    paths = sysconfig.get_paths()
    own = [paths["stdlib"], paths["platstdlib"], f"{sys.base_prefix}/lib", f"{sys.base_prefix}/lib64"]
    there = [path for path in (*own, *packages, *SYSTEM) if Path(path).exists()]
    return Ground(sys.executable, tuple(dict.fromkeys(there)), packages)


def owner(salt: int) -> int:
    """The user that code runs as: us, or one without any rights when we are root."""
    user = os.geteuid()
    return user if user != 0 else UNUSED[salt % len(UNUSED)]


def threads_of(user: int) -> int:
    """How many threads this user has on this machine; a limit of threads counts them all."""
    count = 0
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            count += _threads(process, user)
    return count


def _threads(process: Path, user: int) -> int:
    try:
        return sum(1 for _ in (process / "task").iterdir()) if process.stat().st_uid == user else 0
    except OSError:  # it ended meanwhile
        return 0
