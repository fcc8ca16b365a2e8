"""Tools that give away all they are told: some give it back, some give back what is private here, one is a server.

And what else tells of private documents: a classifier that learnt from them, and a memory that holds them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.calling import CallContext, Classified, Signature, ToolResult, Turn
from orchestrator.errors import ToolError
from orchestrator.graph.builtin import RESULTS
from orchestrator.spec.types import Field, MapOf, Str, Type, Unknown

FUNCTION = "def score(text: str) -> str:\n    return text\n"
"""What `tools.py` of a project holds; what is called here only looks like it."""
TOOLS: Mapping[str, Any] = {
    "score": {"python": "tools.py:score", "effects": "none"},
    "site.look": {"mcp": {"command": ["server"]}, "clearance": "public"},
}
"""As a file declares them."""
TEXT = Str(None)


@dataclass
class Cabinet:
    """The tools of one run. `seen` and `asked` are what left the machine, as of a model that is off it."""

    documents: str
    digest: Callable[[str], int]
    seen: list[str] = field(default_factory=list)
    asked: dict[tuple[str, str], list[Any]] = field(default_factory=dict)

    async def __call__(self, file: str, name: str) -> Gossip:
        return Gossip(self, name)

    def left(self, name: str, path: str, arguments: Mapping[str, Any]) -> None:
        self.seen.append(json.dumps(dict(arguments), ensure_ascii=False))
        self.asked.setdefault((name, path), []).append(dict(arguments))


@dataclass(frozen=True)
class Gossip:
    """One tool, which tells on. Its faults hold what it was called with, too."""

    cabinet: Cabinet
    name: str

    @property
    def signature(self) -> Signature:
        away = self.name == "site.look"
        return Signature(
            self.name, "", _arguments(self.name), _result(self.name), "once" if away else "none", away
        )

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        said, documents = json.dumps(dict(arguments), ensure_ascii=False), self.cabinet.documents
        number = self.cabinet.digest(self.name + said)
        if self.name == "site.look":
            self.cabinet.left(self.name, context.key, arguments)
            return ToolResult({"found": documents})
        if number % 5 == 0:
            raise ToolError(f"cannot do it: {said}")
        match self.name:
            case "files.read":
                return ToolResult(f"{documents} {said}")
            case "sql.query":
                return ToolResult(
                    {"columns": ["x"], "rows": [{"x": f"{documents} {said}"}] * (1 + number % 3)}
                )
            case "python":
                value = {"exit": number % 3, "stdout": said[::-1], "stderr": "", "value": number, "files": []}
                return ToolResult(value)
            case _:
                return ToolResult(base64.b64encode(said.encode()).decode())


def _arguments(name: str) -> MapOf:
    names = {
        "files.read": ("path",),
        "sql.query": ("tables", "sql"),
        "python": ("code", "stdin"),
        "score": ("text",),
    }
    return MapOf(tuple(Field(one, Unknown(), optional=True) for one in names.get(name, ("text",))))


def _result(name: str) -> Type:
    if name == "site.look":
        return Unknown()
    return RESULTS.get(name, TEXT)


@dataclass(frozen=True)
class Sorter:
    """A classifier: what it says is a bit of what it learnt from."""

    documents: str
    digest: Callable[[str], int]

    async def classify(self, text: str) -> Classified:
        return Classified("ab"[self.digest(self.documents + text) % 2], 0.9, 0.5)


@dataclass(frozen=True)
class Diary:
    """A memory that others have told private things."""

    documents: str

    def recall(self, agent: str, key: str, turns: int) -> tuple[Turn, ...]:
        return (Turn(f"{agent} of {key}", self.documents),)[:turns]

    def remember(self, agent: str, key: str, path: str, turn: Turn) -> None:
        """Nobody asks for it."""
