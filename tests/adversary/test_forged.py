"""A run that somebody forged and exported: looked at like any other, and nothing of it reaches further."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from orchestrator.calling import Artifact
from orchestrator.cli.again import newest
from orchestrator.cli.main import cli
from orchestrator.errors import UsageError
from orchestrator.store.artifacts import NOWHERE, Artifacts, artifact_path
from tests.cli.recorded import DONE, FAILED, WAITING, Shell, record_all, shell_in
from tests.cli.test_export import MINE, labelled, resealed

DEEP = json.loads("[" * 90 + "]" * 90)
VALUES: tuple[Any, ...] = (
    "../../x", "/etc/passwd", "\x1b]52;c;eA==\x07", "[@click=app.quit]q[/]", "\u202eabc", "a" * 50_000, "", None, True,
    -1, 0, 2**40, -(2**40), 0.5, -1e12, [], {}, [None], {"": None}, DEEP, "a.0.b~2.c@d#1^1.2", "..", "~", "x\n y",
    "%s{0}", "{{ 7*7 }}", [{"role": "x", "content": None}], {"role": "user", "content": "x"}, {"$note": "x"},
)  # fmt: skip
LOOKS: tuple[tuple[str, ...], ...] = (
    ("show", "RUN"), ("show", "RUN", "--json"), ("show", "RUN", "mine.0"), ("show", "RUN", "triage.0"), ("logs", "RUN"),
    ("cost", "RUN"), ("runs",), ("verify", "RUN"), ("diff", "RUN", "RUN"), ("replay", "RUN"), ("resume", "RUN"),
    ("fork", "RUN", "--at", "triage"), ("runs", "export", "RUN", "--everything", "--yes", "-o", "-"),
    ("runs", "export", "RUN", "--format", "otlp-json", "-o", "-"),
)  # fmt: skip


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    """Four runs as they travel, by their ids."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        shell = shell_in(folder)
        record_all(shell.store)
        (folder / "letter.txt").write_text("made by a tool", encoding="utf-8")
        kept = Artifacts(folder / ".orch" / "artifacts")(
            Artifact("letter.txt", "text/plain", folder / "letter.txt")
        )
        labelled(shell, "public", ({**kept, "step": "mine.0"},))
        for run in (DONE, FAILED, WAITING, MINE):
            shell("runs", "export", run, "--everything", "--yes", "-o", f"{run}.jsonl")
            found[run] = (folder / f"{run}.jsonl").read_bytes().splitlines(keepends=True)
        shell.store.close()
    return found


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(project)
    shell = shell_in(project)
    yield shell
    shell.store.close()


def orch(*words: str) -> Result:
    """A command that may say no, and does it in words."""
    said = CliRunner().invoke(cli, list(words))
    ended = said.exception is None or isinstance(said.exception, SystemExit)
    assert ended, (words, said.exception)
    assert "Traceback" not in said.output, words
    assert "defect in orch" not in said.output, (words, said.output)
    return said


def forged(lines: list[bytes], change: Callable[[dict[str, Any]], None], place: int) -> bytes:
    event = json.loads(lines[place])
    change(event)
    return resealed([*lines[:place], json.dumps(event).encode() + b"\n", *lines[place + 1 :]])


def with_a_value(chance: random.Random, lines: list[bytes]) -> bytes:
    """One value of one event is another, sometimes one inside another."""
    places = [n for n in range(2, len(lines) - 1) if lines[n].startswith(b'{"at":')]

    def change(event: dict[str, Any]) -> None:
        inside = event
        name = chance.choice(sorted(set(event) - {"kind"}))
        if isinstance(event[name], dict) and event[name] and chance.random() < 0.5:
            inside = event[name]
        elif isinstance(event[name], list) and event[name] and isinstance(event[name][0], dict):
            inside = event[name][0]
        inside[name if inside is event else chance.choice(sorted(inside))] = chance.choice(VALUES)

    return forged(lines, change, chance.choice(places))


@pytest.mark.parametrize("seed", range(2))
def test_a_forged_run_is_refused_or_shown_and_goes_no_further(
    here: Shell, exported: dict[str, list[bytes]], seed: int
) -> None:
    """Whatever stands in it: every command ends in words, nothing is executed, nothing is written beside the store."""
    chance, taken = random.Random(seed), 0
    for number in range(30):
        run = chance.choice(sorted(exported))
        Path("forged.jsonl").write_bytes(with_a_value(chance, exported[run]))
        mine = f"f-{seed}-{number}"
        if orch("runs", "import", "forged.jsonl", "--as", mine).exit_code:
            continue
        taken += 1
        for look in chance.sample(LOOKS, 3):
            said = orch(*(mine if word == "RUN" else word for word in look))
            assert "\x1b" not in said.stdout + said.stderr or "-o" in look
            assert said.exit_code != 0 or look[0] not in ("resume", "fork", "replay")

    assert taken > 3
    assert all(row["id"].startswith("f-") for row in here.json("runs"))
    assert {path.name for path in Path().iterdir()} <= {".orch", "orch.yaml", "forged.jsonl"}


def test_a_digest_that_is_a_path_is_none(
    here: Shell, exported: dict[str, list[bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Exported again, a run would take the file along that its maker named."""
    private = tmp_path_factory.mktemp("home") / "private.txt"
    private.write_text("mine alone", encoding="utf-8")
    lines = exported[MINE]
    place = next(n for n, line in enumerate(lines) if b'"call.finished"' in line)

    def change(event: dict[str, Any]) -> None:
        event["artifacts"][0].update(sha256=f"../../../../../../../../../../../{private}", name="x")

    bare = [*lines[:-2], lines[-1]]  # without the file itself
    Path("forged.jsonl").write_bytes(forged(bare, change, place))

    said = orch("runs", "import", "forged.jsonl")

    assert said.exit_code == 2
    assert "call.finished is not as orch writes it" in said.stderr


@pytest.mark.parametrize(
    "digest", ["", "..", "../../etc/passwd", "/etc/passwd", "0" * 63, "0" * 64 + "\n", "A" * 64]
)
def test_only_a_digest_leads_to_a_file(tmp_path: Path, digest: str) -> None:
    """Also where a record was changed in the store itself."""
    assert artifact_path(tmp_path, digest, "a.txt") == tmp_path / NOWHERE


def test_a_file_that_is_not_what_its_name_says_is_not_exported(
    here: Shell, exported: dict[str, list[bytes]]
) -> None:
    """Somebody put another in its place."""
    Path("mine.jsonl").write_bytes(b"".join(exported[MINE]))
    orch("runs", "import", "mine.jsonl")
    (kept,) = [path for path in Path(".orch/artifacts").glob("*/*") if path.is_file()]
    kept.unlink()
    kept.symlink_to("/etc/passwd")

    said = orch("runs", "export", MINE, "--everything", "--yes", "-o", "again.jsonl")

    assert "is not what it was" in said.stderr
    assert b'"artifact"' not in Path("again.jsonl").read_bytes()


def test_a_run_of_somebody_else_is_never_the_newest_of_our_file(
    here: Shell, exported: dict[str, list[bytes]]
) -> None:
    """It may say any file, and a time to come."""
    file = Path("w.yaml").resolve()

    def change(event: dict[str, Any]) -> None:
        event.update(file=str(file), at=9_999_999_999.0)

    Path("forged.jsonl").write_bytes(forged(exported[DONE], change, 2))
    assert orch("runs", "import", "forged.jsonl").exit_code == 0

    with pytest.raises(UsageError, match="there is no run of"):
        newest(here.store, file)
