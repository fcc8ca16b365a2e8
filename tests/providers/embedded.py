"""The real embedded model for tests: the user's own weights, hosts of the test's own. Import the fixture `embedded`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.providers.catalog import DEFAULT
from orchestrator.providers.gguf import read_header
from orchestrator.providers.host import Launch, engine_version
from orchestrator.providers.hosts import Hosts
from orchestrator.providers.llamacpp import LlamaCpp
from orchestrator.providers.model_store import ModelStore, Weights
from orchestrator.spec.model import ModelSpec


@dataclass(frozen=True)
class Embedded:
    """The default model, on this machine, and a folder of hosts that nobody else uses."""

    config: Config
    weights: Weights
    hosts: Hosts

    def model(self, *, context: int = 1024, use: str = f"llamacpp:{DEFAULT}", keep: float = 60.0) -> LlamaCpp:
        """A provider; all with the same context share one host."""
        spec = ModelSpec.model_validate({"use": use, "context": context, "keep": f"{keep:g}s"})
        return LlamaCpp("tiny", spec, config=self.config, environ=os.environ, base=self.config.cwd)

    def launch(self, *, context: int = 512, slots: int = 2, keep: float = 60.0) -> Launch:
        """A host of the test's own: another context is another host."""
        return Launch(
            name=self.weights.name,
            weights=str(self.weights.path),
            sha256=self.weights.sha256,
            context=context,
            slots=slots,
            bytes=self.weights.bytes,
            kv_bytes=read_header(self.weights.path).kv_bytes,
            keep=keep,
            engine=engine_version(),
        )


@pytest.fixture(scope="module")
def embedded() -> Iterator[Embedded]:
    """Fetches the weights when they are not here; stops its hosts at the end."""
    user = Config.from_environment(os.environ, Path.cwd())
    weights = ModelStore(user.models, environ=os.environ).open(DEFAULT, Path.cwd())
    with tempfile.TemporaryDirectory(prefix="orch-") as folder:
        root = Path(folder)
        config = replace(user, cwd=root, runtime=root)
        hosts = Hosts(root / "hosts", environ=os.environ)
        yield Embedded(config, weights, hosts)
        for host in hosts.running():
            hosts.stop(host.identity)
