"""Where a step stands in its file, and how an editor is told to open it there. Starts nothing but the editor."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError
from orchestrator.report.paths import step_of

if TYPE_CHECKING:
    from orchestrator.graph.model import Graph, Node, Scope

_PLUS = re.compile(r"^(vi|vim|nvim|view|gvim|mvim|nano|pico|emacs|emacsclient|micro|kak|joe|jed|ne|mg)$")
_COLON = re.compile(r"^(hx|helix|subl|sublime_text|zed|zeditor)$")
_GOTO = re.compile(r"^(code|code-insiders|code-oss|codium|vscodium|cursor|windsurf)$")

OTHER = "set EDITOR to one that exists"


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file. `note` says what the person should know about it, empty when all is as it was."""

    file: Path
    line: int = 1
    note: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def place_of(file: str, path: str, source: str = "") -> Place:
    """Where the step of an instance is written: in the file, in the one it calls, or at its group when it is gone.

    `source` is the digest the run began with. Reads files. Raises UsageError when the workflow is gone.
    """
    from orchestrator.graph.open import check_workflow

    workflow = Path(file)
    if not workflow.is_file():
        raise UsageError(
            f"{file} is not there any more", hint="the run keeps what it was: see the tab Prompt"
        )
    built = check_workflow(workflow, display=file)
    if built.graph is None:
        first = next((found for found in built.diagnostics if found.severity == "error"), None)
        why = f": {first.message}" if first else ""
        return _plain_place(workflow, path, f"the file has changed since and is not right now{why}")
    node, whole = _node(built.graph, step_of(path))
    changed = "" if built.graph.digest == source or not source else "the file has changed since the run began"
    if not whole and path:
        gone = f"there is no step '{step_of(path)}' in it now"
        changed = f"{changed}: {gone}" if changed else gone
    if node is None:
        return Place(workflow, 1, changed)
    return Place(workflow.parent / node.mark.file, node.mark.line, changed)


def _node(graph: Graph, step: str) -> tuple[Node | None, bool]:
    """The innermost node on the way to the step, and whether it is the step itself."""
    found: Node | None = None
    scope: Scope | None = graph.scope
    for name in step.split("."):
        node = next((node for node in scope.nodes if node.name == name), None) if scope else None
        if node is None:
            return found, False
        found = node
        scope = node.body or (node.child.scope if node.child else None)
    return found, True


def _plain_place(file: Path, path: str, note: str) -> Place:
    """In a file that cannot be understood: the first line that begins with the name of the step."""
    name = step_of(path).rpartition(".")[2]
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    wanted = re.compile(rf"\s*{re.escape(name)}\s*:")
    found = (number for number, line in enumerate(lines, 1) if name and wanted.match(line))
    return Place(file, next(found, 1), note)


def editor_of(environment: Mapping[str, str], place: Place) -> list[str]:
    """The person's editor as words. Raises UsageError when none is named, or it cannot be read."""
    for name in ("VISUAL", "EDITOR"):
        if written := environment.get(name, "").strip():
            try:
                return shlex.split(written)
            except ValueError as error:
                raise UsageError(
                    f"${name} cannot be read: {error}", hint=f"the step is at {place}"
                ) from error
    raise UsageError(
        "no editor is named", hint=f"set EDITOR, for example EDITOR=nano; the step is at {place}"
    )


def command_of(editor: Sequence[str], place: Place) -> list[str]:
    """The words that open the place; editors we do not know get the file alone. Never meant for a shell."""
    file, name = str(place.file), Path(editor[0]).name
    if _PLUS.match(name):
        return [*editor, f"+{place.line}", file]
    if _COLON.match(name):
        return [*editor, f"{file}:{place.line}"]
    if _GOTO.match(name):
        return [*editor, "--goto", f"{file}:{place.line}"]
    return [*editor, file]


def edit(command: Sequence[str], place: Place) -> str:
    """Let the person edit until the editor ends. Returns what to say: empty when all went well."""
    try:
        return run(command)
    except UsageError as error:
        return f"{error.message}: {error.hint}; the step is at {place}"


def run(command: Sequence[str]) -> str:
    """The same of a file that is no step. Raises UsageError when the editor cannot be started."""
    try:
        ended = subprocess.run(command, check=False)  # noqa: S603 - the person's own editor, never through a shell
    except FileNotFoundError:
        raise UsageError(f"there is no program '{command[0]}'", hint=OTHER) from None
    except OSError as error:
        raise UsageError(f"'{command[0]}' cannot be started: {error.strerror}", hint=OTHER) from None
    return f"'{command[0]}' ended with code {ended.returncode}" if ended.returncode else ""
