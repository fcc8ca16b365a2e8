"""Types of filters, functions and tests, and their obvious misuse."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from jinja2 import nodes

from orchestrator.graph.kinds import (
    BOOL,
    COUNT,
    INT,
    NUMBER,
    TEXT,
    UNKNOWN,
    Perhaps,
    base,
    join,
    join_all,
    list_of,
    nullable,
    present,
    row,
    view,
    widen,
)
from orchestrator.graph.operators import impossible
from orchestrator.graph.say import choice, listing, near
from orchestrator.render import FILTERS, FUNCTIONS, TESTS
from orchestrator.render.show import show
from orchestrator.spec.types import Enum, Field, ListOf, MapOf, Nullable, Str, Type, Unknown

if TYPE_CHECKING:
    from orchestrator.graph.infer import Reading

_WORDS = {"list": "a list", "number": "a number", "map": "a map", "text": "text"}
_BY_ATTRIBUTE = frozenset({"sort", "unique", "min", "max", "sum", "groupby", "join", "map"})
_CHOOSING = frozenset({"select", "reject", "selectattr", "rejectattr"})
_SIZED = frozenset({"length", "count", "reverse", "list"})


# ----------------------------------------------------------------------------------------------- functions


def function_type(reading: Reading, node: nodes.Call, safe: bool) -> Type:
    if not isinstance(node.node, nodes.Name):
        if isinstance(node.node, nodes.Getattr):  # a method: the compiler refuses it with a better sentence
            reading.expr(node.node.node, safe=True)
        _arguments(reading, node)
        return UNKNOWN
    name = node.node.name
    if name not in FUNCTIONS:
        _unknown(reading, node.node, "function", name, FUNCTIONS, "ORCH207")
        _arguments(reading, node)
        return UNKNOWN
    match name:
        case "coalesce":
            return _coalesce([reading.expr(arg, safe=True) for arg in node.args])
        case "zip":
            return list_of(row(_zipped(reading, arg, safe) for arg in node.args))
        case "len":
            for arg in node.args:
                _sized(reading, arg, reading.solid(arg, "so it has no length", safe=safe))
            return COUNT
        case _:
            _arguments(reading, node)
            return list_of(INT)


def _coalesce(kinds: list[Type]) -> Type:
    if not kinds:
        return UNKNOWN
    joined = join_all(present(kind) for kind in kinds)
    return nullable(joined) if all(isinstance(kind, Nullable) for kind in kinds) else joined


def _zipped(reading: Reading, node: nodes.Expr, safe: bool) -> Type:
    kind = view(reading.solid(node, "and zip needs lists", safe=safe))
    if isinstance(kind, ListOf):
        return kind.item
    if base(kind):
        reading.say(node, "ORCH306", f"{show(node)} is {base(kind)}, and zip needs lists")
    return UNKNOWN


def _arguments(reading: Reading, node: nodes.Call | nodes.Filter | nodes.Test) -> None:
    for arg in node.args:
        reading.expr(arg)
    for pair in node.kwargs:
        reading.expr(pair.value)


def _unknown(
    reading: Reading, node: nodes.Node, what: str, name: str, table: Iterable[str], code: str
) -> None:
    names = list(table)
    hint = near(name, names) or (f"there are {choice(names)}" if len(names) < 8 else "")
    reading.say(node, code, f"there is no {what} '{name}'", hint)


# --------------------------------------------------------------------------------------------------- tests


def test_type(reading: Reading, node: nodes.Test) -> Type:
    if node.name not in TESTS:
        _unknown(reading, node, "test", node.name, (name for name in TESTS if name.isalpha()), "ORCH208")
    reading.expr(node.node, safe=True)
    _arguments(reading, node)
    return BOOL


# ------------------------------------------------------------------------------------------------- filters


def filter_type(reading: Reading, node: nodes.Filter, safe: bool = False) -> Type:
    if node.node is None:
        return UNKNOWN
    found = FILTERS.get(node.name)
    if found is None:
        _unknown(reading, node, "filter", node.name, FILTERS, "ORCH206")
        reading.expr(node.node, safe=True)
        _arguments(reading, node)
        return UNKNOWN
    if found.null_safe:
        return _default(reading, node)
    kind = reading.expr(node.node, safe=safe)
    maybe = isinstance(kind, Nullable)
    if maybe and not safe:
        reading.say(
            node.node, "ORCH401", f"{show(node.node)} can be null here, and {node.name} needs a value",
            f"say what happens then: {show(node.node)} | default(…) | {node.name}",
        )  # fmt: skip
    kind = present(kind)
    _takes(reading, node, found.takes, kind)
    result = _result(reading, node, view(kind))
    return nullable(result) if maybe and safe else result


def _default(reading: Reading, node: nodes.Filter) -> Type:
    assert node.node is not None
    kind = reading.expr(node.node, safe=True)
    instead: Type = TEXT
    for arg in (*node.args[:1], *(p.value for p in node.kwargs if p.key == "default_value")):
        instead = reading.expr(arg, quiet=True)
    return join(widen(present(kind)), widen(instead))


def _takes(reading: Reading, node: nodes.Filter, takes: str, kind: Type) -> None:
    word = base(kind)
    if not word or takes == "any":
        if word and node.name in _SIZED and node.node is not None:
            _sized(reading, node.node, kind)
        return
    fine = {
        "list": ("a list", "text" if node.name in ("first", "last") else "a list"),
        "number": ("a number", "true or false"),
        "map": ("a map",),
        "text": ("text", "a number", "true or false"),
    }[takes]
    if word not in fine:
        hint = (
            f"{show(node.node)} | items lists its pairs"
            if takes == "list" and word == "a map" and node.node
            else ""
        )
        if takes == "text" and word == "a list" and node.node:
            hint = f"{show(node.node)} | map('{node.name}') does it to every item"
        subject = show(node.node) if node.node else "this"
        reading.say(node, "ORCH306", f"{subject} is {word}, and {node.name} needs {_WORDS[takes]}", hint)


def _sized(reading: Reading, node: nodes.Expr, kind: Type) -> None:
    if base(kind) in ("a number", "true or false"):
        reading.say(node, "ORCH306", f"{show(node)} is {base(kind)} and has no length")


def _result(reading: Reading, node: nodes.Filter, kind: Type) -> Type:
    item = kind.item if isinstance(kind, ListOf) else UNKNOWN
    if node.name in _CHOOSING:
        return _chosen(reading, node, kind, item)
    if node.name in _BY_ATTRIBUTE:
        return _by_attribute(reading, node, kind, item)
    _arguments(reading, node)
    match node.name:
        case "present":
            return _sublist(kind, present(item))
        case "list":
            return (
                kind
                if isinstance(kind, ListOf)
                else list_of(TEXT if isinstance(kind, Str | Enum) else UNKNOWN)
            )
        case "first" | "last":
            if isinstance(kind, Str | Enum):
                return TEXT
            return item if isinstance(kind, ListOf) and kind.low > 0 else _ends(item)
        case "items" | "dictsort":
            values = [f.type for f in kind.fields] if isinstance(kind, MapOf) else []
            return list_of(row((TEXT, widen(join_all(values)))))
        case "batch" | "slice":
            return list_of(_sublist(kind, item))
        case "abs":
            return widen(kind) if base(kind) == "a number" else NUMBER
        case "reverse":
            return _sublist(kind, item) if isinstance(kind, ListOf) else widen(kind)
        case "int":
            return INT
        case _:
            return _by_table(node.name)


def _by_table(name: str) -> Type:
    match FILTERS[name].returns:
        case "string":
            return TEXT
        case "strings":
            return list_of(TEXT)
        case "int":
            return COUNT
        case "number":
            return NUMBER
        case "bool":
            return BOOL
        case "list":
            return list_of(UNKNOWN)
        case _:
            return UNKNOWN


def _ends(item: Type) -> Type:
    """`first` of a list that may be empty: nothing is said about it, because most lists are not."""
    return item


def _sublist(kind: Type, item: Type) -> Type:
    return list_of(item) if isinstance(kind, ListOf) else UNKNOWN


def _chosen(reading: Reading, node: nodes.Filter, kind: Type, item: Type) -> Type:
    args = list(node.args)
    subject, shown = item, "an item"
    if node.name.endswith("attr") and args:
        subject = _attribute(reading, node, args[0], item)
        shown = str(getattr(args[0], "value", "it"))
        args = args[1:]
    name = args[0] if args else None
    if isinstance(name, nodes.Const) and isinstance(name.value, str):
        if name.value not in TESTS:
            _unknown(reading, name, "test", name.value, (test for test in TESTS if test.isalpha()), "ORCH208")
        elif name.value in ("eq", "equalto", "==", "ne", "!=") and len(args) > 1:
            _equal_to(reading, args[1], shown, present(subject))
    for arg in args[1:]:
        reading.expr(arg, quiet=True)
    plain = node.name == "select" and not args
    return _sublist(kind, present(item) if plain else item)


def _equal_to(reading: Reading, node: nodes.Expr, shown: str, kind: Type) -> None:
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        impossible(reading, node, node.value, shown, kind)


def _by_attribute(reading: Reading, node: nodes.Filter, kind: Type, item: Type) -> Type:
    named = {str(pair.key): pair.value for pair in node.kwargs}
    attribute = named.get("attribute")
    if attribute is None and node.name in ("groupby", "sum") and node.args:
        attribute = node.args[0]
    _arguments(reading, node)
    inner = item if attribute is None else _attribute(reading, node, attribute, item, "default" in named)
    match node.name:
        case "map":
            return _mapped(reading, node, kind, item, inner, attribute)
        case "sort" | "unique":
            return _sublist(kind, item)
        case "min" | "max":
            return item
        case "groupby":
            return list_of(MapOf((Field("grouper", inner), Field("list", list_of(item)))))
        case "sum":
            return INT if base(inner) == "a number" and not isinstance(inner, type(NUMBER)) else NUMBER
        case _:
            if isinstance(inner, Nullable) and node.node is not None:
                hint = f"leave them out: {show(node.node)} | present | join(…)"
                reading.say(
                    node, "ORCH403", f"items of {show(node.node)} can be null and cannot be joined", hint
                )
            return TEXT


def _mapped(
    reading: Reading, node: nodes.Filter, kind: Type, item: Type, inner: Type, attribute: nodes.Expr | None
) -> Type:
    if not isinstance(kind, ListOf):
        return list_of(UNKNOWN) if isinstance(kind, Unknown) else UNKNOWN
    if attribute is not None:
        default = next((p.value for p in node.kwargs if p.key == "default"), None)
        if default is not None:
            inner = join(present(inner), widen(reading.expr(default, quiet=True)))
        return list_of(inner)
    name = node.args[0] if node.args else None
    if not isinstance(name, nodes.Const) or not isinstance(name.value, str):
        return list_of(UNKNOWN)
    if name.value not in FILTERS:
        _unknown(reading, name, "filter", name.value, FILTERS, "ORCH206")
        return list_of(UNKNOWN)
    return list_of(widen(item) if FILTERS[name.value].returns == "same" else _by_table(name.value))


def _attribute(
    reading: Reading, node: nodes.Filter, attribute: nodes.Expr, item: Type, has_default: bool = False
) -> Type:
    """`attribute='a.b'` of an item, every field checked."""
    if not isinstance(attribute, nodes.Const) or not isinstance(attribute.value, str):
        return UNKNOWN
    kind, shown, offset = (
        item,
        f"an item of {show(node.node)}" if node.node else "an item",
        attribute.lineno + 1,
    )
    for name in attribute.value.split("."):
        if isinstance(kind, Nullable) and not isinstance(kind, Perhaps) and not has_default:
            hint = (
                f"leave out what is null: {show(node.node)} | present | {node.name}(…)" if node.node else ""
            )
            reading.report(
                offset, len(name), "ORCH401", f"{shown} can be null and has no '{name}' then", hint
            )
        kind = _part(reading, view(present(kind)), name, shown, offset, has_default)
        shown, offset = f"{shown}.{name}", offset + len(name) + 1
    return kind


def _part(reading: Reading, kind: Type, name: str, shown: str, offset: int, has_default: bool) -> Type:
    match kind:
        case Unknown():
            return UNKNOWN
        case MapOf():
            found = kind.field(name)
            if found is not None:
                return nullable(found.type) if found.optional else found.type
            hint = near(name, (f.name for f in kind.fields)) or f"it has {listing(kind)}"
            reading.report(offset, len(name), "ORCH202", f"{shown} has no field '{name}'", hint)
        case ListOf(item) if name.isdigit():
            parts = getattr(kind, "items", ())
            return parts[int(name)] if int(name) < len(parts) else item
        case _:
            if base(kind) and not (has_default and base(kind) == "a map"):
                reading.report(
                    offset, len(name), "ORCH303", f"{shown} is {base(kind)} and has no field '{name}'", ""
                )
    return UNKNOWN
