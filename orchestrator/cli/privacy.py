"""What a run needs to keep secrets: the variables it reads, every secret value it may meet, the key of digests."""

from __future__ import annotations

import os
import secrets as random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import CredentialsMissing, UsageError
from orchestrator.light import light
from orchestrator.policy.keep import Keep, noted
from orchestrator.policy.secrets import Masked, Secrets

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.engine.recover import Recovered
    from orchestrator.engine.start import Result
    from orchestrator.graph.model import Graph
    from orchestrator.ports import Asker, Live, Reply

KEY_FILE = "digest.key"


@light(frozen=True, slots=True)
class Privacy:
    """Of one run. `env` holds what its texts read, `secrets` that and the keys of its models."""

    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Secrets = field(default_factory=Secrets)
    keep: Keep = field(default_factory=Keep)
    keys: frozenset[str] = frozenset()
    """Variables that models have their keys from: no tool gets them."""

    def mask(self, live: Live) -> Masked | None:
        """Tokens on their way to a screen; None where there is nothing to hide."""
        return Masked(self.secrets, live) if self.secrets else None

    def asker(self, asker: Asker | None) -> Asker | None:
        """Questions on their way to a person."""
        if asker is None or not self.secrets:
            return asker

        async def ask(
            path: str, question: str, show: Any, choices: Sequence[str], edit: Any = None
        ) -> Reply | None:
            clean = self.secrets
            return await asker(path, clean.clean(question), clean.cleaned(show), choices, clean.cleaned(edit))

        return ask

    def told(self, result: Result) -> Result:
        """A result on its way to stdout and stderr."""
        if not self.secrets:
            return result
        error, clean = result.error, self.secrets
        if error is not None:
            error.message, error.hint = clean.clean(error.message), clean.clean(error.hint)
            error.args = (error.message,)
        asks = {
            path: replace(ask, question=clean.clean(ask.question), show=clean.cleaned(ask.show), edit=None)
            for path, ask in result.asks.items()
        }
        return replace(result, outputs=clean.cleaned(result.outputs), asks=asks)


def privacy_of(graph: Graph, config: Config, environ: Mapping[str, str]) -> Privacy:
    """Raises CredentialsMissing for a variable that the file reads and the environment does not hold."""
    from orchestrator.engine.environment import environment
    from orchestrator.engine.record import hashes

    env = environment(graph, environ)
    keys = _keys(graph, environ)
    known = {**keys, **env}
    keep = Keep.of(graph.workflow.keep)
    if known or hashes(graph, keep):
        keep = Keep.of(graph.workflow.keep, digest_key(config.data / KEY_FILE))
    return Privacy(env, Secrets.of(known), keep, frozenset(keys))


def secrets_of(graph: Graph, environ: Mapping[str, str]) -> Secrets:
    """Every secret that the models and servers of a workflow may be told. Raises CredentialsMissing."""
    return Secrets.of(_keys(graph, environ))


def _keys(graph: Graph, environ: Mapping[str, str]) -> dict[str, str]:
    """Values of the keys of all models and servers that the run can ask, by variable. Raises CredentialsMissing."""
    from orchestrator.engine.gate import models_needed
    from orchestrator.providers.registry import key_of

    names = {key_of(spec) for spec in models_needed(graph).values()} | set(_of_servers(graph, environ))
    return {name: environ[name] for name in names if environ.get(name)}


def _of_servers(graph: Graph, environ: Mapping[str, str]) -> Iterator[str]:
    """The variables that MCP servers have their secrets from. Raises CredentialsMissing for one that is not set."""
    from orchestrator.cli.equipment import servers_of
    from orchestrator.spec.secret import variables_of

    for one, name, declared in servers_of(graph):
        for variable in variables_of(declared.spec.mcp) if declared.spec.mcp is not None else ():
            if not environ.get(variable):
                raise CredentialsMissing(
                    f"{one.file}: the server of '{name}' needs {variable}, which the environment does not hold",
                    hint=f"export {variable}=…",
                )
            yield variable


def whole_inputs(
    graph: Graph,
    recorded: Mapping[str, Any],
    given: Mapping[str, str],
    keep: Keep,
    today: str,
    taken: Mapping[str, Collection[str]],
) -> dict[str, Any]:
    """The inputs of a run that goes on: what the record holds, and what it did not keep, given again.

    `taken` are digests of the files that it took where it takes only new ones. Raises UsageError for one that is missing, or is not what the run began with.
    """
    from orchestrator.inputs import read_inputs

    notes = {name: note for name, value in recorded.items() if (note := noted(value)) is not None}
    needless = next((name for name in given if name not in notes), None)
    if needless is not None:
        raise UsageError(
            f"-i {needless}=…: the run has this input", hint="only what it did not keep is asked for"
        )
    specs = graph.workflow.inputs
    missing = next((n for n in notes if n not in given and "default" not in specs[n].model_fields_set), None)
    if missing is not None:
        raise UsageError(
            f"the record did not keep the input '{missing}', because it is {notes[missing][0]} (`keep`)",
            hint=f"give it again: orch resume … -i {missing}=…",
        )
    again = read_inputs(
        {name: specs[name] for name in notes},
        dict(given),
        root=Path(graph.root),
        cwd=Path.cwd(),
        base=Path(graph.file).resolve().parent,
        today=date.fromisoformat(today),
    )
    for name in taken.keys() & again.keys():
        again[name] = [file for file in again[name] if keep.digest(file["text"]) in taken[name]]
    for name, value in again.items():
        if notes[name][1] and keep.digest(value) != notes[name][1]:
            raise UsageError(f"-i {name}=…: this is not what the run began with", hint="start a new run")
    return {**recorded, **again}


def refuse_lost(recovered: Recovered) -> None:
    """Raise UsageError for answers from off this machine that were not kept: they would be paid for again."""
    for path, model in recovered.lost.items():
        raise UsageError(
            f"the record did not keep the value of '{path}' (`keep`), which '{model}' off this machine was asked for",
            hint="going on would ask and pay for it again: start a new run, or keep it with `keep: {…: full}`",
        )


def digest_key(path: Path) -> bytes:
    """The key of this user's digests, made at its first use. Raises UsageError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_bytes(random.token_bytes(32))
        try:
            os.link(fresh, path)  # of two processes the first one makes it
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
