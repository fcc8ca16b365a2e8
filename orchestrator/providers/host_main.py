"""The process of a model host: `python -m orchestrator.providers.host_main FOLDER LAUNCH`.

Loads the weights, serves them on loopback behind a random key, and ends when nobody has needed it for a while.
Weights are loaded here, and in the foreground by `endpoint`; nowhere else.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from orchestrator.providers.files import FileLock, write_atomic
from orchestrator.providers.host import TAKEN, Launch, Place, State, decode_launch, encode
from orchestrator.providers.machine import cores

ASKED = 1.0
"""Seconds to wait for a lock that somebody only looks at."""
TICK = 0.2
CACHE_MIB = 512
"""Memory for prompt prefixes that left their slot."""


class Stop(BaseException):
    """Somebody asked this host to end."""


def main(arguments: list[str]) -> int:
    os.umask(0o077)
    place, launch = Place(Path(arguments[0])), decode_launch(arguments[1])
    lock = FileLock(place.lock)
    if not lock.wait(ASKED):
        return TAKEN
    place.state.unlink(missing_ok=True)
    place.failure.unlink(missing_ok=True)
    if os.fork():
        # whoever started us waits for this exit; the lock lives on in the child
        os._exit(0)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _die_first()
    try:
        _serve(place, launch)
    except Stop:
        pass
    finally:
        place.state.unlink(missing_ok=True)
        sys.stderr.flush()
    # the engine's threads need no farewell: the kernel takes back what they hold
    os._exit(0)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stop


def _serve(place: Place, launch: Launch) -> None:
    threads = launch.threads or cores()
    key = secrets.token_urlsafe(32)
    try:
        server = _engine(launch, threads, key)
    except (RuntimeError, ImportError, OSError, ValueError) as error:
        write_atomic(place.failure, f"{type(error).__name__}: {error}")
        return
    try:
        state = State(os.getpid(), server.listening_address, key, threads, time.time(), launch)
        write_atomic(place.state, encode(state))
        _until_idle(place, launch, lambda: getattr(server, "alive", True))
    finally:
        if launch.server:
            server.stop()


def _engine(launch: Launch, threads: int, key: str) -> Any:
    """What answers at its `listening_address` from now on."""
    if launch.server:
        from orchestrator.providers.server_child import ServedEngine

        return ServedEngine(launch, threads, key)
    import xllamacpp

    return xllamacpp.Server(params_of(xllamacpp, launch, threads, key))


def params_of(engine: Any, launch: Launch, threads: int, key: str, port: int = 0) -> Any:
    """What the engine is told: loopback only, never the network, and no page of its own."""
    params = engine.CommonParams()
    params.model.path = launch.weights
    params.model_alias = {launch.name}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.api_keys = [key] if key else []
    params.n_parallel = launch.slots
    params.n_ctx = launch.context * launch.slots
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.cache_prompt = params.cont_batching = True
    params.cache_ram_mib = CACHE_MIB
    params.embedding = launch.embedding
    params.offline = True
    params.ui = False
    params.cors_origins = ""
    params.warmup = False
    params.verbosity = 2
    return params


def _until_idle(place: Place, launch: Launch, alive: Callable[[], bool]) -> None:
    """Return when no client has held the lease for as long as it should be kept (then hold it for good), or it died."""
    lease, since = FileLock(place.lease), time.monotonic()
    while place.lock.exists() and alive():
        if lease.take():
            if time.monotonic() - since >= _keep(place, launch):
                return
            lease.release()
        else:
            since = time.monotonic()
        time.sleep(TICK)


def _keep(place: Place, launch: Launch) -> float:
    try:
        return float(place.keep.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return launch.keep


def _die_first() -> None:
    """When memory runs out, the kernel shall take this process and not the run that uses it."""
    try:
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    except OSError:
        return  # not Linux, or not allowed: then it is as it is


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
