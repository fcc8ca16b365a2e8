"""What an editor knows of the language."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from orchestrator.spec.codes import CODES
from orchestrator.spec.editor import editor_schema
from orchestrator.spec.yaml import parse
from tests.spec.language_server import Client, language_server

MODELINE = "# yaml-language-server: $schema=.orch/schema.json\n"
WORKFLOW = """\
orch: 1
inputs:
  text: {type: string, label: public}
agents:
  writer: {role: You write., params: {temperature: 0.2}}
steps:
  draft:
    agent: writer
    prompt: "{{ inputs.text }}"
    output: {text: string(100)}
    check:
      it says something: output.text | length > 0
    when: true
    timeout: 5m
  loop:
    repeat: {until: again.good, max: 3, else: keep}
    steps:
      again:
        agent: writer
        prompt: "{{ draft.text }}"
        output: {good: bool}
"""


def problems(text: str) -> list[str]:
    found = Draft7Validator(editor_schema()).iter_errors(parse(text, "w.yaml").value)
    return [error.message for error in found]


def test_the_schema_is_one() -> None:
    """Draft 07, which every editor understands, with nothing of a later one."""
    schema = editor_schema()

    Draft7Validator.check_schema(schema)
    assert "$defs" not in json.dumps(schema)


def test_every_key_is_described() -> None:
    """Hover shows a sentence for each key of each model."""
    schema = editor_schema()
    models = {"Workflow": schema, **{name: _long_form(node) for name, node in schema["definitions"].items()}}

    silent = [
        f"{name}.{key}"
        for name, node in models.items()
        for key, below in node.get("properties", {}).items()
        if not below.get("description")
    ]

    assert silent == []


def _long_form(node: dict[str, Any]) -> dict[str, Any]:
    return next((branch for branch in node.get("anyOf", []) if "properties" in branch), node)


def test_a_right_workflow_satisfies_the_schema() -> None:
    """An editor never marks what orch accepts."""
    assert problems(WORKFLOW) == []


@pytest.mark.parametrize("code", sorted(code for code in CODES if code > "ORCH002"))
def test_every_right_example_satisfies_the_schema(code: str) -> None:
    """Nor any example of an explanation."""
    assert problems(CODES[code].right) == []


@pytest.mark.parametrize(
    "head",
    [
        "inputs: {a: int, b: low | high, c: [string], d: {x: int, y: [date]}, e: file}",
        "inputs: {a: {type: file, format: csv, rows: {n: int}}, b: {type: [int], default: [1]}}",
        "models: {a: 'ollama:x', b: {use: 'openai:y', key: env.KEY, price: {input: 1, output: 2.5}}}",
        "knowledge: {a: {from: docs/*.md}, b: {from: [a.md, b.md], k: 2}}",
        "tools: {mail.send: {mcp: {command: [mail-server]}, effects: once}}",
        "defaults: {timeout: 5m, repair: 1, parallel: auto, on_error: {value: 1}}",
        "budget: {usd: 0.5, wall: 20m, then: stay-local}\negress: none\nkeep: {secret: hash}",
    ],
)
def test_every_form_of_a_head_satisfies_the_schema(head: str) -> None:
    """Short forms and long ones."""
    assert problems(f"orch: 1\n{head}\nsteps: {{x: {{value: 1}}}}\n") == []


@pytest.mark.parametrize(
    "code", ["ORCH101", "ORCH102", "ORCH103", "ORCH104", "ORCH106", "ORCH107", "ORCH111", "ORCH112"]
)
def test_mistakes_of_form_are_seen_in_the_editor_too(code: str) -> None:
    """What a schema can say, it says."""
    assert problems(CODES[code].wrong) != []


# --------------------------------------------------------------------------------- a real language server


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / ".orch").mkdir()
    (folder / ".orch" / "schema.json").write_text(json.dumps(editor_schema()), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[Client]:
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm is not installed, so yaml-language-server cannot be tried")
    with language_server(root) as client:
        yield client


def write(root: Path, name: str, text: str) -> Path:
    (root / name).write_text(MODELINE + text, encoding="utf-8")
    return root / name


def test_the_editor_finds_nothing_wrong_with_a_right_workflow(server: Client, root: Path) -> None:
    """The modeline leads to the schema, and the schema fits."""
    assert server.open(write(root, "right.yaml", WORKFLOW)) == []


def test_the_editor_marks_a_wrong_key(server: Client, root: Path) -> None:
    """At the key itself."""
    found = server.open(write(root, "wrong.yaml", WORKFLOW.replace("    when: true", "    wehn: true")))

    assert [(d["range"]["start"]["line"], "wehn" in d["message"]) for d in found] == [(13, True)]


def test_the_editor_completes_the_keys_of_a_step(server: Client, root: Path) -> None:
    """All keys of the step's verb, none of another's."""
    file = write(root, "complete.yaml", WORKFLOW.replace("    when: true\n", "    \n"))
    server.open(file)

    answer = server.at("completion", file, 13, 4)

    offered = {item["label"] for item in answer["items"]}
    assert {"needs", "foreach", "repair", "escalate", "overflow"} <= offered
    assert not {"choices", "tool", "retry"} & offered


def test_the_editor_completes_the_verbs_of_a_new_step(server: Client, root: Path) -> None:
    """A step that is still empty may become any."""
    file = write(root, "new.yaml", "orch: 1\nsteps:\n  draft:\n    \n")
    server.open(file)

    answer = server.at("completion", file, 4, 4)

    assert {"agent", "tool", "value", "ask", "workflow", "steps"} <= {
        item["label"] for item in answer["items"]
    }


def test_the_editor_completes_values(server: Client, root: Path) -> None:
    """Keys with a fixed set of values offer them."""
    file = write(root, "values.yaml", WORKFLOW.replace("    when: true\n", "    overflow: \n"))
    server.open(file)

    answer = server.at("completion", file, 13, 14)

    assert {"error", "drop-examples", "drop-sources", "escalate"} <= {
        item["label"] for item in answer["items"]
    }


def test_the_editor_explains_a_key(server: Client, root: Path) -> None:
    """Hover shows the docstring of the field."""
    file = write(root, "hover.yaml", WORKFLOW)
    server.open(file)

    answer = server.at("hover", file, 14, 6)

    assert "No progress for so long" in str(answer["contents"])
