"""A run beside its lock file: what is not as it was locked is said before the first step, and refused with `--locked`.

What MCP servers list is compared each time one is opened, before a model reads it or anything is asked of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import LockError, ToolError, UsageError
from orchestrator.lock.differ import differences
from orchestrator.lock.file import Lock, key_of, path_of, read_lock
from orchestrator.policy.secrets import NONE, Secrets
from orchestrator.safe import safe

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.graph.model import Graph
    from orchestrator.spec.model import McpServer

SHOWN = 5
"""Differences that are said one by one."""


def _nobody(_said: str) -> None:
    """Until a run listens."""


@dataclass(slots=True)
class Guard:
    """The lock of one run. `strict`: what differs is refused. `found` is what is to be said when the run begins."""

    workflow: Path
    lock: Lock
    strict: bool
    found: tuple[str, ...] = ()
    tell: Callable[[str], None] = _nobody
    secrets: Secrets = NONE
    """Taken out of what servers list, as they were when the lock was written."""
    _said: set[str] = field(default_factory=set)

    def judge(self, server: McpServer, base: Path, tools: Mapping[str, Any]) -> None:
        """What a server lists now, against what it listed. Raises ToolError where the run is strict."""
        from orchestrator.cli.lock_servers import listing_of

        key = key_of(server, base.resolve(), self.workflow.parent)
        known = self.lock.servers().get(key)
        if known is None:
            lines = [f"servers.{key} is new"]
        else:
            lines = [
                f"servers.{key}: {one.line}" for one in differences(known, listing_of(tools, self.secrets))
            ]
        if lines and self.strict:
            why = "; ".join(capped(lines, self.workflow))
            raise ToolError(f"it is not what was locked: {safe(why)}", hint=renew(self.workflow))
        for line in capped([line for line in lines if line not in self._said], self.workflow):
            self.tell(safe(f"not as it was locked: {line}"))
        self._said.update(lines)


def guard_of(
    graph: Graph, config: Config, *, strict: bool, replaced: Collection[str] = (), resumed: bool = False
) -> Guard | None:
    """The guard of a run, None without a lock. `replaced` are models that the person changed for this run (`-m`).

    Only what is near is looked at, unless `strict`: then servers are asked too. Raises LockError, UsageError.
    """
    workflow = Path(graph.file).resolve()
    path = path_of(workflow)
    lock = _read(path, strict=strict)
    if lock is None:
        if strict:
            raise UsageError(f"--locked: there is no {path.name}", hint=f"write it: orch lock {graph.file}")
        return None
    if isinstance(lock, str):
        return Guard(workflow, Lock(), strict=False, found=(lock,))
    from orchestrator.cli.lock import look

    passed = () if strict else replaced
    found = look(graph, config, lock, servers=strict and not resumed, passed=passed, near=True)
    lines = [one.line for one in found.changed]
    if strict:
        lines += [f"{what} cannot be asked: {why}" for what, why in found.unasked if not resumed]
    if lines and strict:
        raise LockError(f"{path.name}: {safe('; '.join(capped(lines, workflow)))}", hint=renew(workflow))
    return Guard(
        workflow, lock, strict, tuple(safe(f"not as it was locked: {one}") for one in capped(lines, workflow))
    )


def _read(path: Path, *, strict: bool) -> Lock | str | None:
    """The lock, or why it cannot be read. Raises UsageError where it must be."""
    try:
        return read_lock(path)
    except UsageError as error:
        if strict:
            raise
        return f"{error.message} ({error.hint})"


def capped(lines: Iterable[str], workflow: Path) -> list[str]:
    """A few of them, and how many more there are."""
    every = list(lines)
    left = len(every) - SHOWN
    return every if left <= 0 else [*every[:SHOWN], f"and {left} more (orch lock --check {workflow.name})"]


def renew(workflow: Path) -> str:
    return f"look at what changed: orch lock --check {workflow.name}; take it over: orch lock {workflow.name}"


__all__ = ["Guard", "guard_of"]
