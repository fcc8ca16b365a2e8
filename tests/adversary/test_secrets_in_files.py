"""A secret in an address or a command: git would keep it, and every process of the machine sees a command."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from orchestrator.spec.model import McpServer, ModelSpec

TELLING = [
    "https://ann:hunter2@example.org/mcp",
    "https://example.org/mcp?api_key=abc",
    "https://example.org/mcp?page=2&access_token=abc#x",
    "https://example.org/sk-abcd3fghijklmn0p/v1",
]
PLAIN = [
    "https://example.org/mcp",
    "https://ann@example.org/mcp",
    "http://127.0.0.1:8080/v1?api-version=2024-06-01",
    "https://example.org/mcp?page_token_size=3&key=",
    "https://example.org/a/very/long/path/ThatIsNoSecret0123456789/at/all",
]


@pytest.mark.parametrize("url", TELLING)
def test_an_address_with_a_secret_is_refused(url: str) -> None:
    """Of a server of tools and of models."""
    for made in (lambda: McpServer(url=url), lambda: ModelSpec(use="openai:x", url=url)):
        with pytest.raises(ValidationError, match="a secret never stands in a file"):
            made()


@pytest.mark.parametrize("url", PLAIN)
def test_other_addresses_are_not(url: str) -> None:
    """Names, versions and pages are none."""
    assert (McpServer(url=url).url, ModelSpec(use="openai:x", url=url).url) == (url, url)


@pytest.mark.parametrize(
    "words",
    [
        ("server", "--token=hunter2"),
        ("server", "--api-key", "hunter2"),
        ("server", "-v", "--db-password", "x"),
        ("env", "GITHUB_TOKEN=abc", "server"),
        ("server", "ghp_0123456789abcdefghij0123456789abcdef"),
        ("server", "postgres://me:hunter2@localhost/db"),
    ],
)
def test_a_command_with_a_secret_is_refused(words: tuple[str, ...]) -> None:
    """By the option before it, by its form, or inside an address."""
    for made in (lambda: McpServer(command=words), lambda: ModelSpec(use="openai:x", serve=words)):
        with pytest.raises(ValidationError, match="a secret never stands in a file"):
            made()


@pytest.mark.parametrize(
    "words",
    [
        ("npx", "-y", "@scope/server-name", "./folder"),
        ("llama-server", "--api-key-file", "key.txt", "--port", "8080"),
        ("server", "--token", "--verbose"),
        ("server", "--password", "/run/secrets/password"),
        ("server", "--max-tokens", "4096"),
        ("server", "--token="),
        ("vllm", "serve", "model", "--api-key", "EMPTY"),
        ("sh", "serve.sh", "--api-key=$SERVER_KEY"),
    ],
)
def test_other_commands_are_not(words: tuple[str, ...]) -> None:
    """Files that hold one, and options that only sound like it."""
    assert McpServer(command=words).command == words
