"""What the whole suite shares: the `--full` option, and a home of its own for everything it writes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from orchestrator.config import Config
from orchestrator.providers.hosts import Hosts
from tests.shares import Shares, longest_first

settings.register_profile("orch", deadline=None)  # no test may depend on the machine's speed
settings.load_profile("orch")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run everything that is sampled otherwise")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--full"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("full")])
        items[:] = [item for item in items if not item.get_closest_marker("full")]
    if hasattr(config, "workerinput"):
        longest_first(config.rootpath, items)


@pytest.hookimpl(optionalhook=True)  # it is one of xdist's, which may be switched off
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Shares:
    return Shares(config, log)


@pytest.fixture(scope="session", autouse=True)
def _own_home() -> Iterator[None]:
    """Runs outside projects, settings and model hosts of the tests are their own; only weights are the user's."""
    user = Config.from_environment(os.environ, Path.cwd())
    user.models.mkdir(parents=True, exist_ok=True)
    home = tempfile.TemporaryDirectory(prefix="orch-", ignore_cleanup_errors=True)
    with home as folder, pytest.MonkeyPatch.context() as patch:
        (Path(folder) / "models").symlink_to(user.models)
        patch.setenv("ORCH_HOME", folder)
        yield
        hosts = Hosts(Path(folder) / "run" / "hosts", environ=os.environ)
        for host in hosts.running():
            hosts.stop(host.identity)


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether everything is asked for, not a sample."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's own settings or keys, nor the size of the terminal it was started from."""
    for name in list(os.environ):
        ours = name.startswith("ORCH_") and name != "ORCH_HOME"
        if ours or name.endswith("_API_KEY") or name in ("COLUMNS", "LINES"):
            monkeypatch.delenv(name)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project: its root is marked, so that nothing above it is found."""
    (tmp_path / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    return tmp_path
