"""The paths of instances: which step of the file one belongs to, and what it is of it. Pure.

A path is read once and known for a while: everything that follows a run asks several times about each of its events.
"""

from __future__ import annotations

import re
from functools import lru_cache

from orchestrator.light import light

RECENT = 1024
"""Paths that are known at once: more than run side by side, far fewer than a run has."""
_INSTANCE = re.compile(r"\^\d+\.\d+|@[^.~#]+|[~#]\d+|\.\d+(?=[.~@^#]|$)")
_NUMBERED = re.compile(r"(?<!\^\d)(?<!\^\d\d)\.\d+(?=[.~@^#]|$)")
_MERGE = re.compile(r"\^\d+\.(\d+)$")
_PART = re.compile(r"(?:@[^.]+|\^\d+\.\d+)$")
_ITEM = re.compile(r"\.\d+$")


@light(frozen=True, slots=True)
class Instance:
    """What a path says: `answer.3.reply~2.draft` is of the step `answer.reply.draft`, inside the fan-out `answer`."""

    step: str
    item: bool
    """One item of a fan-out: `triage.3`, but not `triage` or `answer.3.draft`."""
    part: bool
    """One answer of several that make up the step: `compare@tiny`, `sum^1.0`."""
    merge: int | None
    """Which merge of its round, when it is one of a reduce."""
    above: tuple[str, ...]
    """The fan-outs it is inside of, the outermost first."""


@lru_cache(maxsize=RECENT)
def instance(path: str) -> Instance:
    """What this path says."""
    if path.isidentifier():
        return Instance(path, item=False, part=False, merge=None, above=())
    head, _, last = path.rpartition(".")
    if last.isdecimal() and head.isidentifier():
        return Instance(head, item=True, part=False, merge=None, above=(head,))
    merge = _MERGE.search(path)
    return Instance(
        step=_INSTANCE.sub("", path),
        item=_ITEM.search(path) is not None,
        part=_PART.search(path) is not None,
        merge=int(merge[1]) if merge else None,
        above=tuple(path[: found.start()] for found in _NUMBERED.finditer(path)),
    )


def step_of(path: str) -> str:
    """The step an instance belongs to: `answer.3.reply~2.draft` is of `answer.reply.draft`.

    The answers of several models (`compare@tiny`) and the merges of a reduce (`sum^1.0`) belong to their step.
    """
    return instance(path).step


def is_item(path: str) -> bool:
    """Whether the path names one item of a fan-out: `triage.3`, but not `triage` or `answer.3.draft`."""
    return instance(path).item
