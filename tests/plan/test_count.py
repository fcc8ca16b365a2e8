"""Numbers with unknowns: they add and multiply like numbers."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.plan.count import Count, of, total, unknown

counts = st.recursive(
    st.integers(0, 9).map(of) | st.sampled_from("abc").map(unknown),
    lambda inner: st.tuples(inner, inner, st.booleans()).map(lambda t: t[0] + t[1] if t[2] else t[0] * t[1]),
    max_leaves=6,
)
places = st.fixed_dictionaries({name: st.integers(0, 9) for name in "abc"})


def value(count: Count, at: Mapping[str, int]) -> int:
    result = 0
    for term, factor in count.terms.items():
        for name in term:
            factor *= at[name]
        result += factor
    return result


@given(counts, counts, places)
def test_sums_and_products_are_those_of_the_numbers(a: Count, b: Count, at: Mapping[str, int]) -> None:
    """Whatever the unknowns turn out to be."""
    assert value(a + b, at) == value(a, at) + value(b, at)
    assert value(a * b, at) == value(a, at) * value(b, at)


@given(counts)
def test_a_count_is_known_exactly_when_nothing_in_it_is_unknown(count: Count) -> None:
    """Zero times an unknown is zero."""
    assert (count.known is None) == bool(count.unknowns)
    assert (count * 0).known == 0


def test_a_count_reads_like_a_formula() -> None:
    """What `orch plan` prints."""
    assert str(of(0)) == "0"
    assert str(of(12_000)) == "12,000"
    assert str(unknown("len(inputs.tickets)") * 4 + of(2)) == "4 × len(inputs.tickets) + 2"
    assert str(unknown("n") * unknown("m")) == "m × n"
    assert str(total([of(1), unknown("n"), unknown("n")])) == "2 × n + 1"
