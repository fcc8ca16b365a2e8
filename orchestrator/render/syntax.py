"""Reading templates: Jinja's own lexer and parser, with the character offset of every node.

The trees are Jinja's (`jinja2.nodes`), with one change: **`node.lineno` is a character offset** into the
text, not a line. `place(node, text)` says where the word stands that a person would point at.
Trees are shared between callers and must not be changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.lexer import Lexer
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from orchestrator.errors import UsageError

Kind = Literal["template", "expression"]
DEPTH = 100
"""Levels an expression may nest."""
Problem = Literal["syntax", "filter", "function", "test", "unsupported"]

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_DOTTED = re.compile(rf"{_NAME}(?:\.{_NAME})*")
_HOLE = re.compile(rf"\{{\{{\s*({_NAME}(?:\.{_NAME})*)\s*\}}\}}")
_MARKUP = re.compile(r"\{[{%#]|\r")
_WORDS = frozenset(
    {"true", "false", "none", "null", "True", "False", "None", "not", "and", "or", "if", "else", "is", "in"}
)


class TemplateSyntax(UsageError):
    """A text that is no template. `offset` is the character where it goes wrong; `width` how much to mark.

    `at` is the path inside a nested value (`compile_value`). `problem` says of which sort it is, and `name`
    is the unknown filter, test or function.
    """

    def __init__(
        self,
        message: str,
        offset: int = 0,
        *,
        width: int = 1,
        problem: Problem = "syntax",
        name: str = "",
        hint: str = "",
        at: tuple[str | int, ...] = (),
    ) -> None:
        super().__init__(message, hint=hint)
        self.offset = offset
        self.width = width
        self.problem: Problem = problem
        self.name = name
        self.at = at


class OffsetLexer(Lexer):
    """Jinja's lexer, counting characters where Jinja counts lines."""

    def tokeniter(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> Iterator[tuple[int, str, str]]:
        position = 0
        try:
            for _, token, value in super().tokeniter(source, name, filename, state):
                # Between two tokens Jinja drops only white space, so the next occurrence is the token itself.
                found = max(source.find(value, position), position)
                position = found + len(value)
                yield found, token, value
        except TemplateSyntaxError as error:
            error.lineno = min(position, max(len(source) - 1, 0))
            raise


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's grammar for our language; trees are run by `compile`, which reaches nothing but data."""

    @property
    def lexer(self) -> Lexer:
        return _lexer()


class NullParser(Parser):
    """Jinja's parser, to which `null` is what YAML calls it: Jinja's `none`."""

    def parse_primary(self, with_namespace: bool = False) -> nodes.Expr:
        token = self.stream.current
        if token.type == "name" and token.value == "null":
            next(self.stream)
            return nodes.Const(None, lineno=token.lineno)
        return super().parse_primary(with_namespace)


@lru_cache(maxsize=1)
def sandbox() -> Sandbox:
    return Sandbox(trim_blocks=True, lstrip_blocks=True, autoescape=False, undefined=StrictUndefined)


@lru_cache(maxsize=1)
def _lexer() -> Lexer:
    return OffsetLexer(sandbox())


@lru_cache(maxsize=4096)
def parse(text: str, kind: Kind = "template") -> nodes.Template:
    """The tree of a template, or of a bare expression (`{{ }}` around it is accepted). Raises TemplateSyntax.

    An expression is a Template whose body is one Output with that one node. Offsets count in `text` as given.
    """
    if kind == "expression":
        tree = _parse_expression(text)
    else:
        simple = _simple(text)
        tree = simple if simple is not None else _guarded(text, _parse_template)
    if len(text) > DEPTH and _too_deep(tree):
        raise TemplateSyntax("the expression is nested too deeply")
    return tree


def _too_deep(tree: nodes.Template) -> bool:
    """Whoever walks a tree may recurse: depth is bounded here, once for all."""
    level: list[nodes.Node] = [tree]
    for _ in range(DEPTH):
        level = [child for node in level for child in node.iter_child_nodes()]
        if not level:
            return False
    return True


@lru_cache(maxsize=4096)
def sole(tree: nodes.Template) -> nodes.Expr | None:
    """The expression of a template that is only one `{{ }}` (white space around it aside)."""
    if any(not isinstance(node, nodes.Output) for node in tree.body):
        return None
    parts = [part for node in tree.body if isinstance(node, nodes.Output) for part in node.nodes]
    kept = [p for p in parts if not (isinstance(p, nodes.TemplateData) and not p.data.strip())]
    return kept[0] if len(kept) == 1 and not isinstance(kept[0], nodes.TemplateData) else None


def place(node: nodes.Node, text: str) -> tuple[int, int]:
    """Offset and width of the word that names this node: the field of `a.field`, the name of a filter or name."""
    start = node.lineno
    match node:
        case nodes.Getattr():
            start = _skip(text, start, ". \t\n")
            return start, len(node.attr)
        case nodes.Name() | nodes.Filter() | nodes.Test():
            if isinstance(node, nodes.Test):
                found = text.find(node.name, start)
                start = found if found >= 0 else start
            return start, len(node.name)
        case nodes.Const() if isinstance(node.value, str):
            return start, len(node.value) + 2
        case nodes.Call():
            return place(node.node, text)
        case _:
            return start, 1


def _skip(text: str, start: int, characters: str) -> int:
    while start < len(text) and text[start] in characters:
        start += 1
    return start


# ------------------------------------------------------------------------------------- texts without Jinja


def _simple(text: str) -> nodes.Template | None:
    """Constants and dotted names, which are most texts, without the cost of Jinja's lexer."""
    if "{" not in text and "\r" not in text:
        return _template([_data(text, 0)])
    parts: list[nodes.Expr] = []
    position = 0
    for hole in _HOLE.finditer(text):
        if hole.start() > position:
            parts.append(_data(text[position : hole.start()], position))
        if _is_word(hole[1]):
            return None
        parts.append(_dotted(hole[1], hole.start(1)))
        position = hole.end()
    if position < len(text):
        parts.append(_data(text[position:], position))
    constant = "".join(part.data for part in parts if isinstance(part, nodes.TemplateData))
    if _MARKUP.search(constant) or any(_opens(part) for part in parts):
        return None
    return _template(parts)


def _opens(part: nodes.Expr) -> bool:
    # `{` + `{{ x }}`: Jinja reads the first two braces, so must we.
    return isinstance(part, nodes.TemplateData) and part.data.endswith("{")


def _is_word(dotted: str) -> bool:
    return dotted.split(".", 1)[0] in _WORDS


def _template(parts: list[nodes.Expr]) -> nodes.Template:
    last = parts[-1] if parts else None
    if isinstance(last, nodes.TemplateData) and last.data.endswith("\n"):
        parts = [*parts[:-1], _data(last.data[:-1], last.lineno)]
    kept = [part for part in parts if not (isinstance(part, nodes.TemplateData) and not part.data)]
    return nodes.Template([nodes.Output(kept, lineno=0)] if kept else [], lineno=0)


def _data(text: str, offset: int) -> nodes.TemplateData:
    return nodes.TemplateData(text, lineno=offset)


def _dotted(text: str, offset: int) -> nodes.Expr:
    root, *fields = text.split(".")
    node: nodes.Expr = nodes.Name(root, "load", lineno=offset)
    offset += len(root)
    for name in fields:
        node = nodes.Getattr(node, name, "load", lineno=offset)
        offset += 1 + len(name)
    return node


# -------------------------------------------------------------------------------------------- Jinja's parser


def _parse_template(text: str) -> nodes.Template:
    return NullParser(sandbox(), text).parse()


def _parse_expression(text: str) -> nodes.Template:
    bare = text.strip()
    if _DOTTED.fullmatch(bare) and not _is_word(bare):
        return _template([_dotted(bare, text.index(bare))])
    if not bare:
        raise TemplateSyntax("the expression is empty")
    if bare.startswith("{{"):
        tree = parse(text, "template")
        if sole(tree) is None:
            raise TemplateSyntax(
                "this must be one expression, not text with expressions in it", text.index(bare)
            )
        return tree
    return _guarded(text, _parse_bare)


def _parse_bare(text: str) -> nodes.Template:
    parser = NullParser(sandbox(), text, state="variable")
    expression = parser.parse_expression()
    if not parser.stream.eos:
        token = parser.stream.current
        raise TemplateSyntaxError(f"unexpected '{token.value}'", token.lineno)
    return nodes.Template([nodes.Output([expression], lineno=0)], lineno=0)


def _guarded(text: str, parser: Any) -> nodes.Template:
    try:
        tree: nodes.Template = parser(text)
    except TemplateSyntaxError as error:
        raise TemplateSyntax(_reworded(error.message or ""), min(error.lineno, len(text))) from None
    except ValueError:  # a whole number of thousands of digits
        raise TemplateSyntax("a number is too long") from None
    except RecursionError:
        raise TemplateSyntax("the expression is nested too deeply") from None
    return tree


_REWORDED = (
    (
        re.compile(r"^unexpected end of template.*expected 'end of (?:print|statement).*$"),
        "the closing }} or %} is missing",
    ),
    (
        re.compile(r"^unexpected end of template, expected '(.*)'\.?$"),
        r"the expression ends too early, '\1' is missing",
    ),
    (re.compile(r"^unexpected 'end of template'$"), "the expression ends too early"),
    (
        re.compile(r"^expected token 'end of print statement', got '(.*)'$"),
        r"unexpected \1 before the closing }}",
    ),
    (
        re.compile(r"^expected token 'end of statement block', got '(.*)'$"),
        r"unexpected \1 before the closing %}",
    ),
    (re.compile(r"^expected token '(.*)', got '(.*)'$"), r"expected \1, found \2"),
    (re.compile(r"^unexpected char ['\"]([\"'])['\"] at \d+$"), r"the quote \1 is opened and never closed"),
    (re.compile(r"^unexpected char (.*) at \d+$"), r"unexpected character \1"),
    (
        re.compile(r"^Unexpected end of template.*looking for the following tags: (.*?)\. .*$", re.DOTALL),
        r"missing {% \1 %}",
    ),
    (re.compile(r"^Encountered unknown tag '(.*?)'.*$", re.DOTALL), r"there is no {% \1 %}"),
)


def _reworded(message: str) -> str:
    for pattern, words in _REWORDED:
        if pattern.match(message):
            return pattern.sub(words, message)
    return message[:1].lower() + message[1:].rstrip(".")
