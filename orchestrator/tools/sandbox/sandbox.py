"""The sandbox from outside: starts the child, feeds and watches it, ends it, and takes what it made. Fails closed."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import itertools
import marshal
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.calling import Artifact, quiet
from orchestrator.errors import SandboxUnavailable, ToolError
from orchestrator.tools.sandbox.files import gather, remove, usage
from orchestrator.tools.sandbox.ground import Ground, own_ground, owner, threads_of
from orchestrator.tools.sandbox.limits import Limits
from orchestrator.tools.sandbox.report import Report

START = "import sys; sys.path.insert(0, sys.argv[1]); from orchestrator.tools.sandbox.inside.main import main; main()"
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "MPLBACKEND": "Agg",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
TIMED_OUT = 124
"""Exit code of what took too long, as timeout(1) has it."""
WATCH = 0.05
"""Seconds between two looks at a scratch without a quota of its own."""
LAST_WORDS = 10.0
"""Seconds a killed process may take until it is gone."""
ELSEWHERE = (
    "run orch on Linux (in a container, or WSL on Windows); code without files and packages runs everywhere in the tier "
    "'pure': pip install 'orch[pure]'"
)


@dataclass(frozen=True, slots=True)
class Job:
    """What to run: a file among `files` with arguments, or a module. `files` are written into the scratch first."""

    files: Mapping[str, str]
    argv: tuple[str, ...]
    module: str = ""
    stdin: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `exit` is 124 after the time ran out, 128 and the signal's number when it was killed."""

    exit: int
    stdout: str
    stderr: str
    value: Any = None
    files: tuple[Artifact, ...] = ()
    layers: str = ""
    """What kept the code in."""


@dataclass(slots=True)
class _Talk:
    """What a running child has said so far, and why it was stopped, if it was."""

    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)
    stopped: str = ""
    late: bool = False


class Sandbox:
    """Runs jobs one by one or many at a time. Remembers only whether namespaces work here."""

    def __init__(
        self,
        limits: Limits | None = None,
        ground: Ground | None = None,
        *,
        space: bool = True,
        platform: str = sys.platform,
    ) -> None:
        self._limits = limits or Limits()
        self._ground = ground or own_ground()
        self._space = space
        self._why_no_space = "" if space else "not wanted"
        self._platform = platform
        self._salt = itertools.count(os.getpid() << 6)

    @property
    def limits(self) -> Limits:
        return self._limits

    @property
    def _too_much(self) -> str:
        return f"more than {self._limits.disk >> 20} MB or {self._limits.files} files"

    async def run(
        self,
        job: Job,
        keep: Path,
        *,
        seconds: float | None = None,
        progress: Callable[[str], None] = quiet,
    ) -> Outcome:
        """Run a job; what it made is copied to `keep`. Raises SandboxUnavailable before anything ran."""
        if not self._platform.startswith("linux"):
            raise SandboxUnavailable(
                f"the python sandbox needs Linux, this is {self._platform}", hint=ELSEWHERE
            )
        wall = min(self._limits.seconds, self._limits.seconds if seconds is None else seconds)
        with _scratch() as scratch:
            while True:
                try:
                    return await self._once(job, keep, scratch, wall, progress)
                except _NoSpace as error:
                    self._space, self._why_no_space = False, str(error)

    async def _once(
        self, job: Job, keep: Path, scratch: Path, wall: float, progress: Callable[[str], None]
    ) -> Outcome:
        user = owner(next(self._salt))
        work = None if self._space else _hand_over(scratch, user)
        ours, theirs = socket.socketpair()
        report = Report(ours, self._limits.value, work)
        try:
            order = self._order(job, scratch, user)
            talk, code = await self._child(order, scratch, theirs, report, wall, progress)
            layers = self._locked_in(report.status, talk)
            files, whole = await asyncio.to_thread(self._made, report.work, job, keep)
            if not whole:
                talk.stopped, code = talk.stopped or self._too_much, code or 128 + signal.SIGKILL
            return _outcome(talk, code, report.value, files, layers)
        finally:
            report.close()

    async def _child(
        self,
        order: dict[str, Any],
        scratch: Path,
        theirs: socket.socket,
        report: Report,
        wall: float,
        progress: Callable[[str], None],
    ) -> tuple[_Talk, int]:
        talk = _Talk()
        process = await self._start(order, theirs)
        tasks = [
            asyncio.create_task(self._listen(process, process.stdout, talk.out, talk, progress)),
            asyncio.create_task(self._listen(process, process.stderr, talk.err, talk, quiet)),
            asyncio.create_task(report.ended()),
        ]
        if not self._space:
            tasks.append(asyncio.create_task(self._watch(process, scratch, talk)))
        try:
            async with asyncio.timeout(wall):
                await asyncio.gather(process.wait(), *tasks[:3])
        except TimeoutError:
            talk.late, talk.stopped = True, f"still running after {wall:g} s"
        finally:
            _kill(process)
            await asyncio.wait(tasks[:3], timeout=LAST_WORDS)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            code = await _gone(process)
        return talk, code

    async def _start(self, order: dict[str, Any], theirs: socket.socket) -> asyncio.subprocess.Process:
        stdin, given = -1, -1
        try:
            stdin, given = _sealed(order.pop("stdin")), _sealed(marshal.dumps(order))
            return await asyncio.create_subprocess_exec(
                *(self._ground.python, "-I", "-S", "-X", "utf8", "-c", START),
                *(_home(), str(given), str(theirs.fileno())),
                stdin=stdin,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(given, theirs.fileno()),
                env=ENVIRONMENT,
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxUnavailable(f"the sandbox cannot start {self._ground.python}: {error}") from error
        finally:
            theirs.close()
            for descriptor in (stdin, given):
                if descriptor >= 0:
                    os.close(descriptor)

    def _order(self, job: Job, scratch: Path, user: int) -> dict[str, Any]:
        together = 0 if self._space or os.geteuid() == 0 else threads_of(user)
        return {
            "space": self._space,
            "owner": user,
            "parent": os.getpid(),
            "readable": list(self._ground.readable),
            "devices": list(self._ground.devices),
            "packages": list(self._ground.packages),
            "scratch": str(scratch),
            "work": str(scratch / "work"),
            "limits": self._limits.as_map(others=together),
            "files": dict(job.files),
            "argv": list(job.argv),
            "module": job.module,
            "stdin": job.stdin.encode("utf-8", "replace"),
        }

    async def _listen(
        self,
        process: asyncio.subprocess.Process,
        stream: asyncio.StreamReader | None,
        into: bytearray,
        talk: _Talk,
        progress: Callable[[str], None],
    ) -> None:
        """Read to the end also after it was killed: a process counts as gone only when its pipes are empty."""
        assert stream is not None
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while piece := await stream.read(65536):
            room = self._limits.output - len(into)
            into += piece[:room]
            progress(decoder.decode(piece[:room]))
            if len(piece) > room:
                talk.stopped = talk.stopped or f"more than {self._limits.output} bytes of output"
                _kill(process)

    async def _watch(self, process: asyncio.subprocess.Process, scratch: Path, talk: _Talk) -> None:
        """Stand in for a quota: the file system is the machine's own, only each file is limited by the kernel."""
        while True:
            size, count = await asyncio.to_thread(usage, scratch, self._limits.files)
            if size > self._limits.disk or count > self._limits.files:
                talk.stopped = talk.stopped or self._too_much
                _kill(process)
                return
            await asyncio.sleep(WATCH)

    def _locked_in(self, status: str, talk: _Talk) -> str:
        """What holds. Raises unless the child said that it is locked in before it ran the code."""
        word, _, rest = status.partition(" ")
        if word == "ready":
            return rest
        if word == "no-space":
            raise _NoSpace(rest)
        said = rest or talk.stopped or talk.err.decode("utf-8", "replace").strip()[-500:] or "it said nothing"
        also = f" (namespaces: {self._why_no_space})" if self._why_no_space else ""
        raise SandboxUnavailable(
            f"the python sandbox does not work on this machine: {said}{also}", hint="orch doctor --sandbox"
        )

    def _made(self, work: int | None, job: Job, keep: Path) -> tuple[tuple[Artifact, ...], bool]:
        assert work is not None
        return gather(work, job.files, keep, self._limits.disk, self._limits.files)


class _NoSpace(Exception):
    """Namespaces do not work here; Landlock and the filter of system calls may be enough."""


def _outcome(talk: _Talk, code: int, value: Any, files: tuple[Artifact, ...], layers: str) -> Outcome:
    err = talk.err.decode("utf-8", "replace")
    if talk.stopped:
        err += ("" if not err or err.endswith("\n") else "\n") + f"stopped: {talk.stopped}\n"
    number = TIMED_OUT if talk.late else code if code >= 0 else 128 - code
    return Outcome(number, talk.out.decode("utf-8", "replace"), err, value, files, layers)


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """Two empty directories; used only where the child gets no file system of its own."""
    path = Path(tempfile.mkdtemp(prefix="orch-sandbox-"))
    try:
        yield path
    finally:
        remove(path)


def _hand_over(scratch: Path, user: int) -> int:
    """Give the scratch to the child's user. The descriptor is of its folder `work`, wherever the code moves it."""
    for path in (scratch, scratch / "work", scratch / "tmp"):
        path.mkdir(mode=0o700, exist_ok=True)
        os.chown(path, user, -1)
    return os.open(scratch / "work", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _sealed(content: bytes) -> int:
    """An anonymous file that is read from its beginning."""
    descriptor = os.memfd_create("orch", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _home() -> str:
    """The folder that `orchestrator` is imported from."""
    return str(Path(__file__).resolve().parents[3])


async def _gone(process: asyncio.subprocess.Process) -> int:
    """The exit code of a process that was killed or has ended."""
    try:
        return await asyncio.wait_for(asyncio.shield(process.wait()), LAST_WORDS)
    except TimeoutError as error:
        raise ToolError(
            f"the sandboxed process {process.pid} was killed and is still there after {LAST_WORDS:g} s"
        ) from error


def _kill(process: asyncio.subprocess.Process) -> None:
    """The child and whatever is in its session; it is its own group."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
