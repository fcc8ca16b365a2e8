"""Ollama through its own API and the `ollama` client: never its OpenAI endpoint, which ignores the context size.

Every call states `num_ctx`, because Ollama cuts what does not fit behind a status of 200; the tokens it read are
compared with what was sent. A model that Ollama itself forwards to a remote host is not local.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from orchestrator.errors import PrivacyError, ProviderError
from orchestrator.messages import (
    Completion,
    Message,
    ModelInfo,
    Request,
    Timings,
    TokenCount,
    TokenLogprob,
    Usage,
)
from orchestrator.ports import Emit, Footprint
from orchestrator.providers.chat import ChatServer
from orchestrator.providers.chunks import below_one, whole
from orchestrator.providers.estimate import estimate
from orchestrator.providers.faults import clip, is_overflow, of_exception, overflow, protocol
from orchestrator.providers.machine import memory_total
from orchestrator.providers.marks import ANY_SERVER, unmarked
from orchestrator.providers.transport import Lookup, look_up, transport
from orchestrator.providers.tries import Patience, try_often

URL = "http://127.0.0.1:11434"
CONTEXT = 8192
"""Tokens of context when nobody says, or less if the model holds less."""
OPTIONS = ("temperature", "top_p", "top_k", "min_p", "seed", "repeat_penalty", "stop")
LOGPROBS_SINCE = (0, 12, 11)
TOP_LOGPROBS = 20
"""What Ollama gives at most."""
ATTEST = 10.0
"""Seconds after which a local server is asked again whether it still runs its own weights under this name."""
LOWEST_BYTES_PER_TOKEN = 12
"""No tokenizer makes longer tokens of whole prompts: fewer tokens read than this means the prompt was cut."""


class OllamaModel:
    """One model of an Ollama server. `keep` is how long it stays loaded, in seconds (None: the server's default)."""

    def __init__(
        self,
        name: str,
        model: str,
        *,
        url: str = URL,
        key: str = "",
        local: bool = True,
        context: int | None = None,
        keep: float | None = None,
        slots: int = 1,
        patience: Patience | None = None,
        lookup: Lookup = look_up,
        attest: float = ATTEST,
        most: int | None = None,
    ) -> None:
        self.name = name
        self.model = model
        self.local = local
        self.context = context
        self.keep = keep
        self.slots = slots
        # `lib`: the ollama client brings httpx, a second library would only cost start-up
        self.server = ChatServer(url, model=model, key=key, patience=patience, lib="httpx", lookup=lookup)
        self._key = key
        self._info: ModelInfo | None = None
        self._thinks = False
        self._attest = attest
        self._most = most
        self._attested = 0.0
        self._sdk: Any = None

    def __repr__(self) -> str:
        return f"OllamaModel({self.name!r}, {self.model!r} at {self.server.where})"

    # ------------------------------------------------------------------------------------------- protocol

    async def prepare(self) -> ModelInfo:
        if self._info is None:
            self._client()  # loading the SDK takes a while: here it delays no answer
            self._info = await self._look_up()
        return self._info

    async def count(self, messages: Sequence[Message]) -> TokenCount:
        """An estimate: Ollama has no tokenizer to ask."""
        return estimate(messages)

    async def generate(self, request: Request, emit: Emit) -> Completion:
        info = await self.prepare()
        call = self._call(request, info)
        if info.local and time.monotonic() - self._attested >= self._attest:
            self._refuse_forwarding(await self._shown(), {})

        async def once(pieces: Emit) -> Completion:
            return await self._once(request, call, info, pieces)

        return await try_often(self.name, request, emit, once, self.server.patience)

    async def footprint(self, *, fetch: bool = True) -> Footprint:  # noqa: ARG002 - nothing is fetched here
        """What it takes of the memory of its server. Implements ports.Resident."""
        if not self.local:
            return Footprint(f"{self.server.where} {self.model}", self.model, 0, 0)
        installed = await self._installed()
        found = self._among(installed)
        if found is None:
            raise self._missing(installed)
        size = found.get("size")
        taken = size if isinstance(size, int) and size > 0 else 0
        return Footprint(self.server.where, self.model, taken, memory_total() * 3 // 4, self._most)

    async def prefetch(self) -> None:
        """Nothing: only its server could."""

    async def unload(self) -> None:
        """Nothing: the server lets it go for the next one, now that nobody asks it."""

    async def close(self) -> None:
        if self._sdk is not None:
            sdk, self._sdk = self._sdk, None
            await sdk.close()
        await self.server.close()

    # --------------------------------------------------------------------------------------------- asking

    async def _once(
        self, request: Request, call: Mapping[str, Any], info: ModelInfo, emit: Emit
    ) -> Completion:
        import httpx
        import ollama
        import pydantic

        where = self.server.where
        answer = _Answer(where, self.model, emit)
        try:
            async for part in await self._client().chat(**call):
                answer.feed(part)
        except ProviderError as error:
            raise await self._named(error) from None
        except ollama.ResponseError as error:
            raise self._fault(str(error.error)) from None
        except (httpx.HTTPError, ConnectionError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise of_exception(error, where) from None
        except (pydantic.ValidationError, TypeError, AttributeError, RecursionError):
            raise protocol(where, "sent a piece of an answer that is malformed") from None
        completion = answer.completion()
        _refuse_cut(request, completion, info, where)
        return completion

    def _call(self, request: Request, info: ModelInfo) -> dict[str, Any]:
        params = dict(request.params)
        think = params.pop("think", None)
        wrong = next((name for name in params if name not in OPTIONS), None)
        if wrong is not None or (think is not None and not self._thinks):
            raise ProviderError(
                "refused",
                f"model '{self.name}' (ollama:{self.model}) takes no parameter '{wrong or 'think'}'",
                hint=f"it takes {', '.join(OPTIONS)}",
            )
        if request.logprobs and not info.logprobs:
            raise ProviderError(
                "refused",
                f"this Ollama gives no log-probabilities (model '{self.name}')",
                hint="update Ollama",
            )
        if isinstance(params.get("stop"), str):
            params["stop"] = [params["stop"]]
        return {
            "model": self.model,
            "messages": [_message(m) for m in unmarked(request.messages, ANY_SERVER)],
            "stream": True,
            "format": dict(request.schema) if request.schema is not None else None,
            "options": {**params, "num_ctx": info.context, "num_predict": request.max_tokens},
            "keep_alive": self.keep,
            "think": think,
            "logprobs": True if request.logprobs else None,
            "top_logprobs": TOP_LOGPROBS if request.logprobs else None,
        }

    def _client(self) -> Any:
        if self._sdk is None:
            import httpx
            import ollama

            self._sdk = ollama.AsyncClient(
                host=self.server.where,
                follow_redirects=False,
                timeout=httpx.Timeout(None, connect=self.server.patience.connect),
                transport=transport(httpx, self.server.place, key=self._key, lookup=self.server.lookup),
                trust_env=False,
            )
        return self._sdk

    def _fault(self, said: str) -> ProviderError:
        """What an error inside the stream means."""
        if is_overflow(said, {}):
            return overflow(self.server.where, clip(said), {})
        what = f"{self.server.where} failed in mid-answer: {clip(said)}"
        return ProviderError("server", what, hint="see Ollama's log")

    async def _named(self, fault: ProviderError) -> ProviderError:
        """A model that is not there, with those that are."""
        if fault.kind != "not_found":
            return fault
        try:
            return self._missing(await self._installed())
        except ProviderError:
            return fault

    # ----------------------------------------------------------------------------------------- looking up

    async def _look_up(self) -> ModelInfo:
        installed = await self._installed()
        found = self._among(installed)
        if found is None:
            raise self._missing(installed)
        shown = await self._shown()
        remote = self._refuse_forwarding(shown, found)
        capabilities = shown.get("capabilities") or ()
        self._thinks = "thinking" in capabilities
        return ModelInfo(
            name=self.name,
            ref=f"ollama:{self.model}",
            provider="ollama",
            context=self._context(shown),
            slots=self.slots,
            local=self.local and not remote,
            digest=str(found.get("digest") or ""),
            endpoint=self.server.where,
            sees="vision" in capabilities,
            logprobs=await self._version() >= LOGPROBS_SINCE,
            chat_template=str(shown.get("template") or ""),
            prefixes=True,
        )

    async def _shown(self) -> Mapping[str, Any]:
        shown = await self.server.post("/api/show", {"model": self.model})
        if not isinstance(shown, Mapping):
            raise protocol(self.server.where, "describes the model in a way that is no object")
        return shown

    def _refuse_forwarding(self, shown: Mapping[str, Any], listed: Mapping[str, Any]) -> str:
        """The host that the model is forwarded to, empty for none. Raises PrivacyError where there must be none."""
        remote = _remote(shown) or _remote(listed)
        if remote and self.local:
            raise PrivacyError(
                f"model '{self.name}' counts as local, but Ollama forwards {self.model} to {clip(remote)}",
                hint="write `where: cloud` for it, or use a model whose weights are on this machine",
            )
        self._attested = time.monotonic()
        return remote

    def _among(self, installed: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        wanted = self.model if ":" in self.model else f"{self.model}:latest"
        return next((m for m in installed if wanted in (m.get("name"), m.get("model"))), None)

    async def _installed(self) -> list[Mapping[str, Any]]:
        listed = await self.server.get("/api/tags")
        models = listed.get("models") if isinstance(listed, Mapping) else None
        if not isinstance(models, list):
            raise protocol(self.server.where, "lists its models in a way that is not Ollama's")
        return [model for model in models if isinstance(model, Mapping)]

    def _missing(self, installed: Sequence[Mapping[str, Any]]) -> ProviderError:
        names = [str(model.get("name") or model.get("model")) for model in installed]
        near = get_close_matches(self.model, [*names, *(name.removesuffix(":latest") for name in names)], n=1)
        maybe = f"did you mean '{near[0]}'? Or fetch it: " if near else "fetch it: "
        return ProviderError(
            "not_found",
            f"Ollama at {self.server.where} has no model '{self.model}'; it has: {clip(', '.join(names)) or 'none'}",
            hint=f"{maybe}ollama pull {self.model}",
        )

    def _context(self, shown: Mapping[str, Any]) -> int:
        facts = shown.get("model_info")
        sizes = [
            value
            for key, value in (facts.items() if isinstance(facts, Mapping) else ())
            if str(key).endswith(".context_length") and isinstance(value, int) and value > 0
        ]
        most = max(sizes, default=0)
        if self.context is None:
            return min(CONTEXT, most) if most else CONTEXT
        if most and self.context > most:
            raise ProviderError(
                "overflow",
                f"model '{self.name}': `context: {self.context}` is more than the {most} that {self.model} holds",
                hint="lower `context`",
            )
        return self.context

    async def _version(self) -> tuple[int, ...]:
        found = await self.server.get("/api/version")
        text = str(found.get("version", "")) if isinstance(found, Mapping) else ""
        parts = text.split("-")[0].split(".")
        return tuple(int(part) for part in parts if part.isdigit())


class _Answer:
    """The parts of a streamed chat, put together. A stream that never says `done` was cut off."""

    def __init__(self, where: str, model: str, emit: Emit) -> None:
        self._where = where
        self._model = model
        self._emit = emit
        self._began = time.monotonic()
        self._first: float | None = None
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._last: Any = None

    def feed(self, part: Any) -> None:
        message = part.message
        if self._last is not None and message.content:
            raise protocol(self._where, "went on after the end of its answer")
        if self._first is None and (message.content or message.thinking):
            self._first = time.monotonic()
        if message.thinking:
            self._thinking.append(message.thinking)
            self._emit("")
        if message.content:
            self._text.append(message.content)
            self._emit(message.content)
        self._read_logprobs(part.logprobs or ())
        if part.done:
            self._last = part

    def _read_logprobs(self, entries: Sequence[Any]) -> None:
        try:
            self._logprobs.extend(_logprob(entry) for entry in entries)
        except (TypeError, ValueError, OverflowError):
            raise protocol(self._where, "sent log-probabilities that are malformed") from None

    def completion(self) -> Completion:
        last = self._last
        if last is None:
            raise protocol(self._where, "cut the answer off in the middle")
        if last.done_reason not in (None, "stop", "length"):
            raise protocol(self._where, f"ended the answer with '{clip(str(last.done_reason))}'")
        prompt, written = whole(last.prompt_eval_count), whole(last.eval_count)
        counted = prompt is not None and written is not None
        return Completion(
            text="".join(self._text),
            finish="length" if last.done_reason == "length" else "stop",
            usage=Usage(prompt or 0, written or 0, estimated=not counted),
            timings=Timings(
                total=time.monotonic() - self._began,
                first=None if self._first is None else self._first - self._began,
                prompt_rate=_rate(prompt, whole(last.prompt_eval_duration)),
                generation_rate=_rate(written, whole(last.eval_duration)),
            ),
            model=last.model or self._model,
            thinking="".join(self._thinking),
            logprobs=tuple(self._logprobs) or None,
        )


def _refuse_cut(request: Request, completion: Completion, info: ModelInfo, where: str) -> None:
    """An answer to half a prompt is no answer. Raises ProviderError when Ollama read less than it was sent."""
    read = completion.usage.prompt
    sent = sum(len(m.content.encode("utf-8", "surrogatepass")) for m in request.messages)
    cut = 0 < read < sent / LOWEST_BYTES_PER_TOKEN and estimate(request.messages).tokens > info.context
    pushed_out = read + completion.usage.completion > info.context
    if cut or pushed_out or read >= info.context:
        raise ProviderError(
            "overflow",
            f"{where} cut the prompt: it read {read} tokens of {sent} bytes, the context holds {info.context}",
            hint="shorten the prompt, or give the model more `context`",
        )


def _message(message: Message) -> dict[str, Any]:
    value: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.images:
        import ollama

        value["images"] = [ollama.Image(value=image.data) for image in message.images]
    return value


def _logprob(entry: Any) -> TokenLogprob:
    top = tuple((other.token, below_one(other.logprob)) for other in entry.top_logprobs or ())
    return TokenLogprob(entry.token, below_one(entry.logprob), top)


def _rate(tokens: int | None, nanoseconds: int | None) -> float | None:
    return tokens / nanoseconds * 1e9 if tokens and nanoseconds else None


def _remote(facts: Mapping[str, Any]) -> str:
    """The host that Ollama forwards this model to, if it does."""
    return str(facts.get("remote_host") or facts.get("remote_model") or "")
