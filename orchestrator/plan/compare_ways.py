"""What may newly leave this machine: the ways out of two revisions, compared by step, place and what goes there. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from orchestrator.graph.model import Graph
from orchestrator.labels import Label, above
from orchestrator.plan.compare_made import Made, every_graph, plain, sources
from orchestrator.plan.overview import Overview

Why: TypeAlias = Literal[
    "new", "elsewhere", "code", "label", "parts", "reads", "unlowered", "otherwise", "always", "rule"
]


@dataclass(frozen=True, slots=True)
class Way:
    """One way off this machine. `target` is where it really goes: a reference with its address, a server's command.

    `parts` are parts of the request, `reads` the inputs and documents that can be in it, `lowered` the steps that
    lowered a label before, `how` each of them does it. `always` is false where it goes there only when a step
    escalates, and `rule` says when. `code` is the digest of the function that sends it, where it is one of the project.
    """

    step: str
    sink: str
    kind: str
    target: str
    label: Label
    clearance: Label
    parts: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    lowered: tuple[str, ...] = ()
    how: tuple[str, ...] = ()
    always: bool = True
    rule: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """Something that may leave and could not before: which way, why it is new, and of each reason what it names."""

    way: Way
    why: Mapping[Why, tuple[str, ...]]
    was: Way | None = None


def ways(graph: Graph, plan: Overview, made: Mapping[str, Made]) -> tuple[Way, ...]:
    """Every way out of a file, and of the workflows it calls."""
    climbing = {(one.step, one.model) for one in plan.leaves if one.climbs}
    own = {(one.step, one.model) for one in plan.leaves if not one.climbs}
    found = []
    for one in _ways(graph, made):
        place = one.step, one.sink
        only = one.kind == "escalation" or (place in climbing and place not in own)
        found.append(replace(one, always=not only))
    return tuple(found)


def _ways(graph: Graph, made: Mapping[str, Made]) -> Iterator[Way]:
    for prefix, one in every_graph(graph):
        for way in one.exits:
            path = prefix + way.step
            yield Way(
                path,
                way.sink,
                way.kind,
                _target(one, way.sink),
                way.label,
                way.clearance,
                way.parts,
                tuple(sorted(sources(made, path))),
                tuple(prefix + name for name in way.lowered),
                tuple(_lowering(made.get(prefix + name)) for name in way.lowered),
                rule=_rule(made.get(path)),
                code=_code(made.get(path), way.sink),
            )


def _lowering(one: Made | None) -> str:
    """How a step lowers a label: its `declassify`, and what checks the value before."""
    keys = one.keys if one is not None else {}
    return json.dumps([keys.get("declassify"), keys.get("check"), keys.get("output")], sort_keys=True)


def _rule(one: Made | None) -> str:
    """When a step escalates."""
    stated = one.keys.get("escalate") if one is not None else None
    if not isinstance(stated, dict):
        return ""
    return json.dumps({"when": "failed"} | {key: stated[key] for key in ("before", "when") if key in stated})


def _code(one: Made | None, sink: str) -> str:
    return one.files.get(f"code of {sink}", "") if one is not None else ""


def _target(graph: Graph, sink: str) -> str:
    spec = graph.models.get(sink) or graph.workflow.models.get(sink)
    if spec is not None:
        return f"{spec.use} at {spec.url}" if spec.url else spec.use
    declared = graph.tools.get(sink) or graph.tools.get(sink.rpartition(".")[0])
    if declared is None:
        return sink
    said = plain(declared.spec, graph)
    server = said.get("mcp")
    if isinstance(server, dict):
        return str(server.get("url") or " ".join(server.get("command", ())) or sink)
    return str(said.get("python") or sink)


def newly(
    before: tuple[Way, ...], after: tuple[Way, ...], renamed: Mapping[str, str]
) -> tuple[tuple[News, ...], tuple[Way, ...]]:
    """What is new and what is gone. `renamed` gives the old path of a step that only has another name."""
    old = {(way.step, way.sink, way.kind): way for way in before}
    fresh: list[News] = []
    for way in after:
        was = old.pop((renamed.get(way.step, way.step), way.sink, way.kind), None)
        news = News(way, {"new": ()}) if was is None else _more(was, way, renamed)
        if news is not None:
            fresh.append(news)
    return tuple(sorted(fresh, key=lambda one: ("new" not in one.why, one.way.step))), tuple(old.values())


def _more(was: Way, way: Way, renamed: Mapping[str, str]) -> News | None:
    now = {renamed.get(name, name) for name in way.lowered}
    found: dict[Why, tuple[str, ...]] = {}
    if way.target != was.target:
        found["elsewhere"] = ()
    elif was.code and way.code and was.code != way.code:
        found["code"] = ()
    if above(way.label, was.label):
        found["label"] = ()
    if more := tuple(name for name in way.parts if name not in was.parts):
        found["parts"] = more
    if more := tuple(name for name in way.reads if name not in was.reads):
        found["reads"] = more
    gone = tuple(name for name in was.lowered if name not in now)
    if gone and set(was.reads) <= set(way.reads):  # else what it guarded may just not be in it any more
        found["unlowered"] = gone
    old = dict(zip(was.lowered, was.how, strict=False))
    new = {renamed.get(name, name): how for name, how in zip(way.lowered, way.how, strict=False)}
    if other := tuple(name for name, how in new.items() if old.get(name) != how):
        found["otherwise"] = other
    if way.always and not was.always:
        found["always"] = ()
    elif not way.always and not was.always and way.rule != was.rule:
        found["rule"] = ()
    return News(way, found, was) if found else None


__all__ = ["News", "Way", "newly", "ways"]
