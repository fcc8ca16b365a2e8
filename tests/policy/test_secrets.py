"""Secrets known by value."""

from __future__ import annotations

import json
from types import MappingProxyType
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.policy.secrets import SHORTEST, Masked, Secrets

SECRETS = Secrets.of({"KEY": "abcabd", "OTHER": "abc", "LONG": "abcabdabcabd"})


@given(st.text(min_size=SHORTEST), st.text(), st.text())
def test_no_spelling_of_a_secret_survives(secret: str, before: str, after: str) -> None:
    """As it is, in JSON, in an address, inside any text."""
    known = Secrets.of({"X": secret})
    if len(secret.strip()) < SHORTEST:
        return
    for spelled in (
        secret,
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        quote(secret, safe=""),
    ):
        clean = known.clean(f"{before}{spelled}{after}")
        assert known.found([clean]) is None or secret in f"[env.X]{before}{after}"


def test_longer_secrets_go_first_and_short_ones_are_left_alone() -> None:
    """A value that is part of another does not break it up; one of three characters is in every other word."""
    assert SECRETS.clean("1 abcabdabcabd 2 abcabd 3 abc") == "1 [env.LONG] 2 [env.KEY] 3 abc"


def test_a_value_is_cleaned_as_deep_as_it_goes_and_else_is_the_very_same() -> None:
    """Keys of maps too; what holds nothing is not copied."""
    plain = {"a": [1, {"b": "c"}], "d": ("e", None)}

    assert SECRETS.cleaned({"abcabd": ["x abcabd", {"y": ("abcabd",)}]}) == {
        "[env.KEY]": ["x [env.KEY]", {"y": ("[env.KEY]",)}]
    }
    assert SECRETS.cleaned(plain) is plain


@given(st.lists(st.sampled_from(["a", "b", "c", "abc", "abd", "abcabd", "x", ""]), max_size=12))
def test_a_secret_that_comes_in_pieces_is_masked_and_nothing_else_is_lost(pieces: list[str]) -> None:
    """The stream says what the whole text, cleaned, says."""
    secrets, said = Secrets.of({"KEY": "abcabd"}), []
    masked = Masked(secrets, lambda _, text: said.append(text))

    for piece in pieces:
        masked("p", piece)
    masked.end("p")

    assert "".join(said) == secrets.clean("".join(pieces))


@given(st.text("abcd", max_size=30))
def test_what_waits_is_the_longest_beginning_of_a_secret(text: str) -> None:
    """No more, else a stream falters, and no less, else a secret shows."""
    beginnings = {spelling[:n] for spelling, _ in SECRETS.spellings for n in range(1, len(spelling))}

    waits = Masked(SECRETS, lambda _path, _text: None)._beginning(text)

    assert waits == max((n for n in range(len(text) + 1) if text[len(text) - n :] in beginnings), default=0)


DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("abcd ", max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abcd", max_size=7), inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text("abcd", max_size=7), inner, max_size=2).map(MappingProxyType)
    ),
    max_leaves=6,
)


@given(DATA)
def test_a_secret_is_within_what_cleaning_changes(value: object) -> None:
    """The short look says that nothing is there only where cleaning gives back the very same value."""
    assert SECRETS.within(value) == (SECRETS.cleaned(value) is not value)
