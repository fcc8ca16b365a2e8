"""What goes to a tool and what comes back, and what retrieval finds: values every tool and index share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from orchestrator.light import light
from orchestrator.spec.types import MapOf, Type

Effects = Literal["none", "idempotent", "once"]


def quiet(text: str) -> None:
    """Nobody follows the progress."""


@light(frozen=True, slots=True)
class Signature:
    """How a tool is called: its name and purpose as a model reads them, types of arguments and result.

    `effects` says whether a call may be repeated after a crash; `network` that it may leave this machine.
    """

    name: str
    description: str
    arguments: MapOf
    result: Type
    effects: Effects = "none"
    network: bool = False


@light(frozen=True, slots=True)
class CallContext:
    """Where one call happens.

    `key` is `run/path`, the same again when the call is repeated after a crash. `scratch` is an empty directory of
    its own that is removed afterwards. `seconds` is the hard limit of the call. `progress` takes pieces of output as
    they come. `call` counts the calls of the same instance, from 1.
    """

    key: str
    scratch: Path
    seconds: float
    progress: Callable[[str], None] = quiet
    call: int = 1


@light(frozen=True, slots=True)
class Artifact:
    """A file that a call made, in its scratch directory: kept by the run when the call succeeded."""

    name: str
    media_type: str
    path: Path


@light(frozen=True, slots=True)
class ToolResult:
    """`value` is plain data of the signature's result type. A wrong query or a non-zero exit is a value, not an error."""

    value: Any
    artifacts: tuple[Artifact, ...] = ()


@light(frozen=True, slots=True)
class Passage:
    """One piece of a document, as retrieval found it. `lines` are first and last, from 1. `score` falls with rank.

    `file` is relative to the project's root; `number` is unique within its index.
    """

    text: str
    file: str
    heading: str
    lines: tuple[int, int]
    score: float
    number: int = 0

    def as_map(self) -> dict[str, Any]:
        """As it stands under `steps.<name>.sources` and in the results of `search`."""
        return {
            "text": self.text,
            "file": self.file,
            "heading": self.heading,
            "lines": list(self.lines),
            "score": self.score,
        }


@light(frozen=True, slots=True)
class Example:
    """One worked example of a file of cases: what goes in, what has to come out, and its line, from 1."""

    input: Any
    output: Any
    line: int


@light(frozen=True, slots=True)
class Classified:
    """What a trained classifier says of a text. `confidence` is calibrated, between 0 and 1; `bar` is the least it needs
    to answer by itself."""

    value: Any
    confidence: float
    bar: float


@light(frozen=True, slots=True)
class Turn:
    """One exchange of a conversation."""

    asked: str
    answered: str


@light(frozen=True, slots=True)
class EmbedderInfo:
    """What is known of an embedder once it answers; `digest` identifies weights, pooling and prefix.

    `context` is in tokens per text; longer texts are refused, never cut.
    """

    ref: str
    digest: str
    dimensions: int
    context: int
    local: bool
    endpoint: str = ""


__all__ = [
    "Artifact",
    "CallContext",
    "Classified",
    "Effects",
    "EmbedderInfo",
    "Example",
    "Passage",
    "Signature",
    "ToolResult",
    "Turn",
    "quiet",
]
