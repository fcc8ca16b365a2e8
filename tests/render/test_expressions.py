"""Expressions: names, fields, operators and functions over plain data."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import StepError
from orchestrator.render import compile_expression
from tests.render.given import CONTEXT, expression


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("item.body", "My card was lost"),
        ("{{ item.body }}", "My card was lost"),
        ("item['body']", "My card was lost"),
        ("rows[0].name", "Bo"),
        ("rows[-1]['of'].x", 5),
        ("rows.0.name", "Bo"),
        ("text[0:4]", "One."),
        ("rows[1:] | length", 1),
        ("item.count + 1 * 2 - 3", 2),
        ("7 // 2 + 7 % 2 + 2 ** 3", 12),
        ("7 / 2", 3.5),
        ("-item.count", -3),
        ("'a' + 'b'", "ab"),
        ("'-' * 3", "---"),
        ("[1] + [2]", [1, 2]),
        ("item.count ~ ' ' ~ item.ok", "3 true"),
        ("1 < item.count <= 3", True),
        ("item.count == 3 and not skipped", True),
        ("skipped or 'x'", "x"),
        ("'card' in item.body", True),
        ("3 not in [1, 2]", True),
        ("'body' in item", True),
        ("'yes' if item.ok else 'no'", "yes"),
        ("'yes' if skipped", None),
        ("skipped == null", True),
        ("skipped is none", True),
        ("{'a': item.count, 'b': [1, (2, 3)]}", {"a": 3, "b": [1, [2, 3]]}),
        ("zip(rows, [5, 6]) | map('last') | list", [5, 6]),
        ("len(rows) + len('ab') + len({})", 4),
        ("range(3)", [0, 1, 2]),
        ("range(1, 6, 2)", [1, 3, 5]),
        ("item.count is odd and item.count is divisibleby 3", True),
        ("item.count is in [1, 3]", True),
        ("rows is sequence and item is mapping and text is string", True),
        ("true", True),
        ("null", None),
        ("'null'", "null"),
        ("today > '2026-01-01'", True),
    ],
)
def test_an_expression_has_the_value_a_reader_expects(text: str, value: Any) -> None:
    """Each form of the language, once."""
    assert expression(text) == value


@pytest.mark.parametrize("name", ["items", "values", "keys", "get", "pop", "copy", "update"])
def test_a_field_name_always_means_the_data(name: str) -> None:
    """A field called like a method of a dict is the field."""
    assert expression(f"row.{name}", row={name: 7}) == 7
    with pytest.raises(StepError, match=f"no field '{name}'"):
        expression(f"row.{name}", row={"other": 1})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("coalesce(skipped.a.b, item.nothing.x, item.count)", 3),
        ("coalesce(skipped.a, missing.b)", None),
        ("coalesce(item.nope, 'x')", "x"),
        ("coalesce(skipped.a[0].b, 1)", 1),
        ("coalesce(skipped.name | upper, 'none')", "none"),
        ("skipped.a.b | default('d')", "d"),
        ("missing | default(3)", 3),
        ("item.body | default('d')", "My card was lost"),
        ("'' | default('d')", ""),
        ("'' | default('d', true)", "d"),
        ("rows[9].name | default('d')", "d"),
        ("skipped.a | trim | upper | default('d')", "d"),
        ("missing.a is defined", False),
        ("skipped is defined", False),
        ("item.body is defined", True),
        ("tags | present", ["b", "a", "B"]),
    ],
)
def test_null_is_handled_where_the_expression_says_so(text: str, value: Any) -> None:
    """Inside coalesce, before default and `is defined`, a null or missing link is null."""
    assert expression(text) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("item.bodi", "`item.bodi`: item has no field 'bodi'; did you mean 'body'?"),
        ("itm.body", "`itm`: there is no 'itm' here; did you mean 'item'?"),
        ("skipped.a", "`skipped.a`: skipped is null here"),
        ("item.nothing.x.y", "`item.nothing.x`: item.nothing is null here"),
        ("text.upper", "`text.upper`: text is text and has no field 'upper'"),
        ("rows.name", "`rows.name`: rows is a list and has no field 'name'"),
        ("rows[5]", "`rows[5]`: rows has 2 items, there is no item 5"),
        ("rows['a']", "its items have whole numbers, not text"),
        ("item[0]", "a map has fields by name"),
        ("item.count / 0", "`item.count / 0`: division by zero"),
        ("item.body + 1", "+ cannot join text and a number; ~ joins anything as text"),
        ("item.body - 1", "- needs numbers, not text"),
        ("rows < 3", "a list and a number cannot be ordered"),
        ("skipped > 3", "null and a number cannot be ordered"),
        ("'%s' % 3", "format(…)"),
        ("zip(rows, [1])", "these have 2 and 1 items"),
        ("zip(rows, skipped)", "zip needs lists, not null"),
        ("range('a')", "range takes one to three whole numbers"),
        ("len(3)", "needs a list, a map or text, not a number"),
        ("item.count | upper | nope_arg | length", ""),
        ("{1: 2}", ""),
        ("{item.count: 2}", "the keys of a map are text"),
        ("item.body ~ skipped", "null cannot be printed"),
        ("0.5 ** -9999999 ** 3", "too large"),
        ("(-8) ** 0.5", "the root of a negative number"),
        ("1e308 * 10", "no finite number"),
        ("text is even", "needs a whole number"),
        ("1 in 2", "nothing can be in a number"),
    ],
)
def test_a_failing_expression_is_named_with_what_is_wrong_in_it(text: str, words: str) -> None:
    """The message quotes the failing part as written, and says what to do where it can."""
    from orchestrator.render import TemplateSyntax

    with pytest.raises((StepError, TemplateSyntax)) as caught:
        expression(text)

    assert words in caught.value.message


def test_unequal_lists_are_an_error_of_items() -> None:
    """The engine tells a wrong zip from a wrong template by its kind."""
    with pytest.raises(StepError) as caught:
        expression("zip(rows, [1])")

    assert caught.value.kind == "items"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("item.body", {"item"}),
        ("a.b + c[d] | default(e)", {"a", "c", "d", "e"}),
        ("coalesce(x.y, zip(p, q))", {"x", "p", "q"}),
        ("'text'", set()),
        ("{'k': v}", {"v"}),
        ("x is defined and rows | map(attribute='name')", {"x", "rows"}),
    ],
)
def test_a_program_knows_the_names_it_reads(text: str, names: set[str]) -> None:
    """Functions, filters and attribute names are none of them."""
    assert compile_expression(text).names == names


def test_evaluating_does_not_change_the_context() -> None:
    """Sorting, grouping and joining work on copies."""
    before = repr(CONTEXT)

    for text in (
        "rows | sort(attribute='id')",
        "rows + rows",
        "tags | reverse",
        "rows | groupby('id')",
        "tags | unique",
    ):
        expression(text.replace("tags | unique", "tags | present | unique"))

    assert repr(CONTEXT) == before


def test_any_mapping_serves_as_context() -> None:
    """The engine may hand over its own mapping of names."""
    from collections import ChainMap

    assert compile_expression("a + b.c").evaluate(ChainMap({"a": 1}, {"b": ChainMap({"c": 2})})) == 3
