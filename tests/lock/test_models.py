"""What a lock says of models: the weights behind a name, asked of whoever has them; a cloud only by its name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.cli.lock_servers import Asker
from orchestrator.config import Config
from orchestrator.graph.open import open_workflow
from orchestrator.providers.catalog import find
from tests.providers.servers import OllamaServer


def asker(project: Path, models: str, old: Mapping[str, Any] | None = None) -> Asker:
    """Of a workflow whose only step may ask all of these models."""
    names = [line.partition(":")[0] for line in models.splitlines()]
    body = "".join(f"  {line}\n" for line in models.splitlines())
    steps = f"steps:\n  one: {{agent: writer, model: {names[0]}, prompt: Hello., escalate: {{to: [{', '.join(names)}]}}}}\n"
    (project / "w.yaml").write_text(
        f"orch: 1\nagents: {{writer: {{role: You write.}}}}\nmodels:\n{body}{steps}", encoding="utf-8"
    )
    config = Config.from_environment({"ORCH_HOME": str(project / "home")}, project)
    return Asker(open_workflow(project / "w.yaml"), config, {}, {"models": old or {}})


def test_ollama_tells_the_digest_of_weights_and_template(project: Path) -> None:
    """Another template under the same name answers otherwise; another digest is another model."""

    async def act() -> tuple[Mapping[str, Any], Mapping[str, Any], Asker]:
        async with OllamaServer() as server:
            assert isinstance(server, OllamaServer)
            asking = asker(project, f'tiny: {{use: "ollama:tiny", url: "{server.url}"}}')
            first = (await asking.models(ask=True))["tiny"]
            server.shown["template"] = "another {{ .Prompt }}"
            return first, (await asking.models(ask=True))["tiny"], asking

    first, second, asking = asyncio.run(act())

    assert (first["use"], first["weights"]) == ("ollama:tiny", "sha256:sha-tiny:latest")
    assert first["template"] != second["template"]
    assert {**first, "template": ""} == {**second, "template": ""}
    assert asking.unasked == []


def test_an_ollama_that_does_not_answer_stays_as_it_was(project: Path) -> None:
    """It is said; under another reference nothing is known of it."""
    known = {"use": "ollama:tiny", "url": "http://127.0.0.1:9", "weights": "sha256:1"}
    models = 'tiny: {use: "ollama:tiny", url: "http://127.0.0.1:9"}'
    down, unasked = asker(project, models, {"tiny": known}), asker(project, models, {"tiny": known})
    other = asker(project, models, {"tiny": {**known, "use": "ollama:large"}})

    assert asyncio.run(down.models(ask=True)) == {"tiny": known}
    assert [what for what, _ in down.unasked] == ["models.tiny"]
    assert asyncio.run(unasked.models(ask=False)) == {"tiny": known}
    assert "weights" not in asyncio.run(other.models(ask=True))["tiny"]


def test_weights_are_those_that_a_name_stands_for(project: Path) -> None:
    """Of the catalogue without having them here; a cloud model is what the file calls it, and its key is nobody's."""
    entry = find("smollm2-135m")
    assert entry is not None
    models = 'tiny: "llamacpp:smollm2-135m"\ncloud: {use: "openai:gpt-5-mini", key: env.OPENAI_API_KEY}'

    found = asyncio.run(asker(project, models).models(ask=True))

    assert found == {
        "tiny": {"use": "llamacpp:smollm2-135m", "weights": f"sha256:{entry.sha256}"},
        "cloud": {"use": "openai:gpt-5-mini"},
    }


def test_a_file_of_weights_is_read(project: Path) -> None:
    """Once per change; one that is not there is said to be missing."""
    (project / "own.gguf").write_bytes(b"GGUF and more")
    models = 'tiny: "llamacpp:./own.gguf"\nlost: "llamacpp:./lost.gguf"'

    asking = asker(project, models)
    found = asyncio.run(asking.models(ask=True))

    assert found["tiny"]["weights"].startswith("sha256:")
    assert len(found["tiny"]["weights"]) == 71
    assert [what for what, _ in asking.unasked] == ["models.lost"]
