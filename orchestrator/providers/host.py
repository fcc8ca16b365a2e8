"""One model host: how it is launched, what identifies it, and the files by which others find it.

<root>/<identity>/lock     held by the host for its life; free means: no host
<root>/<identity>/state    where it listens and its key, readable by the owner only; there once it answers
<root>/<identity>/lease    held shared by every client; free means: nobody needs the host
<root>/<identity>/keep     seconds to stay after the last client, as the last client wished
<root>/<identity>/failure  why it could not start
<root>/<identity>/log      what the engine says
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path

KEEP_ALIVE = 300.0
"""Seconds a host stays after its last client."""
TAKEN = 3
"""Exit code of a host that found another one of its identity."""
PROTOCOL = 2
"""Changes when a host of an older orch must not be used any more."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What a host is started with. `context` is per request; `threads` 0 means: what this machine has free.

    `bytes` of weights and `kv_bytes` per token of context say what memory it will take. `server` is the path of the
    `llama-server` that computes it; empty for the engine that comes with orch. `engine` names it with its version.
    """

    name: str
    weights: str
    sha256: str
    context: int
    slots: int
    bytes: int
    kv_bytes: int = 0
    threads: int = 0
    embedding: bool = False
    keep: float = KEEP_ALIVE
    engine: str = ""
    server: str = ""

    @property
    def identity(self) -> str:
        """Requests that need the same weights, shape and engine share a host, whatever they call the model."""
        parts = (PROTOCOL, self.sha256, self.context, self.slots, self.threads, self.embedding, self.engine)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    @property
    def memory(self) -> int:
        """Bytes it will take: weights, keys and values of all slots, and buffers for computing."""
        return self.bytes + self.kv_bytes * self.context * self.slots + (160 << 20) + self.bytes // 20


@dataclass(frozen=True, slots=True)
class State:
    """A host that answers. `started` in seconds since the epoch."""

    pid: int
    url: str
    key: str
    threads: int
    started: float
    launch: Launch

    def __repr__(self) -> str:
        return f"State(pid={self.pid}, url={self.url!r}, model={self.launch.name!r})"


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one host."""

    folder: Path

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def lease(self) -> Path:
        return self.folder / "lease"

    @property
    def keep(self) -> Path:
        return self.folder / "keep"

    @property
    def failure(self) -> Path:
        return self.folder / "failure"

    @property
    def log(self) -> Path:
        return self.folder / "log"


def engine_version() -> str:
    """The build of the inference engine, without loading it."""
    return f"xllamacpp {version('xllamacpp')}"


def encode(value: Launch | State) -> str:
    return json.dumps(asdict(value))


def decode_launch(text: str) -> Launch:
    """Raises ValueError for anything that is no launch of this version."""
    found = json.loads(text)
    if not isinstance(found, dict) or set(found) != {field.name for field in fields(Launch)}:
        raise ValueError("no launch of this version")
    return Launch(**found)


def decode_state(text: str) -> State:
    """Raises ValueError for anything that is no state of this version."""
    found = json.loads(text)
    if not isinstance(found, dict) or set(found) != {field.name for field in fields(State)}:
        raise ValueError("no state of this version")
    return State(**{**found, "launch": decode_launch(json.dumps(found["launch"]))})
