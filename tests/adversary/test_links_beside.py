"""A copied project may bring its own `.orch/`: nothing in it leads what orch writes into another file of the user's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.main import cli

WORKFLOW = """
orch: 1
steps:
  q: {ask: Go on?, choices: ["yes", "no"]}
  end: {value: "{{ q }}"}
"""
WORDS = "what the user wrote\n" * 20


def orch(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project with a run that waits, and its id: whoever sends the project knows it."""
    folder = tmp_path_factory.mktemp("waiting")
    (folder / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (folder / "workflow.yaml").write_text(WORKFLOW, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert orch("run", "workflow.yaml", "-q").exit_code == 7
        run = orch("runs").output.splitlines()[1].split()[0]
    return folder, run


@pytest.fixture
def copy(waiting: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "copy"
    shutil.copytree(waiting[0], folder)
    monkeypatch.chdir(folder)
    return folder


Put = Callable[[Path, Path], None]


def pipe(place: Path, _: Path) -> None:
    os.mkfifo(place)


def link(place: Path, target: Path) -> None:
    place.symlink_to(target)


def endless(place: Path, _: Path) -> None:
    place.symlink_to("/dev/zero")


@pytest.mark.parametrize("put", [link, pipe, endless])
@pytest.mark.parametrize(
    "name", ["locks/store.db.{run}.lock", "marks/store.db.run.{run}", "marks/store.db.wal", "store.db-wal"]
)
def test_nothing_is_written_through_what_a_project_brings(
    waiting: tuple[Path, str], copy: Path, tmp_path: Path, name: str, put: Put
) -> None:
    """Nor does a command wait for what never ends. It works, or says which file is in its way."""
    mine = tmp_path / "notes.txt"
    mine.write_text(WORDS, encoding="utf-8")
    place = copy / ".orch" / name.format(run=waiting[1])
    place.parent.mkdir(exist_ok=True)
    put(place, mine)

    done = [
        orch("approve", f"{waiting[1]}/q"),
        orch("resume", waiting[1], "-q"),
        orch("runs"),
        orch("prune", "--keep", "0", "--yes"),
    ]

    assert mine.read_text(encoding="utf-8") == WORDS
    for one in done:
        assert one.exit_code in (0, 1)
        assert one.exit_code == 0 or place.name in one.stderr


@pytest.mark.parametrize("name", ["store.db", "store.db-shm", "store.db.setup"])
def test_a_pipe_in_place_of_the_store_is_told(copy: Path, name: str) -> None:
    """And not waited for."""
    place = copy / ".orch" / name
    place.unlink(missing_ok=True)
    os.mkfifo(place)

    done = orch("runs")

    assert done.exit_code == 1
    assert f"{name} is no plain file" in done.stderr
