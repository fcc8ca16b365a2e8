"""Templates with statements: text, `{{ }}`, if, for, set, with and filter blocks become closures that write parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from jinja2 import nodes

from orchestrator.errors import StepError
from orchestrator.render.access import TEXT_CAP, Frame, fault, kind_of, to_text
from orchestrator.render.compile import Compiler, Eval, refused
from orchestrator.render.show import show

Write: TypeAlias = Callable[["Frame", "Page"], None]

_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Macro: "macros are not part of the language; a prompt is one text",
    nodes.Include: "include is not part of the language; put the text into an agent's prompt",
    nodes.Import: "import is not part of the language",
    nodes.FromImport: "import is not part of the language",
    nodes.Extends: "extends is not part of the language",
    nodes.Block: "block is not part of the language",
    nodes.CallBlock: "call is not part of the language",
    nodes.Scope: "autoescape is not part of the language",
}


class Page:
    """The text written so far; refuses to grow beyond the cap."""

    __slots__ = ("parts", "size")

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.size = 0

    def add(self, text: str) -> None:
        self.size += len(text)
        if self.size > TEXT_CAP:
            raise _too_long()
        self.parts.append(text)

    def text(self) -> str:
        return "".join(self.parts)


def joined(parts: Sequence[str]) -> str:
    """One text of all parts. Raises StepError where it would grow beyond the cap."""
    text = "".join(parts)
    if len(text) > TEXT_CAP:
        raise _too_long()
    return text


def _too_long() -> StepError:
    return fault("{{ … }}", f"the text grows beyond {TEXT_CAP:,} characters")


class TemplateCompiler(Compiler):
    """Compiles a whole template. Names that the template sets itself are local from there on."""

    def body(self, body: Sequence[nodes.Node]) -> Write:
        steps = [self.statement(node) for node in body]

        def write(frame: Frame, page: Page) -> None:
            for step in steps:
                step(frame, page)

        return write

    def statement(self, node: nodes.Node) -> Write:
        match node:
            case nodes.Output():
                return self._output(node)
            case nodes.If():
                return self._if(node)
            case nodes.For():
                return self._for(node)
            case nodes.Assign():
                return self._set(node)
            case nodes.AssignBlock():
                return self._set_block(node)
            case nodes.With():
                return self._with(node)
            case nodes.FilterBlock():
                return self._filter_block(node)
            case _:
                raise refused(
                    node,
                    _REFUSED.get(type(node), f"{type(node).__name__.lower()} is not part of the language"),
                )

    def _output(self, node: nodes.Output) -> Write:
        parts: list[tuple[Eval | None, str]] = [
            (None, part.data) if isinstance(part, nodes.TemplateData) else (self.expression(part), show(part))
            for part in node.nodes
        ]

        def write(frame: Frame, page: Page) -> None:
            for run, text in parts:
                page.add(text if run is None else to_text(run(frame), text))

        return write

    def _if(self, node: nodes.If) -> Write:
        branches = [(self.expression(node.test), self.body(node.body))]
        branches += [(self.expression(other.test), self.body(other.body)) for other in node.elif_]
        otherwise = self.body(node.else_)

        def write(frame: Frame, page: Page) -> None:
            for test, body in branches:
                if test(frame):
                    return body(frame, page)
            return otherwise(frame, page)

        return write

    def _for(self, node: nodes.For) -> Write:
        if node.recursive:
            raise refused(node, "recursive loops are not part of the language")
        source, shown = self.expression(node.iter), show(node.iter)
        outer, targets = set(self.local), _targets(node.target)
        self.local |= {*targets, "loop"}
        test = self.expression(node.test) if node.test is not None else None
        body = self.body(node.body)
        self.local = outer
        otherwise = self.body(node.else_)
        several = not isinstance(node.target, nodes.Name)

        def write(frame: Frame, page: Page) -> None:
            items = _listed(source(frame), shown)
            names = frame.names
            rows = [_bound(targets, item, several, shown) for item in items]
            if test is not None:
                rows = [row for row in rows if _passes(frame, test, names | row)]
            for index, row in enumerate(rows):
                frame.burn(1)
                frame.names = names | row | {"loop": _loop(index, len(rows))}
                body(frame, page)
            frame.names = names
            if not rows:
                otherwise(frame, page)

        return write

    def _set(self, node: nodes.Assign) -> Write:
        value, targets, shown = self.expression(node.node), _targets(node.target), show(node.node)
        several = not isinstance(node.target, nodes.Name)
        self.local |= set(targets)

        def write(frame: Frame, _: Page) -> None:
            frame.names = frame.names | _bound(targets, value(frame), several, shown)

        return write

    def _set_block(self, node: nodes.AssignBlock) -> Write:
        if node.filter is not None:
            raise refused(node, "a filter on a set block is not part of the language; use {{ x | filter }}")
        body, targets = self._scoped(node.body), _targets(node.target)
        self.local |= set(targets)

        def write(frame: Frame, page: Page) -> None:
            frame.names = frame.names | {targets[0]: _inner(frame, page, body)}

        return write

    def _with(self, node: nodes.With) -> Write:
        values = [self.expression(value) for value in node.values]
        names = [_targets(target)[0] for target in node.targets]
        outer = set(self.local)
        self.local |= set(names)
        body = self.body(node.body)
        self.local = outer

        def write(frame: Frame, page: Page) -> None:
            before = frame.names
            frame.names = before | {name: value(frame) for name, value in zip(names, values, strict=True)}
            body(frame, page)
            frame.names = before

        return write

    def _filter_block(self, node: nodes.FilterBlock) -> Write:
        body = self._scoped(node.body)
        innermost = node.filter
        while isinstance(innermost.node, nodes.Filter):
            innermost = innermost.node
        filled = _chain(node.filter, nodes.Name("filter block", "load", lineno=node.lineno))
        self.local.add("filter block")
        run = self.expression(filled)

        def write(frame: Frame, page: Page) -> None:
            before = frame.names
            frame.names = before | {"filter block": _inner(frame, page, body)}
            page.add(to_text(run(frame), "{% filter %}"))
            frame.names = before

        return write

    def _scoped(self, body: Sequence[nodes.Node]) -> Write:
        outer = set(self.local)
        compiled = self.body(body)
        self.local = outer
        return compiled


def _chain(node: nodes.Filter, subject: nodes.Expr) -> nodes.Filter:
    """The filters of a filter block around their subject, as a new tree (parsed trees are shared)."""
    inner = _chain(node.node, subject) if isinstance(node.node, nodes.Filter) else subject
    return nodes.Filter(
        inner, node.name, node.args, node.kwargs, node.dyn_args, node.dyn_kwargs, lineno=node.lineno
    )


def _inner(frame: Frame, page: Page, body: Write) -> str:
    part, names = Page(), frame.names
    part.size = page.size
    body(frame, part)
    frame.names = names
    return part.text()


def _targets(node: nodes.Node) -> list[str]:
    match node:
        case nodes.Name():
            return [node.name]
        case nodes.Tuple() | nodes.List() if all(isinstance(item, nodes.Name) for item in node.items):
            return [item.name for item in node.items if isinstance(item, nodes.Name)]
        case _:
            raise refused(node, "only a name, or names with commas between them, can be set")


def _bound(targets: list[str], value: Any, several: bool, shown: str) -> dict[str, Any]:
    if not several:
        return {targets[0]: value}
    if not isinstance(value, list | tuple) or len(value) != len(targets):
        size = f" of {len(value)}" if isinstance(value, list | tuple) else ""
        raise fault(
            shown, f"{len(targets)} names ({', '.join(targets)}) cannot be filled from {kind_of(value)}{size}"
        )
    return dict(zip(targets, value, strict=True))


def _listed(value: Any, shown: str) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, dict):
        return list(value)
    raise fault(shown, f"{{% for %}} needs a list, not {kind_of(value)}")


def _passes(frame: Frame, test: Eval, names: dict[str, Any]) -> bool:
    before, frame.names = frame.names, names
    frame.burn(1)
    passed = bool(test(frame))
    frame.names = before
    return passed


def _loop(index: int, length: int) -> dict[str, Any]:
    return {
        "index": index + 1, "index0": index, "revindex": length - index, "revindex0": length - index - 1,
        "first": index == 0, "last": index == length - 1, "length": length,
    }  # fmt: skip
