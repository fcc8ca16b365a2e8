"""A damaged database: found, told, kept apart. Never a traceback, and whole runs go on working."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.main import cli
from orchestrator.store.journal import StoreJournal
from orchestrator.store.open import open_store
from tests.store.samples import finished, started

RUNS = ("1123-0645-aaa", "1123-0646-bbb", "1123-0647-ccc")
FLIPS, MANY = 25, 400
COMMANDS = (
    ("verify", "--all"), ("verify", "--all", "--json"), ("runs",), ("runs", "--json"), ("show", RUNS[1]),
    ("show", RUNS[1], "triage"), ("logs", RUNS[1]), ("cost", RUNS[1]), ("resume", RUNS[1]), ("cancel", RUNS[1]),
    ("fork", RUNS[1], "--at", "triage"), ("approve", RUNS[1]),
)  # fmt: skip


def orch(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


@pytest.fixture
def database(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three runs that were interrupted, in a file without a second one beside it."""
    monkeypatch.chdir(project)
    (project / "workflow.yaml").write_text("orch: 1\nsteps: {triage: {value: 1}}\n", encoding="utf-8")
    path = project / ".orch" / "store.db"
    store = open_store(path)
    for number, run in enumerate(RUNS):
        file = str(project / "workflow.yaml")
        store.create(run, started(run, at=1_795_416_300.0 + number, file=file))
        journal = StoreJournal(store, run)
        for item in range(40):
            journal.append(finished(item, {"text": f"answer {item} of {run} " * 5}))
        journal.close()
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def change(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(statement)
        connection.commit()


def test_verify_says_one_line_per_run(database: Path) -> None:
    """Whole ones too; nothing else goes to stdout."""
    result = orch("verify", "--all")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"✓ {run}  all 41 events are as they were written" for run in reversed(RUNS)
    ]


def test_a_damaged_run_is_told_marked_and_not_resumed_and_the_others_work(database: Path) -> None:
    """Found by `verify`; from then on `runs` says it, until it is whole again or removed."""
    change(database, "UPDATE events SET payload = replace(payload, 'answer 7', 'answer 8') WHERE run = 2")

    result = orch("verify", *RUNS)

    assert result.exit_code == 1
    good, bad, other = result.stdout.splitlines()
    assert good.startswith(f"✓ {RUNS[0]}")
    assert other.startswith(f"✓ {RUNS[2]}")
    assert bad.startswith(f"✗ {RUNS[1]}  damaged: event 8 (step.finished triage.7) is not what was written")
    assert _status(RUNS[1]) == "damaged"
    assert _status(RUNS[0]) == "interrupted"
    resumed = orch("resume", RUNS[1])
    assert resumed.exit_code == 2
    assert f"the record of run {RUNS[1]} is damaged" in resumed.stderr
    assert f"orch verify {RUNS[1]}" in resumed.stderr
    assert orch("resume", RUNS[0], "--changed").exit_code in (0, 1)
    assert orch("verify", RUNS[0]).exit_code == 0


def test_resume_itself_finds_the_damage_and_marks_it(database: Path) -> None:
    """Nobody needs to have called `verify` before."""
    change(database, "DELETE FROM events WHERE run = 3 AND seq > 20")

    assert orch("resume", "last").exit_code == 2
    assert _status(RUNS[2]) == "damaged"


def test_a_run_that_is_whole_again_is_a_run_like_others(database: Path) -> None:
    """Somebody put the backup back."""
    change(database, "UPDATE events SET at = at + 1 WHERE run = 2 AND seq = 3")
    assert orch("verify", RUNS[1]).exit_code == 1
    change(database, "UPDATE events SET at = at - 1 WHERE run = 2 AND seq = 3")

    assert orch("verify", RUNS[1]).exit_code == 0
    assert _status(RUNS[1]) == "interrupted"


def test_a_damaged_run_that_was_removed_leaves_no_mark(database: Path) -> None:
    """Its id may come again."""
    change(database, "UPDATE events SET at = at + 1 WHERE run = 2 AND seq = 3")
    assert orch("verify", RUNS[1]).exit_code == 1

    assert orch("runs", "rm", RUNS[1]).exit_code == 0

    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT key FROM meta").fetchall() == [("version",)]


def test_verify_wants_to_know_what(database: Path) -> None:
    """Neither nothing nor both."""
    assert orch("verify").exit_code == 2
    assert orch("verify", "--all", "last").exit_code == 2
    assert orch("verify", "nothing-like-it").exit_code == 2


def test_flipped_bits_never_end_in_a_traceback(database: Path, full: bool) -> None:
    """Each command ends with an exit code and words; where a run reads otherwise than it was, `verify` says so."""
    sound = database.read_bytes()
    whole = _record()
    for seed in range(MANY if full else FLIPS):
        chance = random.Random(seed)
        damaged = bytearray(sound)
        for _ in range(chance.choice([1, 1, 4, 100])):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        _put(database, bytes(damaged))
        for words in COMMANDS if full else (COMMANDS[0], *chance.sample(COMMANDS[1:], 3)):
            result = orch(*words)
            assert _is_told(result), (seed, words, result.output, result.exc_info)
        if orch("verify", "--all").exit_code == 0:
            assert _record() == whole, seed


def _put(database: Path, content: bytes) -> None:
    for beside in ("-wal", "-shm"):
        database.with_name(database.name + beside).unlink(missing_ok=True)
    database.write_bytes(content)


def _is_told(result: Result) -> bool:
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return False
    return "Traceback" not in result.output and (result.exit_code == 0 or bool(result.output.strip()))


def _record() -> list[str]:
    """All events of all runs."""
    return [orch("logs", run, "--json").stdout for run in RUNS]


def _status(run: str) -> str:
    rows = orch("runs").stdout.splitlines()
    return next(row for row in rows if row.startswith(run)).split()[2]
