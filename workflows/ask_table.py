"""Finds the columns and values that a question names, and builds a query of them. Knows no table and asks no model."""

# ruff: noqa: S608 - names are quoted by sql.schema, texts by _sql, and the database is locked: it can be read only
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

UNITS = frozenset(
    (
        "mm",
        "cm",
        "m",
        "km",
        "g",
        "kg",
        "t",
        "s",
        "h",
        "ms",
        "usd",
        "eur",
        "gbp",
        "percent",
        "pct",
        "million",
        "the",
        "of",
        "a",
        "an",
        "in",
        "on",
        "to",
        "o",
        "oo",
        "n",
    )
)
GROUPS = re.compile(r"\b(?:per|by|each|every|across)\s+(?:\w+\s+)?$")
MORE = r"(?:more|over|above|greater|longer|heavier|larger|bigger|higher|older|after|at least|exceed\w*)"
LESS = r"(?:less|fewer|under|below|shorter|lighter|smaller|lower|younger|before|at most)"
LIMIT = re.compile(rf"\b({MORE}|{LESS})\b(?:\s+than)?\s+(\d+(?:\.\d+)?)")
NUMERIC = ("INT", "DOUBLE", "FLOAT", "DECIMAL", "REAL", "NUMERIC")
CUES = {
    "average": r"\b(?:average|mean|typical)\b",
    "sum": r"\b(?:total|sum|altogether|together|add up|in all)\b",
    "minimum": r"\bminimum\b",
    "maximum": r"\bmaximum\b",
    "different": r"\b(?:different|distinct)\b",
    "commonest": r"\b(?:most common|commonest|most often|most frequent\w*)\b",
}
"""Words that say by themselves what kind of query it is."""
ASKED = 60
"""Texts of a table are looked for in the question up to this length."""


@dataclass
class Found:
    """`measure` is a column of numbers, `by` one of texts, empty where the question names none. `columns` are all.

    `masked` is the question with common words instead of those of this table: so questions of all tables are alike.
    `kind` is empty where no single word tells it.
    """

    measure: str
    by: str
    target: str
    where: list[str]
    columns: list[str]
    numbers: list[str]
    masked: str
    kind: str


def values_query(question: str, schema: list[Any]) -> str:
    """A query for those texts of the table that stand in the question."""
    asked = f" {_plain(question)} ".replace("'", "''")
    texts = [column["name"] for column in schema[0]["columns"] if not _is_number(column)]
    parts = [
        f"SELECT '{name.replace(chr(39), chr(39) * 2)}' AS c, cast({name} AS VARCHAR) AS v FROM data "
        f"WHERE length(cast({name} AS VARCHAR)) BETWEEN 2 AND {ASKED} AND contains('{asked}', "
        f"' ' || trim(regexp_replace(lower(cast({name} AS VARCHAR)), '[^\\w]+', ' ', 'g')) || ' ')"
        for name in texts
    ]
    return " UNION ".join(parts) or "SELECT '' AS c, '' AS v WHERE false"


def find(question: str, schema: list[Any], values: list[Any]) -> Found:
    """What a question names: columns by their words, values by their text, limits by their number."""
    asked, columns = _plain(question), schema[0]["columns"]
    numbers = [column["name"] for column in columns if _is_number(column)]
    texts = [column["name"] for column in columns if column["name"] not in numbers]
    where = [f"lower(cast({one['c']} AS VARCHAR)) = '{_sql(one['v'].lower())}'" for one in values]
    rest = LIMIT.sub(" ", asked)
    groups = [name for name in [*texts, *numbers] if _is_group(asked, name)]
    measure = _best(rest, [name for name in numbers if name not in groups])
    for word, limit in LIMIT.findall(asked):
        sign = ">" if re.fullmatch(MORE, word) else "<"
        column = _within(columns, limit) if word in ("after", "before") else measure
        where += [f"{_number(column)} {sign} {limit}"] if column else []
    for year in re.findall(r"\b(?:in|of|from|during)\s+(\d{4})\b", rest):
        column = _within([one for one in columns if one["name"] != measure], year, years=True)
        where += [f"{_number(column)} = {year}"] if column else []
    filtered = {one["c"] for one in values}
    target = _best(asked, [name for name in texts if name not in filtered])
    masked = _masked(asked, measure, [name for name in texts if name not in filtered], values)
    names = [one["name"] for one in columns]
    return Found(measure, groups[0] if groups else "", target, where, names, numbers, masked, _cue(asked))


def build(kind: str, found: dict[str, Any], column: str) -> str:
    """The query of a kind, over the columns that were found; empty where one is missing. `column` stands in for the measure."""
    measure = found["measure"] or column
    by, target = found["by"], found["target"]
    texts = [name for name in found["columns"] if name not in found["numbers"]]
    what = target or by or (texts[0] if texts else "")
    where = f" WHERE {' AND '.join(found['where'])}" if found["where"] else ""
    kept = f"{where} {'AND' if where else 'WHERE'} {_number(measure)} IS NOT NULL" if measure else where
    calls = {"average": "avg", "sum": "sum", "minimum": "min", "maximum": "max"}
    if kind == "count":
        return _grouped("count(*) AS number", by, where)
    if kind in calls:
        return _grouped(f"{calls[kind]}({_number(measure)}) AS {kind}", by, where) if measure else ""
    if kind in ("top", "bottom"):
        order = "DESC" if kind == "top" else "ASC"
        chosen = f"{what}, " if what else ""
        query = f"SELECT {chosen}{_number(measure)} AS value FROM data{kept} ORDER BY 2 {order} LIMIT 1"
        return query if measure and what else ""
    if not what:
        return ""
    if kind == "commonest":
        return f"SELECT {what}, count(*) AS number FROM data{where} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
    if kind == "different":
        return f"SELECT count(DISTINCT {what}) AS number FROM data{where}"
    return f"SELECT DISTINCT {what} FROM data{where} ORDER BY 1"


def column_of(answer: str, found: dict[str, Any]) -> str:
    """The column of numbers that an answer names, as SQL writes it; empty for one that there is not."""
    wanted = _plain(answer)
    return next((name for name in found["numbers"] if _plain(name) == wanted), "")


def sentence(rows: list[Any]) -> str:
    """The result in plain words, without a model."""
    if not rows:
        return "No row fits the question."
    if len(rows) == 1 and len(rows[0]) == 1:
        return f"The answer is {_shown(next(iter(rows[0].values())))}."
    lines = [", ".join(_shown(value) for value in row.values()) for row in rows[:10]]
    more = f" (and {len(rows) - 10} more)" if len(rows) > 10 else ""
    return f"The answer is: {'; '.join(lines)}{more}."


def strays(text: str, question: str, rows: list[Any]) -> list[str]:
    """Numbers of a text that stand neither in the result, rounded or not, nor in the question."""
    known = [float(one) for one in _numbers(question)] + [float(len(rows))]
    for row in rows:
        for value in row.values():
            known += [float(one) for one in _numbers(str(value))]
    return [one for one in _numbers(text) if not any(_same(one, number) for number in known)]


def axes(rows: list[Any]) -> dict[str, str]:
    """The columns that make a chart of a result; empty where there is none."""
    if len(rows) < 2:
        return {"x": "", "y": ""}
    numbers = [name for name, value in rows[0].items() if isinstance(value, int | float)]
    names = [name for name in rows[0] if name not in numbers[-1:]]
    return {"x": names[0] if numbers and names else "", "y": numbers[-1] if numbers and names else ""}


def _grouped(call: str, by: str, where: str) -> str:
    if not by:
        return f"SELECT {call} FROM data{where}"
    return f"SELECT {by}, {call} FROM data{where} GROUP BY 1 ORDER BY 1"


def _number(name: str) -> str:
    """A column as numbers: one `NA` among them makes it a column of texts."""
    return f"try_cast({name} AS DOUBLE)"


def _is_number(column: Any) -> bool:
    if any(kind in column["type"].upper() for kind in NUMERIC):
        return True
    shown = [str(one) for one in column["examples"] if str(one).upper() not in ("NA", "N/A", "NAN", "", "-")]
    return bool(shown) and all(re.fullmatch(r"-?\d+(?:\.\d+)?", one) for one in shown)


def _within(columns: list[Any], number: str, *, years: bool = False) -> str:
    """A column of whole numbers between whose least and greatest value the number lies; of `years` if it is one."""
    for column in columns:
        ends = [one for one in column["examples"] if isinstance(one, int)]
        fits = len(ends) >= 2 and min(ends) <= float(number) <= max(ends)
        if fits and "INT" in column["type"].upper() and (not years or 1000 <= min(ends) <= max(ends) < 3000):
            return str(column["name"])
    return ""


def _cue(asked: str) -> str:
    found = [kind for kind, words in CUES.items() if re.search(words, asked)]
    return found[0] if len(found) == 1 else ""


def _masked(asked: str, measure: str, texts: list[str], values: list[Any]) -> str:
    for one in values:
        asked = re.sub(rf"\b{re.escape(_plain(one['v']))}\b", "such", asked)
    asked = re.sub(r"\b\d+(?:\.\d+)?\b", "so much", asked)
    named = {_stem(word): "category" for name in texts for word in _plain(name).split() if word not in UNITS}
    named |= {_stem(word): "amount" for word in _plain(measure).split() if word not in UNITS}
    words = [named.get(_stem(word), word) for word in asked.split()]
    return " ".join(word for n, word in enumerate(words) if n == 0 or word != words[n - 1])


def _best(asked: str, names: list[str]) -> str:
    """The name of which the most words, and at least half, stand in the question; the earlier one of two."""
    words = [_stem(word) for word in asked.split()]
    scored = [(_share(words, name), -order, name) for order, name in enumerate(names)]
    best = max(scored, default=(0.0, 0, ""))
    return best[2] if best[0] >= 0.5 else ""


def _share(words: list[str], name: str) -> float:
    own = [_stem(word) for word in _plain(name).split() if word not in UNITS]
    return sum(word in words for word in own) / len(own) if own else 0.0


def _is_group(asked: str, name: str) -> bool:
    words = [word for word in _plain(name).split() if word not in UNITS]
    found = re.search(rf"\b{re.escape(words[0][:5])}", asked) if words else None
    while found:
        if GROUPS.search(asked[: found.start()]):
            return True
        found = re.compile(rf"\b{re.escape(words[0][:5])}").search(asked, found.end())
    return False


def _plain(text: str) -> str:
    """Small letters and figures; `_`, quotes and capitals inside a word part words."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return " ".join(re.sub(r"[^\w.]+|_|\.(?!\d)", " ", spaced.lower()).split())


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word


def _sql(text: str) -> str:
    return text.replace("'", "''")


def _numbers(text: str) -> list[str]:
    return re.findall(r"\d+(?:\.\d+)?", re.sub(r"(?<=\d),(?=\d{3})", "", text))


def _same(written: str, number: float) -> bool:
    digits = len(written.partition(".")[2])
    return abs(float(written) - number) <= float(0.5 * 10.0**-digits + 1e-9)


def _shown(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else "nothing" if value is None else str(value)
