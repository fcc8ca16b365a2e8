"""Worked examples: the lines of a file of cases as data, and as a model reads them. Pure; opens no file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from orchestrator.calling import Example
from orchestrator.light import light
from orchestrator.spec.types import Field, ListOf, MapOf, Nullable, Type
from orchestrator.spec.values import DEPTH, check_value, too_deep

T = TypeVar("T")
LARGEST = 16_000_000
"""Bytes of a file of cases: as many examples as any of them is ever chosen from."""
TOLD = 5
"""Wrong lines that are named at once."""


@light(frozen=True, slots=True)
class Wrong:
    """A line that is no worked example, and why; `line` counts from 1, 0 is the file itself."""

    line: int
    message: str


def read_cases(data: bytes) -> tuple[tuple[Example, ...], tuple[Wrong, ...]]:
    """The examples of a file, one `{input, output}` a line, and what is wrong with other lines.

    Blank lines count and say nothing; further keys are for graders and are let be.
    """
    return read_each(data, _read)


def read_each(data: bytes, read: Callable[[str, int], T | Wrong]) -> tuple[tuple[T, ...], tuple[Wrong, ...]]:
    """What `read` makes of every line that is not blank, given with its number from 1, and what is wrong with others.

    Not `splitlines`: JSON may hold what that takes for the end of a line.
    """
    if len(data) > LARGEST:
        return (), (Wrong(0, f"it is larger than {LARGEST // 1_000_000} MB"),)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return (), (Wrong(data.count(b"\n", 0, error.start) + 1, "it is not UTF-8"),)
    found = [read(line, number) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    good = tuple(one for one in found if not isinstance(one, Wrong))
    return good, tuple(one for one in found if isinstance(one, Wrong))


def _read(line: str, number: int) -> Example | Wrong:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        return Wrong(number, f"it is no JSON ({error.msg} at character {error.pos + 1})")
    except (RecursionError, ValueError):
        return Wrong(number, "it is no JSON that can be read")
    if not isinstance(found, dict):
        return Wrong(number, "it is not a map with `input` and `output`")
    missing = [name for name in ("input", "output") if found.get(name) is None]
    if missing:
        return Wrong(number, f"it has no `{missing[0]}`")
    if line.count("{") + line.count("[") > DEPTH and too_deep(found):
        return Wrong(number, "it is nested too deeply")
    return Example(found["input"], found["output"], number)


def misfit(example: Example, output: Type | None) -> str:
    """Why no answer of this type could be the output of the example; empty when one could."""
    if output is None:
        plain = isinstance(example.output, str)
        return "" if plain else "its output is no text, and the step answers with plain text"
    problems = check_value(output, example.output)
    return f"its output does not fit: {'; '.join(problems)}" if problems else ""


def misfits(examples: tuple[Example, ...], output: Type | None) -> Iterator[Wrong]:
    """Those of the examples that a step with this output cannot learn from."""
    for example in examples:
        if why := misfit(example, output):
            yield Wrong(example.line, why)


def told(wrong: tuple[Wrong, ...], file: str) -> str:
    """The first few wrong lines for a person: `cases.jsonl:3: it has no `output`; cases.jsonl:9: …`."""
    lines = [
        f"{file}:{one.line}: {one.message}" if one.line else f"{file}: {one.message}" for one in wrong[:TOLD]
    ]
    more = f"; and {len(wrong) - TOLD} more lines" if len(wrong) > TOLD else ""
    return "; ".join(lines) + more


# ---------------------------------------------------------------------------------------- as a model reads it


def as_asked(value: Any) -> str:
    """The input of an example as a prompt: a text as it is, anything else as JSON."""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def as_answered(value: Any, output: Type | None) -> str:
    """The output of an example as the model would write it: under the grammar of its type, fields in their order."""
    if output is None:
        return str(value).strip()
    return json.dumps(_ordered(output, value), ensure_ascii=False)


def _ordered(kind: Type, value: Any) -> Any:
    match kind:
        case MapOf(fields) if isinstance(value, Mapping):
            return {f.name: _ordered(f.type, value[f.name]) for f in fields if _is_written(f, value)}
        case ListOf(item) if isinstance(value, list | tuple):
            return [_ordered(item, one) for one in value]
        case Nullable(inner) if value is not None:
            return _ordered(inner, value)
        case _:
            return value


def _is_written(field: Field, value: Mapping[str, Any]) -> bool:
    """An optional field that has no value is left out, as the grammar leaves it out."""
    return field.name in value and not (field.optional and value[field.name] is None)


__all__ = [
    "LARGEST",
    "Wrong",
    "as_answered",
    "as_asked",
    "misfit",
    "misfits",
    "read_cases",
    "read_each",
    "told",
]
