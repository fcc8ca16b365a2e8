"""Files that tools made, as they are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.calling import Artifact
from orchestrator.store.artifacts import Artifacts, artifact_path


def kept(folder: Path, name: str, content: str = "x") -> str:
    made = folder.parent / "made"
    made.write_text(content, encoding="utf-8")
    return str(Artifacts(folder)(Artifact(name, "text/plain", made))["sha256"])


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("plot.svg", ".svg"),
        ("PLOT.PNG", ".png"),
        ("a.tar.gz", ".gz"),
        *(
            (name, "")
            for name in ("plot", ".profile", "a.", "a.x/../y", "a.s h", "a.\u00e9", "a.svg\n", "a.waytoolong")
        ),
    ],
)
def test_a_file_has_the_suffix_of_its_name_and_nothing_else_of_it(
    tmp_path: Path, name: str, suffix: str
) -> None:
    """Programs know by it how to open it; a name is chosen by a tool."""
    folder = tmp_path / "artifacts"

    digest = kept(folder, name)

    (file,) = (found for found in folder.rglob("*") if found.is_file())
    assert file.name == digest + suffix
    assert file == artifact_path(folder, digest, name)
    assert file.read_text(encoding="utf-8") == "x"


def test_the_same_content_under_two_suffixes_takes_its_room_once(tmp_path: Path) -> None:
    """Each opens, and both are one file."""
    folder = tmp_path / "artifacts"

    digest = kept(folder, "a.txt")
    kept(folder, "a.csv")
    kept(folder, "b.csv")

    one, other = (artifact_path(folder, digest, name) for name in ("a.txt", "a.csv"))
    assert one.samefile(other)
    assert one.stat().st_nlink == 2


def test_a_file_that_was_kept_without_a_suffix_is_still_found(tmp_path: Path) -> None:
    """Until the same content is made again."""
    folder = tmp_path / "artifacts"
    digest = kept(folder, "a")

    before = artifact_path(folder, digest, "a.txt")
    kept(folder, "a.txt")

    assert before.name == digest
    assert artifact_path(folder, digest, "a.txt").name == f"{digest}.txt"
