"""Workflows for the tests of planning: texts to graphs."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from orchestrator.graph.model import Graph
from orchestrator.graph.open import open_workflow


def graph(folder: Path, text: str, name: str = "workflow.yaml") -> Graph:
    """The checked graph of a workflow text."""
    file = folder / name
    file.write_text("orch: 1\n" + dedent(text), encoding="utf-8")
    return open_workflow(file)
