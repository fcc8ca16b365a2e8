"""Files written where others are read: what goes in with one label must not come out with a lower one."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache

from orchestrator.graph.flow_call import path_of
from orchestrator.graph.flow_place import State, is_above, label_of_input
from orchestrator.graph.flow_uses import Use
from orchestrator.graph.setting import Setting
from orchestrator.graph.tags import highest, label_of
from orchestrator.labels import Label, above
from orchestrator.spec.paths import folder_of

_WILD = frozenset("*?[")


def check_writes(state: State) -> None:
    """Of every tool that writes files; a model that calls one may choose any path."""
    for use in state.uses:
        if use.sink.kind == "files" and use.sink.name != "chart":
            _check(state.setting, use)


def _check(setting: Setting, use: Use) -> None:
    why = highest(part for _, part in use.parts)
    for name, globs, label in _read(setting):
        if is_above(why, label) and any(may_meet(use.writes, glob) for glob in globs):
            message = f"step '{use.name}' may write {label_of(why)} data where {name} is read as {label}: {path_of(why)}"
            hint = f"write it somewhere else, or label what is read: {name}.label: {label_of(why)}"
            setting.report.at(use.marks, use.path, "ORCH710", message, hint)


def check_reads(setting: Setting) -> None:
    """One file has one label: an input with a lower one would take out what another one keeps in."""
    given = [
        (name, spec, label_of_input(spec))
        for name, spec in setting.document.workflow.inputs.items()
        if isinstance(spec.type, str) and isinstance(spec.default, str)
    ]
    for name, spec, label in given:
        for other, above_it, higher in given:
            if above(higher, label) and may_meet(spec.default, above_it.default):
                message = (
                    f"inputs.{name} is read as {label}, and inputs.{other} may read the same file as {higher}"
                )
                hint = f"inputs.{name}.label: {higher}, or let them read different files"
                setting.report.at(setting.marks, ("inputs", name, "default"), "ORCH714", message, hint)
                break


def _read(setting: Setting) -> Iterator[tuple[str, tuple[str, ...], Label]]:
    """Name, globs and label of everything the file reads by itself."""
    for name, spec in setting.knowledge.items():
        globs = (spec.from_,) if isinstance(spec.from_, str) else spec.from_
        yield f"knowledge.{name}", tuple(map(read_by, globs)), spec.label or "private"
    for name, given in setting.document.workflow.inputs.items():
        if given.type in ("file", "files") and isinstance(given.default, str):
            yield f"inputs.{name}", (given.default,), label_of_input(given)


def read_by(glob: str) -> str:
    """The files that a `from` means; of a Chroma folder everything in it."""
    folder = folder_of(glob)
    return glob if folder == glob else f"{folder}/**"


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
