"""What each step of a file is made of, as plain data that two revisions can be compared by.

Reads the cases, documents and code that a step names, to say whether they are the same; executes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from orchestrator.graph.delegates import delegate_name
from orchestrator.graph.model import Graph, Node, Scope, all_nodes, tools_of
from orchestrator.labels import join
from orchestrator.library import shipped_agents
from orchestrator.spec.model import AgentStep, GroupStep, Model, ToolStep
from orchestrator.spec.schema import describe

Reads: TypeAlias = Callable[[Graph, Node], frozenset[str]]
"""The inputs that a step itself reads, by name."""
PROSE = frozenset({"prompt", "role", "ask", "show"})
"""Texts that are compared line by line."""
NOT_ASKED = frozenset(
    {"when", "needs", "on_error", "on_item_error", "parallel", "timeout", "wall", "cache", "retry", "repair", "check",
     "escalate", "declassify", "overflow", "uses", "keep", "warm", "price", "clearance", "key", "serve", "effects", "env"}
)  # fmt: skip
"""Keys that do not change what is asked of a model: an answer that was given before stays good."""
DOCUMENTS, BYTES = 2_000, 64 << 20
"""So many files, and so many bytes of them, are read to tell whether documents are the same."""


@dataclass(frozen=True, slots=True)
class Made:
    """One step. `keys` is what the file says of it, `texts` its prompts, `asked` what an answer depends on.

    `upstream` are the steps it reads or waits for, `within` the groups around it, `reads` the inputs (and documents)
    that it puts together with what it reads from other steps, `files` digests of the cases, documents and code behind it.
    """

    path: str
    verb: str
    keys: Mapping[str, Any]
    texts: Mapping[str, str]
    asked: Mapping[str, Any] = field(default_factory=dict)
    upstream: frozenset[str] = frozenset()
    within: tuple[str, ...] = ()
    reads: frozenset[str] = frozenset()
    files: Mapping[str, str] = field(default_factory=dict)


def made_of(graph: Graph, reads: Reads) -> dict[str, Made]:
    """Every step by its path, those of groups and called workflows included; agents that are tools as `agent:NAME`."""
    return {one.path: one for one in _graph(graph, reads, "", frozenset(), ())}


def closure(made: Mapping[str, Made], path: str) -> frozenset[str]:
    """The step itself, all that it reads or waits for, and the groups around each of them."""
    seen: set[str] = set()
    waiting = [path]
    while waiting:
        here = waiting.pop()
        if here in seen or here not in made:
            continue
        seen.add(here)
        waiting += made[here].upstream
    return frozenset(seen)


def sources(made: Mapping[str, Made], path: str) -> frozenset[str]:
    """Inputs and documents that can reach the request of a step, through whatever steps."""
    inside = closure(made, path)
    around = {group for one in inside for group in made[one].within if group in made}
    return frozenset().union(*(made[one].reads for one in inside | around))


# ------------------------------------------------------------------------------------------------ walk


def _graph(
    graph: Graph, reads: Reads, prefix: str, outer: frozenset[str], within: tuple[str, ...]
) -> Iterator[Made]:
    yield from _scope(graph, graph.scope, reads, prefix, outer, within)
    for name, node in graph.delegates.items():
        yield _made(graph, node, reads, f"{prefix}agent:{name}", frozenset(), within, prefix)


def _scope(
    graph: Graph, scope: Scope, reads: Reads, prefix: str, outer: frozenset[str], within: tuple[str, ...]
) -> Iterator[Made]:
    for node in scope.nodes:
        path = prefix + node.name
        before = outer | {prefix + scope.nodes[index].name for index in node.deps}
        inside: frozenset[str] = frozenset()
        if node.body is not None:
            inside = frozenset(f"{path}.{one.name}" for one in node.body.nodes)
            around = before | (
                inside if isinstance(node.step, GroupStep) and node.step.repeat else frozenset()
            )
            yield from _scope(graph, node.body, reads, f"{path}.", around, (*within, path))
        if node.child is not None:
            inside = frozenset(f"{path}.{one.name}" for one in node.child.scope.nodes)
            yield from _graph(node.child, reads, f"{path}.", before, (*within, path))
        yield _made(graph, node, reads, path, before | inside, within, _file_prefix(path, node))


def _file_prefix(path: str, node: Node) -> str:
    """What stands before the paths of the node's own file."""
    return path[: len(path) - len(node.path)]


def _made(
    graph: Graph,
    node: Node,
    reads: Reads,
    path: str,
    upstream: frozenset[str],
    within: tuple[str, ...],
    prefix: str,
) -> Made:
    keys, texts = _keys(graph, node), _texts(node)
    called = frozenset(f"{prefix}agent:{name}" for name in _delegates(graph, node))
    files = dict(_files(graph, node))
    read = {f"{prefix}inputs.{name}" for name in reads(graph, node)} | set(_others(graph, node))
    return Made(
        path,
        node.verb,
        keys,
        texts,
        _asked(graph, node, keys, texts, files),
        upstream | called,
        within,
        frozenset(read),
        files,
    )


def _others(graph: Graph, node: Node) -> Iterator[str]:
    """What a step reads beside inputs and other steps."""
    yield from (f"knowledge '{name}'" for name in _knowledge(graph, node))
    yield from (f"tool '{name}'" for name in tools_of(node))
    spec = node.agent.spec if node.agent is not None else None
    if spec is not None and spec.examples is not None:
        yield f"cases '{plain(spec.examples, graph)['from']}'"
    if spec is not None and spec.memory is not None:
        yield "memory"


# ------------------------------------------------------------------------------------------------ what the file says


def plain(model: Model, graph: Graph, exclude: frozenset[str] = frozenset()) -> dict[str, Any]:
    """What is written in the file, as JSON knows it; paths as the project names them, wherever it lies."""
    text = model.model_dump_json(
        by_alias=True, exclude_defaults=True, exclude=set(exclude) or None, warnings=False
    )
    for home in (graph.root, str(shipped_agents())):
        text = text.replace(json.dumps(f"{home}/")[1:-1], "")
    found: dict[str, Any] = json.loads(text)
    return found


def _keys(graph: Graph, node: Node) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    if node.agent is not None:
        keys |= plain(node.agent.spec, graph, frozenset({"description", "takes", "uses"}))
    keys |= plain(node.step, graph, frozenset({"steps", "description"}))
    for key in PROSE & node.programs.keys():
        keys.pop(key, None)
    if node.output is not None:
        keys["output"] = describe(node.output)
    if isinstance(node.step, AgentStep):
        keys["models"] = list(node.models)
        keys.pop("model", None)
    for name in (*node.models, *node.ladder):
        spec = graph.models.get(name) or graph.workflow.models.get(name)
        if spec is not None:
            keys[f"model {name}"] = plain(spec, graph)
    for name in tools_of(node):
        declared = graph.tools.get(name) or graph.tools.get(name.rpartition(".")[0])
        if declared is not None:
            keys[f"tool {name}"] = plain(declared.spec, graph)
    for name in _knowledge(graph, node):
        keys[f"knowledge {name}"] = plain(graph.knowledge[name].spec, graph)
    return keys


def _texts(node: Node) -> dict[str, str]:
    return {key: program.source for key, program in node.programs.items() if key in PROSE}


def _knowledge(graph: Graph, node: Node) -> tuple[str, ...]:
    named = (node.agent.spec.knowledge or ()) if node.agent is not None else ()
    return tuple(name for name in named if name in graph.knowledge)


def _delegates(graph: Graph, node: Node) -> Iterator[str]:
    tools = {name: declared.spec for name, declared in graph.tools.items()}
    names = [delegate_name(tools, name) for name in tools_of(node)]
    if isinstance(node.step, AgentStep):
        names.append(node.step.pick)
    yield from (name for name in names if name is not None and name in graph.delegates)


# ------------------------------------------------------------------------------------------------ what an answer depends on


def _asked(
    graph: Graph, node: Node, keys: Mapping[str, Any], texts: Mapping[str, str], files: Mapping[str, str]
) -> dict[str, Any]:
    """What the key of the cache is made of, as far as the file and its project decide it."""
    if isinstance(node.step, ToolStep):  # its key holds the digest of the file and all it includes
        return {"file": graph.digest, **files} if node.step.cache else {}
    ladder = {f"model {name}" for name in node.ladder if name not in node.models}
    found = {key: _thinned(value) for key, value in keys.items() if key not in NOT_ASKED | ladder}
    flow = node.flow
    label = None if flow is None else join((flow.scope.label, *(part.label for part in flow.parts.values())))
    sure = node.confident or (bool(node.ladder) and "confidence" in json.dumps(keys.get("escalate", "")))
    return {**found, **texts, **files, "label": label, "confidence": sure}


def _thinned(value: Any) -> Any:
    return {k: v for k, v in value.items() if k not in NOT_ASKED} if isinstance(value, dict) else value


def _files(graph: Graph, node: Node) -> Iterator[tuple[str, str]]:
    """Digests of the cases, documents and functions that stand behind a step; those that are not there are left out."""
    spec = node.agent.spec if node.agent is not None else None
    base = node.agent.base if node.agent is not None else Path(graph.root)
    for key, part in (("examples", spec and spec.examples), ("head", spec and spec.head)):
        if part and (digest := _digest([base / part.from_])):
            yield f"cases of {key}", digest
    for name in _knowledge(graph, node):
        known = graph.knowledge[name]
        globs = (known.spec.from_,) if isinstance(known.spec.from_, str) else known.spec.from_
        if digest := _digest(path for text in globs for path in _matching(known.base, text)):
            yield f"documents of {name}", digest
    for name in tools_of(node):
        declared = graph.tools.get(name)
        code = declared.spec.python if declared is not None else None
        if declared is not None and code and (digest := _digest([declared.base / code.partition(":")[0]])):
            yield f"code of {name}", digest


def _matching(base: Path, text: str) -> list[Path]:
    if text.startswith("chroma:") or Path(text).is_absolute():
        return []
    try:
        return sorted(base.glob(text))[:DOCUMENTS]
    except (OSError, ValueError, NotImplementedError):  # what `glob` raises for a pattern it cannot read
        return []


def _digest(paths: Iterable[Path]) -> str:
    """Of the content of all that are files, in this order; empty when none is there, or they are too large to be read."""
    found, left = hashlib.sha256(), BYTES
    seen = False
    for path in paths:
        try:
            if path.is_symlink() or not path.is_file() or (left := left - path.stat().st_size) < 0:
                continue
            found.update(hashlib.sha256(path.read_bytes()).digest())
            seen = True
        except OSError:
            continue
    return found.hexdigest() if seen else ""


def every_graph(graph: Graph, prefix: str = "") -> Iterator[tuple[str, Graph]]:
    """The file and the workflows it calls, with what stands before the paths of their steps."""
    yield prefix, graph
    for node in all_nodes(graph.scope):
        if node.child is not None:
            yield from every_graph(node.child, f"{prefix}{node.path}.")


__all__ = ["Made", "Reads", "closure", "every_graph", "made_of", "plain", "sources"]
