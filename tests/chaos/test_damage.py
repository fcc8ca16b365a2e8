"""A damaged database: found, told, kept apart. Never a traceback, and whole runs go on working."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.main import cli
from orchestrator.cli.verify import problems_of_all
from orchestrator.store.journal import StoreJournal
from orchestrator.store.open import open_store
from tests.store.samples import finished, started

RUNS = ("1123-0645-aaa", "1123-0646-bbb", "1123-0647-ccc")
FLIPS, MANY = 25, 400
COMMANDS = (
    ("verify", "--all"), ("verify", "--all", "--json"), ("runs",), ("runs", "--json"), ("show", RUNS[1]),
    ("show", RUNS[1], "triage"), ("logs", RUNS[1]), ("cost", RUNS[1]), ("resume", RUNS[1]), ("cancel", RUNS[1]),
    ("fork", RUNS[1], "--at", "triage"), ("approve", RUNS[1]), ("diff", RUNS[0], RUNS[1]), ("replay", RUNS[1]),
    ("runs", "export", RUNS[1], "-o", "out.orchrun"), ("prune", "--keep", "1", "--yes"), ("doctor",),
    ("runs", "--status", "damaged"), ("cost", "--all"), ("artifacts", RUNS[1]), ("verify", RUNS[1], "--accept"),
)  # fmt: skip
TABLES = ("events", "runs", "meta", "blobs", "blob_uses", "inbox", "cache", "spending", "turns", "seen")


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
        options = {"today": "2026-11-23", "models": {}}
        store.create(run, started(run, at=1_795_416_300.0 + number, file=file, options=options))
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


def test_a_run_that_is_removed_meanwhile_is_not_missed(database: Path) -> None:
    """Unless somebody asked for it by its name."""
    chosen = {RUNS[0]: "", "1122-0000-gone": ""}
    store = open_store(database)

    found = problems_of_all(store, chosen, every=True)
    named = problems_of_all(store, chosen, every=False)
    store.close()

    assert found == {RUNS[0]: []}
    assert [bool(problems) for problems in named.values()] == [False, True]


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
        _put(database, bytes(damaged))
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


Harm = Callable[[Path, random.Random], None]


def cut_short(database: Path, chance: random.Random) -> None:
    with database.open("rb+") as file:
        file.truncate(chance.randrange(database.stat().st_size))


def zero_pages(database: Path, chance: random.Random) -> None:
    with database.open("rb+") as file:
        for _ in range(chance.choice([1, 2, 8])):
            file.seek(4096 * chance.randrange(database.stat().st_size // 4096))
            file.write(bytes(4096))


def swap_pages(database: Path, chance: random.Random) -> None:
    content = bytearray(database.read_bytes())
    one, other = (4096 * number for number in chance.sample(range(1, len(content) // 4096), 2))
    content[one : one + 4096], content[other : other + 4096] = (
        content[other : other + 4096],
        content[one : one + 4096],
    )
    database.write_bytes(content)


def drop_a_table(database: Path, chance: random.Random) -> None:
    change(database, f"DROP TABLE {chance.choice(TABLES)}")


def drop_a_column(database: Path, chance: random.Random) -> None:
    table, column = chance.choice([("runs", "cost"), ("runs", "head"), ("events", "hash"), ("inbox", "done")])
    for index in ("inbox_open",):
        change(database, f"DROP INDEX IF EXISTS {index}")
    change(database, f"ALTER TABLE {table} DROP COLUMN {column}")


def swap_rows(database: Path, chance: random.Random) -> None:
    one, other = chance.sample(range(1, 40), 2)
    for old, new in ((one, 1000), (other, one), (1000, other)):
        change(database, f"UPDATE events SET seq = {new} WHERE run = 2 AND seq = {old}")


def delete_rows(database: Path, chance: random.Random) -> None:
    change(database, f"DELETE FROM events WHERE run = 2 AND seq = {chance.randrange(40)}")


def strange_values(database: Path, chance: random.Random) -> None:
    column = chance.choice(["at", "kind", "path", "payload", "hash"])
    value = chance.choice(
        ["x'ff00fe'", "17", "'[1,2'", "''", "9e999", "'\\u0000'", "replace(hex(zeroblob(9000)), '0', '[')"]
    )
    change(database, f"UPDATE events SET {column} = {value} WHERE run = 2 AND seq > 20")


def strange_row(database: Path, chance: random.Random) -> None:
    column = chance.choice(
        ["workflow", "file", "status", "started", "ended", "events", "head", "steps", "cost", "source"]
    )
    value = chance.choice(["x'ff00fe'", "-17", "'[1,2'", "''", "9e999", "1e300", "9223372036854775807"])
    change(database, f"UPDATE runs SET {column} = {value} WHERE no = 2")


def not_the_index(database: Path, chance: random.Random) -> None:
    """The index of the runs' ids says something else than their table."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'seen_of') WHERE name = 'sqlite_autoindex_runs_1'"
        )
        connection.commit()


def all_of_the_log(database: Path, chance: random.Random) -> None:
    """What lies beside it is noise."""
    database.with_name("store.db-wal").write_bytes(chance.randbytes(20_000))


HARMS: tuple[Harm, ...] = (
    cut_short, zero_pages, swap_pages, drop_a_table, drop_a_column, swap_rows, delete_rows, strange_values, strange_row,
    not_the_index, all_of_the_log,
)  # fmt: skip


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_no_harm_to_the_file_ends_in_a_traceback(database: Path, harm: Harm, full: bool) -> None:
    """Each command says what it is and ends with a code; a run that still verifies reads as it did."""
    sound, whole = database.read_bytes(), {run: orch("logs", run, "--json").stdout for run in RUNS}
    for seed in range(40 if full else 3):
        chance = random.Random(f"{harm.__name__} {seed}")
        commands = COMMANDS if full else (COMMANDS[0], *chance.sample(COMMANDS[1:], 3))
        _put(database, sound)
        harm(database, chance)
        damaged = database.read_bytes()
        for words in commands:
            result = orch(*words)
            assert _is_told(result), (seed, words, result.output, result.exc_info)
            assert "defect in orch" not in result.output, (seed, words, result.output)
            if result.exit_code == 0 and words[0] == "prune":
                _put(database, damaged)
        _put(database, damaged)
        for run in RUNS:
            if orch("verify", run).exit_code == 0:
                assert orch("logs", run, "--json").stdout == whole[run], (seed, run)
