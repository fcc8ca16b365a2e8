"""Files written where others are read: what goes in with one label must not come out with a lower one."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache

from orchestrator.graph.flow_call import path_of
from orchestrator.graph.flow_place import State, label_of_input
from orchestrator.graph.flow_tool import WRITES
from orchestrator.graph.setting import Setting
from orchestrator.graph.tags import Tag, label_of
from orchestrator.graph.wire import Knot
from orchestrator.labels import Label, above
from orchestrator.spec.model import ToolStep

_RENDERED = re.compile(r"\{[{%].*?[}%]\}", re.DOTALL)
_WILD = frozenset("*?[")


def check_writes(state: State) -> None:
    """Of every tool step that writes a file."""
    for knot, given in state.writes:
        step = knot.step
        assert isinstance(step, ToolStep)
        if step.tool in WRITES:
            _check(state.setting, knot, step, given)


def _check(setting: Setting, knot: Knot, step: ToolStep, given: Tag) -> None:
    written = _written(step.with_.get("path"))
    for name, globs, label in _read(setting):
        if above(label_of(given.total), label) and any(may_meet(written, glob) for glob in globs):
            message = (
                f"step '{knot.name}' may write {label_of(given.total)} data where {name} is read as {label}: "
                f"{path_of(given.total)}"
            )
            hint = f"write it somewhere else, or label what is read: {name}.label: {label_of(given.total)}"
            place = (*knot.at, "with", "path") if "path" in step.with_ else (*knot.at, "tool")
            setting.report.at(setting.marks, place, "ORCH710", message, hint)


def _written(path: object) -> str:
    """The path as a glob: what only the run knows may be any number of folders."""
    if not isinstance(path, str):
        return "**"
    glob = _RENDERED.sub("\0", path)
    return "/".join("**" if "\0" in part else part for part in glob.split("/"))


def _read(setting: Setting) -> Iterator[tuple[str, tuple[str, ...], Label]]:
    """Name, globs and label of everything the file reads by itself."""
    for name, spec in setting.knowledge.items():
        globs = (spec.from_,) if isinstance(spec.from_, str) else spec.from_
        yield f"knowledge.{name}", tuple(globs), spec.label or "private"
    for name, given in setting.document.workflow.inputs.items():
        if given.type in ("file", "files") and isinstance(given.default, str):
            yield f"inputs.{name}", (given.default,), label_of_input(given)


def may_meet(left: str, right: str) -> bool:
    """Whether one path can match both globs; yes when in doubt."""
    return _meet(_segments(left), _segments(right))


def _segments(glob: str) -> tuple[str, ...]:
    return tuple(part for part in posixpath.normpath(glob.replace("\\", "/")).lower().split("/") if part)


@lru_cache(maxsize=4096)
def _meet(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    if not left or not right:
        return all(part == "**" for part in (*left, *right))
    if "**" in (left[0], right[0]):
        mine, other = (left, right) if left[0] == "**" else (right, left)
        return _meet(mine[1:], other) or _meet(mine, other[1:])
    return _names_meet(left[0], right[0]) and _meet(left[1:], right[1:])


def _names_meet(left: str, right: str) -> bool:
    if not _WILD & set(left):
        return fnmatchcase(left, right)
    if not _WILD & set(right):
        return fnmatchcase(right, left)
    return True
