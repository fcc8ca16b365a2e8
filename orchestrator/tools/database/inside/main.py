"""The child: reads its order, locks itself in, loads, and then answers one question after the other until it is let go.

An order and every question and answer are one line of JSON, over what were stdin and stdout. The first answer says
`ready` with what holds, `refused` when it cannot be locked in, or `failed` when a table cannot be loaded.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.tools.database.inside.base import Base

KILLED = 9
MAP = ("/proc/self/cgroup", "/proc/self/mountinfo", "/sys/fs/cgroup")
"""How much memory and how many processors it may use: DuckDB aborts where this exists and cannot be read."""


def main() -> None:
    """Arguments are the folders of packages. Returns when stdin ends."""
    reader, writer = _streams()
    sys.path.extend(sys.argv[2:])
    order = json.loads(reader.readline())
    try:
        from orchestrator.tools.database.inside.base import Broken, LoadError

        opened = _kind(order)  # imported before it is locked in: orch itself may lie anywhere
        holds = _lock(order)
    except (OSError, ValueError, ImportError) as error:
        _say(writer, {"refused": str(error)})
        return
    try:
        base = opened(order)
    except LoadError as error:
        _say(writer, {"failed": str(error)})
        return
    except MemoryError:
        _say(writer, {"failed": "the tables need more memory than a query may use"})
        return
    _say(writer, {"ready": holds})
    for line in reader:
        try:
            _say(writer, {"answer": _answer(base, json.loads(line))})
        except Broken as error:
            _say(writer, {"broken": str(error)})
            return


def _streams() -> tuple[BinaryIO, BinaryIO]:
    """Whatever a library prints goes to stderr, never between the answers."""
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return reader, writer


def _lock(order: dict[str, Any]) -> str:
    """Limits everywhere; on Linux also what files can be opened, and what can be asked of the kernel at all."""
    memory = order["memory"]
    if sys.platform == "win32":
        return "none"
    import resource

    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0}
    if sys.platform != "darwin":  # where it is not kept, and setting it may fail
        limits[resource.RLIMIT_AS] = memory
    for kind, value in limits.items():
        _, hardest = resource.getrlimit(kind)
        least = value if hardest == resource.RLIM_INFINITY else min(value, hardest)
        resource.setrlimit(kind, (least, least))
    return _lock_linux(order) if sys.platform == "linux" else "limits"


def _lock_linux(order: dict[str, Any]) -> str:
    from orchestrator.tools.sandbox.inside import landlock, seccomp
    from orchestrator.tools.sandbox.inside.kernel import PR_SET_DUMPABLE, PR_SET_PDEATHSIG, prctl

    prctl("dumpable", PR_SET_DUMPABLE, 0)
    prctl("parent death", PR_SET_PDEATHSIG, KILLED)
    if os.getppid() != order["parent"]:
        raise OSError("its parent is gone")
    holds = ["limits"]
    version = landlock.version()
    if version:
        landlock.restrict(version, [*order["readable"], *order["files"], *MAP], [], order["devices"])
        holds.append(f"landlock {version}")
    seccomp.install()
    return ", ".join([*holds, "seccomp"])


def _kind(order: dict[str, Any]) -> Callable[[dict[str, Any]], Base]:
    """What opens the database; with all its modules."""
    if order["database"]:
        from orchestrator.tools.database.inside.lite import Lite

        return Lite.opened
    from orchestrator.tools.database.inside.duck import Duck

    return Duck.opened


def _answer(base: Base, asked: dict[str, Any]) -> Any:
    match asked["do"]:
        case "query":
            return base.query(asked["sql"], asked["limit"], asked["size"])
        case "explain":
            return base.explain(asked["sql"])
        case _:
            return base.schema()


def _say(writer: BinaryIO, said: dict[str, Any]) -> None:
    writer.write(json.dumps(said).encode() + b"\n")
    writer.flush()
