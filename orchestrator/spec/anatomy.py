"""Which model stands at which place of a file, what keys it has, and how a person calls the place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

from orchestrator.light import light
from orchestrator.spec.marks import Part
from orchestrator.spec.model import (
    STEPS,
    AgentSpec,
    Budget,
    Declassify,
    Defaults,
    Escalate,
    Examples,
    Head,
    InputSpec,
    Knowledge,
    McpServer,
    Memory,
    Model,
    ModelParams,
    ModelSpec,
    Project,
    Repeat,
    Sampling,
    ToolSpec,
    ValueInstead,
    Workflow,
    verb_of,
)

Path: TypeAlias = tuple[Part, ...]

SECTIONS: Mapping[str, type[Model] | None] = {
    "inputs": InputSpec, "models": ModelSpec, "knowledge": Knowledge, "agents": AgentSpec, "tools": ToolSpec,
    "steps": None,
}  # fmt: skip
PARTS: Mapping[str, type[Model]] = {
    "params": Sampling, "examples": Examples, "head": Head, "memory": Memory, "escalate": Escalate,
    "declassify": Declassify, "repeat": Repeat, "on_error": ValueInstead, "mcp": McpServer, "defaults": Defaults,
    "budget": Budget,
}  # fmt: skip
SHORT_FORMS: tuple[type[Model], ...] = (InputSpec, ModelSpec, ValueInstead)
SINGULAR: Mapping[str, str] = {
    "inputs": "input", "models": "model", "agents": "agent", "tools": "tool", "steps": "step", "knowledge": "knowledge"
}  # fmt: skip


@light(frozen=True, slots=True)
class Keys:
    """The keys of a model as they are written; `free` ones may be null or hold anything."""

    fields: Mapping[str, str]
    """Key to the name of the model's field."""
    required: frozenset[str]
    free: frozenset[str]


@cache
def keys_of(cls: type[Model]) -> Keys:
    fields = {field.alias or name: name for name, field in cls.model_fields.items()}
    required = frozenset(key for key, name in fields.items() if cls.model_fields[name].is_required())
    free = frozenset(key for key, name in fields.items() if cls.model_fields[name].annotation is Any)
    return Keys(fields, required, free)


def sections_of(cls: type[Model]) -> Mapping[str, type[Model] | None]:
    """The keys that hold a map of named entries, with the model of an entry; None for steps."""
    if cls in (Workflow, Project):
        return SECTIONS
    return {"steps": None} if cls is STEPS["steps"] else {}


def part_of(cls: type[Model], key: str) -> type[Model] | None:
    """The model of the map under a key, if it has one."""
    if cls is ModelSpec:
        return ModelParams if key == "params" else None
    return PARTS.get(key) if key in keys_of(cls).fields else None


def class_at(cls: type[Model], value: Any, path: Path) -> type[Model] | None:
    """The model that the value at this path is read by; None for scalars, lists and free maps."""
    found: type[Model] | None = cls
    parts = iter(path)
    for part in parts:
        if found is None or not isinstance(part, str):
            return None
        value = _below(value, part)
        if part in sections_of(found):
            entry = next(parts, None)
            if entry is None:
                return None
            value = _below(value, entry)
            found = SECTIONS[part] or STEPS.get(verb_of(value) or "")
        else:
            found = part_of(found, part)
    return found


def _below(value: Any, part: Part) -> Any:
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return None


def owner(path: Path) -> tuple[str, str]:
    """Who a path belongs to, and the rest of it: `("step 'answer.reply'", "repeat.max")`. The file itself is empty."""
    names: list[str] = []
    word, rest = "", path
    while (
        len(rest) > 1 and rest[0] in (SINGULAR if not word else ("steps",)) and (not word or word == "step")
    ):
        word, names = SINGULAR[str(rest[0])], [*names, str(rest[1])]
        rest = rest[2:]
    return (f"{word} {'.'.join(names)!r}" if word else ""), dotted(rest)


def dotted(path: Path) -> str:
    """A path as a person writes it: `choices[1]`, `params.temperature`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def kind(value: Any) -> str:
    """What a YAML value is, in a word or two."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value}"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
        case _:
            return "a map"
