"""How a result looks on stdout."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.result import as_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\n\t ab#:-"), max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("text", ["one \ntwo", "one\n\ttwo", "one\t\n\ntwo ", "ja – 🙂 \nnein"])
def test_a_text_of_several_lines_is_a_block(text: str) -> None:
    """Also when a line ends in a blank, as models like to write, or holds a tab."""
    shown = as_text({"letter": text})

    assert shown.splitlines()[0] == "letter: |-"
    assert [line.strip() for line in shown.splitlines()[1:]] == [line.strip() for line in text.split("\n")]


def test_controls_are_escaped() -> None:
    """A block cannot hold them."""
    assert "\\e]0;" in as_text({"a": "one\n\x1b]0;two"})


@given(st.lists(VALUES, min_size=1) | st.dictionaries(TEXTS, VALUES, min_size=1))
def test_what_is_shown_reads_back_as_the_very_value(value: Any) -> None:
    """For machines that read YAML: only line ends at the very end are not kept."""
    assert yaml.safe_load(as_text([value, "end"])) == [value, "end"]


@pytest.mark.parametrize(
    ("value", "text"), [("as it is \n", "as it is \n"), (None, "null"), (True, "true"), (1.5, "1.5")]
)
def test_a_single_value_is_shown_bare(value: object, text: str) -> None:
    """No quotes, no YAML."""
    assert as_text(value) == text
