"""Cutting long texts: nothing lost, nothing too long, cut at the best border."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.render.chunks import BYTES_PER_TOKEN, chunks

TEXTS = st.text(alphabet=st.sampled_from('ab é中🙂.!?\n \t,"'), max_size=300) | st.text(max_size=200)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


@given(TEXTS, st.integers(1, 30))
@settings(deadline=None)
def test_chunks_joined_are_the_text(text: str, tokens: int) -> None:
    """Without overlap not a character is lost or doubled."""
    assert "".join(chunks(text, tokens)) == text


@given(TEXTS, st.integers(2, 30), st.data())
@settings(deadline=None)
def test_overlap_only_repeats_the_end_of_the_chunk_before(
    text: str, tokens: int, data: st.DataObject
) -> None:
    """Take the repeated part away and the text is there again."""
    overlap = data.draw(st.integers(1, tokens - 1))

    plain, overlapping = chunks(text, tokens - overlap), chunks(text, tokens, overlap)

    assert len(plain) == len(overlapping)
    for index, (fresh, whole) in enumerate(zip(plain, overlapping, strict=True)):
        repeated = whole.removesuffix(fresh)
        assert whole.endswith(fresh)
        assert repeated == "" or plain[index - 1].endswith(repeated)


@given(TEXTS, st.integers(2, 30), st.integers(0, 1))
@settings(deadline=None)
def test_no_chunk_is_longer_than_allowed(text: str, tokens: int, overlap: int) -> None:
    """By the documented estimate of four bytes a token; none is empty."""
    for piece in chunks(text, tokens, overlap):
        assert piece
        assert _size(piece) <= tokens * BYTES_PER_TOKEN


def test_paragraphs_are_kept_whole_where_they_fit() -> None:
    """The coarsest border that fits is taken."""
    text = "First paragraph here.\n\nSecond one, short.\n\nThird."

    assert chunks(text, 8) == ["First paragraph here.\n\n", "Second one, short.\n\nThird."]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    """Then lines, then sentences, then words."""
    assert chunks("One sentence is here. Another one follows! And a third?", 7) == [
        "One sentence is here. ",
        "Another one follows! ",
        "And a third?",
    ]
    assert chunks("one two three four", 2) == ["one two ", "three ", "four"]
    assert chunks("line one\nline two", 3) == ["line one\n", "line two"]


def test_a_word_is_cut_only_when_it_alone_is_too_long() -> None:
    """Even inside a word no character is split."""
    assert chunks("aaaaaaaaaa bb", 2) == ["aaaaaaaa", "aa bb"]
    assert chunks("🙂🙂🙂", 1) == ["🙂", "🙂", "🙂"]


def test_overlap_begins_with_a_whole_word() -> None:
    """A repeated half word would only confuse."""
    assert chunks("alpha beta gamma delta", 5, 2) == ["alpha beta ", "beta gamma delta"]


def test_an_empty_text_has_no_chunks() -> None:
    """So that a reduce over them has nothing to do."""
    assert chunks("", 5) == []
