"""A part of a run once more, and a run beside another one: what is said first, what is started, what is compared."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from orch_tui.again import told
from orch_tui.app import Screens
from orch_tui.detail import DetailPanel
from orch_tui.run_screen import RunScreen
from orch_tui.runs import RunsScreen
from orch_tui.tree import SpanTree
from orchestrator.errors import UsageError
from orchestrator.events import (
    TAKEN,
    Event,
    RunFailed,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepStarted,
)
from orchestrator.store.journal import StoreJournal
from orchestrator.store.store import Store
from tests.cli.recorded import AT
from tests.tui.host import harmless, screen, until
from tests.tui.recorded import HOSTILE, store_in, tried, world
from tests.tui.test_run_screen import read

OLD, NEW, AWAY = "1123-0700-old", "1123-0701-new", "1123-0702-far"
PLAN: Mapping[str, Any] = {
    "reused": {"draft": 3, "sorted": 1},
    "anew": {"letter": "begins here", "all": "comes after letter"},
    "once": [],
    "calls": 2,
    "usd": 0.5,
    "cache": True,
}


def a_run(
    run: str,
    answer: str,
    options: Mapping[str, Any],
    *,
    taken: str = "",
    fails: bool = False,
    name: str = "letters",
) -> list[Event]:
    facts = {"attempts": 1, "model": "tiny"}
    begun: list[Event] = [
        RunStarted(AT, run, name, "/p/w.yaml", "/p", "", "d" * 64, "0.1.0", {}, options, 2),
        StepStarted(AT, "draft", "agent"),
        *([] if taken else tried("draft", 1, "a draft")),
        StepFinished(
            AT + 1, "draft", "a draft", facts | ({TAKEN: taken} if taken else {}), cached=bool(taken)
        ),
        StepStarted(AT + 1, "letter", "agent"),
        *tried("letter", 1, answer, at=AT + 1),
    ]
    if fails:
        failed = StepFailed(AT + 2, "letter", "model", "the model went away", "try it once more", facts=facts)
        return [*begun, failed, RunFailed(AT + 2, "letter", "model", "the model went away")]
    return [*begun, StepFinished(AT + 2, "letter", answer, facts), RunFinished(AT + 2, answer)]


def record(store: Store, events: list[Event], after: float = 0) -> None:
    """A run that began so many seconds later than others."""
    began, *rest = (replace(event, at=event.at + after) for event in events)
    assert isinstance(began, RunStarted)
    store.create(began.run, began)
    journal = StoreJournal(store, began.run)
    for event in rest:
        journal.append(event)
    journal.close()


@dataclass
class Forking:
    """In the place of processes: the new run is recorded at once."""

    store: Store
    plans: Mapping[str, Any] = field(default_factory=lambda: PLAN)
    asked: list[tuple[str, str]] = field(default_factory=list)
    started: list[tuple[str, str]] = field(default_factory=list)
    fresh: list[bool] = field(default_factory=list)

    def plan(self, run: str, step: str, /) -> Mapping[str, Any]:
        self.asked.append((run, step))
        if step == "draft":
            raise UsageError("the file is gone", hint="bring it back")
        return self.plans

    def start(self, run: str, step: str, /, *, fresh: bool = False) -> str:
        self.started.append((run, step))
        self.fresh.append(fresh)
        record(self.store, a_run(NEW, "Dear Bob", {"forked": {"run": run, "at": step}}, taken=run), 60)
        return NEW


@dataclass
class Slowly(Forking):
    """Begins only when it may, or not at all."""

    may: threading.Event = field(default_factory=threading.Event)
    fault: str = ""

    def start(self, run: str, step: str, /, *, fresh: bool = False) -> str:
        self.may.wait(60)
        if self.fault:
            raise UsageError(self.fault)
        return super().start(run, step, fresh=fresh)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = store_in(tmp_path)
    record(store, a_run(OLD, "Dear Ann", {}, fails=True))
    yield store
    store.close()


def app_of(store: Store, forks: Forking | None, run: str = OLD) -> Screens:
    return Screens(replace(world(store), forks=forks), run)


def go_to(shown: RunScreen, path: str) -> None:
    shown.query_one(SpanTree).go_to(shown.shown.trace.find(path))


# -- what is said


def test_what_stands_what_runs_and_what_it_may_take_is_told() -> None:
    """The parts of the plan as a person reads them."""
    said = [text for text, _ in told(OLD, PLAN)]

    assert said[0] == "taken over: draft (3), sorted"
    assert said[1] == "runs anew: letter (begins here), all (comes after letter)"
    assert said[2] == "at most 2 model calls, $0.50"
    assert f"{OLD} stays as it is" in said[-1]


def test_a_second_effect_is_told_as_what_is_bad() -> None:
    """Starting it says yes to that too."""
    said = told(OLD, {**PLAN, "once": [{"path": "pay", "tool": "bank.pay"}]})

    assert ("a second time: pay calls bank.pay, and that happened already", "bad") in said


@pytest.mark.parametrize(
    ("calls", "usd", "expected"),
    [
        (0, 0, "no model is called"),
        (1, 0, "at most 1 model call, which cost nothing"),
        (3, None, "at most 3 model calls, at a cost that nobody knows"),
        ("2 × items of sorted", 0, "at most 2 × items of sorted model calls, which cost nothing"),
    ],
)
def test_the_bound_is_as_exact_as_it_is_known(calls: object, usd: object, expected: str) -> None:
    """A number, or words."""
    assert (expected, "bold") in told(OLD, {**PLAN, "calls": calls, "usd": usd})


def test_of_many_steps_the_first_are_told() -> None:
    """A dialog is no list."""
    said = told(OLD, {**PLAN, "reused": {f"s{number}": 1 for number in range(30)}, "anew": {}})

    assert said[0][0].endswith("s7 and 22 more")
    assert said[1][0] == "runs anew: nothing, the result is put together again"


# -- r


async def test_r_asks_and_then_shows_the_new_run_in_the_place_of_the_old(store: Store) -> None:
    """What failed is tried again as a run of its own; one step back is the list of runs."""
    forks = Forking(store)
    async with app_of(store, forks).run_test(notifications=True, size=(120, 40)) as pilot:
        shown = await read(pilot)
        go_to(shown, "letter")
        assert "r Run anew" in screen(pilot.app)
        assert "try again: r" in screen(pilot.app)

        await pilot.press("r")
        await until(pilot, lambda: "Run anew from letter?" in screen(pilot.app))
        assert "taken over: draft (3), sorted" in screen(pilot.app)
        assert not forks.started
        await pilot.press("y")
        await until(pilot, lambda: f"out of {OLD} at letter" in screen(pilot.app))

        assert (forks.asked, forks.started) == ([(OLD, "letter")], [(OLD, "letter")])
        assert forks.fresh == [False]
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, RunScreen))


async def begun_slowly(pilot: Pilot[None]) -> None:
    """To where the new run is being started, and the screen says so."""
    go_to(await read(pilot), "letter")
    await pilot.press("r")
    await until(pilot, lambda: "Run anew from letter?" in screen(pilot.app))
    await pilot.press("y")
    await until(pilot, lambda: "starting…" in screen(pilot.app))


async def test_who_goes_elsewhere_while_it_starts_is_told_all_the_same(store: Store) -> None:
    """And stays where they went."""
    forks = Slowly(store)
    async with app_of(store, forks).run_test(notifications=True, size=(120, 40)) as pilot:
        await begun_slowly(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))

        forks.may.set()

        await until(pilot, lambda: f"run {NEW} has begun" in screen(pilot.app))
        assert isinstance(pilot.app.screen, RunsScreen)


async def test_who_leaves_while_it_starts_is_told_after_the_screen_closed(
    store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nobody else would say the id."""
    forks = Slowly(store)
    app = app_of(store, forks)
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await begun_slowly(pilot)
        app.simulate_key("q")
        await until(pilot, lambda: "leaving as soon as the run has begun" in screen(pilot.app))

        forks.may.set()

        await until(pilot, lambda: app._exit)
    assert f"run {NEW} has begun; see it with: orch tui {NEW}" in capfd.readouterr().err


async def test_what_could_not_be_started_is_told_wherever_one_is(store: Store) -> None:
    """A sentence, and no crash."""
    forks = Slowly(store, fault="no more processes")
    async with app_of(store, forks).run_test(notifications=True, size=(120, 40)) as pilot:
        await begun_slowly(pilot)
        await pilot.press("escape")

        forks.may.set()

        await until(pilot, lambda: "no more processes" in screen(pilot.app))


async def test_f_asks_the_models_also_where_an_answer_is_known(store: Store) -> None:
    """What is told of known answers changes with it, and back."""
    forks = Forking(store)
    async with app_of(store, forks).run_test(notifications=True, size=(120, 40)) as pilot:
        go_to(await read(pilot), "letter")
        await pilot.press("r")
        await until(pilot, lambda: "known answers are used again" in screen(pilot.app))
        assert "f Ask the models also where an answer is known" in screen(pilot.app)

        await pilot.press("f")
        await until(pilot, lambda: "every model is asked, also where an answer is known" in screen(pilot.app))
        assert "known answers are used again" not in screen(pilot.app)
        await pilot.press("f")
        await until(pilot, lambda: "known answers are used again" in screen(pilot.app))
        await pilot.press("j", "j", "enter")
        await until(pilot, lambda: "f Use known answers again" in screen(pilot.app))
        assert not forks.started
        await pilot.press("y")
        await until(pilot, lambda: f"out of {OLD} at letter" in screen(pilot.app))

        assert forks.fresh == [True]


async def test_a_run_that_used_no_known_answers_is_run_anew_without_them(store: Store) -> None:
    """There is nothing to choose then."""
    forks = Forking(store, {**PLAN, "cache": False})
    async with app_of(store, forks).run_test(notifications=True, size=(120, 40)) as pilot:
        go_to(await read(pilot), "letter")
        await pilot.press("r")
        await until(pilot, lambda: "every model is asked" in screen(pilot.app))
        assert " f " not in screen(pilot.app).split("Start the new run")[1].splitlines()[1]

        await pilot.press("f", "y")
        await until(pilot, lambda: f"out of {OLD} at letter" in screen(pilot.app))

        assert forks.fresh == [False]


def test_where_no_model_is_called_nothing_is_said_of_known_answers() -> None:
    """There are none to use."""
    said = " ".join(text for text, _ in told(OLD, {**PLAN, "calls": 0, "usd": 0}))

    assert "known" not in said


@pytest.mark.parametrize("key", ["n", "enter", "escape"])
async def test_nothing_is_started_without_a_yes(store: Store, key: str) -> None:
    """Enter alone is no."""
    forks = Forking(store)
    async with app_of(store, forks).run_test(notifications=True, size=(120, 40)) as pilot:
        shown = await read(pilot)
        go_to(shown, "letter")
        await pilot.press("r")
        await until(pilot, lambda: "Run anew from letter?" in screen(pilot.app))

        await pilot.press(key)
        await until(pilot, lambda: pilot.app.screen is shown)

        assert not forks.started


async def test_what_cannot_be_run_anew_is_a_sentence_with_its_hint(store: Store) -> None:
    """The workflow's file may be gone."""
    forks = Forking(store)
    async with app_of(store, forks).run_test(notifications=True, size=(120, 40)) as pilot:
        go_to(await read(pilot), "draft")

        await pilot.press("r")

        await until(pilot, lambda: "the file is gone" in screen(pilot.app))
        assert "bring it back" in screen(pilot.app)


async def test_the_run_as_a_whole_is_no_place_to_begin(store: Store) -> None:
    """Its first row stands for no step."""
    async with app_of(store, Forking(store)).run_test(notifications=True, size=(120, 40)) as pilot:
        await read(pilot)

        await pilot.press("g", "r")

        await until(pilot, lambda: "choose the step" in screen(pilot.app))


async def test_without_a_way_to_start_runs_the_key_means_nothing(store: Store) -> None:
    """And the header names the command."""
    async with app_of(store, None).run_test(notifications=True, size=(120, 40)) as pilot:
        go_to(await read(pilot), "letter")

        await pilot.press("r")
        await until(pilot, lambda: "runs cannot be started from here" in screen(pilot.app))

        assert "Run anew from letter?" not in screen(pilot.app)
        assert f"orch resume {OLD}" in screen(pilot.app)


async def test_hostile_names_in_the_plan_are_shown_and_never_obeyed(store: Store) -> None:
    """Paths and reasons come from files."""
    plan = {
        **PLAN,
        "anew": {text: text for text in HOSTILE},
        "once": [{"path": HOSTILE[0], "tool": HOSTILE[4]}],
    }
    async with app_of(store, Forking(store, plan)).run_test(notifications=True, size=(120, 40)) as pilot:
        go_to(await read(pilot), "letter")

        await pilot.press("r")
        await until(pilot, lambda: "Run anew from letter?" in screen(pilot.app))

        assert harmless(screen(pilot.app).replace("\u200d", ""))  # joins an emoji
        assert "[@click=app.quit]" in screen(pilot.app)


# -- where it is from


async def test_a_run_out_of_another_says_so_and_marks_what_was_taken_over(store: Store) -> None:
    """In the header, in the tree, and in every tab of what was taken over."""
    Forking(store).start(OLD, "letter")
    async with app_of(store, None, NEW).run_test(notifications=True, size=(140, 40)) as pilot:
        shown = await read(pilot)
        detail = shown.query_one(DetailPanel)
        assert f"out of {OLD} at letter" in screen(pilot.app)
        assert "⇐ draft" in screen(pilot.app)
        assert "⇐ letter" not in screen(pilot.app)

        go_to(shown, "draft")
        await until(pilot, lambda: f"taken over from run {OLD}; no model was called" in screen(pilot.app))
        await pilot.press("4")
        await until(pilot, lambda: f"its value was taken over from run {OLD}" in detail.text)
        await pilot.press("3")
        await until(pilot, lambda: f"the attempts are in run {OLD}" in " ".join(detail.text.split()))
        await pilot.press("g", "4")
        await until(pilot, lambda: f"It began with what run {OLD} had finished" in detail.text)
        assert "1 value taken over" in detail.text


# -- d


async def test_d_compares_a_step_with_the_newest_other_run_first(store: Store) -> None:
    """The earlier run stands before; from step to step the comparison stays, and a tab ends it."""
    Forking(store).start(OLD, "letter")
    record(store, a_run(AWAY, "x", {}, name="another"), 200)
    async with app_of(store, None, NEW).run_test(notifications=True, size=(140, 40)) as pilot:
        shown = await read(pilot)
        detail = shown.query_one(DetailPanel)
        go_to(shown, "letter")
        await pilot.press("d")
        await until(pilot, lambda: "Compare with" in screen(pilot.app))
        assert f"1 {OLD}  failed" in screen(pilot.app)
        assert "this run came from it" in screen(pilot.app)
        assert AWAY not in screen(pilot.app)

        await pilot.press("1")
        await until(pilot, lambda: f"{OLD} → {NEW}" in detail.text)
        assert "+Dear Bob" in detail.text
        assert "-failed: the model went away" in detail.text
        go_to(shown, "draft")
        await until(pilot, lambda: "done, cached" in detail.text)
        await pilot.press("g")
        await until(pilot, lambda: "failed → done" in detail.text)
        assert "letter: 1 differ" in detail.text
        await pilot.press("3")
        await until(pilot, lambda: "these called a model" in detail.text)


async def test_a_run_that_has_no_such_step_is_told(store: Store) -> None:
    """The other run never came there."""
    record(store, [a_run(NEW, "x", {})[0], RunFinished(AT, "x")], 60)
    async with app_of(store, None).run_test(notifications=True, size=(140, 40)) as pilot:
        shown = await read(pilot)
        go_to(shown, "letter")

        await pilot.press("d")
        await until(pilot, lambda: "Compare with" in screen(pilot.app))
        await pilot.press("1")

        await until(pilot, lambda: f"only in {OLD}" in shown.query_one(DetailPanel).text)


async def test_alone_d_goes_to_the_attempts_at_once(store: Store) -> None:
    """There is nothing to choose from."""
    async with app_of(store, None).run_test(notifications=True, size=(140, 40)) as pilot:
        go_to(await read(pilot), "letter")

        await pilot.press("d")

        await until(pilot, lambda: "[3 Attempts]" in screen(pilot.app))
