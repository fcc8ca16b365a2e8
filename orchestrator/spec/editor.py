"""The JSON Schema of workflow files for editors: the models' own, in the draft that language servers read.

Says what `load` says, as far as a schema can; completion and hover come from the docstrings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from orchestrator.spec import model
from orchestrator.spec.anatomy import keys_of
from orchestrator.spec.docstrings import class_doc, field_docs
from orchestrator.spec.fields import NAME_PATTERN
from orchestrator.spec.model import STEPS, Model, Workflow

Node: TypeAlias = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
_EXPRESSION: Node = {"type": ["string", "boolean", "number"]}
_TYPE: Node = {
    "anyOf": [
        {
            "type": "string",
            "examples": [
                "string",
                "string(160)",
                "text",
                "int",
                "int(1..5)",
                "number",
                "bool",
                "date",
                "a | b | c",
            ],
        },
        {"type": "array", "minItems": 1, "maxItems": 1, "items": {"$ref": "#/definitions/Type"}},
        {"type": "object", "additionalProperties": {"$ref": "#/definitions/Type"}, "minProperties": 1},
    ],
    "description": "A type: string, string(160), text, int, int(1..5), number, bool, date, a | b | c, [type], "
    "a map of fields, or {schema: path.json}.",
}


def editor_schema() -> Node:
    """Draft-07 JSON Schema of a workflow file."""
    whole = Workflow.model_json_schema(by_alias=True)
    definitions = {name: _described(name, _plain(schema)) for name, schema in whole.pop("$defs").items()}
    definitions["Type"] = _TYPE
    definitions["Step"] = {
        "description": "A step: exactly one of agent, tool, value, ask, workflow, steps.",
        "anyOf": [{"$ref": f"#/definitions/{cls.__name__}"} for cls in STEPS.values()],
    }
    for name, widen in _SHORT_FORMS.items():
        definitions[name] = widen(definitions[name])
    top = _described("Workflow", _plain(whole))
    return {"$schema": DRAFT, "title": "orch workflow", **top, "definitions": definitions}


# --------------------------------------------------------------------------------------------- translation


def _plain(node: Any) -> Any:
    """Draft 2020 as pydantic writes it, in draft 07: without titles, nulls and defaults nobody wrote."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    if _is_step(node):
        return {"$ref": "#/definitions/Step"}
    found = {key: _plain(value) for key, value in node.items() if not _superfluous(key, value)}
    if "$ref" in found:
        found["$ref"] = found["$ref"].replace("#/$defs/", "#/definitions/")
    if "oneOf" in found:
        found["anyOf"] = found.pop("oneOf")
    if "anyOf" in found:
        found = _choices(found)
    if "patternProperties" in found:
        found["additionalProperties"] = False
    return found


def _superfluous(key: str, value: Any) -> bool:
    return (key == "title" and isinstance(value, str)) or (key == "default" and value in (None, "", [], {}))


def _is_step(node: Node) -> bool:
    refs = {choice.get("$ref", "") for choice in node.get("oneOf", [])}
    return bool(refs) and refs == {f"#/$defs/{cls.__name__}" for cls in STEPS.values()}


def _choices(node: Node) -> Node:
    """Without the null branch: a key without a value is an error. A single branch needs no `anyOf`."""
    branches = [branch for branch in node["anyOf"] if branch != {"type": "null"}]
    flat = [
        inner for branch in branches for inner in (branch["anyOf"] if set(branch) == {"anyOf"} else [branch])
    ]
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    return {**flat[0], **rest} if len(flat) == 1 else {**rest, "anyOf": flat}


# --------------------------------------------------------------------------------------------- description


def _described(name: str, schema: Node) -> Node:
    """The definition of a model with its docstrings, as they stand in the source."""
    cls: type[Model] = getattr(model, name)
    docs = field_docs(cls)
    properties = {}
    for key, field in keys_of(cls).fields.items():
        found = _typed(key, dict(schema["properties"].get(key, {})))
        if field in docs:
            found = _with_description(found, docs[field])
        properties[key] = found
    return {**schema, "description": class_doc(cls), "properties": properties}


def _with_description(node: Node, text: str) -> Node:
    """Draft 07 ignores what stands beside a `$ref`, so it moves into an `allOf`."""
    if "$ref" in node:
        return {"allOf": [{"$ref": node["$ref"]}], "description": text}
    return {**node, "description": text}


def _typed(key: str, node: Node) -> Node:
    """What the models accept before they validate: one need for a list, true for an expression, types."""
    if key == "needs":
        return {"anyOf": [{"type": "string", "pattern": NAME_PATTERN}, node]}
    if key in ("output", "type"):
        types: Node = {"$ref": "#/definitions/Type"}
        return {"anyOf": [{"enum": ["file", "files", "image"]}, types]} if key == "type" else types
    if key in ("takes", "rows"):
        return {"type": "object", "additionalProperties": {"$ref": "#/definitions/Type"}, "minProperties": 1}
    if key in ("when", "until", "before", "each", "reduce", "edit"):
        return dict(_EXPRESSION)
    if key == "check":
        return {"type": "object", "additionalProperties": dict(_EXPRESSION)}
    if key == "foreach":
        return {"anyOf": [{"type": "string"}, {"type": "array"}]}
    return node


def _input(schema: Node) -> Node:
    """The long form, a type, or a map of fields."""
    fields: Node = {
        "type": "object",
        "not": {"required": ["type"]},
        "minProperties": 1,
        "additionalProperties": {"$ref": "#/definitions/Type"},
    }
    short: Node = {"anyOf": [{"enum": ["file", "files", "image"]}, *_TYPE["anyOf"][:2]]}
    return {"description": schema["description"], "anyOf": [schema, *short["anyOf"], fields]}


def _model(schema: Node) -> Node:
    reference: Node = {"type": "string", "examples": ["llamacpp:smollm2-135m", "ollama:llama3.2:3b"]}
    return {"description": schema["description"], "anyOf": [reference, schema]}


_SHORT_FORMS: Mapping[str, Callable[[Node], Node]] = {"InputSpec": _input, "ModelSpec": _model}
