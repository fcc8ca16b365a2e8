"""The tables of the store, as SQLModel classes. Columns only: no query, no rule.

Version 8. A change here needs a numbered step in `migrate.py`.
"""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text
from sqlmodel import Field, SQLModel


class Meta(SQLModel, table=True):
    """Facts about the store itself; `version` is the schema's."""

    __tablename__: ClassVar[str] = "meta"

    key: str = Field(primary_key=True)
    value: str


class Run(SQLModel, table=True):
    """One run. `events` and `head` are the length and the last hash of its chain of events.

    `no` is the short key other tables use. `status` is what the last event said; a dead owner shows only in
    `Store.runs`. Times are wall-clock seconds since the epoch. `finished` counts instances, `steps` those planned.
    `local_calls` and `cloud_calls` are the calls of models that ended, by where they went. `cost` is in nano-dollars.
    `folded` is how many events the run's rows in `spending` were made of. `origin` is the run that it came out of.
    """

    __tablename__: ClassVar[str] = "runs"

    no: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)
    workflow: str
    file: str
    root: str
    revision: str
    source: str
    status: str
    started: float = Field(index=True)
    ended: float | None = None
    steps: int = 0
    finished: int = 0
    failed: int = 0
    prompt_tokens: int = Field(default=0, sa_type=BigInteger)
    completion_tokens: int = Field(default=0, sa_type=BigInteger)
    local_calls: int = 0
    cloud_calls: int = 0
    cost: int = Field(default=0, sa_type=BigInteger)
    folded: int = 0
    origin: str = ""
    events: int = 0
    head: bytes = b""


class EventRow(SQLModel, table=True):
    """One event: `payload` is the JSON of what the other columns do not say; `hash` continues the chain.

    `kind` is a letter (`shapes.LETTERS`); rows from before version 7 hold the word, and payloads with names (`named.py`).
    """

    __tablename__: ClassVar[str] = "events"

    run: int = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    at: float
    kind: str
    path: str
    payload: str = Field(sa_column=Column(Text, nullable=False))
    hash: bytes


class Blob(SQLModel, table=True):
    """A large value, stored once under the sha256 of its JSON text."""

    __tablename__: ClassVar[str] = "blobs"

    sha: bytes = Field(primary_key=True, sa_type=LargeBinary(32))
    text: str = Field(sa_column=Column(Text, nullable=False))


class BlobUse(SQLModel, table=True):
    """Which run uses which blob, so that deleting a run frees what nobody else needs."""

    __tablename__: ClassVar[str] = "blob_uses"

    run: int = Field(primary_key=True)
    sha: bytes = Field(primary_key=True, sa_type=LargeBinary(32), index=True)


class InboxItem(SQLModel, table=True):
    """Something another process wants the owner of a run to do; `done` is when the owner did."""

    __tablename__: ClassVar[str] = "inbox"

    id: int | None = Field(default=None, primary_key=True)
    run: int = Field(index=True)
    at: float
    kind: str
    payload: str = Field(sa_column=Column(Text, nullable=False))
    done: float | None = None


class CacheEntry(SQLModel, table=True):
    """A finished answer by content key; `used` decides what is evicted first."""

    __tablename__: ClassVar[str] = "cache"

    key: str = Field(primary_key=True)
    value: str = Field(sa_column=Column(Text, nullable=False))
    size: int
    used: float = Field(index=True)


class SpendingRow(SQLModel, table=True):
    """What one model did for one step of a run, folded from the events when somebody asks what runs cost."""

    __tablename__: ClassVar[str] = "spending"

    run: int = Field(primary_key=True)
    step: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    ref: str
    local: bool | None = None
    calls: int = 0
    prompt: int = Field(default=0, sa_type=BigInteger)
    completion: int = Field(default=0, sa_type=BigInteger)
    cached: int = Field(default=0, sa_type=BigInteger)
    cost: int = Field(default=0, sa_type=BigInteger)
    overruns: int = 0
    answers: int = 0
    answer_prompt: int = Field(default=0, sa_type=BigInteger)
    answer_completion: int = Field(default=0, sa_type=BigInteger)
    open_calls: int = 0
    open_cost: int = Field(default=0, sa_type=BigInteger)


class TurnRow(SQLModel, table=True):
    """What one instance of a run was asked and answered, as the memory of an agent; `key` names the conversation."""

    __tablename__: ClassVar[str] = "turns"

    no: int | None = Field(default=None, primary_key=True)
    run: int = Field(index=True)
    path: str
    agent: str
    key: str
    at: float
    asked: str = Field(sa_column=Column(Text, nullable=False))
    answered: str = Field(sa_column=Column(Text, nullable=False))


class SeenRow(SQLModel, table=True):
    """A file that a run was given for an input which takes only new ones; `sha` is the digest of its text."""

    __tablename__: ClassVar[str] = "seen"

    run: int = Field(primary_key=True)
    workflow: str = Field(primary_key=True)
    input: str = Field(primary_key=True)
    sha: str = Field(primary_key=True)


class LeaseRow(SQLModel, table=True):
    """Who executes a run, where the store is a server: `expires` is on the server's clock."""

    __tablename__: ClassVar[str] = "leases"

    run: str = Field(primary_key=True)
    token: str
    owner: str
    expires: float


def table(model: type[SQLModel]) -> Table:
    """The Core table behind a class, for the statements that must be fast."""
    found = model.metadata.tables[str(model.__tablename__)]
    assert isinstance(found, Table)
    return found


TABLES: tuple[Table, ...] = tuple(
    table(model)
    for model in (
        Meta,
        Run,
        EventRow,
        Blob,
        BlobUse,
        InboxItem,
        CacheEntry,
        SpendingRow,
        TurnRow,
        SeenRow,
        LeaseRow,
    )
)

Index("turns_of", table(TurnRow).c.agent, table(TurnRow).c.key)
Index("seen_of", table(SeenRow).c.workflow, table(SeenRow).c.input)
Index("inbox_open", table(InboxItem).c.run, table(InboxItem).c.done)
