"""What is known of the servers that speak OpenAI's API: address, key, and what each takes or refuses. Pure data.

Sources: the servers' own API references; where one is silent, the stricter reading (a parameter it does not list is refused).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from orchestrator.light import light

COMMON = ("temperature", "top_p", "seed", "stop")
_LLAMA = {"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repeat_penalty"}
_VLLM = {"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repetition_penalty"}


@light(frozen=True, slots=True)
class Preset:
    """One kind of server.

    `local`: on loopback it runs its own weights. `schema`: `full` takes any JSON Schema, `strict` OpenAI's subset of
    it with an object on top, `json` only promises JSON, `none` constrains nothing (every answer is validated anyway).
    `params` maps our names of sampling parameters to its own. `limit` is its name for the bound of the answer.
    `counts` names the way to its tokenizer. `slots` is how many requests at once are sensible; `prefixes` says that each
    keeps the prompt of its last request, see `ModelInfo`.
    """

    title: str
    url: str
    key: str = ""
    local: bool = False
    schema: Literal["full", "strict", "json", "none"] = "strict"
    params: Mapping[str, str] = field(default_factory=lambda: {name: name for name in COMMON})
    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    usage_option: bool = True
    logprobs: bool = False
    counts: Literal["llama-server", "vllm", ""] = ""
    lists_models: bool = True
    context: int = 8192
    slots: int = 8
    prefixes: bool = False


def _params(*names: str, **renamed: str) -> Mapping[str, str]:
    return {name: name for name in names} | renamed


_CLOUD = 128_000

PRESETS: Mapping[str, Preset] = {
    # on this machine
    "lmstudio": Preset(
        "LM Studio", "http://127.0.0.1:1234/v1", local=True, schema="full",
        params=_params(*COMMON, **_LLAMA), slots=1, prefixes=True,
    ),
    "vllm": Preset(
        "vLLM", "http://127.0.0.1:8000/v1", local=True, schema="full", params=_params(*COMMON, **_VLLM),
        logprobs=True, counts="vllm", slots=16,
    ),
    "transformers": Preset(
        "transformers serve", "http://127.0.0.1:8000/v1", local=True, schema="none",
        params=_params("temperature", "top_p", "seed"), usage_option=False, slots=1,
    ),
    "mlx": Preset(
        "mlx_lm.server", "http://127.0.0.1:8080/v1", local=True, schema="none",
        params=_params(*COMMON, **_VLLM), slots=1, prefixes=True,
    ),
    "llama-server": Preset(
        "llama-server (llama.cpp)", "http://127.0.0.1:8080/v1", local=True, schema="full",
        params=_params(*COMMON, **_LLAMA), logprobs=True, counts="llama-server", slots=1,
        prefixes=True,
    ),
    # elsewhere
    "openai": Preset(
        "OpenAI", "https://api.openai.com/v1", "OPENAI_API_KEY", limit="max_completion_tokens", logprobs=True,
        context=_CLOUD,
    ),
    "openrouter": Preset(
        "OpenRouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY",
        params=_params(*COMMON, **_VLLM), logprobs=True, context=32_768,
    ),
    "groq": Preset(
        "Groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", limit="max_completion_tokens", context=_CLOUD,
    ),
    "mistral": Preset(
        "Mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY",
        params=_params("temperature", "top_p", "stop", seed="random_seed"), usage_option=False, context=32_768,
    ),
    "together": Preset(
        "Together", "https://api.together.xyz/v1", "TOGETHER_API_KEY",
        params=_params(*COMMON, **_VLLM), context=32_768,
    ),
    "deepseek": Preset(
        "DeepSeek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", schema="json",
        params=_params("temperature", "top_p", "stop"), logprobs=True, context=64_000,
    ),
    "gemini": Preset(
        "Gemini", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY",
        params=_params("temperature", "top_p", "stop"), context=_CLOUD,
    ),
    "anthropic": Preset(
        "Anthropic", "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", schema="none",
        params=_params("temperature", "top_p", "stop"), lists_models=False, context=200_000,
    ),
}  # fmt: skip

GENERIC = Preset(
    "an OpenAI-compatible server",
    "",
    schema="full",
    params=_params(*COMMON, **_LLAMA),
    logprobs=True,
    slots=4,
)
"""`openai:` with a `url:` of its own: nothing is known but the protocol."""


def preset_for(provider: str, url: str | None) -> Preset:
    """The preset of a provider; `openai` at another address is any compatible server."""
    return GENERIC if provider == "openai" and url is not None else PRESETS[provider]
