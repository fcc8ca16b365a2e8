"""`serve:` starts a server, waits for it, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from orchestrator.errors import ProviderError
from orchestrator.providers.scripted import ScriptedModel
from orchestrator.providers.serve import LocalServer, ServedModel
from tests.providers.loopback import Exchange, Loopback

SERVER = """
import http.server, os, subprocess, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"data": []}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[2], "w").write(f"{os.getpid()} {worker.pid}")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

LATE = """
import socket, sys, time
open("started", "w").close()
while socket.socket().connect_ex(("127.0.0.1", int(sys.argv[1]))):
    time.sleep(0.01)
sys.exit("the port is taken")
"""
"""Starts when nobody holds the port, and ends when somebody does."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _server(tmp_path: Path, command: list[str], port: int, patience: float = 60.0) -> LocalServer:
    health = f"http://127.0.0.1:{port}/v1/models"
    return LocalServer("small", command, health, environ=os.environ, folder=tmp_path, patience=patience)


def _command(tmp_path: Path, port: int) -> list[str]:
    (tmp_path / "server.py").write_text(SERVER, encoding="utf-8")
    return [sys.executable, "server.py", str(port), "pids"]


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _wait_gone(pids: list[int]) -> None:
    psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=60)


def test_a_server_runs_while_its_model_is_open(tmp_path: Path) -> None:
    """Started before the model is prepared, with its helpers ended when it is closed."""
    port = _free_port()

    async def act() -> list[int]:
        model = ServedModel(ScriptedModel("x"), _server(tmp_path, _command(tmp_path, port), port))
        await model.prepare()
        await model.prepare()
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert all(_alive(pid) for pid in pids)
        await model.close()
        return pids

    pids = asyncio.run(act())

    _wait_gone(pids)
    assert not any(_alive(pid) for pid in pids)


def test_a_server_does_not_outlive_a_killed_run(tmp_path: Path) -> None:
    """kill -9 of the run ends the server and what it started."""
    port = _free_port()
    command = _command(tmp_path, port)
    program = textwrap.dedent(
        f"""
        import asyncio, os, sys
        from pathlib import Path
        from orchestrator.providers.serve import LocalServer
        async def main():
            server = LocalServer("small", {command!r}, "http://127.0.0.1:{port}/v1/models", environ=os.environ,
                                 folder=Path({str(tmp_path)!r}), patience=60.0)
            await server.start()
            print("ready", flush=True)
            await asyncio.sleep(600)
        asyncio.run(main())
        """
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=root) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"ready\n"
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        run.send_signal(signal.SIGKILL)

    _wait_gone(pids)
    assert not any(_alive(pid) for pid in pids)


def test_a_server_that_ends_at_once_shows_what_it_said(tmp_path: Path) -> None:
    """The last lines of its log, and its exit code."""
    port = _free_port()
    code = "import sys; print('no such model: x', file=sys.stderr); sys.exit(3)"

    with pytest.raises(ProviderError, match="no such model: x") as error:
        asyncio.run(_server(tmp_path, [sys.executable, "-c", code], port).start())

    assert error.value.kind == "unreachable"
    assert "ended with 3" in error.value.message


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(ProviderError, match="no command 'nonesuch-server'") as error:
        asyncio.run(_server(tmp_path, ["nonesuch-server"], _free_port()).start())

    assert error.value.hint


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    """And stopped."""
    code = "import time; print('loading', flush=True); time.sleep(600)"

    with pytest.raises(ProviderError, match="does not answer") as error:
        asyncio.run(_server(tmp_path, [sys.executable, "-c", code], _free_port(), patience=0.2).start())

    assert error.value.kind == "timeout"


def test_a_server_that_answers_already_is_used(tmp_path: Path) -> None:
    """Nothing is started, nothing is stopped."""

    async def models(exchange: Exchange) -> None:
        await exchange.send_json({"data": []})

    async def act() -> None:
        async with Loopback({"/v1/models": models}) as running:
            server = _server(tmp_path, ["nonesuch-server"], running.port)
            await server.start()
            await server.stop()

    asyncio.run(act())


def test_a_port_that_something_else_holds_is_told(tmp_path: Path) -> None:
    """A server would end with a message that helps nobody."""

    async def act() -> None:
        async with Loopback() as other:
            await _server(tmp_path, ["nonesuch-server"], other.port).start()

    with pytest.raises(ProviderError, match="is taken by something"):
        asyncio.run(act())


def _loads(times: int) -> Callable[[Exchange], Awaitable[None]]:
    """Answers as llama.cpp's server while it loads, so often, and well from then on."""
    left = [times]

    async def models(exchange: Exchange) -> None:
        left[0] -= 1
        if left[0] >= 0:
            error = {"message": "Loading model", "type": "unavailable_error", "code": 503}
            await exchange.send_json({"error": error}, 503)
        else:
            await exchange.send_json({"data": []})

    return models


def test_a_server_that_another_run_has_started_is_waited_for(tmp_path: Path) -> None:
    """It holds the port and answers, but still reads its weights."""

    async def act() -> int:
        async with Loopback({"/v1/models": _loads(3)}) as other:
            await _server(tmp_path, ["nonesuch-server"], other.port).start()
            return len(other.seen)

    assert asyncio.run(act()) == 4


def test_the_second_to_the_port_waits_for_the_first(tmp_path: Path) -> None:
    """Two runs looked at the same moment: the server of the second ends at once."""

    async def act() -> None:
        port = _free_port()
        second = _server(tmp_path, [sys.executable, "-c", LATE, str(port)], port)
        starting = asyncio.create_task(second.start())
        while not (tmp_path / "started").exists():
            await asyncio.sleep(0.01)
        async with Loopback({"/v1/models": _loads(20)}, at=port):
            await starting
        await second.stop()

    asyncio.run(act())


def test_the_server_is_asked_with_the_models_key(tmp_path: Path) -> None:
    """Newer servers tell nobody else that they are ready. One that wants another key is up, too."""

    async def models(exchange: Exchange) -> None:
        known = exchange.headers.get("authorization") == "Bearer right"
        await exchange.send_json({}, 200 if known else 401)

    async def act(key: str) -> None:
        async with Loopback({"/v1/models": models}) as running:
            health = f"{running.root}/v1/models"
            server = LocalServer("m", ["nonesuch"], health, environ=os.environ, folder=tmp_path, key=key)
            await server.start()
            assert key not in repr(server)

    asyncio.run(act("right"))
    asyncio.run(act("wrong"))
