"""The process of a `llama-server` beside the model host that has started it, and that it ends with, however that ends.

It listens on loopback behind the host's random key. What is said on its command line has meant the same for years; what
newer builds add is said by the environment, where an older one overlooks it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

import psutil

from orchestrator.providers.engine_served import ASKING, PROGRAM
from orchestrator.providers.host import Launch

CACHE_MIB = 512
PATIENCE = 880.0
"""Seconds it may take to load its weights: fewer than whoever asked for the host waits, so that it hears why."""
WATCHDOG = Path(__file__).with_name("watchdog.py")


class ServedEngine:
    """Raises RuntimeError when the server ends before it answers, or does not get ready within `patience` seconds;
    OSError when it cannot be started.
    """

    def __init__(
        self, launch: Launch, threads: int, key: str, *, port: int = 0, patience: float = PATIENCE
    ) -> None:
        port = port or _free_port()
        self.listening_address = f"http://127.0.0.1:{port}"
        self._port = port
        self._stopping = False
        self._child = subprocess.Popen(  # noqa: S603 - the program that was measured on this machine
            [sys.executable, "-I", str(WATCHDOG), *_command(launch, threads, port)],
            stdin=subprocess.PIPE,  # closes with this process, however it ends: then the watchdog ends the server
            env={**os.environ, **_settings(key)},
        )
        try:
            self._wait(patience)
        except BaseException:  # whoever asks the host to end while weights are loaded
            self.stop()
            raise
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def stop(self) -> None:
        """Without asking: it would finish what it computes, and it has nothing to save."""
        self._stopping = True
        for server in self._servers():
            with suppress(psutil.Error):
                server.kill()
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._child.wait()

    def _watch(self) -> None:
        """End the host with its server, at once: whoever was asking looks whether it still lives."""
        self._child.wait()
        if not self._stopping:
            os.kill(os.getpid(), signal.SIGTERM)

    def _wait(self, patience: float) -> None:
        opener, end = build_opener(ProxyHandler({})), time.monotonic() + patience
        asked, asking = Request(f"{self.listening_address}/health"), min(ASKING, patience)  # noqa: S310 - loopback
        while self.alive:
            try:
                with opener.open(asked, timeout=asking):
                    if self._is_its():
                        return
            except (URLError, OSError):  # it loads its weights
                pass
            except HTTPException as error:
                if self._is_its():
                    raise RuntimeError(f"{PROGRAM} answers what is no HTTP: {error!r:.200}") from None
            if time.monotonic() > end:
                raise RuntimeError(f"{PROGRAM} did not get ready within {patience:g} s")
            time.sleep(0.02)
        raise RuntimeError(f"{PROGRAM} {_ending(self._child.returncode)} while it loaded the weights")

    def _is_its(self) -> bool:
        """Whether the port is our server's: somebody else may have been faster, who shall see neither key nor prompt."""
        try:
            found = [one for server in self._servers() for one in server.net_connections("tcp4")]
        except psutil.Error:
            return False
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == self._port for one in found)

    def _servers(self) -> list[psutil.Process]:
        """The server, and what a script by its name has started."""
        try:
            return psutil.Process(self._child.pid).children(recursive=True)
        except psutil.Error:
            return []


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
    """As the watchdog tells it."""
    number = code - 128
    return (
        f"was ended by signal {number} ({signal.strsignal(number)})" if number > 0 else f"ended with {code}"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


__all__ = ["ServedEngine"]
