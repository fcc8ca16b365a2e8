"""JSON Schemas that an output type names: read from beneath the project's root, and checked to be usable."""

from __future__ import annotations

import json
from pathlib import Path

from orchestrator.graph.kinds import UNKNOWN
from orchestrator.graph.setting import Setting
from orchestrator.library import Written
from orchestrator.regular import read_regular, real
from orchestrator.spec.types import Schema, Type

LIMIT = 200_000


def loaded(setting: Setting, kind: Type | None, written: Written, base: Path | None = None) -> Type | None:
    """The type with its schema read; Unknown, with a diagnostic, when it cannot be used."""
    if not isinstance(kind, Schema):
        return kind
    path = (base or setting.document.path.parent) / kind.path
    try:
        schema = _read(setting, path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        mark = written.mark("schema")
        setting.report.add(
            written.marks, mark, "ORCH609", f"the schema {kind.path} cannot be used: {reason}",
            "name a .json file of the project with a JSON Schema in it",
        )  # fmt: skip
        return UNKNOWN
    return Schema(kind.path, schema)


def _read(setting: Setting, path: Path) -> object:
    from orchestrator.spec.external import schema_problems

    shipped = not real(path).is_relative_to(real(setting.document.root))
    if shipped and not any(Path(file).parent in path.parents for file in setting.included):
        raise ValueError("it lies outside the project")
    data = read_regular(path, LIMIT)
    try:
        schema: object = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    problems = schema_problems(schema)
    if problems:
        raise ValueError(problems[0])
    setting.included[str(path)] = data
    return schema
