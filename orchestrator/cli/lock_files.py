"""What a workflow is made of on this disk: agents, code, worked examples, documents and the workflows it calls, as digests.

Asks nobody. Names in it are relative to the project, so that a lock is the same on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from orchestrator.cli.equipment import declared_as, graphs_of
from orchestrator.cli.equipment_knowledge import used_examples, used_heads, used_knowledge
from orchestrator.errors import KnowledgeError
from orchestrator.graph.model import Documents, Graph, asking_nodes, tools_of
from orchestrator.library import Agent, shipped_agents, shipped_workflows
from orchestrator.lock.stamps import Stamps, digest, digest_of_all
from orchestrator.spec.schema import json_schema
from orchestrator.spec.types import Schema

GONE = "not there"


def file_sections(graph: Graph, stamps: Stamps) -> dict[str, dict[str, Any]]:
    """The sections of a lock that come from files."""
    return {
        "agents": dict(_agents(graph)),
        "files": dict(_files(graph, stamps)),
        "knowledge": dict(_documents(graph, stamps)),
        "tools": dict(_functions(graph, stamps)),
        "workflows": dict(_workflows(graph, stamps)),
    }


def said_in(main: Graph, graph: Graph, name: str) -> str:
    """A name of a file; with that file where another workflow says it."""
    return name if graph.file == main.file else f"{shown(main, Path(graph.file))}: {name}"


def shown(main: Graph, path: Path) -> str:
    """A path as it is called everywhere: relative to the project, or to what ships with orch."""
    real, root = path.resolve(), Path(main.root).resolve()
    if real.is_relative_to(root):
        return real.relative_to(root).as_posix()
    for place in (shipped_agents(), *(file.parent for file in shipped_workflows().values())):
        if real.is_relative_to(place.resolve()):
            return f"shipped {real.relative_to(place.resolve()).as_posix()}"
    return path.name


# ------------------------------------------------------------------------------------------------ agents


def _agents(main: Graph) -> Iterator[tuple[str, str]]:
    for graph in graphs_of(main):
        for name, agent in graph.specialists.items():
            yield said_in(main, graph, name), _digest_of(agent)


def _digest_of(agent: Agent) -> str:
    """Of all that it says when its `uses` is followed; the files it learns from have digests of their own."""
    spec = agent.spec
    said = {key: _plain(getattr(spec, key)) for key in sorted(spec.model_fields_set) if key != "uses"}
    return digest(json.dumps(said, sort_keys=True, ensure_ascii=True, default=_schema).encode())


def _plain(value: Any) -> Any:
    match value:
        case BaseModel():
            return {
                key: _plain(inner) for key, inner in value if key in value.model_fields_set and key != "from_"
            }
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _:
            return value


def _schema(kind: Any) -> Any:
    return kind.schema if isinstance(kind, Schema) else json_schema(kind)


# ------------------------------------------------------------------------------------------------- files


def _files(main: Graph, stamps: Stamps) -> Iterator[tuple[str, str]]:
    """What agents learn from."""
    for file in sorted({*used_examples(main), *used_heads(main)}):
        yield shown(main, file), _of(stamps, file)


def _functions(main: Graph, stamps: Stamps) -> Iterator[tuple[str, str]]:
    for graph in graphs_of(main):
        for name in {name for node in asking_nodes(graph) for name in tools_of(node)}:
            declared = declared_as(graph, name)
            if declared is not None and declared.spec.python is not None:
                source = declared.base / declared.spec.python.partition(":")[0]
                yield said_in(main, graph, name), _of(stamps, source)


def _workflows(main: Graph, stamps: Stamps) -> Iterator[tuple[str, str]]:
    for graph in graphs_of(main):
        if graph.file != main.file:
            yield shown(main, Path(graph.file)), _of(stamps, Path(graph.file))


def _of(stamps: Stamps, file: Path) -> str:
    try:
        return stamps.of(file)
    except OSError:
        return GONE


# --------------------------------------------------------------------------------------------- knowledge


def _documents(main: Graph, stamps: Stamps) -> Iterator[tuple[str, dict[str, Any]]]:
    for graph, name in used_knowledge(main):
        known = graph.knowledge[name]
        yield said_in(main, graph, name), _set_of(main, known, stamps)


def _set_of(main: Graph, known: Documents, stamps: Stamps) -> dict[str, Any]:
    from orchestrator.knowledge.chroma import is_chroma
    from orchestrator.knowledge.sources import find

    said = known.spec.from_
    patterns = (said,) if isinstance(said, str) else tuple(said)
    embed = {"embed": known.spec.embed} if known.spec.embed is not None else {}
    if any(map(is_chroma, patterns)):
        return embed  # a database that others write; what it holds is not ours to pin
    try:
        found = find(patterns, known.base, Path(main.root))
    except KnowledgeError:
        return {**embed, "files": 0}
    parts = [(one.name, _of(stamps, one.path)) for one in found]
    return {**embed, "files": len(parts), "sha256": digest_of_all(parts)}


__all__ = ["file_sections", "said_in", "shown"]
