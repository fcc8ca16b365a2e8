"""Passages as a model reads them, and what it may cite."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from orchestrator.policy.quote import miscited, sources_text, without_controls
from orchestrator.spec.types import Field, Int, ListOf, MapOf, Str, Type

CITED = MapOf((Field("text", Str(None)), Field("cites", ListOf(Int(), 0, 20))))


def source(text: str, file: str = "a.md", heading: str = "") -> dict[str, Any]:
    return {"text": text, "file": file, "heading": heading, "lines": [1, 2], "score": 0.1}


@given(some.text(), some.text(), some.text())
def test_no_passage_gets_out_of_its_quotation(text: str, file: str, heading: str) -> None:
    """Whatever stands in it, in its heading and its file's name: every line is ours, or begins with our mark."""
    whole = sources_text([source(text, file, heading), source("x", "b.md")])

    lines = whole.splitlines()
    heads = [line for line in lines if not line.startswith(">")]
    assert heads[0].startswith("Sources.")
    assert heads[-1] == "End of the sources."
    assert [line[:3] for line in heads if line.startswith("[")] == ["[1]", "[2]"]
    assert [line for line in heads[1:-1] if line and not line.startswith("[")] == []


@pytest.mark.parametrize(
    "mark",
    [
        "<|im_start|>",
        "<|im_end|>",
        "<|eot_id|>",
        "<s>",
        "</s>",
        "[INST]",
        "[/INST]",
        "<<SYS>>",
        "<end_of_turn>",
        "<｜User｜>",
    ],
)
def test_marks_of_chat_templates_are_broken_up(mark: str) -> None:
    """The words stay, the mark does not."""
    broken = without_controls(f"a {mark} b")

    assert mark not in broken
    assert broken.replace(" ", "") == f"a{mark}b"


@pytest.mark.parametrize("text", ["a < b", "x <b>bold</b>", "a[1]", "[x](y)", "List<String>", "plain"])
def test_other_brackets_are_let_be(text: str) -> None:
    """A document is quoted as it is."""
    assert without_controls(text) == text


@pytest.mark.parametrize(
    ("value", "kind", "count", "said"),
    [
        ("As [1] says.", None, 1, ""),
        ("As [2] says.", None, 1, "You cited [2], but there is only source 1."),
        ("As [1] says.", None, 0, "You cited [1], but there are no sources."),
        ("[1][3], [2-5], [ 4 ]", None, 2, "You cited [3], [4], [5], but there are only sources 1 to 2."),
        ({"text": "x", "cites": [1, 9]}, CITED, 4, "You cited [9], but there are only sources 1 to 4."),
        ({"text": "see [9]", "cites": []}, CITED, 4, "You cited [9], but there are only sources 1 to 4."),
        ({"text": "x", "cites": [True]}, CITED, 0, ""),
        (
            {"sources": ["a.md", "[7]"]},
            MapOf((Field("sources", ListOf(Str(None), 0, 9)),)),
            4,
            "You cited [7]",
        ),
        ({"deep": {"citations": [5]}}, None, 4, "You cited [5]"),
        ([{"text": "[5]"}], ListOf(CITED, 0, 9), 4, "You cited [5]"),
        ({"count": 9, "numbers": [9]}, None, 4, ""),
        ("`a[9]`, ```\nb[9]", None, 4, ""),
        ("[9](x.md) [2024] a[b]", None, 4, ""),
        (None, None, 4, ""),
    ],
)
def test_a_number_that_is_no_source_is_named(value: Any, kind: Type | None, count: int, said: str) -> None:
    """In texts, and in lists of numbers that are called what they are."""
    found = miscited(value, kind, count)

    assert found.startswith(said) if said else found == ""
