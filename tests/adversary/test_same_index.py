"""Two workflows of one project give their knowledge the same name: neither is ever shown the documents of the other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orchestrator.errors import KnowledgeError
from orchestrator.knowledge.index import Index
from orchestrator.knowledge.retrieve import IndexedKnowledge, open_knowledge, where
from orchestrator.spec.model import Knowledge
from tests.embedding import WordEmbedder

OPEN, OURS = "The office opens at nine.", "The office code is 4711."


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder, text in (("a/docs", OPEN), ("b/docs", OURS)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "office.md").write_text(text, encoding="utf-8")
    return tmp_path


def knowledge(root: Path, glob: str, base: str = ".") -> IndexedKnowledge:
    spec = Knowledge.model_validate({"from": glob})
    return open_knowledge("docs", spec, root, root / ".orch", WordEmbedder(), base=root / base)


async def asked(known: IndexedKnowledge) -> list[str]:
    return [passage.text for passage in await known.search("office", 4)]


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a/docs", "."), ("b/docs", ".")), (("docs", "a"), ("docs", "b"))],
    ids=["globs", "folders"],
)
def test_a_run_that_goes_on_is_not_shown_what_another_indexed(
    root: Path, one: tuple[str, str], other: tuple[str, str]
) -> None:
    """The other's may be more private. It fails, and says what to do; a new run finds its own again."""

    async def work() -> None:
        first, second = knowledge(root, *one), knowledge(root, *other)
        assert await asked(first) == [OPEN]
        assert await asked(second) == [OURS]
        with pytest.raises(KnowledgeError, match="other documents by now"):
            await asked(first)
        await first.close()

        anew = knowledge(root, *one)
        assert await asked(anew) == [OPEN]
        with pytest.raises(KnowledgeError, match="other documents by now"):
            await asked(second)
        await anew.close()
        await second.close()

    asyncio.run(work())


def test_what_does_not_belong_goes_before_the_index_is_called_ours(root: Path) -> None:
    """Also where the process ends right then: an index never holds others' documents under our globs."""

    async def work() -> None:
        second = knowledge(root, "b/docs")
        assert await asked(second) == [OURS]
        info = await WordEmbedder().prepare()
        index = Index(where(root / ".orch", "docs"))
        index.begin(info, ("a/docs",), ".", [file.name for file in index.files()])

        assert (index.made_from, index.files()) == (("a/docs", "."), [])
        index.close()
        await second.close()

    asyncio.run(work())


def test_the_same_documents_are_one_index(root: Path) -> None:
    """Two runs of one workflow, or two workflows that mean the same."""

    async def work() -> None:
        first, second = knowledge(root, "a/docs"), knowledge(root, "a/docs")
        assert [await asked(first), await asked(second), await asked(first)] == [[OPEN]] * 3
        await first.close()
        await second.close()

    asyncio.run(work())
