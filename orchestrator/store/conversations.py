"""What agents remember of earlier runs: turns by agent and conversation, deleted with the run they come from."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from orchestrator.calling import Turn
from orchestrator.light import light
from orchestrator.store.tables import TurnRow, table

if TYPE_CHECKING:
    from orchestrator.store.store import Store

TURNS = table(TurnRow)


@light(frozen=True, slots=True)
class Conversation:
    """What is known of one conversation; `last` is when its last turn was kept, in seconds since the epoch."""

    agent: str
    key: str
    turns: int
    last: float


class StoreConversations:
    """Implements `ports.Conversations` for one run."""

    def __init__(self, store: Store, run: str) -> None:
        self._store = store
        self._no = store.head(run).no

    def recall(self, agent: str, key: str, turns: int) -> tuple[Turn, ...]:
        """The last ones of other runs, oldest first. Raises StoreError."""
        wanted = (
            select(TURNS.c.asked, TURNS.c.answered)
            .where(TURNS.c.agent == agent, TURNS.c.key == key, TURNS.c.run != self._no)
            .order_by(TURNS.c.no.desc())
            .limit(turns)
        )
        with self._store.reading() as connection:
            rows = connection.execute(wanted).all()
        return tuple(Turn(row.asked, row.answered) for row in reversed(rows))

    def remember(self, agent: str, key: str, path: str, turn: Turn) -> None:
        """Keep a turn; what the same instance says again takes the place of what it said. Raises StoreError.

        It is kept before the end of its step is written down: who is killed in between says it again, and then that counts.
        """
        same = (TURNS.c.run == self._no) & (TURNS.c.path == path)
        said = {"agent": agent, "key": key, "asked": turn.asked, "answered": turn.answered}
        with self._store.writing() as connection:
            if connection.execute(TURNS.update().where(same).values(said)).rowcount == 0:
                row = {"run": self._no, "path": path, "at": time.time(), **said}
                connection.execute(TURNS.insert().values(row))


def conversations(store: Store) -> tuple[Conversation, ...]:
    """All that there are, the latest first."""
    last = func.max(TURNS.c.at)
    wanted = (
        select(TURNS.c.agent, TURNS.c.key, func.count(), last)
        .group_by(TURNS.c.agent, TURNS.c.key)
        .order_by(last.desc(), TURNS.c.agent, TURNS.c.key)
    )
    with store.reading() as connection:
        return tuple(Conversation(*row) for row in connection.execute(wanted))


def turns_of(store: Store, agent: str, key: str) -> tuple[Turn, ...]:
    """Every turn of one conversation, oldest first."""
    wanted = (
        select(TURNS.c.asked, TURNS.c.answered)
        .where(TURNS.c.agent == agent, TURNS.c.key == key)
        .order_by(TURNS.c.no)
    )
    with store.reading() as connection:
        return tuple(Turn(row.asked, row.answered) for row in connection.execute(wanted))


def forget(store: Store, agent: str, key: str) -> int:
    """Delete a conversation; returns how many turns it had."""
    with store.writing() as connection:
        return int(
            connection.execute(delete(TURNS).where(TURNS.c.agent == agent, TURNS.c.key == key)).rowcount
        )


__all__ = ["Conversation", "StoreConversations", "conversations", "forget", "turns_of"]
