"""Graders that ask somebody else: the sandbox, a database, a judge."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.bench.graders import Graders, code_of, different_rows
from orchestrator.policy.grade import Case
from orchestrator.ports import Tool
from orchestrator.tools.python import PythonTool
from orchestrator.tools.sql import sql_tools

TESTS = "assert add(2, 3) == 5\n"
CASE = Case("Write add(a, b).", tests=TESTS)


def graded(case: Case, answer: Any, root: Path = Path(), judge: Any = None) -> str:
    async def opened(name: str) -> Tool:
        return PythonTool() if name == "python" else sql_tools(root)[name]

    return asyncio.run(Graders(opened, judge)(case, answer))


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox of real programs is that of Linux")
def test_unit_tests_run_in_the_sandbox() -> None:
    """In prose and fences as well; what fails is named."""
    good = "Here it is:\n```python\ndef add(a, b):\n    return a + b\n```\nIt adds."

    assert graded(CASE, good) == ""
    assert "AssertionError" in graded(CASE, "def add(a, b):\n    return a - b")
    assert "before its tests" in graded(CASE, "import os\nos._exit(0)")
    assert "SyntaxError" in graded(CASE, "I cannot do that.")


def test_the_rows_of_a_query_are_compared(tmp_path: Path) -> None:
    """Not its words; an error is told."""
    (tmp_path / "sales.csv").write_text("city,sum\nOslo,3\nBergen,4\n", encoding="utf-8")
    query = {"tables": {"sales": "sales.csv"}, "sql": "SELECT city FROM sales ORDER BY city"}
    case = Case("Which cities?", query=query)

    assert graded(case, {"sql": "SELECT DISTINCT city FROM sales ORDER BY city DESC"}, tmp_path) == ""
    assert "1 rows instead of 2" in graded(case, "SELECT city FROM sales LIMIT 1", tmp_path)
    assert graded(case, "SELECT town FROM sales", tmp_path).startswith("query: ")


def test_rows_are_equal_whatever_their_order_and_types() -> None:
    """Unless the order is asked for."""
    one, other = [["a", 1], ["b", 2.0]], [["b", 2], ["a", 1.0]]

    assert different_rows(one, other, ordered=False) == ""
    assert different_rows(one, other, ordered=True) == "other values"
    assert different_rows([[None]], [["null"]], ordered=False) == ""
    assert different_rows([{"n": 1}], [{"count": 1}], ordered=True) == ""


def test_the_judge_is_asked_last() -> None:
    """What it says stands; it is not asked about what failed already."""
    asked: list[tuple[str, str]] = []

    async def judge(measure: str, reply: str) -> str:
        asked.append((measure, reply))
        return "" if reply == "good" else "too cold"

    case = Case("x", "a good answer", judge=True)

    assert graded(case, "good", judge=judge) == ""
    assert graded(Case("x", judge="Is it warm?"), "bad", judge=judge) == "judge: too cold"
    assert asked == [("a good answer", "good"), ("Is it warm?", "bad")]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("x = 1", "x = 1"),
        ("```\nx = 1\n```", "x = 1"),
        ("a\n```py\nx = 1\n```\nb\n```\ny = 2", "x = 1\n\ny = 2"),
        ({"code": "```python\nx = 1\n```", "why": "y"}, "x = 1"),
    ],
)
def test_the_program_in_an_answer(answer: Any, code: str) -> None:
    """Between fences, also such as are never closed; in a field; or all of it."""
    assert code_of(answer, ("code",)) == code
