"""`orch models`: list, fetch, inspect, optimize, serve and remove local models; see and stop the hosts that serve them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.console import the_console
from orchestrator.cli.download import Download, megabytes, tell_form
from orchestrator.cli.machine import memory_of
from orchestrator.cli.models_forms import compare, lineage, lineage_words, optimize
from orchestrator.cli.serving import command as serve
from orchestrator.errors import ProviderError, UsageError

if TYPE_CHECKING:
    from orchestrator.providers.catalog import Entry
    from orchestrator.providers.hosts import Hosts, Running
    from orchestrator.providers.model_store import ModelStore, Weights

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(name="models")
def command() -> None:
    """List, fetch, inspect, optimize, serve and stop local models.

    `orch models ls` shows what can be had; a model that a workflow names is fetched at its first run.
    """


command.add_command(serve)
command.add_command(optimize)
command.add_command(compare)


@command.command()
@click.option("--installed", is_flag=True, help="Only what is on this machine.")
@as_json
def ls(*, installed: bool, as_json: bool) -> None:
    """List models: what is on this machine, and what the catalogue can fetch."""
    from orchestrator.providers.catalog import CATALOG

    store = _store()
    here = {weights.name: weights for weights in store.installed()}
    known = {entry.name: entry for entry in CATALOG}
    names = [*here, *(name for name in known if name not in here and not installed)]
    rows = [
        _described(name, known.get(name), here.get(name)) | _form(store, here.get(name)) for name in names
    ]
    console = the_console()
    if as_json:
        return console.json(rows)
    if not rows:
        return console.say(
            "no models on this machine yet; `orch models pull smollm2-135m` fetches the smallest"
        )
    console.table(
        ("NAME", "HERE", "SIZE", "PARAMETERS", "CONTEXT", "LICENCE"),
        [
            (
                row["name"],
                f"as {row['form']}" if row["form"] else "yes" if row["installed"] else "-",
                ("" if row["installed"] or row["sha256"] else "~")
                + megabytes(row["form_bytes"] or row["bytes"]),
                row["parameters"],
                str(row["context"] or ""),
                row["licence"],
            )
            for row in rows
        ],
    )
    return None


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@as_json
def pull(names: tuple[str, ...], *, as_json: bool) -> None:
    """Fetch models, or check every byte of those that are here."""
    console, store = the_console(), _store()
    for name in names:
        _known(store, name)
    pulled = []
    for name in names:
        before = store.get(name)
        with Download(name, console) as progress:
            weights = store.pull(name, progress)
        pulled.append(weights)
        word = "here already, every byte checked" if weights == before else f"fetched from {weights.source}"
        console.say(f"{weights.name}: {word} ({megabytes(weights.bytes)}, sha256 {weights.sha256[:12]}…)")
        fast = store.in_form(weights)
        if weights != before and fast is not None:
            tell_form(fast, console)
        elif weights != before and not store.known(name).embedding:
            console.say(f"orch models optimize {weights.name}  finds out which form of it is fastest here")
    if as_json:
        console.json([_described(w.name, store.known(w.name), w) for w in pulled])


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
def rm(names: tuple[str, ...]) -> None:
    """Remove models from this machine."""
    console, store = the_console(), _store()
    for name in names:
        if store.get(name) is None:
            raise UsageError(f"model {name!r} is not on this machine", hint="orch models ls --installed")
    for name in names:
        console.say(f"{name}: removed, {megabytes(store.remove(name))} free again")


@command.command()
@click.argument("name")
@as_json
def show(name: str, *, as_json: bool) -> None:
    """Show what is known about a model, and check the file that is here."""
    console, store = the_console(), _store()
    weights = store.get(name)
    entry = None if weights is not None and _entry(name) is None else _known(store, name)
    row = _described(weights.name if weights else entry.name if entry else name, entry, weights)
    if weights is not None:
        row |= {"path": str(weights.path), "state": _state(store, weights)}
    form = store.lineage.of(weights.sha256) if weights is not None else None
    if as_json:
        return console.json(row | {"lineage": lineage(form) if form else None})
    lines = [(key, _words(key, value)) for key, value in row.items() if value not in ("", None, [], 0)]
    lines += lineage_words(form) if form else []
    console.table((), lines)
    return None


@command.command()
@as_json
def ps(*, as_json: bool) -> None:
    """List the model hosts that run: what is loaded now."""
    console = the_console()
    rows = [_host(host) for host in _hosts().running()]
    if as_json:
        return console.json(rows)
    if not rows:
        return console.say("no model is loaded")
    console.table(
        ("MODEL", "STATE", "CONTEXT", "MEMORY", "THREADS", "PID", "UP"),
        [
            (
                row["model"],
                row["state"],
                f"{row['slots']} x {row['context']}" if row["slots"] else "",
                megabytes(row["memory"]) if row["memory"] else "",
                str(row["threads"] or ""),
                str(row["pid"] or ""),
                f"{row['seconds']} s" if row["pid"] else "",
            )
            for row in rows
        ],
    )
    return None


@command.command()
@click.argument("names", nargs=-1, metavar="NAME…")
@click.option("--all", "everything", is_flag=True, help="Stop every model host.")
def stop(names: tuple[str, ...], *, everything: bool) -> None:
    """Stop the hosts of models, which frees their memory. Their next use starts them again."""
    if not names and not everything:
        raise UsageError(
            "which model shall be stopped?", hint="`orch models ps` lists them; --all stops every one"
        )
    console, hosts = the_console(), _hosts()
    running = hosts.running()
    chosen = [host for host in running if everything or _is_named(host, names)]
    missing = [name for name in names if not any(_is_named(host, (name,)) for host in running)]
    if missing and not everything:
        raise UsageError(f"model {missing[0]!r} is not loaded", hint="orch models ps")
    for host in chosen:
        if hosts.stop(host.identity):
            console.say(f"{_host(host)['model']}: stopped")
    if not chosen:
        console.say("no model is loaded")


# ---------------------------------------------------------------------------------------------- parts


def _config() -> Any:
    from orchestrator.config import Config

    return Config.from_environment(os.environ, Path.cwd())


def _store() -> ModelStore:
    from orchestrator.providers.model_store import ModelStore

    config = _config()
    return ModelStore(config.models, environ=os.environ, offline=config.offline)


def _hosts() -> Hosts:
    from orchestrator.providers.hosts import Hosts

    return Hosts(_config().runtime / "hosts", environ=os.environ)


def _entry(name: str) -> Entry | None:
    from orchestrator.providers.catalog import find

    return find(name)


def _known(store: ModelStore, name: str) -> Entry:
    """A name that nobody knows is a mistake of the command line, not of a server."""
    try:
        return store.known(name)
    except ProviderError as error:
        raise UsageError(error.message, hint=error.hint) from None


def _described(name: str, entry: Entry | None, weights: Weights | None) -> dict[str, Any]:
    return {
        "name": name,
        "installed": weights is not None,
        "bytes": weights.bytes if weights else entry.bytes if entry else 0,
        "family": entry.family if entry else "",
        "parameters": entry.parameters if entry else "",
        "quantisation": entry.quantisation if entry else "",
        "context": entry.context if entry else 0,
        "licence": weights.licence if weights else entry.licence if entry else "",
        "source": weights.source if weights else entry.source.words if entry else "",
        "sha256": weights.sha256 if weights else entry.sha256 if entry else "",
        "aliases": list(entry.aliases) if entry else [],
        "embedding": bool(entry and entry.embedding),
        "notes": entry.notes if entry else "",
    }


def _form(store: ModelStore, weights: Weights | None) -> dict[str, Any]:
    """The form that is used in place of the original; empty for the original itself."""
    form = store.lineage.of(weights.sha256) if weights is not None else None
    used = form is not None and form.form
    return {"form": form.form if form else "", "form_bytes": form.bytes if form and used else 0}


def _state(store: ModelStore, weights: Weights) -> str:
    form = store.lineage.of(weights.sha256)
    if form is not None and form.dropped and not weights.path.exists():
        return "the original was removed, its other form is used"
    try:
        store.check(weights)
    except ProviderError as error:
        return error.message
    return "sha256 checked"


def _words(key: str, value: Any) -> str:
    if key == "bytes":
        return f"{value:,} ({megabytes(value)})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _host(host: Running) -> dict[str, Any]:
    state = host.state
    launch = state.launch if state else None
    return {
        "identity": host.identity,
        "model": launch.name if launch else host.identity,
        "state": "loading" if state is None else "in use" if host.used else "idle",
        "context": launch.context if launch else 0,
        "slots": launch.slots if launch else 0,
        "memory": (memory_of(state.pid) or 0) if state else 0,
        "threads": state.threads if state else 0,
        "pid": state.pid if state else 0,
        "endpoint": state.url if state else "",
        "seconds": int(time.time() - state.started) if state else 0,
    }


def _is_named(host: Running, names: tuple[str, ...]) -> bool:
    if host.state is None:
        return host.identity in names
    known = {host.identity, host.state.launch.name}
    return any(
        name in known or ((entry := _entry(name)) is not None and entry.name in known) for name in names
    )
