"""No test of privacy sends a byte off this machine: a connection to any other address is refused, and counted."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator
from typing import Any

import pytest


class Watch:
    """Sees every connect() of this process. An audit hook cannot be taken away again, so it is switched."""

    def __init__(self) -> None:
        self.on = False
        self.tried: list[str] = []
        self.away: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on or event not in ("socket.connect", "socket.sendto"):
            return
        address = arguments[1]
        if not isinstance(address, tuple):
            return  # a unix socket
        host = str(address[0])
        self.tried.append(host)
        if not _loopback(host):
            self.away.append(host)
            raise ConnectionRefusedError(f"a test tried to reach {host}")


def _loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback


@pytest.fixture(scope="session")
def the_watch() -> Watch:
    return Watch()


@pytest.fixture(autouse=True)
def sockets(the_watch: Watch) -> Iterator[Watch]:
    """What this test tried to connect to; nothing off this machine was reached."""
    the_watch.tried, the_watch.away, the_watch.on = [], [], True
    yield the_watch
    the_watch.on = False
