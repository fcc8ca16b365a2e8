"""`orch tui RUN --replay --web`: each page plays the run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.cli.recorded import DONE, record_all, shell_in
from tests.cli.serving import LONGEST, served


def test_a_page_plays_the_run_too(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option is given on to the screen behind the page."""
    monkeypatch.chdir(project)
    shell = shell_in(project)
    record_all(shell.store)
    shell.store.close()

    async def watch(address: str) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(address + "ws?width=120") as socket,
        ):
            seen = b""
            while b"replay: " not in seen:
                message = await socket.receive(LONGEST)
                assert message.type is aiohttp.WSMsgType.BINARY, message
                seen += message.data

    with served(project, DONE, "--replay") as page:
        asyncio.run(watch(page.address))
