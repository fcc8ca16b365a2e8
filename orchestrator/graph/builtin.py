"""Tools a step calls: the names of their arguments and the types of their results, as far as they are known."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.graph.agents import check_knowledge, check_tool
from orchestrator.graph.kinds import INT, NUMBER, TEXT, UNKNOWN, list_of, misfit
from orchestrator.graph.say import choice, near
from orchestrator.graph.setting import Setting
from orchestrator.graph.texts import Path
from orchestrator.library import Written
from orchestrator.spec.model import ToolStep
from orchestrator.spec.types import Field, MapOf, Type

ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "python": ("code", "files", "command", "stdin"),
    "sql.query": ("tables", "database", "sql", "limit"),
    "sql.schema": ("tables", "database"),
    "sql.explain": ("tables", "database", "sql"),
    "search": ("knowledge", "query", "k"),
    "files.read": ("path",),
    "files.list": ("path",),
    "files.write": ("path", "content", "text"),
    "files.append": ("path", "content", "text"),
    "chart": ("rows", "x", "y", "kind"),
}

RESULTS: Mapping[str, Type] = {
    "python": MapOf(
        (
            Field("exit", INT),
            Field("stdout", TEXT),
            Field("stderr", TEXT),
            Field("value", UNKNOWN),
            Field(
                "files",
                list_of(MapOf((Field("name", TEXT), Field("media_type", TEXT), Field("size", INT)))),
            ),
        )
    ),
    "sql.query": MapOf(
        (
            Field("columns", list_of(TEXT)),
            Field("rows", list_of(UNKNOWN)),
            Field("error", TEXT, optional=True),
        )
    ),
    "search": list_of(
        MapOf(
            (
                Field("text", TEXT),
                Field("file", TEXT),
                Field("heading", TEXT),
                Field("lines", UNKNOWN),
                Field("score", NUMBER),
            )
        )
    ),
}


def check_call(setting: Setting, step: ToolStep, at: Path, given: Type | None) -> Type:
    """The type of a tool's result; its name and arguments checked."""
    written = Written(setting.marks, (*at, "tool"))
    if not check_tool(setting, step.tool, written):
        return UNKNOWN
    function = setting.functions.get(step.tool)
    if function is not None:
        from orchestrator.graph.pytools import check_arguments

        return check_arguments(setting, function, step, at)
    if step.tool in setting.tools:
        return UNKNOWN
    if step.tool.startswith("agent:"):
        return _delegate(setting, step, at, given)
    wanted = ARGUMENTS.get(step.tool)
    if wanted is not None:
        _named(setting, step, at, wanted)
    knowledge = step.with_.get("knowledge")
    if step.tool == "search" and isinstance(knowledge, str) and "{" not in knowledge:
        check_knowledge(setting, knowledge, Written(setting.marks, (*at, "with", "knowledge")))
    return RESULTS.get(step.tool, UNKNOWN)


def _named(setting: Setting, step: ToolStep, at: Path, wanted: tuple[str, ...]) -> None:
    for name in step.with_:
        if name not in wanted:
            hint = near(name, wanted) or f"it takes {choice(wanted)}"
            setting.report.key(
                setting.marks, (*at, "with", name), "ORCH315", f"{step.tool} takes no '{name}'", hint
            )


def _delegate(setting: Setting, step: ToolStep, at: Path, given: Type | None) -> Type:
    """An agent used as a tool: `takes` types what it is handed."""
    agent = setting.library.agent(step.tool.removeprefix("agent:"))
    if agent is None:
        return UNKNOWN
    takes = agent.spec.takes
    if takes is not None:
        reason = misfit(given if given is not None else MapOf(()), takes)
        if reason:
            setting.report.key(
                setting.marks, (*at, "with" if step.with_ else "tool"), "ORCH315", f"{step.tool}: {reason}"
            )
    return agent.spec.output if agent.spec.output is not None else TEXT
