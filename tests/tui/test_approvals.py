"""The inbox of questions: what is open without a screen, and answering it on one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orch_tui.app import Screens
from orch_tui.approvals import ApprovalsScreen
from orch_tui.dialogs import Choose, Confirm
from orch_tui.listing import Listing
from orch_tui.questions import (
    SHOWN,
    QuestionRows,
    QuestionsReader,
    about,
    answer,
    heading,
    open_questions,
    stranded,
)
from orch_tui.text import plain, width_of
from orchestrator.errors import StoreError, UsageError
from orchestrator.events import AskAnswered, AskOpened, Event, RunResumed, RunWaiting, StepStarted
from orchestrator.store import answers
from orchestrator.store.answers import Question
from orchestrator.store.inbox import take
from orchestrator.store.journal import StoreJournal
from orchestrator.store.lease import Lease
from orchestrator.store.store import Store
from tests.cli.recorded import AT, WAITING, begun, record
from tests.tui.host import screen as seen
from tests.tui.host import until
from tests.tui.looking import said
from tests.tui.recorded import HOSTILE, Started, store_in, world

TWO, LATE = "1123-0700-two", "1123-0701-lat"
FAR = 4_000_000_000.0
ASK = AskOpened(AT, "ok", "Send it?", None, ("send", "drop"), None, None)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = store_in(tmp_path)
    yield store
    store.close()


def asks(*questions: AskOpened) -> list[Event]:
    paths = tuple(one.path for one in questions)
    return [*(StepStarted(AT, path, "ask") for path in paths), *questions, RunWaiting(AT + 1, paths)]


def open_paths(found: list[Question]) -> list[tuple[str, str]]:
    return [(one.run.id, one.ask.path) for one in found]


def the_question(store: Store) -> Question:
    return QuestionsReader(store).read()[0]


def started(around: Any) -> list[tuple[str, ...]]:
    assert isinstance(around.start, Started)
    return around.start.calls


# -- without a screen


def test_open_questions_of_all_runs_are_found_the_newest_run_first(store: Store) -> None:
    """Those of ended runs and answered ones are not open."""
    record(store, TWO, asks(ASK, replace(ASK, path="more")), AT + 900)

    assert open_paths(QuestionsReader(store).read()) == [(TWO, "ok"), (TWO, "more"), (WAITING, "approve")]
    assert open_questions(store) == 3


def test_only_one_run_when_one_is_meant(store: Store) -> None:
    """And none when it waits for nobody."""
    record(store, TWO, asks(ASK), AT + 900)

    assert open_paths(QuestionsReader(store, WAITING).read()) == [(WAITING, "approve")]
    assert QuestionsReader(store, "1123-0645-aaa").read() == []


def test_an_answer_in_the_inbox_closes_the_question_at_once(store: Store) -> None:
    """Whoever gave it, before the owner takes it."""
    reader = QuestionsReader(store)
    assert len(reader.read()) == 1

    answers.approve(store, WAITING, "approve", None, "ann")

    assert reader.read() == []


def test_a_log_that_grows_is_read_on(store: Store) -> None:
    """What is answered goes and what is asked anew comes, with the same reader."""
    record(store, TWO, asks(ASK), AT + 900)
    reader = QuestionsReader(store, TWO)
    assert open_paths(reader.read()) == [(TWO, "ok")]
    with Lease.acquire(store, TWO):
        journal = StoreJournal(store, TWO)
        for event in (RunResumed(AT + 5, "me"), AskAnswered(AT + 6, "ok", "send", "ann")):
            journal.append(event)
        journal.append(replace(ASK, path="again"))
        journal.close()

        assert open_paths(reader.read()) == [(TWO, "again")]


def test_a_run_deleted_meanwhile_is_no_fault(store: Store) -> None:
    """Its questions are gone with it."""
    reader = QuestionsReader(store)
    reader.read()

    store.delete(WAITING)

    assert reader.read() == []


@pytest.mark.parametrize("payload", ["{broken", "[1]"])
def test_a_damaged_message_in_an_inbox_answers_nothing_and_hides_no_question(
    store: Store, payload: str
) -> None:
    """Neither of its run nor of others."""
    record(store, TWO, asks(ASK), AT + 900)
    with store.writing() as connection:
        message = (store.head(WAITING).no, payload)
        connection.exec_driver_sql(
            "INSERT INTO inbox (run, at, kind, payload) VALUES (?, 1, 'approve', ?)", message
        )
    reader = QuestionsReader(store)

    assert open_paths(reader.read()) == [(TWO, "ok"), (WAITING, "approve")]
    assert reader.trouble is None


def test_a_run_nobody_executes_is_resumed_with_the_last_answer(store: Store) -> None:
    """Not before: it would stop at the next question."""
    record(store, TWO, asks(ASK, replace(ASK, path="more")), AT + 900)
    around = world(store)
    first, second = QuestionsReader(store, TWO).read()

    said = answer(around, first, "drop")
    assert said.sentence == f"ok is answered: drop; run {TWO} waits for 1 more answer"
    assert started(around) == []

    assert answer(around, second, "send").sentence == f"more is answered: send; run {TWO} is resumed"
    assert started(around) == [("resume", TWO)]
    assert [(row.kind, row.payload["choice"], row.payload["by"]) for row in take(store, TWO)] == [
        ("approve", "drop", "sam"),
        ("approve", "send", "sam"),
    ]


def test_a_rejected_run_is_resumed_so_that_it_ends(store: Store) -> None:
    """Other questions of it do not matter any more."""
    record(store, TWO, asks(ASK, replace(ASK, path="more")), AT + 900)
    around = world(store)

    said = answer(around, QuestionsReader(store, TWO).read()[0], None)

    assert "exit code 3" in said.sentence
    assert started(around) == [("resume", TWO)]
    assert [row.kind for row in take(store, TWO)] == ["reject"]


def test_a_run_with_an_owner_goes_on_by_itself(store: Store) -> None:
    """A second owner would be refused."""
    around = world(store)
    with Lease.acquire(store, WAITING):
        said = answer(around, the_question(store), "send")

    assert said.alive
    assert said.sentence.endswith("goes on by itself")
    assert started(around) == []


def test_an_owner_that_left_in_the_moment_of_the_answer_is_noticed(store: Store) -> None:
    """Else the run would wait for an answer that it has."""
    with Lease.acquire(store, WAITING):
        answer(world(store), the_question(store), "send")
        assert stranded(store, WAITING) is None

    assert stranded(store, WAITING) is True
    store.delete(WAITING)
    assert stranded(store, WAITING) is False


def test_an_answer_that_comes_second_is_refused(store: Store) -> None:
    """Somebody was quicker; the first answer stays."""
    question = the_question(store)
    answers.approve(store, WAITING, "approve", "drop", "ann")

    with pytest.raises(UsageError, match=r"already answered: drop \(by ann\)"):
        answer(world(store), question, "send")


def test_an_answer_after_the_deadline_is_refused(store: Store) -> None:
    """The run has its `then` already, it only does not know yet."""
    record(store, LATE, asks(replace(ASK, deadline=AT + 10, then="drop")), AT + 900)

    with pytest.raises(UsageError, match="was open until"):
        answer(world(store), QuestionsReader(store, LATE).read()[0], "send")


def test_when_it_cannot_be_resumed_the_answer_is_still_given(store: Store) -> None:
    """And it says how to go on."""

    def start(arguments: Any) -> None:
        raise StoreError("no more processes")

    said = answer(replace(world(store), start=start), the_question(store), "send")

    assert "it could not be resumed (no more processes)" in said.sentence
    assert f"orch resume {WAITING}" in said.sentence
    assert take(store, WAITING)


def test_the_deadline_and_what_happens_then_are_told(store: Store) -> None:
    """Before one answers, one knows how much time there is."""
    run = store.run(WAITING)

    def told(ask: AskOpened) -> str:
        return "\n".join(text for text, _ in heading(Question(run, ask), AT + 60))

    assert "it waits until somebody answers" in told(ASK)
    assert "(40 s left), then the run takes 'drop'" in told(replace(ASK, deadline=AT + 100, then="drop"))
    assert "then the step fails" in told(replace(ASK, deadline=AT + 100))
    assert "the run takes 'drop' when the run goes on" in told(replace(ASK, deadline=AT + 50, then="drop"))
    assert "answers: send / drop" in told(ASK)


def test_what_it_is_about_is_text_or_json_and_bounded(store: Store) -> None:
    """A book is not wrapped for the screen; it says how much is missing and where it is."""
    run = store.run(WAITING)

    def shown(show: Any) -> str:
        return "\n".join(text for text, _ in about(Question(run, replace(ASK, show=show)))).strip()

    assert shown(None) == ""
    assert shown("as it is") == "as it is"
    assert shown({"n": [1, "é"]}) == '{\n  "n": [\n    1,\n    "é"\n  ]\n}'
    assert shown("x" * (SHOWN + 5)).endswith(f"… 5 more characters: orch show {WAITING} ok")


@pytest.mark.parametrize("width", [200, 100, 80, 60, 40])
def test_rows_fit_whatever_stands_in_them(store: Store, width: int) -> None:
    """Questions come from models and files."""
    rows = QuestionRows(lambda: AT + 60)
    run = store.run(WAITING)
    rows.questions = [
        Question(replace(run, workflow=text), replace(ASK, path=text, question=text, deadline=FAR))
        for text in ("q" * 300, *HOSTILE)
    ]

    assert {width_of(rows.row(index, width)) for index in range(len(rows))} == {width_of(rows.header(width))}
    assert width_of(rows.header(width)) <= width
    assert "q…" in plain(rows.row(0, width))


# -- on a screen


@asynccontextmanager
async def shown(
    store: Store, run: str | None = None, *, at: str = "", size: tuple[int, int] = (80, 24)
) -> Any:
    app = Screens(world(store))
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        app.push_screen(ApprovalsScreen(app.world, run, at=at))
        await pilot.pause()
        await until(pilot, lambda: "Reading" not in seen(app))
        yield pilot


async def test_a_question_stands_with_all_one_needs_to_answer_it(store: Store) -> None:
    """In 80 columns: run, step, question, choices, deadline, and what it is about."""
    async with shown(store) as pilot:
        screen = seen(pilot.app)

        assert screen.startswith("1 open question\n")
        for word in (
            WAITING,
            "approve",
            "Send 2 replies?",
            "send / drop",
            "until somebody answers",
            '"n": 2',
        ):
            assert word in screen
        assert "Approve" in screen
        assert "Reject" in screen


async def test_approving_offers_the_choices_with_the_first_under_the_cursor(store: Store) -> None:
    """Then the run goes on, and the question leaves the inbox."""
    async with shown(store) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: started(pilot.app.world) == [("resume", WAITING)])
        await until(pilot, lambda: "Nobody is asked anything." in seen(pilot.app))

        assert f"approve is answered: send; run {WAITING} is resumed" in said(pilot)


async def test_the_footer_has_what_can_be_done_with_the_question(store: Store) -> None:
    """Without one nothing; a value is only offered to be changed where the question has one."""
    async with shown(store) as pilot:
        await until(pilot, lambda: "a Approve  x Reject" in seen(pilot.app))
        assert "u Change" not in seen(pilot.app)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
        assert "enter chooses · esc closes" in seen(pilot.app)
        await pilot.press("enter")
        await until(pilot, lambda: "Nobody is asked anything." in seen(pilot.app))

        await until(pilot, lambda: "Approve" not in seen(pilot.app).splitlines()[-1])
        assert "esc Back" in seen(pilot.app).splitlines()[-1]


async def test_a_run_that_goes_on_in_a_moment_says_so_and_names_no_command(store: Store) -> None:
    """Whoever types the command meanwhile would be refused."""
    app = Screens(replace(world(store), now=time.time), WAITING)
    async with app.run_test(size=(120, 24)) as pilot:
        await until(pilot, lambda: "waiting for 1 answer: i" in seen(app))
        await pilot.press("i")
        await until(pilot, lambda: seen(app).startswith("1 open question"))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: "Nobody is asked anything." in seen(app))
        await pilot.press("escape")

        await until(pilot, lambda: "answered, and going on in a moment" in seen(app))
        assert "orch resume" not in seen(app).splitlines()[0]


async def test_who_leaves_the_inbox_at_once_is_told_what_the_answer_did(store: Store) -> None:
    """It takes a moment to start a process."""
    async with shown(store) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose))

        await pilot.press("enter", "escape")

        await until(pilot, lambda: f"approve is answered: send; run {WAITING} is resumed" in said(pilot))
        assert not isinstance(pilot.app.screen, ApprovalsScreen)


async def test_enter_and_a_number_take_another_choice(store: Store) -> None:
    """The keys of the dialog."""
    async with shown(store) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
        await pilot.press("2")
        await until(pilot, lambda: bool(take(store, WAITING)))

    assert take(store, WAITING)[0].payload["choice"] == "drop"


async def test_escape_answers_nothing(store: Store) -> None:
    """One may think about it."""
    async with shown(store) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ApprovalsScreen))
        await pilot.press("x")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        assert "exit code 3" in seen(pilot.app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ApprovalsScreen))

    assert take(store, WAITING) == []


async def test_a_value_that_may_be_changed_is_shown_and_answered_with(store: Store) -> None:
    """Without a terminal of its own the editor cannot be opened, and the screen names the command."""
    edit = {"value": "a letter", "schema": {"type": "string"}}
    record(store, TWO, asks(replace(ASK, edit=edit)))
    async with shown(store, TWO) as pilot:
        await until(pilot, lambda: "a letter" in seen(pilot.app))
        await until(pilot, lambda: "u Change" in seen(pilot.app))
        await pilot.press("u")
        await until(pilot, lambda: "approve 1123-0700-two/ok --edit" in said(pilot))

    answer(world(store), QuestionsReader(store, TWO).read()[0], "send", "a better letter")
    assert take(store, TWO)[0].payload["edit"] == "a better letter"


async def test_rejecting_asks_first(store: Store) -> None:
    """Then the run ends."""
    async with shown(store) as pilot:
        await pilot.press("x")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: started(pilot.app.world) == [("resume", WAITING)])

    assert [row.kind for row in take(store, WAITING)] == ["reject"]


async def test_a_question_answered_elsewhere_while_one_thinks_is_a_sentence(store: Store) -> None:
    """Nothing is answered twice."""
    async with shown(store) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
        answers.approve(store, WAITING, "approve", "drop", "ann")
        await pilot.press("enter")
        await until(pilot, lambda: "already answered: drop (by ann)" in said(pilot))

    assert len(take(store, WAITING)) == 1


async def test_a_run_whose_owner_left_in_that_moment_is_resumed(store: Store) -> None:
    """The answer came when nobody looked any more."""
    async with shown(store) as pilot:
        with Lease.acquire(store, WAITING):
            await pilot.press("a")
            await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
            await pilot.press("enter")
            await until(pilot, lambda: "goes on by itself" in said(pilot))
            assert started(pilot.app.world) == []

        await until(pilot, lambda: started(pilot.app.world) == [("resume", WAITING)])


async def test_the_cursor_stays_on_its_question_when_others_come(store: Store) -> None:
    """Nobody approves what moved under the finger."""
    async with shown(store) as pilot:
        record(store, TWO, asks(ASK, replace(ASK, path="more")), AT + 900)
        await until(pilot, lambda: "3 open questions" in seen(pilot.app))

        assert pilot.app.screen.question.run.id == WAITING
        assert f"run {WAITING} · " in seen(pilot.app)


async def test_it_opens_at_the_run_one_came_from(store: Store) -> None:
    """And with `run` it shows no other."""
    record(store, TWO, asks(ASK), AT + 900)
    async with shown(store, at=WAITING) as pilot:
        assert pilot.app.screen.question.run.id == WAITING
        assert TWO in seen(pilot.app)
    async with shown(store, TWO) as pilot:
        assert f"1 open question in run {TWO}" in seen(pilot.app)
        assert WAITING not in seen(pilot.app)


async def test_a_long_text_is_read_to_its_end_while_the_times_above_it_change(store: Store) -> None:
    """Tab leads to it, and a second that passes does not throw one back."""
    text = "\n".join(f"line {number}" for number in range(200))
    record(store, TWO, asks(replace(ASK, show=text)), AT + 900)
    async with shown(store) as pilot:
        await pilot.press("tab", "G")
        await until(pilot, lambda: "line 199" in seen(pilot.app))
        pilot.app.screen._draw(80)
        await pilot.pause()
        assert "line 199" in seen(pilot.app)
        await pilot.press("tab", "j")

        await until(pilot, lambda: "Send 2 replies?" in seen(pilot.app))
        assert pilot.app.screen.query_one("#about", Listing).scroll_offset.y == 0


async def test_markup_and_controls_are_shown_everywhere(store: Store) -> None:
    """In the list, in full, in the dialogs and in what is said afterwards."""
    text = " ".join(HOSTILE)
    record(store, TWO, asks(AskOpened(AT, "ok", text, text, (text, "no"), None, text)), AT + 900)
    async with shown(store, size=(200, 40)) as pilot:
        screens = [seen(pilot.app)]
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
        screens.append(seen(pilot.app))
        await pilot.press("enter")
        await until(pilot, lambda: "is resumed" in said(pilot))
        await pilot.pause()
        screens.append(seen(pilot.app))

    for screen in screens[:2]:
        assert "[@click=app.quit]click[/]" in screen
    for screen in screens:
        assert "\x1b" not in screen
        assert "\u202e" not in screen


async def test_a_store_that_cannot_be_read_is_a_sentence_and_tried_again(store: Store) -> None:
    """It goes when the store can be read again."""
    async with shown(store) as pilot:
        with store.writing() as connection:
            connection.exec_driver_sql("ALTER TABLE runs RENAME TO hidden")
        await until(pilot, lambda: "✗ the run store" in seen(pilot.app))
        with store.writing() as connection:
            connection.exec_driver_sql("ALTER TABLE hidden RENAME TO runs")

        await until(pilot, lambda: "✗ the run store" not in seen(pilot.app))
        assert "Send 2 replies?" in seen(pilot.app)


async def test_the_questions_of_a_deleted_run_are_gone(store: Store) -> None:
    """The inbox of one run says what became of it."""
    async with shown(store, WAITING) as pilot:
        assert "Send 2 replies?" in seen(pilot.app)

        store.delete(WAITING)

        await until(pilot, lambda: "Send 2 replies?" not in seen(pilot.app))
        assert WAITING in seen(pilot.app)


async def test_a_question_past_its_time_offers_to_go_on_with_the_run(store: Store) -> None:
    """An answer would be refused; what happens instead is said before anybody chooses one."""
    record(store, LATE, asks(replace(ASK, deadline=AT + 10, then="drop")), AT + 900)
    async with shown(store, LATE) as pilot:
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        assert "the run takes 'drop' when the run goes on" in " ".join(seen(pilot.app).split())
        await pilot.press("y")

        await until(pilot, lambda: started(pilot.app.world) == [("resume", LATE)])


async def test_an_empty_inbox_says_so_and_its_keys_do_nothing(store: Store) -> None:
    """Escape leaves."""
    store.delete(WAITING)
    async with shown(store) as pilot:
        assert "Nobody is asked anything." in seen(pilot.app)
        await pilot.press("a", "x", "enter", "Y", "tab")
        assert isinstance(pilot.app.screen, ApprovalsScreen)
        await pilot.press("escape")

        await until(pilot, lambda: not isinstance(pilot.app.screen, ApprovalsScreen))


async def test_a_question_of_a_running_run_is_answered_too(store: Store) -> None:
    """Its other steps go on meanwhile."""
    with Lease.acquire(store, TWO):
        store.create(TWO, begun(TWO, AT + 900))
        journal = StoreJournal(store, TWO)
        journal.append(ASK)
        journal.close()
        async with shown(store, TWO) as pilot:
            await pilot.press("a")
            await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
            await pilot.press("1")
            await until(pilot, lambda: bool(take(store, TWO)))
            await until(pilot, lambda: "Nobody is asked anything." in seen(pilot.app))
            assert started(pilot.app.world) == []
