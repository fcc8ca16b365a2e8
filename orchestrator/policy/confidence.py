"""How sure a model was of its answer, between 0 and 1, from the log-probabilities of its tokens. Pure.

A value out of a closed set (enum, bool, few whole numbers): the probability of that value among the allowed ones. At
every token where allowed values part, the mass of the tokens that keep the written value is divided by the mass of all
that lead to an allowed value; the quotients are multiplied. What is not known counts against the answer: a token that
leaves both open, and an allowed value that none of the listed alternatives begins (it gets what the least listed one
has). An answer with several such values is as sure as its least sure one; text beside them does not count. An answer
without any is text: e to the mean of its tokens' log-probabilities. Knows no provider and no threshold.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.messages import Completion, TokenLogprob
from orchestrator.policy.leaves import Leaf, closed, leaves
from orchestrator.spec.schema import WRAPPER, json_schema, wrap
from orchestrator.spec.types import Type

STARTS_TRIED = 50
"""Places in prose at which the JSON of an answer is looked for."""
_WRAPPED = re.compile(rb'\{\s*"' + WRAPPER.encode() + rb'"\s*:')


def confidence(completion: Completion, output: Type | None) -> float | None:
    """Between 0 and 1, for a valid answer of the type `output`; None where its tokens say nothing about it."""
    if not completion.logprobs:
        return None
    answer = _Tokens.of(completion.logprobs)
    span = answer.find(completion.text)
    if output is None:
        return None if span is None else answer.mean([span])
    found = _leaves(answer.raw, span, json_schema(output))
    sure = [answer.sure(leaf.start, leaf.end, forms) for leaf, forms in _closed(answer.raw, found)]
    if sure:
        return min(sure)
    return answer.mean([_inside(answer.raw, leaf) for leaf in found] or ([span] if span else []))


# ----------------------------------------------------------------------------------------------- the values


def _leaves(raw: bytes, span: tuple[int, int] | None, schema: Mapping[str, Any]) -> list[Leaf]:
    """The values of the answer. A server that takes only objects got the schema wrapped, and its tokens are of that."""
    text = raw.decode("latin-1")
    if span is None:
        wrapped = list(_WRAPPED.finditer(raw))
        return _read(text, wrapped[-1].start(), wrap(schema)) if wrapped else []
    start, end = span
    for at in _starts(text, start, end):
        if found := _read(text, at, schema):
            return found
    return [Leaf(schema, *_stripped(text, start, end))]


def _starts(text: str, start: int, end: int) -> Iterator[int]:
    """Where the JSON may begin: at once, or behind prose or a fence."""
    yield start
    signs = (m.start() for m in re.compile(r"[{\[]").finditer(text, start, end))
    for _, at in zip(range(STARTS_TRIED), signs, strict=False):
        yield at


def _read(text: str, at: int, schema: Mapping[str, Any]) -> list[Leaf]:
    try:
        return leaves(text, at, schema)
    except ValueError:
        return []


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    """A value that was written without quotes."""
    bare = text[start:end].strip("` \t\r\n")
    at = text.find(bare, start)
    return at, at + len(bare)


def _closed(raw: bytes, found: Sequence[Leaf]) -> Iterator[tuple[Leaf, list[bytes]]]:
    """The values out of closed sets, each with the spellings of the set: first the one that was written."""
    for leaf in found:
        values = closed(leaf.schema)
        if values is None:
            continue
        written = raw[leaf.start : leaf.end]
        bare = isinstance(meant := _meant(written), str) and not written.startswith(b'"')
        others = [value for value in values if not _same(value, meant)]
        spelt = (v if bare and isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in others)
        yield leaf, list(dict.fromkeys((written, *(text.encode("utf-8", "replace") for text in spelt))))


def _meant(written: bytes) -> Any:
    text = written.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return {"true": True, "false": False}.get(text.lower(), text)


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _inside(raw: bytes, leaf: Leaf) -> tuple[int, int]:
    """A text without its quotes."""
    quoted = raw[leaf.start : leaf.start + 1] == b'"' and leaf.end - leaf.start > 2
    return (leaf.start + 1, leaf.end - 1) if quoted else (leaf.start, leaf.end)


# ----------------------------------------------------------------------------------------------- the tokens


@dataclass(frozen=True, slots=True)
class _Token:
    """One token of the answer, from `start` to `end`; `masses` are alternatives with their probabilities, itself too."""

    start: int
    end: int
    logprob: float
    masses: tuple[tuple[bytes, float], ...]


@dataclass(frozen=True, slots=True)
class _Tokens:
    """All tokens that came, thoughts before the answer included."""

    raw: bytes
    tokens: tuple[_Token, ...]

    @staticmethod
    def of(logprobs: Sequence[TokenLogprob]) -> _Tokens:
        pieces, tokens, at = [], [], 0
        for entry in logprobs:
            piece = _bytes(entry.token)
            pieces.append(piece)
            tokens.append(_Token(at, at + len(piece), min(0.0, entry.logprob), _masses(piece, entry)))
            at += len(piece)
        return _Tokens(b"".join(pieces), tuple(tokens))

    def find(self, text: str) -> tuple[int, int] | None:
        """Where this text stands; the last place, because thoughts come before an answer."""
        wanted = _bytes(text.strip())
        at = self.raw.rfind(wanted)
        return (at, at + len(wanted)) if wanted and at >= 0 else None

    def mean(self, spans: Sequence[tuple[int, int]]) -> float | None:
        """e to the mean log-probability of the tokens in these places."""
        inside = [
            token.logprob
            for token in self.tokens
            if any(token.start < end and token.end > start for start, end in spans)
        ]
        return math.exp(math.fsum(inside) / len(inside)) if inside else None

    def sure(self, start: int, end: int, forms: Sequence[bytes]) -> float:
        """The probability of the first of `forms`, which stands at `start` to `end`, among all of them."""
        alive, result = list(forms), 1.0
        for token in self.tokens:
            if token.end <= start or (token.start == token.end and token.start < end):
                continue
            if len(alive) == 1:
                return result
            lead = self.raw[token.start : start].strip()
            written = self.raw[start : token.start]
            kept, quotient = _parting(token, lead, written, alive)
            result *= quotient
            alive = kept
        return result / len(alive)  # nobody said what follows a number that could go on


def _parting(token: _Token, lead: bytes, written: bytes, alive: list[bytes]) -> tuple[list[bytes], float]:
    """The values that this token leaves open, and their probability among those that were open before it."""
    own, _ = token.masses[0]
    kept = _open(own, lead, written, alive)
    if len(kept) == len(alive) or alive[0] not in kept:
        return [form for form in alive if form in kept] or alive[:1], 1.0
    good = bad = listed = 0.0
    begun: set[bytes] = set()
    for piece, mass in token.masses:
        listed += mass
        left = _open(piece, lead, written, alive)
        begun |= left
        if left and left <= kept:
            good += mass
        elif left:
            bad += mass
    unlisted = {form[len(written) :][:1] for form in alive if form not in begun}
    least = min(mass for _, mass in token.masses)
    bad += min(max(0.0, 1.0 - listed), least * len(unlisted))
    return [form for form in alive if form in kept], good / (good + bad) if good > 0.0 else 0.0


def _open(piece: bytes, lead: bytes, written: bytes, alive: Sequence[bytes]) -> set[bytes]:
    """The values that are still possible behind this token, which begins with what stands before the value."""
    if lead:
        piece = piece.lstrip()
        if not piece.startswith(lead):
            return set(alive) if lead.startswith(piece) else set()
        piece = piece[len(lead) :]
    if not written:
        piece = piece.lstrip() if piece.strip() else b""
        if not piece:
            return set(alive)
    elif not piece:  # the end of the answer
        return {form for form in alive if form == written}
    text = written + piece
    return {form for form in alive if form.startswith(text) or (text.startswith(form) and _ends(form, text))}


def _ends(form: bytes, text: bytes) -> bool:
    """Whether what follows in `text` lets this value end there: 1 does not end before a 2."""
    if form.endswith(b'"'):
        return True
    following = text[len(form) : len(form) + 1]
    return not (following.isalnum() or following in (b".", b"_", b"+", b"-") or following >= b"\x80")


def _masses(piece: bytes, entry: TokenLogprob) -> tuple[tuple[bytes, float], ...]:
    others = [(_bytes(token), _probability(logprob)) for token, logprob in entry.top if token != entry.token]
    return ((piece, _probability(entry.logprob)), *others)


def _probability(logprob: float) -> float:
    return math.exp(min(0.0, logprob))


def _bytes(token: str) -> bytes:
    """Half a character, which a token may be, is spelt with escaped bytes."""
    try:
        return token.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return token.encode("utf-8", "replace")


__all__ = ["confidence"]
