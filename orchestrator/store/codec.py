"""Events to rows and back: payload, large values as blobs, the hash chain. Knows no database.

The payload is the JSON of the fields that have no column of their own, without those that hold their default: the
defaults of the event classes are part of the format. A value whose JSON is longer than `INLINE` characters is
replaced by `{"$blob": sha256}`; user data with such a key is escaped by one more dollar sign.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, get_args

from orchestrator.errors import StoreError
from orchestrator.events import Event, decode

INLINE = 8192
"""Longest JSON text, in characters, that stands in the payload itself."""

DEEPEST = 200
"""Lists and maps inside each other in one event; what reads events follows no more."""

_SPILL_DEPTH = 4
_SPILL_ENTRIES = 64
_COLUMNS = frozenset({"at", "kind", "path"})
_MARK = re.compile(r"\$+blob")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode

GENESIS = bytes(32)
"""The hash before the first event."""


@dataclass(slots=True)
class Packed:
    """An event as it is stored; `blobs` are JSON texts by their sha256."""

    at: float
    kind: str
    path: str
    payload: str
    digest: bytes
    blobs: dict[bytes, str] = field(default_factory=dict)


class _Shape(NamedTuple):
    """`names` are the fields without a column of their own; `values` reads them all at once."""

    names: tuple[str, ...]
    defaults: tuple[Any, ...]
    values: Callable[[Event], tuple[Any, ...]]
    has_path: bool


@cache
def _shapes() -> Mapping[str, _Shape]:
    """The shape of every kind of event."""
    found = {}
    for cls in get_args(Event):
        defaults = {f.name: f.default for f in fields(cls)}
        names = tuple(name for name in defaults if name not in _COLUMNS)
        values = attrgetter(*names, "kind")  # two names at least: it gives a tuple
        plain = tuple(defaults[name] for name in names)
        found[str(defaults["kind"])] = _Shape(names, plain, values, "path" in defaults)
    return found


def pack(event: Event) -> Packed:
    """The row of an event. Raises StoreError for a value that JSON cannot hold (NaN, a foreign object), or too deep."""
    path = getattr(event, "path", "")
    try:
        payload, blobs = _payload(event)
    except (ValueError, TypeError, RecursionError) as error:
        whose = f"of '{path}'" if path else "of the run"
        deep = isinstance(error, RecursionError)
        why = f"lists and maps are nested more than {DEEPEST} levels deep" if deep else error
        raise StoreError(
            f"a value {whose} cannot be recorded: {why}",
            hint="make it flatter"
            if deep
            else "values are maps, lists, texts, finite numbers, true, false and null",
        ) from error
    at = float(event.at)
    return Packed(at, event.kind, path, payload, digest(at, event.kind, path, payload), blobs)


def _payload(event: Event) -> tuple[str, dict[bytes, str]]:
    shape = _shapes()[event.kind]
    data = {
        name: value
        for name, default, value in zip(shape.names, shape.defaults, shape.values(event), strict=False)
        if value is not default
    }
    text = _encode(data)
    if text.count("[") + text.count("{") > DEEPEST and _too_deep(data):
        raise RecursionError
    blobs: dict[bytes, str] = {}
    if not text.isascii():
        text, data = _scrubbed(text, data)
    if "$blob" in text:
        data = _escape(data)
        text = _encode(data)
    if len(text) > INLINE:
        text = _encode({name: _spill(value, blobs, 1) for name, value in data.items()})
    return text, blobs


def _too_deep(data: Mapping[str, Any]) -> bool:
    level: list[Any] = [data]
    for _ in range(DEEPEST):
        level = [
            child for node in level for child in _inside(node) if isinstance(child, Mapping | list | tuple)
        ]
        if not level:
            return False
    return True


def _inside(node: Mapping[str, Any] | list[Any] | tuple[Any, ...]) -> Iterable[Any]:
    return node.values() if isinstance(node, Mapping) else node


def _scrubbed(text: str, data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Half a surrogate pair is no character and no database takes it: it becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        data = json.loads(text)
    return text, data


def _spill(value: Any, blobs: dict[bytes, str], depth: int) -> Any:
    """The value with what is large in it moved to `blobs`; a long text inside a small map moves alone."""
    text = _encode(value)
    if len(text) <= INLINE:
        return value
    if depth < _SPILL_DEPTH and not isinstance(value, str) and len(value) <= _SPILL_ENTRIES:
        if isinstance(value, Mapping):
            value = {key: _spill(item, blobs, depth + 1) for key, item in value.items()}
        else:
            value = [_spill(item, blobs, depth + 1) for item in value]
        text = _encode(value)
        if len(text) <= INLINE:
            return value
    sha = hashlib.sha256(text.encode()).digest()
    blobs[sha] = text
    return {"$blob": sha.hex()}


def _escape(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {("$" + key if _is_mark(key) else key): _escape(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_escape(item) for item in value]
    return value


def _is_mark(key: Any) -> bool:
    return isinstance(key, str) and _MARK.fullmatch(key) is not None


def unpack(at: float, kind: str, path: str, payload: str, fetch: Callable[[str], str]) -> Event:
    """The event of a row; `fetch` gives the JSON text of a blob by its sha256 in hex."""
    if "$blob" in payload:
        payload = _encode(_resolve(json.loads(payload), fetch))
    shape = _shapes().get(kind)
    head = f'{{"kind":{_encode(kind)},"at":{at!r}'
    if shape is not None and shape.has_path:
        head = f'{head},"path":{_encode(path)}'
    return decode(f"{head}}}" if payload == "{}" else f"{head},{payload[1:]}")


def _resolve(value: Any, fetch: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [_resolve(item, fetch) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and isinstance(sha := value.get("$blob"), str):
        return _resolve(json.loads(fetch(sha)), fetch)
    return {(key[1:] if _is_mark(key) else key): _resolve(item, fetch) for key, item in value.items()}


def blob_marks(text: str) -> Iterator[str]:
    """The sha256 of every blob that a payload or another blob refers to."""
    if "$blob" in text:
        yield from _marks(json.loads(text))


def _marks(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if len(value) == 1 and isinstance(sha := value.get("$blob"), str):
            yield sha
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _marks(item)


def digest(at: float, kind: str, path: str, payload: str) -> bytes:
    """What the chain holds of an event: a digest, so that a payload can be erased and the chain still verified."""
    return hashlib.sha256(f"{kind}\n{path}\n{at!r}\n{payload}".encode()).digest()


def link(head: bytes, event_digest: bytes) -> bytes:
    return hashlib.sha256(head + event_digest).digest()
