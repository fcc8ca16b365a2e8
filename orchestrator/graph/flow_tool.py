"""What tools read and where they send things: built in, of an MCP server, of the project, agents used as tools."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.graph.cloud import is_cloud
from orchestrator.graph.flow_place import Made, One
from orchestrator.graph.flow_read import read_string
from orchestrator.graph.flow_uses import Sink, Use
from orchestrator.graph.tags import PUBLIC, Tag, Why, higher, highest, leaf, named, origin
from orchestrator.library import shipped_agents
from orchestrator.light import light
from orchestrator.policy.clearance import clearance_of
from orchestrator.spec.model import AgentSpec, AgentStep, ModelSpec, ToolSpec, ToolStep

if TYPE_CHECKING:
    from orchestrator.graph.setting import Setting
    from orchestrator.library import Agent

WRITES = frozenset({"files.write", "files.append", "chart"})
READS = frozenset({"files.read", "files.list", "sql.query", "sql.schema", "sql.explain"})
_RENDERED = re.compile(r"\{[{%].*?[}%]\}", re.DOTALL)
_FILES = ("sqlite", "duckdb", "file")


@light(frozen=True, slots=True)
class Reach:
    """What comes out of a tool beside its arguments, and where it goes: each sink with what is added on the way."""

    reads: Why = None
    sinks: tuple[tuple[Sink, Why], ...] = ()


# ---------------------------------------------------------------------------------------------- tool steps


def call_tool(one: One, step: ToolStep) -> Made:
    knot = one.knot
    given = one.total("with")
    reach = reach_of(one, step.tool, step)
    result = higher(given, reach.reads) if one.on("tool-results") else None
    facts = higher(result, one.checks(leaf(result)))
    for sink, extra in reach.sinks:
        parts = (("with", given), ("tool_results", extra))
        written = path_glob(step.with_.get("path")) if step.tool in WRITES else "**"
        at = (*knot.at, "tool")
        one.use(Use(knot.path, knot.name, sink, parts, one.scope, one.marks, at, one.lowered, written))
    seen = {"with": given, "tool_results": facts}
    return Made(leaf(named(knot.name, facts)), seen, higher(given, facts), facts)


def path_glob(path: object) -> str:
    """A path as a glob: what only the run knows may be any number of folders."""
    if not isinstance(path, str):
        return "**"
    glob = _RENDERED.sub("\0", path)
    return "/".join("**" if "\0" in part else part for part in glob.split("/"))


# --------------------------------------------------------------------------------------------- what it does


def reach_of(one: One, name: str, step: ToolStep | None = None, seen: frozenset[str] = frozenset()) -> Reach:
    """Of one tool by its name; `step` is the tool step that calls it, with arguments that stand in the file."""
    if name.startswith("agent:"):
        return _delegate(one, name.removeprefix("agent:"), seen)
    tools = one.state.setting.tools
    declared = tools.get(name)
    if declared is None:
        server = name.rpartition(".")[0]
        found = tools.get(server)
        if found is not None and found.mcp is not None:
            return _declared(one, server, found, seen)
    elif declared.agent is not None or declared.mcp is not None or declared.python is not None:
        return _declared(one, name, declared, seen)
    return _built_in(one, name, declared, step)


def _declared(one: One, name: str, tool: ToolSpec, seen: frozenset[str]) -> Reach:
    if tool.agent is not None:
        return _delegate(one, tool.agent, seen)
    if tool.mcp is None and tool.effects == "none":
        return Reach()
    kind = "mcp" if tool.mcp is not None else "tool"
    sink = Sink(name, kind, tool.clearance or "public", True, f"tools.{name}")
    return Reach(origin(f"tools.{name}", "private"), ((sink, None),))


def _built_in(one: One, name: str, declared: ToolSpec | None, step: ToolStep | None) -> Reach:
    stated = declared.clearance if declared is not None else None
    if name in WRITES:
        return Reach(None, ((Sink(name, "files", stated or "private", False, f"tools.{name}"), None),))
    if name == "search":
        return _search(one, step)
    arguments = step.with_ if step is not None else {}
    if name in READS or "files" in arguments:
        reads = origin(name, "private")
        if "database" in arguments and _is_remote(arguments["database"]):
            return Reach(reads, ((Sink(name, "tool", stated or "public", True, f"tools.{name}"), None),))
        return Reach(reads)
    return Reach()


def _is_remote(database: object) -> bool:
    """Whether a database is off this machine; one that only the run knows counts as off."""
    if not isinstance(database, str) or "{" in database:
        return True
    scheme, found, _ = database.partition("://")
    return bool(found) and scheme.partition("+")[0] not in _FILES


def _search(one: One, step: ToolStep | None) -> Reach:
    known = one.state.setting.knowledge
    name = step.with_.get("knowledge") if step is not None else None
    names = [name] if isinstance(name, str) and name in known else list(known)
    reads = highest(knowledge_label(one.state.setting, n) for n in names)
    return Reach(reads, tuple((sink, None) for sink in embedders(one, names)))


# -------------------------------------------------------------------------------------------------- agents


def _delegate(one: One, name: str, seen: frozenset[str]) -> Reach:
    """An agent that is handed something: it reads what it brings along, and passes on both."""
    agent = one.state.setting.library.agent(name)
    if agent is None or name in seen:
        return Reach()
    spec, setting = agent.spec, one.state.setting
    own = brought(one, agent)
    sinks: list[tuple[Sink, Why]] = [(sink, None) for sink in embedders(one, spec.knowledge or ())]
    for tool in spec.tools or ():
        inner = reach_of(one, tool, None, seen | {name})
        own = higher(own, inner.reads)
        sinks += inner.sinks
    model = spec.model or setting.defaults.model
    if model is not None and model in setting.models and not is_cloud(setting.models[model]):
        sinks += [(sink, None) for sink in model_sinks(setting, model, "model")]
    return Reach(own, tuple((sink, higher(extra, own)) for sink, extra in sinks))


def brought(one: One, agent: Agent) -> Why:
    """The label of all that another agent brings into its request: role, examples, knowledge, memory."""
    spec = agent.spec
    role = read_string(spec.role, one.state.of_file, _no_facts).total if spec.role else None
    parts = [
        higher(role, agent_label(agent)) if one.on("role") else None,
        examples_label(agent.name, agent, spec) if one.on("examples") and spec.examples else None,
        origin(f"agents.{agent.name}.memory", "private") if one.on("memory") and spec.memory else None,
        examples_label(agent.name, agent, spec, "head") if one.on("head") and spec.head else None,
    ]
    if one.on("knowledge"):
        parts += [knowledge_label(one.state.setting, name) for name in spec.knowledge or ()]
    return highest(parts)


def _no_facts(_name: str) -> Tag:
    return PUBLIC


def agent_label(agent: Agent) -> Why:
    """The label it states for its role and examples."""
    return origin(f"agents.{agent.name}", agent.spec.label or "public")


def examples_label(name: str, agent: Agent, spec: AgentSpec, key: str = "examples") -> Why:
    """The stated label; else what ships with orch is public and what the project has is private."""
    if agent.spec.label is not None:
        return agent_label(agent)
    part = getattr(spec, key)
    shipped = (agent.base / part.from_).is_relative_to(shipped_agents())
    return None if shipped else origin(f"agents.{name}.{key}", "private")


# ------------------------------------------------------------------------------------- knowledge, embedders


def knowledge_label(setting: Setting, name: str) -> Why:
    spec = setting.knowledge.get(name)
    return origin(f"knowledge.{name}", (spec.label if spec is not None else None) or "private")


def embedders(one: One, names: tuple[str, ...] | list[str]) -> list[Sink]:
    """Where the queries of these go to be embedded, and their documents."""
    found = []
    for name in names:
        spec = one.state.setting.knowledge.get(name)
        if spec is not None and spec.embed is not None:
            found.append(embedder_sink(one.state.setting, name, spec.embed))
    return found


def embedder_sink(setting: Setting, name: str, ref: str) -> Sink:
    known = setting.models.get(ref)
    spec = known or ModelSpec(use=ref)
    away = is_cloud(spec)
    entry = f"models.{ref}" if known is not None else ""
    return Sink(ref, "embedder", clearance_of(spec, not away), away, entry, name)


def model_sinks(setting: Setting, name: str, kind: str) -> list[Sink]:
    spec = setting.models.get(name)
    if spec is None:
        return []
    away = is_cloud(spec)
    return [
        Sink(
            name,
            "escalation" if kind == "escalation" else "model",
            clearance_of(spec, not away),
            away,
            f"models.{name}",
        )
    ]


def steps_examples_label(one: One, step: AgentStep, agent: Agent, key: str = "examples") -> Why:
    """Of the examples of a step: its own are the project's, whatever its agent says of others."""
    knot = one.knot
    if getattr(step, key) is not None:
        return origin(f"{knot.name}.{key}", "private")
    plain = one.state.setting.library.agent(step.agent) or agent
    return examples_label(plain.name, plain, plain.spec, key)
