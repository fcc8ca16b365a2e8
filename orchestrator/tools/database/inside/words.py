"""What a model reads: names as SQL wants them written, and errors short, with the nearest name."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
LONGEST = 400
SHOWN = 12
LINES = 4
_UNKNOWN = re.compile(
    r'(?:Referenced column|does not have a column named|no such column:|has no column named) *"?(?P<name>[^"\n]+?)"?'
    r"(?: not found.*)?$",
    re.MULTILINE,
)
_NO_TABLE = re.compile(
    r'(?:Table with name|Referenced table|no such table:) "?(?P<name>[^"\n]+?)"?(?: does not exist.*| not found.*)?$',
    re.MULTILINE,
)
_NEAR = re.compile(r'syntax error at or near "([^"]+)"|near "([^"]+)": syntax error')
_LINE = re.compile(r"\n+LINE \d+:.*", re.DOTALL)
_CANDIDATES = re.compile(r"\n+(?:Candidate (?:bindings|tables)|Did you mean).*", re.DOTALL)


def quoted(name: str, reserved: Collection[str] = ()) -> str:
    """A name as it must be written: in double quotes unless it is a plain word."""
    if PLAIN.fullmatch(name) and name.lower() not in reserved:
        return name
    return '"' + name.replace('"', '""') + '"'


def explained(
    message: str, columns: Sequence[str], tables: Sequence[str], reserved: Collection[str] = ()
) -> str:
    """The error of a database without its drawing, with the nearest name where one is unknown."""
    line = _LINE.search(message)
    text = _CANDIDATES.sub("", _LINE.sub("", message)).strip()
    unknown, absent = _UNKNOWN.search(text), _NO_TABLE.search(text)
    if unknown:
        return _cut(_unknown_column(unknown["name"].strip(), columns, reserved))
    if absent:
        return _cut(f'there is no table "{absent["name"].strip()}"; {_choice(tables, reserved)}')
    if "syntax error" in text:
        text += _where(line) + _unquoted(text, [*tables, *columns])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _cut("; ".join(lines[:LINES]))


def _where(line: re.Match[str] | None) -> str:
    return " in: " + line[0].strip().partition(": ")[2].splitlines()[0] if line else ""


def _unquoted(text: str, names: Sequence[str]) -> str:
    """A name that SQL takes for a word of its own."""
    word = _NEAR.search(text)
    wrong = next((name for name in names if word and name.lower() == (word[1] or word[2]).lower()), None)
    return f'; write the name in double quotes: "{wrong}"' if wrong else ""


def _unknown_column(name: str, columns: Sequence[str], reserved: Collection[str]) -> str:
    last = name.rpartition(".")[2]
    near = _near(last, columns)
    if near is not None:
        return f'there is no column "{name}"; did you mean {quoted(near, reserved)}?'
    return (
        f'there is no column "{name}"; {_choice(columns, reserved)}. '
        f"If it is a text, write it in single quotes: '{name}'"
    )


def _near(name: str, names: Sequence[str]) -> str | None:
    folded = {_folded(one): one for one in reversed(names)}
    found = get_close_matches(_folded(name), list(folded), n=1, cutoff=0.6)
    starts = [one for fold, one in folded.items() if _folded(name) and fold.startswith(_folded(name))]
    return folded[found[0]] if found else starts[-1] if starts else None


def _folded(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def _choice(names: Sequence[str], reserved: Collection[str]) -> str:
    every = [quoted(name, reserved) for name in dict.fromkeys(names)]
    return "there is " + ", ".join(every[:SHOWN]) + (", …" if len(every) > SHOWN else "")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
