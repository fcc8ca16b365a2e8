"""The filters of the language: an explicit list of pure functions on plain data. Knows no template."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.render.access import TEXT_CAP, Frame, get_field, get_item, kind_of, to_json, to_text, weigh
from orchestrator.render.chunks import chunks
from orchestrator.render.describe import Description, Misuse, describe
from orchestrator.render.predicates import TESTS

WIDTH_CAP = 100_000


# ------------------------------------------------------------------------------------------ taking arguments


def text_of(value: Any) -> str:
    """The text a text filter works on; numbers and true/false print first, as in `{{ }}`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return to_text(value, "the value")
    raise Misuse(f"needs text, not {kind_of(value)}")


def list_of(frame: Frame, value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        frame.burn(len(value))
        return value if isinstance(value, list) else list(value)
    hint = "; `x | items` lists a map's pairs" if isinstance(value, Mapping) else ""
    raise Misuse(f"needs a list, not {kind_of(value)}{hint}")


def _number(value: Any) -> int | float:
    if isinstance(value, int | float):
        return value
    raise Misuse(f"needs a number, not {kind_of(value)}")


def _count(value: Any, what: str, low: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= WIDTH_CAP:
        raise Misuse(f"{what} must be a whole number from {low} to {WIDTH_CAP:,}")
    return value


def _path(item: Any, attribute: Any, default: Any = None) -> Any:
    """`a.b` of an item. A missing field is an error unless there is a default."""
    parts = str(attribute).split(".") if isinstance(attribute, str) else [attribute]
    for part in parts:
        item = _step(item, part, safe=default is not None)
        if item is None and default is not None:
            return default
    return item


def _step(item: Any, part: Any, *, safe: bool) -> Any:
    if isinstance(part, str) and not (part.isdigit() and isinstance(item, list | tuple)):
        return get_field(item, part, "item", safe=safe)
    return get_item(item, int(part) if isinstance(part, str) else part, "item", safe=safe)


def _key(attribute: Any, case_sensitive: bool) -> Callable[[Any], Any]:
    def key(item: Any) -> Any:
        value = item if attribute is None else _path(item, attribute)
        return value.lower() if isinstance(value, str) and not case_sensitive else value

    return key


def _comparable(values: list[Any], key: Callable[[Any], Any]) -> None:
    kinds = {
        str if isinstance(k, str) else float if isinstance(k, int | float) else type(k)
        for k in map(key, values)
    }
    if len(kinds) > 1 or not kinds <= {str, float}:
        found = " and ".join(sorted({kind_of(key(value)) for value in values}))
        raise Misuse(f"can compare numbers with numbers and texts with texts, not {found}")


def _hashable(value: Any) -> Any:
    return (
        to_json(value, "item")
        if isinstance(value, list | dict | tuple | Mapping)
        else (type(value) is bool, value)
    )


# ------------------------------------------------------------------------------------------------------ text


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
    times = text.count(before) if count is None else min(text.count(before), _count(count, "count"))
    if len(text) + times * (len(after) - len(before)) > TEXT_CAP:
        raise Misuse(f"makes a text of more than {TEXT_CAP:,} characters")
    return text.replace(before, after, times)


def truncate(_: Frame, value: Any, length: Any = 255, killwords: Any = False, end: Any = "…") -> str:
    """Cut to `length` characters, at a word's end unless `killwords`; `end` marks the cut and counts."""
    text, limit, mark = text_of(value), _count(length, "length", 1), text_of(end)
    if len(text) <= limit:
        return text
    kept = text[: max(limit - len(mark), 0)]
    if not killwords and " " in kept and not text[len(kept)].isspace():
        kept = kept.rsplit(" ", 1)[0]
    return kept + mark


def center(_: Frame, value: Any, width: Any = 80) -> str:
    """Centred in `width` characters."""
    return text_of(value).center(_count(width, "width"))


def indent(_: Frame, value: Any, width: Any = 4, first: Any = False, blank: Any = False) -> str:
    """Every line but the first moved right by `width` spaces (`first`: that too, `blank`: empty lines too)."""
    text, space = text_of(value), " " * _count(width, "width")
    if text.count("\n") * len(space) + len(text) > TEXT_CAP:
        raise Misuse(f"makes a text of more than {TEXT_CAP:,} characters")
    head, *rest = text.split("\n")
    moved = [space + line if line or blank else line for line in rest]
    return "\n".join([space + head if first else head, *moved])


def wordwrap(_: Frame, value: Any, width: Any = 79) -> str:
    """Broken into lines of at most `width` characters."""
    import textwrap

    limit = _count(width, "width", 1)
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
    return to_json(value, "the value", None if indent is None else min(_count(indent, "indent"), 16))


def lines(frame: Frame, value: Any) -> list[str]:
    """The lines of the text, without their line ends."""
    text = text_of(value).replace("\r\n", "\n")
    found = text.removesuffix("\n").split("\n") if text else []
    frame.burn(len(found))
    return found


def chunks_(frame: Frame, value: Any, tokens: Any, overlap: Any = 0) -> list[str]:
    """Pieces of at most `tokens` tokens (estimated: four bytes each), cut between paragraphs, sentences or words."""
    size, repeated = _count(tokens, "tokens", 1), _count(overlap, "overlap")
    if repeated >= size:
        raise Misuse("the overlap must be smaller than the tokens of a chunk")
    text = text_of(value)
    frame.burn(len(text) // 4)
    return chunks(text, size, repeated)


# --------------------------------------------------------------------------------------------------- numbers


def abs_(_: Frame, value: Any) -> int | float:
    """Without its sign."""
    return abs(_number(value))


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
    number, digits = _number(value), _count(precision, "precision")
    if method not in ("common", "ceil", "floor") or digits > 15:
        raise Misuse("takes a precision of at most 15 and the methods common, ceil and floor")
    scaled = number * 10**digits
    whole = (
        round(scaled) if method == "common" else int(scaled // 1) if method == "floor" else -int(-scaled // 1)
    )
    return whole if digits == 0 else round(number, digits) if method == "common" else whole / 10**digits


def filesizeformat(_: Frame, value: Any, binary: Any = False) -> str:
    """A number of bytes in words a person reads: 13 kB."""
    size, base = float(_number(value)), 1024 if binary else 1000
    for unit in ("Bytes", "KiB" if binary else "kB", "MiB" if binary else "MB", "GiB" if binary else "GB"):
        if abs(size) < base:
            return f"{size:.0f} {unit}" if unit == "Bytes" else f"{size:.1f} {unit}"
        size /= base
    return f"{size:.1f} {'TiB' if binary else 'TB'}"


# ------------------------------------------------------------------------------------------------ lists, maps


def length(_: Frame, value: Any) -> int:
    """How many items, fields or characters there are."""
    if isinstance(value, list | tuple | str | Mapping):
        return len(value)
    raise Misuse(f"needs a list, a map or text, not {kind_of(value)}")


def first(frame: Frame, value: Any) -> Any:
    """The first item; null when there is none."""
    found = value if isinstance(value, str) else list_of(frame, value)
    return found[0] if found else None


def last(frame: Frame, value: Any) -> Any:
    """The last item; null when there is none."""
    found = value if isinstance(value, str) else list_of(frame, value)
    return found[-1] if found else None


def join(frame: Frame, value: Any, d: Any = "", attribute: Any = None) -> str:
    """The items as one text with `d` between them."""
    items = list_of(frame, value)
    parts = [to_text(item if attribute is None else _path(item, attribute), "item") for item in items]
    between = text_of(d)
    if sum(map(len, parts)) + len(between) * len(parts) > TEXT_CAP:
        raise Misuse(f"makes a text of more than {TEXT_CAP:,} characters")
    return between.join(parts)


def reverse(frame: Frame, value: Any) -> Any:
    """From the end to the beginning."""
    return value[::-1] if isinstance(value, str) else list_of(frame, value)[::-1]


def list_(frame: Frame, value: Any) -> list[Any]:
    """A list of the items, or of the characters of a text."""
    if isinstance(value, str):
        frame.burn(len(value))
        return list(value)
    return list(list_of(frame, value))


def items(frame: Frame, value: Any) -> list[Any]:
    """The pairs [key, value] of a map."""
    if not isinstance(value, Mapping):
        raise Misuse(f"needs a map, not {kind_of(value)}")
    frame.burn(len(value))
    return [[key, item] for key, item in value.items()]


def dictsort(
    frame: Frame, value: Any, case_sensitive: Any = False, by: Any = "key", reverse: Any = False
) -> list[Any]:
    """The pairs [key, value] of a map, sorted by key or value."""
    if by not in ("key", "value"):
        raise Misuse("`by` is 'key' or 'value'")
    return sort(frame, items(frame, value), reverse, case_sensitive, 0 if by == "key" else 1)


def sort(
    frame: Frame, value: Any, reverse: Any = False, case_sensitive: Any = False, attribute: Any = None
) -> list[Any]:
    """Sorted, by an attribute if named; texts without regard to case."""
    values = list_of(frame, value)
    key = _key(attribute, bool(case_sensitive))
    _comparable(values, key)
    return sorted(values, key=key, reverse=bool(reverse))


def unique(frame: Frame, value: Any, case_sensitive: Any = False, attribute: Any = None) -> list[Any]:
    """Each item once, the first of its kind."""
    key = _key(attribute, bool(case_sensitive))
    found: dict[Any, Any] = {}
    for item in list_of(frame, value):
        found.setdefault(_hashable(key(item)), item)
    return list(found.values())


def min_(frame: Frame, value: Any, case_sensitive: Any = False, attribute: Any = None) -> Any:
    """The smallest item; null when there is none."""
    return _extreme(frame, value, _key(attribute, bool(case_sensitive)), min)


def max_(frame: Frame, value: Any, case_sensitive: Any = False, attribute: Any = None) -> Any:
    """The largest item; null when there is none."""
    return _extreme(frame, value, _key(attribute, bool(case_sensitive)), max)


def _extreme(frame: Frame, value: Any, key: Callable[[Any], Any], choose: Any) -> Any:
    values = list_of(frame, value)
    _comparable(values, key)
    return choose(values, key=key, default=None)


def sum_(frame: Frame, value: Any, attribute: Any = None, start: Any = 0) -> int | float:
    """The sum of the numbers."""
    total = _number(start)
    for item in list_of(frame, value):
        total += _number(item if attribute is None else _path(item, attribute))
    return total


def groupby(frame: Frame, value: Any, attribute: Any, default: Any = None) -> list[Any]:
    """Groups of items with the same attribute, as maps {grouper, list}, sorted by it."""
    groups: dict[Any, dict[str, Any]] = {}
    for item in list_of(frame, value):
        key = _path(item, attribute, default)
        groups.setdefault(_hashable(key), {"grouper": key, "list": []})["list"].append(item)
    found = list(groups.values())
    _comparable(found, lambda group: group["grouper"])
    return sorted(found, key=lambda group: group["grouper"])


def batch(frame: Frame, value: Any, linecount: Any, fill_with: Any = None) -> list[Any]:
    """Lists of `linecount` items each; the last is filled up with `fill_with`."""
    values, size = list_of(frame, value), _count(linecount, "linecount", 1)
    found = [values[start : start + size] for start in range(0, len(values), size)]
    if found and fill_with is not None:
        found[-1] = found[-1] + [fill_with] * (size - len(found[-1]))
    return list(weigh(frame, found))


def slice_(frame: Frame, value: Any, slices: Any, fill_with: Any = None) -> list[Any]:
    """`slices` lists of nearly the same length."""
    values, count = list_of(frame, value), _count(slices, "slices", 1)
    size, longer = divmod(len(values), count)
    found, start = [], 0
    for number in range(count):
        end = start + size + (number < longer)
        short = [fill_with] if fill_with is not None and longer and number >= longer else []
        found.append(values[start:end] + short)
        start = end
    return list(weigh(frame, found))


def map_(frame: Frame, value: Any, *args: Any, attribute: Any = None, default: Any = None) -> list[Any]:
    """An attribute of each item (`map(attribute='a.b')`), or each item through a filter (`map('upper')`)."""
    values = list_of(frame, value)
    if attribute is not None:
        if args:
            raise Misuse("takes an attribute or a filter, not both")
        return [_path(item, attribute, default) for item in values]
    if not args or args[0] not in FILTERS:
        raise Misuse("takes attribute='…' or the name of a filter")
    run = FILTERS[args[0]].run
    return [run(frame, item, *args[1:]) for item in values]


def select(frame: Frame, value: Any, *args: Any) -> list[Any]:
    """The items that are true, or pass a test: `select('eq', 3)`."""
    return _chosen(frame, value, None, args, keep=True)


def reject(frame: Frame, value: Any, *args: Any) -> list[Any]:
    """The items that are false, or fail a test."""
    return _chosen(frame, value, None, args, keep=False)


def selectattr(frame: Frame, value: Any, attribute: Any, *args: Any) -> list[Any]:
    """The items whose attribute is true, or passes a test: `selectattr('urgency', 'eq', 'high')`."""
    return _chosen(frame, value, attribute, args, keep=True)


def rejectattr(frame: Frame, value: Any, attribute: Any, *args: Any) -> list[Any]:
    """The items whose attribute is false, or fails a test."""
    return _chosen(frame, value, attribute, args, keep=False)


def _chosen(frame: Frame, value: Any, attribute: Any, args: tuple[Any, ...], *, keep: bool) -> list[Any]:
    values = list_of(frame, value)
    test = TESTS.get(args[0]) if args else None
    if args and test is None:
        raise Misuse(f"there is no test {args[0]!r}")
    chosen = []
    for item in values:
        subject = item if attribute is None else _path(item, attribute)
        passed = bool(subject) if test is None else test.run(frame, subject, *args[1:])
        if passed == keep:
            chosen.append(item)
    return chosen


def present(frame: Frame, value: Any) -> list[Any]:
    """The items of the list that are not null."""
    return [item for item in list_of(frame, value) if item is not None]


def default_(_: Frame, value: Any, default_value: Any = "", boolean: Any = False) -> Any:
    """`default_value` when the value is null or missing (or, with `boolean`, false or empty)."""
    return default_value if value is None or (boolean and not value) else value


def _table() -> dict[str, Description]:
    string_: list[Callable[..., Any]] = [
        upper,
        lower,
        capitalize,
        title,
        trim,
        replace,
        truncate,
        center,
        indent,
        wordwrap,
    ]
    table = {
        run.__name__: describe(run.__name__, run, takes="text", returns="string")
        for run in (*string_, striptags)
    }
    more = (
        describe("format", format_, takes="text", returns="string"),
        describe("wordcount", wordcount, takes="text", returns="int"),
        describe("escape", escape, returns="string"),
        describe("e", escape, returns="string"),
        describe("urlencode", urlencode, returns="string"),
        describe("string", string, returns="string"),
        describe("json", json, returns="string"),
        describe("tojson", json, returns="string"),
        describe("lines", lines, takes="text", returns="strings"),
        describe("chunks", chunks_, takes="text", returns="strings"),
        describe("abs", abs_, takes="number", returns="same"),
        describe("int", int_, returns="int"),
        describe("float", float_, returns="number"),
        describe("round", round_, takes="number", returns="number"),
        describe("filesizeformat", filesizeformat, takes="number", returns="string"),
        describe("length", length, returns="int"),
        describe("count", length, returns="int"),
        describe("first", first, takes="list", returns="item"),
        describe("last", last, takes="list", returns="item"),
        describe("join", join, takes="list", returns="string"),
        describe("reverse", reverse, returns="same"),
        describe("list", list_, returns="list"),
        describe("items", items, takes="map", returns="list"),
        describe("dictsort", dictsort, takes="map", returns="list"),
        describe("sort", sort, takes="list", returns="same"),
        describe("unique", unique, takes="list", returns="same"),
        describe("min", min_, takes="list", returns="item"),
        describe("max", max_, takes="list", returns="item"),
        describe("sum", sum_, takes="list", returns="number"),
        describe("groupby", groupby, takes="list", returns="list"),
        describe("batch", batch, takes="list", returns="list"),
        describe("slice", slice_, takes="list", returns="list"),
        describe("map", map_, takes="list", returns="list"),
        describe("select", select, takes="list", returns="same"),
        describe("reject", reject, takes="list", returns="same"),
        describe("selectattr", selectattr, takes="list", returns="same"),
        describe("rejectattr", rejectattr, takes="list", returns="same"),
        describe("present", present, takes="list", returns="same"),
        describe("default", default_, returns="any", null_safe=True),
        describe("d", default_, returns="any", null_safe=True),
    )
    return table | {found.name: found for found in more}


FILTERS: Mapping[str, Description] = _table()
"""Every filter by name."""
