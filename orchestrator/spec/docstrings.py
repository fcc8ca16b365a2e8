"""The docstrings under the fields of the models: what completion, hover and the reference show.

Read from the source, not at class creation: loading a workflow need not pay for it.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cache

from orchestrator.spec import declared, model, steps
from orchestrator.spec.model import Model


def field_docs(cls: type[Model]) -> Mapping[str, str]:
    """Field name to its docstring, inherited ones included."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        found.update(_docs().get(base.__name__, {}))
    return found


def class_doc(cls: type[Model]) -> str:
    return " ".join((inspect.getdoc(cls) or "").split())


@cache
def _docs() -> Mapping[str, Mapping[str, str]]:
    trees = [ast.parse(inspect.getsource(module)) for module in (declared, steps, model)]
    classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    return {node.name: dict(_fields(node)) for node in classes}


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for statement, below in zip(node.body, node.body[1:], strict=False):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            yield statement.target.id, " ".join(str(below.value.value).split())
