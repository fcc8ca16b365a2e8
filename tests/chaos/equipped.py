"""What a run of a shipped example works with when it is killed: the real tools and indexes, and a model that is a function.

The same question gets the same answer, of the shape that was asked for. Knows nothing of kills.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from orchestrator.cli.equipment import Equipment
from orchestrator.cli.equipment_knowledge import Lookups
from orchestrator.cli.executing import Kit
from orchestrator.config import Config
from orchestrator.graph.model import Graph
from orchestrator.messages import Request
from orchestrator.spec.model import ModelSpec
from tests.embedding import WordEmbedder

KNOWN = {
    "concatenate": "def concatenate(strings):\n    return ''.join(strings)\n",
    "below_threshold": "def below_threshold(l, t):\n    return all(e < t for e in l)\n",
}
"""Functions that the model can write: the first one at once, the other one only when it is asked with some warmth."""
_FUNCTION = re.compile(r"Write the Python function `(\w+)`")


class WordLookups(Lookups):
    """Documents, examples and classifiers with an embedder that needs no weights."""

    def embedder(self, stated: ModelSpec | None, ref: str | None = None, base: Path = Path()) -> WordEmbedder:
        return WordEmbedder()


@asynccontextmanager
async def equipment(graph: Graph, folder: Path) -> AsyncIterator[Kit]:
    """The real tools, closed at the end as those of a command are."""
    tools = Equipment(graph, os.environ)
    lookups = WordLookups(graph, Config.from_environment(os.environ, folder), os.environ)
    try:
        yield Kit(tools, lookups)
    finally:
        await lookups.close()
        await tools.close()


def answer(request: Request) -> str:
    """Of its shape, a function that it knows, or a sentence made of what it was asked."""
    if request.schema is not None:
        return json.dumps(sample(request.schema))
    text = str(request.messages[-1].content)
    asked = _FUNCTION.search(text)
    if asked is not None and (asked[1] == "concatenate" or request.params.get("temperature", 0)):
        return KNOWN.get(asked[1], "pass")
    return f"They write about it in their letter number {zlib.crc32(text.encode())}."


def sample(schema: Mapping[str, Any]) -> Any:
    """A value of this shape, always the same."""
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return sample(schema[several][0])
    kind = schema.get("type", "string")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            return {name: sample(one) for name, one in schema.get("properties", {}).items()}
        case "array":
            return [sample(schema.get("items", {})) for _ in range(max(1, schema.get("minItems", 1)))]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return "an answer"[: schema.get("maxLength", 100)]
