"""`orch tui --web`: the page over loopback, what it refuses, and how it ends."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest

from orchestrator.cli.web import refusal
from tests.cli.recorded import DONE, Shell, record_all, shell_in

LONGEST = 60.0


@pytest.fixture
def orch(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(project)
    shell = shell_in(project)
    yield shell
    shell.store.close()


@pytest.fixture
def served(orch: Shell, project: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of pages on recorded runs, and its address."""
    record_all(orch.store)
    command = [sys.executable, "-m", "orchestrator", "tui", "--web"]
    with subprocess.Popen(
        command, cwd=project, stdout=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+/[\w-]+/", process.stdout.readline())
        assert found
        yield process, found[0]
        process.kill()


def test_the_page_loads_nothing_from_outside(served: tuple[subprocess.Popen[str], str]) -> None:
    """Every name in the page is relative, and the browser is told to load from nowhere else."""
    page = httpx.get(served[1])
    assert page.status_code == 200
    assert not re.search(r"(src|href)=\"(https?:)?//|url\(\"?(https?:)?//", page.text)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for name in re.findall(r"(?:src=|href=|url\()\"((?:static/)?[\w/.-]+)\"", page.text):
        assert httpx.get(served[1] + name).status_code == 200, name
    assert "@import" not in httpx.get(served[1] + "static/css/xterm.css").text


def test_strangers_are_refused(served: tuple[subprocess.Popen[str], str]) -> None:
    """Another name for this address, another site's page, and whoever does not know the path."""
    assert httpx.get(served[1], headers={"Host": "evil.example"}).status_code == 403
    assert httpx.get(served[1] + "ws", headers={"Origin": "http://evil.example"}).status_code == 403
    assert httpx.get(served[1].rsplit("/", 2)[0] + "/").status_code == 404


def test_the_websocket_shows_the_runs_and_ctrl_c_ends_it(served: tuple[subprocess.Popen[str], str]) -> None:
    """The screen behind the page is the list of runs; an interrupt ends the server and closes the page."""

    async def watch() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(served[1] + "ws?width=120") as socket,
        ):
            seen = b""
            while DONE.encode() not in seen:
                message = await socket.receive(LONGEST)
                assert message.type is aiohttp.WSMsgType.BINARY, message
                seen += message.data
            served[0].send_signal(signal.SIGINT)
            while (await socket.receive(LONGEST)).type is aiohttp.WSMsgType.BINARY:
                pass

    asyncio.run(watch())
    assert served[0].wait(LONGEST) == 0


def test_the_port_alone_is_refused(orch: Shell) -> None:
    """Without --web nothing listens on a port."""
    assert "--web --port" in orch("tui", "--port", "8000", code=2).stderr


def test_a_port_of_another_server_is_another_host() -> None:
    """A page of another server on this machine is another site."""
    assert refusal({"Host": "localhost:81", "Origin": "http://localhost:82"}, 81)
    assert not refusal({"Host": "localhost:81", "Origin": "http://localhost:81"}, 81)
