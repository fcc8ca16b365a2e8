"""Two worlds that differ in nothing but what is private, models that give away all they read, and who sees what.

Whatever the cloud is asked at one place must be the same in both worlds: then nothing private was in it, however it
was written. That it is asked at all may depend on private values; that is only a warning.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from orchestrator.calling import EmbedderInfo
from orchestrator.engine.call import as_recorded
from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine, Result, models_needed
from orchestrator.errors import ProviderError
from orchestrator.events import Decided, Event, encode
from orchestrator.graph.model import Graph
from orchestrator.messages import Completion, Message, Request, TokenCount
from orchestrator.policy.secrets import Secrets
from orchestrator.ports import Emit
from orchestrator.ports import Reply as Said
from orchestrator.providers.scripted import Reply, ScriptedModel
from tests.engine.harness import MemoryJournal
from tests.engine.looking import FoundBeforehand, Shelf, examples, passage
from tests.privacy.cabinet import Cabinet, Diary, Sorter

LETTERS = "bcdfghjklmnpqrstvwxz"
WORD = re.compile(r"[A-Za-z0-9+/=]{12,}")
REDACTOR = "You leave out all that is private"
"""The role of an agent whose answer holds nothing of what it read, unless it makes a mistake."""
TRIES = 3
AWAY = EmbedderInfo(
    "openai:text-embedding-3-small", "", 8, 512, local=False, endpoint="https://api.openai.com/v1"
)


# ------------------------------------------------------------------------------------------------- the worlds


@dataclass(frozen=True)
class World:
    """What a run is given. `canaries` are unique words, one in each text that is not public."""

    inputs: Mapping[str, Any]
    env: Mapping[str, str]
    canaries: tuple[str, ...]
    secrets: tuple[str, ...]
    documents: str
    """What stands in every document and worked example of the project."""


def world(seed: int) -> World:
    """Public values are the same in every world; all others, their number and their lengths are not."""
    rnd = Random(seed)
    planted: list[str] = []

    def canary() -> str:
        planted.append("".join(rnd.choices(LETTERS, k=16)))
        return planted[-1]

    def prose() -> str:
        return f"{'so ' * rnd.randint(0, 9)}{canary()}"

    env, key = f"tok{canary()}", f"key{canary()}"
    secrets = tuple(planted)
    inputs = {
        "open": "the weather is fine",
        "opens": ["red", "green", "blue"],
        "shown": True,
        "amount": 7,
        "items_open": [{"id": 1, "word": "one"}, {"id": 2, "word": "two"}],
        "note": prose(),
        "notes": [prose() for _ in range(rnd.randint(1, 4))],
        "threes": [prose() for _ in range(3)],
        "flag": rnd.random() < 0.5,
        "number": rnd.randint(0, 9),
        "tickets": [{"id": n, "body": prose(), "from": canary()} for n in range(rnd.randint(1, 3))],
        "inner": prose(),
        "key": key,
    }
    documents = prose()
    return World(inputs, {"TOKEN": env}, tuple(planted), secrets, documents)


INPUTS: Mapping[str, Any] = {
    "open": {"type": "text", "label": "public"},
    "opens": {"type": "[string]", "label": "public"},
    "shown": {"type": "bool", "label": "public"},
    "amount": {"type": "int", "label": "public"},
    "items_open": {
        "type": "file",
        "format": "jsonl",
        "rows": {"id": "int", "word": "string"},
        "label": "public",
    },
    "note": "text",
    "notes": "[string]",
    "threes": "[string]",
    "flag": "bool",
    "number": {"type": "int", "label": "private"},
    "tickets": {"type": "file", "format": "jsonl", "rows": {"id": "int", "body": "text", "from": "string"}},
    "inner": {"type": "text", "label": "internal"},
    "key": {"type": "string", "label": "secret"},
}
"""As a file declares what a world gives."""


def sightings(texts: Sequence[str], canaries: Sequence[str]) -> list[str]:
    """The canaries that can be read in these texts: plain, in halves, reversed, in base64, or in one of these twice."""
    whole = "\n".join(texts).casefold()
    return [canary for canary in canaries if any(way in whole for way in _ways(canary))]


def _ways(canary: str) -> Iterator[str]:
    halves = (canary, canary[:8], canary[8:])
    for text in halves:
        yield text
        yield text[::-1]
    for one, two in itertools.product(ENCODINGS.values(), repeat=2):
        yield two(one(canary)).casefold()


# ------------------------------------------------------------------------------------------------- the models


def _base64(word: str) -> str:
    return base64.b64encode(word.encode()).decode()


ENCODINGS: Mapping[str, Callable[[str], str]] = {
    "plain": str,
    "reversed": lambda word: word[::-1],
    "base64": _base64,
}


@dataclass(slots=True)
class Parrot:
    """Says again what it read, every long word in some encoding, with a digest of the whole; now and then nonsense."""

    encoding: str

    def __call__(self, request: Request) -> Reply:
        text = "\n".join(message.content for message in request.messages)
        number = digest(f"{self.encoding}{text}{request.params.get('seed', '')}")
        redacts = REDACTOR in text
        if number % 7 == 0:
            return Reply(
                text=f"contact {_found(text)} at someone@example.org" if number % 2 or redacts else "{ no"
            )
        if redacts:
            return Reply(text=answer(request.schema, "scrubbed", 4))
        encode_word = ENCODINGS[self.encoding]
        spoken = " ".join(
            [f"{self.encoding[0]}{number % 1000}", *(encode_word(word) for word in WORD.findall(text))]
        )
        return Reply(text=answer(request.schema, spoken, number))


def _found(text: str) -> str:
    return next(iter(WORD.findall(text)), "nobody")


def digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6])


def answer(schema: Mapping[str, Any] | None, text: str, number: int) -> str:
    """An answer of this schema that gives the text away, split over its fields, and bits of the number."""
    if schema is None:
        return text[:1900]
    pieces = itertools.count()
    fields = max(1, len(schema.get("properties", ())))
    width = max(1, -(-len(text) // fields))

    def value(kind: Mapping[str, Any]) -> Any:
        if "enum" in kind:
            return kind["enum"][number % len(kind["enum"])]
        match kind.get("type"):
            case "object":
                return {name: value(inner) for name, inner in kind["properties"].items()}
            case "array":
                low, high = kind.get("minItems", 0), kind.get("maxItems", 3)
                return [value(kind["items"]) for _ in range(low + number % (min(high, low + 3) - low + 1))]
            case "integer" | "number":
                low, high = kind.get("minimum", 0), kind.get("maximum", 1_000_000)
                return low + number % (high - low + 1)
            case "boolean":
                return number % 2 == 0
            case _:
                start = next(pieces) * width
                return (text[start : start + width] or "x")[: kind.get("maxLength", 200)]

    return json.dumps(value(schema), ensure_ascii=False)


@dataclass(slots=True)
class Cloud(ScriptedModel):
    """A model off this machine: everything it is sent stands in `seen`, also to be counted and what it refuses."""

    seen: list[str] = field(default_factory=list)
    now: Request | None = None
    """What it was asked last; whoever hears its answer knows the place."""

    async def count(self, messages: Sequence[Message]) -> TokenCount:
        self.seen += [message.content for message in messages]
        return TokenCount(sum(len(m.content.split()) for m in messages), exact=True)

    async def generate(self, request: Request, emit: Emit) -> Completion:
        self.seen += [message.content for message in request.messages]
        self.now = request
        emit("…")
        text = "\n".join(message.content for message in request.messages)
        if digest(text) % 11 == 0:
            raise ProviderError("refused", f"cannot answer: {text[:300]}")
        return await ScriptedModel.generate(self, request, emit)


# ---------------------------------------------------------------------------------------------------- a run


@dataclass
class Told:
    """A run in one world, and what everybody learnt of it."""

    result: Result
    events: list[Event]
    seen: list[str]
    asked: Mapping[tuple[str, str], list[Any]]
    """By model off the machine and path: each request in order, all of it."""

    @property
    def record(self) -> str:
        return "\n".join(encode(event) for event in self.events)

    @property
    def refusals(self) -> list[str]:
        """What the gate in front of the socket refused."""
        return [e.reason for e in self.events if isinstance(e, Decided) and e.choice == "refuse"]

    @property
    def calls(self) -> int:
        return sum(len(requests) for requests in self.asked.values())


def tell(graph: Graph, given: World) -> Told:
    """Run a workflow in a world. Its models called `cloud…` are off the machine."""
    models = {name: _model(name) for name in models_needed(graph)}
    asked: dict[tuple[str, str], list[Any]] = {}

    def heard(path: str, text: str) -> None:
        for name, model in models.items():
            if isinstance(model, Cloud) and model.now is not None:
                request, model.now = model.now, None
                asked.setdefault((name, path), []).append(_whole(request))

    async def person(path: str, question: str, show: Any, choices: Sequence[str], edit: Any = None) -> Said:
        return Said(choices[digest(json.dumps([question, show], default=str)) % len(choices)])

    site = FoundBeforehand([passage("the weather is fine")])
    away = FoundBeforehand([passage("the weather is fine")], AWAY)
    journal, cabinet = MemoryJournal(), Cabinet(given.documents, digest, asked=asked)
    ports = Ports(
        journal=journal,
        asker=person,
        live=heard,
        env=given.env,
        secrets=Secrets.of(given.env),
        digest_key=b"key",
        knowledge=Shelf(
            {"handbook": FoundBeforehand([passage(given.documents)]), "site": site, "away": away}
        ),
        examples=lambda _: examples(("Who?", given.documents)),
        tools=cabinet,
        heads=lambda _: Sorter(given.documents, digest),
        conversations=Diary(given.documents),
    )
    inputs = {name: given.inputs[name] for name in graph.workflow.inputs if name in given.inputs}

    async def main() -> Result:
        engine = Engine(graph, inputs, dict(models), ports, today="2026-01-31")
        return await engine.execute()

    result = asyncio.run(main())
    seen = [text for model in models.values() if isinstance(model, Cloud) for text in model.seen]
    queries = [query for query, _, _ in away.asked]
    return Told(result, journal.events, [*seen, *cabinet.seen, *queries], asked)


def _model(name: str) -> ScriptedModel:
    own = name.rpartition(":")[2]
    if own.startswith("cloud"):
        return Cloud(Parrot("plain"), name=name, ref=f"scripted:{own}", local=False)
    encodings = {"tiny": "plain", "small": "base64"}
    return ScriptedModel(Parrot(encodings.get(own, "reversed")), name=name, ref=f"scripted:{own}")


def _whole(request: Request) -> Any:
    """Everything of a request that goes over the wire."""
    return as_recorded(request), request.schema, request.max_tokens, dict(request.params), request.logprobs


def leaks(one: Told, given: World, other: Told) -> list[str]:
    """What the cloud learnt that is private: a canary, or something that is not the same in both worlds."""
    found = [f"it read the canary {canary}" for canary in sightings(one.seen, given.canaries)]
    for place, requests in one.asked.items():
        for number, (mine, others) in enumerate(zip(requests, other.asked.get(place, ()), strict=False), 1):
            if mine != others:
                found.append(f"request {number} of {place[1]} to {place[0]} differs: {mine} / {others}")
    return found


def permissive(text: str) -> str:
    """The same file with models off the machine that may see everything: the proof lets every flow pass."""
    return text.replace('"clearance": "public"', '"clearance": "secret"')


def strict(graph: Graph) -> Graph:
    """A permissive graph whose models may see again what they may: only the gate at run time stands before them."""
    models = {
        name: spec.model_copy(update={"clearance": "public"}) if name.startswith("cloud") else spec
        for name, spec in graph.models.items()
    }
    tools = {
        name: replace(one, spec=one.spec.model_copy(update={"clearance": "public"})) if one.spec.mcp else one
        for name, one in graph.tools.items()
    }
    return replace(graph, models=models, tools=tools)
