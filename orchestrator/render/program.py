"""A compiled text: what the engine evaluates. Constants and dotted names, which are most texts, run directly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Literal

from jinja2 import nodes

from orchestrator.errors import StepError
from orchestrator.light import light
from orchestrator.render.access import Frame, fault, get_field, to_text
from orchestrator.render.compile import Eval, literal, lookup
from orchestrator.render.functions import FUNCTIONS
from orchestrator.render.statements import Page, TemplateCompiler, joined
from orchestrator.render.syntax import TemplateSyntax, parse, sole

Run = Callable[[Mapping[str, Any]], Any]
_CACHE = 4096


@light(frozen=True, slots=True)
class Program:
    """A text, compiled once. `names` are the names it reads from its context."""

    source: str
    kind: Literal["template", "expression", "value"]
    names: frozenset[str]
    run: Run

    def evaluate(self, context: Mapping[str, Any]) -> Any:
        """The value in this context (plain data). Raises StepError, and nothing else."""
        return self.run(context)


@lru_cache(maxsize=_CACHE)
def compile_expression(text: str) -> Program:
    """A bare expression; `{{ }}` around it is accepted. Raises TemplateSyntax."""
    expression = sole(parse(text, "expression"))
    if expression is None:
        raise TemplateSyntax("this must be one expression")
    return _expression(text, "expression", expression)


@lru_cache(maxsize=_CACHE)
def compile_template(text: str) -> Program:
    """A text with `{{ }}` and `{% %}`; one that is only one `{{ }}` keeps its type. Raises TemplateSyntax."""
    tree = parse(text, "template")
    expression = sole(tree)
    if expression is not None:
        return _expression(text, "template", expression)
    parts = [part for node in tree.body if isinstance(node, nodes.Output) for part in node.nodes]
    plain = all(isinstance(node, nodes.Output) for node in tree.body)
    if plain and all(isinstance(part, nodes.TemplateData) or _chain(part) for part in parts):
        return _joined(text, parts)
    compiler = TemplateCompiler()
    write = compiler.body(tree.body)

    def run(frame: Frame) -> str:
        page = Page()
        write(frame, page)
        return page.text()

    return Program(text, "template", frozenset(compiler.free), _guarded(run, text))


def compile_value(raw: Any) -> Program:
    """Maps and lists of templates and literals, as deep as the file writes them. Raises TemplateSyntax with `at`."""
    if isinstance(raw, str):
        found = compile_template(raw)
        return Program(found.source, "value", found.names, found.run)
    names: set[str] = set()
    run = _value(raw, (), names)
    return Program(repr(raw), "value", frozenset(names), run)


def _value(raw: Any, at: tuple[str | int, ...], names: set[str]) -> Run:
    match raw:
        case str():
            try:
                program = compile_template(raw)
            except TemplateSyntax as error:
                error.at = at
                raise
            names |= program.names
            return program.run
        case Mapping():
            fields = [(str(key), _value(value, (*at, key), names)) for key, value in raw.items()]
            return lambda context: {key: run(context) for key, run in fields}
        case list() | tuple():
            items = [_value(value, (*at, index), names) for index, value in enumerate(raw)]
            return lambda context: [run(context) for run in items]
        case _:
            return lambda _: raw


# -------------------------------------------------------------------------------------------- the short ways


def _expression(text: str, kind: Literal["template", "expression"], node: nodes.Expr) -> Program:
    if isinstance(node, nodes.Const):
        constant = literal(node)
        return Program(text, kind, frozenset(), lambda _: constant)
    chain = _chain(node)
    if chain:
        return Program(text, kind, frozenset(chain[:1]), _dotted(chain))
    compiler = TemplateCompiler()
    run = compiler.expression(node)
    return Program(text, kind, frozenset(compiler.free), _guarded(run, text))


def _chain(node: nodes.Node) -> tuple[str, ...]:
    """('a', 'b') of `a.b`; empty for anything else."""
    fields: list[str] = []
    while isinstance(node, nodes.Getattr):
        fields.append(node.attr)
        node = node.node
    if not isinstance(node, nodes.Name) or node.name in FUNCTIONS:
        return ()
    return (node.name, *reversed(fields))


def _dotted(chain: tuple[str, ...]) -> Run:
    root, *fields = chain

    def run(context: Mapping[str, Any]) -> Any:
        try:
            value = context[root]
            for name in fields:
                if type(value) is not dict:
                    break
                value = value[name]
            else:
                return value
        except KeyError:
            pass
        return _walk(context, root, fields)

    return run


def _walk(context: Mapping[str, Any], root: str, fields: list[str]) -> Any:
    """The same chain with everything that can go wrong told apart."""
    value, shown = lookup(context, root, False), root
    for name in fields:
        value = get_field(value, name, shown, safe=False)
        shown = f"{shown}.{name}"
    return value


def _joined(text: str, parts: list[nodes.Expr]) -> Program:
    """Text of constants and dotted names."""
    pieces: list[tuple[Run | None, str]] = []
    names: set[str] = set()
    for part in parts:
        if isinstance(part, nodes.TemplateData):
            pieces.append((None, part.data))
        else:
            chain = _chain(part)
            names.add(chain[0])
            pieces.append((_dotted(chain), ".".join(chain)))
    if not names:
        constant = "".join(piece for _, piece in pieces)
        return Program(text, "template", frozenset(), lambda _: constant)

    def run(context: Mapping[str, Any]) -> str:
        written: list[str] = []
        for read, piece in pieces:
            if read is None:
                written.append(piece)
            else:
                value = read(context)
                written.append(value if type(value) is str else to_text(value, piece))
        return joined(written)

    return Program(text, "template", frozenset(names), run)


def _guarded(run: Eval, text: str) -> Run:
    """Run with a fresh frame; what data can still break (depth, memory, odd numbers) becomes a StepError."""

    def guarded(context: Mapping[str, Any]) -> Any:
        try:
            return run(Frame(context))
        except StepError:
            raise
        except (RecursionError, MemoryError):
            raise fault(_short(text), "the data is nested too deeply or too large") from None
        except (TypeError, ValueError, ArithmeticError, LookupError) as error:
            raise fault(_short(text), f"cannot be computed: {error}") from None

    return guarded


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:79] + "…"
