"""Filters on text and numbers: pure functions `filter(frame, value, *arguments)`."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.render.access import TEXT_CAP, Frame, to_json, to_text
from orchestrator.render.chunks import chunks
from orchestrator.render.describe import Misuse
from orchestrator.render.take import count_of, number_of, text_of


def upper(_: Frame, value: Any) -> str:
    """In capital letters."""
    return text_of(value).upper()


def lower(_: Frame, value: Any) -> str:
    """In small letters."""
    return text_of(value).lower()


def capitalize(_: Frame, value: Any) -> str:
    """First letter large, the others small."""
    return text_of(value).capitalize()


def title(_: Frame, value: Any) -> str:
    """Every word with a large first letter."""
    return re.sub(r"[^\W_]+(?:['’][^\W_]+)*", lambda word: word[0].capitalize(), text_of(value))


def trim(_: Frame, value: Any, chars: Any = None) -> str:
    """Without white space (or `chars`) at both ends."""
    return text_of(value).strip(None if chars is None else text_of(chars))


def replace(_: Frame, value: Any, old: Any, new: Any, count: Any = None) -> str:
    """With `old` replaced by `new`, at most `count` times."""
    text, before, after = text_of(value), text_of(old), text_of(new)
    times = text.count(before) if count is None else min(text.count(before), count_of(count, "count"))
    if len(text) + times * (len(after) - len(before)) > TEXT_CAP:
        raise Misuse(f"makes a text of more than {TEXT_CAP:,} characters")
    return text.replace(before, after, times)


def truncate(_: Frame, value: Any, length: Any = 255, killwords: Any = False, end: Any = "…") -> str:
    """Cut to `length` characters, at a word's end unless `killwords`; `end` marks the cut and counts."""
    text, limit, mark = text_of(value), count_of(length, "length", 1), text_of(end)
    if len(text) <= limit:
        return text
    kept = text[: max(limit - len(mark), 0)]
    if not killwords and " " in kept and not text[len(kept)].isspace():
        kept = kept.rsplit(" ", 1)[0]
    return kept + mark


def center(_: Frame, value: Any, width: Any = 80) -> str:
    """Centred in `width` characters."""
    return text_of(value).center(count_of(width, "width"))


def indent(_: Frame, value: Any, width: Any = 4, first: Any = False, blank: Any = False) -> str:
    """Every line but the first moved right by `width` spaces (`first`: that too, `blank`: empty lines too)."""
    text, space = text_of(value), " " * count_of(width, "width")
    if text.count("\n") * len(space) + len(text) > TEXT_CAP:
        raise Misuse(f"makes a text of more than {TEXT_CAP:,} characters")
    head, *rest = text.split("\n")
    moved = [space + line if line or blank else line for line in rest]
    return "\n".join([space + head if first else head, *moved])


def wordwrap(_: Frame, value: Any, width: Any = 79) -> str:
    """Broken into lines of at most `width` characters."""
    import textwrap

    limit = count_of(width, "width", 1)
    wrapped = (textwrap.wrap(line, limit, break_on_hyphens=False) for line in text_of(value).split("\n"))
    return "\n".join("\n".join(line) for line in wrapped)


def wordcount(_: Frame, value: Any) -> int:
    """How many words the text has."""
    return len(re.findall(r"\w+", text_of(value)))


_SPEC = re.compile(r"%(?:%|[-+ 0#]*(?P<width>\d*)(?:\.(?P<precision>\d*))?(?P<type>.?))", re.DOTALL)


def format_(_: Frame, value: Any, *args: Any) -> str:
    """Fills `%s`, `%d`, `%.2f` in the text: `'%s has %d' | format(name, n)`."""
    pattern = text_of(value)
    for spec in _SPEC.finditer(pattern):
        if spec[0] != "%%" and (spec["type"] not in list("sdifgeExXo") or spec["type"] == ""):
            raise Misuse(f"does not know '{spec[0]}'; it takes %s %d %f %g %e %x %o and %%")
        if len(spec["width"] or "") > 3 or len(spec["precision"] or "") > 2:
            raise Misuse(f"'{spec[0]}' is wider than 999 characters")
    ready = tuple(
        arg if isinstance(arg, int | float) and not isinstance(arg, bool) else to_text(arg, "argument")
        for arg in args
    )
    return pattern % ready


def striptags(_: Frame, value: Any) -> str:
    """Without HTML tags, entities resolved, white space collapsed."""
    import html

    return " ".join(html.unescape(re.sub(r"<[^<>]*>", " ", text_of(value))).split())


def escape(_: Frame, value: Any) -> str:
    """With `< > & ' "` written as HTML entities."""
    import html

    return html.escape(to_text(value, "the value"))


def urlencode(_: Frame, value: Any) -> str:
    """Percent-encoded, for a part of a URL."""
    import urllib.parse

    return urllib.parse.quote(to_text(value, "the value"), safe="/")


def string(_: Frame, value: Any) -> str:
    """As it would print."""
    return to_text(value, "the value")


def json(_: Frame, value: Any, indent: Any = None) -> str:
    """As JSON text, compact or indented."""
    return to_json(value, "the value", None if indent is None else min(count_of(indent, "indent"), 16))


def lines(frame: Frame, value: Any) -> list[str]:
    """The lines of the text, without their line ends."""
    text = text_of(value).replace("\r\n", "\n")
    found = text.removesuffix("\n").split("\n") if text else []
    frame.burn(len(found))
    return found


def chunks_(frame: Frame, value: Any, tokens: Any, overlap: Any = 0) -> list[str]:
    """Pieces of at most `tokens` tokens (estimated: four bytes each), cut between paragraphs, sentences or words."""
    size, repeated = count_of(tokens, "tokens", 1), count_of(overlap, "overlap")
    if repeated >= size:
        raise Misuse("the overlap must be smaller than the tokens of a chunk")
    text = text_of(value)
    frame.burn(len(text) // 4)
    return chunks(text, size, repeated)


# -------------------------------------------------------------------------------------------------- numbers


def abs_(_: Frame, value: Any) -> int | float:
    """Without its sign."""
    return abs(number_of(value))


def int_(_: Frame, value: Any, default: Any = None) -> Any:
    """As a whole number; what is none gives `default`, or an error when there is no default."""
    try:
        return int(float(value)) if isinstance(value, str) and "." in value else int(value)
    except (TypeError, ValueError, OverflowError):
        if default is None:
            raise Misuse(f"cannot make a whole number of {value!r:.60}") from None
        return default


def float_(_: Frame, value: Any, default: Any = None) -> Any:
    """As a number; what is none gives `default`, or an error when there is no default."""
    try:
        found = float(value)
        if found - found == 0:  # neither infinite nor "not a number"
            return found
    except (TypeError, ValueError, OverflowError):
        pass
    if default is None:
        raise Misuse(f"cannot make a number of {value!r:.60}")
    return default


def round_(_: Frame, value: Any, precision: Any = 0, method: Any = "common") -> int | float:
    """Rounded to `precision` digits; `method` is common, ceil or floor. Without digits a whole number."""
    number, digits = number_of(value), count_of(precision, "precision")
    if method not in ("common", "ceil", "floor") or digits > 15:
        raise Misuse("takes a precision of at most 15 and the methods common, ceil and floor")
    scaled = number * 10**digits
    whole = (
        round(scaled) if method == "common" else int(scaled // 1) if method == "floor" else -int(-scaled // 1)
    )
    return whole if digits == 0 else round(number, digits) if method == "common" else whole / 10**digits


def filesizeformat(_: Frame, value: Any, binary: Any = False) -> str:
    """A number of bytes in words a person reads: 13 kB."""
    size, base = float(number_of(value)), 1024 if binary else 1000
    for unit in ("Bytes", "KiB" if binary else "kB", "MiB" if binary else "MB", "GiB" if binary else "GB"):
        if abs(size) < base:
            return f"{size:.0f} {unit}" if unit == "Bytes" else f"{size:.1f} {unit}"
        size /= base
    return f"{size:.1f} {'TiB' if binary else 'TB'}"
