"""The models on this machine and those of a run: rows without a screen, and the screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.app import App

from orch_tui.models import ModelsScreen
from orch_tui.models_table import memory_row, model_rows
from orch_tui.ports import Machine, Resident, World
from orch_tui.text import plain, width_of
from orch_tui.view import Followed
from orchestrator.errors import OrchError
from orchestrator.events import AttemptFinished, AttemptStarted, ModelReady
from orchestrator.report.summary import summary
from orchestrator.store.store import Store
from tests.cli.recorded import AT
from tests.tui.host import screen as seen
from tests.tui.host import until
from tests.tui.recorded import HOSTILE, VARIED, a_varied_run, store_in, world

GB = 10**9
TINY = Resident("tiny-350m", "llamacpp", "busy", memory=300 * 10**6, context=4096, slots=4, busy=2)
BIG = Resident("big", "ollama", "idle", memory=5 * GB, until=AT + 240)
FULL = Machine(8 * GB, 2 * GB, (BIG, TINY))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = store_in(tmp_path)
    yield store
    store.close()


def text(machine: Machine | None, width: int = 120, run: Any = None) -> str:
    return "\n".join(plain(row) for row in model_rows(machine, run, AT, width))


def words_of(line: str) -> str:
    return " ".join(line.split())


def test_what_is_loaded_stands_with_what_it_takes_and_does() -> None:
    """Memory, busy slots, context, and how long it stays; what a server does not tell is a dash."""
    lines = text(FULL).splitlines()

    assert words_of(lines[4]) == "big ollama ○ idle 5.0 GB – – 4 min more"
    assert words_of(lines[5]) == "tiny-350m llamacpp ● busy 300 MB 2/4 4,096 –"


def test_the_memory_of_the_machine_is_a_bar() -> None:
    """It is told in words too."""
    row = plain(memory_row(FULL))

    assert row.count("█") == 22
    assert row.count("░") == 8
    assert "6.0 GB of 8.0 GB used · 2.0 GB free" in row


def test_memory_that_runs_out_is_a_warning() -> None:
    """From nine tenths on."""
    assert "warn" in [role for _, role in memory_row(Machine(8 * GB, GB // 2))]
    assert "warn" not in [role for _, role in memory_row(FULL)]


def test_a_machine_that_does_not_tell_its_memory_is_no_division_by_zero() -> None:
    """Some systems do not say."""
    assert "not known" in plain(memory_row(Machine()))


def test_nothing_loaded_is_said() -> None:
    """An empty table would look like a fault."""
    assert "Nothing is loaded" in text(Machine(8 * GB, 2 * GB))


def test_a_model_about_to_leave_says_so() -> None:
    """Its time has passed and the server has not looked yet."""
    assert "leaves now" in text(Machine(8 * GB, GB, (replace(BIG, until=AT - 5),)))


def test_the_models_of_a_run_stand_with_calls_tokens_and_place() -> None:
    """One left this machine, and its row says so."""
    lines = text(Machine(8 * GB, GB), run=summary(a_varied_run())).splitlines()
    below = lines[lines.index("In this run") + 2 :]

    assert words_of(below[0]) == "tiny llamacpp:x this machine 5 250 60 12 0.90 s"
    assert words_of(below[1]) == "far openai:y off this machine 1 50 12 12 0.10 s"


def test_a_run_that_called_nobody_says_so() -> None:
    """A run of plain values has no models."""
    assert "No model was called yet." in text(Machine(), run=summary([]))


def test_failed_calls_are_counted_apart() -> None:
    """A sign stands before them."""
    ready = ModelReady(AT, "tiny", "", True, 1, 1, "", "", 0.0)
    start = AttemptStarted(AT, "x", 1, "tiny", (), 1, True, {})
    end = AttemptFinished(AT + 1, "x", 1, "tiny", "error", "fail", "gone", "", "", 0, 0, 0, 1.0, None, None)

    assert "✗1 1" in text(Machine(), run=summary([ready, start, end]))


@pytest.mark.parametrize("width", [200, 100, 77, 60, 40])
def test_columns_drop_out_and_names_are_cut_with_a_mark(width: int) -> None:
    """Names come from files and servers: long and hostile ones keep the table in shape."""
    residents = tuple(replace(TINY, name=name, provider=name, state=name) for name in ("n" * 300, *HOSTILE))

    rows = model_rows(Machine(8 * GB, GB, residents), None, AT, width)[3:]

    assert {width_of(row) for row in rows} == {width_of(rows[0])}
    assert width_of(rows[0]) <= width
    assert "n…" in plain(rows[1])


# -- on a screen


class OnlyModels(App[None]):
    """Shows the screen of models alone."""

    def __init__(self, around: World, shown: Followed | None = None) -> None:
        super().__init__()
        self.models = ModelsScreen(around, shown)

    def on_mount(self) -> None:
        self.push_screen(self.models)


async def test_the_screen_shows_the_machine_and_escape_leaves(store: Store) -> None:
    """In 80 columns."""
    app = OnlyModels(replace(world(store), machine=lambda: FULL))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "tiny-350m" in seen(app))
        assert "In this run" not in seen(app)
        await pilot.press("escape")

        await until(pilot, lambda: app.screen is not app.models)


async def test_it_looks_again(store: Store) -> None:
    """A model that was unloaded leaves the screen."""
    loaded = [FULL]
    app = OnlyModels(replace(world(store), machine=lambda: loaded[0]))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "tiny-350m" in seen(app))
        loaded[0] = Machine(8 * GB, 7 * GB)

        await until(pilot, lambda: "Nothing is loaded" in seen(app))


async def test_a_machine_that_cannot_be_asked_is_a_sentence(store: Store) -> None:
    """And what was seen before stays."""
    answers: list[Machine | Exception] = [FULL, OSError(13, "Permission denied")]

    def machine() -> Machine:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    app = OnlyModels(replace(world(store), machine=machine))
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: "could not be asked: Permission denied" in seen(app))
        assert "tiny-350m" in seen(app)
        answers[0] = OrchError("the hosts cannot be read", hint="look at [/folder]")

        await until(pilot, lambda: "the hosts cannot be read: look at [/folder]" in seen(app))


async def test_the_models_of_the_open_run_stand_below(store: Store) -> None:
    """With the run they belong to."""
    from orch_tui.feed import Feed

    around = replace(world(store), machine=lambda: FULL)
    feed = Feed(store, VARIED)
    for seq, event in store.events(VARIED):
        feed.trace.take(event, seq)
    app = OnlyModels(around, Followed(around, feed))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "off this machine" in seen(app))

        assert f"run {VARIED}" in seen(app)
