"""What is looked up before a model is asked: passages of knowledge, and worked examples that are like the question.

    query -> label gate of each embedder -> search, merged by rank -> written down -> as much of it as fits

It is looked up once for an instance, however many models are asked; a resumed run reuses the passages it recorded.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.engine.egress import refusal, turn_away
from orchestrator.engine.recall import recall
from orchestrator.engine.run import Run, evaluate
from orchestrator.errors import CredentialsMissing, KnowledgeError, ProviderError, StepError, UsageError
from orchestrator.events import Retrieved
from orchestrator.graph.model import Graph, Node, all_nodes
from orchestrator.light import light
from orchestrator.messages import Message, ModelInfo
from orchestrator.policy.cases import as_answered, as_asked, misfit
from orchestrator.spec.model import AgentSpec, AgentStep, Examples, ModelSpec

if TYPE_CHECKING:
    from orchestrator.calling import Example, Passage, Turn
    from orchestrator.engine.asking import Asking
    from orchestrator.ports import Retriever

T = TypeVar("T")


@light(frozen=True, slots=True)
class Shown:
    """A worked example as the model reads it."""

    asked: str
    answered: str
    line: int


@light(frozen=True, slots=True)
class Looked:
    """What was found for one instance: passages and examples, the best first, and the turns of its conversation, oldest
    first. `searched` says whether it has knowledge.

    `left` is how many passages the prompt to each model holds, where not all of them had room.
    """

    searched: bool = False
    sources: tuple[Mapping[str, Any], ...] = ()
    examples: tuple[Shown, ...] = ()
    turns: tuple[Turn, ...] = ()
    left: dict[str, int] = field(default_factory=dict)

    def shown_to(self, model: str) -> tuple[Mapping[str, Any], ...]:
        """The passages that this model was given."""
        return self.sources[: self.left.get(model, len(self.sources))]


def looks_up(node: Node) -> bool:
    """Whether anything is looked up before this step asks."""
    spec = _spec(node)
    return bool(spec.knowledge) or spec.examples is not None or spec.memory is not None


def _spec(node: Node) -> AgentSpec:
    return node.agent.spec if node.agent is not None else _NOBODY


_NOBODY = AgentSpec()


async def look_up(at: Asking, prompt: str) -> Looked:
    """Everything that is looked up for this instance. `prompt` is its rendered prompt. Raises StepError."""
    spec = _spec(at.node)
    sources: tuple[Mapping[str, Any], ...] = ()
    if spec.knowledge:
        known = at.run.recovered.retrieved.get(at.path)
        sources = known if known is not None else await _passages(at, spec.knowledge, prompt)
    examples = await _worked(at, spec.examples, prompt) if spec.examples is not None else ()
    turns = await recall(at) if spec.memory is not None else ()
    return Looked(bool(spec.knowledge), sources, examples, turns)


# -------------------------------------------------------------------------------------------------- knowledge


async def _passages(at: Asking, names: Sequence[str], prompt: str) -> tuple[Mapping[str, Any], ...]:
    run, began = at.run, time.monotonic()
    searches = "search" in at.node.programs
    query = str(evaluate(at.node, "search", at.frame, at.extra)) if searches else prompt
    part = "search" if searches else "prompt"
    ranked = [await _search(at, name, query, part) for name in names]
    found = tuple(passage.as_map() for passage in _merged(ranked))
    run.emit(
        Retrieved(
            at=run.now(),
            path=at.path,
            source="knowledge",
            names=tuple(names),
            query=query,
            found=found,
            seconds=round(time.monotonic() - began, 4),
        )
    )
    return found


async def _search(at: Asking, name: str, query: str, part: str) -> tuple[Passage, ...]:
    run, known = at.run, at.run.graph.knowledge.get(name)
    if run.ports.knowledge is None or known is None:
        raise StepError("knowledge", f"there is no knowledge '{name}' in this run")
    if not query.strip():
        return ()
    what = f"the knowledge '{name}' cannot be searched"
    try:
        retriever = run.ports.knowledge(run.graph.file, name)
    except KnowledgeError as error:
        raise StepError("knowledge", f"{what}: {error.message}", hint=error.hint) from None
    await keep_query(run, at.node, at.path, retriever, known.embedder, part, query, what)
    return await _found(retriever.search(query, known.spec.k, known.spec.min_score), what)


async def _found(search: Awaitable[T], what: str) -> T:
    """What a lookup gives. A server that embeds is not the step's model: its faults are those of the lookup."""
    try:
        return await search
    except (KnowledgeError, ProviderError, CredentialsMissing) as error:
        raise StepError("knowledge", f"{what}: {error.message}", hint=error.hint) from None


def _merged(ranked: Sequence[Sequence[Passage]]) -> list[Passage]:
    """The best of each, then the second best of each; a passage that two of them hold stands once."""
    found: dict[tuple[str, tuple[int, int], str], Passage] = {}
    for row in zip_longest(*ranked):
        for passage in row:
            if passage is not None:
                found.setdefault((passage.file, passage.lines, passage.text), passage)
    return list(found.values())


async def keep_query(
    run: Run,
    node: Node,
    path: str,
    retriever: Retriever,
    stated: ModelSpec | None,
    part: str,
    query: str,
    what: str,
) -> None:
    """Raise StepError for a query that the embedder may not see, by the address it was reached at.

    `part` of the request is what the query is made of; empty for all of it.
    """
    info = await _found(retriever.embedder(), what)
    if info is None:
        return
    spec = stated or ModelSpec(use=info.ref)
    sink = ModelInfo(info.ref, info.ref, "", info.context, 1, local=info.local, endpoint=info.endpoint)
    sent = (Message("user", query),)
    why = refusal(node.flow, (part,) if part else (), spec, sink, messages=sent, secrets=run.ports.secrets)
    if why is not None:
        turn_away(run, path, why, info.ref)


# --------------------------------------------------------------------------------------------------- examples


async def _worked(at: Asking, wanted: Examples, prompt: str) -> tuple[Shown, ...]:
    """The examples that are most like the prompt, and what they are told by: line and similarity."""
    run, began, file = at.run, time.monotonic(), Path(wanted.from_)
    if run.ports.examples is None:
        raise StepError(
            "knowledge", f"there are no worked examples in this run, and '{at.node.path}' wants some"
        )
    found = await _found(
        run.ports.examples(file).nearest(prompt, wanted.k), f"the examples of {file.name} cannot be read"
    )
    shown = tuple(_shown(at, example, file) for example, _ in found)
    if not _recorded(at, [example for example, _ in found]):
        run.emit(
            Retrieved(
                at=run.now(),
                path=at.path,
                source="examples",
                names=(shortened(file, run),),
                query=prompt,
                found=tuple({"line": e.line, "score": round(near, 4)} for e, near in found),
                seconds=round(time.monotonic() - began, 4),
            )
        )
    return shown


def shortened(file: Path, run: Run) -> str:
    """The file as seen from the project."""
    root = Path(run.graph.root)
    return str(file.relative_to(root)) if file.is_relative_to(root) else file.name


def _recorded(at: Asking, found: Sequence[Example]) -> bool:
    """Whether the record of an interrupted run says the same already."""
    return at.run.recovered.exampled.get(at.path) == tuple(example.line for example in found)


def _shown(at: Asking, example: Example, file: Path) -> Shown:
    node = at.node
    if why := misfit(example, node.output):
        raise StepError(
            "knowledge", f"{file.name}:{example.line}: {why}", hint="correct the line, or take it out"
        )
    return Shown(as_asked(example.input), as_answered(example.output, node.output), example.line)


def refuse_missing_examples(graph: Graph) -> None:
    """Raise UsageError for a file of examples that is not there, before anything is asked."""
    for node in all_nodes(graph.scope):
        wanted = _spec(node).examples if isinstance(node.step, AgentStep) else None
        if wanted is not None and not Path(wanted.from_).is_file():
            raise UsageError(
                f"{graph.file}:{node.mark.line}: step '{node.path}' learns from {wanted.from_}, which is not there",
                hint="a file of cases has one JSON map with `input` and `output` per line",
            )
        if node.child is not None:
            refuse_missing_examples(node.child)


__all__ = ["Looked", "Shown", "look_up", "looks_up", "refuse_missing_examples"]
