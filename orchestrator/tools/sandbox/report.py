"""The parent's end of the report socket: one line that says whether the child is locked in, then the value as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from typing import Any, NoReturn

MOST = 4096
"""Bytes of the first line."""


class Report:
    """Takes in what the child says; never more than `most` bytes of value. Trusts only the first line."""

    def __init__(self, end: socket.socket, most: int, work: int | None = None) -> None:
        self._end = end
        self._most = most + MOST
        self._said = bytearray()
        self._loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        self.work = work
        """The folder the code works in, as a descriptor; a child with a file system of its own hands it over."""
        end.setblocking(False)
        self._loop.add_reader(end.fileno(), self._take)

    async def ended(self) -> None:
        """Return when the child has closed its end."""
        await self._done.wait()

    def close(self) -> None:
        self._loop.remove_reader(self._end.fileno())
        self._end.close()
        if self.work is not None:
            os.close(self.work)
            self.work = None

    @property
    def status(self) -> str:
        """What the child said before it ran anything; empty when it never came to it."""
        line, newline, _ = self._said.partition(b"\n")
        return line.decode("utf-8", "replace").removeprefix(".") if newline else ""

    @property
    def value(self) -> Any:
        """Plain data, or None. It may be anything: the code can write to the socket itself."""
        _, _, text = self._said.partition(b"\n")
        if not text or len(text) > self._most - MOST:
            return None
        try:
            value = json.loads(bytes(text), parse_constant=_refuse)
            json.dumps(value, ensure_ascii=False).encode()  # half a character is no text
            return value
        except (ValueError, RecursionError):
            return None

    def _take(self) -> None:
        try:
            if not self._said:
                said, handed, _, _ = socket.recv_fds(self._end, 65536, 1)
                self._keep(handed)
            else:
                said = self._end.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if said and len(self._said) <= self._most:
            self._said += said
        elif not said:
            self._loop.remove_reader(self._end.fileno())
            self._done.set()

    def _keep(self, handed: list[int]) -> None:
        """Only a folder that is awaited; the code itself may hand over what it likes."""
        for descriptor in handed:
            if self.work is None:
                self.work = descriptor
            else:
                os.close(descriptor)


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)
