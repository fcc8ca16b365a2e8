"""Python functions as tools (`tools.py:score`): their signatures are read from the syntax tree, nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from orchestrator.graph.kinds import UNKNOWN, misfit, present
from orchestrator.graph.pytypes import Called, Function, called, functions_in
from orchestrator.graph.say import choice, near
from orchestrator.graph.setting import Setting
from orchestrator.graph.texts import Path as Place
from orchestrator.regular import read_regular, real
from orchestrator.spec.marks import Marks
from orchestrator.spec.model import ToolStep
from orchestrator.spec.types import MapOf, Type

LARGEST = 1_000_000
"""Bytes of a file of functions."""


def check_python_tools(setting: Setting) -> None:
    """Every function that `tools:` names is there; those found are kept for the calls."""
    for name, spec in setting.document.workflow.tools.items():
        if spec.python is not None:
            _find(setting, name, spec.python, setting.marks, setting.document.path.parent)
    project = setting.project
    if project is not None:
        for name, spec in project.project.tools.items():
            if spec.python is not None and name not in setting.document.workflow.tools:
                _find(setting, name, spec.python, project.marks, project.path.parent)


def _find(setting: Setting, tool: str, reference: str, marks: Marks, base: Path) -> None:
    file, _, name = reference.partition(":")
    path = base / file
    problem, hint = "", "write file.py:function"
    if not name or not real(path).is_relative_to(real(setting.document.root)):
        problem = "it names no function" if not name else f"{file} lies outside the project"
    else:
        try:
            data = read_regular(path, LARGEST)
            tree = ast.parse(data)
            functions = functions_in(tree)
        except OSError as error:
            problem, hint = f"{file}: {error.strerror}", "check the path; it is relative to this file"
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: nested too deeply
            problem, hint = f"{file} is no valid Python", "correct the file"
        else:
            setting.included[str(path)] = data
            if name in functions:
                setting.functions[tool] = functions[name]
                setting.called[tool] = called(tree, functions[name])
                return
            problem = f"{file} has no function '{name}'"
            hint = near(name, functions) or f"it has {choice(functions) or 'none'}"
    setting.report.at(marks, ("tools", tool, "python"), "ORCH610", f"tool '{tool}': {problem}", hint)


def check_arguments(
    setting: Setting, function: Function, step: ToolStep, at: Place, given: Type | None = None
) -> Type:
    """Names and types of what a call hands over; the type of its result as the annotations say it."""
    args = function.args
    named = [arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
    for name in step.with_:
        if name not in named:
            hint = near(name, named) or f"it takes {choice(named) or 'nothing'}"
            message = f"{step.tool} takes no '{name}'"
            setting.report.key(setting.marks, (*at, "with", name), "ORCH315", message, hint)
    missing = [name for name in _required(args) if name not in step.with_]
    if missing:
        message = f"{step.tool} needs {choice(missing)}"
        setting.report.at(
            setting.marks, (*at, "tool"), "ORCH315", message, f"add `with: {{{missing[0]}: …}}`"
        )
    known = setting.called.get(step.tool)
    if known is None:
        return UNKNOWN
    _check_types(setting, known, step, at, given)
    return known.result


def _check_types(setting: Setting, known: Called, step: ToolStep, at: Place, given: Type | None) -> None:
    for field in given.fields if isinstance(given, MapOf) else ():
        wanted = known.arguments.field(field.name)
        reason = misfit(present(field.type), wanted.type, field.name) if wanted is not None else ""
        if reason:
            place = (*at, "with", field.name)
            setting.report.at(setting.marks, place, "ORCH315", f"{step.tool}: {reason}")


def _required(args: ast.arguments) -> Iterable[str]:
    positional = [*args.posonlyargs, *args.args]
    optional = len(args.defaults)
    yield from (arg.arg for arg in positional[: len(positional) - optional])
    yield from (
        arg.arg for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default is None
    )
