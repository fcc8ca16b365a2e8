"""Compiles the texts of a step, and says what is wrong with those that cannot be compiled."""

from __future__ import annotations

from orchestrator.graph.report import Report
from orchestrator.graph.texts import Path, Text
from orchestrator.graph.wire import Knot
from orchestrator.render import Program, TemplateSyntax, compile_expression, compile_template, compile_value
from orchestrator.spec.marks import Marks

SORTS = {"filter": "ORCH206", "function": "ORCH207", "test": "ORCH208"}
"""Unknown names that the checker finds as well, with their places; it speaks of all of them at once."""


def program_of(text: Text) -> Program:
    """Raises TemplateSyntax."""
    match text.kind:
        case "expression":
            return compile_expression(text.raw)
        case "template":
            return compile_template(text.raw)
        case "value":
            return compile_value(text.raw)


def compile_knot(knot: Knot, marks: Marks, report: Report) -> None:
    for text in knot.texts:
        where = marks, text.path
        if text.key == "role" and knot.agent is not None and "role" in knot.agent.written:
            written = knot.agent.written["role"]
            where = written.marks, written.path
        program = compiled(text, *where, report)
        if program is not None:
            knot.programs[text.key] = program


def compiled(text: Text, marks: Marks, path: Path, report: Report) -> Program | None:
    try:
        return program_of(text)
    except TemplateSyntax as error:
        if error.problem not in SORTS:
            say_syntax(error, marks, path, report)
        return None


def say_syntax(error: TemplateSyntax, marks: Marks, path: Path, report: Report) -> None:
    code = "ORCH221" if error.problem == "unsupported" else "ORCH220"
    mark = marks.inside((*path, *error.at), error.offset, error.width)
    report.add(marks, mark, code, error.message, error.hint)
