"""A cache that several people share: who gets what, and that nothing in it is believed."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli.main import cli
from orchestrator.labels import Label
from orchestrator.store.cache import StoreCache
from orchestrator.store.shared import DirectoryCache, SharedCache
from orchestrator.store.store import Store
from tests.store.samples import a_store

PUBLIC, PRIVATE, OWN = f"public:{'a' * 64}", f"private:{'a' * 64}", "a" * 64


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = a_store(tmp_path)
    yield found
    found.close()


def files(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file()]


def filled(place: Path, key: str = PUBLIC, value: object = "an answer") -> Path:
    cache = DirectoryCache(place)
    cache.put(key, value)
    cache.close()
    return files(place)[0]


def test_what_one_put_another_gets(tmp_path: Path) -> None:
    """As soon as it is written, and nothing else lies there."""
    filled(tmp_path, value={"text": "é", "attempts": 2})

    assert DirectoryCache(tmp_path).get(PUBLIC) == {"text": "é", "attempts": 2}
    assert DirectoryCache(tmp_path).get(PRIVATE) is None
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize(
    ("clearance", "shared"), [("public", [PUBLIC]), ("internal", [PUBLIC]), ("private", [PUBLIC, PRIVATE])]
)
def test_only_what_is_cleared_leaves(
    store: Store, tmp_path: Path, clearance: Label, shared: list[str]
) -> None:
    """The rest stays in the store; what is above the clearance is not even looked for."""
    near, far = StoreCache(store), DirectoryCache(tmp_path / "team")
    cache = SharedCache(near, far, clearance)
    for key in (PUBLIC, PRIVATE, OWN):
        cache.put(key, key)
    near.close()
    far.close()

    assert [key for key in (PUBLIC, PRIVATE, OWN) if DirectoryCache(tmp_path / "team").get(key)] == shared
    assert [StoreCache(store).get(key) for key in (PUBLIC, PRIVATE, OWN)] == [PUBLIC, PRIVATE, OWN]


@pytest.mark.parametrize("key", ["secret:" + "a" * 64, "odd:" + "a" * 64, "public:../x", "public:"])
def test_a_key_that_says_something_else_stays(store: Store, tmp_path: Path, key: str) -> None:
    """Whatever the clearance."""
    near, far = StoreCache(store), DirectoryCache(tmp_path / "team")
    SharedCache(near, far, "private").put(key, 1)
    near.close()
    far.close()

    assert files(tmp_path / "team") == []


@pytest.mark.parametrize("damage", [b"", b"\n", b"x" * 64 + b'\n"an answer"', b"\xff" * 200, b"[" * 100_000])
def test_a_damaged_entry_is_none(tmp_path: Path, damage: bytes) -> None:
    """It is asked again, and written again."""
    filled(tmp_path).write_bytes(damage)

    assert DirectoryCache(tmp_path).get(PUBLIC) is None
    filled(tmp_path)
    assert DirectoryCache(tmp_path).get(PUBLIC) == "an answer"


def test_an_entry_of_another_key_is_none(tmp_path: Path) -> None:
    """Its digest is of its key too: nobody's answer is renamed to be another's."""
    other = f"public:{'b' * 64}"
    first = filled(tmp_path).read_bytes()
    for path in files(tmp_path):
        path.unlink()
    filled(tmp_path, other).write_bytes(first)

    assert DirectoryCache(tmp_path).get(other) is None


def test_a_link_is_none(tmp_path: Path) -> None:
    """It could lead anywhere."""
    path = filled(tmp_path)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")

    assert DirectoryCache(tmp_path).get(PUBLIC) is None


def test_where_nothing_can_be_written_it_is_read(tmp_path: Path) -> None:
    """A file in the place of its folder stands for a directory without rights: those of the administrator are no test."""
    (tmp_path / "answers-1").write_text("", encoding="utf-8")
    cache = DirectoryCache(tmp_path)
    cache.put(PUBLIC, "x")
    cache.close()

    assert cache.fault is not None
    assert cache.get(PUBLIC) is None


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    """Until there is room again."""
    for number in range(5):
        key = f"public:{number:064d}"
        filled(tmp_path, key, "x" * 1000)
    for number, path in enumerate(sorted(files(tmp_path))):
        os.utime(path, (number, number))
    oldest = sorted(files(tmp_path))[:3]

    cache = DirectoryCache(tmp_path, limit=4000)
    cache.put(PUBLIC, "new")
    cache.close()

    assert not any(path.exists() for path in oldest[:2])
    assert DirectoryCache(tmp_path).get(PUBLIC) == "new"


def test_many_write_at_once(tmp_path: Path) -> None:
    """Every reader sees a whole answer or none."""

    def work(number: int) -> object:
        cache = DirectoryCache(tmp_path)
        cache.put(PUBLIC, "x" * 10_000)
        seen = cache.get(PUBLIC)
        cache.close()
        return seen

    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(work, range(40)))

    assert seen <= {None, "x" * 10_000}
    assert len(files(tmp_path)) == 1


FLOW = """
orch: 1
models: {tiny: "scripted:answers.yaml"}
agents: {a: {model: tiny}}
inputs: {letter: string}
steps:
  hello: {agent: a, prompt: "Greet", output: short | long}
  reply: {agent: a, prompt: "Answer {{ inputs.letter }}"}
"""
ANSWERS = "- match: Greet\n  value: short\n- match: Answer\n  text: fine\n"


def project(place: Path) -> Path:
    place.mkdir()
    (place / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (place / "w.yaml").write_text(FLOW, encoding="utf-8")
    (place / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    return place


def ran(place: Path, patch: pytest.MonkeyPatch, *words: str) -> int:
    """How many answers were asked for."""
    patch.chdir(place)
    done = CliRunner().invoke(cli, ["run", "w.yaml", "-q", "-i", "letter=x", *words])
    assert done.exit_code == 0, done.output
    return CliRunner().invoke(cli, ["logs", "last", "--json"]).stdout.count('"attempt.started"')


def test_a_team_asks_once_for_what_is_public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second project takes the public answer from the first; a poisoned one is judged, and asked again."""
    team = tmp_path / "team"
    team.mkdir()
    monkeypatch.setenv("ORCH_CACHE", str(team))

    assert ran(project(tmp_path / "one"), monkeypatch) == 2
    assert len(files(team)) == 1
    assert ran(project(tmp_path / "two"), monkeypatch) == 1
    assert ran(project(tmp_path / "three"), monkeypatch, "--local-only") == 2

    (entry,) = files(team)
    key = next(key for key in keys_of(tmp_path / "one") if key.startswith("public:"))
    poison = b'"no word of these"'
    entry.write_bytes(hashlib.sha256(key.encode() + poison).hexdigest().encode() + b"\n" + poison)
    assert ran(project(tmp_path / "four"), monkeypatch) == 2


def keys_of(place: Path) -> list[str]:
    with closing(sqlite3.connect(place / ".orch" / "store.db")) as connection:
        return [key for (key,) in connection.execute("SELECT key FROM cache")]


def test_a_database_may_be_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its address."""
    monkeypatch.setenv("ORCH_CACHE", f"sqlite:///{tmp_path / 'team.db'}")

    assert ran(project(tmp_path / "one"), monkeypatch) == 2
    assert ran(project(tmp_path / "two"), monkeypatch) == 1


@pytest.mark.parametrize(
    ("name", "value"), [("ORCH_CACHE", "/nowhere/at/all"), ("ORCH_CACHE_CLEARANCE", "secret")]
)
def test_a_mistake_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Before anything runs."""
    monkeypatch.setenv("ORCH_CACHE", str(tmp_path))
    monkeypatch.setenv(name, value)
    monkeypatch.chdir(project(tmp_path / "one"))

    done = CliRunner().invoke(cli, ["run", "w.yaml", "-q", "-i", "letter=x"])

    assert done.exit_code == 2
    assert name in done.stderr


def settings(home: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "config.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("ORCH_HOME", str(home))
    monkeypatch.delenv("ORCH_CACHE", raising=False)


def test_the_users_own_settings_may_name_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path starts where the settings lie. What the environment says counts alone, also when it is nothing."""
    (tmp_path / "home" / "team").mkdir(parents=True)
    settings(tmp_path / "home", monkeypatch, "cache: {shared: team}\n")

    assert ran(project(tmp_path / "one"), monkeypatch) == 2
    assert ran(project(tmp_path / "two"), monkeypatch) == 1
    monkeypatch.setenv("ORCH_CACHE", "")
    assert ran(project(tmp_path / "three"), monkeypatch) == 2
    assert len(files(tmp_path / "home" / "team")) == 1


def test_the_clearance_of_the_settings_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `private` the other answer goes there too."""
    (tmp_path / "home" / "team").mkdir(parents=True)
    settings(tmp_path / "home", monkeypatch, "cache: {shared: team, clearance: private}\n")

    assert ran(project(tmp_path / "one"), monkeypatch) == 2
    assert len(files(tmp_path / "home" / "team")) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cache: {shared: nowhere}", "which is no directory"),
        ("cache: {shard: team}", "did you mean 'shared'?"),
        ("cache: {clearance: secret}", "'cache.clearance' is public, internal or private"),
        ("cache: {shared: 'postgresql://ann:geheim@host/x'}", "'cache.shared' holds a password"),
    ],
)
def test_a_mistake_in_the_settings_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    """With its place, before anything runs."""
    settings(tmp_path / "home", monkeypatch, text + "\n")
    monkeypatch.chdir(project(tmp_path / "one"))

    done = CliRunner().invoke(cli, ["run", "w.yaml", "-q", "-i", "letter=x"])

    assert done.exit_code == 2
    assert told in done.stderr
    assert "config.yaml" in done.stderr
