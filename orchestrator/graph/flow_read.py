"""The labels of one expression or template, worked out on its tree: the join of all it mentions, branches included.

Where a rule has no opinion the join of everything below stands: too high is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from jinja2 import nodes

from orchestrator.graph.tags import (
    PUBLIC,
    Tag,
    Why,
    element,
    higher,
    highest,
    leaf,
    listed,
    mapped,
    merged,
    position,
    raised,
    row,
)
from orchestrator.graph.tags import field as field_of
from orchestrator.graph.texts import Text
from orchestrator.graph.walk import links_of, name_of
from orchestrator.labels import Source
from orchestrator.render import TemplateSyntax, parse, sole

Find = Callable[[str], Tag | None]
_SAME_LIST = frozenset({"list", "present"})
_ENDS = frozenset({"first", "last"})
_EITHER = frozenset({"default", "d"})


def read(text: Text, find: Find, facts: Find) -> Tag:
    """The labels of the value that a text of a step has."""
    return _value(text, text.raw, find, facts)


def _value(text: Text, raw: Any, find: Find, facts: Find) -> Tag:
    match raw:
        case str() if text.kind == "expression" or "{" in raw:
            return read_string(raw, find, facts, expression=text.kind == "expression")
        case Mapping():
            return mapped({str(key): _value(text, part, find, facts) for key, part in raw.items()})
        case list() | tuple():
            return row(_value(text, part, find, facts) for part in raw)
        case _:
            return PUBLIC


def read_string(raw: str, find: Find, facts: Find, *, expression: bool = False) -> Tag:
    """The labels of one template or bare expression; public where it has mistakes, which are reported elsewhere."""
    try:
        tree = parse(raw, "expression" if expression else "template")
    except TemplateSyntax:
        return PUBLIC
    reading = _Reading(find, facts)
    alone = sole(tree)
    if alone is not None:
        return reading.expr(alone)
    return leaf(reading.body(tree.body))


@dataclass(slots=True)
class _Reading:
    """One text while it is read. `local` are the names that the template itself binds."""

    find: Find
    facts: Find
    local: dict[str, Tag] = field(default_factory=dict)

    # ----------------------------------------------------------------------------------------- statements

    def body(self, statements: Sequence[nodes.Node]) -> Why:
        """The label of the text that these statements write."""
        found: Why = None
        for node in statements:
            found = higher(found, self._statement(node))
        return found

    def _statement(self, node: nodes.Node) -> Why:
        match node:
            case nodes.Output():
                return highest(self.total(p) for p in node.nodes if not isinstance(p, nodes.TemplateData))
            case nodes.If():
                branches = (node, *node.elif_)
                parts = [why for b in branches for why in (self.total(b.test), self.body(b.body))]
                return highest((*parts, self.body(node.else_)))
            case nodes.For():
                return self._for(node)
            case nodes.Assign():
                tag = self.expr(node.node)
                self._assign(node.target, tag)
                return tag.total
            case nodes.AssignBlock():
                why = higher(self._all(node.filter), self.body(node.body))
                self._assign(node.target, leaf(why))
                return why
            case nodes.With():
                return self._with(node)
            case nodes.FilterBlock():
                return higher(self._all(node.filter), self.body(node.body))
            case _:
                return self._all(node)

    def _for(self, node: nodes.For) -> Why:
        tag = self.expr(node.iter)
        before = dict(self.local)
        self._bind(node.target, element(tag))
        self.local["loop"] = leaf(tag.total)
        test = self.total(node.test) if node.test is not None else None
        inside = self.body(node.body)
        self.local = before
        return highest((tag.outer, test, inside, self.body(node.else_)))

    def _with(self, node: nodes.With) -> Why:
        before = dict(self.local)
        tags = [self.expr(value) for value in node.values]
        for target, tag in zip(node.targets, tags, strict=True):
            self._bind(target, tag)
        found = highest((*(tag.total for tag in tags), self.body(node.body)))
        self.local = before
        return found

    def _assign(self, target: nodes.Node, tag: Tag) -> None:
        """In a branch that is not taken the name keeps what it meant."""
        for name in _targets(target):
            old = self.named(name)
            self.local[name] = merged(old, leaf(tag.total)) if old is not None else leaf(tag.total)
        if isinstance(target, nodes.Name):
            old = self.named(target.name)
            self.local[target.name] = tag if old is None else merged(old, tag)

    def _bind(self, target: nodes.Node, tag: Tag) -> None:
        if isinstance(target, nodes.Name):
            self.local[target.name] = tag
            return
        for index, name in enumerate(_targets(target)):
            self.local[name] = position(tag, index)

    # ---------------------------------------------------------------------------------------- expressions

    def total(self, node: nodes.Node) -> Why:
        return self.expr(node).total

    def expr(self, node: nodes.Node) -> Tag:
        match node:
            case nodes.Const() | nodes.TemplateData():
                return PUBLIC
            case nodes.Name() | nodes.Getattr():
                return self._chain(node)
            case nodes.Getitem():
                return self._item(node)
            case nodes.Filter():
                return self._filter(node)
            case nodes.Call():
                return self._call(node)
            case nodes.CondExpr():
                then = self.expr(node.expr1)
                other = self.expr(node.expr2) if node.expr2 is not None else PUBLIC
                return raised(merged(then, other), self.total(node.test))
            case nodes.And() | nodes.Or():
                left, right = self.expr(node.left), self.expr(node.right)
                return raised(merged(left, right), left.total)
            case nodes.List() | nodes.Tuple():
                return row(self.expr(item) for item in node.items)
            case nodes.Dict():
                return self._dict(node)
            case _:
                return leaf(self._below(node))

    def _below(self, node: nodes.Node) -> Why:
        return highest(self.total(child) for child in node.iter_child_nodes())

    def _all(self, node: nodes.Node | None) -> Why:
        """Everything named anywhere in it."""
        if node is None:
            return None
        names = [*node.find_all(nodes.Name), *([node] if isinstance(node, nodes.Name) else [])]
        return highest(self.total(name) for name in names)

    def named(self, name: str) -> Tag | None:
        return self.local[name] if name in self.local else self.find(name)

    def _chain(self, node: nodes.Name | nodes.Getattr | nodes.Getitem) -> Tag:
        links, root = links_of(node)
        if not isinstance(root, nodes.Name):
            tag = self.expr(root)
        elif root.name in self.local:
            tag = self.local[root.name]
        elif root.name == "env":
            return _environment(links) if self.find("env") is not None else PUBLIC
        elif root.name == "steps":
            name = name_of(links[0]) if links else ""
            found = self.facts(name) if name else leaf(Source("steps", "secret"))
            tag, links = found or PUBLIC, links[1:]
        else:
            tag = self.find(root.name) or PUBLIC
        for link in links:
            tag = field_of(tag, name_of(link))
        return tag

    def _item(self, node: nodes.Getitem) -> Tag:
        match node.arg:
            case nodes.Const(value=str()):
                return self._chain(node)
            case nodes.Const(value=int(number)) if not isinstance(number, bool):
                return position(self.expr(node.node), number)
            case nodes.Neg(node=nodes.Const(value=int(number))):
                return position(self.expr(node.node), -number)
            case nodes.Slice():
                tag = self.expr(node.node)
                bounds = self._below(node.arg)
                return raised(listed(element(tag), tag.outer), bounds)
            case _:
                tag = self.expr(node.node)
                key = self.total(node.arg)
                if tag.fields is not None:
                    return leaf(higher(tag.total, key))
                return raised(raised(element(tag), tag.shape), key)

    def _dict(self, node: nodes.Dict) -> Tag:
        fields: dict[str, Tag] = {}
        for pair in node.items:
            if not (isinstance(pair.key, nodes.Const) and isinstance(pair.key.value, str)):
                return leaf(highest(w for p in node.items for w in (self.total(p.key), self.total(p.value))))
            fields[pair.key.value] = self.expr(pair.value)
        return mapped(fields)

    # --------------------------------------------------------------------------------- functions, filters

    def _call(self, node: nodes.Call) -> Tag:
        name = node.node.name if isinstance(node.node, nodes.Name) else ""
        tags = [self.expr(arg) for arg in (*node.args, *(pair.value for pair in node.kwargs))]
        match name:
            case "zip":
                return listed(row(element(tag) for tag in tags), highest(tag.outer for tag in tags))
            case "coalesce":
                return reduce(merged, tags, PUBLIC)
        called = None if name else self.total(node.node)
        return leaf(highest((called, *(tag.total for tag in tags))))

    def _filter(self, node: nodes.Filter) -> Tag:
        """A filter joins its arguments; a few keep what is known of the parts of a value."""
        if node.node is None:
            return leaf(self._below(node))
        tag = self.expr(node.node)
        args = [self.expr(arg) for arg in (*node.args, *(pair.value for pair in node.kwargs))]
        joined = highest((tag.total, *(arg.total for arg in args)))
        if node.name in _EITHER:
            return reduce(merged, args, tag)
        if tag.item is None and tag.items is None:
            return leaf(joined)
        if node.name in _SAME_LIST and not args:
            inner = element(tag)
            return raised(listed(inner, higher(tag.shape, inner.floor)), tag.floor)
        if node.name in _ENDS and not args:
            return raised(element(tag), tag.outer)
        attribute = _attribute(node)
        if attribute:
            inner = reduce(field_of, attribute, element(tag))
            return raised(listed(inner, tag.shape), tag.floor)
        return leaf(joined)


def _targets(target: nodes.Node) -> list[str]:
    return [item.name for item in getattr(target, "items", ()) if isinstance(item, nodes.Name)]


def _environment(links: list[nodes.Expr]) -> Tag:
    name = name_of(links[0]) if links else ""
    return leaf(Source(f"env.{name}" if name else "env", "secret"))


def _attribute(node: nodes.Filter) -> list[str]:
    """['a', 'b'] of `map(attribute='a.b')`; empty for anything else."""
    if node.name != "map" or node.args or len(node.kwargs) != 1 or node.kwargs[0].key != "attribute":
        return []
    value = node.kwargs[0].value
    if not isinstance(value, nodes.Const) or not isinstance(value.value, str):
        return []
    names = value.value.split(".")
    return [] if any(name.isdigit() for name in names) else names
