"""Rows as a store of version 1 wrote them, for tests of what is read and verified today."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import NamedTuple

from orchestrator.events import Event, to_dict
from orchestrator.store import named


class OldRow(NamedTuple):
    at: float
    kind: str
    path: str
    payload: str

    def chained(self, head: bytes) -> bytes:
        return named.link(head, named.digest(*self))


def old_row(event: Event) -> OldRow:
    """The kind in words, the fields by name but those that hold their default."""
    defaults = {field.name: field.default for field in fields(event)}
    columns = ("at", "kind", "path")
    data = {
        name: value
        for name, value in to_dict(event).items()
        if name not in columns and value is not defaults[name]
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return OldRow(event.at, event.kind, getattr(event, "path", ""), text)
