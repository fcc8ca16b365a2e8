"""What stands in for models, tools and lookups while a recorded run is run again: they give what the record says.

Nothing here starts, connects or asks. What the record does not know ends the instance with `NotRecorded`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from orchestrator.calling import CallContext, Classified, Example, Passage, Signature, ToolResult, Turn
from orchestrator.engine.invoke import ELSEWHERE
from orchestrator.engine.trail import Record, Trail
from orchestrator.errors import (
    BudgetExceeded,
    KnowledgeError,
    ProviderError,
    ProviderKind,
    StepError,
    StepKind,
    ToolError,
)
from orchestrator.events import AttemptFinished, AttemptStarted, CallFinished, ModelReady, StepFailed
from orchestrator.graph.cloud import is_cloud
from orchestrator.graph.kinds import UNKNOWN
from orchestrator.messages import Completion, Message, ModelInfo, Request, Timings, TokenCount, Usage
from orchestrator.money import Price
from orchestrator.policy.budget import Ledger, Worst
from orchestrator.ports import Emit, Exemplars, Prices, Tool
from orchestrator.spec.model import ModelSpec
from orchestrator.spec.types import Field, MapOf

ROOMY = 1_000_000
"""Tokens that a model is taken to hold which was never ready in the recorded run."""
CHARACTERS = 4.0
"""Characters of a token where the record measured none."""
_LATE = "it took longer than"
Reader = Callable[[Path], Sequence[Example]]
"""The worked examples of a file of cases, in its order. Raises KnowledgeError."""


class NotRecorded(Exception):
    """The record has no answer to what is asked now."""


class NotDescribed(NotRecorded):
    """What an agent may choose among cannot be told without a server, so none of its requests can be rendered."""


# ------------------------------------------------------------------------------------------------- models


@dataclass(slots=True)
class PlayedModel:
    """Answers what was answered. `answer` is told the request that was written down last, and finds its answer."""

    name: str
    spec: ModelSpec
    ready: ModelReady | None
    down: str
    """Why it could not be reached; empty when nothing says so."""
    answer: Callable[[], tuple[AttemptFinished | None, Trail]]
    tokens: Mapping[tuple[str, ...], TokenCount]
    """Of the requests of the record, by the texts of their messages."""
    characters: float = CHARACTERS

    async def prepare(self) -> ModelInfo:
        if self.ready is None and self.down:
            raise ProviderError("unreachable", self.down)
        ready, spec = self.ready, self.spec
        return ModelInfo(
            name=self.name,
            ref=ready.ref if ready is not None else spec.use,
            provider=spec.use.partition(":")[0],
            context=ready.context if ready is not None else spec.context or ROOMY,
            slots=ready.slots if ready is not None else 1,
            local=ready.local if ready is not None else not is_cloud(spec),
            digest=ready.digest if ready is not None else "",
            endpoint=ready.endpoint if ready is not None else "",
            sees=True,
            logprobs=True,
        )

    async def count(self, messages: Sequence[Message]) -> TokenCount:
        """As it was measured; of a request that was never made about as many as its characters say."""
        texts = tuple(message.content for message in messages)
        known = self.tokens.get(texts)
        return known or TokenCount(int(sum(map(len, texts)) / self.characters) + len(texts), exact=False)

    async def generate(self, request: Request, emit: Emit) -> Completion:  # noqa: ARG002 - the shape of Model
        ended, trail = self.answer()
        if ended is None:
            raise _failure(trail)
        if ended.outcome == "error":
            raise _fault(ended.reason)
        return _completion(ended)

    async def close(self) -> None:
        """Nothing is held."""


def _completion(ended: AttemptFinished) -> Completion:
    return Completion(
        text=ended.text,
        finish="length" if ended.outcome == "cut" else "stop",
        usage=Usage(ended.prompt_tokens, ended.completion_tokens, ended.cached_tokens),
        timings=Timings(ended.seconds, ended.first_token, None, ended.rate),
        thinking=ended.thinking,
        retries=ended.retries,
        sure=ended.confidence,
    )


def _fault(reason: str) -> ProviderError:
    kind, _, message = reason.partition(": ")
    known = kind in get_args(ProviderKind)
    return ProviderError(cast("ProviderKind", kind) if known else "server", message if known else reason)


def _failure(trail: Trail) -> Exception:
    """How an instance ended whose request has no answer on record."""
    ended = trail.ended
    if isinstance(ended, StepFailed):
        return StepError(cast("StepKind", ended.error_kind), ended.message, hint=ended.hint)
    return NotRecorded()


def token_counts(record: Record, model: str) -> dict[tuple[str, ...], TokenCount]:
    """What the prompts of one model were measured to take."""
    return {
        texts_of(asked.began): TokenCount(asked.began.tokens, asked.began.exact)
        for trail in record.trails.values()
        for asked in (*trail.older, *trail.asked)
        if asked.began.model == model
    }


def texts_of(event: AttemptStarted) -> tuple[str, ...]:
    return tuple(str(message["content"]) for message in event.messages)


def characters_of(counts: Mapping[tuple[str, ...], TokenCount]) -> float:
    """Characters of a token, over all requests that were measured."""
    tokens = sum(count.tokens for count in counts.values())
    return max(1.0, sum(len(text) for texts in counts for text in texts) / tokens) if tokens else CHARACTERS


def price_in(record: Record, otherwise: Prices) -> Prices:
    """What models cost when they were asked; of those that the run never reached, what they cost now."""
    told = {ready.ref: ready.price for ready in record.models.values()}

    def prices(spec: ModelSpec, *, local: bool) -> Price | None:
        then = told.get(spec.use)
        return otherwise(spec, local=local) if then is None else Price(**then)

    return prices


# -------------------------------------------------------------------------------------------- the instance


@dataclass(slots=True)
class PlayedLedger(Ledger):
    """Allows every call but those that the record says were not allowed."""

    refuses: Callable[[], str] = lambda: ""

    def forbids(self, worst: Worst) -> BudgetExceeded | None:  # noqa: ARG002 - the shape of Ledger
        why = self.refuses()
        return BudgetExceeded(why) if why else None

    def goes_on_without(self, worst: Worst) -> bool:  # noqa: ARG002 - the shape of Ledger
        return True

    def reserve(self, worst: Worst) -> None:
        refused = self.forbids(worst)
        if refused is not None:
            raise refused
        self.reserved += worst.tokens


@dataclass(slots=True)
class PlayedTool:
    """Gives what its calls gave, for the instances of one step."""

    signature: Signature
    record: Record
    agent: bool
    """An agent calls it, so that the key of a call ends with its number."""

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:  # noqa: ARG002 - the shape of Tool
        path = context.key.partition("/")[2]
        trail = self.record.at(path.removesuffix(f"#{context.call}") if self.agent else path)
        _, ended = trail.calls.get(context.call, (None, None))
        if ended is None:
            raise _failure(trail)
        if ended.outcome != "ok":
            raise _tool_failure(ended)
        whole = ended.message == ELSEWHERE and trail.finished is not None
        return ToolResult(trail.finished.value if whole and trail.finished is not None else ended.value)


def _tool_failure(ended: CallFinished) -> Exception:
    if ended.message.startswith(_LATE):
        return TimeoutError()
    return ToolError(ended.message, unsure=ended.outcome == "unknown")


def any_signature(name: str, record: Trail) -> Signature:
    """Of a tool that only its server could describe: what it was called with, and anything."""
    names = dict.fromkeys(name for began, _ in record.calls.values() for name in began.arguments)
    fields = tuple(Field(one, UNKNOWN, optional=True) for one in names)
    return Signature(name, "", MapOf(fields), UNKNOWN, "none")


@dataclass(frozen=True, slots=True)
class PlayedTools:
    """Implements `ports.Tools` for one instance: described as they are now, called as they were."""

    opened: Callable[[str, str], Awaitable[Tool | None]]
    """The tool as it is described now; None where only a server could tell."""
    record: Record
    trail: Trail

    async def __call__(self, file: str, name: str) -> Tool:
        tool = await self.opened(file, name)
        agent = self.trail.verb == "agent"
        if tool is None and agent:
            raise NotDescribed(f"only its MCP server can describe {name}; a lock file holds what it lists")
        signature = any_signature(name, self.trail) if tool is None else tool.signature
        return PlayedTool(signature, self.record, agent)


@dataclass(frozen=True, slots=True)
class PlayedHead:
    """Says what the classifier in front of the model said."""

    trail: Trail

    async def classify(self, text: str) -> Classified:  # noqa: ARG002 - the shape of Classifier
        said = next((one for one in self.trail.decided if one.rule == "head"), None)
        if said is None:
            raise NotRecorded
        sure, bar = float(said.signals["confidence"]), float(said.signals["bar"])
        done = self.trail.finished
        if said.choice == "head" and done is not None:
            return Classified(done.value, sure, bar)
        return Classified(None, sure, bar if sure < bar else 2.0)


@dataclass(frozen=True, slots=True)
class PlayedExamples:
    """Finds the lines that were found, as they stand in the file now."""

    file: Path
    read: Reader
    trails: Sequence[Trail]

    async def nearest(self, query: str, k: int) -> tuple[tuple[Example, float], ...]:
        looked = [one for trail in self.trails for one in trail.looked if one.source == "examples"]
        found = next((one for one in looked if one.query == query), None) or next(iter(looked), None)
        if found is None:
            raise NotRecorded
        lines = {example.line: example for example in self.read(self.file)}
        gone = next((one["line"] for one in found.found if one["line"] not in lines), None)
        if gone is not None:
            raise KnowledgeError(f"{self.file.name} has no example in line {gone} any more")
        return tuple((lines[one["line"]], float(one["score"])) for one in found.found)[:k]


@dataclass(frozen=True, slots=True)
class PlayedMemory:
    """Implements `ports.Conversations`: what was recalled is in the record, and nothing is remembered."""

    def recall(self, agent: str, key: str, turns: int) -> tuple[Turn, ...]:  # noqa: ARG002 - the shape of Conversations
        raise NotRecorded

    def remember(self, agent: str, key: str, path: str, turn: Turn) -> None:
        """Nothing is written down."""


@dataclass(frozen=True, slots=True)
class PlayedKnowledge:
    """Finds what was found for the same question by a call of `search`; what a step looks up first is known already."""

    trails: Sequence[Trail]

    async def search(self, query: str, k: int, min_score: float | None = None) -> tuple[Passage, ...]:  # noqa: ARG002 - the shape of Retriever
        for trail in self.trails:
            for began, ended in trail.calls.values():
                if ended is not None and began.arguments.get("query") == query:
                    return _passages(ended)
        raise NotRecorded

    async def embedder(self) -> None:
        """Nothing is embedded."""


def _passages(ended: CallFinished) -> tuple[Passage, ...]:
    if ended.outcome != "ok" or not isinstance(ended.value, list):
        raise KnowledgeError(ended.message)
    return tuple(
        Passage(one["text"], one["file"], one["heading"], (one["lines"][0], one["lines"][1]), one["score"])
        for one in ended.value
    )


def examples_for(read: Reader, trails: Sequence[Trail]) -> Callable[[Path], Exemplars]:
    return lambda file: PlayedExamples(file, read, trails)


__all__ = [
    "NotDescribed",
    "NotRecorded",
    "PlayedHead",
    "PlayedKnowledge",
    "PlayedLedger",
    "PlayedMemory",
    "PlayedModel",
    "PlayedTools",
    "Reader",
    "characters_of",
    "examples_for",
    "price_in",
    "token_counts",
]
