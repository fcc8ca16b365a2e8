"""Filters on lists and maps: pure functions `filter(frame, value, *arguments)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.render.access import TEXT_CAP, Frame, get_field, get_item, kind_of, to_json, to_text, weigh
from orchestrator.render.describe import Misuse
from orchestrator.render.predicates import TESTS
from orchestrator.render.take import count_of, list_of, number_of, text_of


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
    parts = [to_text(item if attribute is None else path_of(item, attribute), "item") for item in items]
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
    total = number_of(start)
    for item in list_of(frame, value):
        total += number_of(item if attribute is None else path_of(item, attribute))
    return total


def groupby(frame: Frame, value: Any, attribute: Any, default: Any = None) -> list[Any]:
    """Groups of items with the same attribute, as maps {grouper, list}, sorted by it."""
    groups: dict[Any, dict[str, Any]] = {}
    for item in list_of(frame, value):
        key = path_of(item, attribute, default)
        groups.setdefault(_hashable(key), {"grouper": key, "list": []})["list"].append(item)
    found = list(groups.values())
    _comparable(found, lambda group: group["grouper"])
    return sorted(found, key=lambda group: group["grouper"])


def batch(frame: Frame, value: Any, linecount: Any, fill_with: Any = None) -> list[Any]:
    """Lists of `linecount` items each; the last is filled up with `fill_with`."""
    values, size = list_of(frame, value), count_of(linecount, "linecount", 1)
    found = [values[start : start + size] for start in range(0, len(values), size)]
    if found and fill_with is not None:
        found[-1] = found[-1] + [fill_with] * (size - len(found[-1]))
    return list(weigh(frame, found))


def slice_(frame: Frame, value: Any, slices: Any, fill_with: Any = None) -> list[Any]:
    """`slices` lists of nearly the same length."""
    values, count = list_of(frame, value), count_of(slices, "slices", 1)
    size, longer = divmod(len(values), count)
    found, start = [], 0
    for number in range(count):
        end = start + size + (number < longer)
        short = [fill_with] if fill_with is not None and longer and number >= longer else []
        found.append(values[start:end] + short)
        start = end
    return list(weigh(frame, found))


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
        subject = item if attribute is None else path_of(item, attribute)
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


# ---------------------------------------------------------------------------------------------- keys of items


def path_of(item: Any, attribute: Any, default: Any = None) -> Any:
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
        value = item if attribute is None else path_of(item, attribute)
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
