"""Test servers for the two protocols, written from their published descriptions, with every fault by name."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.providers.loopback import Exchange, Loopback

WORDS = ["one ", "two ", "three ", "four ", "five ", "six"]
SCHEMA = {
    "type": "object",
    "properties": {"color": {"type": "string", "enum": ["red", "blue"]}},
    "required": ["color"],
    "additionalProperties": False,
}


class FakeServer(Loopback):
    """What both servers share: faults that are the same in every dialect."""

    url = ""
    chat = ""
    stream = ""

    def __init__(self) -> None:
        super().__init__()
        self.cancelled = asyncio.Event()

    async def answer(self, exchange: Exchange) -> None:
        fault = self.faults.popleft() if self.faults else ""
        match fault:
            case "":
                await self.good(exchange)
            case "429":
                await exchange.send_json(self.error("slow down"), 429, Retry_After="7")
            case "429-long":
                await exchange.send_json(self.error("tomorrow"), 429, Retry_After="86400")
            case "500" | "503":
                await exchange.send_json(self.error("it broke"), int(fault))
            case "401":
                await exchange.send_json(self.error("bad key sekret"), 401)
            case "redirect":
                await exchange.send(302, b"", Location="http://127.0.0.1:1/v1")
            case "html":
                await exchange.send(200, b"<html>Welcome</html>", "text/html")
            case "image":
                await exchange.send(200, b"\x89PNG", "image/png")
            case "gzip":
                await exchange.send(200, b"\x1f\x8b", self.stream, Content_Encoding="gzip")
            case "reset":
                exchange.writer.transport.abort()
            case "hang":
                await self.hold(exchange)
            case "flood":
                await self.flood(exchange)
            case "endless":
                exchange.begin(self.stream)
                while True:
                    await exchange.piece(self.token("more "))
                    await asyncio.sleep(0.005)
            case "drip":
                exchange.begin(self.stream)
                while True:
                    await exchange.piece(self.nothing())
                    await asyncio.sleep(0.005)
            case "stall":
                exchange.begin(self.stream)
                await exchange.piece(self.token(WORDS[0]))
                await self.hold(exchange)
            case "half":
                exchange.begin(self.stream)
                await exchange.piece(self.token(WORDS[0]))
                exchange.writer.close()
            case "unfinished":
                exchange.begin(self.stream)
                await exchange.piece(self.token(WORDS[0]))
                await exchange.end()
            case "malformed":
                exchange.begin(self.stream)
                await exchange.piece(self.token(WORDS[0]))
                await exchange.piece(self.wrapped('{"choices": [{'))
                await exchange.end()
            case "list":
                exchange.begin(self.stream)
                await exchange.piece(self.wrapped("[1, 2]"))
                await exchange.end()
            case _:
                await self.own_fault(fault, exchange)

    async def hold(self, exchange: Exchange) -> None:
        await exchange.until_gone()
        self.cancelled.set()

    async def flood(self, exchange: Exchange) -> None:
        exchange.begin(self.stream)
        for _ in range(480):
            await exchange.piece(self.token("x" * 65_536))
        await exchange.end()

    def text_for(self, schema: Any, limit: int) -> tuple[list[str], bool]:
        """Pieces of an answer, and whether the bound cut it."""
        if schema is not None:
            return ['{"color"', ': "red"}'], False
        return WORDS[:limit], limit < len(WORDS)

    def error(self, message: str) -> Any:
        raise AssertionError(message)

    async def good(self, exchange: Exchange) -> None:
        raise AssertionError

    async def own_fault(self, fault: str, exchange: Exchange) -> None:
        raise AssertionError(fault)

    def token(self, text: str) -> bytes:
        raise AssertionError(text)

    def wrapped(self, text: str) -> bytes:
        raise AssertionError(text)

    def nothing(self) -> bytes:
        """Bytes that are legal and say nothing."""
        raise AssertionError


class OpenAIServer(FakeServer):
    """Chat completions as OpenAI describes them, with llama.cpp's timings, /props and tokenizer."""

    chat = "/v1/chat/completions"
    stream = "text/event-stream"

    def __init__(self) -> None:
        super().__init__()
        self.routes = {
            self.chat: self.answer,
            "/v1/models": self.models,
            "/props": self.props,
            "/apply-template": self.template,
            "/tokenize": self.tokenize,
        }
        self.model_facts: dict[str, Any] = {}

    @property
    def url(self) -> str:  # type: ignore[override]
        return f"{self.root}/v1"

    async def models(self, exchange: Exchange) -> None:
        entries = [{"id": "tiny", **self.model_facts}, {"id": "other"}]
        await exchange.send_json({"object": "list", "data": entries})

    async def props(self, exchange: Exchange) -> None:
        await exchange.send_json({"default_generation_settings": {"n_ctx": 4096}, "total_slots": 3})

    async def template(self, exchange: Exchange) -> None:
        text = "".join(f"<{m['role']}>{m['content']}" for m in exchange.body["messages"])
        await exchange.send_json({"prompt": text})

    async def tokenize(self, exchange: Exchange) -> None:
        if "messages" in exchange.body:
            count = sum(len(message["content"]) for message in exchange.body["messages"])
            await exchange.send_json({"count": count, "max_model_len": 4096, "tokens": []})
        else:
            await exchange.send_json({"tokens": list(range(len(exchange.body["content"])))})

    async def good(self, exchange: Exchange) -> None:
        body = exchange.body
        schema = body.get("response_format")
        limit = body.get("max_tokens") or body.get("max_completion_tokens")
        pieces, cut = self.text_for(schema, limit)
        exchange.begin(f"{self.stream}; charset=utf-8")
        await exchange.piece(self.chunk({"role": "assistant", "content": None}))
        await exchange.piece(b": a comment\n\n")
        await exchange.piece(self.chunk({"reasoning_content": "hm"}))
        for piece in pieces:
            logprobs = {"content": [_logprob(piece)]} if body.get("logprobs") else None
            await exchange.piece(self.chunk({"content": piece}, logprobs=logprobs))
        await exchange.piece(self.chunk({}, finish="length" if cut else "stop"))
        usage = {"prompt_tokens": 12, "completion_tokens": len(pieces)}
        usage_chunk = {
            "choices": [],
            "usage": {**usage, "prompt_tokens_details": {"cached_tokens": 8}},
            "timings": {"cache_n": 8, "prompt_per_second": 100.0, "predicted_per_second": 50.0},
        }
        if body.get("stream_options", {}).get("include_usage"):
            await exchange.piece(self.wrapped(json.dumps(usage_chunk)))
        await exchange.piece(b"data: [DONE]\n\n")
        await exchange.end()

    async def own_fault(self, fault: str, exchange: Exchange) -> None:
        match fault:
            case "null":
                await self._only(exchange, {"choices": None})
            case "empty":
                await self._only(exchange, {"choices": []})
            case "no-object":
                await self._only(exchange, {"choices": ["x"]})
            case "strange-finish":
                await self._only(exchange, {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]})
            case "in-stream-error":
                await self._only(exchange, {"error": {"message": "slot died", "code": 500}})
            case "json-body":
                await exchange.send_json(
                    {"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]}
                )
            case "not-found":
                await exchange.send_json(
                    {"error": {"message": "The model `tiny` does not exist", "code": "model_not_found"}}, 404
                )
            case "overflow":
                error = {"type": "exceed_context_size_error", "n_prompt_tokens": 9000, "n_ctx": 4096}
                error["message"] = "the request exceeds the available context size"
                await exchange.send_json({"error": {"code": 400, **error}}, 400)
            case "refused":
                await exchange.send_json(self.error("you may not\nask\tthis"), 400)
            case _:
                raise AssertionError(fault)

    async def _only(self, exchange: Exchange, chunk: Any) -> None:
        exchange.begin(self.stream)
        await exchange.piece(self.wrapped(json.dumps(chunk)))
        await exchange.piece(b"data: [DONE]\n\n")
        await exchange.end()

    def error(self, message: str) -> Any:
        return {"error": {"message": message, "type": "test"}}

    def token(self, text: str) -> bytes:
        return self.chunk({"content": text})

    def nothing(self) -> bytes:
        return b": still here\n\n"

    def chunk(self, delta: Any, finish: str | None = None, logprobs: Any = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": logprobs}
        return self.wrapped(json.dumps({"id": "1", "object": "chat.completion.chunk", "choices": [choice]}))

    def wrapped(self, text: str) -> bytes:
        return b"data: " + text.encode() + b"\n\n"


class OllamaServer(FakeServer):
    """/api/chat as NDJSON, /api/tags, /api/show, /api/version, /api/ps."""

    chat = "/api/chat"
    stream = "application/x-ndjson"

    def __init__(self) -> None:
        super().__init__()
        self.shown: dict[str, Any] = {
            "template": "{{ .Prompt }}",
            "capabilities": ["completion", "thinking"],
            "model_info": {"general.architecture": "llama", "llama.context_length": 4096},
        }
        self.version = "0.13.0"
        self.prompt_tokens = 12
        self.sizes = {"tiny:latest": 1 << 20, "other:3b": 2 << 30}
        self.routes = {
            self.chat: self.answer,
            "/api/tags": self.tags,
            "/api/show": self.show,
            "/api/version": self.say_version,
            "/api/ps": self.running,
        }

    @property
    def url(self) -> str:  # type: ignore[override]
        return self.root

    async def tags(self, exchange: Exchange) -> None:
        models = [
            {"name": name, "model": name, "digest": f"sha-{name}", "size": size}
            for name, size in self.sizes.items()
        ]
        await exchange.send_json({"models": models})

    async def show(self, exchange: Exchange) -> None:
        await exchange.send_json(self.shown)

    async def say_version(self, exchange: Exchange) -> None:
        await exchange.send_json({"version": self.version})

    async def running(self, exchange: Exchange) -> None:
        await exchange.send_json({"models": []})

    async def good(self, exchange: Exchange) -> None:
        body = exchange.body
        pieces, cut = self.text_for(body.get("format"), body["options"]["num_predict"])
        exchange.begin(self.stream)
        await exchange.piece(self.part({"thinking": "hm", "content": ""}))
        for piece in pieces:
            logprobs = [_logprob(piece)] if body.get("logprobs") else None
            await exchange.piece(self.part({"content": piece}, logprobs=logprobs))
        await exchange.piece(
            self.part(
                {"content": ""},
                done=True,
                done_reason="length" if cut else "stop",
                prompt_eval_count=self.prompt_tokens,
                prompt_eval_duration=120_000_000,
                eval_count=len(pieces),
                eval_duration=100_000_000,
            )
        )
        await exchange.end()

    async def own_fault(self, fault: str, exchange: Exchange) -> None:
        match fault:
            case "null":
                await self._only(exchange, {"message": None, "done": False})
            case "empty":
                await self._only(exchange, {})
            case "no-object":
                await self._only(exchange, {"message": "x", "done": True})
            case "strange-finish":
                await self._only(
                    exchange, {"message": {"role": "assistant"}, "done": True, "done_reason": "load"}
                )
            case "in-stream-error":
                await self._only(exchange, {"error": "the runner died"})
            case "json-body":
                await exchange.send_json([{"message": {"content": "hello"}}])
            case "not-found":
                await exchange.send_json(self.error("model 'tiny' not found"), 404)
            case "overflow":
                self.prompt_tokens = 4096
                await self.good(exchange)
            case "refused":
                await exchange.send_json(self.error("you may not\nask\tthis"), 400)
            case _:
                raise AssertionError(fault)

    async def _only(self, exchange: Exchange, part: Any) -> None:
        exchange.begin(self.stream)
        await exchange.piece(self.wrapped(json.dumps(part)))
        await exchange.end()

    def error(self, message: str) -> Any:
        return {"error": message}

    def token(self, text: str) -> bytes:
        return self.part({"content": text})

    def nothing(self) -> bytes:
        return self.part({"content": ""})

    def part(self, message: Any, **more: Any) -> bytes:
        value = {"model": "tiny", "created_at": "2026-01-01T00:00:00Z", "done": False, **more}
        return self.wrapped(json.dumps({**value, "message": {"role": "assistant", **message}}))

    def wrapped(self, text: str) -> bytes:
        return text.encode() + b"\n"


def _logprob(piece: str) -> dict[str, Any]:
    other = {"token": "zero", "logprob": -3.0}
    return {"token": piece, "logprob": -0.1, "top_logprobs": [{"token": piece, "logprob": -0.1}, other]}
