"""The drawing of a workflow with what its steps do, and what is shown when it cannot be drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from orch_tui.badges import NOT_YET, Badges
from orch_tui.drawing import EDGES, Badge, Drawing, Shown, as_list, of_file, of_picture
from orch_tui.graph import GraphView
from orch_tui.text import plain
from orch_tui.trace import Trace
from orchestrator.events import (
    AskOpened,
    AttemptStarted,
    Event,
    RunInterrupted,
    RunStarted,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from orchestrator.graph.open import open_workflow
from orchestrator.graph.picture import picture
from orchestrator.store.journal import StoreJournal
from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.tui.host import Host, harmless, shown, until
from tests.tui.recorded import HOSTILE

RUN = "1123-0700-abc"
WORKFLOW = """
orch: 1
name: shapes
models: {m: "scripted:answers.yaml"}
steps:
  list: {value: "{{ [1, 2, 3] }}"}
  each:
    foreach: list
    steps:
      draft: {agent: creative, model: m, prompt: "x {{ item }}"}
      check: {value: "{{ draft }}"}
  ok: {ask: "Send it?", show: "{{ each }}", choices: [send, drop]}
"""


def traced(events: Iterable[Event]) -> Trace:
    trace = Trace()
    for seq, event in enumerate(events):
        trace.take(event, seq)
    return trace


def words(trace: Trace, *steps: str) -> list[str]:
    return [badge.words for badge in Badges(trace).of(steps, 10.0).values()]


def workflow(folder: Path) -> Path:
    file = folder / "workflow.yaml"
    file.write_text(WORKFLOW)
    (folder / "answers.yaml").write_text("answers: []\n")
    return file


def recorded(folder: Path, file: str, digest: str, events: Iterable[Event]) -> Store:
    store = open_store(folder / "runs.db")
    store.create(RUN, RunStarted(0.5, RUN, "shapes", file, "", "", digest, "0", {}, {}, 3))
    journal = StoreJournal(store, RUN)
    for event in events:
        journal.append(event)
    journal.close()
    return store


HALF: tuple[Event, ...] = (
    StepStarted(1.0, "list", "value"),
    StepFinished(1.0, "list", [1, 2, 3], {}),
    StepStarted(2.0, "each", "steps", 3),
    StepStarted(2.0, "each.0", "steps"),
    StepStarted(2.0, "each.0.draft", "agent"),
    StepFinished(3.0, "each.0.draft", "a", {}),
    StepStarted(3.0, "each.1", "steps"),
    StepStarted(3.0, "each.1.draft", "agent"),
    StepFailed(4.0, "each.1.draft", "check", "no"),
    StepFailed(4.0, "each.1", "check", "no", kept=True),
    StepStarted(4.0, "each.2", "steps"),
    StepStarted(4.0, "each.2.draft", "agent"),
)


# -- words


def test_a_step_that_has_not_begun_says_so() -> None:
    """Nothing was recorded of it."""
    assert words(Trace(), "ok") == [NOT_YET.words]


def test_steps_inside_a_fan_out_count_against_its_items() -> None:
    """The fan-out, what runs in it, and how many failed and wait for their model; its frame stands out while it runs."""
    trace = traced(HALF)

    badges = Badges(trace).of(["each", "each.draft", "each.check", "list"], 10.0)

    assert badges["each"].words == "● 1/3 ✗ 1"
    assert badges["each.draft"].words == "● 2/3 ✗ 1 ◌ 1"
    assert badges["each.check"] == NOT_YET
    assert badges["each"].busy
    assert badges["list"].words.startswith("✓ done")


def test_a_question_of_a_run_that_ended_is_not_asked_any_more() -> None:
    """Nobody can answer it."""
    trace = traced(
        [
            StepStarted(1.0, "a", "ask"),
            AskOpened(3.0, "a", "?", None, ("yes",), None, None),
            RunInterrupted(4.0, "sam"),
        ]
    )

    assert words(trace, "a") == ["■ not asked any more"]


def test_items_that_were_caught_are_counted() -> None:
    """Beside those that failed."""
    trace = traced([*HALF, StepFinished(5.0, "each.2.draft", "b", {}, handled="no")])

    assert words(trace, "each.draft") == ["✗ 3/3 ✗ 1 ! 1"]


def test_a_fan_out_that_goes_on_without_some_items_is_done() -> None:
    """As in the trace: null stands in their place, and they are counted."""
    items = [StepStarted(1.0, f"each.{number}", "agent") for number in range(2)]
    events: list[Event] = [
        StepStarted(1.0, "each", "agent", 2),
        *items,
        StepFinished(2.0, "each.0", "a", {}),
        StepFailed(2.0, "each.1", "check", "no", kept=True),
    ]

    assert words(traced([*events, StepFinished(3.0, "each", ["a", None], {})]), "each") == ["✓ 2/2 ✗ 1"]
    lost = [StepFailed(2.0, "each.1", "check", "no"), StepFailed(2.0, "each", "check", "no")]
    assert words(traced([*events[:-1], *lost]), "each") == ["✗ 2/2 ✗ 1"]


def test_between_two_items_a_step_is_not_done() -> None:
    """Nothing of it is under way at this moment, but more of its items come."""
    started = RunStarted(0.5, "r", "w", "", "", "", "", "0", {}, {}, 1)

    assert words(traced([started, *HALF[:6]]), "each.draft") == ["● 1/3"]
    assert words(traced([started, *HALF[:6], RunInterrupted(4.0, "sam")]), "each.draft") == ["✓ 1/3"]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (StepFinished(3.0, "a", 1, {}), "✓ done 2.0 s"),
        (StepFinished(3.0, "a", 1, {}, cached=True), "≈ cached 2.0 s"),
        (StepFailed(3.0, "a", "check", "no"), "✗ failed 2.0 s"),
        (StepFinished(3.0, "a", 1, {}, handled="no"), "! caught 2.0 s"),
        (StepSkipped(3.0, "a", "when"), "– skipped"),
        (AskOpened(3.0, "a", "?", None, ("yes",), None, None), "? asks a person"),
        (RunInterrupted(3.0, "sam"), "■ cut off, 2.0 s"),
        (AttemptStarted(3.0, "a", 1, "tiny", (), 1, True, {}), "● 9.0 s"),
        (None, "◌ waits for its model"),
    ],
)
def test_a_step_of_one_instance_says_how_it_stands(last: Event | None, expected: str) -> None:
    """A sign and a word for every status, never only a colour."""
    events: list[Event] = [
        RunStarted(1.0, "r", "w", "", "", "", "", "0", {}, {}, 1),
        StepStarted(1.0, "a", "agent"),
    ]

    trace = traced([*events, *([last] if last is not None else [])])

    assert words(trace, "a") == [expected]


# -- lines


def drawn(folder: Path) -> Drawing:
    return of_picture(picture(open_workflow(workflow(folder))))


def test_every_step_has_its_place_in_the_drawing(tmp_path: Path) -> None:
    """The title stands in the box, groups before what they hold, in reading order."""
    drawing = drawn(tmp_path)

    assert [spot.step for spot in drawing.spots] == ["list", "each", "each.draft", "each.check", "ok"]
    for spot in drawing.spots:
        box = [line[spot.column : spot.column + spot.width] for line in drawing.lines[spot.row :][:2]]
        assert spot.step.rpartition(".")[2] in "".join(box)


def test_a_status_stands_in_its_box_and_what_runs_has_a_heavy_frame(tmp_path: Path) -> None:
    """Also where there are no colours."""
    shown_ = Shown(drawn(tmp_path))
    shown_.badges = {"each.draft": Badge("● 2/3", "run", busy=True)}
    spot = next(spot for spot in shown_.drawing.spots if spot.step == "each.draft")

    rows = [plain(shown_.row(spot.row + offset, 0, 200)) for offset in range(3)]

    assert rows[0][spot.column] == "┏"
    assert "● 2/3" in rows[2]
    assert len({cell_len(row) for row in rows}) == 1


def test_a_drawing_wider_than_the_screen_is_marked_at_the_edges(tmp_path: Path) -> None:
    """`‹` and `›` stand where it goes on; nothing is cut without them."""
    shown_ = Shown(drawn(tmp_path))
    widest = max(range(len(shown_.drawing.lines)), key=lambda row: len(shown_.drawing.lines[row]))

    right = plain(shown_.row(widest, 0, 20))
    middle = plain(shown_.row(widest, 5, 20))
    whole = plain(shown_.row(widest, 0, 400))

    assert right.endswith(EDGES[1])
    assert middle.startswith(EDGES[0])
    assert middle.endswith(EDGES[1])
    assert not set(EDGES) & set(whole)


def test_a_list_of_hostile_names_is_harmless() -> None:
    """Whatever a store holds as a path."""
    shown_ = Shown(as_list(HOSTILE))
    shown_.badges = {step: Badge(step, "bad") for step in HOSTILE}

    rows = [plain(shown_.row(row, 0, 200)) for row in range(len(HOSTILE))]

    assert all("\x1b" not in row and "\x07" not in row and "\u202e" not in row for row in rows)
    assert "[@click=app.quit]" in rows[4]


# -- files


def test_a_file_that_changed_is_drawn_with_a_word_about_it(tmp_path: Path) -> None:
    """The digest of the run tells."""
    file = workflow(tmp_path)
    digest = open_workflow(file).digest

    same, other = of_file(file, digest), of_file(file, "0" * 64)

    assert not same.trouble
    assert "has changed since the run began" in other.trouble
    assert replace(other, trouble="") == same


@pytest.mark.parametrize("text", [None, "steps: [", "orch: 1\nsteps: {a: {agnet: x}}\n", "\x00\xff"])
def test_a_file_that_cannot_be_drawn_is_a_sentence(tmp_path: Path, text: str | None) -> None:
    """Missing, no YAML, wrong, binary: never an exception."""
    file = tmp_path / "workflow.yaml"
    if text is not None:
        file.write_bytes(text.encode("latin-1"))

    drawing = of_file(file, "")

    assert not drawing.lines
    assert drawing.trouble


# -- on a screen


async def test_tab_goes_from_box_to_box_and_enter_to_the_trace(tmp_path: Path) -> None:
    """The chosen one is marked; the message names the step."""
    file = workflow(tmp_path)
    store = recorded(tmp_path, str(file), open_workflow(file).digest, HALF)
    app = Host(store, RUN, GraphView)

    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "┌ each" in shown(app.view.listing) or "┏ each" in shown(app.view.listing))
        await pilot.press("tab", "tab")
        await until(pilot, lambda: "▸draft" in shown(app.view.listing))
        text = shown(app.view.listing)
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.posted))
        await pilot.press("e")
        failed = app.view.chosen

    store.close()
    message = app.posted[0]
    assert isinstance(message, GraphView.StepChosen)
    assert message.step == "each.draft"
    assert "2/3 ✗ 1" in text
    assert "· not yet" in text
    assert failed is not None


async def test_a_wide_drawing_scrolls_and_comes_into_sight_with_its_box(tmp_path: Path) -> None:
    """At 30 columns there is more to the right, and `l` goes there; a chosen box is moved into sight."""
    file = workflow(tmp_path)
    store = recorded(tmp_path, str(file), "", HALF)
    app = Host(store, RUN, GraphView)

    async with app.run_test(size=(30, 12)) as pilot:
        await until(pilot, lambda: "list" in shown(app.view.listing) and bool(app.view._file))
        before = shown(app.view.listing)
        await pilot.press("l", "l")
        after = shown(app.view.listing)
        await pilot.press("N")
        await until(pilot, lambda: "▸ok" in shown(app.view.listing))

    store.close()
    assert EDGES[1] in before
    assert EDGES[0] in after
    assert before != after


async def test_without_its_file_the_steps_of_the_run_are_a_list(tmp_path: Path) -> None:
    """A line says why; the steps that began are there with their status."""
    store = recorded(tmp_path, str(tmp_path / "gone.yaml"), "", HALF)
    app = Host(store, RUN, GraphView)

    async with app.run_test(size=(100, 20)) as pilot:
        await until(pilot, lambda: "each" in shown(app.view.listing) and bool(app.view._said.rows))
        text, said = shown(app.view.listing), plain(app.view._said.rows[0])

    store.close()
    assert "gone.yaml" in said
    assert "■ 2/3 ✗ 1" in text  # nobody works on it any more
    assert harmless(text + said)


async def test_until_its_file_was_read_no_list_stands_in_the_place_of_the_graph(tmp_path: Path) -> None:
    """A word says that it is being drawn; boxes do not come in the place of something else."""
    file = workflow(tmp_path)
    store = recorded(tmp_path, str(file), "", HALF)
    app = Host(store, RUN, GraphView)
    seen: list[str] = []

    def drawn_now() -> bool:
        app.tick()
        seen.append(shown(app.view.listing) + "".join(plain(row) for row in app.view._said.rows))
        return any(corner in seen[-1] for corner in "┌┏")

    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, drawn_now)

    store.close()
    assert {text.strip() for text in seen[:-1]} <= {"", "drawing…"}
    assert "drawing…" not in seen[-1]


def test_what_was_caught_is_trouble_too() -> None:
    """`e` goes to steps that failed and to those that went on after an error, and to no others."""
    trace = traced(
        (
            StepStarted(1.0, "list", "value"),
            StepFinished(1.0, "list", None, {"error": "no"}, handled="no"),
            StepStarted(2.0, "ok", "value"),
            StepFinished(2.0, "ok", 1, {}),
            StepStarted(3.0, "bad", "value"),
            StepFailed(3.0, "bad", "check", "no"),
        )
    )

    badges = Badges(trace)

    assert [badges.in_trouble(step) for step in ("list", "ok", "bad", "never")] == [True, False, True, False]
