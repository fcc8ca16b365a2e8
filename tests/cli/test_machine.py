"""This machine for the screen: memory, and what our hosts and Ollama say of themselves."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orch_tui.ports import Resident
from orchestrator.cli.machine import machine
from orchestrator.config import Config
from orchestrator.providers.host import Launch, Place, State, encode

KEY = "a key"


@contextmanager
def serving(**answers: Any) -> Iterator[str]:
    """A server on loopback with these answers by path; `slots` wants the host's key."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.strip("/").replace("/", "_")
            allowed = name != "slots" or self.headers["Authorization"] == f"Bearer {KEY}"
            body = json.dumps(answers[name]).encode() if allowed and name in answers else b"no"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def a_host(home: Path, url: str | None) -> Iterator[None]:
    """The files of a host that lives, here in the place of its process; without a url it still loads."""
    launch = Launch("tiny", "/w", "ab", 2048, 4, 1000)
    place = Place(home / "run" / "hosts" / launch.identity)
    place.folder.mkdir(parents=True)
    if url:
        place.state.write_text(encode(State(os.getpid(), url, KEY, 2, 0.0, launch)), encoding="utf-8")
    place.lease.touch()
    with place.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def seen(home: Path, **environ: str) -> tuple[Resident, ...]:
    env = {"ORCH_HOME": str(home), **environ}
    found = machine(Config.from_environment(env, home), env)
    assert 0 < found.memory_available <= found.memory_total
    return found.residents


def test_a_machine_without_models_has_memory(tmp_path: Path) -> None:
    """Nothing is loaded, nobody is asked."""
    assert seen(tmp_path) == ()


@pytest.mark.parametrize(("working", "state"), [([True, False, True, False], "busy"), ([False] * 4, "idle")])
def test_a_host_says_how_many_of_its_slots_are_busy(tmp_path: Path, working: list[bool], state: str) -> None:
    """With the context of each, and the memory of its process."""
    slots = [{"id": number, "is_processing": busy} for number, busy in enumerate(working)]

    with serving(slots=slots) as url, a_host(tmp_path, url):
        (found,) = seen(tmp_path)

    assert (found.name, found.provider, found.state) == ("tiny", "llamacpp", state)
    assert (found.context, found.slots, found.busy) == (2048, 4, sum(working))
    assert found.memory


def test_a_host_that_does_not_answer_is_shown_without_its_slots(tmp_path: Path) -> None:
    """Nothing waits for it, nothing fails."""
    with serving() as url, a_host(tmp_path, url):
        (found,) = seen(tmp_path)

    assert (found.state, found.busy) == ("idle", None)


def test_a_host_that_loads_says_so(tmp_path: Path) -> None:
    """It has not said yet what it serves."""
    with a_host(tmp_path, None):
        (found,) = seen(tmp_path)

    assert (found.state, found.memory) == ("loading", None)


def test_ollama_is_asked_where_the_environment_names_it(tmp_path: Path) -> None:
    """On this machine only; strange answers are left out."""
    until = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    model = {"name": "llama3.2:3b", "size": 5, "context_length": 4096, "expires_at": until.isoformat()}

    with serving(api_ps={"models": [model, {"size": "?", "expires_at": 3}, "strange"]}) as url:
        unnamed, known = seen(tmp_path, OLLAMA_HOST=url)

    assert known == Resident("llama3.2:3b", "ollama", "idle", 5, 4096, until=until.timestamp())
    assert unnamed == Resident("?", "ollama", "idle")


@pytest.mark.parametrize("host", ["ollama.example", "http://10.0.0.7:11434", "http://[", "127.0.0.1:1"])
def test_an_ollama_elsewhere_is_not_asked(tmp_path: Path, host: str) -> None:
    """Nor is one missed that does not run."""
    assert seen(tmp_path, OLLAMA_HOST=host) == ()
