"""The seams of the engine: protocols it calls and somebody else fills in. `cli` does the wiring.

Knows only values: messages and events.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from orchestrator.light import light
from orchestrator.messages import Completion, Message, ModelInfo, Request, TokenCount

if TYPE_CHECKING:
    import numpy

    from orchestrator.calling import (
        Artifact,
        CallContext,
        Classified,
        EmbedderInfo,
        Example,
        Passage,
        Signature,
        ToolResult,
        Turn,
    )
    from orchestrator.events import Event
    from orchestrator.money import Price
    from orchestrator.spec.model import ModelSpec

Emit = Callable[[str], None]
"""Receives the text of an answer piece by piece while it is generated.

A preview: the completion is the truth. An empty piece means alive (the model thinks, or a try begins again). After a
fault in mid-stream the answer is generated again from its beginning; what was shown already is not sent twice, and when
the new answer begins differently the rest of it is not shown.
"""


class Model(Protocol):
    """A language model that answers requests; the same protocol for every provider."""

    async def prepare(self) -> ModelInfo:
        """Make the model ready to answer (start, load, look it up); cheap when it already is.

        Raises ProviderError or CredentialsMissing.
        """
        ...

    async def count(self, messages: Sequence[Message]) -> TokenCount:
        """Tokens these messages take, chat template included."""
        ...

    async def generate(self, request: Request, emit: Emit) -> Completion:
        """Answer once. Cancelling the task stops the generation on the server too. Raises ProviderError."""
        ...

    async def close(self) -> None: ...


@light(frozen=True, slots=True)
class Footprint:
    """What a model takes while it can answer: `bytes` of the memory that `place` names.

    `weights` identifies what is loaded: models with the same share it. `room` is what models of this run may take of
    that memory together, and `most` how many of them at once (None: any number).
    """

    place: str
    weights: str
    bytes: int
    room: int
    most: int | None = None


@runtime_checkable
class Resident(Model, Protocol):
    """A model that has to be loaded into a memory which others need too."""

    async def footprint(self, *, fetch: bool = True) -> Footprint:
        """What it takes, without loading it; `fetch` says whether its weights may be fetched to tell.

        Raises ProviderError where it fits in no case.
        """
        ...

    async def prefetch(self) -> None:
        """It is loaded soon: bring its weights nearer without taking memory that others need."""
        ...

    async def unload(self) -> None:
        """Give its place up; the next call loads it again."""
        ...


class Tool(Protocol):
    """Something a step or an agent calls."""

    @property
    def signature(self) -> Signature: ...

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Call it once with arguments of its types. Cancelling the task ends whatever it started. Raises ToolError."""
        ...


class Embedder(Protocol):
    """Turns texts into vectors; the same protocol for every provider."""

    async def prepare(self) -> EmbedderInfo:
        """Make it ready; cheap when it already is. Raises ProviderError or CredentialsMissing."""
        ...

    async def embed(self, texts: Sequence[str]) -> numpy.ndarray[Any, Any]:
        """One unit vector per text: float32, shape (texts, dimensions). Raises ProviderError."""
        ...

    async def close(self) -> None: ...


class Retriever(Protocol):
    """Finds passages of one knowledge."""

    async def search(self, query: str, k: int, min_score: float | None = None) -> tuple[Passage, ...]:
        """The best `k`, best first. Raises ProviderError or KnowledgeError."""
        ...

    async def embedder(self) -> EmbedderInfo | None:
        """Where the query goes to be embedded; None when it goes nowhere. Raises what `search` does."""
        ...


class Tools(Protocol):
    """The tools of a run."""

    async def __call__(self, file: str, name: str) -> Tool:
        """The tool that the workflow of this file (`Graph.file`) calls by this name, opened: its signature is known.

        Cheap when it already is. Raises ToolError.
        """
        ...


class Retrievers(Protocol):
    """The knowledge of a run."""

    def __call__(self, file: str, name: str) -> Retriever:
        """The knowledge that the workflow of this file has under this name. Raises KnowledgeError."""
        ...


class Exemplars(Protocol):
    """Worked examples of one file."""

    async def nearest(self, query: str, k: int) -> tuple[tuple[Example, float], ...]:
        """The `k` most similar to the query with their similarity, most similar first. Raises KnowledgeError."""
        ...


class Classifier(Protocol):
    """A classifier that was trained on the cases of one file."""

    async def classify(self, text: str) -> Classified:
        """Raises KnowledgeError or ProviderError."""
        ...


class Conversations(Protocol):
    """What was said in other runs, by agent and the key of a conversation."""

    def recall(self, agent: str, key: str, turns: int) -> tuple[Turn, ...]:
        """The last `turns` that other runs have kept, oldest first. Raises StoreError."""
        ...

    def remember(self, agent: str, key: str, path: str, turn: Turn) -> None:
        """Keep what one instance of this run was asked and answered, in place of what it was before.

        Raises StoreError.
        """
        ...


class Keepsakes(Protocol):
    """Where files that tools made are kept."""

    def __call__(self, artifact: Artifact) -> Mapping[str, Any]:
        """Keep a copy; returns what the record says of it: name, media_type, sha256, bytes. Raises StoreError."""
        ...


class Journal(Protocol):
    """Where events go. Appending is in order and never blocks on the disk."""

    def append(self, event: Event) -> None: ...

    async def flush(self) -> None:
        """Return when everything appended so far is durable. Raises StoreError."""
        ...


class Cache(Protocol):
    """Finished answers by content key."""

    def get(self, key: str) -> Any | None: ...

    def put(self, key: str, value: Any) -> None: ...


class Clock(Protocol):
    def now(self) -> float:
        """Wall clock, seconds since the epoch."""
        ...

    def monotonic(self) -> float: ...


@light(frozen=True, slots=True)
class Reply:
    """What a person chose, and what they made of the value they may change; None when nothing."""

    choice: str
    edit: Any = None


class Asker(Protocol):
    """Puts a question to a person who is there now; None means nobody answered, ask later.

    `edit` is what may be changed, as `AskOpened.edit`.
    """

    def __call__(
        self, path: str, question: str, show: Any, choices: Sequence[str], edit: Any = None
    ) -> Awaitable[Reply | None]: ...


class Prices(Protocol):
    """What a model costs; None when nobody knows."""

    def __call__(self, spec: ModelSpec, *, local: bool) -> Price | None: ...


class Live(Protocol):
    """Lossy channel for tokens while they are generated."""

    def __call__(self, path: str, text: str) -> None: ...
