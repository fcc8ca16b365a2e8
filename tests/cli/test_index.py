"""`orch index`: what a person sees of indexes of documents. Embedding runs on the real small model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.main import cli

pytestmark = pytest.mark.real_model

PROJECT = "orch: 1\nknowledge:\n  handbook: {from: docs}\n"
WORKFLOW = """
orch: 1
knowledge: {manual: {from: "docs/*.md"}}
agents: {writer: {knowledge: [manual], role: You answer.}}
steps:
  one: {agent: writer, prompt: When?}
"""


def orch(*args: str) -> Result:
    return CliRunner().invoke(cli, ["index", *args])


@pytest.fixture
def desk(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with three documents, one of which cannot be read."""
    monkeypatch.chdir(project)
    (project / "orch.yaml").write_text(PROJECT, encoding="utf-8")
    (project / "docs").mkdir()
    (project / "docs" / "refunds.md").write_text("# Refunds\n\nRefunds take 14 days.\n", encoding="utf-8")
    (project / "docs" / "hours.txt").write_text("Open from \x1b[31mnine\x1b[0m to five.\n", encoding="utf-8")
    (project / "docs" / "x.bin").write_bytes(b"\0\1")
    return project


def test_add_says_what_it_did_and_what_it_left_out(desk: Path) -> None:
    """The second time there is nothing to do."""
    first, second = orch("add", "handbook"), orch("add", "handbook", "--json")

    assert first.exit_code == 0
    assert "index handbook: 2 new, 0 unchanged; 2 passages embedded" in first.stderr
    assert "docs/x.bin is left out: it is binary" in first.stderr
    found = json.loads(second.stdout)
    assert (found["unchanged"], found["passages"], list(found["skipped"])) == (2, 0, ["docs/x.bin"])


def test_ls_lists_indexes_and_their_files(desk: Path) -> None:
    """Also those that were left out, with the reason."""
    assert "no index here yet" in orch("ls").stderr
    orch("add", "handbook")

    assert "handbook  2      2         0 MB  llamacpp:all-minilm-l6-v2  1" in orch("ls").stdout
    rows = json.loads(orch("ls", "handbook", "--json").stdout)
    assert rows[1] == {"file": "docs/refunds.md", "passages": 1}
    assert rows[2]["left_out"].startswith("it is binary")


def test_search_shows_passages_with_their_place(desk: Path) -> None:
    """What documents say is shown, never obeyed: controls are visible."""
    orch("add", "handbook")

    found = orch("search", "handbook", "when do I get my money back", "-k", "1")
    hours = orch("search", "handbook", "five", "--by", "words")

    assert "[1] docs/refunds.md:3-3  Refunds  (score" in found.stdout
    assert "Refunds take 14 days." in found.stdout
    assert "␛[31mnine" in hours.stdout
    assert json.loads(orch("search", "handbook", "zzz", "--by", "words", "--json").stdout) == []


def test_an_index_can_be_made_of_globs_alone(desk: Path) -> None:
    """It remembers them; paths are relative to where the person stands."""
    orch("add", "notes", "docs/*.md")
    (desk / "docs" / "new.md").write_text("new", encoding="utf-8")

    again = orch("add", "notes")

    assert "1 new, 1 unchanged" in again.stderr
    assert "lies outside the project" in orch("add", "notes", "../*.md").stderr


def test_a_workflow_may_declare_the_knowledge(desk: Path) -> None:
    """`-w` names it."""
    (desk / "flow.yaml").write_text(WORKFLOW, encoding="utf-8")

    assert "1 new" in orch("add", "manual", "-w", "flow.yaml").stderr


def test_rm_removes_files_or_all(desk: Path) -> None:
    """Single files by glob; the whole index by its name."""
    orch("add", "handbook")

    assert "1 files and their 1 passages removed" in orch("rm", "handbook", "*.txt").stderr
    assert "has no such file" in orch("rm", "handbook", "nope*").stderr
    assert "index handbook: removed" in orch("rm", "handbook").stderr
    assert not list((desk / ".orch" / "knowledge").glob("handbook.db*"))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("add", "nope"), "there is no knowledge 'nope'; there is handbook"),
        (("search", "nope", "x"), "there is no index 'nope'"),
        (("rm", "nope"), "there is no index 'nope'"),
        (("add", "../x", "docs"), "is no name of a knowledge"),
        (("add", "x", "doks/*.md"), "match no file"),
        (("add", "x", "docs", "--embed", "openai:text-embedding-3-small"), "OPENAI_API_KEY"),
        (("add", "x", "docs", "--chunk", "4000"), "too much for 'llamacpp:all-minilm-l6-v2'"),
    ],
)
def test_mistakes_are_sentences(desk: Path, args: tuple[str, ...], said: str) -> None:
    """With an exit code, without a traceback."""
    result = orch(*args)

    assert result.exit_code != 0
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_rebuild_reads_everything_anew(desk: Path) -> None:
    """The way out when the embedder has changed."""
    orch("add", "handbook")

    assert "2 new, 0 unchanged" in orch("add", "handbook", "--rebuild").stderr
