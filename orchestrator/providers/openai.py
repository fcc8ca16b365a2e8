"""Any server that speaks OpenAI's API, through the `openai` client on the guarded transport.

The client builds and sends the request; its answer is read by our own strict reader, because the client lets an
empty, cut or foreign answer pass as a success. Its retries and its use of the environment are off.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from orchestrator.errors import ProviderError
from orchestrator.messages import Completion, Message, ModelInfo, Request, TokenCount
from orchestrator.ports import Emit
from orchestrator.providers.chat import TOP_LOGPROBS as ENGINE_TOP
from orchestrator.providers.chat import ChatServer, drain, messages_of, schema_format
from orchestrator.providers.chunks import Chunks
from orchestrator.providers.estimate import estimate
from orchestrator.providers.faults import clip, of_exception
from orchestrator.providers.loading import once_loaded
from orchestrator.providers.marks import ANY_SERVER, unmarked
from orchestrator.providers.presets import GENERIC, PRESETS, Preset
from orchestrator.providers.sse import objects
from orchestrator.providers.transport import Lookup, client, look_up
from orchestrator.providers.tries import Patience, try_often
from orchestrator.spec.schema import is_object, strict, unwrap, wrap

_OWN_TEMPERATURE = re.compile(r"^(gpt-5|o\d)")
"""OpenAI's models that sample at a temperature of their own and refuse the parameter."""
_UNBOUNDED = frozenset({"minLength", "maxLength", "format"})
"""Keywords that OpenAI's strict mode refuses; the answer is validated against them afterwards."""
MOST_SLOTS = 64
"""More requests at once than that are not sent, whatever a server says of itself."""
TOP_LOGPROBS = 20
"""What OpenAI, vLLM, DeepSeek and OpenRouter give at most."""


class OpenAIModel:
    """One model of one server.

    `context` is what the user says; else what the server says; else the preset's. `where` facts come from the registry.
    """

    def __init__(
        self,
        name: str,
        model: str,
        preset: Preset,
        *,
        provider: str,
        url: str,
        key: str = "",
        local: bool = False,
        context: int | None = None,
        patience: Patience | None = None,
        lookup: Lookup = look_up,
    ) -> None:
        self.name = name
        self.model = model
        self.preset = preset
        self.provider = provider
        self.local = local
        self.context = context
        self.server = ChatServer(url, model=model, key=key, patience=patience, lookup=lookup)
        self._key = key
        self._info: ModelInfo | None = None
        self._sdk: Any = None

    def __repr__(self) -> str:
        return f"OpenAIModel({self.name!r}, {self.provider}:{self.model} at {self.server.where})"

    # ------------------------------------------------------------------------------------------- protocol

    async def prepare(self) -> ModelInfo:
        if self._info is None:
            self._client()  # loading the SDK takes a while: here it delays no answer
            sleep = self.server.patience.sleep
            found = await once_loaded(self._look_up, sleep=sleep) if self.preset.lists_models else {}
            context, slots = await self._sizes(found)
            self._info = ModelInfo(
                name=self.name,
                ref=f"{self.provider}:{self.model}",
                provider=self.provider,
                context=context,
                slots=slots,
                local=self.local,
                endpoint=self.server.where,
                sees=True,
                logprobs=self._tells,
                takes=frozenset(self._known),
                prefixes=self.preset.prefixes,
            )
        return self._info

    async def count(self, messages: Sequence[Message]) -> TokenCount:
        """By the server's tokenizer where it has one, else an estimate."""
        messages = self._unmarked(messages)
        plain = not any(message.images for message in messages)
        try:
            if self.preset.counts == "llama-server" and plain:
                return await llama_count(self.server, messages)
            if self.preset.counts == "vllm" and plain:
                body = {"model": self.model, "messages": messages_of(tuple(messages))}
                return TokenCount(int((await self.server.post("/tokenize", body))["count"]), exact=True)
        except (ProviderError, KeyError, TypeError, ValueError):
            return estimate(
                messages
            )  # a counter that does not answer stops no run; the call itself will tell
        return estimate(messages)

    async def generate(self, request: Request, emit: Emit) -> Completion:
        body = self._body(request)
        wrapped = (
            self.preset.schema == "strict" and request.schema is not None and not is_object(request.schema)
        )

        async def once(pieces: Emit) -> Completion:
            shown = (lambda _: pieces("")) if wrapped else pieces
            sleep = self.server.patience.sleep
            return await once_loaded(lambda: self._once(body, shown), lambda: pieces(""), sleep=sleep)

        completion = await try_often(self.name, request, emit, once, self.server.patience)
        if wrapped:
            completion = replace(completion, text=_unwrapped(completion.text))
            emit(completion.text)
        return completion

    async def close(self) -> None:
        if self._sdk is not None:
            sdk, self._sdk = self._sdk, None
            await sdk.close()
        await self.server.close()

    # --------------------------------------------------------------------------------------------- asking

    async def _once(self, body: Mapping[str, Any], emit: Emit) -> Completion:
        import httpx2
        import openai

        where = self.server.where
        chunks = Chunks(where, self.model, emit)
        try:
            call = self._client().chat.completions.with_streaming_response.create(
                model=self.model,
                messages=body["messages"],
                stream=True,
                extra_body={key: value for key, value in body.items() if key != "messages"},
                extra_headers={"Accept": "text/event-stream"},
            )
            async with call as response:
                parts = response.http_response.aiter_raw()
                async for chunk in objects(parts, where):
                    chunks.feed(chunk)
                await drain(parts)
        except (ProviderError, openai.OpenAIError, httpx2.HTTPError) as error:
            raise await self._named(of_exception(error, where)) from None
        return chunks.completion()

    def _client(self) -> Any:
        if self._sdk is None:
            import httpx2
            import openai

            patience = self.server.patience
            self._sdk = openai.AsyncOpenAI(
                # the transport puts the real key in; the client would take one from the environment
                api_key="unused",
                base_url=self.server.where,
                max_retries=0,
                timeout=httpx2.Timeout(None, connect=patience.connect),
                http_client=client(
                    httpx2,
                    self.server.place,
                    key=self._key,
                    connect=patience.connect,
                    lookup=self.server.lookup,
                ),
            )
        return self._sdk

    async def _named(self, fault: ProviderError) -> ProviderError:
        """A model that is not there, with those that are."""
        if fault.kind != "not_found":
            return fault
        try:
            return self._missing(await self._models())
        except ProviderError:
            return fault

    # --------------------------------------------------------------------------------------------- bodies

    def _unmarked(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """What a server on this machine fills into a template of its own; a cloud guards its own."""
        return unmarked(messages, ANY_SERVER if self.local else None)

    def _body(self, request: Request) -> dict[str, Any]:
        preset = self.preset
        body: dict[str, Any] = {
            "messages": messages_of(self._unmarked(request.messages)),
            preset.limit: request.max_tokens,
            **self._sampling(request.params),
        }
        if preset.usage_option:
            body["stream_options"] = {"include_usage": True}
        if request.schema is not None and preset.schema != "none":
            body["response_format"] = self._format(request.schema)
        if request.logprobs:
            if not self._tells:
                raise ProviderError(
                    "refused", f"{preset.title} gives no log-probabilities (model '{self.name}')"
                )
            same_engine = preset.counts == "llama-server"
            body |= {"logprobs": True, "top_logprobs": ENGINE_TOP if same_engine else TOP_LOGPROBS}
        return body

    @property
    def _tells(self) -> bool:
        """Whether it gives log-probabilities; OpenAI's models that reason refuse them."""
        return self.preset.logprobs and not self._reasons

    @property
    def _reasons(self) -> bool:
        return self.provider == "openai" and _OWN_TEMPERATURE.match(self.model) is not None

    @property
    def _known(self) -> Mapping[str, str]:
        """The sampling parameters it takes, by the server's own names."""
        if self._reasons:
            return {name: own for name, own in self.preset.params.items() if name == "seed"}
        return self.preset.params

    def _sampling(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters under the server's own names. Raises ProviderError for one it does not take."""
        known = self._known
        if "temperature" not in known and params.get("temperature") == 0:
            # 0 asks for the steadiest answer, which is what such a model gives by itself
            params = {name: value for name, value in params.items() if name != "temperature"}
        wrong = next((name for name in params if name not in known), None)
        if wrong is not None:
            raise ProviderError(
                "refused",
                f"model '{self.name}' ({self.provider}:{self.model}) takes no parameter '{wrong}'",
                hint=f"it takes {', '.join(known)}" if known else "remove it from `params`",
            )
        return {known[name]: value for name, value in params.items()}

    def _format(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        match self.preset.schema:
            case "json":
                return {"type": "json_object"}
            case "strict":
                return schema_format(_without(strict(wrap(schema)), _UNBOUNDED))
            case _:
                return schema_format(schema)

    # ----------------------------------------------------------------------------------------- looking up

    async def _look_up(self) -> Mapping[str, Any]:
        """What /models says of this model. Raises ProviderError when it is not in the list."""
        models = await self._models()
        found = next((entry for entry in models if _same(str(entry.get("id")), self.model)), None)
        if found is not None:
            return found
        if self.preset.title.startswith("llama-server") and len(models) == 1:
            return models[0]  # it serves one model under whatever name
        if not models:
            return {}
        raise self._missing(models)

    async def _models(self) -> list[Mapping[str, Any]]:
        path = self.server.where.removeprefix(self.server.place.root) + "/models"
        try:
            listed = await self.server.get(path)
        except ProviderError as error:
            if error.kind in ("refused", "not_found"):
                return []  # a server without a list of models is still a server
            raise
        entries = listed.get("data") if isinstance(listed, Mapping) else listed
        if not isinstance(entries, list):
            return []
        return [entry for entry in entries if isinstance(entry, Mapping) and "id" in entry]

    def _missing(self, models: Sequence[Mapping[str, Any]]) -> ProviderError:
        names = [str(entry["id"]) for entry in models]
        near = get_close_matches(self.model, names, n=1)
        shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
        return ProviderError(
            "not_found",
            f"{self.server.where} has no model '{self.model}'; it has: {clip(shown) or 'none'}",
            hint=f"did you mean '{near[0]}'?" if near else "load it in the server, or name one that is there",
        )

    async def _sizes(self, found: Mapping[str, Any]) -> tuple[int, int]:
        """Context and slots: the server's word bounds the user's."""
        stated, slots = _stated_context(found), self.preset.slots
        if self.preset.counts == "llama-server" or (self.preset is GENERIC and self.local):
            props = await self._properties()
            settings, count = props.get("default_generation_settings"), props.get("total_slots")
            if isinstance(settings, Mapping) and isinstance(settings.get("n_ctx"), int):
                stated = settings["n_ctx"]
            if isinstance(count, int) and not isinstance(count, bool):
                slots = min(max(1, count), MOST_SLOTS)
                self.preset = PRESETS["llama-server"]  # whatever it was called: nothing else says that
        if self.context is None:
            return stated or self.preset.context, slots
        if stated is not None and self.context > stated:
            raise ProviderError(
                "overflow",
                f"model '{self.name}': `context: {self.context}` is more than the {stated} the server holds",
                hint="start the server with more, or lower `context`",
            )
        return self.context, slots

    async def _properties(self) -> Mapping[str, Any]:
        """What llama.cpp's server says of itself; nothing where it is another one.

        Its list of models may be open to everybody: a wrong key shows here first.
        """
        try:
            props = await self.server.get("/props")
        except ProviderError as error:
            if error.kind == "auth" and self.preset.counts == "llama-server":
                raise
            return {}
        return props if isinstance(props, Mapping) else {}


async def llama_count(server: ChatServer, messages: Sequence[Message]) -> TokenCount:
    """Tokens by llama.cpp's own chat template and tokenizer. Raises ProviderError, KeyError, TypeError."""
    applied = await server.post("/apply-template", {"messages": messages_of(tuple(messages))})
    found = await server.post(
        "/tokenize", {"content": applied["prompt"], "add_special": True, "parse_special": True}
    )
    return TokenCount(len(found["tokens"]), exact=True)


def _stated_context(found: Mapping[str, Any]) -> int | None:
    """vLLM, LM Studio, OpenRouter, Groq, Together and Mistral each say it under another name."""
    for key in (
        "max_model_len",
        "loaded_context_length",
        "context_length",
        "context_window",
        "max_context_length",
    ):
        value = found.get(key)
        if isinstance(value, int) and value > 0:
            return value
    return None


def _same(listed: str, wanted: str) -> bool:
    return listed in (wanted, f"models/{wanted}")


def _unwrapped(text: str) -> str:
    """The wrapped answer without its wrapper; text that is no JSON stays, the validation will say so."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return json.dumps(unwrap(value), ensure_ascii=False)


def _without(value: Any, keywords: frozenset[str]) -> Any:
    """A schema without some keywords; a property that is called like one stays."""
    if isinstance(value, Mapping):
        return {
            key: {name: _without(part, keywords) for name, part in inner.items()}
            if key == "properties" and isinstance(inner, Mapping)
            else _without(inner, keywords)
            for key, inner in value.items()
            if key not in keywords
        }
    return [_without(part, keywords) for part in value] if isinstance(value, list) else value
