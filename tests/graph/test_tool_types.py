"""Arguments and results of tools are typed before the run: built in, and Python functions of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph.workshop import check, errors

CODE = """
raise SystemExit("executed")
from dataclasses import dataclass


@dataclass
class Score:
    total: int
    words: list[str]


def score(text: str, top: int = 3) -> Score: ...
def other(value, *, how: "str | None" = None): ...
async def found(names: list[str]) -> list[Score]: ...
"""


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ('a: {tool: score, with: {text: Hi}}, b: {value: "{{ a.total + 1 }}"}', []),
        ('a: {tool: score, with: {text: Hi}}, b: {value: "{{ a.totl }}"}', ["ORCH202"]),
        ("a: {tool: score, with: {text: 3}}", ["ORCH315"]),
        ("a: {tool: score, with: {text: Hi, top: many}}", ["ORCH315"]),
        ("a: {tool: found, with: {names: [x]}}, b: {foreach: a, value: '{{ item.words }}'}", []),
        ("a: {tool: found, with: {names: [1]}}", ["ORCH315"]),
        ("a: {tool: other, with: {value: 1, how: x}}, b: {value: '{{ a.anything }}'}", []),
        ("a: {tool: files.read, with: {path: x.md}}, b: {value: '{{ a | lines }}'}", []),
        ("a: {tool: files.read, with: {path: x.md}}, b: {value: '{{ a.text }}'}", ["ORCH303"]),
        ("a: {tool: files.list}, b: {foreach: a, value: '{{ item.size + 1 }}'}", []),
        ("a: {tool: files.list}, b: {foreach: a, value: '{{ item.sise }}'}", ["ORCH202"]),
        ("a: {tool: files.read}", ["ORCH315"]),
        ("a: {tool: files.write, with: {path: 3, text: x}}", ["ORCH315"]),
        ("a: {tool: files.write, with: {path: a, content: [1]}}, b: {value: '{{ a.size }}'}", []),
    ],
)
def test_what_a_tool_takes_and_gives_is_known_before_the_run(
    tmp_path: Path, steps: str, wrong: list[str]
) -> None:
    """A wrong field or argument is a line and a column, not a failed run."""
    (tmp_path / "tools.py").write_text(CODE, encoding="utf-8")
    declared = ", ".join(f'{name}: {{python: "tools.py:{name}"}}' for name in ("score", "other", "found"))
    text = f"orch: 1\ntools: {{{declared}}}\nsteps: {{{steps}}}\n"

    assert [code for code, _ in errors(check(tmp_path, text))] == wrong
