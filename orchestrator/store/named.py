"""Rows as stores up to version 6 wrote them: kinds in words, fields by name, two digests per event. Only read now.

Such a row may stand before rows of today in one run: a run that was resumed goes on in today's form.
"""

from __future__ import annotations

import hashlib
import json

from orchestrator.events import Event, decode

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def is_named(payload: str) -> bool:
    """Whether a payload is of this form; those of today are lists."""
    return payload.startswith("{")


def unpack(at: float, kind: str, path: str, payload: str, *, has_path: bool) -> Event:
    """The event of a row whose large values are in their places."""
    head = f'{{"kind":{_encode(kind)},"at":{at!r}'
    if has_path:
        head = f'{head},"path":{_encode(path)}'
    return decode(f"{head}}}" if payload == "{}" else f"{head},{payload[1:]}")


def digest(at: float, kind: str, path: str, payload: str) -> bytes:
    return hashlib.sha256(f"{kind}\n{path}\n{at!r}\n{payload}".encode()).digest()


def link(head: bytes, event_digest: bytes) -> bytes:
    return hashlib.sha256(head + event_digest).digest()
