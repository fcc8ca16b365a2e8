"""The child: reads its job, locks itself in, says so, and only then runs the code. Any doubt ends it before that.

It says one line on the report socket: `ready` and what holds, or `refused` or `no-space` and why. The value follows.
"""

from __future__ import annotations

import _socket
import marshal
import os
import resource
import sys

from orchestrator.tools.sandbox.inside import landlock, seccomp, space
from orchestrator.tools.sandbox.inside.kernel import (
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    prctl,
)
from orchestrator.tools.sandbox.inside.work import work

TYPE_CHECKING = False  # of our own: importing typing takes longer than everything else here
if TYPE_CHECKING:
    from typing import Any

KILLED = 9
RIGHTS = 1
"""The kind of control message that hands over descriptors (SCM_RIGHTS)."""


def main() -> None:
    """Descriptors of job and report are the arguments. Never returns into code that is not locked in."""
    job_at, report_at = int(sys.argv[2]), int(sys.argv[3])
    report = _socket.socket(fileno=report_at)
    try:
        job = _read(job_at)
        holds = _lock(job, report)
    except _NoSpace as error:
        _say(report, f"no-space {error}")
        os._exit(0)
    except (OSError, ValueError, AssertionError) as error:
        _say(report, f"refused {error}")
        os._exit(0)
    _say(report, f"ready {holds}")
    _forget()
    work(job, report)


class _NoSpace(Exception):
    """Namespaces do not work here."""


def _read(at: int) -> dict[str, Any]:
    with os.fdopen(at, "rb") as file:
        job = marshal.loads(file.read())  # noqa: S302 - written by the parent, which is this program too
    assert isinstance(job, dict)
    return job


def _lock(job: dict[str, Any], report: _socket.socket) -> str:
    """Everything that keeps the code in, in the order in which each still can be done."""
    _first_to_go()
    holds = []
    if job["space"]:
        _enter(job, report)
        holds.append("namespaces")
    owner = job["owner"]
    if os.geteuid() == 0:
        _become(owner)
        holds.append(f"user {owner}")
    os.chdir(job["work"])
    _limits(job)
    prctl("no_new_privs", PR_SET_NO_NEW_PRIVS, 1)
    prctl("dumpable", PR_SET_DUMPABLE, 0)
    prctl("parent death", PR_SET_PDEATHSIG, KILLED)
    if os.getppid() != job["parent"]:
        raise OSError("its parent is gone")
    abi = landlock.version()
    if not job["space"] and abi < landlock.WITH_TRUNCATE:
        raise OSError(f"neither namespaces nor Landlock {landlock.WITH_TRUNCATE} (it is {abi})")
    _readable(job)
    if abi:
        landlock.restrict(abi, job["readable"], [job["scratch"]], job["devices"])
        holds.append(f"landlock {abi}")
    seccomp.install()
    return ", ".join([*holds, "seccomp"])


def _first_to_go() -> None:
    """When memory runs out on this machine the kernel takes this process first."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        return


def _enter(job: dict[str, Any], report: _socket.socket) -> None:
    limits = job["limits"]
    try:
        space.enter(job["readable"], job["devices"], job["owner"], limits["disk"], limits["files"])
    except OSError as error:
        raise _NoSpace(str(error)) from error
    base = space.SCRATCH
    for name in ("work", "tmp"):
        os.mkdir(f"{base}/{name}", 0o700)
        os.chown(f"{base}/{name}", job["owner"], -1)
    job["scratch"], job["work"] = base, f"{base}/work"
    at = os.open(job["work"], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    report.sendmsg([b"."], [(_socket.SOL_SOCKET, RIGHTS, at.to_bytes(4, sys.byteorder))])
    os.close(at)


def _become(owner: int) -> None:
    """Another user for good: without its groups, and with no way back."""
    os.setgroups([])
    os.setresgid(owner, owner, owner)
    os.setresuid(owner, owner, owner)
    if 0 in os.getresuid() or 0 in os.getresgid() or os.getgroups():
        raise OSError("root's rights could not be given up")


def _limits(job: dict[str, Any]) -> None:
    limits = job["limits"]
    wanted = {
        resource.RLIMIT_AS: limits["memory"],
        resource.RLIMIT_CPU: limits["cpu"],
        resource.RLIMIT_FSIZE: limits["disk"],
        resource.RLIMIT_NOFILE: limits["descriptors"],
        resource.RLIMIT_NPROC: limits["threads"],
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_SIGPENDING: 64,
        resource.RLIMIT_STACK: 8 << 20,
    }
    for kind, value in wanted.items():
        _, hardest = resource.getrlimit(kind)
        least = value if hardest == resource.RLIM_INFINITY else min(value, hardest)
        resource.setrlimit(kind, (least, least))


def _readable(job: dict[str, Any]) -> None:
    """The interpreter must find its own files as the user it is now."""
    at = job["readable"][0]
    if not os.access(at, os.R_OK | os.X_OK):
        raise OSError(
            f"the Python at {at} cannot be read by other users than root, and namespaces do not work here"
        )


def _say(report: _socket.socket, line: str) -> None:
    report.sendall(line.replace("\n", " ").encode("utf-8", "replace") + b"\n")


def _forget() -> None:
    """The code finds the interpreter as if nothing had been there."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "orchestrator"]:
        del sys.modules[name]
