"""The first event of a run, and which of its steps may write to stdout while it goes on."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.cli.past import Past
    from orchestrator.cli.privacy import Privacy
    from orchestrator.events import RunStarted
    from orchestrator.graph.model import Graph, Node
    from orchestrator.store.store import Store


def started(graph: Graph, run: str, inputs: Mapping[str, Any], options: Mapping[str, Any]) -> RunStarted:
    from orchestrator import __version__
    from orchestrator.cli.revision import revision
    from orchestrator.engine.made_of import made_of
    from orchestrator.engine.record import stated_labels
    from orchestrator.events import RunStarted
    from orchestrator.graph.model import all_nodes

    file = Path(graph.file).resolve()
    return RunStarted(
        at=time.time(),
        run=run,
        workflow=graph.workflow.name or file.stem,
        file=str(file),
        root=graph.root,
        revision=revision(file),
        source=graph.digest,
        version=__version__,
        inputs=inputs,
        options={**options, **_budget(graph), "made_of": made_of(graph)},
        steps=sum(1 for _ in all_nodes(graph.scope)),
        labels=stated_labels(graph),
    )


def begin(
    store: Store,
    graph: Graph,
    run: str,
    inputs: Mapping[str, Any],
    options: Mapping[str, Any],
    privacy: Privacy,
    taken: Mapping[str, Collection[str]] | None = None,
) -> Past:
    """Record a new run, whose lease is the caller's. `taken` are digests of files, where it takes only new ones.

    Raises StoreError.
    """
    from orchestrator.cli.past import Past
    from orchestrator.engine.record import kept_inputs

    kept = kept_inputs(graph, inputs, privacy.keep, privacy.secrets)
    first = started(graph, run, kept, options)
    store.create(run, first, taken)
    return Past(first)


def _budget(graph: Graph) -> dict[str, Any]:
    """What the run may use, for those who watch it: the file may change meanwhile."""
    budget = graph.workflow.budget
    return {"budget": budget.model_dump(exclude_none=True)} if budget is not None else {}


def streamed_steps(graph: Graph) -> tuple[str, ...]:
    """The step whose text may go to stdout while it is written: the only result, plain and unchecked."""
    ends = [node for node in graph.scope.nodes if not node.successors]
    alone = len(ends) == 1 and graph.outputs is None
    return (ends[0].path,) if alone and is_plain(ends[0]) else ()


def is_plain(node: Node) -> bool:
    """Whether the text that one model writes is the value of this step as it is."""
    from orchestrator.spec.model import AgentStep

    step = node.step
    plain = isinstance(step, AgentStep) and node.output is None and not step.check
    return (
        plain and "foreach" not in node.programs and "reduce" not in node.programs and len(node.models) == 1
    )
