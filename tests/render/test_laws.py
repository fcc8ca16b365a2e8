"""Laws that hold for every text: only StepError comes out, and simple texts mean what Jinja means."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import nodes

from orchestrator.errors import StepError
from orchestrator.render import (
    FILTERS,
    FUNCTIONS,
    TESTS,
    TemplateSyntax,
    compile_expression,
    compile_template,
    parse,
    place,
)
from orchestrator.render.syntax import sandbox
from tests.render.given import CONTEXT

WORDS = st.sampled_from([
    "item", ".body", ".items", ".nothing", "rows", "[0]", "[", "]", "(", ")", "{", "}", ":", ",", "|", "~", "+", "-", "*", "**", "/",
    "//", "%", "==", "<", "in", "not", "and", "or", "if", "else", "is", "defined", "none", "null", "true", "1", "0", "2.5", "'a'", "''",
    "loop", "skipped", "missing", ".x", "attribute='id'", "tokens=3", "9" * 30, "1e300", *FILTERS, *FUNCTIONS, *TESTS,
])  # fmt: skip
PIECES = st.sampled_from([
    "{{", "}}", "{%", "%}", "{#", "#}", "-%}", "{{-", "\n", " ", "text", "for x in rows", "endfor", "if item", "endif", "else",
    "set y = 1", "with", "endwith", "filter upper", "endfilter", "raw", "endraw", "x", "y", "\r\n", "é", "\x00", "'",
])  # fmt: skip
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "x", "id", "items"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def _only_sentences(compiler: Any, text: str, context: dict[str, Any]) -> None:
    with suppress(TemplateSyntax, StepError):
        program = compiler(text)
        program.evaluate(context)


@given(st.lists(WORDS, min_size=1, max_size=12).map(" ".join))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_expression_of_any_words_raises_only_sentences(text: str) -> None:
    """TemplateSyntax when it is compiled, StepError when it runs, nothing else ever."""
    _only_sentences(compile_expression, text, CONTEXT)


@given(st.lists(PIECES | WORDS, min_size=1, max_size=14).map(" ".join) | st.text(max_size=30))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_template_of_any_pieces_raises_only_sentences(text: str) -> None:
    """Also for bytes nobody would type."""
    _only_sentences(compile_template, text, CONTEXT)


@given(st.sampled_from(sorted(FILTERS)), DATA, st.lists(DATA, max_size=2))
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_filter_on_any_data_raises_only_step_errors(name: str, value: Any, arguments: list[Any]) -> None:
    """Whatever a model or a file put there."""
    names = [f"arg{index}" for index in range(len(arguments))]
    text = f"value | {name}({', '.join(names)})" if names else f"value | {name}"
    _only_sentences(compile_expression, text, {"value": value, **dict(zip(names, arguments, strict=True))})


@given(st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "~", "==", "<", "in", "not in"]), DATA, DATA)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_operator_on_any_data_raises_only_step_errors(sign: str, left: Any, right: Any) -> None:
    """Arithmetic has no corner that ends in a traceback."""
    _only_sentences(compile_expression, f"a {sign} b", {"a": left, "b": right})


SIMPLE = st.lists(
    st.sampled_from(["{{ a }}", "{{a.b}}", "{{ a.b.c }}", "text", "{", "}", "}}", "\n", " ", "é", "#", "%", "{{- a }}", "{% if d %}x{% endif %}"]),
    min_size=2,
    max_size=8,
).map("".join)  # fmt: skip


@given(SIMPLE)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_texts_with_names_mean_what_jinja_means(text: str) -> None:
    """The short way around Jinja's machinery gives the same text."""
    context = {"a": {"b": {"c": "C"}}, "d": "D"}
    flat = {"a": "A", "d": "D"}
    try:
        ours = compile_template(text)
    except TemplateSyntax:
        return
    for given_context in (context, flat):
        with suppress(StepError):
            value = ours.evaluate(given_context)
            if isinstance(value, str) and "a.b" not in text and given_context is flat:
                assert value.strip() == sandbox().from_string(text).render(flat).strip()


@given(st.lists(PIECES | WORDS, min_size=1, max_size=14).map(" ".join))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_place_lies_in_the_text(text: str) -> None:
    """The checker's caret never points outside, whatever was written."""
    assert all(0 <= offset <= len(text) for offset in _places(text))


def _places(text: str) -> list[int]:
    try:
        tree = parse(text)
    except TemplateSyntax as error:
        return [error.offset]
    return [place(node, text)[0] for node in tree.find_all(nodes.Node)]
