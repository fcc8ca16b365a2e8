"""A text as programs write it when they do not write it as it is: base64, hex, percent signs, backwards. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterator

SHORTEST = 8
"""Characters below which nobody looks for these writings: a shorter text would be found where it is not meant."""
_SAFE_IN_ADDRESSES = str.maketrans("+/", "-_")


def encoded(text: str) -> Iterator[str]:
    """Every writing of a text, wherever in a longer one it begins; nothing for a short text."""
    if len(text) < SHORTEST:
        return
    data = text.encode("utf-8", "surrogatepass")
    yield text[::-1]
    yield data.hex()
    yield data.hex().upper()
    yield "".join(f"%{byte:02X}" for byte in data)
    yield "".join(f"%{byte:02x}" for byte in data)
    for characters in in_base64(data):
        yield characters
        yield characters.translate(_SAFE_IN_ADDRESSES)


def in_base64(data: bytes) -> Iterator[str]:
    """The characters that stand for these bytes alone, wherever in a longer text they begin."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data).decode("ascii").rstrip("=")
        last = len(whole) - ((before + len(data)) % 3 > 0)  # the last also holds bits of what follows
        yield whole[(0, 2, 3)[before] : last]


__all__ = ["encoded", "in_base64"]
