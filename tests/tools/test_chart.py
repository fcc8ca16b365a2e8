"""The tool chart: which rows become which shapes, what is refused, and that no text of a row can become markup."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.calling import CallContext, ToolResult
from orchestrator.errors import ToolError
from orchestrator.spec.values import check_value
from orchestrator.tools.chart import ChartTool
from orchestrator.tools.charts import scales
from orchestrator.tools.charts.data import KINDS, Kind, NoChart, read
from orchestrator.tools.charts.draw import draw
from orchestrator.tools.charts.png import as_png
from orchestrator.tools.charts.shapes import Box, Dot, Line, Picture, Polygon, Text, fit
from orchestrator.tools.charts.svg import as_svg

SVG = "{http://www.w3.org/2000/svg}"
SALES = [{"region": "Nord", "total": 10, "cost": 4}, {"region": "Süd", "total": -5, "cost": None}]


def _call(folder: Path, **arguments: Any) -> ToolResult:
    result = asyncio.run(ChartTool().call(arguments, CallContext("run/step", folder, 30.0)))
    assert check_value(ChartTool().signature.result, result.value) == []
    return result


def _drawn(rows: list[dict[str, Any]], x: str, *y: str, kind: Kind = "bar") -> Picture:
    return draw(read(rows, x, y, kind), "")


def test_a_chart_is_two_artifacts_of_the_call(tmp_path: Path) -> None:
    """An SVG and a PNG of twice the size, listed in the value as the sandbox lists its files."""
    result = _call(tmp_path, rows=SALES, x="region", y="total", title="Revenue")

    vector, pixels = result.artifacts
    width, height = struct.unpack(">II", pixels.path.read_bytes()[16:24])
    assert [(one.name, one.media_type) for one in result.artifacts] == [
        ("chart.svg", "image/svg+xml"),
        ("chart.png", "image/png"),
    ]
    assert [one["size"] for one in result.value["files"]] == [
        one.path.stat().st_size for one in result.artifacts
    ]
    assert ElementTree.parse(vector.path).getroot().attrib["width"] == "800"
    assert (width, height) == (1600, 900)


def test_bars_stand_on_zero_and_hang_below_it() -> None:
    """Heights are in proportion; a value that is missing has no bar."""
    picture = _drawn(SALES, "region", "total", "cost")

    bars = [one for one in picture.shapes if isinstance(one, Box) and one.size[0] > 11]
    up, down, cost = bars
    assert up.at[1] + up.size[1] == pytest.approx(down.at[1])
    assert up.size[1] == pytest.approx(2 * down.size[1])
    assert cost.size[1] == pytest.approx(0.4 * up.size[1])


def test_long_names_make_the_bars_lie() -> None:
    """Each name then stands whole beside its bar."""
    rows = [{"name": f"a name that is rather long, number {n}", "v": n + 1} for n in range(12)]

    picture = _drawn(rows, "name", "v")

    bars = [one for one in picture.shapes if isinstance(one, Box)]
    texts = {one.text for one in picture.shapes if isinstance(one, Text)}
    assert len({bar.at[0] for bar in bars}) == 1
    assert bars[11].size[0] == pytest.approx(12 * bars[0].size[0])
    assert {row["name"] for row in rows} <= texts


def test_dates_and_numbers_stand_at_their_distance_in_their_order() -> None:
    """Whatever the order of the rows."""
    rows = [{"day": f"2025-01-{day:02}", "v": day} for day in (31, 1, 11)]

    picture = _drawn(rows, "day", "v", kind="line")

    [line] = [one for one in picture.shapes if isinstance(one, Line) and one.width == 2.0]
    first, second, third = (x for x, _ in line.points)
    assert third - second == pytest.approx(2 * (second - first))


def test_a_gap_in_the_data_is_a_gap_in_the_line() -> None:
    """Nothing is made up between two points."""
    rows = [{"q": f"Q{n}", "v": v} for n, v in enumerate([1, 2, None, 3, 4])]

    picture = _drawn(rows, "q", "v", kind="line")

    assert [len(one.points) for one in picture.shapes if isinstance(one, Line) and one.width == 2.0] == [2, 2]


def test_a_pie_has_its_largest_slice_first_and_gathers_the_rest() -> None:
    """Equal names are one slice; more than twelve are eleven and the others."""
    rows = [{"s": f"s{n}", "n": n} for n in range(1, 21)] + [{"s": "s20", "n": 5}]

    data = read(rows, "s", ["n"], "pie")
    picture = draw(data, "")

    assert data.labels[0] == "s20"
    assert data.series["s"][0] == 25
    assert data.labels[-1] == "9 others"
    assert data.series["s"][-1] == sum(range(1, 10))
    assert len([one for one in picture.shapes if isinstance(one, Polygon)]) == 12


def test_too_many_rows_are_thinned_and_the_result_says_so(tmp_path: Path) -> None:
    """Bars are the first sixty; dots are every so many."""
    bars = _call(tmp_path, rows=[{"n": n, "v": n} for n in range(61)], x="n", y="v")
    dots = read([{"n": n, "v": n} for n in range(25_000)], "n", ["v"], "scatter")

    assert bars.value["note"] == "only the first 60 of 61 rows are drawn"
    assert dots.notes == ("one in 3 of 25,000 rows is drawn",)
    assert len(dots.places) == 8334


@pytest.mark.parametrize(
    ("given_", "part"),
    [
        ({"rows": [], "x": "a", "y": "b"}, "there are no rows"),
        ({"rows": SALES, "x": "regin", "y": "total"}, "there is no column 'regin'; did you mean 'region'?"),
        ({"rows": SALES, "x": "region", "y": "region"}, "column 'region' has no numbers (it has 'Nord')"),
        (
            {"rows": [{"a": "x", "b": 1e308}, {"a": "y", "b": -1e308}], "x": "a", "y": "b"},
            "too large to draw",
        ),
        ({"rows": [{"a": "x", "b": 1}, {"a": "y", "b": 10**400}], "x": "a", "y": "b"}, "too large to draw"),
        ({"rows": SALES, "x": "region", "y": "total", "kind": "pie"}, "below zero"),
        ({"rows": [{"a": "x", "b": 0}], "x": "a", "y": "b", "kind": "pie"}, "all numbers are zero"),
        ({"rows": SALES, "x": "region", "y": ["total", "cost"], "kind": "pie"}, "a pie shows one column"),
    ],
)
def test_columns_that_make_no_chart_are_a_result_with_the_way_out(
    tmp_path: Path, given_: dict[str, Any], part: str
) -> None:
    """Whoever chose them can choose again."""
    result = _call(tmp_path, **given_)

    assert part in result.value["error"]
    assert result.artifacts == ()


@pytest.mark.parametrize(
    ("given_", "part"),
    [
        ({"rows": "x", "x": "a", "y": "b"}, "'rows' must be a list"),
        ({"rows": [{"a": 1}, 2], "x": "a", "y": "b"}, "row 2 is no map"),
        ({"rows": SALES, "x": 5, "y": "b"}, "'x' must be"),
        ({"rows": SALES, "x": "a", "y": []}, "'y' must be"),
        ({"rows": SALES, "x": "a", "y": "b", "kind": "radar"}, "there is no kind 'radar'"),
        ({"rows": SALES, "x": "a", "y": "b", "title": 5}, "'title' must be"),
    ],
)
def test_arguments_of_a_wrong_kind_are_errors(tmp_path: Path, given_: dict[str, Any], part: str) -> None:
    """They are the step's mistake."""
    with pytest.raises(ToolError, match=part):
        _call(tmp_path, **given_)


def test_no_text_becomes_markup() -> None:
    """In title, names of columns and values; controls and overrides are shown, not obeyed."""
    evil = '</text><script>alert("1")</script>&\x1b[31m\u202e'
    picture = draw(read([{evil: evil, "v": 1}], evil, ["v"], "bar"), evil)

    root = ElementTree.fromstring(as_svg(picture))

    texts = "".join(one.text or "" for one in root.iter(f"{SVG}text"))
    assert {one.tag for one in root.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "title", "rect", "polyline", "text")
    }
    assert "<script>" in texts
    assert "\x1b" not in texts
    assert "\u202e" not in texts


def test_a_long_text_is_cut_where_the_room_ends_in_no_time() -> None:
    """A megabyte of text takes no longer than a line of it."""
    assert fit("x" * 1_000_000, 70, 12).endswith("x…")
    assert fit("a\n\tb", 70, 12) == "a b"


@given(
    rows=st.lists(
        st.dictionaries(
            st.sampled_from("abc"),
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(max_size=8)
            | st.dates().map(str),
        ),
        max_size=8,
    ),
    kind=st.sampled_from(KINDS),
)
@settings(max_examples=150, deadline=None)
def test_any_rows_are_drawn_within_the_picture_or_refused(rows: list[dict[str, Any]], kind: Kind) -> None:
    """Whatever a query gave: a document that can be read, with every shape inside of it."""
    try:
        picture = draw(read(rows, "a", ["b"], kind), "t")
    except NoChart:
        return

    ElementTree.fromstring(as_svg(picture))
    for x, y in _corners(picture):
        assert -1 <= x <= picture.width + 1
        assert -1 <= y <= picture.height + 1


def _corners(picture: Picture) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for one in picture.shapes:
        match one:
            case Box((x, y), (width, height)):
                found += [(x, y), (x + width, y + height)]
            case Line(points) | Polygon(points):
                found += points
            case Dot(at) | Text(at):
                found.append(at)
    return found


@given(low=st.floats(-1e12, 1e12), span=st.floats(0, 1e12))
@settings(max_examples=200, deadline=None)
def test_marks_cover_the_numbers_and_are_told_apart(low: float, span: float) -> None:
    """From below the least to above the greatest, few, and no two with the same label."""
    scale = scales.numbers([low, low + span], zero=False, most=6)

    labels = [text for _, text in scale.marks]
    room = 1e-6 * max(abs(low), span, 1.0)
    assert scale.low <= low + room
    assert scale.high >= low + span - room
    assert 2 <= len(labels) <= 9
    if span > 1e-3 * abs(low) and span > 1e-6:
        assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("days", "expected"),
    [(1, "01 Jan 12:00"), (20, "15 Jan"), (300, "Mar 2025"), (3000, "2026"), (100_000, "2050")],
)
def test_times_are_marked_at_whole_units(days: int, expected: str) -> None:
    """Hours, days, months or years, as the span needs."""
    begin = 1735689600.0

    scale = scales.times([begin, begin + days * 86400], 8)

    assert expected in [text for _, text in scale.marks]
    assert 2 <= len(scale.marks) <= 10


def test_pixels_show_the_colours_of_the_shapes() -> None:
    """The PNG is the same picture: blue where the bar is."""
    from io import BytesIO

    from PIL import Image

    picture = _drawn([{"a": "x", "b": 1}], "a", "b")
    [bar] = [one for one in picture.shapes if isinstance(one, Box)]

    with Image.open(BytesIO(as_png(picture))) as image:
        middle = (bar.at[0] + bar.size[0] / 2, bar.at[1] + bar.size[1] / 2)
        pixel = image.convert("RGB").getpixel((round(middle[0] * 2), round(middle[1] * 2)))

    assert isinstance(pixel, tuple)
    assert [abs(a - b) < 12 for a, b in zip(pixel, (0x00, 0x72, 0xB2), strict=True)] == [True] * 3
