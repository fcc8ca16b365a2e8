"""An Ollama server that holds one model at a time is asked model by model, and not item by item."""

from __future__ import annotations

import asyncio
from itertools import groupby
from pathlib import Path

from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine, Result
from orchestrator.graph.open import open_workflow
from orchestrator.providers.ollama import OllamaModel
from orchestrator.providers.tries import Patience
from tests.engine.harness import MemoryJournal
from tests.engine.test_residency import CHAIN
from tests.providers.servers import OllamaServer

NAMES = ("one", "two", "three")


def asked(root: Path, most: int | None, size: int = 1 << 20) -> list[str]:
    """The models that six items asked for, in order."""
    file = root / "workflow.yaml"
    file.write_text(CHAIN, encoding="utf-8")
    graph = open_workflow(file)

    async def main() -> tuple[Result, list[str]]:
        async with OllamaServer() as server:
            assert isinstance(server, OllamaServer)
            server.sizes = {f"{name}:latest": size for name in NAMES}
            patience = Patience(tries=1)
            models = {n: OllamaModel(n, n, url=server.url, patience=patience, most=most) for n in NAMES}
            inputs = {"items": [str(number) for number in range(6)]}
            ports = Ports(journal=MemoryJournal())
            try:
                result = await Engine(graph, inputs, models, ports, today="2026-01-31").execute()
            finally:
                for model in models.values():
                    await model.close()
            return result, [call.body["model"] for call in server.calls(server.chat)]

    result, models = asyncio.run(main())
    assert result.status == "done", result.error
    return models


def test_a_server_with_one_place_is_asked_model_by_model(tmp_path: Path) -> None:
    """Six items, three models: it changes its model twice."""
    models = asked(tmp_path, most=1)

    assert len(models) == 18
    assert [name for name, _ in groupby(models)] == ["one", "two", "three"]


def test_models_that_are_too_big_together_take_turns_too(tmp_path: Path) -> None:
    """Nobody said how many: the sizes that the server tells decide."""
    models = asked(tmp_path, most=None, size=1 << 45)

    assert [name for name, _ in groupby(models)] == ["one", "two", "three"]


def test_a_server_with_room_for_all_is_asked_as_steps_get_ready(tmp_path: Path) -> None:
    """No item waits for another one's model."""
    models = asked(tmp_path, most=None)

    assert len(list(groupby(models))) > 3
