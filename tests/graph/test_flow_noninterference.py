"""What is labelled public does not change when something private does: random expressions, computed with both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import StepError
from orchestrator.graph.flow_read import read_string
from orchestrator.graph.tags import PUBLIC, Tag, leaf, listed, mapped, origin, row
from orchestrator.render import TemplateSyntax, compile_expression, compile_template

PRIVATE = leaf(origin("inputs.private", "private"))
TAGS: Mapping[str, Tag] = {
    "open": PUBLIC,
    "text": PUBLIC,
    "shut": PRIVATE,
    "flag": PRIVATE,
    "maybe": PRIVATE,
    "both": mapped({"x": PUBLIC, "y": PRIVATE}),
    "rows": listed(mapped({"x": PUBLIC, "y": PRIVATE})),
    "pairs": listed(row((PUBLIC, PRIVATE))),
    "some": listed(mapped({"x": PUBLIC, "y": PUBLIC}), origin("some", "private")),
}
LISTS = st.sampled_from(
    ["open", "shut", "rows", "pairs", "some", "rows[:1]", "zip(open, rows)", "zip(shut, shut)"]
)
ATOMS = st.sampled_from(
    ["text", "flag", "maybe", "both", "both.x", "both.y", "rows[0].x", "rows[0].y", "pairs[0][0]", "pairs[0][1]",
     "open[0].x", "open[0].y", "shut[0].x", "some[0].x", "1", "'a'", "none", "true"]
)  # fmt: skip


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two, three = st.tuples(inner, inner), st.tuples(inner, inner, inner)
    return st.one_of(
        two.map(lambda p: f"({p[0]} == {p[1]})"),
        two.map(lambda p: f"({p[0]} and {p[1]})"),
        two.map(lambda p: f"({p[0]} or {p[1]})"),
        two.map(lambda p: f"coalesce({p[0]}, {p[1]})"),
        two.map(lambda p: f"({p[0]} | default({p[1]}))"),
        two.map(lambda p: f"[{p[0]}, {p[1]}]"),
        two.map(lambda p: f"{{'x': {p[0]}, 'y': {p[1]}}}"),
        two.map(lambda p: f"{{'x': {p[0]}, 'y': {p[1]}}}.x"),
        two.map(lambda p: f"[{p[0]}, {p[1]}][1]"),
        two.map(lambda p: f"([{p[0]}, {p[1]}] | present)"),
        two.map(lambda p: f"([{p[0]}, {p[1]}] | first)"),
        two.map(lambda p: f"zip([{p[0]}], [{p[1]}])"),
        two.map(lambda p: f"({p[0]} ~ {p[1]})"),
        three.map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
        inner.map(lambda p: f"(not {p})"),
        inner.map(lambda p: f"({p} is none)"),
        inner.map(lambda p: f"({p} | json)"),
        inner.map(lambda p: f"({p} | length)"),
        inner.map(lambda p: f"({p} | string | upper)"),
        LISTS.map(lambda p: f"({p} | length)"),
        LISTS.map(lambda p: f"({p} | map(attribute='x') | list)"),
        LISTS.map(lambda p: f"({p} | map(attribute='y') | list)"),
        LISTS.map(lambda p: f"({p} | first)"),
        LISTS.map(lambda p: f"({p} | last).x"),
        LISTS.map(lambda p: f"({p} | present | list)"),
        LISTS.map(lambda p: f"({p} | selectattr('x') | list)"),
        LISTS.map(lambda p: f"({p} | sort(attribute='y'))"),
        LISTS.map(lambda p: f"{p}[0]"),
        LISTS,
    )


EXPRESSIONS = st.recursive(ATOMS, _grown, max_leaves=8)
TEMPLATES = st.one_of(
    EXPRESSIONS.map(lambda e: f"Hi {{{{ {e} }}}}!"),
    st.tuples(EXPRESSIONS, EXPRESSIONS).map(lambda p: f"{{% if {p[0]} %}}{{{{ {p[1]} }}}}{{% else %}}no{{% endif %}}"),
    st.tuples(LISTS, st.sampled_from(["x", "y"])).map(
        lambda p: f"{{% for i in {p[0]} %}}{{{{ i.{p[1]} }}}},{{{{ loop.last }}}}{{% endfor %}}"
    ),
    LISTS.map(lambda p: f"{{% for i in {p} if i.x %}}{{{{ loop.index }}}}{{% endfor %}}"),
    LISTS.map(lambda p: f"{{% for a, b in {p} %}}{{{{ a | json }}}}{{% endfor %}}"),
    st.tuples(EXPRESSIONS, EXPRESSIONS).map(
        lambda p: f"{{% set q = {p[0]} %}}{{% if {p[1]} %}}{{% set q = 1 %}}{{% endif %}}{{{{ q | json }}}}."
    ),
)  # fmt: skip
RECORD = st.fixed_dictionaries({"x": st.integers(0, 2), "y": st.sampled_from(["a", "b", ""])})


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two contexts that differ in nothing public."""
    size = draw(st.integers(1, 3))
    known = [draw(st.integers(0, 2)) for _ in range(size)]
    common = {
        "open": draw(st.lists(RECORD, min_size=1, max_size=3)),
        "text": draw(st.sampled_from(["", "t"])),
    }
    record = draw(RECORD)

    def world() -> dict[str, Any]:
        return common | {
            "shut": draw(st.lists(RECORD, max_size=3)),
            "flag": draw(st.booleans()),
            "maybe": draw(st.none() | st.just("m")),
            "both": {"x": known[0], "y": draw(st.none() | st.integers(0, 2))},
            "rows": [{"x": x, "y": draw(st.sampled_from(["a", "b", ""]))} for x in known],
            "pairs": [[x, draw(st.integers(0, 2))] for x in known],
            "some": [record] * draw(st.integers(0, 3)),
        }

    return world(), world()


def differs(tag: Tag, left: Any, right: Any) -> bool:
    """Whether two values differ in a part that is labelled public."""
    if tag.floor is not None:
        return False
    if tag.total is None:
        return bool(left != right)
    if type(left) is not type(right) or not isinstance(left, dict | list):
        return bool(left != right)
    if tag.fields is not None and isinstance(left, dict):
        return any(differs(part, left.get(name), right.get(name)) for name, part in tag.fields.items())
    if tag.fields is not None or isinstance(left, dict):
        return bool(left != right)
    if tag.shape is None and len(left) != len(right):
        return True
    parts = tag.items or (tag.item or PRIVATE,) * min(len(left), len(right))
    return any(map(differs, parts, left, right))


ONE = {
    "open": [{"x": 0, "y": "a"}], "text": "t", "shut": [{"x": 1, "y": ""}], "flag": True, "maybe": None,
    "both": {"x": 1, "y": None}, "rows": [{"x": 1, "y": ""}], "pairs": [[1, 0]], "some": [{"x": 2, "y": ""}],
}  # fmt: skip
OTHER = ONE | {
    "shut": [{"x": 0, "y": "b"}, {"x": 2, "y": "a"}], "flag": False, "maybe": "m", "both": {"x": 1, "y": 1},
    "rows": [{"x": 1, "y": "b"}], "pairs": [[1, 2]], "some": [],
}  # fmt: skip
TRICKY = (
    "(1 if flag else 2)", "(flag and 1)", "(flag or 1)", "[maybe, 1] | present", "[1, maybe] | present | first",
    "(some | first) is none", "zip(shut, shut)", "zip(some, some) | length", "maybe | default(1)", "coalesce(maybe, 1)",
    "[text, 1][both.y | default(0)]", "none | default(maybe | json)", "{'a': 1}[maybe | default('a')]", "[text, flag] == [text, true]", "some | last | json",
    "rows | map(attribute='y') | list", "rows | selectattr('y') | list", "pairs | map('last') | list", "some[:1]",
    "{% for i in some %}x{% endfor %}", "{% for i in open if flag %}x{% endfor %}", "{% if flag %}a{% else %}b{% endif %}",
    "{% for i in open %}{{ i.x if flag }}{% endfor %}", "{% set q = maybe %}{{ q | json }}!",
    "{% for i in rows %}{{ i.y }}{% endfor %}", "{% for a, b in pairs %}{{ b }}{% endfor %}",
    "{% with q = flag %}{{ q }}{% endwith %}", "{% if text %}{% elif flag %}a{% endif %}{{ some | length }}",
)  # fmt: skip


@pytest.mark.parametrize("raw", TRICKY)
def test_what_could_be_forgotten(raw: str) -> None:
    """Choices, lengths, nulls, positions, conditions of loops."""
    _compare(raw, (ONE, OTHER), expression="{%" not in raw)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(raw=EXPRESSIONS, worlds=worlds())
def test_public_parts_of_an_expression_tell_nothing_private(
    raw: str, worlds: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    """Field by field and element by element."""
    _compare(raw, worlds, expression=True)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(raw=TEMPLATES, worlds=worlds())
def test_a_public_text_tells_nothing_private(raw: str, worlds: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """With conditions, loops and names of its own."""
    _compare(raw, worlds, expression=False)


def _compare(raw: str, worlds: tuple[dict[str, Any], dict[str, Any]], *, expression: bool) -> None:
    try:
        program = compile_expression(raw) if expression else compile_template(raw)
        left, right = (program.evaluate(world) for world in worlds)
    except (StepError, TemplateSyntax):
        return  # that a step fails is seen by everybody who reads it: another rule
    tag = read_string(raw, TAGS.get, lambda _: None, expression=expression)

    assert not differs(tag, left, right)
