"""The reference pages: tables from the models and codes, between the markers of a page that a person wrote.

A page holds `<!-- begin NAME -->` … `<!-- end NAME -->`; what stands between is generated and never edited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from orchestrator.spec.anatomy import keys_of
from orchestrator.spec.codes import Code
from orchestrator.spec.docstrings import class_doc
from orchestrator.spec.editor import editor_schema
from orchestrator.spec.model import STEPS, StepBase

_BLOCK = re.compile(r"(<!-- begin (?P<name>[\w.-]+) -->\n).*?(<!-- end (?P=name) -->)", re.DOTALL)
_RANGES: Mapping[int, str] = {
    0: "The file and its YAML",
    1: "Keys, values and types",
    2: "Names",
    3: "Types of expressions",
    4: "Values that can be null",
    5: "The shape of the graph",
    6: "Models, agents and policies",
}


class Described(Protocol):
    """A filter or function of expressions, as its table describes it."""

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...

    @property
    def arguments(self) -> tuple[str, ...]: ...


def fill(page: str, blocks: Mapping[str, str]) -> str:
    """The page with its generated blocks replaced. Raises KeyError for a block nobody generates."""
    return _BLOCK.sub(lambda found: f"{found[1]}{blocks[found['name']]}\n{found[3]}", page)


def key_blocks() -> dict[str, str]:
    """A table of keys for each model, by its name; the keys all steps share stand under `Step`."""
    schema = editor_schema()
    definitions = schema["definitions"]
    blocks = {"Workflow": _keys(schema)}
    shared = keys_of(StepBase).fields
    for name, node in definitions.items():
        form = next((branch for branch in node.get("anyOf", []) if "properties" in branch), node)
        if "properties" in form:
            own = _without(form, shared) if _is_step(name) else form
            blocks[name] = _keys(own)
    step = definitions["AskStep"]
    blocks["Step"] = _keys(
        {**step, "properties": {k: v for k, v in step["properties"].items() if k in shared}}
    )
    blocks["verbs"] = _verbs()
    return blocks


def table_of(entries: Iterable[Described], *, filters: bool) -> str:
    """A table of filters or functions with how they are called."""
    rows = [(f"`{_call(entry, filters=filters)}`", entry.summary) for entry in entries]
    return _table((("filter" if filters else "function"), "gives"), rows)


def errors_page(codes: Mapping[str, Code]) -> str:
    """The page of all codes, each with its explanation and examples."""
    parts = [_HEAD]
    group = -1
    for code in sorted(codes.values(), key=lambda entry: entry.code):
        number = int(code.code[4:])
        if number // 100 != group:
            group = number // 100
            parts.append(f"## {_RANGES.get(group, 'Others')}")
        parts.append(_explained(code))
    return "\n\n".join(parts) + "\n"


_HEAD = """\
# Errors and warnings

Every message of `orch validate` has a code that stays the same. `orch explain ORCH101` prints what stands here.
This page is generated from the tables of the program; each example is run by the tests."""


def _explained(code: Code) -> str:
    severity = " (warning)" if code.severity == "warning" else ""
    parts = [f"### {code.code}: {code.title}{severity}", " ".join(code.text.split())]
    for title, example in (("Wrong:", code.wrong), ("Right:", code.right)):
        if example:
            parts.append(f"{title}\n\n```yaml\n{_visible(example.rstrip())}\n```")
    return "\n\n".join(parts)


def _visible(text: str) -> str:
    """Control characters as their code: a page is a text that everything can read."""
    return "".join(char if char in "\n\t" or char >= " " else f"<U+{ord(char):04X}>" for char in text)


# --------------------------------------------------------------------------------------------------- tables


def _is_step(name: str) -> bool:
    return name in {cls.__name__ for cls in STEPS.values()}


def _without(node: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    left = {key: value for key, value in node["properties"].items() if key not in names}
    return {**node, "properties": left}


def _verbs() -> str:
    return _table(
        ("verb", "what the step does"), [(f"`{verb}`", class_doc(cls)) for verb, cls in STEPS.items()]
    )


def _keys(node: Mapping[str, Any]) -> str:
    required = node.get("required", [])
    rows = [
        (f"`{key}`" + (" (required)" if key in required else ""), _kind(below), below.get("description", ""))
        for key, below in node["properties"].items()
    ]
    return _table(("key", "value", "meaning"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *(tuple(_cell(cell) for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _call(entry: Described, *, filters: bool) -> str:
    arguments = ", ".join(entry.arguments)
    return f"{entry.name}({arguments})" if arguments or not filters else entry.name


def _kind(node: Mapping[str, Any]) -> str:
    """What may stand behind a key, in a few words."""
    if "allOf" in node:
        return _kind(node["allOf"][0])
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return "type" if name == "Type" else "map" if name != "Step" else "step"
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(_kind(branch) for branch in node["anyOf"]))
    if "enum" in node:
        return " ".join(f"`{value}`" for value in node["enum"])
    if "const" in node:
        return f"`{node['const']}`"
    return _simple(node)


def _simple(node: Mapping[str, Any]) -> str:
    match node.get("type"):
        case ["string", *_]:
            return "expression"
        case "string":
            return (
                "time" if "ms|s|m|h|d" in node.get("pattern", "") else "name" if "pattern" in node else "text"
            )
        case "array":
            items = node.get("items", {})
            return f"list of {_plural(_kind(items))}" if items else "list"
        case "object":
            return "map"
        case "integer":
            return "whole number" + _from(node)
        case "number":
            return "number"
        case "boolean":
            return "`true` `false`"
        case _:
            return "anything"


def _plural(kind: str) -> str:
    return kind if kind.startswith("`") else f"{kind}s"


def _from(node: Mapping[str, Any]) -> str:
    return f" from {node['minimum']}" if "minimum" in node else ""
