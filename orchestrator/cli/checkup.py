"""The findings of `orch doctor`: one small function per topic. Knows no terminal."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.checkup_models import engine, hosts, models, server_engine
from orchestrator.cli.checkup_servers import SERVERS, Server, servers_here
from orchestrator.cli.download import megabytes
from orchestrator.cli.finding import Finding, Level, existing, version_of

if TYPE_CHECKING:
    from orchestrator.config import Config

LEAST_DISK = 1 << 30
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
EXTRAS = {"huggingface_hub": "hf", "pypdf": "pdf", "psycopg": "postgres", "pydantic_monty": "pure"}


def checkup(config: Config, environ: Mapping[str, str], servers: Sequence[Server] = SERVERS) -> list[Finding]:
    """Everything worth knowing, topic by topic."""
    return [
        *_python(),
        *engine(),
        *server_engine(config, environ),
        *_machine(config),
        *models(config, environ),
        *hosts(config, environ),
        *servers_here(environ, servers),
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
            f"orch {version_of('orch')} on Python {platform.python_version()}, {platform.platform()}",
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
    free = shutil.disk_usage(existing(config.models)).free
    level: Level = "ok" if free > LEAST_DISK else "warning"
    found.append(Finding(topic, level, f"{megabytes(free)} free on the disk of {config.models}"))
    return found


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
    if not os.access(existing(place), os.W_OK):
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


def _has(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None
