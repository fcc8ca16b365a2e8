"""What a run needs to keep secrets: the variables it reads, every secret value it may meet, the key of digests."""

from __future__ import annotations

import os
import secrets as random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError
from orchestrator.policy.keep import Keep
from orchestrator.policy.secrets import Secrets

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.graph.model import Graph

KEY_FILE = "digest.key"


@dataclass(frozen=True, slots=True)
class Privacy:
    """Of one run. `env` holds what its texts read, `secrets` that and the keys of its models."""

    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Secrets = field(default_factory=Secrets)
    keep: Keep = field(default_factory=Keep)


def privacy_of(graph: Graph, config: Config, environ: Mapping[str, str]) -> Privacy:
    """Raises CredentialsMissing for a variable that the file reads and the environment does not hold."""
    from orchestrator.engine.environment import environment
    from orchestrator.engine.record import hashes

    env = environment(graph, environ)
    known = {**_keys(graph, environ), **env}
    keep = Keep.of(graph.workflow.keep)
    if hashes(graph, keep):
        keep = Keep.of(graph.workflow.keep, digest_key(config.data / KEY_FILE))
    return Privacy(env, Secrets.of(known), keep)


def _keys(graph: Graph, environ: Mapping[str, str]) -> dict[str, str]:
    """Values of the keys of all models that the run can ask, by variable."""
    from orchestrator.engine.gate import models_needed
    from orchestrator.providers.registry import key_of

    names = {key_of(spec) for spec in models_needed(graph).values()}
    return {name: environ[name] for name in names if environ.get(name)}


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
