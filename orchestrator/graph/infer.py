"""Types of expressions, worked out on their tree, with everything in them that cannot be right.

`Unknown` stands wherever the type cannot be known, and nothing is ever said about it: no false error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from jinja2 import nodes

from orchestrator.graph.calls import filter_type, function_type, test_type
from orchestrator.graph.kinds import (
    BOOL,
    NUMBER,
    TEXT,
    UNKNOWN,
    base,
    join,
    literal,
    nullable,
    present,
    row,
    view,
    widen,
)
from orchestrator.graph.names import Binding
from orchestrator.graph.narrow import NOTHING, Chain, Known, chain_of, narrow
from orchestrator.graph.operators import arithmetic, compare
from orchestrator.graph.say import listing
from orchestrator.graph.walk import Walk, field_names, handle, links_of, name_of
from orchestrator.render import place
from orchestrator.render.show import show
from orchestrator.spec.types import Enum, Field, ListOf, MapOf, Nullable, Str, Type, Unknown

Report = Callable[[int, int, str, str, str], None]
"""Says that something is wrong: offset, width, code, message, hint."""


@dataclass(slots=True)
class Reading:
    """One text while it is read. `find` gives the meaning of a name; `report` takes what is wrong.

    `passes`: reading a step that is null makes this step null, so it is no mistake; `nulls` collects those names.
    `handled` are names that the step's `when` takes care of. `known` are the dotted names that have a value here.
    """

    text: str
    find: Callable[[str], Binding | None]
    facts: Callable[[str], Type | None]
    unknown: Callable[[Reading, nodes.Name], None]
    report: Report
    passes: bool = False
    handled: frozenset[str] = frozenset()
    known: Known = NOTHING
    nulls: list[Chain] = field(default_factory=list)
    local: dict[str, Type] = field(default_factory=dict)
    inputs: set[str] = field(default_factory=set)

    # ------------------------------------------------------------------------------------------- reporting

    def say(self, node: nodes.Node, code: str, message: str, hint: str = "") -> None:
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            node = node.arg
        offset, width = place(node, self.text)
        self.report(offset, width, code, message, hint)

    @contextmanager
    def knowing(self, known: Known) -> Iterator[None]:
        before = self.known
        self.known = before | known
        yield
        self.known = before

    # ----------------------------------------------------------------------------------------- expressions

    def expr(self, node: nodes.Node, *, safe: bool = False, quiet: bool = False) -> Type:
        """The type of an expression. `safe`: null links are no error; `quiet`: the result may well be null."""
        match node:
            case nodes.Name() | nodes.Getattr():
                return self._path(node, safe, quiet or safe)
            case nodes.Getitem():
                return self._path(node, safe, quiet or safe) if chain_of(node) else self._item(node, safe)
            case nodes.Const():
                return literal(node.value)
            case nodes.TemplateData():
                return TEXT
            case nodes.Filter():
                return filter_type(self, node, safe)
            case nodes.Call():
                return function_type(self, node, safe)
            case nodes.Test():
                return test_type(self, node)
            case nodes.CondExpr():
                return self._condition(node, safe, quiet)
            case nodes.And() | nodes.Or():
                return self._logic(node, safe, quiet)
            case nodes.Not():
                self.expr(node.node, quiet=True)
                return BOOL
            case nodes.Compare():
                return compare(self, node)
            case nodes.Concat():
                for part in node.nodes:
                    self.printed(part)
                return TEXT
            case nodes.BinExpr():
                return arithmetic(self, node)
            case nodes.Neg() | nodes.Pos():
                return self._sign(node)
            case nodes.List() | nodes.Tuple():
                return row(self.expr(part) for part in node.items)
            case nodes.Dict():
                return self._dict(node)
            case _:
                return UNKNOWN

    def solid(self, node: nodes.Node, use: str, *, safe: bool = False) -> Type:
        """The type of an expression that must not be null, because of what is done with it."""
        kind = self.expr(node, safe=safe)
        if isinstance(kind, Nullable) and not safe:
            self.say(node, "ORCH401", f"{show(node)} can be null here, {use}", handle(show(node)))
        return present(kind)

    def printed(self, node: nodes.Node) -> None:
        """An expression whose value is put into text."""
        if isinstance(self.expr(node), Nullable):
            self.say(
                node, "ORCH403", f"{show(node)} can be null, and null cannot be printed into text",
                f"say what to print instead: {show(node)} | default('…'), or put {{% if %}} around it",
            )  # fmt: skip

    def _condition(self, node: nodes.CondExpr, safe: bool, quiet: bool) -> Type:
        self.expr(node.test, quiet=True)
        true, false = narrow(node.test)
        with self.knowing(true):
            then = self.expr(node.expr1, safe=safe, quiet=quiet)
        if node.expr2 is None:
            return nullable(then)
        with self.knowing(false):
            return join(then, self.expr(node.expr2, safe=safe, quiet=quiet))

    def _logic(self, node: nodes.And | nodes.Or, safe: bool, quiet: bool) -> Type:
        left = self.expr(node.left, safe=safe, quiet=True)
        true, false = narrow(node.left)
        either = isinstance(node, nodes.Or)
        with self.knowing(false if either else true):
            right = self.expr(node.right, safe=safe, quiet=quiet)
        return join(widen(present(left) if either else left), widen(right))

    def _sign(self, node: nodes.Neg | nodes.Pos) -> Type:
        kind = self.solid(node.node, "and a sign needs a number")
        word = base(kind)
        if word not in ("", "a number", "true or false"):
            self.say(node.node, "ORCH305", f"{show(node.node)} is {word}, and a sign needs a number")
        return widen(kind) if word == "a number" else NUMBER

    def _dict(self, node: nodes.Dict) -> Type:
        fields: dict[str, Type] = {}
        closed = True
        for pair in node.items:
            kind = self.expr(pair.value)
            if isinstance(pair.key, nodes.Const) and isinstance(pair.key.value, str):
                fields[pair.key.value] = kind
            else:
                self.expr(pair.key)
                closed = False
        return MapOf(tuple(Field(name, kind) for name, kind in fields.items())) if closed else UNKNOWN

    # -------------------------------------------------------------------------------------- fields and items

    def _path(self, node: nodes.Name | nodes.Getattr | nodes.Getitem, safe: bool, quiet: bool) -> Type:
        """`a.b.c`, or a field of something else."""
        links, root = links_of(node)
        if not isinstance(root, nodes.Name):
            inner = self.expr(root, safe=safe)
            walk = Walk(self, (), None, inner, False, "local")
            return walk.along(links, show(root), safe=safe, quiet=quiet)
        start = self._start(root, links)
        if start is None:
            return UNKNOWN
        walk, rest = start
        return walk.along(rest, ".".join(walk.chain), safe=safe, quiet=quiet)

    def _start(self, root: nodes.Name, links: list[nodes.Expr]) -> tuple[Walk, list[nodes.Expr]] | None:
        name = root.name
        if name in self.local:
            return Walk(self, (name,), None, self.local[name], False, "local"), links
        if name == "steps":
            return self._facts(root, links)
        found = self.find(name)
        if found is None:
            self.unknown(self, root)
            return None
        if found.sort == "inputs":
            named = [name_of(links[0])] if links else field_names(found.type)
            self.inputs.update(named)
        stepwise = found.sort in ("step", "loop")
        return Walk(self, (name,), found.inside, found.type, stepwise, found.sort), links

    def _facts(self, root: nodes.Name, links: list[nodes.Expr]) -> tuple[Walk, list[nodes.Expr]] | None:
        name = name_of(links[0]) if links else ""
        if not name:
            if links:
                self.expr(links[0].arg) if isinstance(links[0], nodes.Getitem) else None
            else:
                self.say(
                    root,
                    "ORCH203",
                    "steps alone means nothing",
                    "write steps.<name>.<fact>, like steps.draft.tokens",
                )
            return None
        kind = self.facts(name)
        if kind is None:
            self.unknown(self, nodes.Name(name, "load", lineno=place(links[0], self.text)[0]))
            return None
        return Walk(self, ("steps", name), None, kind, True, "steps"), links[1:]

    def _item(self, node: nodes.Getitem, safe: bool) -> Type:
        """`x[0]`, `x[key]`, `x[1:3]` of anything."""
        holder = (
            present(self.expr(node.node, safe=True)) if safe else self.solid(node.node, "so it has no items")
        )
        holder = view(holder)
        if isinstance(node.arg, nodes.Slice):
            for bound in (node.arg.start, node.arg.stop, node.arg.step):
                if bound is not None:
                    self.expr(bound)
            return self._sliced(node, holder)
        key = self.expr(node.arg)
        match holder:
            case ListOf():
                return self._element(node, holder, key)
            case MapOf():
                return self._entry(node, holder, key)
            case Str() | Enum():
                return TEXT
            case Unknown():
                return UNKNOWN
            case _:
                self.say(
                    node.node, "ORCH304", f"{show(node.node)} is {base(holder) or 'no list'} and has no items"
                )
                return UNKNOWN

    def _sliced(self, node: nodes.Getitem, holder: Type) -> Type:
        match holder:
            case ListOf(item):
                return ListOf(item, 0, None)
            case Str() | Enum():
                return TEXT
            case Unknown():
                return UNKNOWN
            case _:
                self.say(
                    node.node,
                    "ORCH304",
                    f"{show(node.node)} is {base(holder) or 'no list'} and cannot be sliced",
                )
                return UNKNOWN

    def _element(self, node: nodes.Getitem, holder: ListOf, key: Type) -> Type:
        if base(key) == "text":
            name = show(node.node)
            self.say(
                node.node,
                "ORCH304",
                f"{name} is a list: its items have numbers",
                f"{name}[0], or {name} | map(attribute='…')",
            )
            return UNKNOWN
        items = getattr(holder, "items", None)
        match node.arg:
            case nodes.Const(value=int(number)) if items:
                if -len(items) <= number < len(items):
                    kind: Type = items[number]
                    return kind
                self.say(
                    node.arg,
                    "ORCH304",
                    f"{show(node.node)} has {len(items)} items, there is no item {number}",
                )
                return UNKNOWN
            case _:
                return holder.item

    def _entry(self, node: nodes.Getitem, holder: MapOf, key: Type) -> Type:
        if base(key) == "a number":
            self.say(
                node.node,
                "ORCH304",
                f"{show(node.node)} is a map: its fields have names",
                f"it has {listing(holder)}",
            )
            return UNKNOWN
        kinds = {f.type for f in holder.fields}
        return kinds.pop() if len(kinds) == 1 else UNKNOWN
