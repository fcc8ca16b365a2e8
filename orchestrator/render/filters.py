"""The filters of the language: an explicit list, by name. Knows no template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.render.access import Frame
from orchestrator.render.describe import Description, Misuse, describe
from orchestrator.render.lists import (
    batch,
    default_,
    dictsort,
    first,
    groupby,
    items,
    join,
    last,
    length,
    list_,
    max_,
    min_,
    path_of,
    present,
    reject,
    rejectattr,
    reverse,
    select,
    selectattr,
    slice_,
    sort,
    sum_,
    unique,
)
from orchestrator.render.take import list_of
from orchestrator.render.texts import (
    abs_,
    capitalize,
    center,
    chunks_,
    escape,
    filesizeformat,
    float_,
    format_,
    indent,
    int_,
    json,
    lines,
    lower,
    replace,
    round_,
    string,
    striptags,
    title,
    trim,
    truncate,
    upper,
    urlencode,
    wordcount,
    wordwrap,
)


def map_(frame: Frame, value: Any, *args: Any, attribute: Any = None, default: Any = None) -> list[Any]:
    """An attribute of each item (`map(attribute='a.b')`), or each item through a filter (`map('upper')`)."""
    values = list_of(frame, value)
    if attribute is not None:
        if args:
            raise Misuse("takes an attribute or a filter, not both")
        return [path_of(item, attribute, default) for item in values]
    if not args or args[0] not in FILTERS:
        raise Misuse("takes attribute='…' or the name of a filter")
    run = FILTERS[args[0]].run
    return [run(frame, item, *args[1:]) for item in values]


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
    )
    return table | {found.name: found for found in more}


FILTERS: Mapping[str, Description] = _table()
"""Every filter by name."""
