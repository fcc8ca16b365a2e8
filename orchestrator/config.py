"""Where things lie: the project's root, the store, the user's own directories; and the settings of the environment."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from orchestrator.light import light
from orchestrator.spec.places import find_root, is_project

STORE = ".orch"
STORE_FILE = "store.db"
SETTINGS_FILE = "config.yaml"


@light(frozen=True, slots=True)
class Config:
    """The settings of one invocation. All paths are absolute; none need exist."""

    cwd: Path
    data: Path
    """The user's own data: models, and the runs of workflows outside any project."""
    cache: Path
    runtime: Path
    """Sockets and state of running model hosts."""
    settings: Path
    """The user's own settings, a YAML file."""
    database_url: str | None = None
    """A SQLAlchemy URL, when runs are kept elsewhere than in a `.orch` directory."""
    offline: bool = False
    """Nothing leaves this machine and nothing is fetched, whatever a file says."""
    debug: bool = False
    shared_cache: str | None = None
    """A directory, or a SQLAlchemy URL, where a team keeps known answers, by the environment; empty for none."""
    shared_clearance: str = "public"
    """The highest label of an answer that goes there."""

    @classmethod
    def from_environment(cls, env: Mapping[str, str], cwd: Path) -> Config:
        """`ORCH_HOME` holds everything of the user's when it is set; else the platform's directories do."""
        home = env.get("ORCH_HOME")
        found = _beneath(cwd / Path(home).expanduser()) if home else _of_the_user(env)
        data, cache, runtime, settings = found
        return cls(
            cwd=cwd.absolute(),
            data=data,
            cache=cache,
            runtime=runtime,
            settings=settings / SETTINGS_FILE,
            database_url=env.get("ORCH_DATABASE_URL") or None,
            offline=_on(env.get("ORCH_OFFLINE")),
            debug=_on(env.get("ORCH_DEBUG")),
            shared_cache=env.get("ORCH_CACHE"),
            shared_clearance=env.get("ORCH_CACHE_CLEARANCE") or "public",
        )

    def staying(self, local_only: bool) -> Config:
        """These settings with `--local-only`, or as they are; ORCH_OFFLINE is not undone by leaving it out."""
        return replace(self, offline=True) if local_only else self

    @property
    def models(self) -> Path:
        """Where the weights of local models are kept."""
        return self.data / "models"

    def store(self, root: Path) -> Path:
        """The directory of the runs of workflows in this root: `.orch` in a project, else the user's data."""
        return root / STORE if is_project(root) else self.data / "store"

    @property
    def store_path(self) -> Path:
        """The database file of the project around the current directory."""
        return self.store(find_root(self.cwd)) / STORE_FILE


def _beneath(home: Path) -> tuple[Path, Path, Path, Path]:
    home = home.absolute()
    return home, home / "cache", home / "run", home


def _of_the_user(env: Mapping[str, str]) -> tuple[Path, Path, Path, Path]:
    """The platform's directories. XDG variables are taken from `env`, so that a test can set them."""
    from platformdirs import PlatformDirs

    dirs = PlatformDirs("orch", appauthor=False)
    return (
        _xdg(env, "XDG_DATA_HOME", Path(dirs.user_data_dir)),
        _xdg(env, "XDG_CACHE_HOME", Path(dirs.user_cache_dir)),
        _xdg(env, "XDG_RUNTIME_DIR", Path(tempfile.gettempdir()) / f"orch-{os.getuid()}"),
        _xdg(env, "XDG_CONFIG_HOME", Path(dirs.user_config_dir)),
    )


def _xdg(env: Mapping[str, str], name: str, default: Path) -> Path:
    value = env.get(name, "")
    return Path(value) / "orch" if value.startswith("/") else default


def _on(value: str | None) -> bool:
    return (value or "").strip().lower() not in ("", "0", "false", "no", "off")


__all__ = ["STORE", "STORE_FILE", "Config", "find_root", "is_project"]
