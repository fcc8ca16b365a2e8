"""A server that speaks OpenAI's chat completions, over guarded HTTP and without an SDK: cheap per token and per start.

The embedded model is spoken to with this. Cancelling the task closes the connection, so the server stops generating.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

from orchestrator.errors import ProviderError
from orchestrator.messages import Completion, Message, Request
from orchestrator.ports import Emit
from orchestrator.providers.address import place_of
from orchestrator.providers.chunks import Chunks
from orchestrator.providers.faults import of_exception, protocol
from orchestrator.providers.sse import objects
from orchestrator.providers.transport import Lookup, client, look_up
from orchestrator.providers.tries import Patience, try_often

SAMPLING = ("temperature", "top_p", "top_k", "min_p", "seed", "repeat_penalty", "stop")
"""The parameters llama.cpp's server takes under the common names."""
QUESTION = 60.0
"""Seconds for what a server says about itself or about a text: nothing of that takes long, also under load."""
TOP_LOGPROBS = 100
"""Of all tokens, before the grammar takes most of them out: `docs/confidence.md` has what more and fewer are good for."""


class ChatServer:
    """One server at `url` (ending in /v1 or not: paths are given whole). Holds connections; close it.

    `model` is the name in requests and messages. `key` goes into the Authorization header and nowhere else. `lib` is the HTTP library to use: that of the SDK
    beside it, so that no second one is loaded.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str,
        key: str = "",
        patience: Patience | None = None,
        lib: str = "httpx2",
        lookup: Lookup = look_up,
    ) -> None:
        self.place = place_of(url)
        self.model = model
        self.patience = patience or Patience()
        self._key = key
        self._lib = lib
        self.lookup = lookup
        self._client: Any = None

    def __repr__(self) -> str:
        return f"ChatServer({self.place.url!r}, model={self.model!r})"

    @property
    def where(self) -> str:
        return self.place.url

    async def get(self, path: str) -> Any:
        """The JSON at a path of the server, once, without retries, within `QUESTION`. Raises ProviderError."""
        return await self._json("GET", path, None, QUESTION)

    async def post(self, path: str, body: Mapping[str, Any], *, within: float = QUESTION) -> Any:
        """The JSON that a path answers to this JSON, once, without retries, within so many seconds.

        Raises ProviderError.
        """
        return await self._json("POST", path, body, within)

    async def chat(
        self,
        request: Request,
        emit: Emit,
        extra: Mapping[str, Any] | None = None,
        *,
        path: str = "/v1/chat/completions",
    ) -> Completion:
        """Answer once, within the request's deadlines. `extra` goes into the body as it is (`id_slot`, `lora`).

        Raises ProviderError.
        """
        sent = self._body(request, extra)

        async def once(pieces: Emit) -> Completion:
            return await self._once(sent, path, pieces)

        return await try_often(self.model, request, emit, once, self.patience)

    async def chat_once(
        self, request: Request, emit: Emit, extra: Mapping[str, Any] | None = None
    ) -> Completion:
        """The same without deadlines and without another try, for those who see to both. Raises ProviderError."""
        return await self._once(self._body(request, extra), "/v1/chat/completions", emit)

    def _body(self, request: Request, extra: Mapping[str, Any] | None) -> bytes:
        return json.dumps(body_of(request, self.model) | dict(extra or {}), ensure_ascii=False).encode()

    async def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    async def _once(self, sent: bytes, path: str, emit: Emit) -> Completion:
        chunks = Chunks(self.where, self.model, emit)
        async with self._answer("POST", path, sent, "text/event-stream") as response:
            parts = response.aiter_raw()
            async for chunk in objects(parts, self.where):
                chunks.feed(chunk)
            await drain(parts)
        return chunks.completion()

    async def _json(self, method: str, path: str, body: Mapping[str, Any] | None, within: float) -> Any:
        sent = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        try:
            async with (
                asyncio.timeout(within),
                self._answer(method, path, sent, "application/json") as response,
            ):
                raw = await response.aread()
        except TimeoutError:
            raise ProviderError(
                "timeout",
                f"{self.where} gave no answer to {path} within {within:g} s",
                hint="see the server's log",
            ) from None
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            raise protocol(self.where, "sent an answer that is no JSON") from None

    @asynccontextmanager
    async def _answer(self, method: str, path: str, sent: bytes | None, accept: str) -> AsyncIterator[Any]:
        """The response, checked by the transport; every fault of the connection becomes a ProviderError."""
        headers = {"Accept": accept, "Content-Type": "application/json"}
        if accept == "text/event-stream":
            # llama.cpp's server closes behind a stream without announcing it: the next request would meet the end
            headers["Connection"] = "close"
        try:
            async with self._opened().stream(
                method, self.place.root + path, content=sent, headers=headers
            ) as response:
                yield response
        except self._library().HTTPError as error:
            raise of_exception(error, self.where) from None

    def _opened(self) -> Any:
        if self._client is None:
            self._client = client(
                self._library(),
                self.place,
                key=self._key,
                connect=self.patience.connect,
                lookup=self.lookup,
            )
        return self._client

    def _library(self) -> Any:
        return import_module(self._lib)


async def drain(parts: AsyncIterator[bytes]) -> None:
    """Read what follows the last event, so that the connection can be used again; not waited for long."""
    try:
        async with asyncio.timeout(0.25):
            async for _ in parts:
                pass
    except TimeoutError:
        return


# ------------------------------------------------------------------------------------------------- bodies


def body_of(request: Request, model: str) -> dict[str, Any]:
    """The request as a chat completion, in llama.cpp's dialect. Raises ProviderError for a parameter it does not know."""
    unknown = [name for name in request.params if name not in SAMPLING]
    if unknown:
        raise ProviderError(
            "refused",
            f"model '{model}' takes no parameter '{unknown[0]}'",
            hint=f"it takes {', '.join(SAMPLING)}",
        )
    body: dict[str, Any] = {
        "model": model,
        "messages": messages_of(request.messages),
        "max_tokens": request.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
        **request.params,
    }
    if request.schema is not None:
        body["response_format"] = schema_format(request.schema)
    if request.logprobs:
        body |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
    return body


def schema_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON Schema as a `response_format`."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": dict(schema)}}


def messages_of(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Messages as the API takes them; images as data addresses."""
    return [{"role": m.role, "content": _content(m)} for m in messages]


def _content(message: Message) -> str | list[dict[str, Any]]:
    if not message.images:
        return message.content
    parts: list[dict[str, Any]] = [{"type": "text", "text": message.content}]
    for image in message.images:
        data = base64.b64encode(image.data).decode("ascii")
        parts.append({"type": "image_url", "image_url": {"url": f"data:{image.media_type};base64,{data}"}})
    return parts
