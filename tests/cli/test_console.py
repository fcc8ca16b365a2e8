"""What is written to a terminal, and what never is."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.console import Console, columns, wants_color
from orchestrator.safe import UNSAFE, safe


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


EVIL = "a\x1b[2Jb\x9b2Jc\u202ed\x00e\x7ff"


@given(st.text())
def test_safe_text_holds_no_control_and_is_safe_again(text: str) -> None:
    """Whatever comes from outside, and doing it twice changes nothing."""
    assert not UNSAFE.search(safe(text))
    assert safe(safe(text)) == safe(text)


def test_controls_become_visible() -> None:
    """A person sees that something was there."""
    assert safe(EVIL) == "a␛[2Jb<U+009B>2Jc<U+202E>d␀e␡f"
    assert safe("line\r\nnext\ttab\rx") == "line\nnext\ttab␍x"


def test_a_result_is_safe_on_a_terminal_and_exact_in_a_pipe() -> None:
    """A file gets the very characters, a terminal never obeys them."""
    terminal, pipe = Terminal(), io.StringIO()

    Console(terminal, io.StringIO()).result(EVIL)
    Console(pipe, io.StringIO()).result(EVIL)

    assert terminal.getvalue() == safe(EVIL) + "\n"
    assert pipe.getvalue() == EVIL + "\n"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_json_is_safe_and_stays_the_same_json(value: Any) -> None:
    """Control characters as JSON's own escapes."""
    out = io.StringIO()

    Console(out, io.StringIO()).json(value)

    assert not UNSAFE.search(out.getvalue())
    assert json.loads(out.getvalue()) == value


def test_everything_beside_the_result_goes_to_stderr() -> None:
    """stdout carries only the result."""
    out, err = io.StringIO(), io.StringIO()
    console = Console(out, err)

    console.say("working")
    console.warning("careful")
    console.error("broken", "mend it")

    assert out.getvalue() == ""
    assert err.getvalue() == "working\nwarning: careful\nerror: broken\nhint: mend it\n"


@pytest.mark.parametrize(
    ("environ", "terminal", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
        ({"FORCE_COLOR": "1"}, False, True),
    ],
)
def test_colours_are_for_terminals_whose_owner_wants_them(
    environ: dict[str, str], terminal: bool, expected: bool
) -> None:
    """NO_COLOR as no-color.org says: present and not empty."""
    assert wants_color(Terminal() if terminal else io.StringIO(), environ) is expected


def test_columns_are_aligned_and_cells_are_one_line_each() -> None:
    """A line end in a name does not break the table."""
    assert columns(("a", "bb"), [("long", "x"), ("s", "two\nlines")]) == [
        "a     bb",
        "long  x",
        "s     two⏎lines",
    ]
