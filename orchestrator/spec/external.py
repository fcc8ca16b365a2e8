"""JSON Schemas from a file (`output: {schema: path.json}`): checked once when read, then used on values.

The library is imported only when a workflow uses such a schema. Nothing is ever fetched: a `$ref` stays
inside its file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator


def schema_problems(schema: Any) -> list[str]:
    """What is wrong with a schema itself, in words; empty when it can be used."""
    from jsonschema import Draft202012Validator, SchemaError

    if not isinstance(schema, Mapping):
        return ["a JSON Schema is a map"]
    foreign = sorted(ref for ref in _refs(schema) if not ref.startswith("#"))
    if foreign:
        return [f"'$ref: {ref}' points outside the file; only #/… can be used" for ref in foreign]
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return [f"{_where(error.absolute_path, '') or 'the schema'}: {error.message[:200]}"]
    return []


def problems(schema: Any, value: Any, where: str) -> Iterator[str]:
    """What keeps a value from satisfying the schema, each a sentence."""
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    try:
        for error in _validator(schema).iter_errors(value):
            exact = best_match([error]) or error
            yield f"{_where(exact.absolute_path, where) or 'the value'}: {exact.message[:200]}"
    except Unresolvable as error:
        yield f"{where or 'the value'}: the schema refers to {error.ref!r}, which it does not hold"
    except RecursionError:
        yield f"{where or 'the value'}: nested too deeply to be checked"


def _validator(schema: Any) -> Draft202012Validator:
    from jsonschema import Draft202012Validator, FormatChecker
    from referencing import Registry

    return Draft202012Validator(schema, registry=Registry(), format_checker=FormatChecker(["date"]))


def _where(path: Any, where: str) -> str:
    for part in path:
        where = f"{where}[{part}]" if isinstance(part, int) else f"{where}.{part}" if where else str(part)
    return where


def _refs(schema: Any) -> Iterator[str]:
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, Mapping):
            stack.extend(node.values())
            ref = node.get("$ref", node.get("$dynamicRef"))
            if isinstance(ref, str):
                yield ref
        elif isinstance(node, list):
            stack.extend(node)
