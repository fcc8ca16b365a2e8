"""One run to execute, put together in one place from what the commands know. Executes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.cli.privacy import Privacy
from orchestrator.light import light

if TYPE_CHECKING:
    from orchestrator.cli.locked import Guard
    from orchestrator.cli.past import Past
    from orchestrator.cli.settling import Settled
    from orchestrator.config import Config
    from orchestrator.graph.model import Graph
    from orchestrator.ports import Model


@light(frozen=True, slots=True)
class Shown:
    """What a command line says about the way a run is shown."""

    as_json: bool = False
    events: bool = False
    quiet: bool = False

    @property
    def plain(self) -> bool:
        """Whether stdout is for the result as a person reads it."""
        return not (self.as_json or self.events)


@light(frozen=True, slots=True)
class Job:
    """One run to execute: created in the store already, its lease held by the caller."""

    run: str
    graph: Graph
    inputs: Mapping[str, Any]
    today: str
    models: Mapping[str, Model]
    """By the names of `models_needed`; closed when the run ends."""
    resumed: bool = False
    forked: bool = False
    """Its record begins with what another run finished."""
    use_cache: bool = True
    as_json: bool = False
    show_events: bool = False
    quiet: bool = False
    offline: bool = False
    """Nothing may leave this machine."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """Limits of the budget that are raised for what is left of the run, as `RunResumed.budget`."""
    settled: tuple[Settled, ...] = ()
    """What a person says about calls of which nobody knew whether they happened."""
    privacy: Privacy = field(default_factory=Privacy)
    """What its texts read of the environment, and what may be shown and written down."""
    data: Path = Path()
    """The user's own data: what tools made goes there when the store is on a server."""
    streamed: tuple[str, ...] = ()
    """Paths of steps whose text goes to stdout as it comes, one at a time."""
    past: Past | None = None
    """What stands in its record, where whoever took it up knows it; else it is read."""
    lock: Guard | None = None
    """What the run is compared with, where a lock file stands beside its workflow."""
    goes_on: bool = False
    """Whoever executes it goes on afterwards: Ctrl-C ends the run for good, and never the process."""


def job_of(
    past: Past,
    graph: Graph,
    inputs: Mapping[str, Any],
    models: Mapping[str, Model],
    config: Config,
    privacy: Privacy,
    shown: Shown,
    *,
    resumed: bool = False,
    forked: bool = False,
    streamed: tuple[str, ...] = (),
    lock: Guard | None = None,
    settled: tuple[Settled, ...] = (),
    limits: Mapping[str, int] | None = None,
    goes_on: bool = False,
) -> Job:
    """The job of a run whose record says how it was begun."""
    options = past.started.options
    return Job(
        run=past.started.run,
        graph=graph,
        inputs=inputs,
        today=str(options["today"]),
        models=models,
        resumed=resumed,
        forked=forked,
        use_cache=bool(options.get("cache", True)),
        as_json=shown.as_json,
        show_events=shown.events,
        quiet=shown.quiet,
        offline=config.offline,
        limits=limits or {},
        settled=settled,
        privacy=privacy,
        data=config.data,
        streamed=streamed if shown.plain else (),
        past=past,
        lock=lock,
        goes_on=goes_on,
    )


__all__ = ["Job", "Shown", "job_of"]
