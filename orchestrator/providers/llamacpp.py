"""The embedded model: a `.gguf` file served by a model host on this machine.

The host speaks llama.cpp's dialect of chat completions on loopback. When it dies in the middle of an answer,
a fresh one is started and the request is sent once more.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ProviderError
from orchestrator.messages import Completion, Message, ModelInfo, Request, TokenCount
from orchestrator.ports import Emit, Footprint
from orchestrator.providers.catalog import find
from orchestrator.providers.engine_served import is_unchanged
from orchestrator.providers.faults import protocol
from orchestrator.providers.gbnf import grammar
from orchestrator.providers.gguf import Header, NotGGUF, read_header
from orchestrator.providers.host import KEEP_ALIVE, Launch, engine_version
from orchestrator.providers.hosts import GivenUp, Hosts, Lease
from orchestrator.providers.machine import memory_total, read_ahead
from orchestrator.providers.marks import Marks, marks_of, unmarked
from orchestrator.providers.model_store import ModelStore, Weights, silent
from orchestrator.providers.tries import Patience, try_often
from orchestrator.providers.waiting import in_line

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.providers.chat import ChatServer
    from orchestrator.providers.fetch import Progress
    from orchestrator.spec.model import ModelSpec

CONTEXT = 8192
"""Tokens of context for one request where nobody says, if the model was trained for so many."""
SLOTS = 4
"""Requests served at once; on two cores four give 1.6 times the tokens per second of one."""
COUNTING = 300.0
"""Seconds for counting a prompt: the host answers this beside long answers of other runs."""
COUNTS = 2048
"""Token counts that are remembered."""
AGAIN = Patience(tries=2, first=0.0)
ONCE = Patience(tries=1)


class LlamaCpp:
    """`llamacpp:NAME` from the catalogue, or `llamacpp:./file.gguf` relative to `base`. Implements ports.Model."""

    def __init__(
        self,
        name: str,
        spec: ModelSpec,
        *,
        config: Config,
        environ: Mapping[str, str],
        base: Path,
        progress: Progress = silent,
    ) -> None:
        self.name = name
        self.ref = spec.use
        self._model = spec.use.partition(":")[2] or spec.use
        self._spec = spec
        self._base = base
        self._progress = progress
        self._store = ModelStore(config.models, environ=environ, offline=config.offline)
        self._hosts = Hosts(config.runtime / "hosts", environ=environ)
        self._opening = asyncio.Lock()
        self._lease: Lease | None = None
        self._server: ChatServer | None = None
        self._info: ModelInfo | None = None
        self._counts: dict[bytes, int] = {}
        self._marks: Marks | None = None
        """Marks of its chat template, which no message may hold."""

    def __repr__(self) -> str:
        return f"LlamaCpp({self.name!r}, {self.ref!r})"

    async def prepare(self) -> ModelInfo:
        server = await self._ready(lambda: None)
        if self._info is None:
            props = await server.get("/props")
            if not _is_handshake(props):
                raise protocol(server.where, "answers /props as no llama.cpp server does")
            self._info = self._read_info(props)
            tokens = (str(props.get(name) or "") for name in ("bos_token", "eos_token"))
            self._marks = marks_of(self._info.chat_template, *tokens)
        return self._info

    async def count(self, messages: Sequence[Message]) -> TokenCount:
        """Exact: the model's own chat template and tokenizer, on the host."""
        messages = unmarked(messages, self._marks)
        key = _digest(messages)
        found = self._counts.get(key)
        if found is None:
            found = await self._ask_count(messages)
            if len(self._counts) >= COUNTS:
                self._counts.pop(next(iter(self._counts)))
            self._counts[key] = found
        return TokenCount(found, exact=True)

    async def generate(self, request: Request, emit: Emit) -> Completion:
        messages = unmarked(request.messages, self._marks)
        if messages is not request.messages:
            request = replace(request, messages=messages)
        return await try_often(self.name, request, emit, partial(self._once, request), AGAIN)

    async def footprint(self, *, fetch: bool = True) -> Footprint:
        """What its host takes of this machine's memory. Implements ports.Resident."""
        launch = await asyncio.to_thread(self._planned, fetch)
        self._hosts.refuse_too_big(launch)
        room = self._hosts.room(launch)
        return Footprint("this machine", launch.identity, launch.memory, room, self._hosts.most)

    async def prefetch(self) -> None:
        """Have its file read into the page cache, which gives way to whoever needs the memory."""
        await asyncio.to_thread(lambda: read_ahead(self._planned(fetch=True).weights))

    async def unload(self) -> None:
        """Give the host up for a model that needs its memory: it ends, unless another run uses it."""
        await self._drop(keep=0.0)

    async def close(self) -> None:
        """Give the host up; it stays for a while, for whoever comes next."""
        server, self._server = self._server, None
        lease, self._lease = self._lease, None
        if server is not None:
            await server.close()
        if lease is not None:
            lease.release(self._keep)

    # --------------------------------------------------------------------------------------------- calls

    async def _once(self, request: Request, emit: Emit) -> Completion:
        server = await self._ready(lambda: emit(""))
        # never `id_slot`: a request that waits for a pinned slot answers with text of somebody else's prompt
        extra: dict[str, Any] = {"cache_prompt": True, "return_progress": True}
        text = None if request.schema is None else grammar(request.schema)
        if text is not None:
            request, extra["grammar"] = replace(request, schema=None), text
        try:
            async with in_line(server, request, emit) as hear:
                return await server.chat_once(request, hear, extra)
        except ProviderError as error:
            raise await self._crash_behind(error, server) or error from None

    async def _ask_count(self, messages: Sequence[Message]) -> int:
        from orchestrator.providers.chat import messages_of

        body = {"messages": messages_of(tuple(messages))}
        for last in (False, True):
            server = await self._ready(lambda: None)
            try:
                found = await server.post("/v1/chat/completions/input_tokens", body, within=COUNTING)
                return int(found["input_tokens"])
            except ProviderError as error:
                if error.kind == "refused" and self._is_served:
                    return await _count_as_before(server, messages)
                fault = await self._crash_behind(error, server) or error
                if last or not fault.retryable:
                    raise fault from None
        raise AssertionError("the second try returns or raises")

    @property
    def _is_served(self) -> bool:
        """Whether a `llama-server` computes it, which may be of any age."""
        return self._lease is not None and bool(self._lease.state.launch.server)

    async def _crash_behind(self, error: ProviderError, server: ChatServer) -> ProviderError | None:
        """The fault as a crash, when the host is gone: the next call then starts a fresh one."""
        if error.kind not in ("unreachable", "protocol", "server"):
            return None
        lease = self._lease
        if server is self._server and lease is not None:
            # a dying process closes its connections a moment before the kernel frees its lock
            for _ in range(10):
                if not lease.alive:
                    break
                await asyncio.sleep(0.02)
            else:
                return None
            if lease is self._lease:  # else another call has noticed it too
                await self._drop()
        return ProviderError(
            "crashed",
            f"the host of model '{self.name}' died during the call",
            hint="out of memory? `orch doctor` says what fits",
        )

    # ---------------------------------------------------------------------------------------------- host

    async def _ready(self, alive: Callable[[], None]) -> ChatServer:
        """The connection to a host that serves this model; `alive` is called while it loads."""
        if self._server is not None:
            return self._server
        async with self._opening:
            if self._server is None:
                self._lease = await _in_thread(self._acquire, alive)
                self._server = _connect(self._lease)
            return self._server

    async def _drop(self, keep: float | None = None) -> None:
        server, self._server = self._server, None
        lease, self._lease = self._lease, None
        self._info = None
        if server is not None:
            await server.close()
        if lease is not None:
            lease.release(keep)

    def _acquire(self, given_up: threading.Event) -> Lease:
        def progress(what: str, done: int, total: int) -> None:
            if given_up.is_set():
                raise GivenUp
            self._progress(what, done, total)

        weights = self._store.open(self._model, self._base, progress)
        return self._hosts.acquire(self._launch(weights), given_up.is_set)

    def _planned(self, fetch: bool) -> Launch:
        """The launch it will need; of weights that are not here and shall not be fetched, as the catalogue says."""
        entry = find(self._model)
        if fetch or entry is None or self._store.get(entry.name) is not None:
            return self._launch(self._store.open(self._model, self._base, self._progress))
        context = min(self._spec.context or entry.context, entry.context)
        return Launch(entry.name, "", entry.name, context, 1, entry.bytes, entry.kv_bytes)

    def _launch(self, weights: Weights) -> Launch:
        entry = find(self._model)
        if (entry is not None and entry.embedding) or (header := _header(self.ref, weights)).embedding:
            raise ProviderError(
                "refused", f"'{self.ref}' embeds text, it does not answer", hint="orch models ls"
            )
        context, slots = shape(self._spec.context, header, weights.bytes, memory_total())
        engine, server = engine_of(weights)
        return Launch(
            name=weights.name,
            weights=str(weights.path),
            sha256=weights.sha256,
            context=context,
            slots=slots,
            bytes=weights.bytes,
            kv_bytes=header.kv_bytes,
            keep=self._keep,
            engine=engine,
            server=server,
        )

    @property
    def _keep(self) -> float:
        return KEEP_ALIVE if self._spec.keep is None else self._spec.keep

    def _read_info(self, props: Any) -> ModelInfo:
        if self._lease is None:
            raise ProviderError("crashed", f"the host of model '{self.name}' died while it was asked")
        launch = self._lease.state.launch
        settings = props.get("default_generation_settings", {})
        return ModelInfo(
            name=self.name,
            ref=self.ref,
            provider="llamacpp",
            context=int(settings.get("n_ctx", launch.context)),
            slots=int(props.get("total_slots", launch.slots)),
            local=True,
            digest=f"sha256:{launch.sha256} {launch.engine}",
            endpoint=self._lease.state.url,
            sees=bool(props.get("modalities", {}).get("vision", False)),
            logprobs=True,
            chat_template=str(props.get("chat_template", "")),
            prefixes=True,
        )


def shape(wanted: int | None, header: Header, weights: int, memory: int) -> tuple[int, int]:
    """Context per request and requests at once, for a machine with so much memory. Pure.

    Asked-for context is kept; the default one shrinks before fewer than four requests run at once would not
    leave two thirds of the memory to others.
    """
    trained = header.context or CONTEXT
    context = wanted or min(trained, CONTEXT)
    room = memory // 3 - weights
    for size in (context,) if wanted else (context, min(context, CONTEXT // 2)):
        for slots in (SLOTS, SLOTS // 2):
            if header.kv_bytes * size * slots <= room:
                return size, slots
    return (context if wanted else min(context, CONTEXT // 2)), 1


def engine_of(weights: Weights) -> tuple[str, str]:
    """The engine that computes these weights here with its version, and the path of its server where it has one.

    A `llama-server` that was measured and is another one by now, or gone, is not used.
    """
    made = weights.made
    if made is None or not made.engine or not is_unchanged(made.engine, made.engine_seen):
        return engine_version(), ""
    return made.engine_version, made.engine


def _header(ref: str, weights: Weights) -> Header:
    try:
        return read_header(weights.path)
    except NotGGUF as error:
        raise ProviderError(
            "refused", f"'{ref}' is no model file that can be used: {error}", hint="it has to be a .gguf file"
        ) from error
    except OSError as error:
        raise ProviderError("refused", f"'{ref}' cannot be read: {error.strerror}") from error


async def _count_as_before(server: ChatServer, messages: Sequence[Message]) -> int:
    """In two steps, for a server that is older than the question. Raises ProviderError."""
    from orchestrator.providers.openai import llama_count

    try:
        return (await llama_count(server, messages)).tokens
    except (KeyError, TypeError) as error:
        raise ProviderError("protocol", "the model host does not say how long a prompt is") from error


def _is_handshake(props: Any) -> bool:
    """Whether these are maps where maps, and numbers where numbers are read; what is not there is known otherwise."""
    if not isinstance(props, dict):
        return False
    settings, sees = props.get("default_generation_settings", {}), props.get("modalities", {})
    if not isinstance(settings, dict) or not isinstance(sees, dict):
        return False
    numbers = settings.get("n_ctx", 1), props.get("total_slots", 1)
    return all(type(number) is int and number > 0 for number in numbers)


def _connect(lease: Lease) -> ChatServer:
    from orchestrator.providers.chat import ChatServer

    state = lease.state
    return ChatServer(state.url, model=state.launch.name, key=state.key, patience=ONCE)


async def _in_thread(acquire: Callable[[threading.Event], Lease], alive: Callable[[], None]) -> Lease:
    """Run it beside the loop. When the task is cancelled, the thread ends soon and a lease it got is given back."""
    given_up = threading.Event()
    work = asyncio.create_task(asyncio.to_thread(acquire, given_up))
    try:
        while not work.done():
            await asyncio.wait((work,), timeout=0.5)
            alive()
    except BaseException:
        given_up.set()
        work.add_done_callback(_give_back)
        raise
    return work.result()


def _give_back(work: asyncio.Task[Lease]) -> None:
    if not work.cancelled() and work.exception() is None:
        work.result().release()


def _digest(messages: Sequence[Message]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for message in messages:
        for part in (message.role, message.content):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part.encode("utf-8", "surrogatepass"))
        for image in message.images:
            digest.update(len(image.data).to_bytes(8, "big") + image.data)
    return digest.digest()
