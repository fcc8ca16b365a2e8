"""What the reference of a model says before anybody asks its server: whether it leaves this machine, whether it sees.

The run checks the resolved endpoint again; here only what is certain from the file counts.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from orchestrator.spec.model import ModelSpec

OWN = frozenset({"llamacpp", "scripted"})
LOCAL_SERVERS = frozenset({"lmstudio", "vllm", "transformers", "mlx", "llama-server"})
AWAY = frozenset({"openai", "openrouter", "groq", "mistral", "together", "deepseek", "gemini", "anthropic"})
PROVIDERS = tuple(sorted(OWN | LOCAL_SERVERS | AWAY | {"ollama"}))
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
    """Whether calls of this model leave the machine, as far as the file tells; when in doubt they do.

    A server on loopback may forward what it gets. Presets of local servers are trusted not to, others must say
    `where: local`.
    """
    provider, _, model = spec.use.partition(":")
    if spec.where == "cloud":
        return True
    if provider in OWN:
        return False
    here = on_loopback(spec)
    if provider == "ollama":
        return model.endswith(("-cloud", ":cloud")) or not here
    return not here or not (provider in LOCAL_SERVERS or spec.where == "local")


def may_say_local(spec: ModelSpec) -> bool:
    """Whether `where: local` would make it a model of this machine, if its server is one that runs the weights itself."""
    return (
        spec.where is None
        and is_cloud(spec)
        and on_loopback(spec)
        and not is_cloud(spec.model_copy(update={"where": "local"}))
    )


def on_loopback(spec: ModelSpec) -> bool:
    """Whether the server's address is this machine."""
    if spec.url is None:
        return provider_of(spec) not in AWAY
    try:
        host = urlsplit(spec.url if "://" in spec.url else f"//{spec.url}").hostname or ""
        named = host == "localhost" or host.endswith(".localhost")
        return named or ipaddress.ip_address(host).is_loopback
    except ValueError:  # no address at all: the provider says so
        return False


def sees_images(spec: ModelSpec) -> bool | None:
    """False for embedded models, which read text only unless their name says otherwise; None where nobody knows."""
    if provider_of(spec) != "llamacpp":
        return None
    return any(word in spec.use.lower() for word in _SEEING)
