"""Puts the questions of `ask` steps to the person at this terminal, one at a time.

An empty line or end of input leaves a question open: the run then ends with exit code 7 and can go on later.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from orchestrator.cli.console import Console
from orchestrator.errors import UsageError
from orchestrator.ports import Reply
from orchestrator.safe import safe

_EDIT = "e"
SHOWN = 4000
"""Characters of `show` that are printed; the rest is in `orch show RUN STEP`."""


class TerminalAsker:
    """`away` is a context in which the live progress leaves the terminal alone; `settle` lets it come up to date."""

    def __init__(
        self,
        console: Console,
        away: Callable[[], AbstractContextManager[None]],
        settle: Callable[[], Awaitable[None]],
    ) -> None:
        self._console = console
        self._away = away
        self._settle = settle
        self._turn = asyncio.Lock()

    async def __call__(
        self, path: str, question: str, show: Any, choices: Sequence[str], edit: Any = None
    ) -> Reply | None:
        async with self._turn:
            await self._settle()
            await asyncio.sleep(0)
            with self._away():
                self._put(path, question, show, choices, edit)
                return await self._reply(choices, edit)

    def _put(self, path: str, question: str, show: Any, choices: Sequence[str], edit: Any) -> None:
        self._console.say()
        if show is not None:
            self._show(show)
        if edit is not None and edit["value"] != show:
            self._show(edit["value"])
        self._console.say(f"{question}  ({path})", "bold")
        for number, choice in enumerate(choices, 1):
            self._console.say(f"  {number}) {choice}")
        if edit is not None:
            self._console.say(f"  {_EDIT}) change it first, in your editor")

    def _show(self, value: Any) -> None:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
        cut = "" if len(text) <= SHOWN else f"\n… {len(text) - SHOWN} more characters"
        self._console.say(text[:SHOWN] + cut)

    async def _reply(self, choices: Sequence[str], edit: Any) -> Reply | None:
        change = None
        while True:
            self._console.err.write("answer (number or word, empty = later): ")
            self._console.err.flush()
            line = (await _read_line()).strip()
            if not line:
                return None
            if line in choices:
                return Reply(line, change)
            if line.isdigit() and 1 <= int(line) <= len(choices):
                return Reply(choices[int(line) - 1], change)
            if line == _EDIT and edit is not None:
                change = await asyncio.to_thread(self._changed, edit, change)
                continue
            self._console.say(f"{safe(line)!r} is none of {', '.join(choices)}")

    def _changed(self, edit: Mapping[str, Any], before: Any) -> Any:
        """The value as the person left it, None while it is as it was; what cannot be taken changes nothing."""
        from orch_tui.changing import edited

        now = edit if before is None else {**edit, "value": before}
        try:
            value = edited(now, os.environ)
        except UsageError as error:
            self._console.say(f"{error.message}; {error.hint}" if error.hint else error.message)
            return before
        if value is None:
            self._console.say("nothing was changed")
            return before
        self._show(value)
        return value


async def _read_line() -> str:
    """One line from standard input without a thread, so that Ctrl-C and the end of the run are not held up."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def readable() -> None:
        if not line.done():
            line.set_result(sys.stdin.readline())

    loop.add_reader(sys.stdin.fileno(), readable)
    try:
        return await line
    finally:
        loop.remove_reader(sys.stdin.fileno())
