"""Inputs with `new: true`: of the files that match, those that no finished run of this workflow took."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import UsageError
from orchestrator.labels import HIGHEST
from orchestrator.store.seen import seen

if TYPE_CHECKING:
    from orchestrator.cli.console import Console
    from orchestrator.graph.model import Graph
    from orchestrator.policy.keep import Keep
    from orchestrator.store.store import Store


def only_new(
    store: Store, graph: Graph, inputs: Mapping[str, Any], keep: Keep, console: Console
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """The inputs without files that were taken before, and the digests of those that stay, by input.

    Raises UsageError for a file whose digest may not be written down, StoreError.
    """
    fresh, taken = dict(inputs), {}
    workflow = str(Path(graph.file).resolve())
    for name, digests in digests_of(graph, inputs, keep).items():
        known = seen(store, workflow, name)
        pairs = list(zip(inputs[name], digests, strict=True))
        fresh[name] = [file for file, digest in pairs if digest not in known]
        taken[name] = [digest for digest in digests if digest not in known]
        _tell(console, name, len(pairs), len(fresh[name]))
    return fresh, taken


def digests_of(graph: Graph, inputs: Mapping[str, Any], keep: Keep) -> dict[str, list[str]]:
    """Of every file of the inputs that take only new ones, by input. Raises UsageError as `only_new` does."""
    return {
        name: [_digest(file["text"], keep, spec.label or "private", name) for file in inputs[name]]
        for name, spec in graph.workflow.inputs.items()
        if spec.type == "files" and spec.new and inputs.get(name)
    }


def _digest(text: str, keep: Keep, label: Any, name: str) -> str:
    """Of the content, so that a file which was moved is not new; keyed where the record may not hold the text."""
    match keep.how(label if label is not None else HIGHEST):
        case "full":
            return hashlib.sha256(text.encode()).hexdigest()[:32]
        case "hash":
            return keep.digest(text)
        case _:
            raise UsageError(
                f"input '{name}': `new: true` has to remember its files, and `keep` lets nothing of {label} be remembered",
                hint=f"say `keep: {{{label}: hash}}`, or leave out `new: true`",
            )


def _tell(console: Console, name: str, all_files: int, new: int) -> None:
    if new < all_files:
        console.say(
            f"input '{name}': {new} of {all_files} files are new, the others were taken by finished runs"
        )
