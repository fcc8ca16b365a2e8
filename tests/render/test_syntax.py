"""Reading texts: offsets of words, errors at their place, trees for the checker."""

from __future__ import annotations

import pytest
from jinja2 import nodes

from orchestrator.render import TemplateSyntax, compile_expression, compile_template, parse, place, sole
from orchestrator.render.syntax import sandbox


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a.first == 'x' and b . second | upper", "expression"),
        ("{{ a.first }} then {{ b.second }}", "template"),
        ("line\n  {% if a.first %}\n  é {{ b.second | upper }}\n{% endif %}\n", "template"),
        ("{{ a.first }}", "expression"),
        ("{%- if a.first -%}   {{- b.second | upper -}}{%- endif -%}", "template"),
    ],
)
def test_every_node_knows_the_place_of_its_word(text: str, kind: str) -> None:
    """`place` gives offset and width of exactly the name, the field or the filter."""
    tree = parse(text, kind)

    for node in tree.find_all((nodes.Name, nodes.Getattr, nodes.Filter, nodes.Const)):
        offset, width = place(node, text)
        assert text[offset : offset + width] == _word(node)


def _word(node: nodes.Node) -> str:
    match node:
        case nodes.Getattr():
            return node.attr
        case nodes.Const():
            return f"'{node.value}'"
        case nodes.Name() | nodes.Filter():
            return node.name
        case _:
            raise AssertionError(node)


@pytest.mark.parametrize(
    ("text", "marked", "words"),
    [
        ("a +", "+", "ends too early"),
        ("a b", "b", "unexpected 'b'"),
        ("a == $", "$", "unexpected character '$'"),
        ("a == 'x", "'x", "quote ' is opened and never closed"),
        ("(a", "a", "')' is missing"),
        ("a | nofilter", "nofilter", "there is no filter 'nofilter'"),
        ("a | uper", "uper", "did you mean 'upper'?"),
        ("a is evn", "", "did you mean 'even'?"),
        ("zipp(a, b)", "zipp", "did you mean 'zip'?"),
        ("a.items()", ".items()", "'items(…)' would call a method"),
        ("a | truncate(1, 2, 3, 4)", "truncate", "truncate takes length, killwords, end"),
        ("a | map('nope')", "map", "there is no filter 'nope'"),
        ("len", "len", "'len' is a function"),
        ("", "", "the expression is empty"),
        ("{{ a }} b", "{{", "one expression"),
        ("f(*a)", "f", "there is no function"),
        ("zip(*a)", "", "not part of the language"),
        ("9" * 5000, "9", "a number is too long"),
        ("1e999", "1e999", "too large"),
        ("'\\ud800'", "'", "half a character"),
        ("a" + " + a" * 400, "", "nested too deeply"),
        ("(" * 300 + "a" + ")" * 300, "", "nested too deeply"),
        ("{{ a", "", "closing }}"),
    ],
)
def test_a_broken_expression_is_marked_where_it_breaks(text: str, marked: str, words: str) -> None:
    """The offset points into the text the person wrote."""
    with pytest.raises(TemplateSyntax) as caught:
        compile_expression(text)

    assert words in caught.value.message
    assert text[caught.value.offset :].startswith(marked)


@pytest.mark.parametrize(
    ("text", "marked", "words"),
    [
        ("Hello {{ name }", "}", "unexpected"),
        ("Hello {{ a b }}", "b }}", "before the closing }}"),
        ("{% if a %}x", "", "missing {%"),
        ("{% fi a %}", "fi", "there is no {% fi %}"),
        ("x {% include 'y' %}", "include", "include is not part of the language"),
        ("{% macro m() %}{% endmacro %}", "macro", "macros are not part"),
        ("{% import 'a' as b %}", "import", "import is not part"),
        ("{% extends 'a' %}", "extends", "extends is not part"),
        ("{% block a %}{% endblock %}", "block", "block is not part"),
        ("{% autoescape true %}x{% endautoescape %}", "autoescape", "autoescape is not part"),
        ("{% for x in y recursive %}{% endfor %}", "for", "recursive"),
        ("{% set a.b = 1 %}", "", ""),
        ("text {{ x | nope }}", "nope", "there is no filter 'nope'"),
        ("{{ 'a' * }}", "", "unexpected"),
        ("{% if a %}" * 300 + "{% endif %}" * 300, "", "nested too deeply"),
    ],
)
def test_a_broken_template_is_marked_where_it_breaks(text: str, marked: str, words: str) -> None:
    """Statements the language does not have are named as such."""
    with pytest.raises(TemplateSyntax) as caught:
        compile_template(text)

    assert words in caught.value.message
    assert text[caught.value.offset :].startswith(marked)


def test_unknown_words_are_told_apart_from_syntax() -> None:
    """The checker has its own code for each."""
    found = {}
    for text in ("a b", "a | nope", "nope()", "a is nope", "a.b()"):
        with pytest.raises(TemplateSyntax) as caught:
            compile_expression(text)
        found[text] = (caught.value.problem, caught.value.name)

    assert found == {
        "a b": ("syntax", ""),
        "a | nope": ("filter", "nope"),
        "nope()": ("function", "nope"),
        "a is nope": ("test", "nope"),
        "a.b()": ("unsupported", ""),
    }


@pytest.mark.parametrize(
    ("text", "only"),
    [
        ("{{ a }}", True),
        (" {{ a.b | upper }}\n", True),
        ("{{ a }}.", False),
        ("x", False),
        ("{% if a %}{% endif %}", False),
    ],
)
def test_a_single_expression_is_recognised(text: str, only: bool) -> None:
    """White space around it does not count."""
    assert (sole(parse(text)) is not None) == only


def test_the_grammar_is_jinjas_sandbox() -> None:
    """Immutable, strict and without escaping, whatever evaluates the trees."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = sandbox()

    assert isinstance(environment, ImmutableSandboxedEnvironment)
    assert environment.undefined is StrictUndefined
    assert environment.trim_blocks
    assert environment.lstrip_blocks
    assert environment.autoescape is False


def test_the_same_text_is_parsed_once() -> None:
    """Trees are shared; compiling after checking costs little."""
    assert parse("{{ a | upper }}") is parse("{{ a | upper }}")
    assert compile_template("{{ a | upper }}") is compile_template("{{ a | upper }}")
