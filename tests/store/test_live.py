"""Live text: seen by who watches, costing nothing when nobody does, and never waited for."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.store.live import LiveSender, socket_path, watch
from orchestrator.store.store import Store
from tests.store.samples import a_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = a_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A short folder: a socket's path may have about a hundred bytes."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="o") as folder:
        yield Path(folder)


async def until_connected(sender: LiveSender) -> None:
    async with asyncio.timeout(30):
        while not sender.watched:
            sender("warm-up", "")
            await asyncio.sleep(0.01)


def test_a_watcher_reads_what_is_written_while_it_watches(store: Store, runtime: Path) -> None:
    """Path by path, character by character."""

    async def talk() -> list[tuple[str, str]]:
        sender = LiveSender(store, "r", runtime=runtime)
        got: list[tuple[str, str]] = []

        async def listen() -> None:
            async for piece in watch(store, "r", runtime=runtime, retry=0.01):
                got.append(piece)
                if piece == ("a", "end"):
                    return

        listening = asyncio.create_task(listen())
        await until_connected(sender)
        for path, text in (("a", "Hé\n"), ("b", "x" * 20_000), ("a", "end")):
            sender(path, text)
        async with asyncio.timeout(30):
            await listening
        sender.close()
        return got

    got = asyncio.run(talk())

    assert got[0] == ("a", "Hé\n")
    assert "".join(text for path, text in got if path == "b") == "x" * 20_000
    assert got[-1] == ("a", "end")


def test_who_gathers_reads_everything(store: Store, runtime: Path) -> None:
    """Nothing is lost between two readings; a frame may be longer than one of them."""

    async def talk() -> list[str]:
        sender = LiveSender(store, "r", runtime=runtime)
        got: list[str] = []

        async def listen() -> None:
            async for _, text in watch(store, "r", runtime=runtime, retry=0.01, gather=0.01):
                got.append(text)
                if text == "end":
                    return

        listening = asyncio.create_task(listen())
        await until_connected(sender)
        for text in (*map(str, range(20)), "\N{GRINNING FACE}" * 8_000, "end"):
            sender("a", text)
        async with asyncio.timeout(30):
            await listening
        sender.close()
        return [text for text in got if text]

    assert asyncio.run(talk()) == [*map(str, range(20)), "\N{GRINNING FACE}" * 8_000, "end"]


def test_who_gathers_is_not_woken_for_every_piece(store: Store, runtime: Path) -> None:
    """After something was read, nothing is for a while: it waits where it costs nothing."""

    async def talk() -> tuple[int, int]:
        sender = LiveSender(store, "r", runtime=runtime)
        got: list[str] = []

        async def listen() -> None:
            async for _, text in watch(store, "r", runtime=runtime, retry=0.01, gather=1000):
                got.append(text)

        listening = asyncio.create_task(listen())
        async with asyncio.timeout(30):
            while not got:
                sender("a", "x")
                await asyncio.sleep(0.01)
        before = len(got)
        for _ in range(20):
            sender("a", "x")
            await asyncio.sleep(0.001)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        sender.close()
        return before, len(got)

    before, after = asyncio.run(talk())

    assert after == before


def test_nobody_watching_costs_nothing_and_leaves_nothing(store: Store, runtime: Path) -> None:
    """The socket goes with the run."""
    sender = LiveSender(store, "r", runtime=runtime)
    for _ in range(1_000):
        sender("a", "token")
    assert len(list(runtime.iterdir())) == 1

    sender.close()
    sender("a", "after the end")

    assert list(runtime.iterdir()) == []


def test_a_watcher_that_does_not_read_is_not_waited_for(store: Store, runtime: Path) -> None:
    """Whole frames are dropped, never half of one."""
    sender = LiveSender(store, "r", runtime=runtime)
    path = socket_path(store.where, "r", runtime)
    assert path is not None
    lazy = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    lazy.connect(str(path))
    asyncio.run(until_connected(sender))

    for number in range(20_000):
        sender("a", f"{number:0100}")
    sender.close()

    lines = lazy.makefile("rb").read().split(b"\n")
    lazy.close()
    assert 10 < len(lines) < 20_000
    assert all(line.endswith(b'"]') for line in lines[:-1])


def test_a_watcher_that_goes_away_is_forgotten(store: Store, runtime: Path) -> None:
    """The run does not notice."""
    sender = LiveSender(store, "r", runtime=runtime)
    path = socket_path(store.where, "r", runtime)
    gone = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    gone.connect(str(path))
    asyncio.run(until_connected(sender))
    gone.close()

    for _ in range(100):
        sender("a", "x")

    assert not sender.watched
    sender.close()


def test_the_socket_of_a_killed_owner_is_replaced(store: Store, runtime: Path) -> None:
    """Only the holder of the lease listens."""
    dead = LiveSender(store, "r", runtime=runtime)
    assert dead._listener is not None
    dead._listener.close()

    sender = LiveSender(store, "r", runtime=runtime)

    assert sender._listener is not None
    sender.close()


def test_a_folder_that_others_may_write_is_not_used(store: Store, runtime: Path) -> None:
    """In /tmp anybody could have put it there; without a safe folder there is no live text, and no error."""
    runtime.chmod(0o777)

    sender = LiveSender(store, "r", runtime=runtime)
    sender("a", "x")
    sender.close()

    assert socket_path(store.where, "r", runtime) is None
    assert list(runtime.iterdir()) == []


def test_paths_stay_within_the_limit_of_every_platform(store: Store, tmp_path: Path) -> None:
    """A long folder is refused instead of failing in bind."""
    long = tmp_path / ("x" * 120)

    assert socket_path(store.where, "r", long) is None
