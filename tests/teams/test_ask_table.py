"""What the workflow `ask-table` finds in a question, and the queries it builds: without a model."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any

import pytest

from orchestrator.library import shipped_workflows

SCHEMA = [
    {
        "table": "data",
        "columns": [
            {"name": "species", "type": "VARCHAR", "examples": ["Adelie", "Gentoo"]},
            {"name": '"Body Mass (g)"', "type": "VARCHAR", "examples": ["3800", "NA"]},
            {"name": "studyName", "type": "VARCHAR", "examples": ["PAL0708"]},
            {"name": "number", "type": "BIGINT", "examples": [1, 200000]},
            {"name": "year", "type": "BIGINT", "examples": [2007, 2009]},
        ],
    }
]


@pytest.fixture(scope="module")
def table() -> ModuleType:
    path = shipped_workflows()["ask-table"].with_name("ask_table.py")
    spec = importlib.util.spec_from_file_location("ask_table", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def query(table: ModuleType, question: str, kind: str = "", values: Any = ()) -> str:
    found = table.find(question, SCHEMA, list(values))
    asked = {
        name: getattr(found, name) for name in ("measure", "by", "target", "where", "columns", "numbers")
    }
    return str(table.build(kind or found.kind, asked, ""))


def test_an_average_per_group_over_an_odd_name(table: ModuleType) -> None:
    """A column of numbers stays one although `NA` stands in it; the year is that of the column of years."""
    assert query(table, "What is the average body mass per species in 2008?") == (
        'SELECT species, avg(try_cast("Body Mass (g)" AS DOUBLE)) AS average FROM data '
        "WHERE try_cast(year AS DOUBLE) = 2008 GROUP BY 1 ORDER BY 1"
    )


def test_values_and_limits_become_conditions(table: ModuleType) -> None:
    """A quote in a value is doubled, whatever the table holds."""
    values = [{"c": "species", "v": "O'Hara"}]

    made = query(table, "How many O'Hara have a body mass above 5000?", "count", values)

    assert made == (
        "SELECT count(*) AS number FROM data WHERE lower(cast(species AS VARCHAR)) = 'o''hara' "
        'AND try_cast("Body Mass (g)" AS DOUBLE) > 5000'
    )


def test_the_row_at_the_top(table: ModuleType) -> None:
    """With the text that is asked for, and no row without a number."""
    made = query(table, "Which species has the greatest body mass?", "top")

    assert made.startswith('SELECT species, try_cast("Body Mass (g)" AS DOUBLE) AS value FROM data WHERE ')
    assert made.endswith("ORDER BY 2 DESC LIMIT 1")


def test_what_is_not_named_gives_no_query(table: ModuleType) -> None:
    """An average needs a column of numbers."""
    assert query(table, "How heavy are they?", "average") == ""


def test_questions_of_all_tables_look_alike(table: ModuleType) -> None:
    """Names of columns and values are replaced by common words."""
    values = [{"c": "species", "v": "Gentoo"}]

    found = table.find("How long is the body mass of a Gentoo per study name?", SCHEMA, values)

    assert found.masked == "how long is the amount of a such per category"


def test_numbers_that_are_not_in_the_result_are_found(table: ModuleType) -> None:
    """Rounded ones are in it; invented ones are not."""
    rows = [{"species": "Gentoo", "average": 5076.0163}]

    assert table.strays("On average 5,076.02 g in 2008", "in 2008?", rows) == []
    assert table.strays("About 12 percent more than 5076", "", rows) == ["12"]
    assert table.sentence(rows) == "The answer is: Gentoo, 5076.0163."
    assert table.sentence([]) == "No row fits the question."


def test_a_chart_needs_a_name_and_a_number(table: ModuleType) -> None:
    """And more than one row."""
    assert table.axes([{"a": "x", "n": 1}, {"a": "y", "n": 2}]) == {"x": "a", "y": "n"}
    assert table.axes([{"a": "x", "n": 1}]) == {"x": "", "y": ""}
    assert table.axes([{"a": "x"}, {"a": "y"}]) == {"x": "", "y": ""}
