"""Text from outside, made fit for a terminal: controls are shown, never obeyed; and how wide it is there.

Covers C0 and C1 controls, escape sequences (their ESC), bidirectional overrides, line separators,
invisible tag characters and lone surrogates. Line ends and tabs stay.
"""

from __future__ import annotations

import re
from unicodedata import combining, east_asian_width

UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def safe(text: str) -> str:
    """The text with every control character in a visible form: ESC as ␛, U+202E as <U+202E>."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    return UNSAFE.sub(_visible, text)


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"<U+{code:04X}>"


def width_of(text: str) -> int:
    """Columns the text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


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
