"""The checker and the providers agree on what leaves the machine."""

from __future__ import annotations

import pytest

from orchestrator.graph.cloud import PROVIDERS, is_cloud
from orchestrator.providers import registry
from orchestrator.spec.model import ModelSpec

URLS = (
    None,
    "http://127.0.0.1:9/v1",
    "http://localhost:9",
    "http://[::1]:9/v1",
    "https://models.example.com/v1",
)


@pytest.mark.parametrize("where", [None, "local", "cloud"])
@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_checker_calls_cloud_what_the_registry_calls_cloud(
    provider: str, url: str | None, where: str | None
) -> None:
    """Two rooms that may not import each other, one rule."""
    for model in ("small:3b", "large-cloud"):
        spec = ModelSpec.model_validate({"use": f"{provider}:{model}", "url": url, "where": where})

        assert is_cloud(spec) == registry.is_cloud(spec)


def test_the_checker_knows_every_provider() -> None:
    """A model that can be opened is never called unknown."""
    assert set(PROVIDERS) == set(registry.PROVIDERS)
