"""Text into the numbers of BERT's vocabulary: lower case, no accents, longest pieces first (WordPiece).

The vocabulary is the one all uncased BERT models share (30,522 pieces, Apache-2.0) and ships with orch. The rules are
those of the model's own tokenizer, checked against it piece by piece. Knows no model.
"""

from __future__ import annotations

import gzip
import unicodedata
from collections.abc import Iterator
from pathlib import Path

VOCABULARY = Path(__file__).with_name("minilm_vocab.txt.gz")
UNKNOWN, BEGIN, END = 100, 101, 102
LONGEST = 100
"""Characters of a word; a longer one is unknown as a whole."""
_SPECIAL = {"[PAD]": 0, "[UNK]": UNKNOWN, "[CLS]": BEGIN, "[SEP]": END, "[MASK]": 103}
_REMEMBERED = 50_000
"""Words whose pieces are kept: most words of a text have been seen before."""
_ASCII_CONTROLS = {code: None for code in (*range(32), 127) if chr(code) not in "\t\n\r"}
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class Words:
    """The tokenizer; the names of special tokens are plain text to it, so that no document can forge one."""

    def __init__(self, pieces: list[str]) -> None:
        self._first = {piece: number for number, piece in enumerate(pieces) if not piece.startswith("##")}
        self._rest = {piece[2:]: number for number, piece in enumerate(pieces) if piece.startswith("##")}
        for name in _SPECIAL:
            self._first.pop(name, None)
        self._known: dict[str, tuple[int, ...]] = {}

    def encode(self, text: str) -> list[int]:
        """The numbers of a text, between the marks of its beginning and end. Never cut."""
        numbers = [BEGIN]
        for word in words_of(text):
            numbers.extend(self._pieces(word))
        numbers.append(END)
        return numbers

    def _pieces(self, word: str) -> tuple[int, ...]:
        found = self._known.get(word)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[word] = self._split(word)
        return found

    def _split(self, word: str) -> tuple[int, ...]:
        if len(word) > LONGEST:
            return (UNKNOWN,)
        numbers, start, pieces = [], 0, self._first
        while start < len(word):
            end = next((end for end in range(len(word), start, -1) if word[start:end] in pieces), 0)
            if not end:
                return (UNKNOWN,)
            numbers.append(pieces[word[start:end]])
            start, pieces = end, self._rest
        return tuple(numbers)


def load_words() -> Words:
    """The tokenizer with the vocabulary that ships."""
    return Words(gzip.decompress(VOCABULARY.read_bytes()).decode("utf-8").splitlines())


def words_of(text: str) -> Iterator[str]:
    """Words and single signs, in lower case and without accents."""
    text = text.translate(_ASCII_CONTROLS).lower() if text.isascii() else _plain(text)
    for chunk in text.split():
        if chunk.isalnum():
            yield chunk
        else:
            yield from _at_signs(chunk)


def _plain(text: str) -> str:
    """Controls and accents go, ideographs stand alone."""
    kept = (sign for sign in text if not _is_control(sign))
    spaced = "".join(f" {sign} " if _is_ideograph(ord(sign)) else sign for sign in kept)
    bare = (sign for sign in unicodedata.normalize("NFD", spaced) if unicodedata.category(sign) != "Mn")
    # sign by sign, as the model learnt it: Python would make the last sigma of a Greek word another letter
    return "".join(sign.lower() for sign in bare)


def _at_signs(chunk: str) -> Iterator[str]:
    """A chunk without blanks, taken apart at punctuation."""
    word = ""
    for sign in chunk:
        if not _is_punctuation(sign):
            word += sign
            continue
        if word:
            yield word
        yield sign
        word = ""
    if word:
        yield word


def _is_ideograph(code: int) -> bool:
    return code >= 0x3400 and any(low <= code <= high for low, high in _IDEOGRAPHS)


def _is_punctuation(sign: str) -> bool:
    if sign.isascii():
        return not sign.isalnum()
    return unicodedata.category(sign).startswith("P")


def _is_control(sign: str) -> bool:
    return sign == "\ufffd" or (sign not in "\t\n\r" and unicodedata.category(sign).startswith("C"))
