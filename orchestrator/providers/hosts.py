"""The model hosts of this user: find one that serves a launch, start it if there is none, list and stop them.

Everything here may be done by several processes at once; locks on files decide, and the kernel frees them
when their owner dies. Blocking: call it from a thread.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import ProviderError
from orchestrator.providers.files import FileLock, is_locked, write_atomic
from orchestrator.providers.host import TAKEN, Launch, Place, State, decode_state, encode
from orchestrator.providers.machine import memory_available, models_at_most

LOADING = 900.0
"""Seconds a host may take to load its weights."""
STOPPING = 5.0
LEAVING = 2.0
"""Seconds to wait for hosts that may be about to end before a new one is refused."""
ATTEMPTS = 3
PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "VIRTUAL_ENV",
)
PREFIXES = ("CUDA_", "GGML_", "OMP_", "GOMP_", "KMP_", "HIP_", "ROCR_", "VK_")
"""What of the environment a host gets: it outlives the run and needs none of its secrets."""
BARRIERS = {"GOMP_SPINCOUNT": "2000", "GGML_NO_BACKTRACE": "1"}
"""Threads wait for each other between layers, thousands of times a token. OpenMP's own default is to spin for
milliseconds, which on a busy machine takes the core from the thread waited for: 3 tokens/s instead of 80.
An engine that aborts would look for a debugger, stay a second longer, and bury in its log why."""


class GivenUp(Exception):
    """Nobody waits for the host any more."""


def never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Running:
    """A host that lives. `state` is None while it loads; `used` means some client holds it."""

    identity: str
    state: State | None
    used: bool


class Lease:
    """A claim on a running host: while it is held, the host stays."""

    def __init__(self, state: State, place: Place, lock: FileLock) -> None:
        self.state = state
        self._place = place
        self._lock = lock

    @property
    def alive(self) -> bool:
        """Whether the process of the host still lives."""
        return is_locked(self._place.lock)

    def release(self, keep: float | None = None) -> None:
        """Give the host up; it shall stay `keep` seconds more when nobody else needs it."""
        if keep is not None and self._lock.held:
            with suppress(OSError):  # then it stays as long as it was started with
                write_atomic(self._place.keep, repr(keep))
        self._lock.release()


class Hosts:
    """`root` is the folder where hosts leave their files."""

    def __init__(
        self,
        root: Path,
        *,
        environ: Mapping[str, str],
        available: Callable[[], int] = memory_available,
    ) -> None:
        self.root = root
        self._environ = environ
        self._available = available
        self.most = models_at_most(environ)

    def acquire(self, launch: Launch, given_up: Callable[[], bool] = never) -> Lease:
        """A lease on a host that answers, started if need be. Ends early with GivenUp when `given_up` says so.

        Raises ProviderError: refused (not enough memory, folder not writable), crashed (it could not load).
        """
        place = Place(self.root / launch.identity)
        with self._explained():
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._only_ours()
            place.folder.mkdir(exist_ok=True, mode=0o700)
            lease = FileLock(place.lease)
            try:
                return Lease(self._found_or_started(place, launch, lease, given_up), place, lease)
            except BaseException:
                lease.release()
                raise

    def _found_or_started(
        self, place: Place, launch: Launch, lease: FileLock, given_up: Callable[[], bool]
    ) -> State:
        for _ in range(ATTEMPTS):
            # the lease first: a host that is held does not end between being found and being used
            if not lease.wait(STOPPING, shared=True):
                break
            state = self._answering(place, given_up) or self._start(place, launch, given_up)
            if state is not None:
                return state
        raise ProviderError(
            "crashed", f"the model host of {launch.name!r} does not stay up", hint=f"its log: {place.log}"
        )

    def running(self) -> list[Running]:
        """Every host that lives, in the order of their identities."""
        places = [Place(folder) for folder in sorted(self.root.glob("*")) if folder.is_dir()]
        return [
            Running(place.folder.name, _read(place), is_locked(place.lease, by_anyone=True))
            for place in places
            if is_locked(place.lock)
        ]

    def stop(self, identity: str) -> bool:
        """End a host, used or not. False when there was none."""
        place = Place(self.root / identity)
        state = _read(place)
        if state is None or not is_locked(place.lock):
            return False
        _signal(state.pid, signal.SIGTERM)
        if not _free(place, STOPPING):
            _signal(state.pid, signal.SIGKILL)
            _free(place, STOPPING)
        place.state.unlink(missing_ok=True)
        return True

    # ------------------------------------------------------------------------------------------ starting

    def _answering(self, place: Place, given_up: Callable[[], bool]) -> State | None:
        """The state of a host that lives, waiting while it loads; None when there is no host."""
        end = time.monotonic() + LOADING
        while is_locked(place.lock):
            state = _read(place)
            if state is not None:
                return state
            if time.monotonic() > end:
                raise ProviderError(
                    "timeout",
                    f"a model host has been loading for {LOADING:.0f} s",
                    hint=f"its log: {place.log}",
                )
            if given_up():
                raise GivenUp
            time.sleep(0.01)
        return None

    def _start(self, place: Place, launch: Launch, given_up: Callable[[], bool]) -> State | None:
        """Start a host and wait until it answers; None when another one was there first.

        One at a time, so that each sees the memory that the one before has left.
        """
        with FileLock(self.root / "starting") as alone:
            if not alone.wait(LOADING):
                raise ProviderError("timeout", "another model host has been starting for a long time")
            if is_locked(place.lock):
                return None
            self._admit(launch)
            write_atomic(place.keep, repr(launch.keep))
            taken = self._spawn(place, launch) == TAKEN
            state = self._answering(place, given_up)
            if state is None and not taken:
                raise _failed(place, launch)
            return state

    def _spawn(self, place: Place, launch: Launch) -> int:
        command = [
            sys.executable,
            "-m",
            "orchestrator.providers.host_main",
            str(place.folder),
            encode(launch),
        ]
        with place.log.open("wb") as log:
            done = subprocess.run(  # noqa: S603 - our own interpreter and module
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=self._clean_environment(),
                start_new_session=True,
                check=False,
            )
        return done.returncode

    def _clean_environment(self) -> dict[str, str]:
        kept = {k: v for k, v in self._environ.items() if k in PASSED_ON or k.startswith(PREFIXES)}
        here = os.pathsep.join(path for path in sys.path if path)
        return {**BARRIERS, **kept, "PYTHONPATH": here, "PYTHONDONTWRITEBYTECODE": "1"}

    def room(self, launch: Launch) -> int:
        """Bytes that models of a run which needs this one may take: what is free, and what hosts hold that can end."""
        mine = [h.state.launch.memory for h in self.running() if h.state and not h.used]
        return self._available() + sum(mine) + (launch.memory if self._is_used(launch) else 0)

    def refuse_too_big(self, launch: Launch) -> None:
        """Raise ProviderError for a host that would not fit even after all idle ones have ended."""
        self._refuse(launch, self.room(launch))

    def _is_used(self, launch: Launch) -> bool:
        return any(host.identity == launch.identity and host.used for host in self.running())

    def _admit(self, launch: Launch) -> None:
        """Refuse a host that does not fit into memory, after ending idle ones in its way.

        A host that ends, or looks whether it is needed, holds its lease for a moment as a client does: hence the wait.
        """
        end = time.monotonic() + LEAVING
        while not self._has_place(launch):
            idle = next(self._idle(), None)
            if idle is not None:
                self.stop(idle.identity)
            elif not self.running() or time.monotonic() > end:
                break
            else:
                time.sleep(0.02)
        self._refuse(launch, self._available())
        if self._too_many(launch):
            raise ProviderError(
                "refused",
                f"no place for {launch.name!r}: other runs hold as many models as ORCH_MODELS_MAX allows",
                hint="`orch models ps` shows what is loaded; wait for those runs, or allow more",
            )

    def _has_place(self, launch: Launch) -> bool:
        return self._available() >= launch.memory and not self._too_many(launch)

    def _too_many(self, launch: Launch) -> bool:
        """Whether one more would be more than ORCH_MODELS_MAX allows; embedders do not count."""
        if self.most is None or launch.embedding:
            return False
        return sum(not (h.state and h.state.launch.embedding) for h in self.running()) >= self.most

    def _refuse(self, launch: Launch, free: int) -> None:
        if free < launch.memory:
            raise ProviderError(
                "refused",
                f"not enough memory for {launch.name!r}: it needs about {launch.memory >> 20} MB "
                f"({launch.bytes >> 20} MB of weights, {launch.slots} x {launch.context} tokens of context), "
                f"{free >> 20} MB are free",
                hint="set a smaller `context:` or a smaller model; `orch models ps` shows what is loaded",
            )

    def _only_ours(self) -> None:
        """In a folder of somebody else's, the key would be readable and the host could be anybody."""
        found = self.root.stat()
        if found.st_uid != os.getuid() or found.st_mode & 0o022:
            raise ProviderError(
                "refused",
                f"the folder of the model hosts, {self.root}, can be written by others",
                hint=f"chmod 700 {self.root}, or set ORCH_HOME to a folder of your own",
            )

    def _idle(self) -> Iterator[Running]:
        hosts = [host for host in self.running() if host.state is not None and not host.used]
        yield from sorted(hosts, key=lambda host: host.state.started if host.state else 0.0)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ProviderError(
                "refused",
                f"the model host needs {self.root}, which cannot be used: {error.strerror or error}",
                hint="make it writable, or set ORCH_HOME to a folder that is",
            ) from error


def _read(place: Place) -> State | None:
    try:
        return decode_state(place.state.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return None


def _free(place: Place, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while is_locked(place.lock):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it ended by itself


def _failed(place: Place, launch: Launch) -> ProviderError:
    try:
        why = place.failure.read_text(encoding="utf-8")
    except OSError:
        why = _last_line(place.log) or "it ended without a word (out of memory?)"
    return ProviderError(
        "crashed", f"the model {launch.name!r} could not be loaded: {why[:300]}", hint=f"its log: {place.log}"
    )


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""
