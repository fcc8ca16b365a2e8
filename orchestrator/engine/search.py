"""The tool `search`: looks something up in one knowledge of the file, when a step or an agent wants to.

Its query is as private as what calls it, and is kept from an embedder that may not see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.calling import CallContext, Signature, ToolResult
from orchestrator.engine.looked import keep_query
from orchestrator.engine.run import Run
from orchestrator.errors import CredentialsMissing, KnowledgeError, ProviderError, ToolError
from orchestrator.graph.builtin import RESULTS
from orchestrator.graph.kinds import TEXT
from orchestrator.graph.model import Node
from orchestrator.light import light
from orchestrator.spec.model import ToolStep
from orchestrator.spec.types import Field, Int, MapOf

NAME = "search"
MOST = 50
"""Passages that one search gives at most."""
SIGNATURE = Signature(
    NAME,
    "Looks passages up in the documents at hand.",
    MapOf(
        (
            Field("query", TEXT),
            Field("knowledge", TEXT, optional=True),
            Field("k", Int(1, MOST), optional=True),
        )
    ),
    RESULTS[NAME],
)


@light(frozen=True, slots=True)
class Search:
    """For one instance of a step."""

    run: Run
    node: Node
    path: str

    @property
    def signature(self) -> Signature:
        return SIGNATURE

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:  # noqa: ARG002 - the shape of Tool
        """Raises ToolError, and StepError for a query that must not go where it would be embedded."""
        run = self.run
        name = self._name(arguments.get("knowledge"))
        known = run.graph.knowledge[name]
        if run.ports.knowledge is None:
            raise ToolError("there is no knowledge in this run")
        query = arguments["query"]
        part = "with" if isinstance(self.node.step, ToolStep) else ""
        try:
            retriever = run.ports.knowledge(run.graph.file, name)
            await keep_query(run, self.node, self.path, retriever, known.embedder, part, query, f"'{name}'")
            k = arguments.get("k") or known.spec.k
            found = await retriever.search(query, k, known.spec.min_score) if query.strip() else ()
        except (KnowledgeError, ProviderError, CredentialsMissing) as error:
            raise ToolError(f"'{name}' cannot be searched: {error.message}", hint=error.hint) from None
        return ToolResult([passage.as_map() for passage in found])

    def _name(self, stated: str | None) -> str:
        """The knowledge that is meant. Raises ToolError."""
        names = tuple(self.run.graph.knowledge)
        if stated is None and len(names) == 1:
            return names[0]
        if stated in names:
            return stated
        what = "say which `knowledge`" if stated is None else f"there is no knowledge '{stated}'"
        raise ToolError(
            what, hint=f"there is {', '.join(names)}" if names else "declare it under `knowledge:`"
        )


__all__ = ["Search"]
