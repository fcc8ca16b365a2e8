"""Expressions and templates: one sandboxed Jinja language everywhere, over plain data only."""

from __future__ import annotations

from orchestrator.render.filters import FILTERS
from orchestrator.render.functions import FUNCTIONS
from orchestrator.render.predicates import TESTS
from orchestrator.render.program import Program, compile_expression, compile_template, compile_value
from orchestrator.render.syntax import TemplateSyntax, parse, place, sole

__all__ = [
    "FILTERS",
    "FUNCTIONS",
    "TESTS",
    "Program",
    "TemplateSyntax",
    "compile_expression",
    "compile_template",
    "compile_value",
    "parse",
    "place",
    "sole",
]
