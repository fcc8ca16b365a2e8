"""MCP servers as a file names them, and their tools as the lock file beside it lists them. Nothing is started or asked.

Without a lock nothing is known of a server before the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path as File
from typing import Any

from orchestrator.errors import ToolError, UsageError
from orchestrator.graph.foreign import arguments_of, pick, result_of
from orchestrator.graph.kinds import UNKNOWN, misfit, present
from orchestrator.graph.say import choice, listing, near
from orchestrator.graph.setting import Setting
from orchestrator.graph.texts import Path
from orchestrator.library import Written
from orchestrator.light import light
from orchestrator.lock.file import key_of, path_of, read_lock
from orchestrator.spec.marks import Marks
from orchestrator.spec.model import McpServer, ToolSpec, ToolStep
from orchestrator.spec.types import MapOf, Type


@light(frozen=True, slots=True)
class _Listed:
    """What a server listed when the lock was written; `alone` where the entry in the file is for one tool."""

    tools: Mapping[str, Any]
    alone: bool

    def meant(self, name: str) -> Mapping[str, Any]:
        """The tool that a name means. Raises ToolError."""
        found = self.tools[pick(name, list(self.tools), alone=self.alone)]
        return found if isinstance(found, Mapping) else {}


def server_of(setting: Setting, tool: str) -> tuple[str, ToolSpec] | None:
    """The entry of `tools:` behind a name, if it is a server: of the whole name, or of what stands before its last dot."""
    whole, server = setting.tools.get(tool), tool.rpartition(".")[0]
    if whole is not None:
        return (tool, whole) if whole.mcp is not None else None
    found = setting.tools.get(server)
    return (server, found) if found is not None and found.mcp is not None else None


# ------------------------------------------------------------------------------------------------ entries


def check_servers(setting: Setting) -> None:
    """Each is reached in one way, and gets what that way can carry."""
    for marks, name, server in _entries(setting):
        problem = _problem(server)
        if problem:
            place: Path = ("tools", name, "mcp")
            message = f"the server of '{name}' {problem[0]}"
            setting.report.at(marks, (*place, *problem[2]), "ORCH614", message, problem[1])


def _entries(setting: Setting) -> Iterator[tuple[Marks, str, McpServer]]:
    own = setting.document.workflow.tools
    yield from ((setting.marks, name, spec.mcp) for name, spec in own.items() if spec.mcp is not None)
    if setting.project is not None:
        for name, spec in setting.project.project.tools.items():
            if spec.mcp is not None and name not in own:
                yield setting.project.marks, name, spec.mcp


def _problem(server: McpServer) -> tuple[str, str, tuple[str, ...]] | None:
    if server.command == () and server.url is None:
        return "has an empty `command`", "write the program and its arguments", ("command",)
    if server.url is not None and server.env:
        return "is at an address, and gets no `env`", "give it a token: key: env.NAME", ("env",)
    if server.command and server.key is not None:
        return "is started here, and gets no `key`", "give it variables: env: {TOKEN: env.NAME}", ("key",)
    return None


# -------------------------------------------------------------------------------------------------- calls


def check_listed(setting: Setting, name: str, place: Written, *rest: int | str) -> None:
    """A tool that its server did not list is unknown."""
    listed = _listed(setting, name)
    if listed is None:
        return
    try:
        listed.meant(name)
    except ToolError as error:
        message = f"{name}: {error.message}, as the lock file has it"
        hint = error.hint or "orch lock asks it again"
        setting.report.add(place.marks, place.mark(*rest), "ORCH603", message, hint)


def check_server_call(setting: Setting, step: ToolStep, at: Path, given: Type | None) -> Type:
    """Names and types of what a call hands over, and the type of its result, by the lock file."""
    listed = _listed(setting, step.tool)
    if listed is None:
        return UNKNOWN
    try:
        tool = listed.meant(step.tool)
    except ToolError:
        return UNKNOWN  # said where its name is checked
    wanted = arguments_of(tool.get("input"))
    _check_names(setting, step, at, wanted)
    for field in given.fields if isinstance(given, MapOf) else ():
        expected = wanted.field(field.name)
        reason = (
            misfit(present(field.type), present(expected.type), field.name) if expected is not None else ""
        )
        if reason:
            setting.report.at(setting.marks, (*at, "with", field.name), "ORCH315", f"{step.tool}: {reason}")
    return result_of(tool.get("output"))


def _check_names(setting: Setting, step: ToolStep, at: Path, wanted: MapOf) -> None:
    names = [field.name for field in wanted.fields]
    for name in step.with_:
        if name not in names:
            hint = near(name, names) or f"it takes {listing(wanted) or 'nothing'}"
            message = f"{step.tool} takes no '{name}'"
            setting.report.key(setting.marks, (*at, "with", name), "ORCH315", message, hint)
    missing = [field.name for field in wanted.fields if not field.optional and field.name not in step.with_]
    if missing:
        hint = f"add `with: {{{missing[0]}: …}}`"
        message = f"{step.tool} needs {choice(missing)}"
        setting.report.at(setting.marks, (*at, "tool"), "ORCH315", message, hint)


# -------------------------------------------------------------------------------------------------- lock


def _listed(setting: Setting, tool: str) -> _Listed | None:
    """What is known of the server of a tool; None without a lock, or where that has no such server."""
    found = server_of(setting, tool)
    if found is None or found[1].mcp is None:
        return None
    name, server = found[0], found[1].mcp
    shared = setting.project is not None and name not in setting.document.workflow.tools
    base = (
        setting.project.path.parent
        if shared and setting.project is not None
        else setting.document.path.parent
    )
    for file in (setting.document.path, setting.opened):
        if file is None:
            continue
        known = _locked(setting, file).get(key_of(server, base.resolve(), file.resolve().parent))
        tools = known.get("tools") if isinstance(known, Mapping) else None
        if isinstance(tools, Mapping):
            return _Listed(tools, tool in setting.tools)
    return None


def _locked(setting: Setting, workflow: File) -> Mapping[str, Any]:
    """The servers in the lock beside a workflow; none, with a warning, where it cannot be read."""
    path = path_of(workflow)
    if path not in setting.locked:
        try:
            lock = read_lock(path)
            setting.locked[path] = lock.servers() if lock is not None else {}
        except UsageError as error:
            setting.locked[path] = {}
            marks = Marks(path.name, "")
            setting.report.add(marks, marks.at(), "ORCH542", error.message, error.hint)
    return setting.locked[path]


__all__ = ["check_listed", "check_server_call", "check_servers", "server_of"]
