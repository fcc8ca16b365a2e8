"""Marks of a chat template inside a message: broken up, so that no text can end its turn and begin another role's.

A server that fills a template with messages reads `<|im_end|>` in a message as the end of the message, wherever that
text came from. Knows no server.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from orchestrator.messages import Message

Marks = re.Pattern[str]
_ANY = re.compile(
    r"<\|[^|<>\s]{1,40}\|>|<｜[^｜<>]{1,40}｜>|</?s>|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>",
    re.IGNORECASE,
)
ANY_SERVER = re.compile(
    r"<\|[A-Za-z0-9_]{1,40}\|>|<｜[^｜<>\s]{1,40}｜>|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>",
    re.IGNORECASE,
)
"""Marks of the templates in use, for a server that does not tell its own; not `<s>`, which is HTML too."""
_PIPES = r"<\|[A-Za-z0-9_]{1,40}\|>"
"""A vocabulary with some of these has more of them than its template writes."""
_SHORTEST = 3


def marks_of(template: str, *tokens: str) -> Marks | None:
    """The marks that a template writes, with tokens that begin or end a text; None when there are none."""
    known = {*_ANY.findall(template), *(token for token in tokens if len(token) >= _SHORTEST)}
    found = [re.escape(mark) for mark in sorted(known, key=len, reverse=True)]
    if any(mark.startswith("<|") for mark in known):
        found.append(_PIPES)
    return re.compile("|".join(found)) if found else None


def unmarked(messages: Sequence[Message], marks: Marks | None) -> tuple[Message, ...]:
    """The messages without marks: `<|im_end|>` becomes `< |im_end|>`. The very same ones where there are none."""
    if marks is None or not any(marks.search(message.content) for message in messages):
        return tuple(messages)
    return tuple(replace(message, content=marks.sub(_broken, message.content)) for message in messages)


def _broken(found: re.Match[str]) -> str:
    mark = found.group()
    return f"{mark[0]} {mark[1:]}"


__all__ = ["ANY_SERVER", "Marks", "marks_of", "unmarked"]
