"""Detectors of what tells who somebody is: e-mail, phone, IBAN, card, known names. Pure, and the same every time.

A text is first brought into one form: full-width and other digits become plain ones, characters that are not seen go,
every kind of blank and dash becomes one, so that `ｊａｎｅ＠…` and a number with zero-width joiners inside are found. In
doubt something is found: what is lowered by `declassify` fails closed. Not found is what is spelled out in words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_LOCAL = r"(?<![\w.+%'-])[\w.+%'-]+"
_HOST = r"[\w-]+(?:\s{0,2}\.\s{0,2}[\w-]+)+"
_EMAIL = re.compile(
    rf"(?:{_LOCAL}|\"[^\"\n]{{1,64}}\")\s{{0,3}}@\s{{0,3}}(?!\d+\.\d+(?![\w.-])){_HOST}"  # jane @ example . com
    rf"|{_LOCAL}\s{{0,3}}[(\[{{<]\s*at\s*[)\]}}>]\s*[\w-]+"  # jane (at) example
    rf"|{_LOCAL}\s{{0,3}}[-_*~|/]{{1,3}}\s?at\s?[-_*~|/]{{1,3}}\s{{0,3}}{_HOST}"  # jane -at- example.com
    rf"|{_LOCAL}\s{{1,3}}at\s+[\w-]+(?:(?:\.|\s+dot\s+|\s*[(\[{{<]\s*dot\s*[)\]}}>]\s*)[a-z]{{2,}})+",  # jane at example dot com
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<!\d)(?<!\d\.)(?:\+\s?)?[(]?\d(?:[\s().\-/_·•]{0,3}\d){6,}")
_WITH_COMMAS = re.compile(
    r"(?<!\d)(?<!\d[-/.])(?!(?<=\d,)\d\d(?:[ ;|]|$))(?:\+\s?[(]?|[(]?0)\d(?:[ ().\-/_·•,;|]{0,3}\d){6,}"
)
_GROUPS = re.compile(r"\d{3}(?:,\d{3})*(?:\.\d+)?")
_SPOKEN_OF = re.compile(
    r"(?<![^\W\d_])(tel|phone|telefon|call|mobile|mobil|handy|cell|fax|ring|rufnummer)[^\W\d_]*\W{0,12}$",
    re.IGNORECASE,
)
_GLUED = re.compile(r"[^\W\d]$")
_DAY = (
    r"(?:(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|[12]\d|3[01])[-/.](?:19|20)\d\d)"
)
_DATE = re.compile(rf"(?<!\d)(?<!\d[-/.(]){_DAY}(?![-/.)]?\d)")
_AREA = re.compile(r"[(]?0\d{2,5}[)]?")
_FIGURE = (
    rf"(?:{_DAY}|(?:19|20)\d\d(?:[-/](?:19|20)\d\d|-(?:0[1-9]|1[0-2]))?|[1-9]\d{{0,2}}(?:\.\d{{3}})+"  # dates, years, thousands
    r"|\d{1,3}(?:\.\d{1,3}){3}|(?:0|[1-9]\d{0,5})\.\d{1,2}|0\.\d+)"  # addresses of machines, prices
)
_NO_PHONE = re.compile(
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})(?:[\s-]+(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}))?"
    rf"|{_FIGURE}(?:\s{{1,3}}{_FIGURE}|\s?[-/]\s?{_FIGURE})*"
    r"|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[-_]?\d{4,6})?"  # 20240131_101530
    r"|(?:0|[1-9]\d*)\.\d+"  # decimals
)
_BETWEEN = r"[\s.\-/_·•,:;|]{0,3}"
_IBAN = re.compile(
    rf"(?=([A-Za-z]\s?[A-Za-z]{_BETWEEN}\d\s?\d(?:{_BETWEEN}[A-Za-z0-9]){{11,30}}))"
)  # also one that is glued to a word
_CARD = re.compile(r"(?<!\d)\d(?:[\s.\-/_·•,:|]{0,3}\d){12,}(?!\d)")
_UNSEEN = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127))
_AT_SIGN = re.compile(r"%40|&#0*64;|&#x0*40;|&commat;", re.IGNORECASE)
_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19,
    "SK": 24, "SM": 27, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "BI": 27, "DJ": 27, "FK": 18, "HN": 28, "LY": 25, "MN": 20, "NI": 28, "OM": 23, "RU": 33, "SD": 18, "SO": 23,
    "ST": 25, "YE": 30,
}  # fmt: skip
"""Characters of an account number by country (ISO 13616)."""


def plain(text: str) -> str:
    """The text in the one form that the detectors read."""
    text = _AT_SIGN.sub("@", text.translate(_UNSEEN))
    if text.isascii():
        return text
    return "".join(_plain(char) for char in unicodedata.normalize("NFKC", text))


def _plain(char: str) -> str:
    if char < "\x80":
        return char
    match unicodedata.category(char):
        case "Cf" | "Mn" | "Me":
            return ""
        case "Nd":
            return str(unicodedata.digit(char))
        case "Pd":
            return "-"
        case "Zs" | "Zl" | "Zp":
            return " "
        case _:
            return {"\u2212": "-", "\u3002": "."}.get(char, char)


def found_in(text: str) -> Iterator[str]:
    """What there is of each kind, in words: `an e-mail address`. Never the value itself."""
    text = plain(text)
    if _EMAIL.search(text):
        yield "an e-mail address"
    if not any(char.isdigit() for char in text):
        return
    if any(_is_iban(match[1]) for match in _IBAN.finditer(text)):
        yield "an IBAN"
    if any(_holds_card(match[0]) for match in _CARD.finditer(text)):
        yield "a card number"
    if any(_holds_phone(text, match) for match in _NUMBER.finditer(text)) or any(
        _is_listed_phone(text, match) for match in _WITH_COMMAS.finditer(text)
    ):
        yield "a phone number"


def has_email(text: str) -> bool:
    return _EMAIL.search(plain(text)) is not None


MOST = 15
"""Digits of a phone number (E.164). What is longer is more than one thing, and not known to be harmless."""


def _holds_phone(text: str, match: re.Match[str]) -> bool:
    """Whether digits with joints between them are a phone number, or hold one beside dates and other lines."""
    said = match[0]
    at = match.start()
    lines = said.splitlines(keepends=True)
    parts = [list(_apart(line)) for line in lines]
    dated = any(
        sum(len(part) for _, part in inside) < len(line.strip())
        for inside, line in zip(parts, lines, strict=True)
    )
    if not dated and _is_phone(text, said, at, match.end(), whole=True):
        return True
    for inside, line in zip(parts, lines, strict=True):
        if any(_is_phone(text, part, at + begin, at + begin + len(part)) for begin, part in inside):
            return True
        at += len(line)
    return False


def _apart(line: str) -> Iterator[tuple[int, str]]:
    """What is left of a line without the dates in it, with the place of each part. An area code keeps its date."""
    begin = 0
    for date in _DATE.finditer(line):
        before = line[begin : date.start()].strip()
        if _AREA.fullmatch(before) or before.startswith("+"):
            continue
        yield from _stripped(begin, line[begin : date.start()])
        begin = date.end()
    yield from _stripped(begin, line[begin:])


def _stripped(begin: int, part: str) -> Iterator[tuple[int, str]]:
    bare = part.lstrip(" \t\r\n.-/_·•)")
    if bare:
        yield begin + len(part) - len(bare), bare.rstrip()


def _is_phone(text: str, said: str, begin: int, end: int, *, whole: bool = False) -> bool:
    """Whether these digits are one. A `whole` that is too long is looked at again in its parts."""
    digits = sum(char.isdigit() for char in said)
    if digits < 7 or _NO_PHONE.fullmatch(said) or (whole and digits > MOST):
        return False
    spoken = _SPOKEN_OF.search(text[max(0, begin - 32) : begin]) is not None
    strong = said[0] in "+(" or (said[0] == "0" and digits >= 9)
    joined = not said.isdigit()
    before = _GLUED.search(text[max(0, begin - 1) : begin]) is not None
    after = _GLUED.match(text[end : end + 1]) is not None
    if spoken or (strong and not (before and after)):
        return True
    if before or (after and not joined):  # inside of a word: a checksum, a part number
        return False
    return joined or said[0] == "0" or digits >= 10


def _is_listed_phone(text: str, match: re.Match[str]) -> bool:
    """One with commas or bars between its groups; those of `1,012,345,678` are no such thing."""
    said = match[0]
    if not any(char in ",;|" for char in said):
        return False
    inside = text[max(0, match.start() - 1) : match.start()] == ","
    if inside and _GROUPS.fullmatch(said):
        return False
    return not all(_NO_PHONE.fullmatch(part) for part in re.split(r"[ ,;|]+", said))


FIGURES = 8
"""Digits that an account number has at least; a sentence that begins with a country and a number has fewer."""


def _is_iban(said: str) -> bool:
    """Whether it begins with an account number whose check digits are right (ISO 7064, mod 97-10)."""
    text = "".join(char for char in said if char.isalnum()).upper()
    length = _LENGTHS.get(text[:2], 0)
    if not 0 < length <= len(text) or sum(char.isdigit() for char in text[:length]) < FIGURES:
        return False
    return _mod_97(text[:length]) == 1


def _mod_97(text: str) -> int:
    turned = text[4:] + text[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97


GLUED = 7
"""Digits that may follow a card number without a gap: month, year and check value."""


def _holds_card(said: str) -> bool:
    """Whether digits that begin with a group are a card number: 13 to 19 that pass Luhn's check."""
    groups = re.findall(r"\d+", said)
    for begin in range(len(groups)):
        digits = ""
        for group in groups[begin : begin + 19]:
            digits += group
            if len(digits) >= 13 and digits[0] in "23456" and any(map(_luhn, _cards(digits, len(group)))):
                return True
            if len(digits) > 19:
                break
    return False


def _cards(digits: str, last: int) -> Iterator[str]:
    """All of them, and the cards that they begin with when more is glued to the last group."""
    if len(digits) <= 19:
        yield digits
    for length in (14, 15, 16) if digits[0] == "3" else (16,):
        if 0 < len(digits) - length <= min(GLUED, last - 1):
            yield digits[:length]


def _luhn(digits: str) -> bool:
    doubled = [int(char) * (2 if place % 2 else 1) for place, char in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


# ---------------------------------------------------------------------------------------------------- names

SHORT = 80
"""Characters up to which a text of an input may be a name; longer ones are texts."""
_WORD = re.compile(r"[^\W\d_]+|\d+")
_ABOUT_PEOPLE = re.compile(
    r"(?:^|_)(?:full|first|last|user|sur|nick)?(?:name|names|from|to|cc|sender|recipient|author|customer|client|patient|"
    r"user|login|owner|contact|person|employee|member|first|last|kunde|vorname|nachname|absender)(?:$|_)",
    re.IGNORECASE,
)
_PARTICLES = frozenset(
    (
        "von",
        "van",
        "der",
        "den",
        "del",
        "della",
        "the",
        "and",
        "und",
        "bin",
        "ibn",
        "inc",
        "ltd",
        "gmbh",
        "com",
        "org",
    )
)
_ALSO_WORDS = frozenset(
    ("will", "may", "mark", "grace", "hope", "rose", "art", "bill", "sue", "pat", "dawn", "june", "april", "august",
     "summer", "young", "long", "little", "brown", "white", "black", "green", "king", "day", "case", "best", "first",
     "rich", "frank", "drew", "chase", "miles", "guy", "joy", "faith", "price", "page", "love", "new", "customer"),
)  # fmt: skip
"""Names that are words too: found only where they are written with a capital."""


class Names:
    """Short texts of inputs, found again as whole words in any case, with or without accents and joints."""

    def __init__(self, values: Iterable[tuple[str, str]]) -> None:
        """Of pairs: the field a text stands in, and the text."""
        self._whole: set[tuple[str, ...]] = set()
        self._parts: set[str] = set()
        self._inside: set[str] = set()
        for key, text in values:
            self._add(key, text)
        self._longest = max(map(len, self._whole), default=0)

    def in_text(self, text: str) -> bool:
        """Whether one of them stands in this text."""
        text = plain(text)
        if any(name in text for name in self._inside):
            return True
        written = _WORD.findall(text)
        words = [_folded(word) for word in written]
        if any(self._is_part(word, as_written) for word, as_written in zip(words, written, strict=True)):
            return True
        return any(
            tuple(words[begin : begin + length]) in self._whole
            for length in range(1, self._longest + 1)
            for begin in range(len(words) - length + 1)
        )

    def _is_part(self, word: str, as_written: str) -> bool:
        if word not in self._parts:
            return False
        return word not in _ALSO_WORDS or as_written[0].isupper()

    def _add(self, key: str, text: str) -> None:
        text = plain(text).split("<")[0].strip() or text
        written = _WORD.findall(text)
        words = tuple(_folded(word) for word in written)
        if len(text) > SHORT or not words or not any(word.isalpha() for word in words):
            return
        person = _ABOUT_PEOPLE.search(key) is not None
        if not written[0][0].isdigit() and written[0].lower() == written[0].upper():
            self._inside |= (
                {text} if len(text) > 1 else set()
            )  # a script without capitals, and maybe without blanks
            return
        if len("".join(words)) < 3 or (len(words) == 1 and not person and not written[0][0].isupper()):
            return
        if len(words) == 1:
            self._parts.add(words[0])
        else:
            self._whole |= {words, ("".join(words),)}
        if person:
            parts = (word for word in words if word.isalpha() and len(word) >= 3)
            self._parts |= {word for word in parts if word not in _PARTICLES}


def _folded(word: str) -> str:
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(char for char in apart if not unicodedata.combining(char))


# ------------------------------------------------------------------------------------------------- of values


def texts_of(value: Any, *, keys: bool = True) -> Iterator[str]:
    """Every text in a value, keys of maps included; numbers as they are printed."""
    match value:
        case str():
            yield value
        case bool() | None:
            return
        case int() | float():
            yield str(value)
        case Mapping():
            for key, inner in value.items():
                if keys:
                    yield str(key)
                yield from texts_of(inner, keys=keys)
        case list() | tuple():
            for inner in value:
                yield from texts_of(inner, keys=keys)
        case _:
            yield str(value)


def fields_of(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """Every text in a value with the field it stands in."""
    match value:
        case str():
            yield key, value
        case Mapping():
            for name, inner in value.items():
                yield from fields_of(inner, str(name))
        case list() | tuple():
            for inner in value:
                yield from fields_of(inner, key)
        case _:
            return


__all__ = ["Names", "fields_of", "found_in", "has_email", "plain", "texts_of"]
