"""This machine at a moment, for the screen: memory, and the models that are loaded by whom.

Asks our own hosts, and Ollama where the environment names one on this machine; nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from orch_tui.ports import Machine, Resident
from orchestrator.cli.loopback import ask

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.providers.hosts import Running

PATIENCE = 0.3
"""Seconds a server on this machine has to answer."""


def machine(config: Config, environ: Mapping[str, str]) -> Machine:
    """Memory and residents now. Blocks for a moment; what cannot be found out is left out."""
    from orchestrator.providers.hosts import Hosts
    from orchestrator.providers.machine import memory_available, memory_total

    hosts = Hosts(config.runtime / "hosts", environ=environ).running()
    loaded = [*map(resident, hosts), *_ollama(environ)]
    return Machine(memory_total(), memory_available(), tuple(sorted(loaded, key=lambda one: one.name)))


def resident(host: Running) -> Resident:
    """A model host of ours; how many of its slots are busy, it says itself."""
    if host.state is None:
        return Resident(host.identity, "llamacpp", "loading")
    launch = host.state.launch
    busy = _busy(host.state.url, host.state.key)
    at_work = host.used if busy is None else busy > 0
    return Resident(
        launch.name,
        "llamacpp",
        "busy" if at_work else "idle",
        memory=memory_of(host.state.pid),
        context=launch.context,
        slots=launch.slots,
        busy=busy,
    )


def memory_of(pid: int) -> int | None:
    """Bytes that a process and those it started hold in memory; None when it is gone."""
    import psutil

    try:
        process = psutil.Process(pid)
        return sum(int(one.memory_info().rss) for one in (process, *process.children(recursive=True)))
    except psutil.Error:
        return None


def _busy(url: str, key: str) -> int | None:
    answer = ask(url, "/slots", seconds=PATIENCE, headers={"Authorization": f"Bearer {key}"})
    if not isinstance(answer, list):
        return None
    return sum(isinstance(slot, dict) and slot.get("is_processing") is True for slot in answer)


def _ollama(environ: Mapping[str, str]) -> list[Resident]:
    """What Ollama holds, when OLLAMA_HOST says that it is here."""
    from orchestrator.errors import OrchError
    from orchestrator.providers.registry import ollama_here

    if not environ.get("OLLAMA_HOST", "").strip():
        return []
    try:
        answer = ask(ollama_here(environ), "/api/ps", seconds=PATIENCE)
    except OrchError:  # it is elsewhere, or no address
        return []
    models = answer.get("models") if isinstance(answer, dict) else None
    return [_loaded(model) for model in models if isinstance(model, dict)] if isinstance(models, list) else []


def _loaded(model: Mapping[str, Any]) -> Resident:
    """Ollama does not say whether a model is at work."""
    name = str(model.get("name") or model.get("model") or "?")[:200]
    size, context = model.get("size"), model.get("context_length")
    return Resident(
        name,
        "ollama",
        "idle",
        memory=size if isinstance(size, int) else None,
        context=context if isinstance(context, int) else None,
        until=_moment(model.get("expires_at")),
    )


def _moment(text: Any) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):
        return None
