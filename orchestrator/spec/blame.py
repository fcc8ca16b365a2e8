"""Errors of the models in our own words: what the user wrote, where, and what to write instead.

Also makes the wrong values harmless, so that validation can go on and find the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from orchestrator.light import light
from orchestrator.spec.anatomy import Path, class_at, keys_of, kind, owner
from orchestrator.spec.model import Model
from orchestrator.spec.shape import FILL, STAND_INS
from orchestrator.spec.types import Unknown


@light(frozen=True, slots=True)
class Complaint:
    """One error of the models. `path` leads to the value in the raw file; `key` when its key is what is wrong."""

    code: str
    message: str
    path: Path
    hint: str = ""
    key: bool = False
    typed: bool = False
    """It stands inside a type expression."""


def complain(error: Mapping[str, Any], raw: Any) -> Complaint:
    """The complaint of one entry of `ValidationError.errors()`."""
    path, key = locate(error["loc"], raw)
    context = error.get("ctx", {})
    if error["type"] == "type_syntax":
        return Complaint("ORCH120", context["message"], (*path, *context["at"]), context["hint"], typed=True)
    path = (*path, *context.get("inside", ()))
    value = error["input"]
    what = _called(path)
    if key:
        return _wrong_name(error["type"], context, path)
    code, message, hint = _words(error["type"], context, value)
    if len(path) == 2 and path[0] == "models":
        message, hint = f"is provider:model or a map, not {kind(value)}", "like ollama:llama3.2:3b"
    return Complaint(code, f"{what} {message}", path, hint)


def _wrong_name(problem: str, context: Mapping[str, Any], path: Path) -> Complaint:
    name = str(path[-1])
    if problem == "literal_error":
        _, message, hint = _choice(context, name)
        return Complaint("ORCH111", f"a key of {_called(path[:-1])} {message}", path, hint, key=True)
    who, _ = owner(path)
    hint = "names are small letters, digits and _, beginning with a letter: " + _suggestion(name)
    what = _article(who.split()[0]) if who else "an entry"
    return Complaint("ORCH112", f"{name!r} is no name for {what}", path, hint, key=True)


def locate(loc: Sequence[str | int], raw: Any) -> tuple[Path, bool]:
    """The path in the raw file that pydantic's `loc` means (union tags left out), and whether its key is meant."""
    path: list[str | int] = []
    value = raw
    for part in loc:
        if part == "[key]" and not (isinstance(value, dict) and part in value):
            return tuple(path), True
        if _holds(value, part):
            value = value[part]
            path.append(part)
    return tuple(path), False


def _holds(value: Any, part: str | int) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list | tuple) and isinstance(part, int) and part < len(value)


def mend(raw: Any, complaint: Complaint, top: type[Model]) -> str | None:
    """Make what was complained of harmless, in place. Returns the name of an entry that had to go."""
    path = complaint.path
    while path and isinstance(path[-1], int) and not complaint.typed:
        path = path[:-1]
    if not path:
        return None
    parent = _value_at(raw, path[:-1])
    if not isinstance(parent, dict | list):
        return None
    part: Any = path[-1]
    if complaint.typed:
        parent[part] = Unknown()
        return None
    cls = class_at(top, raw, path[:-1])
    if cls is not None and (cls, part) in FILL:
        parent[part] = FILL[cls, part]
        return None
    section = path[-2] if len(path) > 1 else None
    if cls is None and section in STAND_INS and not complaint.key:
        parent[part] = dict(STAND_INS[str(section)])
        return None
    if isinstance(parent, dict):
        parent.pop(part, None)
    if cls is not None and part in keys_of(cls).required:
        return mend(raw, Complaint("", "", path[:-1]), top)
    return str(part) if cls is None else None


def _value_at(raw: Any, path: Path) -> Any:
    for part in path:
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            return None
    return raw


def _called(path: Path) -> str:
    who, rest = owner(path)
    if not rest:
        return who or "the file"
    return f"{rest!r} of {who}" if who else repr(rest)


def _words(problem: str, context: Mapping[str, Any], value: Any) -> tuple[str, str, str]:
    """Code, the rest of the sentence, hint."""
    match problem:
        case "string_type":
            return "ORCH110", f"is text, not {kind(value)}", _quote(value)
        case "bool_type":
            return "ORCH110", f"is true or false, not {_shown(value)}", _truth(value)
        case "int_type" | "int_from_float" | "int_parsing":
            return "ORCH110", f"is a whole number, not {_shown(value)}", ""
        case "float_type" | "float_parsing":
            return "ORCH110", f"is a number, not {_shown(value)}", ""
        case "tuple_type" | "list_type":
            hint = f"write [{value}]" if isinstance(value, str) and len(value) < 40 else "write it as [a, b]"
            return "ORCH110", f"is a list, not {kind(value)}", hint
        case "dict_type" | "mapping_type" | "model_type" | "model_attributes_type":
            return "ORCH110", f"is a map of its keys, not {kind(value)}", ""
        case "literal_error":
            return _choice(context, value)
        case "union_tag_invalid" | "union_tag_not_found":
            return "ORCH110", f"cannot be {kind(value)}", ""
        case "string_pattern_mismatch":
            hint = "names are small letters, digits and _, beginning with a letter: " + _suggestion(
                str(value)
            )
            return "ORCH112", f"is a name, which {_shown(value)} is not", hint
        case "string_too_short" | "too_short":
            return "ORCH107", "is empty", "give it at least one entry, or remove it"
        case _:
            return _bounds(problem, context, value)


def _bounds(problem: str, context: Mapping[str, Any], value: Any) -> tuple[str, str, str]:
    for name, words in (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than")):
        if name in context:
            limit = context[name]
            number = int(limit) if float(limit).is_integer() else limit
            return "ORCH113", f"is {words} {number}, not {_shown(value)}", ""
    match problem:
        case "duration":
            hint = (
                f"did you mean {value}s?" if isinstance(value, int | float) else "units are ms, s, m, h and d"
            )
            return "ORCH114", f"is a time like 30s or 5m, not {_shown(value)}", hint
        case "parallel":
            return "ORCH113", f"is auto or a number of at least 1, not {_shown(value)}", ""
        case "secret":
            hint = "write env.NAME instead, and set that environment variable"
            return "ORCH115", "is not env.NAME, and a secret never stands in a file", hint
        case "secret_inside":
            hint = (
                "give it by `key: env.NAME` beside a `url`, and by `env: {NAME: env.NAME}` beside a `command`"
            )
            return "ORCH115", "holds a secret, and a secret never stands in a file", hint
        case "recursion_loop":
            return "ORCH009", "contains itself", "write the value out"
    return "ORCH119", f"cannot be {_shown(value)}", ""


def _choice(context: Mapping[str, Any], value: Any) -> tuple[str, str, str]:
    expected = str(context.get("expected", "")).replace(" or ", ", ")
    written = {"True": "true", "False": "false"}
    choices = [written.get(part.strip(), part.strip().strip("'")) for part in expected.split(",")]
    if choices == ["1"]:
        return "ORCH116", f"is the version of the language, 1, not {_shown(value)}", "write `orch: 1`"
    near = get_close_matches(str(value), choices, n=1)
    hint = f"did you mean {near[0]!r}?" if near else ""
    listed = f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0]
    return "ORCH111", f"is {listed}, not {_shown(value)}", hint


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:39] + "…")
    return kind(value).removeprefix("the number ")


def _quote(value: Any) -> str:
    if isinstance(value, bool):
        return f'quote it: "{str(value).lower()}"'
    if isinstance(value, int | float):
        return f'quote it: "{value}"'
    return "quote it if it begins with [ or {" if isinstance(value, list | dict) else ""


def _truth(value: Any) -> str:
    word = str(value).lower()
    if word in ("yes", "on", "y", "1"):
        return "write true"
    return "write false" if word in ("no", "off", "n", "0") else ""


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _suggestion(name: str) -> str:
    cleaned = "".join(char if char.isascii() and char.isalnum() else "_" for char in name.lower()).strip("_")
    return f"`{cleaned if cleaned and not cleaned[0].isdigit() else '_' + cleaned}`"
