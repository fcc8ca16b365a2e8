"""An embedded model behind an OpenAI-compatible address on loopback, in this process and for as long as it lives.

What `orch models serve` runs: for other programs, and as a stand-in for a cloud that needs no account. The weights are
served as a model host serves them, only at a port and under a name that somebody chose.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator.errors import ProviderError, UsageError
from orchestrator.providers.gguf import NotGGUF, read_header
from orchestrator.providers.host import Launch, engine_version
from orchestrator.providers.hosts import BARRIERS
from orchestrator.providers.machine import cores, memory_total

if TYPE_CHECKING:
    from orchestrator.providers.model_store import Weights


def launch_of(weights: Weights, name: str, context: int | None) -> Launch:
    """How weights are served under a name. Raises ProviderError when they are no model that answers."""
    from orchestrator.providers.llamacpp import shape

    try:
        header = read_header(weights.path)
    except (NotGGUF, OSError) as error:
        raise ProviderError(
            "refused", f"'{weights.name}' is no model file that can be used: {error}"
        ) from error
    if header.embedding:
        raise ProviderError("refused", f"'{weights.name}' embeds text, it does not answer")
    size, slots = shape(context, header, weights.bytes, memory_total())
    return Launch(
        name=name,
        weights=str(weights.path),
        sha256=weights.sha256,
        context=size,
        slots=slots,
        bytes=weights.bytes,
        kv_bytes=header.kv_bytes,
        engine=engine_version(),
    )


@contextmanager
def serving(launch: Launch, *, port: int, key: str = "") -> Iterator[str]:
    """The address while it answers; `port` 0 takes any. Raises UsageError for a taken port, ProviderError."""
    from orchestrator.providers.host_main import params_of

    _refuse_taken(port)
    for variable, value in BARRIERS.items():
        os.environ.setdefault(variable, value)  # read by the engine's threads when it is loaded
    try:
        import xllamacpp

        params = params_of(xllamacpp, launch, launch.threads or cores(), key, port)
        server = xllamacpp.Server(params)
    except (RuntimeError, ImportError, OSError, ValueError) as error:
        raise ProviderError("crashed", f"'{launch.name}' cannot be served: {error}") from error
    yield f"{server.listening_address}/v1"
    del server


def _refuse_taken(port: int) -> None:
    """The engine itself only says that it could not start."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UsageError(
                f"port {port} of this machine cannot be used: {error.strerror}", hint="choose another --port"
            ) from None
