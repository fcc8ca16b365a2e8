"""Two files that name a model by the same words mean two models, when each has a file of its own beside it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.engine.gate import gates_of, models_needed
from orchestrator.errors import ProviderError
from orchestrator.graph.open import open_workflow
from orchestrator.graph.weights import as_seen_from
from orchestrator.providers.registry import open_model
from orchestrator.spec.model import ModelSpec

CHILD = """
orch: 1
models: {m: "scripted:answers.yaml"}
agents: {w: {model: m}}
steps: {s: {agent: w, prompt: hi}}
"""
MAIN = """
orch: 1
steps:
  one: {workflow: a/child.yaml}
  two: {workflow: b/child.yaml}
  three: {agent: {model: shared}, prompt: hi}
"""


def put(root: Path, name: str, text: str) -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_each_file_means_the_model_beside_it(tmp_path: Path) -> None:
    """Both say `answers.yaml`; the project's own lies beside `orch.yaml`."""
    put(tmp_path, "orch.yaml", "orch: 1\nmodels: {shared: 'scripted:shared.yaml'}\n")
    put(tmp_path, "flows/a/child.yaml", CHILD)
    put(tmp_path, "flows/b/child.yaml", CHILD)
    main = put(tmp_path, "flows/main.yaml", MAIN.replace("{model: shared}", "w"))
    put(
        tmp_path,
        "flows/main.yaml",
        main.read_text().replace("orch: 1", "orch: 1\nagents: {w: {model: shared}}"),
    )

    needed = models_needed(open_workflow(main))

    assert sorted(spec.use for spec in needed.values()) == [
        "scripted:../shared.yaml",
        "scripted:a/answers.yaml",
        "scripted:b/answers.yaml",
    ]


def test_what_is_one_file_is_one_model(tmp_path: Path) -> None:
    """Loaded once, however it is written: by the workflow itself and by one that it calls."""
    put(tmp_path, "sub/child.yaml", CHILD.replace("answers", "../answers"))
    main = put(tmp_path, "main.yaml", CHILD.replace("steps: {", "steps: {c: {workflow: sub/child.yaml}, "))
    graph = open_workflow(main)

    needed = models_needed(graph)

    assert [spec.use for spec in needed.values()] == ["scripted:answers.yaml"]


def test_what_is_no_path_stays_as_it_is(tmp_path: Path) -> None:
    """Names of the catalogue and of servers, files of a hub, and paths that mean the same from everywhere."""
    names = ("llamacpp:smollm2-135m", "llamacpp:~/a.gguf", "llamacpp:/a/b.gguf", "llamacpp:me/repo/a.gguf",
             "ollama:llama3.2:3b", "openai:gpt-5-mini")  # fmt: skip
    models = {name: ModelSpec(use=name) for name in names}

    assert as_seen_from(tmp_path, models, tmp_path / "elsewhere") == models


def test_a_file_of_weights_moves_with_its_text(tmp_path: Path) -> None:
    """Also one that would look like a name of the hub from above."""
    models = {"m": ModelSpec(use="llamacpp:w/a.gguf"), "n": ModelSpec(use="llamacpp:./../a.gguf")}

    found = as_seen_from(tmp_path, models, tmp_path / "x" / "y")

    assert [spec.use for spec in found.values()] == ["llamacpp:./x/y/w/a.gguf", "llamacpp:x/a.gguf"]


def test_every_graph_finds_its_own_gate(tmp_path: Path) -> None:
    """By the name its steps use, whichever name the model has in the run."""
    put(tmp_path, "a/child.yaml", CHILD)
    put(tmp_path, "b/child.yaml", CHILD)
    main = put(
        tmp_path,
        "main.yaml",
        "orch: 1\nsteps: {one: {workflow: a/child.yaml}, two: {workflow: b/child.yaml}}\n",
    )
    graph = open_workflow(main)
    from orchestrator.engine.gate import Gate
    from orchestrator.providers.scripted import ScriptedModel

    gates = {
        name: Gate(name, spec, ScriptedModel(lambda _: "x", name=name))
        for name, spec in models_needed(graph).items()
    }

    children = [node.child for node in graph.scope.nodes if node.child is not None]
    assert [gates_of(child, gates)["m"].spec.use for child in children] == [
        "scripted:a/answers.yaml",
        "scripted:b/answers.yaml",
    ]


def test_a_server_starts_beside_the_file_that_says_so(tmp_path: Path) -> None:
    """Its command may name files of that folder; two files that say the same mean two servers."""
    port = free_port()
    command = f"serve: ['{sys.executable}', ./server.py], url: 'http://127.0.0.1:{port}/v1'"
    said = CHILD.replace('"scripted:answers.yaml"', f"{{use: 'llama-server:x', {command}}}")
    for folder in ("a", "b", "main"):
        put(tmp_path, f"{folder}/server.py", "open('started', 'w').close()")
    put(tmp_path, "a/child.yaml", said)
    put(tmp_path, "b/child.yaml", said)
    steps = "one: {workflow: ../a/child.yaml}, two: {workflow: ../b/child.yaml}"
    main = put(tmp_path, "main/main.yaml", said.replace("steps: {", f"steps: {{{steps}, "))
    put(tmp_path, "orch.yaml", "orch: 1\n")

    needed = models_needed(open_workflow(main))
    for name, spec in needed.items():
        model = open_model(name, spec, environ=os.environ, config=config(tmp_path), base=main.parent)
        with pytest.raises(ProviderError, match="before it answered"):
            asyncio.run(model.prepare())

    assert len(needed) == 3
    assert sorted(file.parent.name for file in tmp_path.glob("*/started")) == ["a", "b", "main"]


def config(home: Path) -> Config:
    return Config.from_environment({"ORCH_HOME": str(home / "home")}, home)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
