"""What the reference of a model says before anybody asks its server: whether it leaves this machine, whether it sees.

The run checks the resolved endpoint again; here only what is certain from the file counts.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from orchestrator.spec.model import ModelSpec

HERE = frozenset(
    {"llamacpp", "ollama", "scripted", "lmstudio", "vllm", "transformers", "mlx", "llama-server"}
)
AWAY = frozenset({"openai", "openrouter", "groq", "mistral", "together", "deepseek", "gemini", "anthropic"})
PROVIDERS = tuple(sorted(HERE | AWAY))
_SEEING = (
    "llava",
    "vision",
    "-vl",
    "vl:",
    "moondream",
    "minicpm-v",
    "pixtral",
    "gemma3",
    "gemma-3",
    "smolvlm",
    "omni",
)


def provider_of(spec: ModelSpec) -> str:
    return spec.use.partition(":")[0]


def is_cloud(spec: ModelSpec) -> bool:
    """Whether calls of this model leave the machine, as far as the file tells."""
    if spec.where is not None:
        return spec.where == "cloud"
    provider, _, model = spec.use.partition(":")
    if provider == "ollama" and model.endswith("-cloud"):
        return True
    if spec.url is not None:
        return not _is_loopback(spec.url)
    return provider in AWAY


def _is_loopback(url: str) -> bool:
    host = urlsplit(url if "://" in url else f"//{url}").hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def sees_images(spec: ModelSpec) -> bool | None:
    """False for embedded models, which read text only unless their name says otherwise; None where nobody knows."""
    if provider_of(spec) != "llamacpp":
        return None
    return any(word in spec.use.lower() for word in _SEEING)
