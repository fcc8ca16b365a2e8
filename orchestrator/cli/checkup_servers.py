"""What `orch doctor` says of model servers that listen on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.cli.finding import Finding
from orchestrator.cli.loopback import ask

PATIENCE = 0.5
"""Seconds a server on this machine has to answer."""
MANY_TOKENS = 4096
TOPIC = "Model servers on this machine"


@dataclass(frozen=True, slots=True)
class Server:
    """A kind of model server, where it listens by default, and a path that tells what it has."""

    name: str
    url: str
    path: str
    reference: str


SERVERS = (
    Server("Ollama", "http://127.0.0.1:11434", "/api/tags", "ollama:NAME"),
    Server("LM Studio", "http://127.0.0.1:1234", "/v1/models", "lmstudio:NAME"),
    Server("vLLM", "http://127.0.0.1:8000", "/v1/models", "vllm:NAME"),
    Server("llama-server", "http://127.0.0.1:8080", "/v1/models", "llama-server:NAME"),
)


def servers_here(environ: Mapping[str, str], servers: Sequence[Server]) -> list[Finding]:
    """Those that answer and what they have; those that do not."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(servers) or 1) as pool:
        answers = list(pool.map(_ask, servers))
    found = [
        finding
        for server, answer in zip(servers, answers, strict=True)
        for finding in _answered(server, answer)
    ]
    silent = [server.name for server, answer in zip(servers, answers, strict=True) if answer is None]
    if silent:
        found.append(Finding(TOPIC, "note", f"not running: {', '.join(silent)} (none is needed)"))
    return found + _ollama_elsewhere(environ)


def _ask(server: Server) -> list[str] | None:
    """The models a server has, or None when it does not answer as such a server would."""
    answer = ask(server.url, server.path, seconds=PATIENCE)
    entries = (answer.get("models") or answer.get("data") or []) if isinstance(answer, dict) else None
    return None if not isinstance(entries, list) else [_name(entry) for entry in entries]


def _name(entry: Any) -> str:
    found = (entry.get("name") or entry.get("id")) if isinstance(entry, dict) else None
    return str(found)[:80]


def _answered(server: Server, models: list[str] | None) -> list[Finding]:
    if models is None:
        return []
    shown = ", ".join(models[:8]) + (f" and {len(models) - 8} more" if len(models) > 8 else "")
    found = [
        Finding(
            TOPIC,
            "ok",
            f"{server.name} answers at {server.url}: {shown or 'no models'}",
            f"use: {server.reference}",
        )
    ]
    if server.name == "Ollama":
        trap = (
            f"Ollama by itself cuts prompts to {MANY_TOKENS} tokens without a word; orch always asks for the context "
            "a model's `context:` names"
        )
        found.append(Finding(TOPIC, "note", trap))
    return found


def _ollama_elsewhere(environ: Mapping[str, str]) -> list[Finding]:
    from orchestrator.errors import OrchError
    from orchestrator.providers.address import is_loopback

    host = environ.get("OLLAMA_HOST", "").strip()
    if not host or host.startswith("0.0.0.0"):  # noqa: S104 - a server's bind address, read and not bound
        return []
    try:
        here = is_loopback(host)
    except OrchError:
        return [Finding(TOPIC, "warning", f"OLLAMA_HOST is no address: {host}")]
    if here:
        return []
    words = f"OLLAMA_HOST points off this machine ({host}): what goes there leaves it, and counts as cloud"
    return [Finding(TOPIC, "warning", words)]


__all__ = ["SERVERS", "Server", "servers_here"]
