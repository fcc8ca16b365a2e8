"""What a condition says about null: which dotted names have a value once it is true, and once it is false."""

from __future__ import annotations

from typing import TypeAlias

from jinja2 import nodes

Chain: TypeAlias = tuple[str, ...]
Known: TypeAlias = frozenset[Chain]

NOTHING: Known = frozenset()
_SAYS_VALUE = frozenset(
    {
        "defined",
        "string",
        "number",
        "integer",
        "float",
        "mapping",
        "sequence",
        "iterable",
        "boolean",
        "true",
        "false",
    }
)
_SAYS_NULL = frozenset({"undefined", "none", "null"})


def chain_of(node: nodes.Node) -> Chain:
    """('a', 'b') of `a.b` or `a['b']`; empty for what is no dotted name."""
    fields: list[str] = []
    while True:
        match node:
            case nodes.Getattr():
                fields.append(node.attr)
            case nodes.Getitem(arg=nodes.Const(value=str(name))):
                fields.append(name)
            case nodes.Name():
                return (node.name, *reversed(fields))
            case _:
                return ()
        node = node.node


def narrow(test: nodes.Node) -> tuple[Known, Known]:
    """Names that are not null where the condition holds, and where it does not."""
    match test:
        case nodes.Name() | nodes.Getattr() | nodes.Getitem():
            return _prefixes(test), _read(test)
        case nodes.Not():
            true, false = narrow(test.node)
            return false, true
        case nodes.And():
            (a, not_a), (b, not_b) = narrow(test.left), narrow(test.right)
            return a | b, not_a & (a | not_b)
        case nodes.Or():
            (a, not_a), (b, not_b) = narrow(test.left), narrow(test.right)
            return a & (not_a | b), not_a | not_b
        case nodes.Test():
            return _of_test(test)
        case nodes.Compare():
            return _of_comparison(test)
        case nodes.Filter():
            return _of_filter(test)
        case _:
            both = _read(test)
            return both, both


def _of_test(node: nodes.Test) -> tuple[Known, Known]:
    here, read = _prefixes(node.node), _read(node.node)
    if node.name in _SAYS_VALUE:
        return here, NOTHING if node.name == "defined" else read
    if node.name in _SAYS_NULL:
        return NOTHING, here
    return here | read, here | read


def _of_comparison(node: nodes.Compare) -> tuple[Known, Known]:
    both = _read(node.expr)
    for operand in node.ops:
        both |= _read(operand.expr)
    if len(node.ops) != 1:
        return both, both
    sign, left, right = node.ops[0].op, node.expr, node.ops[0].expr
    if sign in ("lt", "lteq", "gt", "gteq"):
        return both | _prefixes(left) | _prefixes(right), both | _prefixes(left) | _prefixes(right)
    if sign == "in":
        return both | _prefixes(left) | _prefixes(right), both
    if sign not in ("eq", "ne"):
        return both, both
    true, false = both, both
    for one, other in ((left, right), (right, left)):
        if isinstance(other, nodes.Const) and other.value is None:
            false = false | _prefixes(one)
        else:
            true = true | _prefixes(one) if not chain_of(other) else true
    return (true, false) if sign == "eq" else (false, true)


def _of_filter(node: nodes.Filter) -> tuple[Known, Known]:
    inner: nodes.Node | None = node
    while isinstance(inner, nodes.Filter):
        if inner.name in ("default", "d"):
            return NOTHING, NOTHING
        inner = inner.node
    both = NOTHING if inner is None else _prefixes(inner) | _read(inner)
    return both, both


def _prefixes(node: nodes.Node) -> Known:
    """The name and everything before it: with `a.b` there is an `a`."""
    chain = chain_of(node)
    return frozenset(chain[:size] for size in range(1, len(chain) + 1))


def _read(node: nodes.Node) -> Known:
    """What must have a value for the expression to have been computed at all."""
    chain = chain_of(node)
    if chain:
        return frozenset(chain[:size] for size in range(1, len(chain)))
    if isinstance(node, nodes.Filter) and node.node is not None:
        return _of_filter(node)[0]
    return NOTHING
