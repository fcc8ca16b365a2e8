"""Random workflows from a seed: a plain model of steps, the YAML that says the same, and what it must come to.

The oracle (`Expected`) walks the plain model with Python's own loops; it knows nothing of the engine.
"""

from __future__ import annotations

import random
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

Verb = Literal["agent", "value", "look", "put", "send", "ask", "steps", "loop", "workflow"]
LEAVES: tuple[Verb, ...] = ("agent", "agent", "value", "look", "put", "send", "send", "ask")
BOXES: tuple[Verb, ...] = ("steps", "steps", "loop", "workflow")
TOOLS = {"look": "none", "put": "idempotent", "send": "once"}
ITEMS = ("a", "b", "c", "d")
PASSES = 3
HEAD: Mapping[str, Any] = {
    "orch": 1,
    "models": {"tiny": "scripted:none"},
    "agents": {"writer": {"model": "tiny"}},
    "tools": {
        name: {"mcp": {"command": ["none"]}, "clearance": "private", "effects": effects}
        for name, effects in TOOLS.items()
    },
}


def reply(text: str) -> str:
    """What every model and tool answers: a short word made of what it was given."""
    return f"{zlib.crc32(text.encode()):08x}"


def refuses(text: str) -> bool:
    """Whether the tool of a step that says how it copes refuses these arguments."""
    return text.startswith("may ") and zlib.crc32(text.encode()) % 3 == 0


def choice_of(question: str) -> str:
    """What the person answers."""
    return "yes" if zlib.crc32(question.encode()) % 2 else "no"


@dataclass(frozen=True)
class Read:
    """How a step reads another one: its name, and the step inside where that is a container."""

    step: str
    inner: str = ""
    many: bool = False

    @property
    def expression(self) -> str:
        if self.many:
            inner = f" | map(attribute='{self.inner}') | present" if self.inner else ""
            return f"coalesce({self.step}, []) | present{inner} | join(',')"
        return f"coalesce({self.step}{'.' if self.inner else ''}{self.inner}, '-')"

    def of(self, scope: Mapping[str, Any]) -> str:
        value = scope[self.step]
        if self.many:
            there = [item for item in value or [] if item is not None]
            words = [item[self.inner] for item in there] if self.inner else there
            return ",".join(word for word in words if word is not None)
        word = value[self.inner] if self.inner and value is not None else value
        return "-" if word is None else str(word)


@dataclass
class Node:
    """One step. `items` are what it is repeated over; `reads` stand in its text; `out` is how others read it."""

    name: str
    verb: Verb
    reads: tuple[Read, ...] = ()
    when: Read | None = None
    items: tuple[str, ...] = ()
    body: list[Node] = field(default_factory=list)
    copes: bool = False

    @property
    def loop_name(self) -> str:
        return f"i_{self.name}"

    @property
    def out(self) -> Read:
        inner = "" if not self.body else "out" if self.verb == "workflow" else self.body[-1].name
        return Read(self.name, inner, bool(self.items))


@dataclass(frozen=True)
class Flow:
    """A random workflow."""

    nodes: list[Node]

    def write(self, folder: Path) -> Path:
        """The files; returns the main one."""
        document = {**HEAD, "steps": _steps(self.nodes, folder), "outputs": _outputs(self.nodes)}
        return _write(folder / "workflow.yaml", document)


def flow(seed: int) -> Flow:
    """The workflow of a seed: up to about forty instances of steps."""
    return Flow(_Maker(random.Random(seed)).nodes([], 0, 3, 7))


@dataclass
class _Maker:
    chance: random.Random
    count: int = 0

    def nodes(self, outer: Sequence[Read], depth: int, least: int, most: int) -> list[Node]:
        made: list[Node] = []
        for _ in range(self.chance.randint(least, most)):
            made.append(self.node([*outer, *(node.out for node in made)], depth))
        return made

    def node(self, around: Sequence[Read], depth: int) -> Node:
        chance, name = self.chance, f"s{self.count}"
        self.count += 1
        box = depth < 2 and chance.random() < 0.35
        node = Node(name, chance.choice(BOXES if box else LEAVES))
        node.reads = tuple(chance.sample(around, min(len(around), chance.choice([1, 1, 2]))))
        if chance.random() < 0.25 and around:
            node.when = chance.choice(around)
        if node.verb not in ("loop", "ask", "workflow") and chance.random() < 0.35:
            node.items = ITEMS[: chance.randint(1, 3 if box else 4)]
        node.copes = node.verb in TOOLS and chance.random() < 0.4
        if box:
            node.body = self._body(node, around, depth)
        return node

    def _body(self, node: Node, around: Sequence[Read], depth: int) -> list[Node]:
        own = [Read(node.loop_name)] if node.items else []
        inside = [Read("inputs.x")] if node.verb == "workflow" else [*around, *own]
        body = self.nodes(inside, depth + 1, 1, 3)
        if body[-1].body or body[-1].items:  # others read the last one, as a word
            body.append(Node(f"{node.name}_end", "value", (body[-1].out,)))
        return body


# ------------------------------------------------------------------------------------------------ as YAML


def _write(path: Path, document: Mapping[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(dict(document), sort_keys=False), encoding="utf-8")
    return path


def _outputs(nodes: Sequence[Node]) -> dict[str, str]:
    return {node.name: f"{{{{ {node.out.expression} }}}}" for node in nodes}


def _steps(nodes: Sequence[Node], folder: Path, loop: str = "") -> dict[str, Any]:
    return {node.name: _step(node, folder, loop) for node in nodes}


def _step(node: Node, folder: Path, loop: str) -> dict[str, Any]:
    step: dict[str, Any] = {}
    if node.items:
        step |= {"foreach": list(node.items), "as": node.loop_name}
    if node.when is not None:
        step["when"] = f"({node.when.expression}) < '8'"
    text = _text(node, loop)
    match node.verb:
        case "agent":
            step |= {"agent": "writer", "prompt": text}
        case "value":
            step["value"] = text
        case "ask":
            step |= {"ask": text, "choices": ["yes", "no"]}
        case "steps":
            step["steps"] = _steps(node.body, folder, loop)
        case "loop":
            last = node.body[-1].name
            until = f"coalesce({last}, '-') < '8'"
            step["repeat"] = {"until": until, "max": PASSES, "else": "keep"}
            step["steps"] = _steps(node.body, folder, last)
        case "workflow":
            document = {**HEAD, "inputs": {"x": "string"}, "steps": _steps(node.body, folder)}
            _write(folder / f"{node.name}.yaml", {**document, "outputs": _result(node)})
            step |= {"workflow": f"{node.name}.yaml", "with": {"x": text}}
        case _:
            step |= {"tool": node.verb, "with": {"to": text}}
    if node.copes:
        step["on_error"] = {"value": "refused"}
    return step


def _result(node: Node) -> dict[str, str]:
    return {"out": f"{{{{ {node.body[-1].out.expression} }}}}"}


def _text(node: Node, loop: str) -> str:
    """What a step is asked or called with; in a loop it also depends on the pass before."""
    words = [f"{'may ' if node.copes else ''}{node.name}"]
    words += [f"{{{{ {read.expression} }}}}" for read in node.reads]
    words += [f"{{{{ {node.loop_name} }}}}"] if node.items else []
    words += [f"{{{{ coalesce(last.{loop}, '-') }}}}"] if loop else []
    return " ".join(words)


# ------------------------------------------------------------------------------------------------ the oracle


@dataclass
class Expected:
    """What a run of a flow must come to: its outputs, and the effects it has on the world."""

    outputs: dict[str, Any] = field(default_factory=dict)
    effects: Counter[tuple[str, str]] = field(default_factory=Counter)
    instances: int = 0

    @classmethod
    def of(cls, flow: Flow) -> Expected:
        self = cls()
        scope: dict[str, Any] = {}
        self._scope(flow.nodes, scope, None)
        self.outputs = {node.name: node.out.of(scope) for node in flow.nodes}
        return self

    def _scope(self, nodes: Sequence[Node], scope: dict[str, Any], last: str | None) -> dict[str, Any]:
        """Executes the nodes; `last` is what the last step of the pass before gave, None outside loops."""
        for node in nodes:
            if node.items and node.verb != "loop":
                values = [self._once(node, {**scope, node.loop_name: item}, last) for item in node.items]
                scope[node.name] = values
            else:
                scope[node.name] = self._once(node, scope, last)
        return {node.name: scope[node.name] for node in nodes}

    def _once(self, node: Node, scope: Mapping[str, Any], last: str | None) -> Any:
        if node.when is not None and not node.when.of(scope) < "8":
            return None
        self.instances += 1
        words = [f"{'may ' if node.copes else ''}{node.name}", *(read.of(scope) for read in node.reads)]
        words += [scope[node.loop_name]] if node.items else []
        words += [last] if last is not None else []
        return self._verb(node, " ".join(words), scope, last)

    def _verb(self, node: Node, text: str, scope: Mapping[str, Any], last: str | None) -> Any:
        match node.verb:
            case "agent":
                return reply(text)
            case "value":
                return text
            case "ask":
                return choice_of(text)
            case "steps":
                return self._scope(node.body, dict(scope), last)
            case "loop":
                return self._loop(node, scope)
            case "workflow":
                inside: dict[str, Any] = {"inputs.x": text}
                self._scope(node.body, inside, None)
                return {"out": node.body[-1].out.of(inside)}
            case tool:
                return self._tool(tool, text)

    def _loop(self, node: Node, scope: Mapping[str, Any]) -> dict[str, Any]:
        value: dict[str, Any] = {}
        word: str = "-"
        for _ in range(PASSES):
            value = self._scope(node.body, dict(scope), word)
            found = value[node.body[-1].name]
            word = "-" if found is None else found
            if word < "8":
                break
        return value

    def _tool(self, tool: str, text: str) -> str:
        if refuses(text):
            return "refused"
        if TOOLS[tool] != "none":
            self.effects[tool, text] += 1
        return reply(text)
