"""The tools `files.*`: read, write, append to and list what lies beneath the project's root. Only UTF-8 text."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import posixpath
import secrets
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from orchestrator.calling import CallContext, Effects, Signature, ToolResult
from orchestrator.errors import ToolError, UsageError
from orchestrator.graph.builtin import RESULTS
from orchestrator.graph.kinds import TEXT, UNKNOWN
from orchestrator.inputs.files import decode
from orchestrator.spec.places import PROJECT_FILE
from orchestrator.spec.types import Field, MapOf
from orchestrator.spec.values import check_value
from orchestrator.tools.beneath import DIRECTORY, Beneath, Spot, check_new, is_regular, missing, visible

MOST = 4_000_000
"""Bytes that are read or written at once, at most."""
ENTRIES = 1_000
"""Entries of one list, at most."""
LOOKED_AT = 50_000
"""Entries that are looked at for one list, at most."""
DEEPEST = 32
PROGRAMS = frozenset(
    (
        ".py",
        ".pyc",
        ".pyw",
        ".pyd",
        ".pth",
        ".so",
        ".dylib",
        ".js",
        ".mjs",
        ".cjs",
        ".ts",
        ".sh",
        ".rb",
        ".pl",
    )
)
"""Endings of what a function or a server of the project may load or start by its name alone."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

_PATH = Field("path", TEXT)
_CONTENT = (_PATH, Field("content", UNKNOWN, optional=True), Field("text", TEXT, optional=True))


def _signature(name: str, says: str, fields: tuple[Field, ...], effects: Effects = "none") -> Signature:
    return Signature(f"files.{name}", says, MapOf(fields), RESULTS[f"files.{name}"], effects)


_ALL = (
    _signature("read", "Gives the text of a file of the project.", (_PATH,)),
    _signature(
        "write",
        "Writes a file of the project, whole: `text` as it stands, or `content` as JSON. Replaces what was there.",
        _CONTENT,
        "idempotent",
    ),
    _signature(
        "append",
        "Adds `text`, or `content` as JSON, to the end of a file of the project, as lines of their own.",
        _CONTENT,
        "once",
    ),
    _signature(
        "list",
        "Lists a folder of the project, or all files that a pattern like docs/**/*.md names.",
        (Field("path", TEXT, optional=True),),
    ),
)
SIGNATURES: Mapping[str, Signature] = {signature.name: signature for signature in _ALL}


@dataclass(frozen=True, slots=True)
class FileTool:
    """One of the four. `closed` are files that no tool may change: those the run is made of.

    `code` are folders beneath which no program may be put: what runs there is trusted, and loads what lies there.
    `later` are folders beneath which nothing may be put: the next run would find its agents and workflows there.
    """

    name: str
    beneath: Beneath
    closed: Collection[Path] = ()
    code: Collection[Path] = ()
    later: Collection[Path] = ()

    @property
    def signature(self) -> Signature:
        return SIGNATURES[self.name]

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Raises ToolError. The path is data: it may come from a model."""
        problems = check_value(self.signature.arguments, arguments)
        if problems:
            raise ToolError(f"{self.name}: {'; '.join(problems)}")
        do = _DOES[self.name]
        try:
            async with asyncio.timeout(context.seconds):
                return ToolResult(await asyncio.to_thread(do, self, arguments))
        except TimeoutError:
            raise ToolError(
                f"{self.name}: {arguments.get('path')} took longer than {context.seconds:g} s"
            ) from None
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise ToolError(f"{self.name}: {arguments.get('path')}: {why}") from None


def file_tools(
    root: Path, closed: Collection[Path] = (), code: Collection[Path] = (), later: Collection[Path] = ()
) -> Mapping[str, FileTool]:
    """All of them for one project, by name."""
    beneath = Beneath(root.absolute())
    return {name: FileTool(name, beneath, closed, code, later) for name in SIGNATURES}


# ------------------------------------------------------------------------------------------------- reading


def _read(tool: FileTool, arguments: Mapping[str, Any]) -> str:
    path = arguments["path"]
    with tool.beneath.at(path) as spot, _opened(spot, path, _READ) as descriptor:
        data = _bytes(descriptor, path)
    try:
        return decode(data, path)
    except UsageError as error:
        raise ToolError(error.message, hint="files.read gives UTF-8 text only") from None


def _bytes(descriptor: int, path: str) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        data = file.read(MOST + 1)
    if len(data) > MOST:
        raise ToolError(
            f"{path} is larger than {MOST // 1_000_000} MB",
            hint="look things up in it with `sql.query` (a table) or `knowledge:` (a text)",
        )
    return data


@contextlib.contextmanager
def _opened(spot: Spot, path: str, flags: int) -> Iterator[int]:
    """A regular file, open."""
    if not spot.name:
        raise ToolError(f"{path or '.'} is a folder, a file is needed", hint="files.list says what is in it")
    try:
        descriptor = os.open(spot.name, flags, 0o666, dir_fd=spot.folder)
    except FileNotFoundError:
        raise missing(spot.folder, spot.name, path) from None
    except IsADirectoryError:
        raise ToolError(f"{path} is a folder, a file is needed") from None
    try:
        if not is_regular(descriptor):
            what = "a folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "no regular file"
            raise ToolError(f"{path} is {what}, a file is needed")
        yield descriptor
    finally:
        os.close(descriptor)


# ------------------------------------------------------------------------------------------------- writing


def _write(tool: FileTool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Beside it first, then in its place: nobody sees half a file, and a crash leaves the old one."""
    path, data = arguments["path"], _data(arguments)
    with tool.beneath.at(path, make=True) as spot:
        _check_target(tool, spot, path)
        kept = _mode(spot, path)
        beside = f".{secrets.token_hex(8)}.part"
        descriptor = os.open(beside, _NEW, 0o666, dir_fd=spot.folder)
        try:
            _put(descriptor, data, kept)
            os.replace(beside, spot.name, src_dir_fd=spot.folder, dst_dir_fd=spot.folder)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside, dir_fd=spot.folder)
            raise
        os.fsync(spot.folder)
        return {"path": spot.path, "size": len(data)}


def _put(descriptor: int, data: bytes, mode: int | None = None) -> None:
    with os.fdopen(descriptor, "wb") as file:
        if mode is not None:
            os.fchmod(descriptor, mode)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _mode(spot: Spot, path: str) -> int | None:
    """The mode of the file that is replaced."""
    try:
        seen = os.stat(spot.name, dir_fd=spot.folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(seen.st_mode):
        what = "a folder" if stat.S_ISDIR(seen.st_mode) else "no regular file"
        raise ToolError(f"{path} is {what}; it is not replaced by a file")
    return stat.S_IMODE(seen.st_mode)


def _append(tool: FileTool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Lines of their own, in one piece, so that what others add at the same time stands before or behind them.

    Templates drop the last line break of a text, so nobody could write one.
    """
    path, data = arguments["path"], _data(arguments)
    with tool.beneath.at(path, make=True) as spot:
        _check_target(tool, spot, path)
        with _opened(spot, path, _APPEND) as descriptor:
            size = os.fstat(descriptor).st_size
            before = b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""
            _put(os.dup(descriptor), before + data + (b"" if data.endswith(b"\n") else b"\n"))
            return {"path": spot.path, "size": os.fstat(descriptor).st_size}


def _check_target(tool: FileTool, spot: Spot, path: str) -> None:
    if not spot.name:
        raise ToolError(f"{path or '.'} is a folder; name a file in it")
    check_new(spot.name)
    if any(_is_same(tool.beneath.top, spot, file) for file in tool.closed):
        raise ToolError(
            f"{path} belongs to the workflow that runs; no tool changes it", hint="write to another file"
        )
    if _is_for_later(tool, spot):
        raise ToolError(
            f"{path} would change what later runs are made of; no tool writes there",
            hint=f"{PROJECT_FILE} and the folders agents/ and workflows/ are for people; write somewhere else",
        )
    if _is_program(tool, spot):
        raise ToolError(
            f"{path} would be code beside a function or a server of this run; no tool writes there",
            hint="write it with another ending, or keep functions in a folder of their own",
        )


def _is_program(tool: FileTool, spot: Spot) -> bool:
    """Whether a function or a server could load this as its own code: `import json` takes a json.py beside it."""
    if Path(spot.name).suffix.lower() not in PROGRAMS:
        return False
    target = os.path.realpath(tool.beneath.top / spot.path)
    return any(Path(target).is_relative_to(os.path.realpath(folder)) for folder in tool.code)


def _is_for_later(tool: FileTool, spot: Spot) -> bool:
    """Whether a later run would read this as its own: settings of a project, an agent, a workflow.

    Letters count as alike in both cases, as some systems have it.
    """
    if spot.name.casefold() == PROJECT_FILE:
        return True
    target = _folded(tool.beneath.top / spot.path)
    return any(target.is_relative_to(_folded(folder)) for folder in tool.later)


def _folded(path: Path) -> Path:
    return Path(os.path.realpath(path).casefold())


def _is_same(top: Path, spot: Spot, file: Path) -> bool:
    """Whether this is that file, by name or by whatever else leads to it."""
    if top / spot.path == file:
        return True
    try:
        mine, other = os.stat(spot.name, dir_fd=spot.folder, follow_symlinks=False), file.stat()
    except OSError:
        return False
    return (mine.st_dev, mine.st_ino) == (other.st_dev, other.st_ino)


def _data(arguments: Mapping[str, Any]) -> bytes:
    text, content = arguments.get("text"), arguments.get("content")
    if (text is None) == (content is None):
        raise ToolError("give either `text`, or `content` with data for JSON")
    if text is None:
        text = content if isinstance(content, str) else as_text(content, arguments["path"])
    data = str(text).encode("utf-8", "replace")
    if len(data) > MOST:
        raise ToolError(f"{len(data):,} bytes are more than {MOST // 1_000_000} MB")
    return data


def as_text(content: Any, path: str) -> str:
    """Data as JSON; a list for a .jsonl file has one line for each of its items."""
    if path.endswith(".jsonl"):
        rows = content if isinstance(content, list | tuple) else [content]
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


# ------------------------------------------------------------------------------------------------- listing


def _list(tool: FileTool, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    path = arguments.get("path") or "."
    fixed, pattern = _split(path)
    found: list[dict[str, Any]] = []
    seen = 0
    with tool.beneath.at(fixed) as spot, _folder(spot, path) as folder:
        for name, entry in _entries(folder, DEEPEST if "**" in pattern else len(pattern), ""):
            seen += 1
            if seen > LOOKED_AT:
                raise ToolError(
                    f"{path}: more than {LOOKED_AT:,} files lie there", hint="name a folder in it"
                )
            whole = posixpath.join(spot.path, name)
            kind = "folder" if stat.S_ISDIR(entry.st_mode) else "file"
            if _matches(pattern, name.split("/"), kind):
                found.append(
                    {"name": posixpath.basename(name), "path": whole, "kind": kind, "size": entry.st_size}
                )
            if len(found) > ENTRIES:
                raise ToolError(
                    f"{path}: more than {ENTRIES:,} entries", hint="name a folder, or a narrower pattern"
                )
    return [one | {"size": 0} if one["kind"] == "folder" else one for one in found]


def _split(path: str) -> tuple[str, list[str]]:
    """The part of a pattern without wildcards, and the rest; of a plain path the rest is everything in it."""
    parts = path.split("/")
    index = next((i for i, part in enumerate(parts) if set(part) & set("*?[")), None)
    if index is None:
        return path, []
    if any(part in ("..", ".") or part.startswith(".") for part in parts[index:]):
        raise ToolError(f"{path} is no pattern; behind a wildcard there are no names that begin with a dot")
    return "/".join(parts[:index]) or ("/" if path.startswith("/") else "."), parts[index:]


def _matches(pattern: list[str], names: list[str], kind: str) -> bool:
    if not pattern:
        return len(names) == 1
    return kind == "file" and _fits(pattern, names)


def _fits(pattern: list[str], names: list[str]) -> bool:
    """Whether names match a pattern with `**`: a row of the table of what begins to match what, at a time."""
    row = [True] + [False] * len(names)
    for part in pattern:
        after = [part == "**" and row[0]]
        for index, name in enumerate(names):
            if part == "**":
                after.append(after[index] or row[index + 1])
            else:
                after.append(row[index] and fnmatchcase(name, part))
        row = after
    return row[-1]


@contextlib.contextmanager
def _folder(spot: Spot, path: str) -> Iterator[int]:
    try:
        folder = os.open(spot.name or ".", DIRECTORY, dir_fd=spot.folder)
    except FileNotFoundError:
        raise missing(spot.folder, spot.name, path, "folder") from None
    except NotADirectoryError:
        raise ToolError(f"{path} is no folder", hint="files.read gives the text of a file") from None
    try:
        yield folder
    finally:
        os.close(folder)


def _entries(folder: int, depth: int, above: str) -> Iterator[tuple[str, os.stat_result]]:
    """Files and folders, those within folders as deep as asked. Links, devices and pipes are left out."""
    for name in visible(folder):
        try:
            seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:  # gone meanwhile
            continue
        if stat.S_ISREG(seen.st_mode) or stat.S_ISDIR(seen.st_mode):
            yield above + name, seen
        if stat.S_ISDIR(seen.st_mode) and depth > 1:
            try:
                inner = os.open(name, DIRECTORY, dir_fd=folder)
            except OSError:  # not readable, or something else by now
                continue
            try:
                yield from _entries(inner, depth - 1, f"{above}{name}/")
            finally:
                os.close(inner)


_DOES: Mapping[str, Callable[[FileTool, Mapping[str, Any]], Any]] = {
    "files.read": _read,
    "files.write": _write,
    "files.append": _append,
    "files.list": _list,
}

__all__ = ["SIGNATURES", "FileTool", "file_tools"]
