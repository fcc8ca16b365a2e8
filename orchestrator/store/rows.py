"""What the store hands out about runs: plain frozen values, also of rows that are damaged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from orchestrator.light import light
from orchestrator.state import RunStatus

if TYPE_CHECKING:
    from sqlalchemy import Row


@light(frozen=True, slots=True)
class RunRow:
    """A run in a list. `status` is `interrupted` when the owner died without a last event.

    Times are wall-clock seconds. `steps` were planned; `finished` counts steps and items that have a value so far,
    `failed` those that failed; groups do not count. `events` is the length of the log. `local_calls` of a model
    ended on this machine, `cloud_calls` left it. `cost` is in nano-dollars. `origin` is the run that it came out of.
    """

    id: str
    workflow: str
    file: str
    root: str
    revision: str
    status: RunStatus
    started: float
    ended: float | None
    steps: int
    finished: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    events: int
    local_calls: int = 0
    cloud_calls: int = 0
    cost: int = 0
    origin: str | None = None

    @property
    def live(self) -> bool:
        return self.status == "running"


@light(frozen=True, slots=True)
class Marks:
    """By the id of a run: what was found damaged in it first, and of an imported one where it is from."""

    damaged: Mapping[str, str] = field(default_factory=dict)
    imported: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)
    """Runs that were written and are not there."""


@light(frozen=True, slots=True)
class InboxRow:
    """What somebody asked the owner of a run to do: `kind` is approve, reject, cancel, …"""

    id: int
    at: float
    kind: str
    payload: Mapping[str, Any]


@light(frozen=True, slots=True)
class Head:
    """Where a run's chain of events ends; `no` is the run's short key. The numbers are the row's running totals."""

    no: int
    count: int
    hash: bytes
    status: str
    ended: float | None
    finished: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    local_calls: int
    cloud_calls: int
    cost: int


def run_row(row: Row[Any], status: RunStatus) -> RunRow:
    """A row of the runs table, also of one that is damaged, as it can be shown."""
    return RunRow(
        id=row.id,
        workflow=text(row.workflow),
        file=text(row.file),
        root=text(row.root),
        revision=text(row.revision),
        status=status,
        started=finite(row.started),
        ended=finite(row.ended),
        steps=finite(row.steps),
        finished=finite(row.finished),
        failed=finite(row.failed),
        prompt_tokens=finite(row.prompt_tokens),
        completion_tokens=finite(row.completion_tokens),
        events=finite(row.events),
        local_calls=finite(row.local_calls),
        cloud_calls=finite(row.cloud_calls),
        cost=finite(row.cost),
        origin=row.origin or None,
    )


def head_of(row: Row[Any]) -> Head:
    return Head(
        no=row.no,
        count=finite(row.events),
        hash=row.head,
        status=text(row.status),
        ended=row.ended,
        finished=row.finished,
        failed=row.failed,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        local_calls=row.local_calls,
        cloud_calls=row.cloud_calls,
        cost=row.cost,
    )


def finite(number: Any) -> Any:
    """A number of a row as it is; of a damaged one, a number that can be shown."""
    whole = number is None or (isinstance(number, int | float) and math.isfinite(number))
    return number if whole else 0


def text(found: Any) -> Any:
    return found if isinstance(found, str) else "?"
