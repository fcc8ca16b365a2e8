"""What `orch doctor` says of the embedded engine and of the models that it computes."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator.cli.download import megabytes
from orchestrator.cli.finding import Finding, existing, version_of

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.providers.catalog import Entry
    from orchestrator.providers.lineage import Form
    from orchestrator.providers.model_store import ModelStore, Weights


def engine() -> list[Finding]:
    topic = "Inference engine"
    try:
        import xllamacpp
    except ImportError as error:
        hint = f"pip install --force-reinstall xllamacpp  (Python {platform.python_version()}, {platform.machine()})"
        return [Finding(topic, "problem", f"the embedded engine does not load: {error}", hint)]
    features = [
        part.strip() for part in str(xllamacpp.get_system_info()).split("|") if part.strip().endswith("= 1")
    ]
    names = " ".join(part.split("=")[0].strip().removeprefix("CPU :").strip() for part in features)
    devices = [d for d in xllamacpp.get_device_info() if str(d.get("name")) != "CPU"]
    found = [Finding(topic, "ok", f"xllamacpp {version_of('xllamacpp')}, CPU build with {names}")]
    for device in devices:
        memory = megabytes(int(device.get("memory_total", 0)))
        found.append(
            Finding(topic, "ok", f"uses {device.get('name')} {device.get('description', '')} ({memory})")
        )
    if not devices and shutil.which("nvidia-smi"):
        found.append(
            Finding(
                topic,
                "warning",
                "there is an NVIDIA GPU, but the engine is a CPU build",
                "install a CUDA build of xllamacpp",
            )
        )
    return found


def server_engine(config: Config, environ: Mapping[str, str]) -> list[Finding]:
    """A `llama-server` on the path, and for which models it takes the place of the embedded engine."""
    from orchestrator.providers.engine_served import found_server, is_unchanged
    from orchestrator.providers.model_store import ModelStore

    topic = "Inference engine"
    store = ModelStore(config.models, environ=environ, offline=config.offline)
    served = [(weights.name, store.lineage.of(weights.sha256)) for weights in store.installed()]
    found = []
    for name, form in served:
        if form is not None and form.engine:
            same = is_unchanged(form.engine, form.engine_seen)
            words = f"{name} is computed by {form.engine_version} at {form.engine}"
            gone = (
                f"{name}: {form.engine} is not the {form.engine_version} that was measured, so it is not used"
            )
            hint = "" if same else f"orch models optimize {name} --again"
            found.append(Finding(topic, "ok" if same else "warning", words if same else gone, hint))
    server = found_server(environ)
    if server and not found:
        words = f"{server} is there; the embedded engine is used where nobody has measured which is faster"
        found.append(Finding(topic, "note", words, "orch models optimize NAME"))
    return found


def models(config: Config, environ: Mapping[str, str]) -> list[Finding]:
    from orchestrator.errors import ProviderError
    from orchestrator.providers.catalog import CATALOG, DEFAULT
    from orchestrator.providers.model_store import ModelStore

    topic = "Models"
    place = existing(config.models)
    store, found = ModelStore(config.models, environ=environ, offline=config.offline), []
    if not os.access(place, os.W_OK):
        found.append(
            Finding(topic, "problem", f"{place} cannot be written", "make it writable, or set ORCH_HOME")
        )
    installed = store.installed()
    for weights in installed:
        form = store.lineage.of(weights.sha256)
        if form is not None and form.form:
            found.append(_optimised(store, weights, form))
        if form is not None and form.dropped:
            continue
        try:
            store.check(weights)
            found.append(
                Finding(topic, "ok", f"{weights.name} is here ({megabytes(weights.bytes)}, sha256 checked)")
            )
        except ProviderError as error:
            found.append(Finding(topic, "problem", error.message, error.hint))
    unmeasured = [weights.name for weights in installed if _may_be_faster(store, weights)]
    if unmeasured:
        words = f"another form of the same weights may be faster here: {', '.join(unmeasured)}"
        found.append(Finding(topic, "note", words, f"orch models optimize {unmeasured[0]}"))
    if not installed:
        hint = f"orch models pull {DEFAULT}  ({megabytes(98_362_432)})"
        found.append(
            Finding(topic, "problem" if config.offline else "note", "no model is on this machine yet", hint)
        )
    fit = [entry.name for entry in CATALOG if not entry.embedding and fits(entry)]
    large = [entry.name for entry in CATALOG if not entry.embedding and not fits(entry)]
    found.append(Finding(topic, "ok", f"fit into the free memory: {', '.join(fit) or 'none'}"))
    if large:
        found.append(Finding(topic, "note", f"do not fit: {', '.join(large)}"))
    return found


def _optimised(store: ModelStore, weights: Weights, form: Form) -> Finding:
    if store.in_form(weights) is None:
        words = f"{weights.name}: its form {form.form} is damaged"
        hint = f"orch models optimize {weights.name} --again"
        return Finding("Models", "problem" if form.dropped else "warning", words, hint)
    return Finding(
        "Models",
        "ok",
        f"{weights.name} is used as {form.form} ({megabytes(form.bytes)}), made of {form.origin}",
    )


def _may_be_faster(store: ModelStore, weights: Weights) -> bool:
    """Whether nobody has measured it, and it is a model that answers."""
    from orchestrator.providers.catalog import find

    entry = find(weights.name)
    return store.lineage.of(weights.sha256) is None and not (entry is not None and entry.embedding)


def fits(entry: Entry, available: int | None = None) -> bool:
    """Whether a model with its default context fits into the memory that is free now."""
    from orchestrator.providers.gguf import Header
    from orchestrator.providers.host import Launch
    from orchestrator.providers.llamacpp import shape
    from orchestrator.providers.machine import memory_available, memory_total

    header = Header("", "", entry.context, entry.kv_bytes, embedding=False, has_template=True)
    context, slots = shape(None, header, entry.bytes, memory_total())
    launch = Launch("", "", "", context, slots, entry.bytes, entry.kv_bytes)
    return launch.memory <= (memory_available() if available is None else available)


def hosts(config: Config, environ: Mapping[str, str]) -> list[Finding]:
    from orchestrator.providers.hosts import Hosts

    running = Hosts(config.runtime / "hosts", environ=environ).running()
    names = [host.state.launch.name if host.state else "one that is loading" for host in running]
    return [Finding("Models", "note", f"loaded now: {', '.join(names)}", "orch models ps")] if names else []


__all__ = ["engine", "fits", "hosts", "models", "server_engine"]
