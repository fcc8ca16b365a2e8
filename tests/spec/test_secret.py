"""What may stand in a file beside the names of variables: settings may, secrets may not."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from orchestrator.spec.load import read
from orchestrator.spec.model import McpServer
from orchestrator.spec.secret import address, command, is_telling, variables_of


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("API_TOKEN", "abc"),
        ("db_password", "x"),
        ("MODE", "sk-proj-1234567890abcdef"),
        ("MODE", "ghp_0123456789abcdefghij0123456789abcdef"),
        ("URL", "postgres://me:hunter2@localhost/db"),
        ("ID", "9f86d081884c7d659a2feaa0c55ad015"),
        ("SEED", "kJ8sPq2LmN5vX9zRt4Yw7Bc1"),
    ],
)
def test_what_looks_like_a_secret_may_not_stand_in_a_file(name: str, text: str) -> None:
    """By the name of the variable, the form in which keys are issued, or because no person writes such a word."""
    assert is_telling(name, text)
    with pytest.raises(ValidationError, match="a secret never stands in a file"):
        McpServer(command=("x",), env={name: text})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MODE", "fast"),
        ("ROOT", "/srv/documents/archive/letters"),
        ("URL", "https://example.com/a/long/path/to/something"),
        ("LOCAL_TIMEZONE", "Europe/Berlin"),
        ("KEYBOARD", "de"),
        ("USE_TOKEN", "true"),
        ("PYTHONPATH", "src"),
        ("API_TOKEN", "env.MY_TOKEN"),
    ],
)
def test_settings_may(name: str, text: str) -> None:
    """Words, paths and switches are settings; a secret is named."""
    assert McpServer(command=("x",), env={name: text}).env == {name: text}


def test_the_variables_of_a_server_are_those_it_names() -> None:
    """Once each, those of its environment and that of its token."""
    server = McpServer(url="http://127.0.0.1:1", key="env.A", env={"X": "env.B", "Y": "plain", "Z": "env.A"})

    assert variables_of(server) == ("B", "A")


@pytest.mark.parametrize(
    "words",
    [
        ("env", "npm_config_yes=true", "npx", "it"),
        ("uvx", "hf_transfer_server"),
        ("python", "/opt/sk-learning/serve.py"),
        ("serve", "--max-token", "4096", "--eos-token", "</s>"),
    ],
)
def test_names_that_only_begin_like_a_token_may_stand_in_a_command(words: tuple[str, ...]) -> None:
    """And what counts the tokens of a model is none either."""
    assert command(words) == words
    assert address(f"http://localhost/{words[-1]}") == f"http://localhost/{words[-1]}"


@pytest.mark.parametrize(
    "word",
    [
        "--key=sk-proj-1234567890abcdef",
        "hf_AbCdEfGhIjKlMnOp",
        "AKIAABCDEFGHIJKL",
        "--api-key=hunter",
        "h://u:p@x",
    ],
)
def test_no_token_stands_in_a_command(word: str) -> None:
    """Neither as it was issued, nor under a name that says what it is."""
    with pytest.raises(PydanticCustomError):
        command(("serve", word))


def test_the_place_of_a_secret_in_a_file_is_said(tmp_path: Path) -> None:
    """The value is pointed at, and not repeated."""
    file = tmp_path / "w.yaml"
    file.write_text(
        "orch: 1\ntools:\n  mail.send: {mcp: {command: [x], env: {MODE: fast, TOKEN: hunter2}}}\n"
        "steps:\n  a: {tool: mail.send}\n"
    )

    (found,) = read(file).diagnostics

    assert (found.code, found.mark.line, found.mark.column) == ("ORCH115", 3, 60)
    assert "hunter2" not in found.message + found.hint
