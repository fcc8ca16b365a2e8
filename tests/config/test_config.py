"""Where things lie, and what the environment says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.config import Config, find_root


def test_the_root_is_the_nearest_marked_directory(tmp_path: Path) -> None:
    """`orch.yaml` or `.git`, whichever is nearer."""
    inner = tmp_path / "repo" / "team" / "flows"
    inner.mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()

    assert find_root(inner) == tmp_path / "repo"
    (tmp_path / "repo" / "team" / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    assert find_root(inner) == tmp_path / "repo" / "team"


def test_without_a_marker_the_directory_itself_is_the_root(tmp_path: Path) -> None:
    """A single file somewhere reaches nothing above it."""
    assert find_root(tmp_path) == tmp_path


def test_runs_of_a_project_are_kept_in_it(project: Path) -> None:
    """In `.orch`; elsewhere in the user's data."""
    config = Config.from_environment({"ORCH_HOME": str(project / "home")}, project)
    lonely = project.parent / "lonely"

    assert config.store(project) == project / ".orch"
    assert config.store(lonely) == project / "home" / "store"
    assert config.store_path.parent == project / ".orch"


def test_a_home_holds_everything_of_the_user(tmp_path: Path) -> None:
    """`ORCH_HOME` overrides the platform's directories; a relative one counts from the current directory."""
    config = Config.from_environment({"ORCH_HOME": "home"}, tmp_path)

    assert config.data == tmp_path / "home"
    assert config.models == tmp_path / "home" / "models"
    assert config.cache.is_relative_to(config.data)
    assert config.runtime.is_relative_to(config.data)


def test_the_users_settings_are_one_file(tmp_path: Path) -> None:
    """In the home when there is one, else where the platform keeps such files."""
    at_home = Config.from_environment({"ORCH_HOME": "home"}, tmp_path)
    xdg = Config.from_environment({"XDG_CONFIG_HOME": str(tmp_path / "etc")}, tmp_path)
    platform = Config.from_environment({"XDG_CONFIG_HOME": "relative"}, tmp_path)

    assert at_home.settings == tmp_path / "home" / "config.yaml"
    assert xdg.settings == tmp_path / "etc" / "orch" / "config.yaml"
    assert platform.settings.is_absolute()
    assert platform.settings.parts[-2:] == ("orch", "config.yaml")


def test_without_a_home_the_platform_decides(tmp_path: Path) -> None:
    """The freedesktop variables are obeyed where they are absolute."""
    config = Config.from_environment({"XDG_DATA_HOME": str(tmp_path), "XDG_CACHE_HOME": "relative"}, tmp_path)

    assert config.data == tmp_path / "orch"
    assert config.cache.is_absolute()


@pytest.mark.parametrize(
    ("value", "meant"), [("1", True), ("true", True), ("", False), ("0", False), ("no", False)]
)
def test_switches_of_the_environment(value: str, meant: bool) -> None:
    """Set and not denied means on."""
    config = Config.from_environment({"ORCH_OFFLINE": value, "ORCH_DEBUG": value}, Path("/"))

    assert (config.offline, config.debug) == (meant, meant)


def test_an_empty_database_address_is_none() -> None:
    """As if it were not set."""
    assert Config.from_environment({"ORCH_DATABASE_URL": ""}, Path("/")).database_url is None


def test_starting_up_does_not_load_pydantic() -> None:
    """`orch --help` and completion pay for nothing they do not use."""
    code = "import sys, orchestrator.config, orchestrator.library; print([m for m in ('pydantic', 'yaml') if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
