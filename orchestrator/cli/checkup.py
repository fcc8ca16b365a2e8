"""The findings of `orch doctor`: one small function per topic. Knows no terminal."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.cli.download import megabytes
from orchestrator.cli.loopback import ask

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.providers.catalog import Entry
    from orchestrator.providers.lineage import Form
    from orchestrator.providers.model_store import ModelStore, Weights

Level = Literal["ok", "note", "warning", "problem"]
PATIENCE = 0.5
"""Seconds a server on this machine has to answer."""
MANY_TOKENS = 4096
LEAST_DISK = 1 << 30
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
EXTRAS = {"huggingface_hub": "hf", "pypdf": "pdf", "psycopg": "postgres", "pydantic_monty": "pure"}


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


@dataclass(frozen=True, slots=True)
class Finding:
    topic: str
    level: Level
    text: str
    hint: str = ""

    def as_map(self) -> dict[str, str]:
        return asdict(self)


def checkup(config: Config, environ: Mapping[str, str], servers: Sequence[Server] = SERVERS) -> list[Finding]:
    """Everything worth knowing, topic by topic."""
    return [
        *_python(),
        *_engine(),
        *_server_engine(config, environ),
        *_machine(config),
        *_models(config, environ),
        *_hosts(config, environ),
        *_servers(environ, servers),
        *_network(config, environ),
        *_sandbox(),
        *_runs(config),
        *_settings(config),
    ]


def _python() -> list[Finding]:
    topic = "Python"
    found = [
        Finding(
            topic,
            "ok",
            f"orch {_version('orch')} on Python {platform.python_version()}, {platform.platform()}",
        )
    ]
    missing = [
        f"{package} (pip install 'orch[{extra}]')" for package, extra in EXTRAS.items() if not _has(package)
    ]
    if missing:
        found.append(Finding(topic, "note", f"optional, not installed: {', '.join(missing)}"))
    if not _has("pip"):
        found.append(
            Finding(
                topic,
                "warning",
                "pip is missing, so models in Python packages cannot be fetched",
                "python -m ensurepip",
            )
        )
    return found


def _engine() -> list[Finding]:
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
    found = [Finding(topic, "ok", f"xllamacpp {_version('xllamacpp')}, CPU build with {names}")]
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


def _server_engine(config: Config, environ: Mapping[str, str]) -> list[Finding]:
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


def _machine(config: Config) -> list[Finding]:
    from orchestrator.providers.machine import cores, memory_available, memory_total

    topic = "Machine"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    found = [
        Finding(topic, "ok", f"{cores()} physical cores for models, load {load:.1f}"),
        Finding(topic, "ok", f"{megabytes(memory_available())} of {megabytes(memory_total())} memory free"),
    ]
    if load > cores():
        found.append(Finding(topic, "warning", "other programs keep the cores busy; models will be slow"))
    free = shutil.disk_usage(_existing(config.models)).free
    level: Level = "ok" if free > LEAST_DISK else "warning"
    found.append(Finding(topic, level, f"{megabytes(free)} free on the disk of {config.models}"))
    return found


def _models(config: Config, environ: Mapping[str, str]) -> list[Finding]:
    from orchestrator.errors import ProviderError
    from orchestrator.providers.catalog import CATALOG, DEFAULT
    from orchestrator.providers.model_store import ModelStore

    topic = "Models"
    place = _existing(config.models)
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


def _hosts(config: Config, environ: Mapping[str, str]) -> list[Finding]:
    from orchestrator.providers.hosts import Hosts

    running = Hosts(config.runtime / "hosts", environ=environ).running()
    names = [host.state.launch.name if host.state else "one that is loading" for host in running]
    return [Finding("Models", "note", f"loaded now: {', '.join(names)}", "orch models ps")] if names else []


def _servers(environ: Mapping[str, str], servers: Sequence[Server]) -> list[Finding]:
    from concurrent.futures import ThreadPoolExecutor

    topic = "Model servers on this machine"
    with ThreadPoolExecutor(len(servers) or 1) as pool:
        answers = list(pool.map(_ask, servers))
    found = [
        finding
        for server, answer in zip(servers, answers, strict=True)
        for finding in _answered(server, answer)
    ]
    silent = [server.name for server, answer in zip(servers, answers, strict=True) if answer is None]
    if silent:
        found.append(Finding(topic, "note", f"not running: {', '.join(silent)} (none is needed)"))
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
    topic = "Model servers on this machine"
    if models is None:
        return []
    shown = ", ".join(models[:8]) + (f" and {len(models) - 8} more" if len(models) > 8 else "")
    found = [
        Finding(
            topic,
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
        found.append(Finding(topic, "note", trap))
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
        return [Finding("Model servers on this machine", "warning", f"OLLAMA_HOST is no address: {host}")]
    if here:
        return []
    words = f"OLLAMA_HOST points off this machine ({host}): what goes there leaves it, and counts as cloud"
    return [Finding("Model servers on this machine", "warning", words)]


def _network(config: Config, environ: Mapping[str, str]) -> list[Finding]:
    found = []
    if config.offline:
        found.append(Finding("Network", "note", "ORCH_OFFLINE is set: nothing will be fetched"))
    proxies = sorted({name.upper() for name in PROXIES if environ.get(name)})
    if proxies:
        words = f"{', '.join(proxies)} set: used for downloads and clouds, never for servers on this machine"
        found.append(Finding("Network", "note", words))
    return found


def _sandbox() -> list[Finding]:
    from orchestrator.cli.probing import trial
    from orchestrator.errors import SandboxUnavailable

    topic = "Sandbox for code that models write"
    try:
        layers = trial()
    except SandboxUnavailable as error:
        return [Finding(topic, "warning", error.message, error.hint)]
    return [Finding(topic, "ok", f"Python runs within {layers}", "try attacks on it: orch doctor --sandbox")]


def _runs(config: Config) -> list[Finding]:
    from orchestrator.config import find_root

    topic = "Runs"
    if config.database_url:
        return [Finding(topic, "ok", "runs are kept in the database that ORCH_DATABASE_URL names")]
    place = config.store(find_root(config.cwd))
    if not os.access(_existing(place), os.W_OK):
        return [
            Finding(
                topic, "problem", f"{place} cannot be written", "run it elsewhere, or set ORCH_DATABASE_URL"
            )
        ]
    return [_store(config.store_path) or Finding(topic, "ok", f"runs are kept in {place}")]


def _store(path: Path) -> Finding | None:
    """What is wrong with the store that is there: its file is looked through, and its runs are read."""
    from orchestrator.errors import StoreError
    from orchestrator.store.highwater import lost
    from orchestrator.store.open import open_store
    from orchestrator.store.verify import file_problem

    if not path.exists():
        return None
    try:
        store = open_store(path)
        try:
            store.runs()
            with store.reading() as connection:
                found = file_problem(connection)
            missing = lost(store)
        finally:
            store.close()
    except StoreError as error:
        return Finding("Runs", "problem", error.message, error.hint)
    if missing and not found:
        run, what = next(iter(missing.items()))
        return Finding("Runs", "problem", f"run {run}: {what}", "see all that is missing: orch verify --all")
    hint = "move the file away or restore a backup; orch then starts a new one"
    return Finding("Runs", "problem", f"the run store {path} is damaged ({found})", hint) if found else None


def _settings(config: Config) -> list[Finding]:
    from orchestrator.cli.settings import read_settings
    from orchestrator.errors import UsageError
    from orchestrator.spec.diagnostics import SpecError

    topic = "Your settings"
    if not config.settings.exists():
        return [Finding(topic, "note", f"{config.settings} is not there: everything is as it comes")]
    try:
        read_settings(config.settings)
    except (SpecError, UsageError) as error:
        return [Finding(topic, "warning", error.message, error.hint or "orch tui refuses to start with it")]
    return [Finding(topic, "ok", f"in {config.settings}")]


def _existing(path: Path) -> Path:
    """The path or the nearest directory above it that exists."""
    return next((place for place in (path, *path.parents) if place.exists()), Path("/"))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def _has(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None
