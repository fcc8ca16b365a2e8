"""Tools a step calls: the names of their arguments and the types of their results, as far as they are known."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.calling import Effects
from orchestrator.graph.agents import check_knowledge, check_tool
from orchestrator.graph.delegates import delegate_name, gives, takes_of
from orchestrator.graph.kinds import BOOL, INT, NUMBER, TEXT, UNKNOWN, list_of, misfit, present
from orchestrator.graph.say import choice, near
from orchestrator.graph.setting import Setting
from orchestrator.graph.texts import Path
from orchestrator.library import Written
from orchestrator.spec.model import ToolSpec, ToolStep
from orchestrator.spec.types import Enum, Field, MapOf, Nullable, Type

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
    "chart": ("rows", "x", "y", "kind", "title"),
}

TYPES: Mapping[str, Type] = dict.fromkeys(
    ("path", "text", "code", "stdin", "sql", "database", "query", "title"), TEXT
) | {"limit": INT, "k": INT}
"""Of arguments, by name, where they are the same for every tool."""
NEEDED: Mapping[str, tuple[str, ...]] = {
    "files.read": ("path",),
    "files.write": ("path",),
    "files.append": ("path",),
    "sql.query": ("sql",),
    "sql.explain": ("sql",),
    "search": ("query",),
    "chart": ("rows", "x", "y"),
}
"""Arguments without which a call makes no sense."""

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
            Field("note", TEXT, optional=True),
            Field("error", TEXT, optional=True),
        )
    ),
    "sql.schema": list_of(
        MapOf(
            (
                Field("table", TEXT),
                Field(
                    "columns",
                    list_of(
                        MapOf((Field("name", TEXT), Field("type", TEXT), Field("examples", list_of(UNKNOWN))))
                    ),
                ),
                Field("rows", Nullable(INT)),
                Field("note", TEXT, optional=True),
            )
        )
    ),
    "sql.explain": MapOf(
        (
            Field("valid", BOOL),
            Field("columns", list_of(MapOf((Field("name", TEXT), Field("type", TEXT))))),
            Field("error", TEXT, optional=True),
        )
    ),
    "chart": MapOf(
        (
            Field(
                "files",
                list_of(MapOf((Field("name", TEXT), Field("media_type", TEXT), Field("size", INT)))),
            ),
            Field("note", TEXT, optional=True),
            Field("error", TEXT, optional=True),
        )
    ),
    "files.read": TEXT,
    "files.list": list_of(
        MapOf(
            (
                Field("name", TEXT),
                Field("path", TEXT),
                Field("kind", Enum(("file", "folder"))),
                Field("size", INT),
            )
        )
    ),
    "files.write": MapOf((Field("path", TEXT), Field("size", INT))),
    "files.append": MapOf((Field("path", TEXT), Field("size", INT))),
    "search": list_of(
        MapOf(
            (
                Field("text", TEXT),
                Field("file", TEXT),
                Field("heading", TEXT),
                Field("lines", list_of(INT)),
                Field("score", NUMBER),
            )
        )
    ),
}


EFFECTS: Mapping[str, Effects] = {"files.write": "idempotent", "files.append": "once"}
"""Of the built-in tools that have one."""
REUSABLE = frozenset({"python"})
"""Built-in tools whose result depends on their arguments alone."""


def effects_of(tools: Mapping[str, ToolSpec], name: str) -> Effects:
    """Whether a call of this tool may be made again, by what the file says; `once` where it says nothing."""
    declared = tools.get(name) or tools.get(name.rpartition(".")[0])
    if declared is None or declared.agent is not None:
        return EFFECTS.get(name, "none")
    if declared.effects is not None:
        return declared.effects
    own = declared.mcp is not None or declared.python is not None
    return "once" if own else EFFECTS.get(name, "none")


def check_again(setting: Setting, step: ToolStep, at: Path) -> None:
    """Report `retry` and `cache` where a second call would do harm, or a result is not what it was."""
    effects = effects_of(setting.tools, step.tool)
    if step.retry and effects == "once":
        hint = (
            f"take it out, or say that it may be repeated: tools: {{{step.tool}: {{…, effects: idempotent}}}}"
        )
        message = f"{step.tool} has an effect that must not be repeated, so it is not called again"
        setting.report.at(setting.marks, (*at, "retry"), "ORCH318", message, hint)
    declared = setting.tools.get(step.tool)
    function = declared is not None and declared.python is not None
    if step.cache and (effects != "none" or not (function or step.tool in REUSABLE)):
        message = f"what {step.tool} gives does not depend on its arguments alone, so it is not used again"
        setting.report.at(setting.marks, (*at, "cache"), "ORCH319", message, "take `cache` out")


def check_call(setting: Setting, step: ToolStep, at: Path, given: Type | None) -> Type:
    """The type of a tool's result; its name and arguments checked."""
    written = Written(setting.marks, (*at, "tool"))
    if not check_tool(setting, step.tool, written):
        return UNKNOWN
    check_again(setting, step, at)
    function = setting.functions.get(step.tool)
    if function is not None:
        from orchestrator.graph.pytools import check_arguments

        return check_arguments(setting, function, step, at, given)
    agent = delegate_name(setting.tools, step.tool)
    if agent is not None:
        return _delegate(setting, step, agent, at, given)
    declared = setting.tools.get(step.tool)
    server = setting.tools.get(step.tool.rpartition(".")[0]) if declared is None else declared
    if server is not None and server.mcp is not None:
        from orchestrator.graph.servers import check_server_call

        return check_server_call(setting, step, at, given)
    if declared is not None and declared.python is not None:
        return UNKNOWN
    wanted = ARGUMENTS.get(step.tool)
    if wanted is not None:
        _named(setting, step, at, wanted)
        _fits(setting, step, at, given)
    knowledge = step.with_.get("knowledge")
    if step.tool == "search" and isinstance(knowledge, str) and "{" not in knowledge:
        check_knowledge(setting, knowledge, Written(setting.marks, (*at, "with", "knowledge")))
    if step.tool == "search" and knowledge is None and len(setting.knowledge) != 1:
        names = list(setting.knowledge)
        hint = (
            f"add `with: {{knowledge: …}}`; there is {choice(names)}"
            if names
            else "declare it under `knowledge:`"
        )
        setting.report.at(setting.marks, (*at, "tool"), "ORCH315", "search needs knowledge", hint)
    return RESULTS.get(step.tool, UNKNOWN)


def _named(setting: Setting, step: ToolStep, at: Path, wanted: tuple[str, ...]) -> None:
    for name in step.with_:
        if name not in wanted:
            hint = near(name, wanted) or f"it takes {choice(wanted)}"
            setting.report.key(
                setting.marks, (*at, "with", name), "ORCH315", f"{step.tool} takes no '{name}'", hint
            )


def _fits(setting: Setting, step: ToolStep, at: Path, given: Type | None) -> None:
    """What a call has to hand over, and of what types."""
    missing = [name for name in NEEDED.get(step.tool, ()) if name not in step.with_]
    if missing:
        message, hint = f"{step.tool} needs {choice(missing)}", f"add `with: {{{missing[0]}: …}}`"
        setting.report.at(setting.marks, (*at, "tool"), "ORCH315", message, hint)
    for field in given.fields if isinstance(given, MapOf) else ():
        reason = misfit(present(field.type), TYPES.get(field.name, UNKNOWN), field.name)
        if reason:
            place = (*at, "with", field.name)
            setting.report.at(setting.marks, place, "ORCH315", f"{step.tool}: {reason}")


def _delegate(setting: Setting, step: ToolStep, name: str, at: Path, given: Type | None) -> Type:
    """An agent used as a tool: `takes` types what it is handed; without it, that is a `prompt`."""
    agent = setting.library.agent(name)
    if agent is None:
        return UNKNOWN
    reason = misfit(given if given is not None else MapOf(()), takes_of(agent))
    if reason:
        setting.report.key(
            setting.marks, (*at, "with" if step.with_ else "tool"), "ORCH315", f"{step.tool}: {reason}"
        )
    return gives(agent)
