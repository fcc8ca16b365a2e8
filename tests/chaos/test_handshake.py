"""A server in the engine's place that is not there, never answers, or answers nonsense: told soon, and nothing is left."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from orchestrator.config import Config
from orchestrator.errors import ProviderError
from orchestrator.providers.engine_served import seen
from orchestrator.providers.host import Launch
from orchestrator.providers.hosts import Hosts
from orchestrator.providers.lineage import Form
from orchestrator.providers.llamacpp import LlamaCpp
from orchestrator.providers.model_store import ModelStore
from orchestrator.providers.server_child import ServedEngine
from orchestrator.spec.model import ModelSpec
from tests.providers.test_optimize import gguf

SERVER = """#!{python}
import os, socket, sys, time
how = {how!r}
open(__file__ + ".pid", "w").write(str(os.getpid()))
if how == "deaf":
    time.sleep(600)
port = socket.create_server(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])))
while True:
    one, _ = port.accept()
    said = one.recv(65536)
    if how == "silent":
        time.sleep(600)
    body = how.encode() if b"/props" in said else b"{{}}"
    head = b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\nConnection: close\\r\\n\\r\\n" % len(body)
    one.sendall(b"\\0what\\r\\n\\r\\n" if how == "nonsense" else head + body)
    one.close()
"""
PATIENCE, LONGEST = 3.0, 60.0


def server(folder: Path, how: str) -> Path:
    path = folder / "llama-server"
    path.write_text(SERVER.format(python=sys.executable, how=how), encoding="utf-8")
    path.chmod(0o755)
    return path


def launch(program: Path) -> Launch:
    return Launch(
        "m", "weights.gguf", "0" * 64, 512, 2, 1 << 20, engine="llama-server 1", server=str(program)
    )


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Hosts of this test alone; none may be there afterwards but those that it leaves for a while."""
    yield tmp_path / "home"
    hosts = Hosts(tmp_path / "home" / "run" / "hosts", environ=os.environ)
    for host in hosts.running():
        hosts.stop(host.identity)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("deaf", "did not get ready within 3 s"),
        ("silent", "did not get ready within 3 s"),
        ("nonsense", "answers what is no HTTP"),
    ],
)
def test_a_server_that_does_not_get_ready_is_given_up(tmp_path: Path, how: str, told: str) -> None:
    """It is ended, with what it started."""
    program, began = server(tmp_path, how), time.monotonic()

    with pytest.raises(RuntimeError, match=told):
        ServedEngine(launch(program), 1, "key", patience=PATIENCE if how != "nonsense" else LONGEST)

    assert time.monotonic() - began < LONGEST
    assert not psutil.pid_exists(int(Path(f"{program}.pid").read_text(encoding="utf-8")))


def test_a_server_that_is_gone_is_named_with_its_log(home: Path, tmp_path: Path) -> None:
    """Removed between the choice and the start."""
    hosts = Hosts(home / "run" / "hosts", environ=os.environ)

    with pytest.raises(ProviderError, match=r"could not be loaded: .*llama-server") as caught:
        hosts.acquire(launch(tmp_path / "llama-server"))

    assert caught.value.kind == "crashed"
    assert "its log: " in (caught.value.hint or "")
    assert hosts.running() == []


@pytest.mark.parametrize(
    "props",
    [
        "[]",
        "what?",
        '"many"',
        '{"total_slots": "many"}',
        '{"total_slots": 0}',
        '{"default_generation_settings": 7}',
        '{"default_generation_settings": {"n_ctx": -1}}',
        '{"modalities": [1]}',
    ],
)
def test_a_handshake_that_is_none_is_a_fault_of_the_server(home: Path, tmp_path: Path, props: str) -> None:
    """Of the model, in words; and its host is given back."""
    gguf(tmp_path / "a.gguf")
    config = Config.from_environment({"ORCH_HOME": str(home)}, tmp_path)
    program = str(server(tmp_path, props))
    store = ModelStore(config.models, environ={}, offline=True)
    weights = store.open("./a.gguf", tmp_path)
    form = Form(weights.sha256, weights.sha256, weights.bytes, "", "Q4_1", "", engine=program)
    store.lineage.keep(replace(form, engine_version="llama-server 1", engine_seen=seen(program)))
    spec = ModelSpec(use="llamacpp:./a.gguf", keep="0s")
    model = LlamaCpp("m", spec, config=config, environ=os.environ, base=tmp_path)

    async def act() -> None:
        try:
            await model.prepare()
        finally:
            await model.close()

    with pytest.raises(ProviderError) as caught:
        asyncio.run(act())

    assert caught.value.kind == "protocol"
    assert ended(Hosts(home / "run" / "hosts", environ=os.environ))


def ended(hosts: Hosts) -> bool:
    """Nobody holds them and none is to be kept: they end by themselves."""
    end = time.monotonic() + LONGEST
    while hosts.running() and time.monotonic() < end:
        time.sleep(0.02)
    return not hosts.running()
