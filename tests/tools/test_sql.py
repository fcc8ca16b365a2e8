"""The tools sql.*: what is read, how answers look, and that nothing but the tables can be reached."""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest

from orchestrator.calling import CallContext
from orchestrator.errors import ToolError
from orchestrator.graph.builtin import ARGUMENTS
from orchestrator.ports import Tool
from orchestrator.spec.values import check_value
from orchestrator.tools.chart import ChartTool
from orchestrator.tools.database.child import Databases, Limits
from orchestrator.tools.database.sources import LINE
from orchestrator.tools.sql import SqlTool, sql_tools

SALES = (
    'Order ID,Région,amount (€),order-date,"The ""name""",select\n'
    "1,Nord,10.5,2025-01-31,Ann,x\n"
    "2,Süd,20.25,2025-02-01,Bob,x\n"
    "3,Nord,,2025-02-02,,y\n"
)

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "sales.csv").write_text(SALES)
    base = sqlite3.connect(root / "shop.db")
    base.execute('CREATE TABLE "Stock List" (id INTEGER, "first name" TEXT, "order" REAL)')
    base.execute("INSERT INTO \"Stock List\" VALUES (1, 'Ann', 2.5), (2, 'Bob', NULL)")
    base.commit()
    base.close()
    return root


@pytest.fixture(scope="module")
def ask(project: Path) -> Iterator[Ask]:
    """Calls a tool in one loop, so that children stay warm from test to test."""
    with asyncio.Runner() as runner:
        tools = sql_tools(project, Databases(Limits(warm=3)))
        yield lambda name, **given: runner.run(_call(tools[f"sql.{name}"], project, given))
        runner.run(tools["sql.query"].close())


async def _call(tool: SqlTool, root: Path, given: dict[str, Any]) -> Any:
    scratch = root / "scratch"
    scratch.mkdir(exist_ok=True)
    value = (await tool.call(given, CallContext("run/step", scratch, 30.0))).value
    assert check_value(tool.signature.result, value) == []
    return value


def test_rows_of_a_csv_with_odd_names_are_maps_of_plain_data(ask: Ask) -> None:
    """Dates are ISO text, what is empty is null, and names stay as they are written."""
    found = ask("query", tables={"sales": "sales.csv"}, sql="SELECT * FROM sales ORDER BY 1 DESC", limit=1)

    assert found == {
        "columns": ["Order ID", "Région", "amount (€)", "order-date", 'The "name"', "select"],
        "rows": [
            {
                "Order ID": 3,
                "Région": "Nord",
                "amount (€)": None,
                "order-date": "2025-02-02",
                'The "name"': None,
                "select": "y",
            }
        ],
        "note": "only the first 1 rows; there are more: aggregate, filter, or order them",
    }


def test_values_of_every_kind_are_json(ask: Ask) -> None:
    """Decimals are numbers while they are exact, what JSON cannot say is text or null, a name twice is told apart."""
    sql = """SELECT 1.10::DECIMAL(5,2) AS a, 0.12345678901234567890::DECIMAL(38,20) AS b, 2.0::DECIMAL(9,1) AS c,
      'nan'::DOUBLE AS d, '\\xAA'::BLOB AS e, [1, NULL] AS f, {'x': DATE '2025-01-02'} AS g, MAP {'k': 1} AS h,
      TIMESTAMPTZ '2025-01-02 03:04:05+00' AS i, 170141183460469231731687303715884105727 AS j, TIME '10:00' AS k, 1 AS a"""

    found = ask("query", tables="sales.csv", sql=sql)

    assert found["rows"] == [
        {
            "a": 1.1,
            "b": "0.12345678901234567890",
            "c": 2,
            "d": None,
            "e": "aa",
            "f": [1, None],
            "g": {"x": "2025-01-02"},
            "h": {"k": 1},
            "i": "2025-01-02T03:04:05+00",
            "j": 2**127 - 1,
            "k": "10:00:00",
            "a_2": 1,
        }
    ]


@pytest.mark.parametrize(
    ("sql", "part"),
    [
        ("SELECT regio FROM sales", 'there is no column "regio"; did you mean "Région"?'),
        ("SELECT sales.amount FROM sales", 'did you mean "amount (€)"?'),
        ('SELECT * FROM sales WHERE "Région" = "Atlantis"', "write it in single quotes: 'Atlantis'"),
        ("SELECT * FROM sale", 'there is no table "sale"; there is sales'),
        ("SELECT select FROM sales", 'write the name in double quotes: "select"'),
        ('SELECT sum("Région") FROM sales', "No function matches"),
        ("", "there is no query"),
        ("SELECT 1; SELECT 2", "several statements"),
        ('PIVOT sales ON "Région"', "name the values of the pivot"),
    ],
)
def test_a_wrong_query_is_a_value_that_says_how_to_repair_it(ask: Ask, sql: str, part: str) -> None:
    """The nearest name as it must be written; never an exception."""
    found = ask("query", tables="sales.csv", sql=sql)

    assert found["rows"] == []
    assert part in found["error"]


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE sales",
        "INSERT INTO sales SELECT * FROM sales",
        "WITH x AS (DELETE FROM sales RETURNING *) SELECT * FROM x",
        "CREATE TABLE more AS SELECT 1",
        "COPY sales TO '{root}/stolen.csv'",
        "ATTACH '{root}/new.db'",
        "SET lock_configuration = false",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CALL pragma_version()",
        "SELECT * FROM read_csv('{root}/sales.csv')",
        "SELECT * FROM '{root}/sales.csv'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM read_csv('https://example.com/x.csv')",
        "SELECT getenv('HOME')",
        "EXPORT DATABASE '{root}/out'",
    ],
)
def test_a_query_reaches_nothing_but_the_tables(ask: Ask, project: Path, sql: str) -> None:
    """No file, no network, no setting, no change, no environment."""
    before = sorted(path.name for path in project.iterdir())

    found = ask("query", tables="sales.csv", sql=sql.format(root=project))

    assert found["error"]
    assert sorted(path.name for path in project.iterdir()) == before
    assert ask("query", tables="sales.csv", sql="SELECT count(*) AS n FROM sales")["rows"] == [{"n": 3}]


def test_a_schema_writes_names_as_sql_wants_them(ask: Ask) -> None:
    """Short enough for a prompt: types, least and greatest numbers and dates, all of a few texts."""
    [table] = ask("schema", tables="sales.csv")

    assert table["table"] == "sales"
    assert table["rows"] == 3
    assert [(one["name"], one["type"]) for one in table["columns"]] == [
        ('"Order ID"', "BIGINT"),
        ('"Région"', "VARCHAR"),
        ('"amount (€)"', "DOUBLE"),
        ('"order-date"', "DATE"),
        ('"The ""name"""', "VARCHAR"),
        ('"select"', "VARCHAR"),
    ]
    assert [one["examples"] for one in table["columns"]] == [
        [1, 3],
        ["Nord", "Süd"],
        [10.5, 20.25],
        ["2025-01-31", "2025-02-02"],
        ["Ann", "Bob"],
        ["x", "y"],
    ]


def test_explain_says_what_a_query_gives_without_running_it(ask: Ask) -> None:
    """A query that would run for hours is answered at once."""
    endless = 'SELECT count(*) AS n, "Région" FROM sales, range(1000000000000) GROUP BY ALL;'

    good = ask("explain", tables="sales.csv", sql=endless)
    bad = ask("explain", tables="sales.csv", sql="SELECT regio FROM sales")

    assert good == {
        "valid": True,
        "columns": [{"name": "n", "type": "BIGINT"}, {"name": "Région", "type": "VARCHAR"}],
    }
    assert not bad["valid"]
    assert "Région" in bad["error"]


FILES: dict[str, tuple[bytes, list[dict[str, Any]]]] = {
    "bom.csv": ("\ufeffa;b\n1,5;x\n2;y\n".encode(), [{"a": 1.5, "b": "x"}, {"a": 2.0, "b": "y"}]),
    "tabs.tsv": (b"a\tb\n1\t2\n", [{"a": 1, "b": 2}]),
    "wide.csv": ("a,b\nJosé,1\n".encode("utf-16"), [{"a": "José", "b": 1}]),
    "west.csv": ("a,b\nJosé,1\n".encode("latin-1"), [{"a": "José", "b": 1}]),
    "quoted.csv": (b'a,b\r\n"two\nlines, ""one"" cell",2\r\n', [{"a": 'two\nlines, "one" cell', "b": 2}]),
    "years.csv": (b"2023,2024\n1,2\n", [{"2023": 1, "2024": 2}]),
    "twice.csv": (b"a,a,\n1,2,3\n", [{"a": 1, "a_1": 2, "column2": 3}]),
    "single.csv": (b"name\nAnn\nBob\n", [{"name": "Ann"}, {"name": "Bob"}]),
    "header.csv": (b"a,b\n", []),
    "packed.csv.gz": (gzip.compress(b"a,b\n1,2\n"), [{"a": 1, "b": 2}]),
    "list.json": (
        b'[{"a": 1}, {"a": null, "b": {"c": [1]}}]',
        [{"a": 1, "b": None}, {"a": None, "b": {"c": [1]}}],
    ),
    "lines.jsonl": (b'{"a": 1}\n\n{"a": "x"}\n', [{"a": "1"}, {"a": "x"}]),
}


def test_files_of_many_kinds_are_tables(ask: Ask, project: Path) -> None:
    """Marks of encodings, semicolons, decimal commas, quotes, lines in cells, empty and repeated names, packed files."""
    for name, (content, _) in FILES.items():
        (project / name).write_bytes(content)
    duckdb.execute(f"COPY (SELECT 1 AS a, DATE '2025-01-02' AS b) TO '{project}/column.parquet'")
    tables = {f"t{n}": name for n, name in enumerate([*FILES, "column.parquet"])}

    found = [ask("query", tables=tables, sql=f"FROM {table}") for table in tables]

    expected = [rows for _, rows in FILES.values()] + [[{"a": 1, "b": "2025-01-02"}]]
    assert [one.get("rows") for one in found] == expected


def test_one_wrong_value_late_in_a_file_makes_a_column_of_texts(ask: Ask, project: Path) -> None:
    """Every row counts for the type; none is left out."""
    lines = ["id,v", *(f"{n},{n}" for n in range(60_000)), "60000,oops"]
    (project / "late.csv").write_text("\n".join(lines))

    found = ask("query", tables="late.csv", sql="SELECT count(*) AS n, max(typeof(v)) AS t FROM late")

    assert found["rows"] == [{"n": 60_001, "t": "VARCHAR"}]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"a,b\n1,2\n3\n", "bad.csv, line 3: 1 columns, but there are 2 names"),
        (b"a,b\n1,2,3\n", "bad.csv, line 2: 3 columns, but there are 2 names"),
        (b'a,b\n1,"open\n', "bad.csv, line 2: unexpected end of data"),
        (b"", "bad.csv is empty"),
        (b"a,b\n\x00\x01,2\n", "bad.csv is no text"),
        ("a,b\n€,1\n".encode("cp1252"), "iconv -f WINDOWS-1252 -t UTF-8 bad.csv"),
    ],
)
def test_a_file_that_cannot_be_read_whole_is_an_error_with_its_line(
    ask: Ask, project: Path, content: bytes, part: str
) -> None:
    """Nothing is left out in silence."""
    (project / "bad.csv").write_bytes(content)

    with pytest.raises(ToolError) as caught:
        ask("query", tables="bad.csv", sql="FROM bad")

    assert part in caught.value.message


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({}, "give either 'tables'"),
        ({"tables": "sales.csv", "database": "shop.db"}, "give either 'tables'"),
        ({"tables": {"t": "sale.csv"}}, "there is no file sale.csv"),
        ({"tables": {"t": "../x.csv"}}, "outside the project"),
        ({"tables": {"t": "link.csv"}}, "outside the project"),
        ({"tables": {"t": "shop.db"}}, "write database: shop.db"),
        ({"tables": {"t": "book.xlsx"}}, "is no kind of table"),
        ({"tables": {"t": []}}, "has no rows"),
        ({"tables": {"t": [{"a": 1}, 2]}}, "row 2 of table 't'"),
        ({"tables": {"t": 5}}, "table 't' must be"),
        ({"tables": {}}, "has 0 tables"),
        ({"tables": {"T": "sales.csv", "t": "sales.csv"}}, "two tables are called t"),
        ({"database": "sales.csv"}, "cannot be read as a SQLite database"),
    ],
)
def test_arguments_that_make_no_sense_are_named(
    ask: Ask, project: Path, given: dict[str, Any], part: str
) -> None:
    """They are the step's mistake, not the query's."""
    (project / "book.xlsx").write_bytes(b"PK")
    link = project / "link.csv"
    if not link.is_symlink():
        link.symlink_to("/etc/hostname")

    with pytest.raises(ToolError) as caught:
        ask("query", sql="SELECT 1", **given)

    assert part in caught.value.message


def test_rows_and_texts_of_other_steps_are_tables(ask: Ask) -> None:
    """Keys of any row are columns; types are found as in a file."""
    rows = [{"who": "Ann", "when": "2025-01-02"}, {"who": "Bob", "n": 1.5}]

    found = ask("query", tables={"my rows": rows, "more": "a,b\n1,2\n"}, sql='FROM "my rows", more')

    assert found["rows"] == [
        {"who": "Ann", "when": "2025-01-02", "n": None, "a": 1, "b": 2},
        {"who": "Bob", "when": None, "n": 1.5, "a": 1, "b": 2},
    ]


def test_rows_that_are_all_text_are_typed_like_a_csv(ask: Ask) -> None:
    """Such rows come out of a CSV without `rows:`. Odd names stay, a row without values counts, 007 is no number."""
    rows: list[dict[str, str | None]] = [
        {'a "b", c': "1", "Größe\n(m)": "1.50", "day": "2025-01-02", "id": "007", "note": "two\r\nlines, so"},
        {'a "b", c': "", "Größe\n(m)": None, "day": "", "id": "", "note": ""},
        {'a "b", c': "30", "Größe\n(m)": "2", "day": "2025-02-01", "id": "1", "note": '"'},
    ]

    found = ask("query", tables={"t": rows}, sql='SELECT * FROM t ORDER BY "a ""b"", c" NULLS LAST')
    kinds = ask("explain", tables={"t": rows}, sql="FROM t")

    assert found["rows"] == [
        {'a "b", c': 1, "Größe\n(m)": 1.5, "day": "2025-01-02", "id": "007", "note": "two\r\nlines, so"},
        {'a "b", c': 30, "Größe\n(m)": 2.0, "day": "2025-02-01", "id": "1", "note": '"'},
        dict.fromkeys(rows[0]),
    ]
    assert [one["type"] for one in kinds["columns"]] == ["BIGINT", "DOUBLE", "DATE", "VARCHAR", "VARCHAR"]


def test_texts_longer_than_a_line_of_a_csv_are_a_table_all_the_same(ask: Ask) -> None:
    """What a file of text says may be rows of megabytes."""
    rows = [{"name": "a", "text": "x" * 3_000_000}, {"name": "b", "text": '"' * LINE}]

    found = ask("query", tables={"docs": rows}, sql="SELECT name, length(text) AS n FROM docs ORDER BY n")

    assert [(row["name"], row["n"]) for row in found["rows"]] == [("b", LINE), ("a", 3_000_000)]


def test_a_line_of_texts_may_be_as_long_as_said(ask: Ask) -> None:
    """Of letters that take four bytes each, and of quotes, which are written twice."""
    for letter in ("\U0001d11e", '"'):
        found = ask("query", tables={"docs": [{"t": letter * LINE}]}, sql="SELECT length(t) AS n FROM docs")

        assert found["rows"] == [{"n": LINE}]


def test_one_column_of_texts_keeps_every_row(ask: Ask) -> None:
    """An empty value is not an empty line."""
    rows = [{"n": "1"}, {"n": ""}, {"n": None}, {"n": "4"}]

    found = ask("query", tables={"t": rows}, sql="SELECT count(*) AS rows, sum(n) AS total FROM t")

    assert found["rows"] == [{"rows": 4, "total": 5}]


def test_an_empty_text_is_null_as_in_the_file_unless_the_rows_have_types(ask: Ask, project: Path) -> None:
    """What a CSV leaves out is asked for in the same words, whether the file is asked or the input that read it."""
    (project / "cells.csv").write_text("name,note\na,\nb,late\n", encoding="utf-8")
    rows = [{"name": "a", "note": ""}, {"name": "b", "note": "late"}]
    typed = [{"name": "a", "note": "", "n": 1}, {"name": "b", "note": None, "n": 2}]
    sql = "SELECT name, note IS NULL AS missing, note = '' AS empty FROM t WHERE note IS NULL OR note = ''"

    from_file = ask("query", tables={"t": "cells.csv"}, sql=sql)["rows"]
    from_rows = ask("query", tables={"t": rows}, sql=sql)["rows"]

    assert from_file == from_rows == [{"name": "a", "missing": True, "empty": None}]
    assert ask("query", tables={"t": typed}, sql=sql)["rows"] == [
        {"name": "a", "missing": False, "empty": True},
        {"name": "b", "missing": True, "empty": None},
    ]


def test_a_changed_file_is_read_anew(ask: Ask, project: Path) -> None:
    """A child is kept for what it has loaded, not for a name."""
    (project / "news.csv").write_text("a\n1\n")
    before = ask("query", tables="news.csv", sql="FROM news")
    (project / "news.csv").write_text("a\n10\n")

    after = ask("query", tables="news.csv", sql="FROM news")

    assert (before["rows"], after["rows"]) == ([{"a": 1}], [{"a": 10}])


def test_results_end_at_their_limits_and_say_so(project: Path) -> None:
    """By rows, and by bytes; one row that is too large is an error with a way out."""

    async def run() -> list[Any]:
        tool = sql_tools(project, Databases(Limits(size=2000)))["sql.query"]
        queries = [
            "FROM range(5000)",
            "SELECT repeat('x', 500) AS x FROM range(9)",
            "SELECT repeat('x', 5000) AS x",
        ]
        found = [
            await _call(tool, project, {"tables": "sales.csv", "sql": sql, "limit": 10_000})
            for sql in queries
        ]
        await tool.close()
        return found

    many, long, huge = asyncio.run(run())

    assert 50 < len(many["rows"]) < 200
    assert "(2,000 bytes)" in many["note"]
    assert len(long["rows"]) == 3
    assert "more than 2,000 bytes" in huge["error"]


def test_what_takes_too_long_or_too_much_is_stopped_and_the_next_query_works(project: Path) -> None:
    """By the clock outside and by the address space, which holds where DuckDB's own limit does not."""
    endless = "SELECT sum(sin(range)) FROM range(10000000000000)"

    async def run() -> list[Any]:
        databases = Databases(Limits(memory=800 << 20, seconds=30))
        tool = sql_tools(project, databases)["sql.query"]
        given = {"tables": "sales.csv"}
        large = await _call(tool, project, {**given, "sql": "SELECT list(range) FROM range(300000000)"})
        late = await tool.call({**given, "sql": endless}, CallContext("k", project / "scratch", 1.5))
        again = await _call(tool, project, {**given, "sql": "SELECT 1 AS a"})
        await tool.close()
        return [large, late.value, again]

    large, late, again = asyncio.run(run())

    assert "memory" in large["error"]
    assert late == {"columns": [], "rows": [], "error": "stopped: still running after 1.5 s"}
    assert again["rows"] == [{"a": 1}]


def test_no_process_is_left_behind(project: Path) -> None:
    """After closing, after a call that was cancelled, and with more tables than are kept warm."""

    async def run() -> list[int]:
        databases = Databases(Limits(warm=1))
        tool = sql_tools(project, databases)["sql.query"]
        for number in range(2):
            await _call(tool, project, {"tables": {f"t{number}": [{"a": number}]}, "sql": "SELECT 1"})
        warm = len(_children())
        slow = {
            "tables": {"t": [{"a": 1}]},
            "sql": "SELECT max(a.range + b.range) FROM range(9999999) a, range(9999999) b",
        }
        call = asyncio.create_task(_call(tool, project, slow))
        while not call.done() and len(_children()) < 2:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        cancelled = len(_children())
        await tool.close()
        return [warm, cancelled, len(_children())]

    others = len(_children())

    assert [count - others for count in asyncio.run(run())] == [1, 1, 0]


def test_calls_at_the_same_time_share_a_child(project: Path) -> None:
    """They wait for each other instead of loading everything again."""

    async def run() -> tuple[list[Any], int]:
        tool = sql_tools(project)["sql.query"]
        given = {"tables": {"t": [{"a": 1}]}}
        calls = [_call(tool, project, {**given, "sql": f"SELECT a + {n} AS b FROM t"}) for n in range(5)]
        found = await asyncio.gather(*calls)
        count = len(_children())
        await tool.close()
        return found, count

    others = len(_children())
    found, count = asyncio.run(run())

    assert [one["rows"][0]["b"] for one in found] == [1, 2, 3, 4, 5]
    assert count - others == 1


def test_a_child_that_was_killed_is_replaced(project: Path) -> None:
    """Whoever kills it: the question under way has no answer, the next one has."""

    async def run() -> Any:
        databases = Databases()
        tool = sql_tools(project, databases)["sql.query"]
        known = {one.pid for one in _children()}
        given = {"tables": {"t": [{"a": 1}]}, "sql": "FROM t"}
        await _call(tool, project, given)
        for one in _children():
            if one.pid not in known:
                one.kill()
                one.wait()
        found = [await _call(tool, project, given) for _ in range(2)]
        await tool.close()
        return found[-1]

    assert asyncio.run(run())["rows"] == [{"a": 1}]


def test_a_sqlite_database_is_asked_in_its_own_sql(ask: Ask) -> None:
    """Schema, explain, query, with the nearest name for a wrong one."""
    [table] = ask("schema", database="shop.db")
    found = ask("query", database="shop.db", sql='SELECT "first name", "order" FROM "Stock List"')
    wrong = ask("query", database="shop.db", sql='SELECT firstname FROM "Stock List"')
    valid = ask("explain", database="shop.db", sql='SELECT count(*) AS n FROM "Stock List";')

    assert (table["table"], table["rows"]) == ('"Stock List"', 2)
    assert [one["name"] for one in table["columns"]] == ["id", '"first name"', '"order"']
    assert [one["examples"] for one in table["columns"]] == [[1, 2], ["Ann", "Bob"], [2.5]]
    assert found["rows"] == [{"first name": "Ann", "order": 2.5}, {"first name": "Bob", "order": None}]
    assert wrong["error"] == 'there is no column "firstname"; did you mean "first name"?'
    assert valid == {"valid": True, "columns": [{"name": "n", "type": ""}]}


@pytest.mark.parametrize(
    "sql",
    [
        'DELETE FROM "Stock List"',
        'UPDATE "Stock List" SET id = 5',
        "ATTACH '{root}/other.db' AS other",
        "PRAGMA query_only = off",
        "SELECT load_extension('x')",
        "VACUUM INTO '{root}/copy.db'",
        "CREATE TEMP TABLE t AS SELECT 1",
        "SELECT 1; SELECT 2",
        "BEGIN",
        "",
    ],
)
def test_a_sqlite_database_is_only_read(ask: Ask, project: Path, sql: str) -> None:
    """The authorizer of SQLite refuses before anything runs."""
    before = (project / "shop.db").read_bytes()

    found = ask("query", database="shop.db", sql=sql.format(root=project))

    assert found["error"]
    assert (project / "shop.db").read_bytes() == before
    assert not list(project.glob("*other.db")) + list(project.glob("copy.db"))


def test_a_database_that_a_program_is_writing_is_read_with_its_log(ask: Ask, project: Path) -> None:
    """What was committed into the write-ahead log counts, and nothing of it is changed."""
    base = sqlite3.connect(project / "live.db")
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("CREATE TABLE t (a)")
    base.execute("INSERT INTO t VALUES (1)")
    base.commit()

    before = ask("query", database="live.db", sql="SELECT * FROM t")
    base.execute("INSERT INTO t VALUES (2)")
    base.commit()
    after = ask("query", database="live.db", sql="SELECT * FROM t")
    base.close()

    assert before["rows"] == [{"a": 1}]
    assert after["rows"] == [{"a": 1}, {"a": 2}]


def test_tables_that_need_too_much_memory_are_an_error_of_the_step(project: Path) -> None:
    """No query could help: whoever gave the tables has to give less."""
    rows = [{"text": "x" * 1000 + str(n)} for n in range(30_000)]

    async def run() -> None:
        tool = sql_tools(project, Databases(Limits(memory=280 << 20)))["sql.query"]
        try:
            await _call(tool, project, {"tables": {"t": rows}, "sql": "SELECT count(*) FROM t"})
        finally:
            await tool.close()

    with pytest.raises(ToolError, match=r"memory|loaded"):
        asyncio.run(run())


@pytest.mark.skipif(sys.platform != "linux", reason="the locks are those of Linux")
def test_the_child_is_locked_in_by_the_kernel(project: Path) -> None:
    """Whatever DuckDB's own locks are worth: a filter of system calls, no new rights, and a limit of memory hold."""

    async def run() -> tuple[str, str]:
        tool = sql_tools(project)["sql.query"]
        others = {one.pid for one in _children()}
        await _call(tool, project, {"tables": {"t": [{"a": 1}]}, "sql": "FROM t"})
        [child] = [one for one in _children() if one.pid not in others]
        texts = [(Path("/proc") / str(child.pid) / name).read_text() for name in ("status", "limits")]
        await tool.close()
        return texts[0], texts[1]

    status, limits = asyncio.run(run())

    assert "Seccomp:\t2" in status
    assert "NoNewPrivs:\t1" in status
    assert re.search(rf"Max address space +{Limits().memory} +{Limits().memory} ", limits)
    assert re.search(r"Max file size +0 +0 ", limits)


def test_arguments_are_those_that_the_checker_knows() -> None:
    """What validate accepts is what the tools take."""
    tools: list[Tool] = [*sql_tools(Path()).values(), ChartTool()]

    for signature in (tool.signature for tool in tools):
        assert {one.name for one in signature.arguments.fields} == set(ARGUMENTS[signature.name])


def _children() -> list[psutil.Process]:
    mine = psutil.Process(os.getpid()).children(recursive=True)
    return [one for one in mine if one.status() != psutil.STATUS_ZOMBIE]
