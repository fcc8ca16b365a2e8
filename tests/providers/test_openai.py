"""What the openai provider asks of each kind of server, and what it finds out about a model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from orchestrator.errors import ProviderError
from orchestrator.messages import Completion, Image, Message, ModelInfo, Request
from orchestrator.providers.openai import OpenAIModel
from orchestrator.providers.presets import GENERIC, PRESETS, Preset
from orchestrator.providers.tries import Patience
from tests.providers.contract import ask, ignore
from tests.providers.loopback import Exchange
from tests.providers.servers import SCHEMA, OpenAIServer


def _model(
    server: OpenAIServer, provider: str, model: str = "tiny", preset: Preset | None = None, **more: Any
) -> OpenAIModel:
    return OpenAIModel(
        "small",
        model,
        preset or PRESETS[provider],
        provider=provider,
        url=server.url,
        patience=Patience(tries=1),
        **more,
    )


def _with(provider: str, act: Callable[[OpenAIModel, OpenAIServer], Awaitable[Any]], **more: Any) -> Any:
    """Something done with a model of a test server."""

    async def run() -> Any:
        async with OpenAIServer() as server:
            assert isinstance(server, OpenAIServer)
            model = _model(server, provider, **more)
            try:
                return await act(model, server)
            finally:
                await model.close()

    return asyncio.run(run())


def _body(provider: str, request: Request, **more: Any) -> dict[str, Any]:
    """The body that reaches the server."""

    async def act(model: OpenAIModel, server: OpenAIServer) -> Any:
        await model.generate(request, ignore)
        return server.calls(server.chat)[0].body

    found = _with(provider, act, **more)
    assert isinstance(found, dict)
    return found


def test_sampling_parameters_have_the_servers_own_names() -> None:
    """Mapped, not dropped."""
    params = {"temperature": 0.5, "top_k": 3, "min_p": 0.1, "repeat_penalty": 1.1, "seed": 7, "stop": ["x"]}

    vllm = _body("vllm", ask(params=params))
    llama = _body("llama-server", ask(params=params))
    mistral = _body("mistral", ask(params={"seed": 7}))

    assert (vllm["repetition_penalty"], vllm["top_k"], vllm["min_p"], vllm["stop"]) == (1.1, 3, 0.1, ["x"])
    assert llama["repeat_penalty"] == 1.1
    assert mistral["random_seed"] == 7
    assert "stream_options" not in mistral


def test_a_parameter_the_server_does_not_take_is_refused() -> None:
    """Before anything is sent, and the message lists what it takes."""

    async def act(model: OpenAIModel, server: OpenAIServer) -> None:
        with pytest.raises(ProviderError, match="'top_k'") as error:
            await model.generate(ask(params={"top_k": 3}), ignore)
        assert "temperature" in error.value.hint
        assert not server.seen

    _with("openai", act)


def test_the_bound_of_the_answer_has_the_servers_own_name() -> None:
    """OpenAI's newer models refuse max_tokens."""
    assert _body("openai", ask())["max_completion_tokens"] == 24
    assert _body("vllm", ask())["max_tokens"] == 24


def test_a_model_with_its_own_temperature_is_not_asked_for_zero() -> None:
    """0 means the steadiest it can do; anything else it cannot do is refused."""
    body = _body("openai", ask(params={"temperature": 0.0, "seed": 1}), model="gpt-5-mini")
    assert "temperature" not in body
    assert body["seed"] == 1

    async def act(model: OpenAIModel, _server: OpenAIServer) -> None:
        with pytest.raises(ProviderError, match="'temperature'"):
            await model.generate(ask(params={"temperature": 0.7}), ignore)

    _with("openai", act, model="gpt-5-mini")


def test_a_full_schema_goes_as_it_is() -> None:
    """llama.cpp makes its grammar from all of it."""
    schema = {"type": "array", "items": {"type": "string", "maxLength": 9}}

    sent = _body("llama-server", ask(schema=schema))["response_format"]

    assert sent["json_schema"]["schema"] == schema
    assert sent["type"] == "json_schema"


def test_a_strict_schema_is_reshaped_for_the_cloud() -> None:
    """Every property required, no length that strict mode refuses; a field called maxLength stays."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "maxLength": 9}, "maxLength": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }

    sent = _body("openai", ask(schema=schema))["response_format"]["json_schema"]

    assert sent["strict"] is True
    assert sent["schema"]["required"] == ["a", "maxLength"]
    assert sent["schema"]["properties"]["a"] == {"type": "string"}
    assert "maxLength" in sent["schema"]["properties"]


def test_an_answer_that_is_no_object_is_wrapped_and_unwrapped() -> None:
    """The caller sees the list it asked for, in the text and in what is shown."""
    pieces: list[str] = []

    async def act(model: OpenAIModel, server: OpenAIServer) -> Any:
        server.text_for = lambda _schema, _limit: (['{"answer": ["a",', ' "b"]}'], False)  # type: ignore[method-assign, assignment]
        request = ask(schema={"type": "array", "items": {"type": "string"}})
        completion = await model.generate(request, pieces.append)
        sent = server.calls(server.chat)[0].body["response_format"]["json_schema"]["schema"]
        assert sent["required"] == ["answer"]
        return completion

    completion = _with("openai", act)

    assert isinstance(completion, Completion)
    assert json.loads(completion.text) == ["a", "b"]
    assert "".join(pieces) == completion.text


def test_servers_without_schemas_get_none() -> None:
    """JSON mode where that is all there is."""
    assert _body("deepseek", ask(schema=SCHEMA))["response_format"] == {"type": "json_object"}
    assert "response_format" not in _body("mlx", ask(schema=SCHEMA))
    assert "response_format" not in _body("transformers", ask(schema=SCHEMA))


def test_images_go_as_data_addresses() -> None:
    """Beside the text."""
    request = Request((Message("user", "What is it?", (Image(b"\x89PNG", "image/png"),)),), 9)

    content = _body("vllm", request)["messages"][0]["content"]

    assert content[0] == {"type": "text", "text": "What is it?"}
    assert content[1]["image_url"]["url"] == "data:image/png;base64,iVBORw=="


def test_usage_and_timings_are_the_servers() -> None:
    """Cached tokens, tokens per second, thinking apart from the text."""

    async def act(model: OpenAIModel, _server: OpenAIServer) -> Any:
        return await model.generate(ask(), ignore)

    completion = _with("llama-server", act)

    assert isinstance(completion, Completion)
    assert (completion.usage.prompt, completion.usage.completion, completion.usage.cached) == (12, 6, 8)
    assert completion.timings.prompt_rate == 100.0
    assert completion.timings.generation_rate == 50.0
    assert completion.thinking == "hm"


def test_usage_is_estimated_where_the_server_does_not_say() -> None:
    """Marked as such."""

    async def act(model: OpenAIModel, _server: OpenAIServer) -> Any:
        return await model.generate(ask(), ignore)

    completion = _with("transformers", act)

    assert isinstance(completion, Completion)
    assert completion.usage.estimated
    assert completion.usage.completion >= 6


# ----------------------------------------------------------------------------------------------- looking up


def _prepared(provider: str, **more: Any) -> ModelInfo:
    facts = more.pop("facts", {})

    async def with_facts(model: OpenAIModel, server: OpenAIServer) -> Any:
        server.model_facts = facts
        return await model.prepare()

    found = _with(provider, with_facts, **more)
    assert isinstance(found, ModelInfo)
    return found


def test_the_context_is_the_servers_where_it_says() -> None:
    """vLLM in its list, llama-server in /props, else the user, else the preset."""
    assert _prepared("vllm", facts={"max_model_len": 2048}).context == 2048
    assert _prepared("llama-server").context == 4096
    assert _prepared("llama-server").slots == 3
    assert (
        _prepared("lmstudio", facts={"loaded_context_length": 1000, "max_context_length": 9000}).context
        == 1000
    )
    assert _prepared("lmstudio", context=512).context == 512
    assert _prepared("lmstudio").context == PRESETS["lmstudio"].context


def test_servers_that_keep_prompts_say_so() -> None:
    """One slot or several; a server with a store of blocks, or of which nobody knows it, is asked as steps get ready."""
    assert {name for name in PRESETS if _prepared(name).prefixes} == {"llama-server", "lmstudio", "mlx"}


def test_a_server_on_this_machine_may_be_that_of_llama_cpp() -> None:
    """Named by its address alone, it says how many slots it has; then it is counted by its own tokenizer too."""

    async def act(model: OpenAIModel, server: OpenAIServer) -> Any:
        return await model.prepare(), await model.count([Message("user", "hello there")])

    info, count = _with("openai", act, preset=GENERIC, local=True)

    assert (info.slots, info.context, info.prefixes, count.exact) == (3, 4096, True, True)


@pytest.mark.parametrize("said", [{}, [], {"total_slots": "4"}, {"total_slots": True}, "no", None])
def test_another_server_stays_what_it_was(said: Any) -> None:
    """What it says at that address is somebody else's business."""

    async def props(exchange: Exchange) -> None:
        await exchange.send_json(said, 404 if said is None else 200)

    async def act(model: OpenAIModel, server: OpenAIServer) -> Any:
        server.routes["/props"] = props
        return await model.prepare()

    info = _with("openai", act, preset=GENERIC, local=True)

    assert (info.slots, info.context, info.prefixes) == (GENERIC.slots, GENERIC.context, False)


def test_a_server_elsewhere_is_not_asked_what_it_is() -> None:
    """Nor is a number of slots believed that no machine has."""

    async def asked(model: OpenAIModel, server: OpenAIServer) -> Any:
        info = await model.prepare()
        return info.prefixes, server.calls("/props")

    async def absurd(exchange: Exchange) -> None:
        await exchange.send_json({"total_slots": 10**9})

    async def many(model: OpenAIModel, server: OpenAIServer) -> Any:
        server.routes["/props"] = absurd
        return await model.prepare()

    assert _with("openai", asked, preset=GENERIC, local=False) == (False, [])
    assert _with("llama-server", many).slots == 64


def test_more_context_than_the_server_holds_is_refused() -> None:
    """It would be cut silently there."""
    with pytest.raises(ProviderError, match="more than the 4096") as error:
        _prepared("llama-server", context=8192)

    assert error.value.kind == "overflow"


def test_a_model_that_is_not_there_is_told_with_those_that_are() -> None:
    """And the nearest."""
    with pytest.raises(ProviderError, match="it has: tiny, other") as error:
        _prepared("vllm", model="tinny")

    assert error.value.kind == "not_found"
    assert "'tiny'" in error.value.hint


def test_a_model_that_vanished_is_told_with_those_that_are() -> None:
    """A 404 in the call itself asks for the list."""

    async def act(model: OpenAIModel, server: OpenAIServer) -> None:
        server.faults.append("not-found")
        with pytest.raises(ProviderError, match="it has: tiny, other"):
            await model.generate(ask(), ignore)

    _with("vllm", act)


def test_a_server_without_a_list_of_models_is_believed() -> None:
    """The list is an extra of the protocol."""

    async def act(model: OpenAIModel, server: OpenAIServer) -> Any:
        del server.routes["/v1/models"]
        return await model.prepare()

    assert _with("openai", act, preset=GENERIC).context == GENERIC.context


def test_a_counter_that_fails_gives_an_estimate() -> None:
    """Marked as one."""

    async def broken(exchange: Exchange) -> None:
        await exchange.send_json({"error": "no"}, 500)

    async def act(model: OpenAIModel, server: OpenAIServer) -> Any:
        server.routes["/tokenize"] = broken
        return await model.count([Message("user", "hello there")])

    count = _with("llama-server", act)

    assert count.tokens > 0
    assert not count.exact
