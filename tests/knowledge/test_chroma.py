"""Folders of Chroma as knowledge. The folders in `chroma-*.zip` were made by Chroma itself (`chroma_folders.py`)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import pickle
import shutil
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import numpy
import pytest

from orchestrator.calling import Passage
from orchestrator.errors import KnowledgeError
from orchestrator.graph.flow_files import may_meet, read_by
from orchestrator.knowledge.chroma import Moving, opened, place_of
from orchestrator.knowledge.retrieve import IndexedKnowledge, open_knowledge
from orchestrator.knowledge.update import Report
from orchestrator.spec.load import read_project
from orchestrator.spec.model import Knowledge
from tests.embedding import WordEmbedder

VERSIONS = ("0.5", "1.5")


class Desk:
    """A project with a folder of Chroma in it."""

    def __init__(self, root: Path, version: str) -> None:
        self.root = root
        self.folder = root / "store"
        with zipfile.ZipFile(Path(__file__).parent / f"chroma-{version}.zip") as made:
            made.extractall(self.folder)
        self.expected = json.loads((self.folder / "expected.json").read_text())
        (self.folder / "expected.json").unlink()
        self.embedder = WordEmbedder()

    def opened(self, what: str, **more: Any) -> IndexedKnowledge:
        spec = Knowledge.model_validate({"from": what, **more})
        return open_knowledge("desk", spec, self.root, self.root / ".orch", self.embedder)

    def refresh(self, what: str = "chroma:store#notes") -> Report:
        async def work() -> Report:
            knowledge = self.opened(what)
            try:
                return await knowledge.refresh()
            finally:
                await knowledge.close()

        return asyncio.run(work())

    def search(
        self, query: str, k: int = 4, what: str = "chroma:store#notes", **how: Any
    ) -> tuple[Passage, ...]:
        async def work() -> tuple[Passage, ...]:
            knowledge = self.opened(what)
            try:
                return await knowledge.search(query, k, **how)
            finally:
                await knowledge.close()

        return asyncio.run(work())

    def read(self, collection: str) -> dict[str, tuple[str | None, Any]]:
        place = place_of(f"chroma:store#{collection}", self.root, self.root)
        with opened(place) as found:
            records = found.records()
            texts, vectors = found.texts(records), found.vectors()
            return {one.id: (texts.get(one.number), vectors.get(one.id)) for one in records}

    def write(self, statement: str, *values: Any) -> None:
        db = sqlite3.connect(self.folder / "chroma.sqlite3")
        with db:
            db.execute(statement, values)
        db.close()

    def graph(self) -> Path:
        (found,) = self.folder.glob("*/index_metadata.pickle")
        return found.parent

    def fingerprint(self) -> list[tuple[str, int, str]]:
        return [
            (str(path), path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        ]


@pytest.fixture(params=VERSIONS)
def desk(request: pytest.FixtureRequest, project: Path) -> Desk:
    return Desk(project, request.param)


@pytest.fixture
def new(project: Path) -> Desk:
    """A folder of the newest version, for what does not depend on it."""
    return Desk(project, VERSIONS[-1])


@pytest.mark.parametrize("collection", ["notes", "guide"])
def test_what_is_read_is_what_chroma_answers(desk: Desk, collection: str) -> None:
    """Every text and vector: after changes and deletions, of a graph on the disk and of the queue behind it."""
    found = desk.read(collection)

    assert found.keys() == desk.expected[collection].keys()
    for name, (text, vector) in desk.expected[collection].items():
        assert found[name][0] == text
        assert numpy.allclose(found[name][1], vector, atol=1e-6)


def test_the_folder_stays_as_it_was(desk: Desk) -> None:
    """No file is changed, made or even touched."""
    before = desk.fingerprint()

    desk.refresh()
    desk.refresh("chroma:store#guide")

    assert desk.fingerprint() == before


def test_passages_say_what_the_metadata_say(desk: Desk) -> None:
    """File, heading and lines where they are known; the id and no lines where not."""
    found = {passage.text: passage for passage in desk.search("refunds cards office parking canteen", 10)}

    refunds = found["Refunds take two weeks."]
    assert (refunds.file, refunds.heading, refunds.lines) == ("docs/money.md", "Guide > Refunds", (3, 4))
    office = found["The office is closed on Sundays."]
    assert (office.file, office.heading, office.lines) == ("docs/office.txt", "page 7", (0, 0))
    assert found["Parking is behind the house."].file == "e"
    assert len(found) == 5


def test_both_halves_of_the_search_work(desk: Desk) -> None:
    """Words and vectors; the score of meaning is the cosine."""
    by_words = desk.search("canteens", by="words")
    by_meaning = desk.search("Refunds take two weeks.", 1, by="meaning")

    assert [passage.text for passage in by_words] == ["The canteen opens at noon."]
    assert by_meaning[0].text == "Refunds take two weeks."
    assert by_meaning[0].score == pytest.approx(1, abs=1e-5)


def test_nothing_is_embedded_but_a_few_texts_to_compare(desk: Desk) -> None:
    """The vectors are those of the collection."""
    report = desk.refresh("chroma:store#guide")

    assert report.passages == 47
    assert sum(len(texts) for texts in desk.embedder.asked) == 5


def test_only_what_changed_is_written_anew(new: Desk) -> None:
    """A folder that was not written is not even read; a change touches its own file alone."""
    first = new.refresh()
    second = new.refresh()
    new.write(
        "UPDATE embedding_metadata SET string_value = 'Refunds take three weeks.' "
        "WHERE string_value = 'Refunds take two weeks.'"
    )

    third = new.refresh()

    assert (first.added, first.passages) == (["docs/money.md", "docs/office.txt", "e"], 5)
    assert (second.unchanged, second.passages) == (3, 0)
    assert (third.changed, third.unchanged) == (["docs/money.md"], 2)
    assert new.search("refunds", 1)[0].text == "Refunds take three weeks."


def test_another_collection_takes_the_place_of_the_first(new: Desk) -> None:
    """Nothing of the old one can be found any more."""
    new.refresh()

    report = new.refresh("chroma:store#guide")

    assert len(report.removed) == 3
    assert not any("Refunds" in one.text for one in new.search("refunds", 50, "chroma:store#guide"))


def test_a_single_collection_needs_no_name(new: Desk) -> None:
    """Of several one has to be named."""
    with pytest.raises(KnowledgeError, match="holds 4 collections: bare, empty, guide, notes"):
        new.refresh("chroma:store")
    new.write("DELETE FROM collections WHERE name <> 'notes'")

    assert new.refresh("chroma:store").passages == 5


@pytest.mark.parametrize(
    ("what", "message", "hint"),
    [
        ("chroma:stor", "there is no folder 'stor'", "PersistentClient"),
        ("chroma:.", "'.' is no Chroma folder: there is no chroma.sqlite3 in it", "chroma:./store"),
        ("chroma:../x", "lies outside the project", "copy"),
        ("chroma:store#note", "holds no collection 'note'", "did you mean chroma:store#notes"),
        ("chroma:store#empty", "the collection 'empty' is empty", ""),
        ("chroma:store#bare", "it has no text", "documents="),
    ],
)
def test_what_is_not_there_is_named(new: Desk, what: str, message: str, hint: str) -> None:
    """With what to do about it."""
    with pytest.raises(KnowledgeError) as told:
        new.refresh(what)

    assert message in told.value.message
    assert hint in (told.value.hint or "")


def test_vectors_of_another_size_are_refused(new: Desk) -> None:
    """With both numbers, and where to name the right model."""
    new.embedder = WordEmbedder(dimensions=384, ref="scripted:other")

    with pytest.raises(KnowledgeError) as told:
        new.refresh()

    assert told.value.message == (
        "the vectors of the collection 'notes' have 64 numbers, and 'scripted:other' makes 384"
    )
    assert "knowledge.desk.embed" in (told.value.hint or "")


def test_vectors_of_another_model_of_the_same_size_are_refused(new: Desk) -> None:
    """A search would find nothing but chance, and nobody would see why."""

    class Turned(WordEmbedder):
        async def embed(self, texts: Any) -> Any:
            return numpy.roll(await super().embed(texts), 7, axis=1)

    new.embedder = Turned(ref="scripted:turned")

    with pytest.raises(KnowledgeError, match=r"are not those of 'scripted:turned'.*cosine"):
        new.refresh()


def test_records_without_text_or_direction_are_left_out(new: Desk) -> None:
    """And told of, by their ids."""
    new.write("DELETE FROM embedding_metadata WHERE string_value = 'Cards are replaced for free.'")
    new.write(
        "UPDATE embeddings_queue SET vector = ? WHERE id = 'c'", numpy.full(64, numpy.nan, "<f4").tobytes()
    )

    report = new.refresh()

    assert report.skipped == {"b": "it has no text", "c": "it has no vector"}
    assert report.passages == 3


def test_a_folder_and_other_documents_exclude_each_other(new: Desk) -> None:
    """Their vectors are of different makers."""
    spec = Knowledge.model_validate({"from": ["chroma:store#notes", "docs/*.md"]})
    knowledge = open_knowledge("desk", spec, new.root, new.root / ".orch", new.embedder)

    with pytest.raises(KnowledgeError, match="from a Chroma folder and from other things"):
        asyncio.run(knowledge.refresh())
    asyncio.run(knowledge.close())


# ------------------------------------------------------------------------------------------ hostile and broken


class Evil:
    """What a pickle may ask for."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_a_pickle_runs_nothing(new: Desk) -> None:
    """A folder of somebody else's may hold one that would."""
    mark = new.root / "it-ran"
    (new.graph() / "index_metadata.pickle").write_bytes(pickle.dumps(Evil(mark)))

    with pytest.raises(KnowledgeError, match="cannot be read: it asks for"):
        new.refresh("chroma:store#guide")

    assert not mark.exists()


def _no_database(desk: Desk) -> None:
    (desk.folder / "chroma.sqlite3").write_bytes(b"not a database at all" * 100)


def _half_a_database(desk: Desk) -> None:
    path = desk.folder / "chroma.sqlite3"
    path.write_bytes(path.read_bytes()[:9000])


def _other_tables(desk: Desk) -> None:
    (desk.folder / "chroma.sqlite3").unlink()
    desk.write("CREATE TABLE collections (other TEXT)")


def _half_a_pickle(desk: Desk) -> None:
    path = desk.graph() / "index_metadata.pickle"
    path.write_bytes(path.read_bytes()[:100])


def _pickled_list(desk: Desk) -> None:
    (desk.graph() / "index_metadata.pickle").write_bytes(pickle.dumps({"id_to_label": [1]}))


def _no_header(desk: Desk) -> None:
    (desk.graph() / "header.bin").unlink()


def _strange_header(desk: Desk) -> None:
    (desk.graph() / "header.bin").write_bytes(b"\xff" * 100)


def _half_the_vectors(desk: Desk) -> None:
    path = desk.graph() / "data_level0.bin"
    path.write_bytes(path.read_bytes()[:5000])


def _path_for_a_segment(desk: Desk) -> None:
    desk.write("UPDATE segments SET id = '../../' || id WHERE scope = 'VECTOR'")


def _odd_encoding(desk: Desk) -> None:
    desk.write("UPDATE embeddings_queue SET encoding = 'ROT13'")


def _odd_number(desk: Desk) -> None:
    desk.write("UPDATE max_seq_id SET seq_id = 'abc'")


def _odd_vector(desk: Desk) -> None:
    desk.write("UPDATE embeddings_queue SET vector = 'abc'")


@pytest.mark.parametrize(
    "harm",
    [
        _no_database, _half_a_database, _other_tables, _half_a_pickle, _pickled_list, _no_header, _strange_header,
        _half_the_vectors, _path_for_a_segment, _odd_encoding, _odd_vector, _odd_number,
    ],
)  # fmt: skip
def test_a_damaged_folder_is_told_as_such(new: Desk, harm: Any) -> None:
    """Whatever is wrong with it, with one sentence and a hint."""
    harm(new)

    with pytest.raises(KnowledgeError) as told:
        new.refresh("chroma:store#guide")

    assert told.value.hint


def test_a_folder_that_is_written_meanwhile_is_noticed(new: Desk) -> None:
    """What was read of it is not used."""
    place = place_of("chroma:store#notes", new.root, new.root)

    def read_while_it_is_written() -> None:
        with opened(place) as found:
            found.records()
            new.write("DELETE FROM embeddings")

    with pytest.raises(Moving):
        read_while_it_is_written()


@pytest.fixture
def halfway(new: Desk) -> Path:
    """A copy of a folder whose writer died in the middle of a transaction."""
    db = sqlite3.connect(new.folder / "chroma.sqlite3", isolation_level=None)
    db.execute("PRAGMA cache_size = 1")
    db.execute("BEGIN")
    db.execute("UPDATE embedding_metadata SET string_value = string_value || ?", ("x" * 5000,))
    dead = new.root / "dead"
    shutil.copytree(new.folder, dead)
    db.execute("ROLLBACK")
    db.close()
    return dead


def test_what_a_dead_writer_left_is_rolled_back_in_a_copy(new: Desk, halfway: Path) -> None:
    """The texts are those before its transaction, and its journal still lies in the folder."""
    assert (halfway / "chroma.sqlite3-journal").stat().st_size > 0
    shutil.rmtree(new.folder)
    halfway.rename(new.folder)
    before = new.fingerprint()

    texts = {name: text for name, (text, _) in new.read("notes").items()}

    assert texts == {name: text for name, (text, _) in new.expected["notes"].items()}
    assert new.fingerprint() == before


def test_changes_that_are_not_worked_off_are_refused(new: Desk) -> None:
    """Texts and vectors would not belong together."""
    new.write("UPDATE max_seq_id SET seq_id = 1")

    with pytest.raises(KnowledgeError, match="not worked off yet"):
        new.refresh()


# -------------------------------------------------------------------------------------------- what is checked


@pytest.mark.parametrize(
    ("entry", "codes"),
    [
        ('{from: "chroma:store#notes"}', []),
        ('{from: "chroma:../store"}', ["ORCH162"]),
        ('{from: ["chroma:store", "docs/*.md"]}', ["ORCH133"]),
        ('{from: "chroma:store", chunk: 90}', ["ORCH133"]),
    ],
)
def test_the_entry_is_checked_before_a_run(project: Path, entry: str, codes: list[str]) -> None:
    """Where it leads to, and what it cannot go with."""
    path = project / "orch.yaml"
    path.write_text(f"orch: 1\nknowledge:\n  notes: {entry}\n", encoding="utf-8")

    found = read_project(project)

    assert found is not None
    assert [one.code for one in found.diagnostics if one.severity == "error"] == codes


@pytest.mark.parametrize(("written", "meets"), [("store/chroma.sqlite3", True), ("other/x", False)])
def test_what_is_written_into_the_folder_meets_it(written: str, meets: bool) -> None:
    """A file in a Chroma folder is read as what the knowledge is labelled."""
    assert may_meet(written, read_by("chroma:store#notes")) is meets
