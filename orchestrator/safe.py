"""Text from outside, made fit for a terminal: controls are shown, never obeyed; and how wide it is there.

Covers C0 and C1 controls, escape sequences (their ESC), bidirectional overrides, line separators, lone surrogates,
and what is there but not seen: zero-width characters, variation selectors and tags where no writing needs them, and
piles of combining marks. Line ends and tabs stay.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import groupby
from unicodedata import category, east_asian_width

UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_COVERED = (
    "[\xad\u034f\u115f\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_HIDDEN = re.compile(f"{_COVERED}{_COVERED}*")
"""Twice the set, since a pattern that begins with one character, not with several, is searched for much faster."""
_FLAG = re.compile("[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
"""The region of a flag, behind the black one: Scotland is gbsct."""
_RARE = "[\U00010a00-\U00011fff\U0001d165-\U0001d244\U0001e000-\U0001e94f]"
_RARE_PILES = re.compile(f"{_RARE}{_RARE}{{4,}}")
"""Beyond the first 65536 characters: blocks in which marks are, letters too."""
PILE = 4
"""Combining marks over one letter; no living writing needs more."""
MARKS = ("Mn", "Me")
"""Categories of characters that stand over another, without a column."""
NOWHERE = (*MARKS, "Cf")
"""Of all that takes no column: what joins letters, too."""
_EACH = 3
"""Hidden characters beside each other that are named one by one."""
_ZWSP, _ZWNJ, _ZWJ = "\u200b\u200c\u200d"


def safe(text: str) -> str:
    """The text with everything that acts or hides in a visible form: ESC as ␛, U+202E as <U+202E>."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if not text.isascii():
        text = _HIDDEN.sub(_uncovered, text)
        text = _RARE_PILES.sub(_unpiled, _piles().sub(_unpiled, text))
    return _CONTROLS.sub(_visible, text)


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"<U+{code:04X}>"


def _uncovered(found: re.Match[str]) -> str:
    """Hidden characters: as they are where writing needs them, by their numbers or their count elsewhere."""
    run, text = found[0], found.string
    before = text[found.start() - 1] if found.start() else ""
    after = text[found.end()] if found.end() < len(text) else ""
    if _belongs(before, run, after):
        return run
    if len(run) > _EACH:
        return f"<{len(run)} hidden characters>"
    return "".join(f"<U+{ord(char):04X}>" for char in run)


def _belongs(before: str, run: str, after: str) -> bool:
    """Whether writing needs these between their neighbours: to join or part letters, to make one emoji of several."""
    if before == "\U0001f3f4":
        return _FLAG.fullmatch(run) is not None or run == _ZWJ
    last = run[-1]
    if last == _ZWJ and len(run) == 1 + (run[0] == "\ufe0f") and _is_sign(after):
        return _is_sign(before)
    if len(run) > 1 or not before:
        return False
    if last in (_ZWNJ, _ZWJ):
        return _joins(before)
    if last == _ZWSP:
        return (
            "\u0e00" <= before <= "\u109f" or "\u1780" <= before <= "\u19df" or "\ua980" <= before <= "\ua9df"
        )
    return _selects(before, last)


def _selects(before: str, selector: str) -> bool:
    """Whether one variation selector makes sense behind a character."""
    if selector in "\ufe0e\ufe0f":
        return before in "#*0123456789" or _is_sign(before) or category(before) in ("Po", "Pd")
    if "\ufe00" <= selector <= "\ufe0d":
        return before >= "\u1000" and category(before)[0] in "LS"
    if "\U000e0100" <= selector <= "\U000e01ef":
        return before >= "\u2e80" and category(before) == "Lo"
    return "\u180b" <= selector <= "\u180f" and "\u1820" <= before <= "\u18aa"


def _is_sign(char: str) -> bool:
    """Emoji and what they are made of, also arrows and skin colours; but not how controls are shown here."""
    return char >= "\xa9" and not "\u2400" <= char <= "\u2421" and category(char) in ("So", "Sm", "Sk")


def _joins(char: str) -> bool:
    """Letters and marks of writings whose shapes depend on their neighbours."""
    code = ord(char)
    inside = 0x0600 <= code <= 0x109F or 0x1780 <= code <= 0x1CFF or 0xA800 <= code <= 0xABFF
    return (inside or 0x10A00 <= code <= 0x11FFF) and category(char)[0] in "LM"


@cache
def _piles() -> re.Pattern[str]:
    """Where more marks may stand than one letter has. Made when it is first needed: it takes a while.

    Only the first 65536 characters: a set of others would be slow.
    """
    places = (
        range(0x0300, 0x1E00), range(0x20D0, 0x2100), range(0x2DE0, 0x2E00), range(0x302A, 0x309B),
        range(0xA66F, 0xAC00), range(0xFE20, 0xFE30),
    )  # fmt: skip
    marks = "".join(char for place in places for char in map(chr, place) if category(char) in MARKS)
    return re.compile(f"[{marks}][{marks}]{{{PILE},}}")


def _unpiled(found: re.Match[str]) -> str:
    """Marks beyond `PILE` over one letter, counted."""
    kept: list[str] = []
    for marked, same in groupby(found[0], lambda char: category(char) in MARKS):
        run = "".join(same)
        many = len(run) - PILE if marked else 0
        kept.append(f"{run[:PILE]}<{many} more marks>" if many > 0 else run)
    return "".join(kept)


def width_of(text: str) -> int:
    """Columns the text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(0 if category(c) in NOWHERE else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def fit(text: str, width: int) -> str:
    """The text cut to so many columns, with `…` where it was cut."""
    if width_of(text) <= width:
        return text
    used, kept = 0, []
    for char in text:
        used += width_of(char)
        if used > width - 1:
            break
        kept.append(char)
    return "".join(kept) + "…"


def tail(text: str, width: int) -> str:
    """The end of the text in so many columns, with `…` where it was cut."""
    if width_of(text) <= width:
        return text
    return "…" + fit(text[::-1], width)[:-1][::-1] if width > 1 else ""
