"""What the steps of a run look up is opened for it: whose index it is, what an embedder may see, what is refused before."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.calling import EmbedderInfo
from orchestrator.cli.console import Console
from orchestrator.cli.equipment_knowledge import (
    Guarded,
    Lookups,
    embeds_here,
    refuse_embedders_away,
    used_examples,
    used_knowledge,
)
from orchestrator.cli.instance import print_instance
from orchestrator.config import Config
from orchestrator.errors import KnowledgeError, UsageError
from orchestrator.events import CallStarted, Retrieved
from orchestrator.graph.model import Graph
from orchestrator.graph.open import open_workflow
from orchestrator.labels import Label
from orchestrator.report.values import Values
from orchestrator.spec.model import ModelSpec
from orchestrator.state import Span
from tests.engine.looking import Hashing

TEXT = """\
orch: 1
models: {away: "openai:text-embedding-3-small"}
knowledge:
  handbook: {from: docs/*.md}
  public: {from: site/*.md, embed: away, label: public}
  unused: {from: other/*.md}
agents: {writer: {role: Write.}}
steps:
  one: {agent: writer, prompt: Hi., knowledge: [%s]}
  two: {agent: writer, prompt: Hi., examples: {from: cases.jsonl}}
"""


def graph(root: Path, names: str = "handbook") -> Graph:
    (root / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (root / "cases.jsonl").write_text('{"input": "a", "output": "b"}\n', encoding="utf-8")
    (root / "flow.yaml").write_text(TEXT % names, encoding="utf-8")
    return open_workflow(root / "flow.yaml")


def test_only_what_steps_use_is_opened(tmp_path: Path) -> None:
    """Each once, and the files of examples where the graph says they lie."""
    found = graph(tmp_path, "handbook, public")

    assert [name for _, name in used_knowledge(found)] == ["handbook", "public"]
    assert list(used_examples(found)) == [(tmp_path / "cases.jsonl").resolve()]
    assert embeds_here(found)


def test_an_embedder_that_is_away_is_refused_in_a_run_that_stays_here(tmp_path: Path) -> None:
    """Before anything is opened; the same file runs without that knowledge."""
    with pytest.raises(UsageError, match="knowledge 'public' is embedded by openai:text-embedding-3-small"):
        refuse_embedders_away(graph(tmp_path, "public"), offline=True)

    refuse_embedders_away(graph(tmp_path, "public"), offline=False)
    refuse_embedders_away(graph(tmp_path, "handbook"), offline=True)


def test_a_called_workflow_that_means_other_documents_has_an_index_of_its_own(tmp_path: Path) -> None:
    """The same name and the same documents share one."""
    main = graph(tmp_path)
    lookups = Lookups(main, Config.from_environment({"ORCH_HOME": str(tmp_path)}, tmp_path), os.environ)
    known = main.knowledge["handbook"]
    other = replace(known, base=tmp_path / "sub")

    assert lookups._index_of("handbook", known) == "handbook"
    assert lookups._index_of("mine", known) == "mine"
    assert lookups._index_of("handbook", other).startswith("handbook-")


def test_an_unknown_knowledge_is_named(tmp_path: Path) -> None:
    """Whoever asks hears which."""
    found = graph(tmp_path)
    lookups = Lookups(found, Config.from_environment({"ORCH_HOME": str(tmp_path)}, tmp_path), os.environ)

    with pytest.raises(KnowledgeError, match="no knowledge 'missing'"):
        lookups(found.file, "missing")


# ----------------------------------------------------------------------------------- what an embedder may see

AWAY = EmbedderInfo("openai:e", "d", 8, 512, local=False, endpoint="https://api.example.com")
CLAIMED = replace(AWAY, local=True)
HERE = EmbedderInfo("ollama:e", "d", 8, 512, local=True, endpoint="http://127.0.0.1:11434")


def guarded(
    info: EmbedderInfo, label: Label, spec: dict[str, Any], *, offline: bool = False
) -> tuple[Guarded, Hashing]:
    inner = Hashing()
    inner.info = info
    return Guarded(
        inner, ModelSpec.model_validate({"use": "openai:e", **spec}), "docs", label, offline
    ), inner


@pytest.mark.parametrize(
    ("info", "label", "spec", "offline"),
    [
        (AWAY, "private", {}, False),
        (CLAIMED, "private", {}, False),
        (AWAY, "internal", {"clearance": "public"}, False),
        (AWAY, "public", {}, True),
        (HERE, "private", {"where": "cloud"}, False),
    ],
)
def test_documents_do_not_go_where_they_may_not(
    info: EmbedderInfo, label: Label, spec: dict[str, Any], offline: bool
) -> None:
    """Judged by the address that was reached, not by what the file calls it."""
    embedder, inner = guarded(info, label, spec, offline=offline)

    with pytest.raises(KnowledgeError):
        asyncio.run(embedder.embed(["private"]))

    assert inner.embedded == []


@pytest.mark.parametrize(
    ("info", "label", "spec"),
    [(HERE, "secret", {}), (AWAY, "public", {}), (AWAY, "private", {"clearance": "private"})],
)
def test_documents_go_where_they_may(info: EmbedderInfo, label: Label, spec: dict[str, Any]) -> None:
    """On this machine everything, off it what is cleared."""
    embedder, inner = guarded(info, label, spec)

    asyncio.run(embedder.embed(["text"]))

    assert inner.embedded == ["text"]


# -------------------------------------------------------------------------------------------------- orch show


def test_what_was_looked_up_is_shown_with_its_step(capsys: pytest.CaptureFixture[str]) -> None:
    """Passages with their places, examples with their lines."""
    passages = ({"text": "At nine.", "file": "a.md", "heading": "Hours", "lines": [3, 4], "score": 0.5},)
    lines = ({"line": 7, "score": 0.91},)
    events = [
        Retrieved(1.0, "say", "knowledge", ("handbook",), "When?", passages),
        Retrieved(1.0, "say", "examples", ("cases.jsonl",), "When?", lines),
    ]

    print_instance(Console.standard(color=False), Span("say", "agent"), events, Values())

    told = capsys.readouterr().out
    assert "looked up in handbook: 1 result\n[1] a.md § Hours  lines 3–4, score 0.50\nAt nine." in told
    assert "looked up in cases.jsonl: 1 result\nline 7 (0.91)" in told


def test_a_call_that_no_model_chose_is_shown_as_out_of_the_cache(capsys: pytest.CaptureFixture[str]) -> None:
    """A call without an answer before it would be a riddle."""
    events = [CallStarted(1.0, "say", 1, "files.list", {"path": "notes"})]

    print_instance(Console.standard(color=False), Span("say", "agent"), events, Values())
    print_instance(Console.standard(color=False), Span("say", "tool"), events, Values())

    told = capsys.readouterr().out
    assert told.count("── call 1: files.list (the choice was in the cache)\n") == 1
    assert told.count("── call 1: files.list\n") == 1
