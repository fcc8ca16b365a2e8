"""What the steps of one run look up: indexes of documents and files of worked examples, opened when they are first used.

Embedders are shared, and guarded: one that turns out to be off this machine gets no documents above its clearance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.cli.equipment import graphs_of
from orchestrator.cli.indexing import Watch
from orchestrator.engine.egress import leaves
from orchestrator.errors import KnowledgeError, UsageError
from orchestrator.graph.cloud import is_cloud
from orchestrator.graph.model import Documents, Graph, Node, asking_nodes
from orchestrator.labels import Label, above
from orchestrator.light import light
from orchestrator.messages import ModelInfo
from orchestrator.policy.clearance import clearance_of
from orchestrator.spec.model import Knowledge, ModelSpec

if TYPE_CHECKING:
    import numpy

    from orchestrator.calling import EmbedderInfo
    from orchestrator.cli.console import Console
    from orchestrator.config import Config
    from orchestrator.knowledge.examples import Cases
    from orchestrator.knowledge.heads import Head
    from orchestrator.knowledge.retrieve import IndexedKnowledge
    from orchestrator.knowledge.update import Progress
    from orchestrator.ports import Embedder

EXAMPLES, HEADS = "examples", "heads"
"""The folders of their vectors and of what was trained, beneath the user's cache."""
SKIPPED = 5
"""Files that cannot be read which are named."""


@light(frozen=True, slots=True)
class Guarded:
    """An embedder for the documents of one knowledge. What it may not see is not sent, whatever the file says of it."""

    inner: Embedder
    spec: ModelSpec
    name: str
    label: Label
    offline: bool = False

    async def prepare(self) -> EmbedderInfo:
        info = await self.inner.prepare()
        sink = ModelInfo(info.ref, info.ref, "", info.context, 1, local=info.local, endpoint=info.endpoint)
        if not leaves(self.spec, sink):
            return info
        if self.offline:
            raise KnowledgeError(
                f"the embedder of '{self.name}' ({info.ref}) is not on this machine, and this run is offline"
            )
        clearance = clearance_of(self.spec, local=False)
        if above(self.label, clearance):
            raise KnowledgeError(
                f"the documents of '{self.name}' are {self.label}, and their embedder {info.ref} at {info.endpoint} may "
                f"see {clearance}",
                hint=f"embed on this machine, or label them: knowledge.{self.name}.label",
            )
        return info

    async def embed(self, texts: Sequence[str]) -> numpy.ndarray[Any, Any]:
        await self.prepare()
        return await self.inner.embed(texts)

    async def close(self) -> None:
        """It belongs to who opened it."""


class Lookups:
    """Implements `ports.Retrievers`, and finds worked examples."""

    def __init__(self, graph: Graph, config: Config, environ: Mapping[str, str]) -> None:
        self._main = graph
        self._graphs = {one.file: one for one in graphs_of(graph)}
        self._config = config
        self._environ = environ
        self._embedders: dict[str, Embedder] = {}
        self._known: dict[tuple[str, str], IndexedKnowledge] = {}
        self._cases: dict[Path, Cases] = {}
        self._heads: dict[Path, Head] = {}
        self._stack = AsyncExitStack()

    def __call__(self, file: str, name: str) -> IndexedKnowledge:
        """The knowledge of this name for the workflow of a file. Raises KnowledgeError."""
        return self.opened(file, name)

    def opened(self, file: str, name: str, progress: Progress | None = None) -> IndexedKnowledge:
        """The same, with who hears of its index being brought up to date."""
        key = file, name
        if key not in self._known:
            self._known[key] = self._open(self._graphs[file], name, progress)
            self._stack.push_async_callback(self._known[key].close)
        return self._known[key]

    def examples(self, file: Path) -> Cases:
        """The worked examples of a file of cases."""
        if file not in self._cases:
            from orchestrator.knowledge.examples import Cases

            self._cases[file] = Cases(file, self.embedder(None), self._config.cache / EXAMPLES)
        return self._cases[file]

    def head(self, file: Path) -> Head:
        """The classifier that is trained on a file of cases."""
        if file not in self._heads:
            from orchestrator.knowledge.heads import Head

            self._heads[file] = Head(file, self.embedder(None), self._config.cache / HEADS)
        return self._heads[file]

    def embedder(self, stated: ModelSpec | None, ref: str | None = None, base: Path = Path()) -> Embedder:
        """The embedder of a reference, None for the one that ships; each is opened once. Raises KnowledgeError."""
        from orchestrator.providers.embedders import open_embedder

        key = "" if stated is None else f"{base}\n{stated.model_dump_json()}"
        if key not in self._embedders:
            models = {} if stated is None or ref is None else {ref: stated}
            try:
                opened = open_embedder(
                    ref, environ=self._environ, config=self._config, base=base, models=models
                )
            except UsageError as error:
                raise KnowledgeError(error.message, hint=error.hint) from None
            self._embedders[key] = opened
            self._stack.push_async_callback(opened.close)
        return self._embedders[key]

    async def close(self) -> None:
        """Close every index and embedder."""
        await self._stack.aclose()

    def _open(self, graph: Graph, name: str, progress: Progress | None) -> IndexedKnowledge:
        from orchestrator.knowledge.retrieve import open_knowledge
        from orchestrator.knowledge.update import unwatched

        known = graph.knowledge.get(name)
        if known is None:
            raise KnowledgeError(f"there is no knowledge '{name}'")
        root = Path(graph.root)
        return open_knowledge(
            self._index_of(name, known),
            known.spec,
            root,
            self._config.store(root),
            self._guarded(name, known),
            base=known.base,
            progress=progress or unwatched,
        )

    def _index_of(self, name: str, known: Documents) -> str:
        """The name itself, unless a called workflow means other documents by it."""
        main = self._main.knowledge.get(name)
        if main is None or (main.spec, main.base) == (known.spec, known.base):
            return name
        return f"{name}-{_mark(known.base, known.spec)}"

    def _guarded(self, name: str, known: Documents) -> Embedder:
        inner = self.embedder(known.embedder, known.spec.embed, known.base)
        if known.embedder is None:
            return inner
        return Guarded(inner, known.embedder, name, known.spec.label or "private", self._config.offline)

    # -------------------------------------------------------------------------------------- before the run

    async def prepare(self, console: Console) -> None:
        """Bring every index up to date and embed every example that is used. Raises KnowledgeError, ProviderError."""
        for graph, name in used_knowledge(self._main):
            watch = Watch("knowledge", name, console)
            report = await self.opened(graph.file, name, watch).refresh()
            watch.end()
            if report.passages:
                files = len(report.added) + len(report.changed)
                console.say(f"knowledge {name}: {files} files read anew, {report.passages} passages")
            watch.left_out(report, SKIPPED)
        for file in dict.fromkeys(used_examples(self._main)):
            await self.examples(file).prepare()
        for file in dict.fromkeys(used_heads(self._main)):
            await self.head(file).trained()


def prepare_lookups(graph: Graph, config: Config, environ: Mapping[str, str], console: Console) -> None:
    """Have all that the steps look up ready before a run begins. Raises UsageError, KnowledgeError, ProviderError."""
    import asyncio

    if not looks_up(graph):
        return

    async def prepare() -> None:
        lookups = Lookups(graph, config, environ)
        try:
            await lookups.prepare(console)
        finally:
            await lookups.close()

    asyncio.run(prepare())


def looks_up(graph: Graph) -> bool:
    return any(any(True for _ in used(graph)) for used in (used_knowledge, used_examples, used_heads))


def embeds_here(graph: Graph) -> bool:
    """Whether the embedder that ships is needed."""
    if any(any(True for _ in used(graph)) for used in (used_examples, used_heads)):
        return True
    return any(
        one.knowledge[name].embedder is None for one, name in used_knowledge(graph) if name in one.knowledge
    )


def used_knowledge(graph: Graph) -> Iterator[tuple[Graph, str]]:
    """Every knowledge that a step or its tools search, with the graph of its file; each once."""
    seen: set[tuple[str, str]] = set()
    for one in graphs_of(graph):
        for node in asking_nodes(one):
            for name in _searched(one, node):
                if (one.file, name) not in seen:
                    seen.add((one.file, name))
                    yield one, name


def _searched(graph: Graph, node: Node) -> tuple[str, ...]:
    spec = node.agent.spec if node.agent is not None else None
    if spec is None:
        return ()
    names = spec.knowledge or ()
    return names or (tuple(graph.knowledge) if "search" in (spec.tools or ()) else ())


def used_examples(graph: Graph) -> Iterator[Path]:
    """Every file of cases that a step learns from."""
    for one in graphs_of(graph):
        for node in asking_nodes(one):
            if node.agent is not None and node.agent.spec.examples is not None:
                yield Path(node.agent.spec.examples.from_)


def used_heads(graph: Graph) -> Iterator[Path]:
    """Every file of cases that a classifier is trained on."""
    for one in graphs_of(graph):
        for node in asking_nodes(one):
            if node.agent is not None and node.agent.spec.head is not None:
                yield Path(node.agent.spec.head.from_)


def refuse_embedders_away(graph: Graph, *, offline: bool) -> None:
    """Raise UsageError for an embedder that is not on this machine in a run that stays on it."""
    for one, name in used_knowledge(graph) if offline else ():
        known = one.knowledge.get(name)
        if known is not None and known.embedder is not None and is_cloud(known.embedder):
            raise UsageError(
                f"{one.file}: knowledge '{name}' is embedded by {known.embedder.use}, which is not on this machine, "
                "and this run is offline",
                hint="leave `embed` out to embed on this machine, or run without --local-only",
            )


def _mark(base: Path, spec: Knowledge) -> str:
    import hashlib

    return hashlib.sha256(f"{base} {spec.model_dump_json()}".encode()).hexdigest()[:8]


__all__ = [
    "Guarded", "Lookups", "embeds_here", "looks_up", "prepare_lookups", "refuse_embedders_away", "used_examples",
    "used_knowledge",
]  # fmt: skip
