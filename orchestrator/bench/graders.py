"""Graders that ask somebody: unit tests in the sandbox, the rows of a query, a model that judges; the judge last.

What the answer holds is untrusted: programs run in the sandbox alone, queries in the locked database alone.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from orchestrator.calling import CallContext
from orchestrator.errors import SandboxUnavailable, ToolError
from orchestrator.policy.grade import Case

if TYPE_CHECKING:
    from orchestrator.ports import Tool

Opened = Callable[[str], Awaitable["Tool"]]
"""A built-in tool by its name. Raises ToolError."""
Judge = Callable[[str, str], Awaitable[str]]
"""What a model says against a reply (second) by what it is measured with (first); empty when it says nothing."""
SECONDS = 20.0
ROWS = 1000
CODE_FIELDS, QUERY_FIELDS = ("code", "program"), ("sql", "query")
_FENCE = re.compile(r"```[A-Za-z0-9_+-]*[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)


class Graders:
    """Asks each grader that a case names, until one says no."""

    def __init__(self, tools: Opened, judge: Judge | None = None) -> None:
        self._tools = tools
        self._judge = judge

    async def __call__(self, case: Case, answer: Any) -> str:
        """What is wrong with an answer; empty when nothing is. Raises SandboxUnavailable where nothing may run."""
        if case.tests and (why := await self._tested(case, answer)):
            return f"tests: {why}"
        if case.query and (why := await self._queried(case, answer)):
            return f"query: {why}"
        if case.judge and self._judge is not None:
            measure = case.judge if isinstance(case.judge, str) else as_text(case.output)
            if why := await self._judge(measure, as_text(answer)):
                return f"judge: {why}"
        return ""

    async def _tested(self, case: Case, answer: Any) -> str:
        done = token_hex(8)  # a program that ends early has passed nothing
        program = f"{code_of(answer, CODE_FIELDS)}\n\n{case.tests}\nprint('\\n{done}')\n"
        try:
            found = await self._call("python", {"code": program})
        except SandboxUnavailable:
            raise
        except ToolError as error:
            return error.message
        if found["exit"] == 0 and str(found["stdout"]).strip().endswith(done):
            return ""
        lines = str(found["stderr"] or found["stdout"]).strip().splitlines()
        return (
            lines[-1]
            if lines and found["exit"]
            else f"it ended with exit code {found['exit']} before its tests did"
        )

    async def _queried(self, case: Case, answer: Any) -> str:
        place = {name: case.query[name] for name in ("tables", "database") if name in case.query}
        try:
            wanted = await self._call(
                "sql.query", {**place, "sql": str(case.query.get("sql", "")), "limit": ROWS}
            )
            found = await self._call(
                "sql.query", {**place, "sql": code_of(answer, QUERY_FIELDS), "limit": ROWS}
            )
        except ToolError as error:
            return error.message
        if wanted.get("error"):
            return f"the query of the case itself: {wanted['error']}"
        if found.get("error"):
            return str(found["error"])
        ordered = bool(case.query.get("ordered", False))
        return different_rows(wanted["rows"], found["rows"], ordered=ordered)

    async def _call(self, name: str, arguments: Mapping[str, Any]) -> Any:
        tool = await self._tools(name)
        with tempfile.TemporaryDirectory(prefix="orch-bench-") as scratch:
            result = await tool.call(arguments, CallContext("bench", Path(scratch), SECONDS))
        return result.value


def code_of(answer: Any, fields: Sequence[str]) -> str:
    """The program in an answer: a field of it, what stands between fences, or all of it."""
    if isinstance(answer, Mapping):
        return next((code_of(answer[name], fields) for name in fields if name in answer), as_text(answer))
    text = as_text(answer)
    blocks = _FENCE.findall(text)
    return "\n\n".join(blocks) if blocks else text


def different_rows(wanted: Sequence[Any], found: Sequence[Any], *, ordered: bool) -> str:
    """How two results differ; empty when they do not. Names of columns do not count, nor the order unless it is asked for."""
    if len(wanted) != len(found):
        return f"{len(found)} rows instead of {len(wanted)}"
    one, other = [_values(row) for row in wanted], [_values(row) for row in found]
    if not ordered:
        one, other = sorted(one), sorted(other)
    return "" if one == other else "other values"


def _values(row: Any) -> tuple[str, ...]:
    cells = row.values() if isinstance(row, Mapping) else row
    return tuple(_cell(cell) for cell in cells)


def _cell(value: Any) -> str:
    """Numbers that are equal up to rounding are the same, whatever their type."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return f"{float(value):.9g}"
    return as_text(value)


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


__all__ = ["Graders", "Judge", "as_text", "code_of", "different_rows"]
