"""A `llama-server` of this machine in place of the engine that comes with orch, for as long as a model host lives.

The host starts it as its child, on loopback and behind the same random key, and dies with it. What is said on its command
line has meant the same for years; what newer builds add is said by the environment, where an older one overlooks it.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from orchestrator.providers.host import Launch

PROGRAM = "llama-server"
ASKING = 10.0
"""Seconds to say its version, or to answer that it is well."""
CACHE_MIB = 512
_DIE_WITH_PARENT = 1


def found_server(environ: Mapping[str, str]) -> str:
    """The whole path of the `llama-server` on the path; empty when there is none."""
    found = shutil.which(PROGRAM, path=environ.get("PATH"))
    return str(Path(found).absolute()) if found else ""  # a host does not run in the folder we are in


def seen(server: str) -> str:
    """What tells one build at a path from the next; empty when it is gone."""
    try:
        found = Path(server).stat()
    except OSError:
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"


def is_unchanged(server: str, before: str) -> bool:
    return bool(before) and seen(server) == before


def version_of(server: str) -> str:
    """Which build it is, as it says itself, such as `llama-server 6123 (a1b2c3d)`; empty when it cannot be asked.

    The commit belongs to it: a build from a copy without its history calls itself number 1, whichever it is.
    """
    try:
        said = subprocess.run(  # noqa: S603 - a program of the user's own path
            (server, "--version"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ASKING,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return _version_in(said.stdout + said.stderr)


def _version_in(said: str) -> str:
    """From `version: 6123 (a1b2c3d)`, or from `version: 0.5.0-dev (build 1, commit a1b2c3d)`."""
    found = re.search(r"version:?[ \t]*([\w.+-]{1,40})(?:[^\n]*?\b([0-9a-f]{7,40})\b)?", said)
    if not found:
        return ""
    return f"{PROGRAM} {found[1]}" + (f" ({found[2]})" if found[2] else "")


class ServedEngine:
    """Raises RuntimeError when the server ends before it answers, OSError when it cannot be started."""

    def __init__(self, launch: Launch, threads: int, key: str) -> None:
        port = _free_port()
        self.listening_address = f"http://127.0.0.1:{port}"
        self._child = subprocess.Popen(  # noqa: S603 - the program that was measured on this machine
            _command(launch, threads, port),
            stdin=subprocess.DEVNULL,
            env={**os.environ, **_settings(key)},
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - the host has no threads of its own
        )
        try:
            self._wait()
        except BaseException:  # whoever asks the host to end while weights are loaded
            self.stop()
            raise
        self._stopping = False
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def stop(self) -> None:
        self._stopping = True
        self._child.kill()
        self._child.wait()

    def _watch(self) -> None:
        """End the host with its server, at once: whoever was asking looks whether it still lives."""
        self._child.wait()
        if not self._stopping:
            os.kill(os.getpid(), signal.SIGTERM)

    def _wait(self) -> None:
        opener = build_opener(ProxyHandler({}))
        while self.alive:
            try:
                with opener.open(Request(f"{self.listening_address}/health"), timeout=ASKING):  # noqa: S310 - loopback
                    return
            except (URLError, OSError):  # it loads its weights
                time.sleep(0.02)
        raise RuntimeError(f"{PROGRAM} {_ending(self._child.returncode)} while it loaded the weights")


def _command(launch: Launch, threads: int, port: int) -> list[str]:
    command = [launch.server, "--model", launch.weights, "--alias", launch.name]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    command += ["--ctx-size", str(launch.context * launch.slots), "--parallel", str(launch.slots)]
    return [*command, "--threads", str(threads), "--threads-batch", str(threads)]


def _settings(key: str) -> dict[str, str]:
    """The key too: a command line can be read by everybody on this machine.

    No network, no page of its own and no other page's script, no line in the log for every request; and what the engine
    beside it does anyway: the model's own chat template, and the list of slots. One name is that of older builds.
    """
    return {
        "LLAMA_API_KEY": key,
        "LLAMA_ARG_CACHE_RAM": str(CACHE_MIB),
        "LLAMA_ARG_OFFLINE": "1",
        "LLAMA_OFFLINE": "1",
        "LLAMA_ARG_UI": "0",
        "LLAMA_ARG_WEBUI": "0",
        "LLAMA_ARG_CORS_ORIGINS": "",
        "LLAMA_ARG_CORS_CREDENTIALS": "0",
        "LLAMA_ARG_LOG_VERBOSITY": "2",
        "LLAMA_ARG_JINJA": "1",
        "LLAMA_ARG_ENDPOINT_SLOTS": "1",
    }


def _ending(code: int) -> str:
    return f"was ended by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"ended with {code}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    """Runs in the child. Not on Linux: then it ends when its host stops it, but not when that is killed."""
    try:
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, int(signal.SIGKILL))
    except (OSError, AttributeError):
        return


__all__ = ["PROGRAM", "ServedEngine", "found_server", "is_unchanged", "seen", "version_of"]
