"""What a step sends somewhere: the place, how private it may be there, and the parts that go. Values only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.graph.tags import Why
from orchestrator.graph.texts import Path
from orchestrator.labels import Label
from orchestrator.light import light

if TYPE_CHECKING:
    from orchestrator.spec.marks import Marks


@light(frozen=True, slots=True)
class Sink:
    """Somewhere that a value can go. `away`: off this machine. `entry` is where its clearance is, or would be, stated.

    `kind` is that of an Exit, or `files`.
    """

    name: str
    kind: str
    clearance: Label
    away: bool
    entry: str = ""
    also: str = ""
    """Another name under which `egress` may list it."""


@light(frozen=True, slots=True)
class Use:
    """A step that sends these parts of its request to a sink. `path` is where the file says so."""

    step: str
    name: str
    sink: Sink
    parts: tuple[tuple[str, Why], ...]
    scope: Why
    marks: Marks
    path: Path
    lowered: tuple[str, ...] = ()
    writes: str = "**"
    """Of a sink that writes files: where, as a glob."""
    told: str = ""
    """A variable of the environment whose value stands in what is sent: no clearance lets that leave."""
    inner: bool = False
    """A workflow that the step calls does it: what it sends was checked in its own file."""
