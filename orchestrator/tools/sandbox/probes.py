"""Tries the attacks in the sandbox on this machine and says which of them it held. `orch doctor --sandbox` prints it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import SandboxUnavailable, ToolError
from orchestrator.tools.sandbox.attacks import ATTACKS, MAY_DIE, PATIENT, PRELUDE, STOPPED
from orchestrator.tools.sandbox.ground import Ground
from orchestrator.tools.sandbox.limits import Limits
from orchestrator.tools.sandbox.sandbox import Job, Outcome, Sandbox

SMALL = Limits(
    seconds=20.0, memory=256 << 20, disk=8 << 20, files=200, output=64 << 10, value=64 << 10, threads=16
)
SHORT = 1.5
SLACK = 10.0
"""Seconds a machine under load may take beyond a limit until a process is gone."""
VICTIM_TEXT = "keep me\n"
TOO_MUCH = "stopped: more than"
"""How the last line begins when the parent ended it for its size."""
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Probe:
    """One attack and what became of it. `detail` says what broke, or how it was held."""

    name: str
    held: bool
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Table:
    """All probes, what kept the code in, and as whom orch ran. `refused` says why nothing runs here at all."""

    probes: tuple[Probe, ...]
    layers: str
    user: str
    refused: str = ""

    @property
    def held(self) -> bool:
        """Everything was held; a sandbox that refuses to run anything holds too."""
        return all(probe.held for probe in self.probes)

    def as_map(self) -> dict[str, Any]:
        return {**asdict(self), "held": self.held and not self.refused}


@dataclass(frozen=True, slots=True)
class Outside:
    """What the attacks aim at."""

    victim: Path
    socket: Path
    port: int
    reached: Callable[[], bool]
    """Whether somebody connected."""

    def program(self, attack: str) -> str:
        aims = {
            "VICTIM": str(self.victim),
            "SOCKET": str(self.socket),
            "PORT": self.port,
            "HOME": str(Path.home()),
            "CWD": str(Path.cwd()),
            "PARENT": os.getpid(),
        }
        return "\n".join(f"{name} = {value!r}" for name, value in aims.items()) + PRELUDE + attack

    def harm(self) -> str:
        """What is not as it was."""
        file = self.victim / "victim.txt"
        names = sorted(path.name for path in self.victim.iterdir())
        if names != sorted(["victim.txt", self.socket.name]):
            return f"files appeared or went: {', '.join(names)}"
        seen = file.stat()
        if file.read_text() != VICTIM_TEXT or seen.st_mode & 0o777 != 0o666 or seen.st_mtime < 1000:
            return "the victim's content, mode or time changed"
        if any(Path("/dev/shm").glob("*orch-probe*")):  # noqa: S108 - where a leftover would be
            return "something remained in /dev/shm"
        return "a connection arrived" if self.reached() else ""


async def probe(
    ground: Ground | None = None,
    *,
    space: bool = True,
    names: Sequence[str] = tuple(ATTACKS),
    tell: Callable[[Probe], None] = lambda _: None,
) -> Table:
    """Try the attacks, a few at once."""
    gate = asyncio.Semaphore(AT_ONCE)
    sandbox = Sandbox(SMALL, ground, space=space)
    user = f"uid {os.geteuid()}" + (" (root)" if os.geteuid() == 0 else "")
    with outside() as aims, tempfile.TemporaryDirectory() as keep:
        try:
            first = await sandbox.run(Job({"main.py": ""}, ("main.py",)), Path(keep))
        except SandboxUnavailable as error:
            return Table((), "", user, str(error))

        async def one(at: int, name: str) -> Probe:
            async with gate:
                found = await _one(sandbox, name, aims, Path(keep) / str(at))
                tell(found)
                return found

        probes = await asyncio.gather(*(one(at, name) for at, name in enumerate(names)))
    return Table(tuple(probes), first.layers, user)


async def _one(sandbox: Sandbox, name: str, aims: Outside, keep: Path) -> Probe:
    keep.mkdir()  # noqa: ASYNC240 - a moment
    # where the machine is so busy that a short time was over before the code began, it gets more
    walls = (SHORT, SMALL.seconds) if name in PATIENT else (SMALL.seconds,)
    for wall in walls:
        began = time.monotonic()
        try:
            job = Job({"main.py": aims.program(ATTACKS[name])}, ("main.py",))
            outcome = await sandbox.run(job, keep, seconds=wall)
            break
        except ToolError as error:
            refused = f"no result: {error}"
    else:
        return Probe(name, False, refused, time.monotonic() - began)
    spent = time.monotonic() - began
    broken = verdict(name, outcome) or aims.harm() or _kept(keep)
    if not broken and spent > wall + SLACK:
        broken = f"took {spent:.1f} s, {wall:g} s were allowed"
    return Probe(name, not broken, broken or _how(name, outcome), spent)


def verdict(name: str, outcome: Outcome) -> str:
    """What broke, or nothing."""
    lines = outcome.stdout.splitlines()
    broke = [line for line in lines if line.startswith("BROKE")]
    if broke:
        return "; ".join(broke)
    if name in STOPPED:
        return "" if outcome.exit == STOPPED[name] else f"exit {outcome.exit} instead of {STOPPED[name]}"
    if outcome.stderr.rstrip().rpartition("\n")[2].startswith(TOO_MUCH):
        return ""
    if not any(line.startswith("held") for line in lines) or (outcome.exit and name not in MAY_DIE):
        return f"did not run to its end: exit {outcome.exit} {outcome.stderr.strip()[-200:]}"
    return ""


def _how(name: str, outcome: Outcome) -> str:
    if name in STOPPED or "stopped:" in outcome.stderr:
        return outcome.stderr.strip().splitlines()[-1]
    if outcome.exit > 128:
        return f"killed by signal {outcome.exit - 128}"
    held = [line for line in outcome.stdout.splitlines() if line.startswith("held")]
    return f"{len(held)} tries, none worked" if len(held) > 1 else held[0].removeprefix("held").strip(" :")


def _kept(keep: Path) -> str:
    """Nothing but plain files may have come out."""
    odd = [
        path.name for path in keep.rglob("*") if path.is_symlink() or not (path.is_file() or path.is_dir())
    ]
    return f"came out: {', '.join(odd)}" if odd else ""


@contextlib.contextmanager
def outside() -> Iterator[Outside]:
    """A folder everybody may write in, and two sockets that everybody may connect to."""
    with contextlib.ExitStack() as stack:
        victim = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="orch-victim-")))
        victim.chmod(0o777)
        (victim / "victim.txt").write_text(VICTIM_TEXT)
        (victim / "victim.txt").chmod(0o666)
        unix = stack.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX)))
        unix.bind(str(victim / "socket"))
        (victim / "socket").chmod(0o777)
        tcp = stack.enter_context(contextlib.closing(socket.socket()))
        tcp.bind(("127.0.0.1", 0))
        for one in (unix, tcp):
            one.listen(8)
            one.setblocking(False)
        yield Outside(
            victim, victim / "socket", tcp.getsockname()[1], lambda: _arrived(unix) or _arrived(tcp)
        )


def _arrived(listening: socket.socket) -> bool:
    try:
        other, _ = listening.accept()
    except BlockingIOError:
        return False
    other.close()
    return True


__all__ = ["Probe", "Table", "outside", "probe", "verdict"]
