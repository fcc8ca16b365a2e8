"""What of a changed file a replay cannot show: steps that changed without another request, and steps that are gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from orchestrator.engine.compare import STOPPED, Comparison
from orchestrator.engine.made_of import made_of
from orchestrator.graph.model import Graph, all_nodes
from orchestrator.report.paths import step_of

if TYPE_CHECKING:
    from orchestrator.events import RunStarted

GONE = "its step is not in the file any more"


def name_the_gone(graph: Graph, found: Comparison) -> None:
    """Give the reason of instances whose step is not there any more; of those of other files nobody knows."""
    nodes = {node.path: node for node in all_nodes(graph.scope)}
    for path, why in found.left_out.items():
        step = step_of(path)
        elsewhere = any(nodes[one].child is not None for one in _above(step) if one in nodes)
        if why == STOPPED and step not in nodes and not elsewhere:
            found.left_out[path] = GONE


def changed_unseen(started: RunStarted, graph: Graph, found: Comparison) -> list[str]:
    """Steps of which the file says something else than it did, and of which no difference was found."""
    before = started.options.get("made_of")
    if not isinstance(before, Mapping):
        return []
    told = {one for difference in found.differences for one in _above(step_of(difference.path))}
    now = made_of(graph)
    return [name for name in now if name in before and before[name] != now[name] and name not in told]


def _above(step: str) -> Iterable[str]:
    """A path, and the paths of the groups around it."""
    parts = step.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


__all__ = ["GONE", "changed_unseen", "name_the_gone"]
