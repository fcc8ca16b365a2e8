"""A model off this machine in a run that stays on it: it is never called, and no key for it is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.errors import ProviderError
from orchestrator.messages import Completion, Message, ModelInfo, Request, TokenCount
from orchestrator.ports import Emit

OFFLINE: Mapping[str, str] = {"ORCH_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
"""What a server that is started with `serve` is told, so that it fetches no weights either."""


class Withheld:
    """Stands in for it: whoever asks it all the same learns why there is no answer."""

    def __init__(self, name: str, ref: str) -> None:
        self.name = name
        self.ref = ref

    async def prepare(self) -> ModelInfo:
        raise self._fault()

    async def count(self, messages: Sequence[Message]) -> TokenCount:  # noqa: ARG002 - the shape of Model
        raise self._fault()

    async def generate(self, request: Request, emit: Emit) -> Completion:  # noqa: ARG002 - the shape of Model
        raise self._fault()

    async def close(self) -> None:
        """Nothing is held."""

    def _fault(self) -> ProviderError:
        return ProviderError(
            "refused",
            f"model '{self.name}' ({self.ref}) is not on this machine, and this run stays on it",
            hint="run without --local-only, and unset ORCH_OFFLINE",
        )
