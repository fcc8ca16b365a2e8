"""`orch tui --web`: the page over loopback, what it refuses, and how it ends."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import httpx
import psutil
import pytest

from orchestrator.cli.web import refusal
from tests.cli.recorded import DONE, Shell, record_all, shell_in
from tests.cli.serving import LONGEST, Served, served


@pytest.fixture
def orch(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(project)
    shell = shell_in(project)
    yield shell
    shell.store.close()


@pytest.fixture
def page(orch: Shell, project: Path) -> Iterator[Served]:
    """A server of pages on recorded runs."""
    record_all(orch.store)
    with served(project) as found:
        yield found


def test_the_page_loads_nothing_from_outside(page: Served) -> None:
    """Every name in the page is relative, and the browser is told to load from nowhere else."""
    answer = httpx.get(page.address)
    assert answer.status_code == 200
    assert not re.search(r"(src|href)=\"(https?:)?//|url\(\"?(https?:)?//", answer.text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for name in re.findall(r"(?:src=|href=|url\()\"((?:static/)?[\w/.-]+)\"", answer.text):
        assert httpx.get(page.address + name).status_code == 200, name
    assert "@import" not in httpx.get(page.address + "static/css/xterm.css").text


def test_strangers_are_refused(page: Served) -> None:
    """Another name for this address, another site's page, and whoever does not know the path."""
    assert httpx.get(page.address, headers={"Host": "evil.example"}).status_code == 403
    assert httpx.get(page.address + "ws", headers={"Origin": "http://evil.example"}).status_code == 403
    assert httpx.get(page.address.rsplit("/", 2)[0] + "/").status_code == 404


def test_the_websocket_shows_the_runs_and_ctrl_c_ends_it(page: Served) -> None:
    """The screen behind the page is the list of runs; an interrupt ends the server and closes the page."""

    async def watch() -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(page.address + "ws?width=120") as socket,
        ):
            seen = b""
            while DONE.encode() not in seen:
                message = await socket.receive(LONGEST)
                assert message.type is aiohttp.WSMsgType.BINARY, message
                seen += message.data
            page.process.send_signal(signal.SIGINT)
            while (await socket.receive(LONGEST)).type is aiohttp.WSMsgType.BINARY:
                pass

    asyncio.run(watch())
    assert page.process.wait(LONGEST) == 0


def test_the_port_alone_is_refused(orch: Shell) -> None:
    """Without --web nothing listens on a port."""
    assert "--web --port" in orch("tui", "--port", "8000", code=2).stderr


def test_a_port_that_is_taken_is_named(orch: Shell, page: Served) -> None:
    """Whoever listens there stays; the person is told which port it is and what to do."""
    port = urlsplit(page.address).port
    told = orch("tui", "--web", "--port", str(port), code=2).stderr
    assert f"127.0.0.1:{port}: Address already in use" in told
    assert "leave --port out" in told


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_server_that_is_ended_leaves_no_screen(page: Served, end: signal.Signals) -> None:
    """Ctrl-C, `kill` and a closed terminal: also a screen that has not drawn anything yet goes with the server."""

    async def end_it() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(page.address + "ws"):
            screens = [psutil.Process(pid) for pid in await asyncio.to_thread(page.until, 1)]
            page.process.send_signal(end)
            assert await asyncio.to_thread(page.process.wait, LONGEST) == 0
            _, left = await asyncio.to_thread(psutil.wait_procs, screens, LONGEST)
            assert left == []

    asyncio.run(end_it())


def test_a_port_of_another_server_is_another_host() -> None:
    """A page of another server on this machine is another site."""
    assert refusal({"Host": "localhost:81", "Origin": "http://localhost:82"}, 81)
    assert not refusal({"Host": "localhost:81", "Origin": "http://localhost:81"}, 81)
