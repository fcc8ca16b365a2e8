"""What all parts of one running run share: the ports, what was recovered, the limits. No logic of steps."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.engine.frame import Frame
from orchestrator.engine.gate import Gate, stated
from orchestrator.engine.line import Line
from orchestrator.engine.recover import Recovered
from orchestrator.engine.watch import Watchdog
from orchestrator.errors import StepError
from orchestrator.events import AskOpened, Event
from orchestrator.graph.model import Graph, Node, Scope
from orchestrator.policy.budget import Ledger
from orchestrator.policy.secrets import NONE, Secrets
from orchestrator.ports import (
    Asker,
    Cache,
    Classifier,
    Clock,
    Conversations,
    Exemplars,
    Journal,
    Keepsakes,
    Live,
    Prices,
    Retrievers,
    Tools,
)


class Blocked(Exception):
    """This instance waits for a person; whatever does not depend on it goes on."""


class Failed(Exception):
    """An instance failed for good and said so in the log; what contains it may still catch this."""

    def __init__(self, path: str, error: StepError) -> None:
        super().__init__(f"{path}: {error.message}")
        self.path = path
        self.error = error


class Rejected(Exception):
    """A person refused to let the run go on."""

    def __init__(self, path: str, by: str) -> None:
        super().__init__(f"{path}: rejected by {by}")
        self.path = path
        self.by = by


class SystemClock:
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


def deaf(path: str, text: str) -> None:
    """Nobody follows the live tokens."""


@dataclass(slots=True)
class Ports:
    """What `cli` fills in. `asker` is None when no person is there."""

    journal: Journal
    clock: Clock = field(default_factory=SystemClock)
    cache: Cache | None = None
    asker: Asker | None = None
    live: Live = deaf
    prices: Prices = stated
    """What models cost; by default only what the file says."""
    secrets: Secrets = NONE
    """Values that may neither leave the machine nor be written down: of `env` in the file, and keys of models."""
    offline: bool = False
    """Nothing may leave the machine in this run, whatever the file allows."""
    digest_key: bytes = b""
    """Key of the digests that stand in the record for values that `keep:` does not keep."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables of the environment that the texts read, by name; only those."""
    tools: Tools | None = None
    knowledge: Retrievers | None = None
    examples: Callable[[Path], Exemplars] | None = None
    """The worked examples of a file of cases (an absolute path)."""
    heads: Callable[[Path], Classifier] | None = None
    """The classifier that is trained on a file of cases."""
    conversations: Conversations | None = None
    """What `memory:` reads and writes; None where nothing is kept."""
    keepsakes: Keepsakes | None = None
    """Where files that tools made go."""
    run: str = ""
    """The id of the run: with it begins the key of a call that may be made again after a crash."""


class Kept:
    """What is kept for a node while the run lasts, by a name.

    The node is held as well: some are made while the run goes on, and the identity of an object that is gone is given
    to the next one.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[int, tuple[Node, dict[str, Any]]] = {}

    def of(self, node: Node) -> dict[str, Any]:
        found = self._held.get(id(node))
        if found is None:
            found = self._held[id(node)] = node, {}
        return found[1]


@dataclass(slots=True)
class Run:
    """One run while it executes; a subworkflow gets a copy with its own graph and gates.

    `width` bounds how many instances are open at once in one scope or foreach.
    """

    graph: Graph
    ports: Ports
    gates: Mapping[str, Gate]
    """The graph's own models, by the name its steps use."""
    all_gates: Mapping[str, Gate]
    recovered: Recovered
    ledger: Ledger
    enter: Callable[[Run, Scope, Frame], Awaitable[bool]]
    part: Callable[[Run, Node, Frame, str, str], Awaitable[Outcome]]
    """Asks a model for one of several answers that make up a step, at a path of its own."""
    today: str
    emit: Callable[[Event], None]
    """Appends to the journal."""
    now: Callable[[], float]
    """Wall clock, seconds since the epoch."""
    line: Line
    """Who waits for room in the budget; calls are settled there."""
    watchdog: Watchdog = field(default_factory=Watchdog)
    width: int = 16
    keeps_facts: bool = True
    ticks: int = 0
    known: Any = None
    """What stands in the private inputs of the run, for `declassify.Known`."""
    kept: Kept = field(default_factory=Kept)
    """What is worked out once for a step: what its requests to a model have in common, its label, its judge."""
    asking: dict[str, AskOpened] = field(default_factory=dict)
    """Questions nobody has answered yet, by path."""
    unknown: dict[str, StepError] = field(default_factory=dict)
    """Instances of which nobody knows whether they had their effect, by path: a person has to say."""

    def should_breathe(self) -> bool:
        """Whether other tasks are to have their turn now: steps may finish without ever waiting."""
        self.ticks += 1
        return self.ticks & 63 == 0


@dataclass(slots=True)
class Outcome:
    """What a step's verb came to. `handled` is the error that `on_error` turned into the value.

    Nothing changes it; frozen it would be slower to make, and each step makes one.
    `own` says of a group that its value is not made of its steps' values, so that the log has to hold it.
    """

    value: Any
    facts: Mapping[str, Any]
    cached: bool = False
    handled: str = ""
    own: bool = False


def evaluate(node: Node, key: str, frame: Frame, extra: Mapping[str, Any] | None = None) -> Any:
    """The value of one of the node's programs here. Raises StepError."""
    program = node.programs[key]
    return program.run(frame.context(program, extra))
