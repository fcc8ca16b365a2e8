"""Templates: text with expressions and statements, and values made of templates."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import StepError
from orchestrator.render import TemplateSyntax, compile_template, compile_value
from tests.render.given import CONTEXT, template


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Ticket: {{ item.body }}", "Ticket: My card was lost"),
        ("{{ item.count }}", 3),
        ("{{item.items}}", [1, 2]),
        ("\n{{ item.count }}\n", 3),
        ("{{ item.count }}.", "3."),
        ("plain", "plain"),
        ("", ""),
        ("ends\n", "ends"),
        ("ends\n\n", "ends\n"),
        ("{{ item.ok }}!", "true!"),
        ("{{ ratio }} {{ 3.0 }} {{ 0.1 + 0.2 }} {{ 1e22 }}", "2.5 3.0 0.3 1e+22"),
        ("={{ rows[0] }}", '={"id":2,"name":"Bo","of":{"x":1}}'),
        ("={{ ['ä', true, 1.5] }}", '=["ä",true,1.5]'),
        ("{% if item.ok %}yes{% else %}no{% endif %}", "yes"),
        ("{% if skipped %}{{ skipped.a }}{% elif item.count > 2 %}many{% endif %}", "many"),
        (
            "{% for r in rows %}{{ loop.index }}:{{ r.name }}{{ '' if loop.last else ',' }}{% endfor %}",
            "1:Bo,2:al",
        ),
        ("{% for r in rows if r.id > 1 %}{{ r.name }}{% else %}none{% endfor %}", "Bo"),
        ("{% for r in [] %}x{% else %}none{% endfor %}", "none"),
        ("{% for k, v in item.items | map('string') | list | batch(2) %}{{ k }}{{ v }}{% endfor %}", "12"),
        ("{% for k, v in {'a': 1} | items %}{{ k }}={{ v }}{% endfor %}", "a=1"),
        ("{% set n = item.count + 1 %}{{ n }}{{ n }}", "44"),
        ("{% set n = 1 %}{% for r in rows %}{% set n = n + 1 %}{% endfor %}{{ n }}", "1"),
        ("{% set a, b = [1, 2] %}{{ a }}{{ b }}", "12"),
        ("{% set block %}x{{ item.count }}{% endset %}[{{ block }}]", "[x3]"),
        ("{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}", "3"),
        ("{% filter upper | trim %} ab {{ 'c' }} {% endfilter %}", "AB C"),
        ("{% raw %}{{ not this }}{% endraw %}", "{{ not this }}"),
        ("a{# a remark #}b", "ab"),
        ("  {% if true %}\n  x\n  {% endif %}\ny", "  x\ny"),
        ("{ {{ item.count }} }", "{ 3 }"),
        ("a {{- ' b ' -}} c", "a b c"),
        ("{{ '{{' }} }}", "{{ }}"),
    ],
)
def test_a_template_renders_as_written(text: str, value: Any) -> None:
    """One `{{ }}` keeps its type, anything else is text; blocks take their line with them."""
    assert template(text) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Dear {{ item.nothing }}", "`item.nothing`: null cannot be printed into text"),
        ("Dear {{ item.nam }}", "item has no field 'nam'"),
        ("{% for x in item.body %}{% endfor %}", "{% for %} needs a list, not text"),
        ("{% for x in skipped %}{% endfor %}", "{% for %} needs a list, not null"),
        ("{% for a, b in rows %}{% endfor %}", "2 names (a, b) cannot be filled from a map"),
        ("{% for a, b in [[1, 2, 3]] %}{% endfor %}", "2 names (a, b) cannot be filled from a list of 3"),
        ("{% if skipped.a %}{% endif %}", "skipped is null here"),
    ],
)
def test_a_template_that_cannot_render_says_why(text: str, words: str) -> None:
    """Null and wrong types are errors of the step, not holes in a prompt."""
    with pytest.raises(StepError) as caught:
        template(text)

    assert caught.value.kind == "template"
    assert words in caught.value.message


def test_null_alone_is_a_value() -> None:
    """Only printing it into text is an error."""
    assert template("{{ skipped }}") is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{{ a.b }} and {{ c }}", {"a", "c"}),
        ("{% for x in xs %}{{ x }}{{ loop.index }}{{ y }}{% endfor %}", {"xs", "y"}),
        ("{% for x in xs %}{% endfor %}{{ x }}", {"xs", "x"}),
        ("{% set x = a %}{{ x }}", {"a"}),
        ("{% if a %}{{ b }}{% else %}{{ c }}{% endif %}", {"a", "b", "c"}),
        ("{% with p = q %}{{ p }}{% endwith %}", {"q"}),
        ("{% set t %}{{ u }}{% endset %}{{ t }}", {"u"}),
        ("{% filter indent(n) %}{{ m }}{% endfilter %}", {"n", "m"}),
    ],
)
def test_names_a_template_sets_itself_are_not_read_from_outside(text: str, names: set[str]) -> None:
    """Loop variables and set names are local."""
    assert compile_template(text).names == names


def test_a_value_keeps_the_shape_and_types_the_file_writes() -> None:
    """Maps and lists of templates and literals, as deep as they go."""
    program = compile_value(
        {
            "to": "{{ item.body }}",
            "n": "{{ item.count }}",
            "list": ["{{ skipped }}", 1, None, {"x": "a {{ ratio }}"}],
        }
    )

    assert program.evaluate(CONTEXT) == {
        "to": "My card was lost",
        "n": 3,
        "list": [None, 1, None, {"x": "a 2.5"}],
    }
    assert program.names == {"item", "skipped", "ratio"}
    assert program.kind == "value"


def test_a_broken_template_in_a_value_is_found_by_its_path() -> None:
    """The checker puts its caret there."""
    with pytest.raises(TemplateSyntax) as caught:
        compile_value({"a": [1, {"b": "x {{ y z }}"}]})

    assert caught.value.at == ("a", 1, "b")
    assert caught.value.offset == 7


def test_a_value_that_is_text_only_is_that_template() -> None:
    """`value: "{{ x }}"` keeps the type of x."""
    assert compile_value("{{ item.items }}").evaluate(CONTEXT) == [1, 2]
    assert compile_value(5).evaluate({}) == 5
