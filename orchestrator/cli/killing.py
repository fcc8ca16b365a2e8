"""`ORCH_KILL_AT`: this process kills itself at a boundary of its log, as a power cut would. For tests of resume.

`n`: boundary 2k lies before event k is appended, boundary 2k+1 after it is on the disk. `effect:k`: the k-th call of a
tool that has an effect came back, and nothing of that is written yet. `commit:k`: event k and all before it are written
and the transaction is not ended. All are counted from 0, in this process.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.calling import CallContext, Signature, ToolResult
from orchestrator.events import Event
from orchestrator.light import light
from orchestrator.ports import Tool, Tools

if TYPE_CHECKING:
    from orchestrator.store.journal import StoreJournal
    from orchestrator.store.store import Store

_WANTED = re.compile(r"(?:(effect|commit):)?(\d{1,9})")


class KillSwitch:
    """Counts the events and effects of this process."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        wanted = _WANTED.fullmatch(environ.get("ORCH_KILL_AT", ""))
        self._kind = wanted[1] or "event" if wanted else ""
        self._boundary = int(wanted[2]) if wanted else -1
        self._appended = 0
        self._committed = 0
        self._effects = 0

    def before(self) -> None:
        if self._kind == "event" and self._boundary == 2 * self._appended:
            _die()
        self._appended += 1

    def after(self, count: int) -> None:
        self._committed += count
        if self._kind == "event" and self._boundary % 2 and self._boundary // 2 < self._committed:
            _die()

    def had_effect(self) -> None:
        if self._kind == "effect" and self._boundary == self._effects:
            _die()
        self._effects += 1

    def watch(self, store: Store) -> None:
        """Have an eye on the transactions of this store."""
        if self._kind == "commit":
            from sqlalchemy import event

            event.listen(store.engine, "commit", self._committing)

    def tools(self, tools: Tools) -> Tools:
        """These tools, each of which tells when it has had its effect; as they are when nobody wants to know."""
        if self._kind != "effect":
            return tools

        async def opened(file: str, name: str) -> Tool:
            tool = await tools(file, name)
            return tool if tool.signature.effects == "none" else _Telling(tool, self)

        return opened

    def _committing(self, _connection: Any) -> None:
        if self._appended > self._boundary:
            _die()


class KillingJournal:
    """A journal that asks the switch before every event."""

    def __init__(self, journal: StoreJournal, switch: KillSwitch) -> None:
        self._journal = journal
        self._switch = switch

    def append(self, event: Event, consumed: Sequence[int] = ()) -> None:
        self._switch.before()
        self._journal.append(event, consumed)

    async def flush(self) -> None:
        await self._journal.flush()

    def close(self) -> None:
        self._journal.close()


@light(frozen=True, slots=True)
class _Telling:
    """A tool that tells the switch what it did."""

    tool: Tool
    switch: KillSwitch

    @property
    def signature(self) -> Signature:
        return self.tool.signature

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        result = await self.tool.call(arguments, context)
        self.switch.had_effect()
        return result


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
