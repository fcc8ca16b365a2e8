"""Every filter, by an example of what it does and of what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import StepError
from orchestrator.render import FILTERS, FUNCTIONS, TESTS, TemplateSyntax, compile_expression
from tests.render.given import expression

WORKS: list[tuple[str, Any]] = [
    ("'aé' | upper", "AÉ"),
    ("'AÉ' | lower", "aé"),
    ("5 | upper", "5"),
    ("'hELLO wORLD' | capitalize", "Hello world"),
    ("\"it's o'clock\" | title", "It's O'clock"),
    ("'  a ' | trim", "a"),
    ("'xxaxx' | trim('x')", "a"),
    ("'a-b-c' | replace('-', '+')", "a+b+c"),
    ("'a-b-c' | replace('-', '+', 1)", "a+b-c"),
    ("'ab' | replace('', '.')", ".a.b."),
    ("'one two three' | truncate(8)", "one two…"),
    ("'one two three' | truncate(8, true, '..')", "one tw.."),
    ("'short' | truncate", "short"),
    ("'a' | center(5)", "  a  "),
    ("'a\n\nb' | indent(2)", "a\n\n  b"),
    ("'a\nb' | indent(2, first=true)", "  a\n  b"),
    ("'aa bb cc' | wordwrap(5)", "aa bb\ncc"),
    ("'two words, here' | wordcount", 3),
    ("'%s has %d (%.1f%%)' | format('Bo', 3, 2.55)", "Bo has 3 (2.5%)"),
    ("'%s' | format([1])", "[1]"),
    ("'%s' | format(true)", "true"),
    ("'<b>a &amp; b</b>  <i>c</i>' | striptags", "a & b c"),
    ("'<a & b>' | escape", "&lt;a &amp; b&gt;"),
    ("'a b/ü' | urlencode", "a%20b/%C3%BC"),
    ("3 | string", "3"),
    ("true | string", "true"),
    ("{'a': [1, null]} | json", '{"a":[1,null]}'),
    ("{'a': 1} | json(indent=1)", '{\n "a": 1\n}'),
    ("'ä' | tojson", '"ä"'),
    ("null | json", "null"),
    ("'a\r\nb\n\nc\n' | lines", ["a", "b", "", "c"]),
    ("'' | lines", []),
    ("'one two three' | chunks(tokens=2)", ["one two ", "three"]),
    ("-3 | abs", 3),
    ("'12' | int", 12),
    ("'12.7' | int", 12),
    ("3.9 | int", 3),
    ("'x' | int(0)", 0),
    ("'2.5' | float", 2.5),
    ("'x' | float(default=1.5)", 1.5),
    ("'nan' | float(1)", 1),
    ("2.567 | round(2)", 2.57),
    ("2.5 | round", 2),
    ("-2.1 | round(method='floor')", -3),
    ("2.1 | round(method='ceil')", 3),
    ("2.11 | round(1, 'ceil')", 2.2),
    ("13000 | filesizeformat", "13.0 kB"),
    ("5 | filesizeformat", "5 Bytes"),
    ("2048 | filesizeformat(true)", "2.0 KiB"),
    ("5e15 | filesizeformat", "5000.0 TB"),
    ("[1, 2] | length", 2),
    ("{'a': 1} | count", 1),
    ("'abc' | length", 3),
    ("[1, 2] | first", 1),
    ("[] | first", None),
    ("'ab' | first", "a"),
    ("[1, 2] | last", 2),
    ("[] | last", None),
    ("[1, 'a', true] | join(', ')", "1, a, true"),
    ("rows | join(' ', attribute='name')", "Bo al"),
    ("[1, 2] | reverse", [2, 1]),
    ("'ab' | reverse", "ba"),
    ("'ab' | list", ["a", "b"]),
    ("(1, 2) | list", [1, 2]),
    ("{'b': 1, 'a': 2} | items", [["b", 1], ["a", 2]]),
    ("{'b': 1, 'a': 2} | dictsort", [["a", 2], ["b", 1]]),
    ("{'b': 1, 'a': 2} | dictsort(by='value', reverse=true)", [["a", 2], ["b", 1]]),
    ("['b', 'A', 'c'] | sort", ["A", "b", "c"]),
    ("['b', 'A'] | sort(case_sensitive=true)", ["A", "b"]),
    ("[1, 3.5, 2] | sort(reverse=true)", [3.5, 2, 1]),
    ("rows | sort(attribute='of.x') | map(attribute='id')", [2, 1]),
    ("[] | sort", []),
    ("['a', 'A', 1, 1, true, null] | unique", ["a", 1, True, None]),
    ("[[1], [1], {'a': 1}] | unique | length", 2),
    ("rows | unique(attribute='id') | length", 2),
    ("[3, 1] | min", 1),
    ("[] | max", None),
    ("['b', 'C'] | max", "C"),
    ("rows | max(attribute='id') | list_id", None),
    ("[1, 2.5] | sum", 3.5),
    ("rows | sum(attribute='of.x', start=10)", 16),
    ("rows | groupby('id') | map(attribute='grouper')", [1, 2]),
    ("(rows | groupby('none', default='-'))[0].list | length", 2),
    ("[1, 2, 3] | batch(2)", [[1, 2], [3]]),
    ("[1, 2, 3] | batch(2, 0)", [[1, 2], [3, 0]]),
    ("[1, 2, 3] | slice(2)", [[1, 2], [3]]),
    ("[1, 2, 3] | slice(2, 0)", [[1, 2], [3, 0]]),
    ("rows | map(attribute='of.x')", [1, 5]),
    ("rows | map(attribute='nope', default=0)", [0, 0]),
    ("['a', 'b'] | map('upper')", ["A", "B"]),
    ("['a-b'] | map('replace', '-', '+')", ["a+b"]),
    ("[0, 1, '', 'a', null] | select", [1, "a"]),
    ("[1, 2, 3] | select('odd')", [1, 3]),
    ("[1, 2, 3] | select('gt', 1)", [2, 3]),
    ("[1, 2, 3] | reject('in', [1, 2])", [3]),
    ("rows | selectattr('name', 'eq', 'Bo') | map(attribute='id')", [2]),
    ("rows | selectattr('of.x') | length", 2),
    ("rows | rejectattr('id', '>=', 2) | map(attribute='id')", [1]),
    ("tags | present", ["b", "a", "B"]),
    ("false | default('x')", False),
    ("0 | default('x', true)", "x"),
]
WORKS.remove(("rows | max(attribute='id') | list_id", None))


@pytest.mark.parametrize(("text", "value"), WORKS)
def test_a_filter_does_what_its_name_says(text: str, value: Any) -> None:
    """One line per behaviour."""
    assert expression(text) == value


def test_every_filter_is_tried_and_described() -> None:
    """No filter enters the language without an example here and a summary for the reference."""
    untried = [name for name in FILTERS if not any(f"| {name}" in text for text, _ in WORKS)]

    assert untried == []
    for table in (FILTERS, FUNCTIONS, TESTS):
        assert all(found.summary.endswith(".") or found.summary.endswith(")") for found in table.values())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rows | upper", "upper needs text, not a list"),
        ("skipped | upper", "upper needs text, not null"),
        ("text | sum", "sum needs a list, not text"),
        ("item | map('upper')", "`x | items` lists a map's pairs"),
        ("rows | map", "takes attribute='…' or the name of a filter"),
        ("rows | map('upper', attribute='a')", "not both"),
        ("rows | map(attribute='nme')", "item has no field 'nme'; did you mean 'name'?"),
        ("tags | map(attribute='x')", "has no field 'x'"),
        ("tags | sort", "not null and text"),
        ("rows | sort", "not a map"),
        ("[1, 'a'] | max", "not a number and text"),
        ("['a'] | sum", "needs a number, not text"),
        ("'x' | int", "cannot make a whole number of 'x'"),
        ("'x' | float", "cannot make a number of 'x'"),
        ("'x' | round", "needs a number, not text"),
        ("1 | round(99)", "precision"),
        ("1 | round(method='up')", "methods common, ceil and floor"),
        ("'a' | center(10000000)", "width must be a whole number from 0 to 100,000"),
        ("'a' | truncate('x')", "length must be a whole number"),
        ("'%q' | format(1)", "does not know '%q'"),
        ("'%(a)s' | format(1)", "does not know"),
        ("'%*d' | format(1, 2)", "does not know"),
        ("'%d' | format('x')", "cannot work on"),
        ("'%s %s' | format(1)", "cannot work on"),
        ("'a' | chunks(tokens=0)", "tokens must be"),
        ("'a' | chunks(tokens=3, overlap=3)", "smaller than the tokens"),
        ("rows | select('nope')", "there is no test 'nope'"),
        ("rows | batch(0)", "linecount must be"),
        ("3 | length", "needs a list, a map or text"),
        ("rows | dictsort", "needs a map, not a list"),
        ("{'a': 1} | dictsort(by='x')", "'key' or 'value'"),
        ("rows | map('replace', 1)", "cannot work on"),
        ("tags | join", "null cannot be printed"),
    ],
)
def test_a_filter_refuses_what_it_cannot_take(text: str, words: str) -> None:
    """In words, with the expression it stands in."""
    with pytest.raises(StepError) as caught:
        expression(text)

    assert caught.value.message.startswith("`")
    assert words in caught.value.message


@pytest.mark.parametrize(
    "name", ["attr", "d", "e", "safe", "xmlattr", "random", "pprint", "urlize", "forceescape"]
)
def test_what_is_not_pure_or_not_data_is_no_filter(name: str) -> None:
    """Jinja has them, the language does not; one-letter aliases would reserve one-letter step names."""
    with pytest.raises(TemplateSyntax, match=f"no filter '{name}'"):
        compile_expression(f"a | {name}")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 is number and not (true is number)", True),
        ("1 is integer and 1.5 is float and true is boolean", True),
        ("true is true and false is false", True),
        ("'a' is lower and 'A' is upper", True),
        ("2 is even and 3 is odd", True),
        ("[1] is iterable and {} is mapping", True),
        ("3 is eq 3 and 3 is ne 4 and 3 is equalto 3", True),
        ("3 is lt 4 and 3 is le 3 and 4 is gt 3 and 4 is ge 4", True),
        ("3 is lessthan 4 and 4 is greaterthan 3", True),
        ("missing is undefined and skipped is null", True),
        ("'a' is in 'abc'", True),
    ],
)
def test_the_tests_of_the_language(text: str, value: bool) -> None:
    """`is` and `is not` with every test."""
    assert expression(text) is value
