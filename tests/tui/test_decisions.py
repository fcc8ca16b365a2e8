"""What the screen says of decisions, prices and budgets: a run with every kind of them, and what it withholds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orch_tui.app import Screens
from orch_tui.detail_read import Reader, wanted
from orch_tui.models_table import model_rows
from orch_tui.prices import Elsewhere, comparing, price_of, told
from orch_tui.run_header import RunHeader
from orch_tui.run_screen import RunScreen
from orch_tui.runs_table import RunsTable
from orch_tui.tabs.attempts import attempts
from orch_tui.tabs.output import output
from orch_tui.tabs.page import Page
from orch_tui.tabs.span import Span
from orch_tui.tabs.whole import decided, outputs, whole
from orch_tui.tabs.why import why
from orch_tui.text import plain, width_of
from orch_tui.trace import NOWHERE, Trace
from orch_tui.usage_bar import UsageBar, usage
from orchestrator.events import Event, ModelReady, RunResumed
from orchestrator.store.journal import StoreJournal
from orchestrator.store.open import open_store
from orchestrator.store.rows import RunRow
from orchestrator.store.store import Store
from tests.cli.recorded import AT
from tests.tui.climbed import CLIMBED, PAUSE, PRICE, USUAL, WITHHELD, a_climbed_run, first
from tests.tui.host import harmless, until
from tests.tui.host import screen as seen
from tests.tui.recorded import world
from tests.tui.test_bars import followed

GPT = Elsewhere(*USUAL)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "runs.db")
    record(store, a_climbed_run())
    yield store
    store.close()


def record(store: Store, events: list[Event]) -> None:
    store.create(CLIMBED, first())
    journal = StoreJournal(store, CLIMBED)
    for event in events:
        journal.append(event)
    journal.close()


def traced(store: Store) -> Trace:
    trace = Trace()
    for seq, event in store.events(CLIMBED):
        trace.take(event, seq)
    return trace


def shown(store: Store, path: str, page: Callable[[Span, int], Page], width: int = 110) -> str:
    trace = traced(store)
    span = Reader(store).read(wanted(trace, CLIMBED, trace.find(path), NOWHERE))
    return told_by(page(replace(span, other=GPT), width))


def told_by(page: Page) -> str:
    return "\n".join(plain(row).rstrip() for row in page.rows)


# -- Why


def test_a_climb_says_by_which_rule_on_what_evidence_and_for_how_much(store: Store) -> None:
    """Signals, the line of the file, privacy and budget; between the attempts where it was decided."""
    text = shown(store, "hard", why)

    assert text.index(
        "Attempt 1: the answer has the declared form, and the step asked for a bigger"
    ) < text.index("↑ It went up to far: confidence < 0.7 is true")
    assert text.index("↑ It went up") < text.index("Attempt 2: the answer has the declared form and passes")
    assert "policy     flow.yaml:12: when: confidence < 0.7" in text
    assert "signals    invalid no · failed no · confidence 0.412 · attempts 1 · prompt_tokens 50" in text
    assert "privacy    the request is internal, and far may see what is internal" in text
    assert "budget     $0.0010 reserved of $0.50 left" in text
    assert "The step went up to far (openai:y)" in text
    assert "nothing else chose it" in text.splitlines()[0]
    assert "far takes $1 in, $2 out for a million tokens" in text
    assert "It cost $0.000064 in 1 call that left this machine." in text


def test_an_answer_that_stayed_says_what_the_cloud_would_have_cost(store: Store) -> None:
    """50 tokens in at $0.25 and 12 out at $2 a million."""
    text = shown(store, "easy", why)

    assert "● The answer stands: nothing goes up: confidence < 0.7 is false" in text
    assert "Confidence: 0.970" in text
    assert "It cost nothing: every answer was written on this machine." in text
    assert "Had gpt-5-mini answered at once, it would have cost about $0.000036 (50 tokens in, 12 out" in text


def test_budget_and_privacy_say_that_they_come_first(store: Store) -> None:
    dear, inner = shown(store, "dear", why), shown(store, "inner", why)

    assert "■ It would have gone up to far, and stayed: escalate.usd allows $0.0001" in dear
    assert "rule       the budget, which comes before the step's own rule" in dear
    assert "budget     $0.0010 needed of $0.50 left" in dear
    assert "✗ It may not go to far: the prompt is private" in inner
    assert "privacy    the request is private, and far may see what is internal" in inner


def test_reasons_of_decisions_are_never_obeyed(store: Store) -> None:
    for page in (why, attempts):
        text = shown(store, "odd", page)

        assert harmless(text.replace("\u200d", ""))  # the joint of an emoji is text
        assert "[@click=app.quit]click[/]" in text


@pytest.mark.parametrize("width", [20, 40, 80])
def test_decisions_fit_where_there_is_little_room(store: Store, width: int) -> None:
    trace = traced(store)
    span = Reader(store).read(wanted(trace, CLIMBED, trace.find("hard"), NOWHERE))

    for page in (why(span, width), attempts(span, width)):
        assert all(width_of(row) <= width for row in page.rows)


def test_a_decision_belongs_to_its_step_while_it_runs() -> None:
    """The detail reads up to the last event of its own: a decision counts as one."""
    trace = Trace()
    trace.take(first(), 0)
    for seq, event in enumerate(a_climbed_run()[:6], 1):
        span = trace.take(event, seq)

    assert trace.path(span) == "easy"
    assert trace.last[span] == 6


def test_the_run_as_a_whole_counts_its_decisions_and_its_money(store: Store) -> None:
    run = replace(whole(traced(store), CLIMBED, "waiting"), other=GPT)

    text = told_by(decided(run, 110))

    assert "1 × It went up to a bigger model (when)" in text
    assert "1 × It may not go to a bigger model (privacy)" in text
    assert "4 of 5 answers came from this machine; $0.000064 spent; about $0.00016 if gpt-5-mini" in text


# -- Attempts, Output


def test_attempts_show_climbs_confidence_and_cost(store: Store) -> None:
    text = shown(store, "hard", attempts)

    assert "confidence 0.412" in text
    assert "$0.000064" in text
    lines = [line for line in text.splitlines() if "Attempt" in line or "↑ It" in line]
    assert [line.split()[1] for line in lines] == ["Attempt", "It", "Attempt"]


def test_what_the_record_does_not_hold_says_so_with_its_label(store: Store) -> None:
    """In the place of a value and of an answer; the mark of the record itself is not shown."""
    for page in (output, attempts):
        text = shown(store, "inner", page)

        assert "withheld: it is private, and by `keep` the record holds only a digest of it" in text
        assert WITHHELD not in text


# -- bars


def test_the_bars_say_what_was_spent_what_was_saved_and_how_a_paused_run_goes_on(store: Store) -> None:
    with followed(store, CLIMBED) as run:
        above = [plain(row) for row in RunHeader(run).rows(260)]
        below = plain(usage(run, None, 200, GPT))

    assert "? waiting for a larger budget: orch resume 1123-0649-eee --budget-…" in above[0]
    assert PAUSE in above[0]
    assert "5 local calls" in above[1]
    assert "1 cloud call" in above[1]
    assert "spent ▱▱▱▱▱▱▱▱ $0.000064 of $0.50" in below
    assert "cloud calls ▰▰▱▱▱▱▱▱ 1 of 4" in below
    assert "about $0.00016 if gpt-5-mini had done it all" in below


def test_a_budget_that_was_raised_counts_as_it_is_now(store: Store) -> None:
    """And nothing waits for it any more."""
    journal = StoreJournal(store, CLIMBED)
    journal.append(RunResumed(AT + 40, "sam", {"usd": 2_000_000_000}))
    journal.close()

    with followed(store, CLIMBED) as run:
        above = plain(RunHeader(run).rows(200)[0])
        below = plain(usage(run, None, 200, None))

    assert "$0.000064 of $2.00" in below
    assert "larger budget" not in above
    assert not run.trace.waits_for


def test_a_paused_run_says_so_in_its_output(store: Store) -> None:
    text = told_by(outputs(whole(traced(store), CLIMBED, "waiting"), 200))

    assert f"it waits for a larger budget: {PAUSE}" in text
    assert f"orch resume {CLIMBED} --budget-usd" in text


# -- prices


def test_the_model_that_was_paid_is_what_a_run_is_compared_with(store: Store) -> None:
    """Nobody is asked for a price that the record has."""
    trace = traced(store)

    found = comparing(trace.state, trace.summary).find(world(store))

    assert found is not None
    assert (found.name, found.price.input, found.price.output) == ("openai:y", 1.0, 2.0)


@pytest.mark.parametrize(
    "stated", [None, {"input": "much", "output": 1}, {"input": -1.0}, {"input": float("nan")}, {"hour": []}]
)
def test_a_recorded_price_that_is_none_counts_as_unknown(stated: dict[str, object] | None) -> None:
    assert price_of(ModelReady(AT, "m", "x", False, 1, 1, "", "", 0.0, stated)) is None


def test_prices_are_told_in_a_few_words() -> None:
    ready = ModelReady(AT, "m", "x", False, 1, 1, "", "", 0.0, {**PRICE, "hour": 0.3})

    assert told(price_of(ready), local=False) == "$1 in, $2 out + $0.3 an hour"
    assert told(None, local=True) == "free"
    assert told(None, local=None) == ""


def test_the_models_of_a_run_have_their_price_and_what_they_took(store: Store) -> None:
    trace = traced(store)

    rows = [plain(row) for row in model_rows(None, trace.summary, AT, 140, trace.state.models)]

    far, tiny = (next(row for row in rows if row.startswith(name)) for name in ("far", "tiny"))
    assert "$1 in, $2 out" in far
    assert "$0.000064" in far
    assert "free" in tiny


def test_what_was_spent_has_a_column_where_anything_was(store: Store) -> None:
    """And none where every run was free."""
    paid = store.run(CLIMBED)

    def header(row: RunRow) -> str:
        table = RunsTable(lambda: AT)
        table.take([row])
        return plain(table.header(140)) + plain(table.row(0, 140))

    assert "SPENT" in header(paid)
    assert "$0.000064" in header(paid)
    assert "SPENT" not in header(replace(paid, cost=0))


# -- on the screen


async def test_the_screen_of_a_run_tells_of_decisions_and_money(store: Store) -> None:
    """The tab Why of the step that went up, with its keys; the model to compare with comes from outside, in a thread."""
    asked: list[str] = []

    def bigger(file: str, _models: object) -> tuple[str, object]:
        asked.append(file)
        return USUAL

    app = Screens(replace(world(store), bigger=bigger), CLIMBED)  # type: ignore[arg-type]
    async with app.run_test(size=(150, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.shown.feed.caught_up)
        run = app.screen
        assert isinstance(run, RunScreen)
        await pilot.pause()
        run._go_to(run.shown.trace.find("hard"))
        await pilot.press("4")
        await until(pilot, lambda: "It went up to far" in seen(app))
        await until(pilot, lambda: app.screen.query_one(UsageBar).other is not None)
        await until(pilot, lambda: "if y had done it all" in seen(app))

    assert not asked  # the record has the price of the model that was paid
