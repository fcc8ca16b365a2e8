"""What the screen needs from outside itself, filled in by the command line: the store, processes, this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from orch_tui.settings import Settings

if TYPE_CHECKING:
    from orchestrator.money import Price
    from orchestrator.store.store import Store


@dataclass(frozen=True, slots=True)
class Resident:
    """A model that is loaded on this machine. Sizes in bytes, `until` in wall-clock seconds.

    What a server does not tell is None. `state` is loading, idle or busy.
    """

    name: str
    provider: str
    state: str
    memory: int | None = None
    context: int | None = None
    slots: int | None = None
    busy: int | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine at a moment: memory in bytes, and the models in it."""

    memory_total: int = 0
    memory_available: int = 0
    residents: tuple[Resident, ...] = ()


class Start(Protocol):
    def __call__(self, arguments: Sequence[str], /) -> None:
        """Start `orch ARGUMENTS` as a process of its own that outlives the screen. Raises OrchError when it cannot."""
        ...


class Bigger(Protocol):
    def __call__(self, file: str, models: Mapping[str, Any], /) -> tuple[str, Price] | None:
        """The cloud model that this file may ask (`models` in the place of its own), or a usual one, with its price.

        None when nobody knows a price. Blocks.
        """
        ...


class Forks(Protocol):
    """Runs that begin with what another run finished. Both block."""

    def plan(self, run: str, step: str, /) -> Mapping[str, Any]:
        """What of a run stands when it is run anew from a step (or one instance of it) on, and what is anew.

        `reused` (instances by step), `anew` (path: reason), `once` (calls with an effect that would happen again, as
        `{path, tool}`), `calls` (a number, or words where nobody knows it) and `usd` (None: nobody knows) at most,
        `cache` (whether it uses answers that are known). Raises OrchError.
        """
        ...

    def start(self, run: str, step: str, /, *, fresh: bool = False) -> str:
        """Start it as a process of its own that outlives the screen; the id of the new run. Raises OrchError.

        With `fresh` its models are asked also where an answer is known.
        """
        ...


def _unpriced(file: str, models: Mapping[str, Any], /) -> tuple[str, Price] | None:  # noqa: ARG001
    return None


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside. `machine` and `bigger` block and are called from threads; `user` is who answers questions."""

    store: Store
    start: Start
    machine: Callable[[], Machine]
    settings: Settings = field(default_factory=Settings)
    user: str = ""
    now: Callable[[], float] = time.time
    bigger: Bigger = _unpriced
    forks: Forks | None = None
    """None where no run can be started."""
