"""The paths of instances: which step of the file one belongs to. Pure."""

from __future__ import annotations

import re

_ITEM = re.compile(r"\.\d+$")
_INSTANCE = re.compile(r"\^\d+\.\d+|@[^.~#]+|[~#]\d+|\.\d+(?=[.~@^#]|$)")


def step_of(path: str) -> str:
    """The step an instance belongs to: `answer.3.reply~2.draft` is of `answer.reply.draft`.

    The answers of several models (`compare@tiny`) and the merges of a reduce (`sum^1.0`) belong to their step.
    """
    return path if path.isidentifier() else _INSTANCE.sub("", path)


def is_item(path: str) -> bool:
    """Whether the path names one item of a fan-out: `triage.3`, but not `triage` or `answer.3.draft`."""
    return _ITEM.search(path) is not None
