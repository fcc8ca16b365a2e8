"""What the tabs tell of a run as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from orch_tui.detail_read import Reader
from orch_tui.tabs.page import Page
from orch_tui.tabs.whole import Whole, calls, decided, outputs, recorded, whole
from orch_tui.text import plain
from orch_tui.trace import Trace
from orchestrator.events import Event, RunFinished, RunInterrupted, StepStarted
from orchestrator.store.store import Store
from tests.cli.recorded import AT, DONE, FAILED, WAITING, begun, record
from tests.tui.host import harmless
from tests.tui.recorded import HOSTILE, VARIED, store_in

PAGES: Sequence[Callable[[Whole, int], Page]] = (outputs, calls, decided, recorded)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = store_in(tmp_path)
    yield store
    store.close()


def run_of(store: Store, run: str, status: str = "") -> Whole:
    trace = Trace()
    for seq, event in store.events(run):
        trace.take(event, seq)
    return Reader(store).read_run(whole(trace, run, status or trace.state.status), trace.state.events - 1)


def told(page: Page) -> str:
    return "\n".join(plain(row).rstrip() for row in page.rows)


def test_a_run_that_is_done_shows_its_outputs(store: Store) -> None:
    """As the value of a step is shown, and copied as it is."""
    page = outputs(run_of(store, DONE), 80)

    assert told(page) == page.text == '{\n  "urgency": "low"\n}'


def test_a_run_without_outputs_says_so(store: Store) -> None:
    record(store, "none", [RunFinished(AT + 1, None)])

    assert told(outputs(run_of(store, "none"), 80)) == "the run has no outputs"


def test_a_failed_run_says_what_went_wrong_where_and_what_to_do(store: Store) -> None:
    page = told(outputs(run_of(store, FAILED), 80))

    assert page.startswith(
        "✗ check: a reply cites a source\n  in the step: draft\n  what to do: raise repair\n"
    )
    assert "exit code 1" in page
    assert page.endswith("draft  failed  a reply cites a source")


def test_a_waiting_run_says_what_it_asks(store: Store) -> None:
    assert told(outputs(run_of(store, WAITING), 80)) == "it waits for an answer to:\n? approve"


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ([], "the outputs come when the run ends"),
        ([RunInterrupted(AT + 1, "sam", cancelled=True)], "the run is cancelled: it has no outputs"),
    ],
)
def test_a_run_without_an_end_says_how_it_stands(store: Store, end: list[Event], words: str) -> None:
    record(store, "open", [StepStarted(AT, "a", "agent"), *end])

    assert told(outputs(run_of(store, "open"), 80)).startswith(words)


def test_the_prompts_of_a_run_are_in_its_steps(store: Store) -> None:
    """Those that called a model, with how often."""
    page = told(calls(run_of(store, VARIED), 80)).split("\n")

    assert page[0] == "the prompts and attempts are in the steps; these called a model:"
    assert [row.split() for row in page[3:5]] == [["letter", "3", "186", "tiny"], ["typed", "1", "62", "far"]]


def test_why_of_a_run_says_what_it_came_to_and_what_was_lost_on_the_way(store: Store) -> None:
    """A run that ended well may stand on values that `on_error` put there."""
    page = told(decided(run_of(store, VARIED), 200))

    assert page.startswith("• done in ")
    assert "1 call left this machine (far)" in page
    assert "shaky   caught  division by zero" in page


def test_the_events_of_a_run_are_its_own_and_none_from_later(store: Store) -> None:
    """Those of steps are with the steps; in a replay the end has not come."""
    run = run_of(store, DONE)
    trace = Trace()
    trace.take(begun(DONE), 0)
    early = Reader(store).read_run(whole(trace, DONE, "running"), 0)

    assert [event.kind for _, event in run.events] == ["run.started", "model.ready", "run.finished"]
    assert [event.kind for _, event in early.events] == ["run.started"]
    assert "#0 run.started" in told(recorded(run, 80))


@pytest.mark.parametrize("page", PAGES)
def test_hostile_words_of_a_run_are_shown_and_never_obeyed(
    store: Store, page: Callable[[Whole, int], Page]
) -> None:
    text = "\n".join(HOSTILE)
    record(store, "hostile", [RunFinished(AT + 1, {text: text})])
    run = replace(run_of(store, "hostile"), asked=HOSTILE, lost=((text, "failed", text),), warnings=HOSTILE)

    assert harmless(told(page(run, 60)).replace("\u200d", "")), "the joiner of a family of emoji may stay"
