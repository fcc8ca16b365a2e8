"""`ORCH_KILL_AT=n`: this process kills itself at the n-th boundary of its log, as a power cut would.

Boundary 2k lies before event k is appended, boundary 2k+1 after it is on the disk. For tests of resume.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence

from orchestrator.events import Event
from orchestrator.store.journal import StoreJournal


class KillSwitch:
    """Counts the events of this process."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        wanted = environ.get("ORCH_KILL_AT", "")
        self._boundary = int(wanted) if wanted.isdigit() else None
        self._appended = 0
        self._committed = 0

    def before(self) -> None:
        if self._boundary == 2 * self._appended:
            _die()
        self._appended += 1

    def after(self, count: int) -> None:
        self._committed += count
        if self._boundary is not None and self._boundary % 2 and self._boundary // 2 < self._committed:
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


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
