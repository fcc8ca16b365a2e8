"""Types of a Python function's arguments and result, read from its annotations in the syntax tree. Executes nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from orchestrator.graph.kinds import BOOL, INT, NULL, NUMBER, TEXT, UNKNOWN, list_of, nullable
from orchestrator.spec.types import Date, Enum, Field, MapOf, Nullable, Type

Function = ast.FunctionDef | ast.AsyncFunctionDef
Classes = Mapping[str, ast.ClassDef]

DEEPEST = 8
_PLAIN: Mapping[str, Type] = {
    "str": TEXT,
    "int": INT,
    "float": NUMBER,
    "bool": BOOL,
    "dict": UNKNOWN,
    "Any": UNKNOWN,
    "object": UNKNOWN,
    "list": list_of(UNKNOWN),
}
"""What stands for the same in Python and in JSON."""
_OTHER: Mapping[str, Type] = {
    "date": Date(),
    "datetime": TEXT,
    "tuple": list_of(UNKNOWN),
    "set": list_of(UNKNOWN),
}
_LISTS = frozenset({"list", "List", "Sequence", "Iterable", "Iterator", "tuple", "Tuple", "set", "frozenset"})
_TRANSPARENT = frozenset(
    {"Annotated", "Final", "Required", "NotRequired", "ReadOnly", "Awaitable", "Coroutine"}
)

_PLAIN_INSIDE = frozenset(
    {"list", "List", "dict", "Dict", "Optional", "Union", "Sequence", "Mapping", "Required", "NotRequired"}
)


@dataclass(frozen=True, slots=True)
class Called:
    """How a function is called. `first` are arguments without a name to the caller, `made` those that Python has to
    make of plain data (a dataclass, a date)."""

    arguments: MapOf
    result: Type
    description: str = ""
    first: tuple[str, ...] = ()
    made: frozenset[str] = frozenset()


def functions_in(tree: ast.Module) -> dict[str, Function]:
    return {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}


def called(tree: ast.Module, function: Function) -> Called:
    """How a function of a file is called."""
    classes = {one.name: one for one in tree.body if isinstance(one, ast.ClassDef)}
    args = function.args
    optional = _optional(args)
    fields = tuple(
        Field(arg.arg, type_of(arg.annotation, classes, given=True), arg.arg in optional)
        for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs)
    )
    made = {
        arg.arg
        for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs)
        if not _is_plain(arg.annotation, classes)
    }
    says = ast.get_docstring(function) or ""
    return Called(
        MapOf(fields),
        type_of(function.returns, classes),
        " ".join(says.split("\n\n")[0].split()),
        tuple(arg.arg for arg in args.posonlyargs),
        frozenset(made),
    )


def _optional(args: ast.arguments) -> set[str]:
    positional = [*args.posonlyargs, *args.args]
    found = {arg.arg for arg in positional[len(positional) - len(args.defaults) :]}
    pairs = zip(args.kwonlyargs, args.kw_defaults, strict=True)
    return found | {arg.arg for arg, default in pairs if default is not None}


def type_of(node: ast.expr | None, classes: Classes, *, given: bool = False, depth: int = 0) -> Type:
    """What an annotation says; Unknown where that is nothing that the language has.

    `given` is for what is handed over: a field with a default may be left out there, but is there in what comes back.
    """

    def inner(part: ast.expr) -> Type:
        return type_of(part, classes, given=given, depth=depth + 1)

    node = _unquoted(node)
    match node:
        case _ if depth > DEEPEST:
            return UNKNOWN
        case ast.Constant(value=None):
            return NULL
        case ast.Name() | ast.Attribute():
            name = _name(node)
            if name in classes:
                return _class(classes[name], classes, given, depth)
            return _PLAIN.get(name) or _OTHER.get(name) or UNKNOWN
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([left, right], [inner(left), inner(right)])
        case ast.Subscript(value=value, slice=index):
            parts = list(index.elts) if isinstance(index, ast.Tuple) else [index]
            return _generic(_name(value), parts, [inner(part) for part in parts])
        case _:
            return UNKNOWN


def _generic(name: str, parts: list[ast.expr], kinds: list[Type]) -> Type:
    if name == "Optional":
        return nullable(kinds[0])
    if name == "Union":
        return _union(parts, kinds)
    if name == "Literal":
        values = [part.value if isinstance(part, ast.Constant) else None for part in parts]
        texts = tuple(value for value in values if isinstance(value, str))
        return Enum(texts) if len(texts) == len(values) else UNKNOWN
    if name in _TRANSPARENT:
        return kinds[-1] if name in ("Awaitable", "Coroutine") else kinds[0]
    if name in _LISTS:
        several = name in ("tuple", "Tuple") and not (len(parts) == 2 and _is_rest(parts[1]))
        return list_of(UNKNOWN if several else kinds[0])
    return UNKNOWN


def _union(parts: list[ast.expr], kinds: list[Type]) -> Type:
    """`X | None`; other unions are no type of the language."""
    known = [kind for part, kind in zip(parts, kinds, strict=True) if not _is_none(part)]
    present = [kind.type if isinstance(kind, Nullable) else kind for kind in known]
    null = len(known) < len(kinds) or any(isinstance(kind, Nullable) for kind in known)
    kind = present[0] if present and all(one == present[0] for one in present) else UNKNOWN
    return nullable(kind) if null else kind


def _class(found: ast.ClassDef, classes: Classes, given: bool, depth: int) -> Type:
    """A dataclass, TypedDict or pydantic model of the same file as a map; an Enum of texts as its values."""
    bases = [_name(base) for base in found.bases]
    if {"Enum", "StrEnum"} & set(bases):
        values = [one.value for one in found.body if isinstance(one, ast.Assign)]
        texts = tuple(v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str))
        return Enum(texts) if texts and len(texts) == len(values) else UNKNOWN
    fields = dict(_fields(found, classes, given, depth))
    decorated = any(_name(one) == "dataclass" for one in found.decorator_list)
    known = {"TypedDict", "BaseModel"} & set(bases) or (decorated and not bases)
    return MapOf(tuple(fields.values())) if fields and known and len(bases) < 2 else UNKNOWN


def _fields(found: ast.ClassDef, classes: Classes, given: bool, depth: int) -> Iterator[tuple[str, Field]]:
    typed = any(_name(base) == "TypedDict" for base in found.bases)
    partial = typed and any(
        key.arg == "total" and isinstance(key.value, ast.Constant) and key.value.value is False
        for key in found.keywords
    )
    for one in found.body:
        if not isinstance(one, ast.AnnAssign) or not isinstance(one.target, ast.Name):
            continue
        head = _name(one.annotation.value) if isinstance(one.annotation, ast.Subscript) else ""
        if head == "ClassVar":
            continue
        optional = partial or head == "NotRequired" or (given and one.value is not None)
        kind = type_of(one.annotation, classes, given=given, depth=depth + 1)
        yield one.target.id, Field(one.target.id, kind, optional)


def _is_plain(node: ast.expr | None, classes: Classes, depth: int = 0) -> bool:
    """Whether plain data already is what an annotation asks for."""

    def all_plain(parts: Iterable[ast.expr]) -> bool:
        return depth < DEEPEST and all(_is_plain(part, classes, depth + 1) for part in parts)

    node = _unquoted(node)
    match node:
        case None | ast.Constant(value=None):
            return True
        case ast.Name() | ast.Attribute():
            found = classes.get(_name(node))
            if found is None:
                return _name(node) in _PLAIN
            typed = any(_name(base) == "TypedDict" for base in found.bases)
            return typed and all_plain(one.annotation for one in found.body if isinstance(one, ast.AnnAssign))
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return all_plain((left, right))
        case ast.Subscript(value=value, slice=index):
            name = _name(value)
            parts = list(index.elts) if isinstance(index, ast.Tuple) else [index]
            return name == "Literal" or (name in _PLAIN_INSIDE and all_plain(parts))
        case _:
            return False


def _unquoted(node: ast.expr | None) -> ast.expr | None:
    """An annotation in quotes as what stands between them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return ast.parse(node.value, mode="eval").body
        except (SyntaxError, ValueError):
            return None
    return node


def _name(node: ast.expr) -> str:
    """The last part of a dotted name; of a call, that of what is called."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=func):
            return _name(func)
        case _:
            return ""


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_rest(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis
