"""Runs as a file that travels: lines of JSON, each run between its head and a digest of all that stands between.

A line is a map. `{"orch_export": 1, …}` begins the file, `{"run": …}` a run, a line that begins with `{"at":` is an
event as `events.encode` writes it, `{"artifact": …}` a file in base64, `{"end": …}` the digest of a run. Lines, because
they can be read while they come, looked at and compared with ordinary tools, and hold no paths that could lead anywhere.
The digest finds damage; who changes a file can make it anew. Knows no label: what is told is decided before.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import from_json
from sqlalchemy.exc import IntegrityError

from orchestrator.errors import StoreError, UsageError
from orchestrator.events import Event, RunStarted, decode, encode, to_dict
from orchestrator.store import codec
from orchestrator.store.blobs import write_blobs
from orchestrator.store.foreign import mark
from orchestrator.store.insert import Columns, event_columns, write_events
from orchestrator.store.origin import origin_of
from orchestrator.store.store import RUNS, inserted
from orchestrator.store.tally import Tally

if TYPE_CHECKING:
    from orchestrator.store.store import Store

FORMAT = 1
LONGEST_LINE = 100_000_000
"""Bytes: an artifact of the largest size, in base64."""
MOST_EVENTS = 2_000_000
MOST_RUNS = 1_000
LARGEST_ARTIFACT = 64_000_000
ALL_ARTIFACTS = 512_000_000
"""Bytes of those of one run together."""
LARGEST_NUMBER = 2**42
"""Of a whole number in an event: as many of them as there may be still add up in a database."""
BATCH = 1000
ID = re.compile(r"[0-9a-z]{1,12}(?:-[0-9a-z]{1,12}){0,3}")
_SHA = re.compile(r"[0-9a-f]{64}")
_EVENT = b'{"at":'


@dataclass(frozen=True, slots=True)
class Head:
    """What is said of a run before its events. `origin` is where its chain ends in the store that it was made in."""

    run: str
    events: int
    origin: str
    clearance: str


@dataclass(frozen=True, slots=True)
class Content:
    """A file that a tool made."""

    sha256: str
    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """A run is complete; `digest` is of all its lines."""

    digest: str


Piece = Head | Event | Content | End


# ------------------------------------------------------------------------------------------ writing


def first_line(version: str) -> bytes:
    return _line({"orch_export": FORMAT, "version": version})


def lines_of(head: Head, events: Iterable[Event], contents: Iterable[Content]) -> Iterator[bytes]:
    """A run. Holds one event at a time."""
    digest = hashlib.sha256()
    for line in _lines(head, events, contents):
        digest.update(line)
        yield line
    yield _line({"end": {"sha256": digest.hexdigest()}})


def _lines(head: Head, events: Iterable[Event], contents: Iterable[Content]) -> Iterator[bytes]:
    facts = {"id": head.run, "events": head.events, "origin": head.origin, "clearance": head.clearance}
    yield _line({"run": facts})
    for event in events:
        yield encode(event).encode() + b"\n"
    for content in contents:
        data = base64.b64encode(content.data).decode()
        yield _line({"artifact": {"sha256": content.sha256, "data": data}})


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


# ------------------------------------------------------------------------------------------ reading


def pieces(file: IO[bytes], name: str) -> Iterator[Piece]:
    """What stands in a file, checked. Raises UsageError for the first thing that is wrong, with its line."""
    reading = _Reading(file, name)
    reading.begin()
    while (line := reading.next()) is not None:
        yield from _run(reading, line)


@dataclass(slots=True)
class _Reading:
    file: IO[bytes]
    name: str
    number: int = 0
    runs: int = 0

    def next(self) -> bytes | None:
        """One line; None at the end."""
        line = self.file.readline(LONGEST_LINE + 1)
        self.number += 1
        if len(line) > LONGEST_LINE:
            raise self.wrong("is longer than a line may be")
        if line and not line.endswith(b"\n"):
            raise self.wrong("breaks off: the end of the file is missing")
        return line or None

    def wrong(self, what: str) -> UsageError:
        hint = "have it exported again: orch runs export RUN"
        return UsageError(f"{self.name}, line {self.number}: {what}", hint=hint)

    def begin(self) -> None:
        line = self.file.readline(200)
        self.number = 1
        found = self.parsed(line, "orch_export") if line.startswith(b'{"orch_export":') else None
        if found is None:
            raise UsageError(
                f"{self.name} is no exported run", hint="files are made with: orch runs export RUN"
            )
        if found != FORMAT:
            raise UsageError(
                f"{self.name} is of format {found!r}, and this orch reads {FORMAT}", hint="upgrade orch"
            )

    def parsed(self, line: bytes, key: str) -> Any:
        """What stands under the one key of a line (the first line has more)."""
        try:
            value = from_json(line, allow_inf_nan=False)
        except ValueError:
            raise self.wrong("is no JSON") from None
        if not isinstance(value, dict) or key not in value:
            raise self.wrong(f"should begin with '{key}'")
        return value[key]


def _run(reading: _Reading, line: bytes) -> Iterator[Piece]:
    """One run, from its head to its end."""
    reading.runs += 1
    if reading.runs > MOST_RUNS:
        raise reading.wrong(f"holds more than {MOST_RUNS:,} runs")
    head = _head(reading, line)
    digest = hashlib.sha256(line)
    yield head
    line = _some(reading)
    for count in range(head.events):
        yield _event(reading, line, head, count)
        digest.update(line)
        line = _some(reading)
    size = 0
    while line.startswith(b'{"artifact":'):
        content = _content(reading, line)
        size += len(content.data)
        if size > ALL_ARTIFACTS:
            raise reading.wrong("holds more files than a run may bring")
        yield content
        digest.update(line)
        line = _some(reading)
    end = reading.parsed(line, "end")
    if not isinstance(end, dict) or end.get("sha256") != digest.hexdigest():
        raise reading.wrong(f"run {head.run} is not what was exported: its digest is another one")
    yield End(digest.hexdigest())


def _some(reading: _Reading) -> bytes:
    line = reading.next()
    if line is None:
        raise reading.wrong("the end of the file is missing")
    return line


def _head(reading: _Reading, line: bytes) -> Head:
    match reading.parsed(line, "run"):
        case {"id": str(run), "events": int(events), "origin": str(origin), "clearance": str(clearance)}:
            if not ID.fullmatch(run):
                raise reading.wrong("the id of the run is none")
            if not 1 <= events <= MOST_EVENTS:
                raise reading.wrong(f"a run has between 1 and {MOST_EVENTS:,} events")
            return Head(run, events, origin[:64], clearance[:16])
        case _:
            raise reading.wrong("says too little about the run")


def _event(reading: _Reading, line: bytes, head: Head, count: int) -> Event:
    if not line.startswith(_EVENT):
        raise reading.wrong(f"run {head.run} should have {head.events:,} events, and has {count:,}")
    try:
        event = decode(line)
        codec.pack(event)
    except (ValidationError, StoreError, RecursionError) as error:
        raise reading.wrong("is no event that this orch knows") from error
    if isinstance(event, RunStarted) != (count == 0):
        raise reading.wrong("a run begins once, with its first event")
    if isinstance(event, RunStarted) and event.run != head.run:
        raise reading.wrong("its first event is of another run")
    if not all(_is_sane(value) for value in to_dict(event).values()):
        raise reading.wrong("holds a number that nothing has")
    return event


def _is_sane(value: Any) -> bool:
    if isinstance(value, int | float):
        return abs(value) <= LARGEST_NUMBER  # false for what is no number
    return True


def _content(reading: _Reading, line: bytes) -> Content:
    match reading.parsed(line, "artifact"):
        case {"sha256": str(sha), "data": str(text)} if _SHA.fullmatch(sha):
            try:
                data = base64.b64decode(text, validate=True)
            except binascii.Error:
                raise reading.wrong("the file in it is damaged") from None
            if hashlib.sha256(data).hexdigest() != sha or len(data) > LARGEST_ARTIFACT:
                raise reading.wrong("the file in it is not what it says")
            return Content(sha, data)
        case _:
            raise reading.wrong("the file in it is damaged")


# ---------------------------------------------------------------------------------------- into a store


def write_run(store: Store, run: str, events: Iterable[Event], facts: Mapping[str, Any]) -> None:
    """A whole run and its mark in one transaction: all of it is there, or nothing. Raises StoreError for a taken id."""
    tally, head, count = Tally(), codec.GENESIS, 0
    rows: list[Columns] = []
    with store.writing() as connection:
        no = -1
        for event in events:
            tally.add(event)
            if isinstance(event, RunStarted):
                try:
                    no = inserted(connection.execute(RUNS.insert().values(**_row(run, event))))
                except IntegrityError as error:
                    raise StoreError(
                        f"there is a run {run} already", hint="import it --as another"
                    ) from error
            packed = codec.pack(event)
            head = codec.link(head, *packed[:4])
            rows.append(event_columns(no, count, packed, head))
            write_blobs(connection, no, packed.blobs)
            count += 1
            if len(rows) == BATCH:
                write_events(connection, rows)
                rows = []
        write_events(connection, rows)
        whole = {"events": count, "head": head, **tally.columns()}
        connection.execute(RUNS.update().where(RUNS.c.no == no).values(**whole))
        mark(connection, run, facts)


def _row(run: str, started: RunStarted) -> dict[str, Any]:
    names = ("workflow", "file", "root", "revision", "source", "steps")
    said = {name: getattr(started, name) for name in names}
    return {
        **said,
        "id": run,
        "origin": origin_of(started.options),
        "started": started.at,
        "status": "running",
        "events": 0,
        "head": codec.GENESIS,
    }
