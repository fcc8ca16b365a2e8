"""What the whole suite shares: the `--full` option, and a home of its own for everything it writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("orch", deadline=None)  # no test may depend on the machine's speed
settings.load_profile("orch")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run everything that is sampled otherwise")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--full"):
        chosen = [item for item in items if item.get_closest_marker("full") is None]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether everything is asked for, not a sample."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's own settings or keys."""
    for name in list(os.environ):
        if name.startswith("ORCH_") and name not in ("ORCH_HOME",):
            monkeypatch.delenv(name)
        if name.endswith("_API_KEY"):
            monkeypatch.delenv(name)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project: its root is marked, so that nothing above it is found."""
    (tmp_path / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    return tmp_path
