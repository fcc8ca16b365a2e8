"""How sure a model was: values out of closed sets among the allowed ones, text by its mean token."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.messages import Completion, TokenLogprob, Usage
from orchestrator.policy.confidence import confidence
from orchestrator.spec.types import Bool, Enum, Field, Int, ListOf, MapOf, Number, Schema, Str, Type

Step = tuple[str, float] | tuple[str, float, dict[str, float]]


def told(*steps: Step, text: str | None = None) -> Completion:
    """An answer of these tokens, each with its probability and those of the alternatives beside it."""
    tokens = tuple(
        TokenLogprob(
            s[0], math.log(s[1]), tuple((t, math.log(p)) for t, p in (s[2] if len(s) > 2 else {}).items())
        )
        for s in steps
    )
    whole = "".join(token.token for token in tokens)
    return Completion(whole if text is None else text, "stop", Usage(), logprobs=tokens)


def sure(output: Type | None, *steps: Step, text: str | None = None) -> float | None:
    return confidence(told(*steps, text=text), output)


def about(value: float) -> Any:
    return pytest.approx(value, abs=1e-9)


LEVEL = Enum(("high", "higher", "low"))


def test_only_the_allowed_values_share_the_mass() -> None:
    """What the grammar forbids is taken out: here 0.3 for `high`, 0.1 for `low`, the rest is chatter."""
    found = sure(LEVEL, ('"', 0.01, {"The": 0.9}), ('high"', 0.3, {"low": 0.1, "sure": 0.5}))

    assert found == about(0.3 / (0.3 + 0.1 + 0.1))  # `higher` is not listed: it counts as the least listed


def test_the_first_token_says_nothing() -> None:
    """A brace or a quote that was unlikely is no doubt about the value."""
    yes_or_no = MapOf((Field("ok", Bool()),))

    assert sure(
        yes_or_no,
        ('{"', 0.001, {"Well": 0.9}),
        ("ok", 0.5),
        ('": ', 0.5),
        ("true", 0.9, {"false": 0.1}),
        ("}", 1.0),
    ) == about(0.9)


def test_values_may_be_split_anywhere_and_the_quotients_are_multiplied() -> None:
    """Where values part, and nowhere else."""
    cause = Enum(("billing", "bicycle", "other"))

    found = sure(
        cause, ('"', 1.0), ("bi", 0.6, {"oth": 0.2}), ("ll", 0.5, {"cy": 0.5}), ("ing", 0.1), ('"', 0.2)
    )

    assert found == about(0.75 * 0.5)


def test_the_closing_quote_decides_between_a_value_and_a_longer_one() -> None:
    """`high` or `higher`."""
    found = sure(LEVEL, ('"high', 0.8, {'"low': 0.2}), ('"', 0.7, {"er": 0.3}))

    assert found == about(0.8 * 0.7)


def test_another_split_of_the_same_value_is_no_alternative_to_it() -> None:
    """`h` + `igh` keeps what `high` keeps."""
    found = sure(Enum(("high", "low")), ('"', 1.0), ("high", 0.5, {"h": 0.3, "l": 0.2}), ('"', 1.0))

    assert found == about(0.8)


def test_a_token_that_leaves_both_open_counts_against() -> None:
    """Nobody knows where `high` without its end would have gone."""
    found = sure(Enum(("high", "higher")), ('"', 1.0), ('high"', 0.6, {"high": 0.3, "higher": 0.1}))

    assert found == about(0.6)


def test_what_is_not_listed_is_bounded_by_the_least_that_is_and_by_the_rest() -> None:
    """Three values that begin alike are begun by one token; there is no more mass than is left."""
    types = Enum(("a1", "b1", "b2", "b3", "c1"))

    bounded = sure(types, ('"', 1.0), ("a", 0.5, {"x": 0.1}), ('1"', 1.0))
    rest = sure(types, ('"', 1.0), ("a", 0.9, {"x": 0.06}), ('1"', 1.0))

    assert bounded == about(0.5 / (0.5 + 2 * 0.1))
    assert rest == about(0.9 / (0.9 + 0.04))


def test_space_before_a_value_is_no_difference() -> None:
    """`: "high` and `:"high` mean the same."""
    kind = MapOf((Field("level", Enum(("high", "low"))),))

    found = sure(
        kind,
        ('{"level', 1.0),
        ('": "high', 0.5, {'":"high': 0.2, '":"low': 0.1, '": "low': 0.2}),
        ('"}', 1.0),
    )

    assert found == about(0.7)


def test_a_map_is_as_sure_as_its_least_sure_value_and_text_beside_it_does_not_count() -> None:
    """The minimum, also of values deep inside."""
    kind = MapOf(
        (Field("why", Str()), Field("ok", Bool()), Field("marks", ListOf(MapOf((Field("n", Int(1, 3)),)))))
    )

    found = sure(
        kind,
        ('{"why": "', 1.0), ("no idea", 0.001, {"low": 0.9}), ('", "ok": ', 1.0),
        ("false", 0.9, {"true": 0.1}),
        (', "marks": [{"n": ', 1.0), ("2", 0.6, {"1": 0.2, "3": 0.2}), ("}]}", 1.0),
    )  # fmt: skip

    assert found == about(0.6)


def test_whole_numbers_end_where_the_next_token_says_so() -> None:
    """1, 10, 11 and 12 begin alike."""
    month = MapOf((Field("n", Int(1, 12)),))
    others = {str(n): 0.05 for n in range(2, 10)}

    one = sure(month, ('{"n": ', 1.0), ("1", 0.6, others), ("}", 0.5, {"0": 0.3, "1": 0.1, "2": 0.1}))
    twelve = sure(
        month, ('{"n": ', 1.0), ("1", 0.6, others), ("2", 0.5, {"0": 0.3, "1": 0.1, "}": 0.1}), ("}", 1.0)
    )

    assert one == about(0.6 * 0.5)
    assert twelve == about(0.6 * 0.5)


def test_a_number_whose_end_nobody_listed_shares_with_those_it_could_have_become() -> None:
    """A server that streams no token for the end."""
    assert sure(Int(1, 12), ("1", 0.9, {"2": 0.1})) == about(0.9 / 4)
    assert sure(Int(1, 12), ("1", 0.9, {"2": 0.1}), ("", 0.8, {"0": 0.2})) == about(0.9 * 0.8)


def test_characters_of_several_bytes_may_be_split() -> None:
    """Tokens of half a character are escaped bytes."""
    kind = Enum(("średni", "świetny"))
    first, second = (bytes([b]).decode("utf-8", "surrogateescape") for b in "ś".encode())

    found = sure(
        kind,
        ('"', 1.0),
        (first, 0.9),
        (second, 1.0),
        ("redni", 0.7, {"wiet": 0.3}),
        ('"', 1.0),
        text='"średni"',
    )

    assert found == about(0.7)


def test_a_value_without_quotes_in_a_fence_or_wrapped_is_found() -> None:
    """As the answers are that validation takes."""
    kind = Enum(("high", "low"))
    fields = MapOf((Field("ok", Bool()),))

    assert sure(kind, ("high", 0.9, {"low": 0.1}), text="high") == about(0.9)
    assert sure(
        kind, ('{"answer":', 1.0), ('"low"', 0.8, {'"high"': 0.2}), ("}", 1.0), text='"low"'
    ) == about(0.8)
    assert sure(
        fields, ("```json\n{", 0.1), ('"ok":', 0.1), ("true", 0.6, {"false": 0.2}), ("}\n```", 1.0)
    ) == about(0.75)
    assert sure(
        ListOf(kind), ('{"answer": [', 1.0), ('"low"', 0.8, {'"high"': 0.2}), ("]}", 1.0), text='[ "low" ]'
    ) == about(0.8)


def test_thoughts_before_the_answer_do_not_count() -> None:
    """The last place where the answer stands is the answer."""
    found = sure(
        Bool(), ("true", 0.5, {"false": 0.5}), ("...", 0.1), ("true", 0.9, {"false": 0.1}), text="true"
    )

    assert found == about(0.9)
    assert sure(None, ("hm ", 0.01), ("Good", 0.9), (".", 0.4), text="Good.") == about(math.sqrt(0.36))


def test_text_is_the_mean_token_whatever_its_length() -> None:
    """The geometric mean: a long answer is not less sure for being long."""
    assert sure(None, ("Rain", 0.5), (" falls", 0.5)) == about(0.5)
    assert sure(None, *((" again", 0.5),) * 40) == about(0.5)
    assert sure(
        MapOf((Field("t", Str()),)), ('{"t": "', 0.01), ("Rain", 0.6), (".", 0.6), ('"}', 0.01)
    ) == about(0.6)
    assert sure(Number(), ("3", 0.25), (".5", 1.0)) == about(0.5)


def test_a_long_scale_is_text() -> None:
    """On 0 to 100 a neighbour is nearly the same answer."""
    assert sure(Int(0, 100), ("7", 0.25, {"8": 0.2}), ("3", 1.0)) == about(0.5)


def test_a_schema_from_a_file_is_looked_into() -> None:
    """Its enums, constants and what may be null."""
    schema = {
        "type": "object",
        "properties": {"a": {"anyOf": [{"enum": ["x", "y"]}, {"type": "null"}]}, "b": {"const": 1}},
    }

    found = sure(
        Schema("s.json", schema), ('{"a": ', 1.0), ('"x"', 0.5, {'"y"': 0.3, "null": 0.2}), (', "b": 1}', 1.0)
    )

    assert found == about(0.5)


def test_without_log_probabilities_nobody_knows() -> None:
    """Not zero: unknown."""
    assert confidence(Completion("high", "stop", Usage()), LEVEL) is None


VALUES = st.lists(
    st.text(st.sampled_from("abć"), min_size=1, max_size=4), min_size=2, max_size=6, unique=True
)


@given(VALUES, st.data())
def test_over_all_values_of_a_set_it_adds_up_to_one(values: list[str], data: st.DataObject) -> None:
    """A model that writes character by character and lists all: the confidences are its probabilities of the values."""
    spelt = [f'"{value}"' for value in values]
    weights = data.draw(st.lists(st.integers(1, 9), min_size=len(values), max_size=len(values)))

    def steps(chosen: str) -> list[Step]:
        found: list[Step] = []
        for at, letter in enumerate(chosen):
            mass: dict[str, float] = {}
            for text, weight in zip(spelt, weights, strict=True):
                if text.startswith(chosen[:at]):
                    mass[text[at]] = mass.get(text[at], 0.0) + weight
            total = sum(mass.values()) * 2  # half of the mass is on what the grammar forbids
            found.append(
                (letter, mass.pop(letter) / total, {**{k: v / total for k, v in mass.items()}, "?": 0.5})
            )
        return found

    kind = Enum(tuple(values))
    assert [sure(kind, *steps(text)) for text in spelt] == [
        pytest.approx(weight / sum(weights)) for weight in weights
    ]


TOKEN = st.tuples(st.text(st.sampled_from('"{}[]:, abtrue1'), max_size=4), st.floats(-30, 0.0))


@given(
    st.lists(st.tuples(TOKEN, st.lists(TOKEN, max_size=4)), max_size=8),
    st.sampled_from([LEVEL, Bool(), Int(1, 12), None, ListOf(Bool())]),
)
def test_whatever_comes_it_is_between_zero_and_one(entries: Any, output: Type | None) -> None:
    """Tokens are data of a server: none of them makes it fail."""
    tokens = tuple(TokenLogprob(token, logprob, tuple(top)) for (token, logprob), top in entries)
    text = "".join(token.token for token in tokens)

    found = confidence(Completion(text, "stop", Usage(), logprobs=tokens), output)

    assert found is None or 0.0 <= found <= 1.0
