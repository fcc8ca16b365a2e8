"""An expression tree as the text a person would have written, for messages."""

from __future__ import annotations

from jinja2 import nodes

LIMIT = 80
_SIGNS = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "lteq": "<=",
    "gt": ">",
    "gteq": ">=",
    "in": "in",
    "notin": "not in",
}


def show(node: nodes.Node) -> str:
    """The expression, shortened to about 80 characters."""
    text = _text(node)
    return text if len(text) <= LIMIT else text[: LIMIT - 1] + "…"


def _text(node: nodes.Node | None) -> str:
    match node:
        case nodes.Name():
            return node.name
        case nodes.Const():
            return _literal(node.value)
        case nodes.TemplateData():
            return repr(node.data)
        case nodes.Getattr():
            return f"{_text(node.node)}.{node.attr}"
        case nodes.Getitem():
            return f"{_text(node.node)}[{_text(node.arg)}]"
        case nodes.Slice():
            return f"{_text(node.start)}:{_text(node.stop)}"
        case nodes.Filter():
            return f"{_text(node.node)} | {node.name}{_arguments(node) if node.args or node.kwargs else ''}"
        case nodes.Test():
            return f"{_text(node.node)} is {node.name}{_arguments(node) if node.args else ''}"
        case nodes.Call():
            return f"{_text(node.node)}{_arguments(node)}"
        case nodes.Compare():
            return _text(node.expr) + "".join(f" {_SIGNS[o.op]} {_text(o.expr)}" for o in node.ops)
        case nodes.Concat():
            return " ~ ".join(_text(part) for part in node.nodes)
        case nodes.BinExpr():
            return f"{_text(node.left)} {node.operator} {_text(node.right)}"
        case nodes.UnaryExpr():
            return f"{node.operator} {_text(node.node)}"
        case nodes.CondExpr():
            other = f" else {_text(node.expr2)}" if node.expr2 is not None else ""
            return f"{_text(node.expr1)} if {_text(node.test)}{other}"
        case nodes.List() | nodes.Tuple():
            return f"[{', '.join(_text(item) for item in node.items)}]"
        case nodes.Dict():
            return "{" + ", ".join(f"{_text(pair.key)}: {_text(pair.value)}" for pair in node.items) + "}"
        case None:
            return ""
        case _:
            return "…"


def _arguments(node: nodes.Filter | nodes.Test | nodes.Call) -> str:
    named = [f"{pair.key}={_text(pair.value)}" for pair in node.kwargs]
    return f"({', '.join([*(_text(arg) for arg in node.args), *named])})"


def _literal(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _:
            return repr(value)
