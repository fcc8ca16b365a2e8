"""A llama-server in the engine's place: what its builds call themselves, what they are told, how they end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psutil
import pytest

from orchestrator.cli.console import the_console
from orchestrator.cli.models_trial import Trial
from orchestrator.config import Config
from orchestrator.errors import ProviderError
from orchestrator.messages import Message, TokenCount
from orchestrator.providers.engine_served import found_server, seen, version_of
from orchestrator.providers.host import Launch, encode
from orchestrator.providers.hosts import Hosts
from orchestrator.providers.lineage import Form
from orchestrator.providers.llamacpp import LlamaCpp
from orchestrator.providers.model_store import ModelStore
from orchestrator.providers.server_child import ServedEngine
from orchestrator.spec.model import ModelSpec
from tests.providers.test_optimize import gguf

SERVER = """#!{python}
import json, os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

if "--version" in sys.argv:
    sys.exit(print("version: 4711", file=sys.stderr))
name = sys.argv[sys.argv.index("--alias") + 1]
if name == "crashing":
    os.kill(os.getpid(), signal.SIGSEGV)

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if name == "loading" else 200)
        self.end_headers()
        self.wfile.write(json.dumps(dict(os.environ)).encode())

    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = {{"/apply-template": {{"prompt": "a b c"}}, "/tokenize": {{"tokens": sent.get("content", "").split()}}}}
        answer = known.get(self.path, {{"error": {{"message": "File Not Found", "type": "not_found_error", "code": 404}}}})
        self.send_response(200 if self.path in known else 404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
        pass

open(__file__ + ".pid", "w").write(str(os.getpid()))
HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Answer).serve_forever()
"""


def program(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def server(tmp_path: Path) -> Path:
    return program(tmp_path / "llama-server", SERVER.format(python=sys.executable))


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    found = Hosts(tmp_path / "hosts", environ=os.environ)
    yield found
    for host in found.running():
        found.stop(host.identity)


def launch(server: Path, name: str) -> Launch:
    return Launch(
        name, "weights.gguf", "0" * 64, 512, 2, 1 << 20, engine="llama-server 1", server=str(server)
    )


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("version: 6123 (a1b2c3d4)\nbuilt with cc for Linux", "llama-server 6123 (a1b2c3d4)"),
        ("version: 1 (571d0d5)\nbuilt with GNU 11.4.0 for Linux x86_64", "llama-server 1 (571d0d5)"),
        ("version: 0.1.0-dev (build 1, commit 7e4c0a9)\nbuilt with GNU", "llama-server 0.1.0-dev (7e4c0a9)"),
        ("found a GPU\nversion: 0 (unknown)\nbuilt with cc", "llama-server 0"),
        ("usage: llama-server", ""),
    ],
)
def test_two_builds_of_one_number_are_told_apart(tmp_path: Path, said: str, version: str) -> None:
    """By their commits: a build without its history has the number 1. Answers that are kept name the build."""
    asked = program(tmp_path / "llama-server", f"#!/bin/sh\ncat >&2 <<'END'\n{said}\nEND\n")

    assert version_of(str(asked)) == version


def test_its_path_holds_in_every_folder(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of programs may name folders from here; a host runs elsewhere."""
    monkeypatch.chdir(server.parent)

    assert found_server({"PATH": "."}) == str(server)


def test_it_is_told_to_keep_to_itself(server: Path, hosts: Hosts) -> None:
    """No network, no page, no script of another page, no request in the log; and nothing of the user's own secrets."""
    import httpx

    lease = hosts.acquire(launch(server, "telling"))
    told = httpx.get(lease.state.url, trust_env=False).json()
    lease.release()

    assert {name: told[name] for name in told if name.startswith("LLAMA_")} == {
        "LLAMA_API_KEY": lease.state.key,
        "LLAMA_ARG_CACHE_RAM": "512",
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
    assert told["GOMP_SPINCOUNT"]


def test_a_crash_while_it_loads_is_told(server: Path, hosts: Hosts) -> None:
    """As when it was built for another processor."""
    with pytest.raises(ProviderError, match=r"was ended by signal 11 \(Segmentation fault\)"):
        hosts.acquire(launch(server, "crashing"))


def test_a_host_that_is_ended_while_it_loads_leaves_no_server(server: Path, tmp_path: Path) -> None:
    """Whether or not the system ends a child with its parent."""
    folder = tmp_path / "host"
    folder.mkdir()
    arguments = [str(folder), encode(launch(server, "loading"))]
    subprocess.run([sys.executable, "-m", "orchestrator.providers.host_main", *arguments], check=True)
    child = psutil.Process(int(_read(Path(f"{server}.pid"))))
    watchdog = child.parent()
    host = watchdog.parent() if watchdog else None
    assert host is not None

    host.send_signal(signal.SIGTERM)
    _, left = psutil.wait_procs([child, host], timeout=60)

    assert left == []


def test_a_host_ends_with_its_server(server: Path, hosts: Hosts) -> None:
    """Of memory, for example; the next call starts another one."""
    lease = hosts.acquire(launch(server, "m"))
    host = psutil.Process(lease.state.pid)
    watchdog, child = host.children(recursive=True)

    child.kill()
    _, left = psutil.wait_procs([child, watchdog, host], timeout=60)

    assert left == []
    assert not lease.alive


@pytest.mark.parametrize("killed", ["host", "watchdog asked", "watchdog"])
def test_no_server_outlives_its_host(server: Path, hosts: Hosts, killed: str) -> None:
    """Killed without a word; a script by the server's name that starts it ends with it, too."""
    behind = (
        killed != "watchdog"
    )  # a script is not ended with what it has started, should nobody be left to do it
    path = program(server.with_name("script"), f'#!/bin/sh\n{"" if behind else "exec"} "{server}" "$@"\n')
    lease = hosts.acquire(launch(path, "m"))
    host = psutil.Process(lease.state.pid)
    watchdog, *others = host.children(recursive=True)

    if killed == "watchdog asked":
        watchdog.terminate()
    else:
        (host if killed == "host" else watchdog).kill()
    _, left = psutil.wait_procs([host, watchdog, *others], timeout=60)

    assert left == []
    assert len(others) == (2 if behind else 1)


def test_somebody_elses_answer_is_not_taken_for_the_servers(server: Path) -> None:
    """Whoever is faster to the port shall see neither the key nor a prompt."""

    class Well(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Well) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        with pytest.raises(RuntimeError, match="llama-server ended with 1"):
            ServedEngine(launch(server, "late"), 1, "key", port=other.server_port)
        other.shutdown()


def test_one_that_crashes_is_left_out_of_the_measuring(
    server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The forms on the embedded engine are measured without it, and the reason is said."""
    gguf(tmp_path / "a.gguf")
    config = Config.from_environment({"ORCH_HOME": str(tmp_path / "home")}, tmp_path)
    store = ModelStore(config.models, environ={}, offline=True)
    weights = replace(store.open("./a.gguf", tmp_path), name="crashing")
    form = Form(weights.sha256, weights.sha256, weights.bytes, "", "Q4_1", "")
    monkeypatch.setenv("PATH", str(server.parent))

    with Trial("m", weights, store, config, the_console()) as trial:
        served = trial._served(form)

    assert served == []
    said = " ".join(capsys.readouterr().err.split())
    assert "Q4_1 on llama-server 4711 is left out" in said
    assert "Segmentation fault" in said


def test_an_older_build_counts_in_two_steps(server: Path, tmp_path: Path) -> None:
    """Servers from before summer 2026 cannot be asked how long a chat is, but how it is written and cut."""
    gguf(tmp_path / "a.gguf")
    config = Config.from_environment({"ORCH_HOME": str(tmp_path / "home")}, tmp_path)
    store = ModelStore(config.models, environ={}, offline=True)
    weights = store.open("./a.gguf", tmp_path)
    form = Form(weights.sha256, weights.sha256, weights.bytes, "", "Q4_1", "", engine=str(server))
    store.lineage.keep(replace(form, engine_version="llama-server 1", engine_seen=seen(str(server))))
    spec = ModelSpec(use="llamacpp:./a.gguf", keep="0s")
    model = LlamaCpp("m", spec, config=config, environ=os.environ, base=tmp_path)

    async def act() -> TokenCount:
        try:
            return await model.count([Message("user", "hello")])
        finally:
            await model.close()

    assert asyncio.run(act()) == TokenCount(3, exact=True)


def _read(path: Path) -> str:
    """What a file says once it says something."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if path.exists() and (text := path.read_text()):
            return text
        time.sleep(0.02)
    raise AssertionError(f"{path} stays empty")
