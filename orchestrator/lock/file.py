"""The file `NAME.lock.yaml` beside `NAME.yaml`: read, and written whole. What was measured in it (`confidence`) stays as it is.

Knows what a lock may hold, not where that comes from.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import UsageError
from orchestrator.light import light
from orchestrator.lock.text import lines_of
from orchestrator.regular import read_regular

if TYPE_CHECKING:
    from orchestrator.spec.model import McpServer

SUFFIX = ".lock.yaml"
SECTIONS = ("agents", "files", "knowledge", "models", "servers", "tools", "workflows")
"""What `orch lock` writes."""
MOST = 16_000_000
"""Bytes of a lock file, at most."""
UNMERGED = "it holds the marks of a merge that is not finished"
_CONFLICT = re.compile(r"^(?:<{7}|>{7}|={7})", re.MULTILINE)


@light(frozen=True, slots=True)
class Lock:
    """`content` by section; `measured` is the part of the file that people or measurements wrote, as it stands."""

    content: Mapping[str, Any] = field(default_factory=dict)
    measured: str = ""

    def servers(self) -> Mapping[str, Any]:
        """The tools that each MCP server listed, by `key_of`."""
        found = self.content.get("servers")
        return found if isinstance(found, Mapping) else {}


def path_of(workflow: Path) -> Path:
    return workflow.with_suffix(SUFFIX)


def read_lock(path: Path) -> Lock | None:
    """What stands in a lock file; None where there is none, or where it only holds measurements.

    Raises UsageError for one that cannot be read.
    """
    try:
        data = read_regular(path, MOST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, (error.strerror or str(error)).lower()) from None
    try:
        return parse_lock(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise _unreadable(path, "it is no UTF-8 text") from None
    except ValueError as error:
        raise _unreadable(path, str(error)) from None


_NOTHING = "ORCH004"
"""U+0000 in a text: a file of steps may not hold it, but here stands what servers call their tools."""


def parse_lock(text: str) -> Lock | None:
    """The same of a text. Raises ValueError, with a sentence, for what is no lock file."""
    from orchestrator.spec.yaml import parse

    if _CONFLICT.search(text):
        raise ValueError(UNMERGED)
    parsed = parse(text, "lock")
    value = parsed.value
    errors = (one for one in parsed.diagnostics if one.severity == "error")
    wrong = next((one for one in errors if one.code != _NOTHING or value is None), None)
    if wrong is not None:
        raise ValueError(f"line {wrong.mark.line}: {wrong.message}")
    if not isinstance(value, dict) or value.get("orch") != 1:
        raise ValueError("a lock file begins with `orch: 1`")
    content = {name: value[name] for name in SECTIONS if name in value}
    broken = next((name for name, part in content.items() if not isinstance(part, dict)), None)
    if broken is not None:
        raise ValueError(f"`{broken}` is a map")
    return Lock(content, measured_in(text)) if content or "confidence" not in value else None


def measured_in(text: str) -> str:
    """The lines of `confidence:`, with their comments; empty where there are none."""
    return "".join(_measured(text.splitlines(keepends=True)))


def _measured(lines: list[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        if line[:1] not in (" ", "\t", "-", "#", "\n", "\r", ""):
            inside = line.startswith("confidence:")
        if inside:
            yield line if line.endswith("\n") else f"{line}\n"


def written(workflow: str, lock: Lock) -> str:
    """The file of a lock. The same lock always gives the same text."""
    parts = [
        f"# What {workflow} is made of, written by `orch lock`. Keep it in git beside it.",
        "orch: 1",
        *lines_of({name: part for name, part in lock.content.items() if part}),
    ]
    return "\n".join(parts) + "\n" + lock.measured


def replace_file(path: Path, text: str) -> None:
    """Write it whole or not at all. Raises UsageError."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from None


def key_of(server: McpServer, base: Path, folder: Path) -> str:
    """What an MCP server is called in a lock: how it is reached, and from where if not from the workflow's folder."""
    reached = " ".join(server.command) if server.command is not None else str(server.url)
    where = Path(os.path.relpath(base, folder)).as_posix()
    return reached if where == "." or server.command is None else f"{reached} (in {where})"


def _unreadable(path: Path, why: str) -> UsageError:
    hint = "repair it, or delete it and run orch lock"
    if why == UNMERGED:
        hint = f"take either side (git checkout --ours {path.name}), then run orch lock"
    return UsageError(f"{path.name} cannot be read: {why}", hint=hint)


__all__ = [
    "SECTIONS",
    "SUFFIX",
    "Lock",
    "key_of",
    "measured_in",
    "parse_lock",
    "path_of",
    "read_lock",
    "replace_file",
    "written",
]
