"""An index kept up to date: what changes, what is left out, and what happens when somebody interferes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from orchestrator.calling import Passage
from orchestrator.errors import KnowledgeError
from orchestrator.knowledge.index import Index
from orchestrator.knowledge.retrieve import IndexedKnowledge, open_knowledge
from orchestrator.knowledge.sources import find
from orchestrator.knowledge.update import Report
from orchestrator.spec.model import Knowledge
from tests.embedding import WordEmbedder


class Desk:
    """A project with documents and one knowledge of all of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.docs = root / "docs"
        self.docs.mkdir()
        self.embedder = WordEmbedder()

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def opened(self, **more: Any) -> IndexedKnowledge:
        spec = Knowledge.model_validate({"from": "docs", **more})
        return open_knowledge("desk", spec, self.root, self.root / ".orch", self.embedder)

    def refresh(self, **more: Any) -> Report:
        async def work() -> Report:
            knowledge = self.opened(**more)
            try:
                return await knowledge.refresh()
            finally:
                await knowledge.close()

        return asyncio.run(work())

    def search(self, query: str, k: int = 4, **how: Any) -> tuple[Passage, ...]:
        async def work() -> tuple[Passage, ...]:
            knowledge = self.opened()
            try:
                return await knowledge.search(query, k, **how)
            finally:
                await knowledge.close()

        return asyncio.run(work())

    def files(self, query: str, **how: Any) -> list[str]:
        return [passage.file for passage in self.search(query, **how)]

    @property
    def database(self) -> Path:
        return self.root / ".orch" / "knowledge" / "desk.db"


@pytest.fixture
def desk(project: Path) -> Desk:
    return Desk(project)


def test_only_what_changed_is_embedded_again(desk: Desk) -> None:
    """New, changed, touched, moved away: each costs what it must and no more."""
    desk.write("a.md", "# A\n\napples")
    desk.write("b.md", "bananas")
    first = desk.refresh()
    desk.write("b.md", "blueberries")
    desk.write("c.md", "cherries")
    (desk.docs / "a.md").touch()

    second = desk.refresh()

    assert (first.added, first.passages) == (["docs/a.md", "docs/b.md"], 2)
    assert (second.added, second.changed, second.unchanged) == (["docs/c.md"], ["docs/b.md"], 1)
    assert second.passages == 2
    assert desk.refresh().unchanged == 3


def test_passages_say_where_they_stand(desk: Desk) -> None:
    """File relative to the root, heading, first and last line, and a score that falls."""
    desk.write("sub/a.md", "# Guide\n\n## Refunds\n\nRefunds take\ntwo weeks.\n")
    desk.write("b.md", "weather report")

    found = desk.search("refunds weeks")

    assert (found[0].file, found[0].heading, found[0].lines) == ("docs/sub/a.md", "Guide > Refunds", (5, 6))
    assert found[0].text == "Refunds take\ntwo weeks."
    assert [passage.score for passage in found] == sorted((p.score for p in found), reverse=True)
    assert len({passage.number for passage in found}) == 2


def test_deleted_text_is_gone_from_the_disk(desk: Desk) -> None:
    """Not only unlinked: neither the passage nor the index of words holds it any more."""
    desk.write("a.md", "the password of zanzibar is xylophone")
    desk.write("b.md", "other things")
    desk.refresh()
    assert b"xylophone" in desk.database.read_bytes()
    (desk.docs / "a.md").unlink()

    report = desk.refresh()

    assert report.removed == ["docs/a.md"]
    assert desk.files("xylophone password") == ["docs/b.md"]
    for path in desk.database.parent.iterdir():
        assert b"xylophone" not in path.read_bytes()
        assert b"zanzibar" not in path.read_bytes()


def test_a_changed_chunk_splits_everything_anew(desk: Desk) -> None:
    """Old and new passages never lie side by side."""
    desk.write("a.txt", "\n\n".join(["word " * 60] * 6))
    many = desk.refresh(chunk=70)

    few = desk.refresh(chunk=250)

    assert (many.passages, few.changed) == (6, ["docs/a.txt"])
    assert few.passages == 2


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("x.bin", b"\x00\x01\x02", "binary"),
        ("x.pdf", b"%PDF-1.4 nonsense", "damaged PDF"),
        ("x.txt", b"\xff\xfea", "damaged UTF-16"),
        ("big.txt", b"a " * 10_000_001, "larger than 20 MB"),
    ],
)
def test_what_cannot_be_read_is_left_out_with_the_reason(
    desk: Desk, name: str, content: bytes, why: str
) -> None:
    """The others are indexed; the next time it is not even opened."""
    desk.write("good.md", "good text")
    desk.write(name, content)

    report, again = desk.refresh(), desk.refresh()

    assert why in report.skipped[f"docs/{name}"]
    assert again.skipped == report.skipped
    assert desk.files("text") == ["docs/good.md"]


def test_a_locked_pdf_is_left_out_and_a_good_one_read_by_page(desk: Desk) -> None:
    """Pages are headings; a password is nobody's business."""
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret")
    with (desk.docs / "locked.pdf").open("wb") as file:
        writer.write(file)
    desk.write("good.pdf", pdf("Hello from page one"))

    report = desk.refresh()
    [found] = desk.search("hello page")

    assert "locked with a password" in report.skipped["docs/locked.pdf"]
    assert (found.heading, found.text) == ("page 1", "Hello from page one")


def pdf(text: str) -> bytes:
    """A PDF of one page, written by hand."""
    stream = f"BT /F1 12 Tf 10 50 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 100] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % start


def test_mixed_encodings_are_read_line_by_line(desk: Desk) -> None:
    """A file that somebody pasted together is text all the same; a mark says UTF-16."""
    desk.write("mixed.txt", "größe in utf8\n".encode() + "stra\xdfe in latin\n".encode("latin-1"))
    desk.write("wide.txt", "breite in utf16".encode("utf-16"))

    assert desk.search("größe straße")[0].text == "größe in utf8\nstraße in latin"
    assert "docs/wide.txt" in desk.files("breite")


def test_links_out_of_the_project_are_not_followed(
    desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither a link to a file nor one to a folder, nor hidden files."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.md").write_text("secret plans", encoding="utf-8")
    desk.write("a.md", "open plans")
    desk.write(".hidden.md", "hidden plans")
    (desk.docs / "link.md").symlink_to(outside / "secret.md")
    (desk.docs / "folder").symlink_to(outside)

    assert desk.refresh().added == ["docs/a.md"]


def test_links_in_a_circle_end(desk: Desk) -> None:
    """Two folders that link to each other would otherwise be walked for ever."""
    desk.write("a/x.md", "x")
    desk.write("b/y.md", "y")
    for one, other in (("a", "b"), ("b", "a")):
        (desk.docs / one / "again").symlink_to(desk.docs / other)
        (desk.docs / one / "self").symlink_to(desk.docs / one)

    assert desk.refresh().added == ["docs/a/x.md", "docs/b/y.md"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("docs/**/*.md", ["a.md", "b/c.md", "b/d/e.md"]),
        ("docs/*.md", ["a.md"]),
        ("docs/b/**", ["b/c.md", "b/d/e.md", "b/f.txt"]),
        ("docs/**/d/*", ["b/d/e.md"]),
        ("./docs/[ab].md", ["a.md"]),
        ("docs/b/f.txt", ["b/f.txt"]),
        ("docs/**/?.*", ["a.md", "b/c.md", "b/d/e.md", "b/f.txt"]),
        ("docs/b/../a.md", ["a.md"]),
    ],
)
def test_globs_mean_what_they_do_elsewhere(desk: Desk, pattern: str, names: list[str]) -> None:
    """`**` is any number of folders, also none."""
    for name in ("a.md", "b/c.md", "b/d/e.md", "b/f.txt"):
        desk.write(name, "text")

    found = find([pattern], desk.root, desk.root)

    assert [source.name.removeprefix("docs/") for source in found] == names


def test_names_and_texts_that_are_no_unicode_are_kept_readable(desk: Desk) -> None:
    """A name in another encoding, half a character in JSON, and in a query."""
    (Path(os.fsdecode(os.fsencode(desk.docs) + b"/caf\xe9.md"))).write_text("coffee", encoding="utf-8")
    desk.write("a.jsonl", '{"title": "half \\ud800", "text": "tea"}')

    assert desk.files("coffee \ud800")[0] == "docs/caf\\xe9.md"
    assert desk.search("tea")[0].heading == "half ?"


def test_globs_that_mean_nothing_are_an_error_and_delete_nothing(desk: Desk) -> None:
    """A mistyped glob does not empty an index."""
    desk.write("a.md", "apples")
    desk.refresh()
    spec = Knowledge.model_validate({"from": "dosc/*.md"})
    knowledge = open_knowledge("desk", spec, desk.root, desk.root / ".orch", desk.embedder)

    with pytest.raises(KnowledgeError, match="match no file"):
        asyncio.run(knowledge.search("apples", 1))
    asyncio.run(knowledge.close())

    assert desk.files("apples") == ["docs/a.md"]


def test_an_index_of_another_embedder_is_refused_with_the_command_that_rebuilds_it(desk: Desk) -> None:
    """Its vectors mean something else; half of each would be nonsense."""
    desk.write("a.md", "apples")
    desk.refresh()
    desk.embedder = WordEmbedder(digest="others", ref="ollama:other")

    with pytest.raises(
        KnowledgeError, match="built with 'scripted:words', not with 'ollama:other'"
    ) as caught:
        desk.search("apples")

    assert caught.value.hint == "build it anew: orch index add desk --rebuild"


def test_a_file_that_vanishes_meanwhile_was_never_there(desk: Desk) -> None:
    """Between being found and being read."""
    desk.write("a.md", "apples")
    gone = desk.write("b.md", "bananas")

    async def work() -> Report:
        spec = Knowledge.model_validate({"from": "docs"})
        knowledge = open_knowledge(
            "desk",
            spec,
            desk.root,
            desk.root / ".orch",
            desk.embedder,
            progress=lambda what, _done, _total: (
                gone.unlink(missing_ok=True) if what == "docs/a.md" else None
            ),
        )
        try:
            return await knowledge.refresh()
        finally:
            await knowledge.close()

    report = asyncio.run(work())

    assert (report.added, report.skipped) == (["docs/a.md"], {})


def test_chunks_larger_than_the_embedder_reads_are_refused(desk: Desk) -> None:
    """Before anything is embedded, with a size that fits."""
    desk.write("a.md", "apples")

    with pytest.raises(KnowledgeError, match="too much for 'scripted:words', which reads 512") as caught:
        desk.refresh(chunk=500)

    assert "307" in caught.value.hint
    assert desk.embedder.asked == []


def test_a_damaged_index_says_how_to_make_a_new_one(desk: Desk) -> None:
    """No traceback of a database."""
    desk.write("a.md", "apples")
    desk.refresh()
    desk.database.write_bytes(b"not a database at all" * 100)

    with pytest.raises(KnowledgeError, match="damaged") as caught:
        desk.search("apples")

    assert "orch index rm desk" in caught.value.hint


def test_two_at_once_index_each_file_once(desk: Desk) -> None:
    """The second waits, and then finds everything done."""
    for number in range(20):
        desk.write(f"{number}.md", f"text number {number}")

    async def work() -> list[Report]:
        both = [desk.opened(), desk.opened()]
        try:
            return await asyncio.gather(*(one.refresh() for one in both))
        finally:
            for one in both:
                await one.close()

    reports = asyncio.run(work())

    assert sorted(report.passages for report in reports) == [0, 20]
    assert sorted(report.unchanged for report in reports) == [0, 20]


KILLED = """
import asyncio, sys
from pathlib import Path
from orchestrator.knowledge.sources import find
from orchestrator.knowledge.retrieve import open_knowledge
from orchestrator.spec.model import Knowledge
from tests.embedding import WordEmbedder

class Slow(WordEmbedder):
    async def embed(self, texts):
        if len(self.asked) == 3:
            print("now", flush=True)
            await asyncio.sleep(600)
        return await super().embed(texts)

root = Path(sys.argv[1])
spec = Knowledge.model_validate({"from": "docs", "chunk": 16})
asyncio.run(open_knowledge("desk", spec, root, root / ".orch", Slow()).refresh())
"""


def test_a_killed_process_is_continued_where_it_was_and_nothing_is_doubled(desk: Desk) -> None:
    """kill -9 in the middle of a file: batches that were written are not embedded again."""
    desk.write("a.md", "first file")
    desk.write(
        "long.txt",
        "\n\n".join(f"paragraph {n} has some words of its own, enough to stand alone" for n in range(400)),
    )
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(desk.root)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"now\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()

    report = desk.refresh(chunk=16)
    index = Index(desk.database)
    files = index.files()
    index.close()

    assert [(file.name, file.done, file.passages) for file in files] == [
        ("docs/a.md", True, 1),
        ("docs/long.txt", True, 400),
    ]
    assert report.passages == 400 - 128
    assert report.added == ["docs/long.txt"]


def test_half_a_file_is_never_found(desk: Desk) -> None:
    """While a new version comes in, searches see the old one."""
    desk.write("a.txt", "old words")
    desk.refresh()
    desk.write("a.txt", "\n\n".join(["fresh words"] * 300))

    async def work() -> list[str]:
        seen: list[str] = []
        looking = IndexedKnowledge("desk", desk.database, desk.embedder)

        class Watching(WordEmbedder):
            async def embed(self, texts: Any) -> Any:
                seen.extend(p.text for p in await looking.search("words", 4))
                return await super().embed(texts)

        spec = Knowledge.model_validate({"from": "docs", "chunk": 2})
        writing = open_knowledge("desk", spec, desk.root, desk.root / ".orch", Watching())
        await writing.refresh()
        after = await looking.search("words", 1)
        await writing.close()
        await looking.close()
        assert [p.text for p in after] == ["fresh words"]
        return seen

    assert set(asyncio.run(work())) == {"old words"}


def test_a_cancelled_update_leaves_the_index_usable(desk: Desk) -> None:
    """The lock is free again, and the next one goes on."""
    for number in range(5):
        desk.write(f"{number}.md", f"text {number}")

    async def work() -> None:
        task: asyncio.Task[Report] | None = None

        class Stopping(WordEmbedder):
            async def embed(self, texts: Any) -> Any:
                assert task is not None
                if len(self.asked) == 2:
                    task.cancel()
                    await asyncio.sleep(0)
                return await super().embed(texts)

        desk.embedder = Stopping()
        knowledge = desk.opened()
        task = asyncio.create_task(knowledge.refresh())
        with pytest.raises(asyncio.CancelledError):
            await task
        await knowledge.close()

    asyncio.run(work())
    desk.embedder = WordEmbedder()

    assert desk.refresh().unchanged == 2
