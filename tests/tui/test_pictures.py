"""What the screens look like: each against its stored picture, in two sizes and two themes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style

from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.tui import campaign
from tests.tui.picture import Back, Letters, Picture, Row, differences, read, row_of, svg
from tests.tui.pictures import ALL, DOCS, FOLDER, KEPT, Shot, for_the_docs, record, taken


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "runs.db")
    record(store)
    yield store
    store.close()


@pytest.mark.parametrize("shot", ALL, ids=lambda shot: shot.file.stem)
async def test_a_screen_looks_as_it_did(store: Store, shot: Shot) -> None:
    """Every letter, place and colour; whoever changes the looks renews the pictures and sees what they changed."""
    stored = read(shot.file.read_text("utf-8"))

    picture = await taken(store, shot, stored)

    if told := differences(stored, picture):
        KEPT.mkdir(parents=True, exist_ok=True)
        kept = KEPT / shot.file.name
        kept.write_text(svg(picture), encoding="utf-8")
        command = "is it meant? take all pictures anew: python -m tests.tui.renew"
        pytest.fail(
            "\n".join([f"{shot.file.stem} is not what it was:", *told, f"now: {kept}", command]), False
        )


async def test_the_picture_of_the_readme_says_what_the_screen_says(store: Store) -> None:
    """It is renewed with the others, from the same recorded run."""
    said = re.compile(r">([^<]*)</text>")

    now = await for_the_docs(store)

    assert said.findall(DOCS.read_text("utf-8")) == said.findall(now), "python -m tests.tui.renew docs"


def test_no_picture_is_of_a_screen_that_is_gone() -> None:
    """What is stored is what is compared."""
    assert set(FOLDER.glob("*.svg")) == {shot.file for shot in ALL}


def test_the_recorded_run_is_one_of_a_real_model_with_a_repaired_answer(store: Store) -> None:
    """What the pictures show of repair is not made up."""
    events = [event for _, event in store.events(campaign.RUN)]

    assert any(event.kind == "attempt.finished" and event.decision == "repair" for event in events)
    assert any(event.kind == "model.ready" and "smollm2-135m" in event.ref for event in events)
    assert store.run(campaign.RUN).status == "done"


# -- the comparison itself


def styled(color: str, words: str = "") -> Style:
    return Style.parse(f"#{color} on #101010 {words}")


def test_a_picture_is_read_back_from_its_file_as_it_was_written() -> None:
    """Markup, wide letters, spaces within and at the end, and an empty row survive."""
    row = row_of([Segment("<a & b>  漢字 ", styled("ff0000")), Segment("é     ", styled("0000ff", "bold"))])
    empty = row_of([Segment(" " * 20, styled("0000ff"))])
    lined = row_of([Segment("a  b ", styled("0000ff", "underline")), Segment(" " * 15, Style())])
    picture = Picture(20, (row, empty, lined))

    assert read(svg(picture)) == picture


def test_how_a_row_was_put_together_does_not_matter() -> None:
    """The same letters in the same style from other pieces, and spaces with another colour for letters."""
    whole = row_of([Segment("done in time  ", styled("ff0000"))])
    pieces = row_of(
        [Segment("do", styled("ff0000")), Segment("ne in", styled("ff0000")), Segment(" ", styled("0000ff")),
         Segment("time", styled("ff0000")), Segment("  ", styled("0000ff"))]
    )  # fmt: skip

    assert whole == pieces


@pytest.mark.parametrize(
    "now",
    [
        [Segment("done  ", styled("0000ff"))],
        [Segment("done  ", styled("ff0000", "bold"))],
        [Segment("done  ", Style.parse("#ff0000 on #202020"))],
        [Segment("don", styled("ff0000")), Segment("e  ", styled("0000ff"))],
        [Segment(" done ", styled("ff0000"))],
        [Segment("done", styled("ff0000")), Segment("  ", Style.parse("on #202020"))],
        [Segment("done", styled("ff0000")), Segment("  ", styled("ff0000", "underline"))],
        [Segment("done  ", styled("ff0000", "reverse"))],
    ],
    ids=["colour", "bold", "behind", "a part", "place", "behind a space", "a line under a space", "reverse"],
)
def test_what_a_person_would_see_is_a_difference(now: list[Segment]) -> None:
    """Letters, places, colours, what is behind them, and lines."""
    was = Picture(6, (row_of([Segment("done  ", styled("ff0000"))]),))

    assert differences(was, Picture(6, (row_of(now),)))


def test_a_difference_is_told_by_row_as_text_and_else_as_style() -> None:
    """The message is to be understood without opening a picture."""
    done, gone, two = Letters(0, "done", "ff0000"), Letters(0, "gone", "ff0000"), Letters(2, "two", "ff0000")
    was = Picture(6, (Row((done,)), Row((two,), (Back(0, 6, "101010"),))))
    now = Picture(6, (Row((gone,)), Row((two._replace(style="0000ff bold"),), (Back(0, 6, "202020"),))))

    assert differences(was, now) == [
        "row  1 was  done",
        "row  1 is   gone",
        "row  2 'two' is 0000ff bold and was ff0000",
        "row  2 behind columns 0 to 5 is 202020 and was 101010",
    ]
    assert differences(was, was) == []


def test_another_size_is_a_difference() -> None:
    """Rows are not compared then."""
    assert differences(Picture(80, ()), Picture(100, ())) == ["it was 80x0 and is 100x0"]
