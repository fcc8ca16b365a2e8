"""The names of a hundred thousand spans in four bytes each: numbers of items as such, every other name kept once."""

from __future__ import annotations

from array import array


class Names:
    """A list of names with their separators: `triage`, `.3`, `~2`, `@tiny`. Made into text when somebody asks."""

    def __init__(self) -> None:
        self._codes = array("i")
        """The number of an item; below zero the place of a word, counted from -1 down."""
        self._words: list[str] = []
        self._places: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._codes)

    def __getitem__(self, span: int) -> str:
        code = self._codes[span]
        return f".{code}" if code >= 0 else self._words[~code]

    def append(self, name: str) -> None:
        code = number_of(name)
        if code < 0:
            place = self._places.get(name)
            if place is None:
                place = self._places[name] = len(self._words)
                self._words.append(name)
            code = ~place
        self._codes.append(code)

    def number(self, span: int) -> int:
        """3 for the item `.3`; below zero for every other name."""
        return max(-1, self._codes[span])


def number_of(name: str) -> int:
    """3 for the item `.3`; -1 for every other name, and for numbers no list can have."""
    digits = name[1:]
    if name[0] != "." or not digits.isascii() or not digits.isdecimal() or len(digits) > 7:
        return -1
    number = int(digits)
    return number if str(number) == digits else -1
