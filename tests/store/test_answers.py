"""Questions of runs and their answers, from any process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.events import AskAnswered, AskOpened, Event, RunFinished, RunWaiting
from orchestrator.store import answers
from orchestrator.store.inbox import take
from orchestrator.store.journal import StoreJournal
from orchestrator.store.lease import Lease
from orchestrator.store.store import Store
from tests.store.samples import AT, a_store, started

SEND = AskOpened(AT, "ok", "Send it?", None, ("send", "not now"), None, None)
PRICE = replace(SEND, path="price", question="Which price?", choices=("high", "low"))
WAIT = RunWaiting(AT + 1, ("ok",))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = a_store(tmp_path)
    yield opened
    opened.close()


def record(store: Store, run: str, events: Sequence[Event], at: float = AT) -> None:
    store.create(run, started(run, at=at))
    journal = StoreJournal(store, run)
    for event in events:
        journal.append(event)
    journal.close()


def test_a_question_is_open_until_it_is_answered_in_the_log_or_the_inbox(store: Store) -> None:
    """The log is what the owner knows, the inbox what it will take next."""
    record(store, "r", [SEND, PRICE, replace(SEND, path="old"), AskAnswered(AT, "old", "send", "ann"), WAIT])

    assert answers.open_asks(store, "r") == {"ok": SEND, "price": PRICE}
    answers.approve(store, "r", "price", "low", "ann")
    assert answers.open_asks(store, "r") == {"ok": SEND}


def test_the_open_questions_of_all_runs_that_wait_or_run(store: Store) -> None:
    """The newest run first; not of runs that are over."""
    record(store, "waits", [SEND, WAIT], AT)
    record(store, "runs", [PRICE], AT + 10)
    record(store, "over", [SEND, RunFinished(AT, "x")], AT + 20)
    record(store, "died", [SEND], AT + 30)

    with Lease.acquire(store, "runs"):
        found = answers.questions(store)

    assert [(question.run.id, question.ask.path) for question in found] == [
        ("runs", "price"),
        ("waits", "ok"),
    ]


def test_an_answer_lies_in_the_inbox_with_who_gave_it(store: Store) -> None:
    """The only question needs no name, the first choice no word."""
    record(store, "r", [SEND, WAIT])

    answer = answers.approve(store, "r", "", None, "ann")

    assert (answer.ask, answer.choice) == (SEND, "send")
    assert [(row.kind, row.payload) for row in take(store, "r")] == [
        ("approve", {"path": "ok", "choice": "send", "by": "ann"})
    ]


def test_a_rejection_chooses_nothing(store: Store) -> None:
    """The owner ends the run."""
    record(store, "r", [SEND, WAIT])

    assert answers.reject(store, "r", "ok", "ann").choice == ""
    assert take(store, "r")[0].kind == "reject"


@pytest.mark.parametrize(
    ("path", "choice", "words"),
    [
        ("ok", "sned", "choices: send, not now"),
        ("prize", None, "r/ok, r/price"),
        ("", None, "r/ok, r/price"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_what_can(
    store: Store, path: str, choice: str | None, words: str
) -> None:
    """Nothing is written."""
    record(store, "r", [SEND, PRICE, WAIT])

    with pytest.raises(UsageError) as caught:
        answers.approve(store, "r", path, choice, "ann")

    assert words in caught.value.hint
    assert take(store, "r") == []


@pytest.mark.parametrize("shown", ["[private, not kept; digest " + "0" * 32 + "]", "[secret, not kept]"])
def test_nobody_releases_what_the_record_does_not_hold(store: Store, shown: str) -> None:
    """Only a digest could be read; to withhold it, or to end the run, one need not see it."""
    leaves = replace(SEND, show=shown, choices=("release", "withhold"))
    record(store, "r", [leaves, WAIT])

    for choice in ("release", None):
        with pytest.raises(UsageError, match="not in the record") as caught:
            answers.approve(store, "r", "ok", choice, "ann")
        assert "orch resume r" in caught.value.hint
    assert take(store, "r") == []
    assert answers.approve(store, "r", "ok", "withhold", "ann").choice == "withhold"


def test_what_the_record_holds_is_released_from_anywhere(store: Store) -> None:
    """Who answers could read it."""
    record(store, "r", [replace(SEND, show="a text", choices=("release", "withhold")), WAIT])

    assert answers.approve(store, "r", "ok", "release", "ann").choice == "release"


def test_a_second_answer_is_refused(store: Store) -> None:
    """The first one counts, whichever way it was given; who comes later reads what it was and whose."""
    record(store, "r", [SEND, WAIT])
    answers.reject(store, "r", "ok", "ann")

    with pytest.raises(UsageError, match=r"the question ok is already answered: rejected \(by ann\)"):
        answers.approve(store, "r", "ok", "send", "bob")


@pytest.mark.parametrize("path", ["ok", ""])
def test_a_question_that_is_answered_in_the_log_says_how(store: Store, path: str) -> None:
    """Also to who names only the run; while others are open, who names this one is told of this one."""
    record(store, "r", [SEND, AskAnswered(AT, "ok", "send", "ann"), WAIT])
    record(store, "other", [SEND, PRICE, AskAnswered(AT, "ok", "send", "ann"), WAIT])

    with pytest.raises(UsageError, match=r"already answered: send \(by ann\)"):
        answers.reject(store, "r", path, "bob")
    with pytest.raises(UsageError, match=r"the question ok is already answered: send \(by ann\)"):
        answers.reject(store, "other", "ok", "bob")


@pytest.mark.parametrize(("then", "words"), [("drop", "it takes 'drop'"), (None, "it fails")])
def test_an_answer_after_the_deadline_is_refused(store: Store, then: str | None, words: str) -> None:
    """The run decides by itself when it goes on, and the refusal says how."""
    late = replace(SEND, deadline=time.time() - 1, then=then)
    record(store, "r", [late, WAIT])

    with pytest.raises(UsageError, match="was open until") as caught:
        answers.approve(store, "r", "ok", "send", "ann")

    assert words in caught.value.hint
    assert answers.is_late(late, time.time())
    assert not answers.is_late(SEND, time.time())


def test_a_waiting_run_is_answered_when_nothing_it_waits_for_is_open(store: Store) -> None:
    """Its last event names what that is; a run that does not wait is never answered."""
    record(store, "r", [SEND, PRICE, RunWaiting(AT + 1, ("ok", "price"))])
    record(store, "over", [RunFinished(AT, "x")])

    answers.approve(store, "r", "ok", None, "ann")
    assert not answers.is_answered(store, store.run("r"))
    answers.reject(store, "r", "price", "ann")

    assert answers.is_answered(store, store.run("r"))
    assert not answers.is_answered(store, store.run("over"))


def test_of_answers_at_the_same_moment_one_counts_and_the_others_are_told(store: Store) -> None:
    """All saw the question open; whose message came later hears what the answer is."""
    for number in range(10):
        run = f"r{number}"
        record(store, run, [SEND, WAIT], AT + number)
        start = threading.Barrier(3)

        def answer(choice: str, run: str = run, start: threading.Barrier = start) -> str:
            start.wait()
            try:
                return answers.approve(store, run, "ok", choice, "ann").choice
            except UsageError:
                return ""

        with ThreadPoolExecutor(3) as pool:
            taken = [choice for choice in pool.map(answer, ("send", "not now", "send")) if choice]

        assert taken == [row.payload["choice"] for row in take(store, run)]
        assert len(taken) == 1
