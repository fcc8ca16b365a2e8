"""The tool `python`: runs code that a model wrote, in the sandbox. A failing program is a result, not an error."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Literal

from orchestrator.calling import CallContext, Signature, ToolResult
from orchestrator.errors import SandboxUnavailable, ToolError
from orchestrator.spec.types import Field, Int, ListOf, MapOf, Str, Unknown
from orchestrator.tools.sandbox.limits import Limits
from orchestrator.tools.sandbox.pure import run_pure
from orchestrator.tools.sandbox.sandbox import Job, Outcome, Sandbox

Tier = Literal["python", "pure"]

MAIN = "main.py"
MOST_FILES = 100
MOST_TEXT = 4 << 20
PYTHONS = ("python", "python3")
TEXT = Str(None)

MADE = MapOf((Field("name", TEXT), Field("media_type", TEXT), Field("size", Int())))

SIGNATURE = Signature(
    "python",
    "Runs Python code in a sandbox without network. Returns what it printed, the value of its last expression, "
    "and the files it made.",
    MapOf(
        (
            Field("code", TEXT, optional=True),
            Field("files", Unknown(), optional=True),
            Field("command", TEXT, optional=True),
            Field("stdin", TEXT, optional=True),
        )
    ),
    MapOf(
        (
            Field("exit", Int()),
            Field("stdout", TEXT),
            Field("stderr", TEXT),
            Field("value", Unknown()),
            Field("files", ListOf(MADE, 0, None)),
        )
    ),
)


class PythonTool:
    """`code` alone runs as main.py; with `files` (name to text) beside it, or a `command` that starts with python.

    Without a tier named it is `python` on Linux and `pure` elsewhere. One never stands in for the other when it fails.
    """

    def __init__(
        self, sandbox: Sandbox | None = None, *, tier: Tier | None = None, platform: str = sys.platform
    ) -> None:
        self._sandbox = sandbox or Sandbox(platform=platform)
        self._tier = tier or ("python" if platform.startswith("linux") else "pure")

    @property
    def signature(self) -> Signature:
        return SIGNATURE

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Run it once. Raises ToolError for arguments that make no sense, SandboxUnavailable when nothing may run."""
        job = job_from(arguments)
        if self._tier == "pure":
            outcome = await self._pure(arguments, context)
        else:
            outcome = await self._sandbox.run(
                job, context.scratch, seconds=context.seconds, progress=context.progress
            )
        return ToolResult(as_value(outcome), outcome.files)

    async def _pure(self, arguments: Mapping[str, Any], context: CallContext) -> Outcome:
        given = [name for name in ("files", "command", "stdin") if arguments.get(name)]
        if given:
            raise SandboxUnavailable(
                f"the pure tier takes only 'code', not '{given[0]}'", hint="the python tier takes it (Linux)"
            )
        limits: Limits = self._sandbox.limits
        seconds = min(limits.seconds, context.seconds)
        return await run_pure(str(arguments["code"]), limits, seconds, context.progress)


def as_value(outcome: Outcome) -> dict[str, Any]:
    """The result as steps and models see it."""
    return {
        "exit": outcome.exit,
        "stdout": outcome.stdout,
        "stderr": outcome.stderr,
        "value": outcome.value,
        "files": [
            {"name": one.name, "media_type": one.media_type, "size": one.path.stat().st_size}
            for one in outcome.files
        ],
    }


def job_from(arguments: Mapping[str, Any]) -> Job:
    """What the arguments ask for. Raises ToolError that names the argument."""
    files = _files(arguments.get("files"))
    code, command = arguments.get("code"), arguments.get("command")
    stdin = arguments.get("stdin") or ""
    if not isinstance(stdin, str):
        raise ToolError("python: 'stdin' must be text")
    if (code is None) == (command is None):
        raise ToolError("python: give either 'code', or 'files' with a 'command'")
    if code is not None:
        if not isinstance(code, str):
            raise ToolError("python: 'code' must be text")
        if MAIN in files:
            raise ToolError(f"python: 'code' runs as {MAIN}, so 'files' must not contain {MAIN}")
        return Job({**files, MAIN: code}, (MAIN,), stdin=stdin)
    argv, module = _command(command)
    return Job(files, argv, module, stdin)


def _command(command: Any) -> tuple[tuple[str, ...], str]:
    """Arguments, and the module of `-m`. Only Python can be started: the sandbox has no other programs."""
    try:
        words = shlex.split(command) if isinstance(command, str) else [str(one) for one in command]
    except (ValueError, TypeError) as error:
        raise ToolError(f"python: 'command' cannot be read: {error}") from error
    if len(words) < 2 or words[0] not in PYTHONS:
        raise ToolError(
            "python: 'command' must be 'python FILE …' or 'python -m MODULE …'; the sandbox starts nothing else"
        )
    if words[1] == "-m" and len(words) > 2:
        return tuple(words[2:]), words[2]
    if words[1].startswith("-"):
        raise ToolError(f"python: 'command' may not use '{words[1]}'; there are 'FILE' and '-m MODULE'")
    return tuple(words[1:]), ""


def _files(given: Any) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(text, str) for text in given.values()):
        raise ToolError("python: 'files' must be a map of names to texts")
    if len(given) > MOST_FILES or sum(map(len, given.values())) > MOST_TEXT:
        raise ToolError(f"python: 'files' takes up to {MOST_FILES} files, {MOST_TEXT >> 20} MB together")
    for name in given:
        _check_name(name)
    return dict(given)


def _check_name(name: Any) -> None:
    path = PurePosixPath(str(name))
    if not isinstance(name, str) or not name.isprintable() or path.is_absolute() or ".." in path.parts:
        raise ToolError(f"python: 'files' has a name that is no path within the scratch: {name!r}")
    if str(path) != name or name == ".":
        raise ToolError(f"python: 'files' has a name that is not plain: {name!r} (write {str(path)!r})")
