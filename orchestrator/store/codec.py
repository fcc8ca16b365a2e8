"""Events to rows and back: payload, large values as blobs, the hash chain. Knows no database.

The payload is a JSON list of the fields that have no column of their own, by position (`shapes.py`), without those at
its end that hold their default: positions and defaults of the event classes are part of the format. The usual facts of
a step and messages of a role and a text stand without their names. A value whose JSON is longer than `INLINE`
characters is replaced by `{"$blob": sha256}`; user data with such a key is escaped by one more dollar sign.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b, sha256
from struct import Struct
from typing import Any, NamedTuple

import orjson
from pydantic_core import from_json

from orchestrator.errors import StoreError
from orchestrator.events import Event, decode
from orchestrator.store import named
from orchestrator.store.positions import USUAL_FACTS, ways
from orchestrator.store.shapes import Shape, by_kind, by_letter

INLINE = 8192
"""Longest JSON text, in characters, that stands in the payload itself."""

DEEPEST = 200
"""Lists and maps inside each other in one event; what reads events follows no more."""

LINK = 16
"""Bytes of a link of the chain: nobody finds another text with the same 128 bits."""

GENESIS = bytes(32)
"""The hash before the first event."""

_SPILL_DEPTH = 4
_SPILL_ENTRIES = 64
_MARK = re.compile(r"\$+blob")
_PLAIN = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_frame = Struct("<dI").pack
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_NOTHING: Mapping[bytes, str] = {}
_BETWEEN = orjson.Fragment(b"\n")
_CUT = ",\n,"
"""What stands between two payloads that are encoded together; a line never ends in a JSON text of this encoder."""


class Packed(NamedTuple):
    """An event as it is stored, its kind by its letter; `blobs` are JSON texts by their sha256."""

    at: float
    kind: str
    path: str
    payload: str
    blobs: Mapping[bytes, str] = _NOTHING


Row = tuple[float, str, str, str, Mapping[bytes, str]]
"""What `Packed` names, as a plain tuple: a run writes thousands of them in a second."""


def pack(event: Event) -> Packed:
    """The row of an event. Raises StoreError for a value that JSON cannot hold (NaN, a foreign object), or too deep."""
    rows, fault = pack_all([event])
    if fault is not None:
        raise fault
    return Packed(*rows[0])


def pack_all(events: Sequence[Event]) -> tuple[list[Row], StoreError | None]:
    """The rows of events up to the first that cannot be recorded, and why it cannot. All are encoded in one call."""
    way = ways()
    found = [way[type(event)](event) for event in events]
    rows: list[Row] = []
    for (at, kind, path, values), text in zip(found, _texts([one[3] for one in found]), strict=True):
        if text is not None:
            rows.append((at, kind, path, text, _NOTHING))
            continue
        try:
            rows.append((at, kind, path, *_carefully(values)))
        except (ValueError, TypeError, RecursionError) as error:
            fault = _refused(path, error)
            fault.__cause__ = error
            return rows, fault
    return rows, None


def _refused(path: str, error: Exception) -> StoreError:
    whose = f"of '{path}'" if path else "of the run"
    deep = isinstance(error, RecursionError)
    why = f"lists and maps are nested more than {DEEPEST} levels deep" if deep else error
    may = "values are maps, lists, texts, finite numbers, true, false and null"
    return StoreError(f"a value {whose} cannot be recorded: {why}", hint="make it flatter" if deep else may)


def _texts(payloads: Sequence[Sequence[Any]]) -> Sequence[str | None]:
    """The JSON of nearly all payloads; None for what must be looked at: large, deep, rare or impossible values."""
    marked: list[Any] = [_BETWEEN] * (2 * len(payloads) - 1)
    marked[::2] = payloads
    try:
        whole = orjson.dumps(marked, None, _PLAIN).decode()
    except TypeError:  # half a surrogate pair, a huge number, a key that is no text, or nothing for JSON
        return [None] if len(payloads) == 1 else [_texts([payload])[0] for payload in payloads]
    texts = whole[1:-1].split(_CUT) if payloads else []
    if _is_odd(whole):
        return [None if _is_odd(text) or _is_heavy(text) else text for text in texts]
    return [None if len(text) > DEEPEST and _is_heavy(text) else text for text in texts]


def _is_odd(text: str) -> bool:
    """This encoder writes NaN as null."""
    return "null" in text or "$blob" in text


def _is_heavy(text: str) -> bool:
    return len(text) > INLINE or text.count("[") + text.count("{") >= DEEPEST - 1


def _carefully(values: Sequence[Any]) -> tuple[str, dict[bytes, str]]:
    text = _encode(values)
    if text.count("[") + text.count("{") >= DEEPEST - 1 and _too_deep(values):
        raise RecursionError
    blobs: dict[bytes, str] = {}
    if not text.isascii():
        text, values = _scrubbed(text, values)
    if "$blob" in text:
        values = _escape(values)
        text = _encode(values)
    if len(text) > INLINE:
        text = _encode([_spill(value, blobs, 1) for value in values])
    return text, blobs


def _too_deep(data: Any) -> bool:
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


def _scrubbed(text: str, data: Sequence[Any]) -> tuple[str, Sequence[Any]]:
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
    sha = sha256(text.encode()).digest()
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
    """The event of a row; `fetch` gives the JSON text of a blob by its sha256 in hex. Raises ValueError for damage."""
    if "$blob" in payload:
        payload = _encode(_resolve(json.loads(payload), fetch))
    if named.is_named(payload):
        known = by_kind().get(kind)
        return named.unpack(at, kind, path, payload, has_path=known is not None and known.has_path)
    shape = by_letter().get(kind)
    values = from_json(payload, cache_strings="keys")
    if shape is None or not isinstance(values, list) or len(values) > shape.size:
        raise ValueError("no event")
    _spread(shape, values)
    return _made(shape, at, path, values) or _checked(shape, at, path, values)


def _spread(shape: Shape, values: list[Any]) -> None:
    """Put names back where they were left out, and None where nothing stood."""
    values += [None] * (shape.required - len(values))
    if (at := shape.facts) is not None and at < len(values) and isinstance(values[at], list):
        facts = [*values[at], None][: len(USUAL_FACTS)]
        values[at] = dict(zip(USUAL_FACTS, facts, strict=True))
    elif (at := shape.messages) is not None and _is_flat(said := values[at]):
        pairs = zip(said[::2], said[1::2], strict=True)
        values[at] = [{"role": role, "content": content} for role, content in pairs]


def _is_flat(said: Any) -> bool:
    return isinstance(said, list) and bool(said) and isinstance(said[0], str)


def _made(shape: Shape, at: float, path: str, values: list[Any]) -> Event | None:
    """The event, made at once where every value is just what its field says; None where that is not sure."""
    if not shape.path_second and shape.has_path:
        return None
    for value, allowed in zip(values, shape.allowed, strict=False):
        if allowed and type(value) not in allowed:
            return None
    for index, holds in shape.inner:
        if index < len(values) and not holds(values[index]):
            return None
    for index in shape.tuples:
        if index < len(values):
            values[index] = tuple(values[index])
    return shape.cls(at, path, *values) if shape.has_path else shape.cls(at, *values)


def _checked(shape: Shape, at: float, path: str, values: list[Any]) -> Event:
    """The event, or ValueError with all that is wrong with it."""
    facts = {"kind": shape.kind, "at": at, **dict(zip(shape.names, values, strict=False))}
    return decode(_encode({**facts, "path": path} if shape.has_path else facts))


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


def link(head: bytes, at: float, kind: str, path: str, payload: str) -> bytes:
    """The chain continued by a row: a digest of all that is in it and of what stands beside the row before."""
    return links(head, [(at, kind, path, payload, _NOTHING)])[0]


def links(head: bytes, rows: Iterable[Row]) -> list[bytes]:
    """The same for rows in a row."""
    found = []
    for at, kind, path, payload, _ in rows:
        text = f"{kind}{path}{payload}".encode()
        head = blake2b(head + _frame(at, len(path)) + text, digest_size=LINK).digest()
        found.append(head)
    return found


def holds(head: bytes, at: float, kind: str, path: str, payload: str, found: bytes) -> bool:
    """Whether a row continues the chain; rows of older stores were linked in another way."""
    if named.is_named(payload):
        return found == named.link(head, named.digest(at, kind, path, payload))
    return found == link(head, at, kind, path, payload)
