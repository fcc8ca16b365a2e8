"""What templates must never do: reach objects, run for ever, fill the memory, end in a traceback."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import StepError
from orchestrator.render import TemplateSyntax, compile_template
from tests.render.given import template

ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ item.__class__ }}",
    "{{ item['__class__'] }}",
    "{{ item.__init__.__globals__ }}",
    "{{ [].__class__.__base__ }}",
    "{{ {}.__class__ }}",
    "{{ (1).__class__ }}",
    "{{ (1).real }}",
    "{{ 1.5.hex() }}",
    "{{ 'a'.format }}",
    "{{ '{0.__class__}'.format(item) }}",
    "{{ '{x.__class__}'.format_map(item) }}",
    "{{ '%(__class__)s' | format(item) }}",
    "{{ '{0.__class__}' | format(item) }}x{{ item.none }}",
    "{{ item | attr('__class__') }}",
    "{{ rows | map(attribute='__class__') | list }}",
    "{{ rows | map(attribute='name.__class__') | list }}",
    "{{ rows | map('attr', '__class__') | list }}",
    "{{ rows | sort(attribute='__class__') }}",
    "{{ rows | groupby('__class__') }}",
    "{{ rows | selectattr('__class__') }}",
    "{{ rows | sum(attribute='__len__') }}",
    "{{ rows | join('', attribute='__doc__') }}",
    "{{ self }}",
    "{{ self.__init__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ super() }}",
    "{{ caller() }}",
    "{{ namespace() }}",
    "{{ dict() }}",
    "{{ lipsum() }}",
    "{{ cycler('a') }}",
    "{{ joiner() }}",
    "{{ lipsum.__globals__ }}",
    "{{ range.__class__ }}",
    "{{ zip }}",
    "{{ coalesce.__globals__ }}",
    "{{ loop }}",
    "{{ environment }}",
    "{{ config }}",
    "{{ request.application }}",
    "{{ __import__('os') }}",
    "{{ open('/etc/passwd') }}",
    "{{ eval('1') }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% from 'os' import path %}",
    "{% extends 'x' %}",
    "{% macro x() %}{{ varargs }}{% endmacro %}",
    "{% call x() %}{% endcall %}",
    "{% set item.body = 1 %}",
    "{% set ns.x = 1 %}",
    "{% for x in rows %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for x in rows %}{{ loop(x) }}{% endfor %}",
    "{% for x in rows recursive %}{% endfor %}",
    "{{ rows.append(1) }}",
    "{{ item.update({'a': 1}) }}",
    "{{ item.pop('body') }}",
    "{% do rows.append(1) %}",
    "{% autoescape true %}{{ 1 }}{% endautoescape %}",
    "{{ _('text') }}",
    "{% trans %}x{% endtrans %}",
    "{% debug %}",
]


@pytest.mark.parametrize("text", ESCAPES)
def test_no_template_reaches_anything_but_data(text: str) -> None:
    """Refused when it is compiled or when it runs, always with a sentence."""
    with pytest.raises((TemplateSyntax, StepError)) as caught:
        template(text)

    assert caught.value.message


class _Odd:
    secret = "leaked"

    def __str__(self) -> str:
        return "leaked"

    def __getitem__(self, key: Any) -> str:
        return "leaked"


@pytest.mark.parametrize(
    "text",
    ["{{ odd.secret }}", "{{ odd['x'] }}", "x{{ odd }}", "{{ odd ~ '' }}", "{{ odd | string }}", "{{ odd | json }}", "{{ [odd] | join }}", "x{{ [odd] }}", "{{ odd | upper }}", "{{ odd + 1 }}", "{{ odd < odd }}", "{% for x in odd %}{% endfor %}", "{{ 'x' in odd }}"],
)  # fmt: skip
def test_an_object_in_the_context_stays_closed(text: str) -> None:
    """Should one ever get there: no attribute, no item, no text of it comes out."""
    with pytest.raises(StepError):
        template(text, odd=_Odd())


BOMBS = [
    "{{ 'a' * 1000000000 }}",
    "{{ 1000000000 * 'a' }}",
    "{{ ('a' * 9999999) ~ ('a' * 9999999) }}",
    "{{ 9 ** 99999 }}",
    "{{ 2 ** 100000 }}",
    "{{ (2 ** 8000) * (2 ** 8000) }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '%.1000000000f' | format(1) }}",
    "{{ 'a' | center(1000000000) }}",
    "{{ ('\\n' * 1000000) | indent(1000) }}",
    "{{ ('a' * 100000) | replace('a', 'b' * 100000) }}",
    "{{ ('a' * 100000) | list | join('b' * 1000) }}",
    "{{ range(1000000000) }}",
    "{{ range(0, 1000000000, 2) | length }}",
    "{{ [0] * 1000000000 }}",
    "{{ [1, 2] | slice(1000000000) }}",
    "{{ [1, 2] | batch(1000000000, 0) }}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}{% for b in range(99999) if false %}{% endfor %}{% endfor %}",
    "{% for a in range(99999) %}{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' * 100 }}{% endfor %}",
    "{% for a in range(99999) %}{% set x = 'a' * 9999999 %}{% endfor %}",
    "{% for a in range(99999) %}{% set x = range(99999) | sort %}{% endfor %}",
    "{% set x = 'a' * 5000 %}" + "{% set x = x ~ x %}" * 40 + "{{ x }}",
    "{% set x = ['a'] %}" + "{% set x = [x, x, x, x, x, x, x, x, x, x] %}" * 12 + "{{ x }}",
    "{% set x = {'a': 1} %}" + "{% set x = {'a': x, 'b': x, 'c': x, 'd': x} %}" * 20 + "{{ x | json }}",
    "{% set x = [1] %}" + "{% set x = x + x %}" * 40 + "{{ x | length }}",
    "{% set x = [1, 2] %}" + "{% set x = zip(x, x) %}" * 40 + "{{ x }}",
    "{% set x = range(99999) | map('string') | list %}{% for a in x %}{{ x }}{% endfor %}",
]


@pytest.mark.parametrize("text", BOMBS, ids=range(len(BOMBS)))
def test_a_bomb_ends_in_a_sentence_within_its_bounds(text: str) -> None:
    """Counted in steps and characters, so it ends at the same place on every machine."""
    with pytest.raises((TemplateSyntax, StepError)) as caught:
        template(text)

    assert any(word in caught.value.message for word in ("too much", "too large", "beyond", "more than", "wider", "must be", "needs numbers"))  # fmt: skip


def test_a_long_but_honest_template_runs() -> None:
    """The bounds leave room for what a workflow means: a hundred thousand rows in one prompt."""
    rows = [{"id": number} for number in range(100_000)]

    text = template(
        "{% for r in rows %}{{ loop.index }} of {{ rows | length }}: {{ r.id }}\n{% endfor %}", rows=rows
    )

    assert text.count("\n") == 100_000


def test_deep_data_is_an_error_of_the_step() -> None:
    """Not a RecursionError."""
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]

    for text in ("x{{ deep }}", "{{ deep | json }}", "{{ deep == other }}"):
        with pytest.raises(StepError):
            template(text, deep=deep, other=[deep])

    while isinstance(deep, list):  # taken apart by hand: freeing it at once would recurse in the interpreter
        deep = deep.pop()


def test_a_template_compiled_once_has_no_memory() -> None:
    """What one evaluation sets, the next does not see."""
    program = compile_template("{% if first %}{% set x = 1 %}{% endif %}{{ x }}")

    assert program.evaluate({"first": True}) == "1"
    with pytest.raises(StepError, match="there is no 'x'"):
        program.evaluate({"first": False})
