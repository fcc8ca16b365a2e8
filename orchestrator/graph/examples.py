"""Writes the examples of the codes: a few lines of steps become a whole file."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import dedent, indent

from orchestrator.spec.codes import Code
from orchestrator.spec.diagnostics import Severity

HEAD = "orch: 1\n"
AGENTS = "agents:\n  writer: {role: You write short answers.}\n"


def steps(code: str, title: str, text: str, wrong: str, right: str, severity: Severity = "error") -> Code:
    """Examples that are steps of a file with one agent, `writer`, where they name it."""
    return Code(code, severity, title, _line(text), _file(wrong), _file(right))


def files(code: str, title: str, text: str, wrong: str, right: str, severity: Severity = "error") -> Code:
    """Examples that are whole files, without the first line."""
    return Code(
        code,
        severity,
        title,
        _line(text),
        HEAD + dedent(wrong).lstrip("\n"),
        HEAD + dedent(right).lstrip("\n"),
    )


def table(codes: Iterable[Code]) -> dict[str, Code]:
    return {code.code: code for code in codes}


def _line(text: str) -> str:
    return " ".join(text.split())


def _file(body: str) -> str:
    agents = AGENTS if "agent: writer" in body else ""
    return f"{HEAD}{agents}steps:\n{indent(dedent(body).strip(chr(10)), '  ')}\n"
