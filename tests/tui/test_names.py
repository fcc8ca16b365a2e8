"""Names of spans in little room: what goes in comes out."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from orch_tui.names import Names, number_of

NAME = st.one_of(
    st.text(min_size=1, max_size=12),
    st.integers(0, 10**9).map(lambda number: f".{number}"),
    st.sampled_from(["triage", "~2", "^1.0", "@tiny", ".007", ".", ".-1", ".٣", ".1_0", ". 5"]),
)


@given(st.lists(NAME))
def test_every_name_comes_out_as_it_went_in(given_names: list[str]) -> None:
    """Also numbers that are written in no usual way, and those too large for any list."""
    names = Names()
    for name in given_names:
        names.append(name)

    assert [names[span] for span in range(len(names))] == given_names
    assert [names.number(span) for span in range(len(names))] == [number_of(name) for name in given_names]


def test_items_of_long_lists_take_four_bytes_each() -> None:
    """However many there are."""
    names = Names()
    for number in range(100_000):
        names.append(f".{number}")

    assert sys.getsizeof(names._codes) < 500_000
    assert not names._words
