"""What the tabs tell of a recorded span."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orch_tui.detail_read import Reader, wanted
from orch_tui.tabs.attempts import attempts
from orch_tui.tabs.output import output
from orch_tui.tabs.page import Page
from orch_tui.tabs.prompt import prompt, sizes_of
from orch_tui.tabs.raw import raw
from orch_tui.tabs.sources import sources
from orch_tui.tabs.span import Span
from orch_tui.tabs.why import why
from orch_tui.text import plain
from orch_tui.trace import NOWHERE, Trace
from orchestrator.events import (
    AttemptStarted,
    Event,
    RunInterrupted,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from orchestrator.store.store import Store
from tests.cli.recorded import AT, WAITING, a_grouped_run, a_waiting_run, record
from tests.tui.host import harmless
from tests.tui.recorded import HOSTILE, VARIED, store_in, tried

TABS: dict[str, Callable[[Span, int], Page]] = {
    "output": output,
    "prompt": prompt,
    "attempts": attempts,
    "why": why,
    "raw": raw,
    "sources": sources,
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = store_in(tmp_path)
    yield store
    store.close()


def traced(store: Store, run: str) -> Trace:
    trace = Trace()
    for seq, event in store.events(run):
        trace.take(event, seq)
    return trace


def span_of(store: Store, path: str, run: str = VARIED, attempt: int = NOWHERE) -> Span:
    trace = traced(store, run)
    return Reader(store).read(wanted(trace, run, trace.find(path), attempt))


def told(page: Page) -> str:
    return "\n".join(plain(row).rstrip() for row in page.rows)


# -- output


def test_a_text_is_shown_as_markdown_and_copied_as_it_was_written(store: Store) -> None:
    """The looks are for the eye; the clipboard gets the value."""
    page = output(span_of(store, "letter"), 60)

    assert told(page).startswith("# Reply\n\nDear Ann,\n\n• one\n• two")
    assert page.text.startswith("# Reply\n\nDear **Ann**,\n\n- one")


def test_a_typed_value_is_shown_and_copied_as_json(store: Store) -> None:
    """In the order in which the model wrote it."""
    page = output(span_of(store, "typed"), 60)

    assert told(page) == page.text
    assert told(page).startswith('{\n  "urgency": "low",\n  "score": 3,')


def test_of_a_wide_fan_out_the_first_items_are_listed_and_the_rest_is_named(store: Store) -> None:
    """With the status and a short value each; and how to see all."""
    rows = told(output(span_of(store, "many"), 100)).split("\n")

    assert rows[1].split(maxsplit=2) == ["0", "done", '{"number": 0}']
    assert rows[8].split(maxsplit=2) == ["7", "failed", "no source"]
    assert rows[-1] == f"… 50 more: in the tree, or `orch show {VARIED} many --json`"


def test_the_value_of_a_group_is_made_of_its_steps(store: Store) -> None:
    """No event holds it; a loop has the value of its last pass, a pass that of its steps."""
    record(store, "grouped", a_grouped_run())

    group = output(span_of(store, "handle", "grouped"), 80).text
    one_pass = output(span_of(store, "handle.0.polish~1", "grouped"), 80).text

    assert '"note": "note 1"' in group
    assert '"draft": "take 2"' in group
    assert one_pass == '{\n  "draft": "take 1"\n}'


def test_what_went_wrong_is_told_with_what_to_do(store: Store) -> None:
    """Kind, message, hint, what came of it, and the answer that was refused."""
    page = told(output(span_of(store, "broken"), 100))

    assert page.startswith("✗ check: one answer, none valid\n  what to do: allow more `repair`\n")
    assert "null in its place" in page
    assert page.endswith("\n\nThe last answer\nno")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("again", "reused from an earlier run; no model was called\n\nthe same words"),
        ("unwanted", "skipped: when: typed.score > 5"),
        (
            "shaky",
            "! it failed and was caught: division by zero\n`on_error` put null in its place and the run went on"
            "\n\nnull\n\nwarning: it is slow",
        ),
    ],
)
def test_cached_skipped_and_handled_spans_say_so(store: Store, path: str, words: str) -> None:
    """Before the value, in a sentence."""
    assert told(output(span_of(store, path), 100)) == words


def test_attempts_and_why_say_what_was_caught_and_what_stands_in_its_place(store: Store) -> None:
    """A step saved by `on_error` does not look like one that went well."""
    events: list[Event] = [
        StepStarted(AT, "rated", "agent"),
        *tried("rated", 1, "no", outcome="check", decision="fail", reason="a rate is a number"),
        StepFinished(AT + 2, "rated", {"rate": 0}, {}, handled="one answer, none valid"),
    ]
    record(store, "caught", events)
    span = span_of(store, "rated", "caught")

    assert '! caught by `on_error`: one answer, none valid\n  in its place: {"rate": 0}' in told(
        attempts(span, 100)
    )
    assert 'It failed (one answer, none valid); `on_error` put {"rate": 0} in its place' in told(
        why(span, 120)
    )
    assert "`on_error` put a value in its place" in told(output(span, 100))


def test_a_question_is_shown_with_its_choices_and_who_answered(store: Store) -> None:
    """Open ones say that nobody has answered."""
    answered = told(output(span_of(store, "send"), 80))
    open_one = told(output(span_of(store, "approve", WAITING), 80))

    assert '? Send 2 replies?\n\n{\n  "n": 2\n}\n\n● send\n○ drop\nsend by ann' in answered
    assert "○ send\n○ drop\nnobody has answered yet" in open_one


def test_a_question_of_a_run_that_ended_does_not_look_open(store: Store) -> None:
    """Cancelled while somebody was asked: nobody is asked any more."""
    events: list[Event] = [*a_waiting_run(), RunInterrupted(AT + 2, "sam", cancelled=True)]
    record(store, "cancelled", events)

    page = told(output(span_of(store, "approve", "cancelled"), 80))

    assert page.endswith("○ send\n○ drop\nit is not asked any more: the run has ended")


def test_of_a_chosen_attempt_its_own_answer_is_shown(store: Store) -> None:
    """The row of an attempt in the tree is about that attempt."""
    page = output(span_of(store, "letter", attempt=1), 80)

    assert page.text == "Dear Ann,\nwe are very sorry."
    assert "check: a reply is short" in told(page)


def test_a_group_that_runs_lists_what_is_inside(store: Store) -> None:
    """Its value is not there yet."""
    events: list[Event] = [
        StepStarted(AT, "g", "steps"),
        StepStarted(AT, "g.a", "value"),
        StepFinished(AT, "g.a", "one", {}),
        StepStarted(AT, "g.b", "agent"),
    ]
    record(store, "open", events)

    rows = told(output(span_of(store, "g", "open"), 60)).split("\n")

    assert [row.split() for row in rows] == [["status", "value"], ["a", "done", "one"], ["b", "running", "–"]]


# -- fan-outs, groups and loops


@pytest.mark.parametrize(
    ("outcome", "decision", "reason", "words"),
    [
        (
            "refused",
            "repair",
            "the answer declines",
            "the model declined instead of answering: the answer declines.",
        ),
        (
            "repeated",
            "fail",
            "the answer repeats itself",
            "the answer goes round in circles: the answer repeats",
        ),
        ("ok", "call", "calls search", "Attempt 1: the model calls search."),
    ],
)
def test_why_says_what_an_attempt_came_to(
    store: Store, outcome: Any, decision: Any, reason: str, words: str
) -> None:
    """No answer, or a call in place of one."""
    events = [
        StepStarted(AT, "a", "agent"),
        *tried("a", 1, "x", outcome=outcome, decision=decision, reason=reason),
    ]
    record(store, "came-to", events)

    assert words in told(why(span_of(store, "a", "came-to"), 160))


def test_why_of_a_fan_out_says_what_became_of_its_items_and_where_they_failed(store: Store) -> None:
    """With what the failures came to."""
    page = told(why(span_of(store, "many"), 120))

    assert "`on_item_error: keep` put null in the place of each item that failed" in page
    assert page.endswith("\n\n7  failed  no source")


def test_why_of_a_fan_out_under_way_counts_what_waits(store: Store) -> None:
    """Begun, queued for their model, not begun yet."""
    events: list[Event] = [
        StepStarted(AT, "all", "agent", 5),
        *(StepStarted(AT, f"all.{number}", "agent") for number in range(4)),
        tried("all.0", 1, "x")[0],
        StepSkipped(AT + 1, "all.1", "when: false"),
    ]
    record(store, "queue", events)

    page = told(why(span_of(store, "all", "queue"), 120))

    assert "1 skipped, 1 at work, 2 queued for their model; 1 have not begun." in page


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (
            StepFinished(AT + 9, "polish", None, {"container": "steps", "passes": 2, "met": True}),
            "It took 2 passes: after that `until` was true",
        ),
        (
            StepFinished(AT + 9, "polish", None, {"container": "steps", "passes": 2, "met": False}),
            "`until` was never true",
        ),
        (StepFinished(AT + 9, "polish", None, {"container": "steps"}), "is not recorded"),
        (
            StepFailed(AT + 9, "polish", "unmet", "until: done was still false"),
            "It took 2 passes and failed.",
        ),
        (None, "It is a loop; pass 2 is under way."),
    ],
)
def test_why_of_a_loop_says_its_passes_and_whether_until_was_met(
    store: Store, end: Event | None, words: str
) -> None:
    """The passes are called as the tree calls them."""
    events: list[Event] = [StepStarted(AT, "polish", "steps")]
    for turn in (1, 2):
        events.append(StepStarted(AT, f"polish~{turn}.draft", "agent"))
        events += tried(f"polish~{turn}.draft", 1, "x")
        events.append(StepFinished(AT, f"polish~{turn}.draft", "x", {}))
    record(store, "loop", [*events, *([end] if end is not None else [])])

    span = span_of(store, "polish", "loop")

    assert words in told(why(span, 120))
    assert "pass 1" in told(why(span, 120))
    assert "2 steps called a model\n\n• polish › pass 1 › draft\n• polish › pass 2 › draft" in told(
        prompt(span, 120)
    )
    assert told(attempts(span, 120)) == "the attempts are in what is inside: 2 steps called a model"


# -- prompt


def test_the_prompt_is_the_last_one_or_that_of_the_chosen_attempt(store: Store) -> None:
    """Message by message, with the role as heading."""
    last = prompt(span_of(store, "letter"), 80)
    first = prompt(span_of(store, "letter", attempt=0), 80)

    assert "attempt 3 of 3" in told(last)
    assert "Problem: too long" in last.text
    assert "Problem: too long" not in first.text
    assert first.text == "[system]\nYou answer letters.\n\n[user]\nWrite a reply."


def test_the_parts_of_a_prompt_have_tokens(store: Store) -> None:
    """Of the measured whole, with its share of the context."""
    page = told(prompt(span_of(store, "typed"), 80))

    assert page.startswith("50 tokens of 128,000 (0 %) to far\npart")
    assert "~29" in page
    assert "~21" in page


def started(
    attempt: int, parts: dict[str, int], tokens: int, text: str, *, exact: bool = True
) -> AttemptStarted:
    return AttemptStarted(
        AT, "a", attempt, "tiny", ({"role": "user", "content": text},), tokens, exact, parts
    )


def test_parts_in_tokens_are_exact_and_parts_in_characters_are_shares() -> None:
    """They are tokens when they add up to the whole; a repair's complaint is a part too."""
    assert sizes_of(started(1, {"role": 9, "prompt": 22}, 31, "")) == [
        ("role", 9, True),
        ("prompt", 22, True),
    ]
    assert sizes_of(started(1, {"role": 100, "prompt": 300}, 100, "x" * 400)) == [
        ("role", 25, False),
        ("prompt", 75, False),
    ]
    assert sizes_of(started(2, {"prompt": 300}, 100, "x" * 400))[-1] == ("what was wrong before", 25, False)
    assert sizes_of(started(1, {}, 5, "")) == []


@pytest.mark.parametrize(
    ("path", "words"), [("again", "the answer was reused"), ("unwanted", "this step called no model")]
)
def test_without_a_prompt_it_is_said_why(store: Store, path: str, words: str) -> None:
    """Nothing is an answer only with its reason."""
    assert words in told(prompt(span_of(store, path), 80))


# -- attempts


def test_attempts_have_their_cost_their_verdict_and_what_changed(store: Store) -> None:
    """One after the other, the later ones against the ones before."""
    page = told(attempts(span_of(store, "letter"), 100))

    assert "↻ Attempt 1  tiny  this machine" in page
    assert (
        "1.0 s · first token after 0.20 s · 15 tok/s · 50 tokens in · 30 of them already read · 12 out"
        in page
    )
    assert "invalid → repair: it is no JSON" in page
    assert "what the model was told anew:" in page
    assert "we are[- very-] sorry." in page
    assert "✓ Attempt 3" in page


def test_whole_answers_stand_in_the_place_of_differences_when_wanted(store: Store) -> None:
    """For who wants to read them one by one."""
    page = told(attempts(span_of(store, "letter"), 100, differences=False, key="ctrl+d"))

    assert "we are very sorry." in page
    assert page.endswith("ctrl+d shows what changed from one to the next")
    assert "[-" not in page


def test_a_cloud_model_is_marked_in_words(store: Store) -> None:
    """Not by colour alone."""
    assert "Attempt 1  far  cloud" in told(attempts(span_of(store, "typed"), 100))


# -- why


def test_why_tells_where_it_ran_what_was_found_and_what_came_of_it(store: Store) -> None:
    """Evidence in its order, in sentences."""
    page = told(why(span_of(store, "letter"), 200))

    assert "The file names the model tiny (llamacpp:x) for this step" in page
    assert "tiny runs on this machine: what it reads and writes stays here." in page
    assert "Attempt 1: the answer does not have the declared form: it is no JSON." in page
    assert "(repair 1 of 2 used)" in page
    assert "Attempt 2: a check of the step said no: a reply is short." in page
    assert "Attempt 3: the answer has the declared form and passes every check, so it was kept." in page
    assert "Attempt 3: 50 of 2,048 tokens, 2 %." in page


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("typed", "far is in the cloud at https://api.example: the prompt left this machine"),
        ("again", "No model was called: the answer was reused"),
        ("unwanted", "It did not run: when: typed.score > 5. Its value is null."),
        ("shaky", "`on_error` put null in its place"),
        ("broken", "No further attempt was allowed, so the step failed."),
        ("send", "ann answered: send."),
        ("group", "It is made of 1 step: 1 done."),
        ("many", "It ran once per item of a list of 250: 249 done, 1 failed."),
    ],
)
def test_why_has_a_sentence_for_every_kind_of_decision(store: Store, path: str, words: str) -> None:
    """Also for what did not run and for what was put in the place of a value."""
    assert words in told(why(span_of(store, path), 200))


# -- raw, and all of them


def test_raw_has_every_event_of_the_span_and_only_those(store: Store) -> None:
    """As recorded, numbered as in the log."""
    span = span_of(store, "typed")

    page = told(raw(span, 200))

    heads = [row.split()[:2] for row in page.split("\n") if row.startswith("#")]
    assert heads == [[f"#{seq}", event.kind] for seq, event in span.events]
    assert {event.kind for _, event in span.events} == {
        "step.started",
        "attempt.started",
        "attempt.finished",
        "step.finished",
    }
    assert '"text": "{\\"urgency\\":\\"low\\"' in page


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("width", [10, 38, 120])
def test_hostile_text_is_harmless_in_every_tab(store: Store, tab: str, width: int) -> None:
    """In names, prompts, answers, reasons, questions."""
    span = span_of(store, "hostile")
    nasty = "".join(HOSTILE)
    spans = [span, replace(span, path=nasty, run=nasty, note=nasty, verb=nasty, status="failed")]

    for one in spans:
        page = TABS[tab](one, width)
        for text in (told(page), page.text):
            assert harmless(text.replace("\u200b", "").replace("\u200d", "").replace("\t", ""))


def test_the_markup_of_an_answer_is_only_text(store: Store) -> None:
    """It stands there as the model wrote it."""
    assert HOSTILE[4] in told(output(span_of(store, "hostile"), 100))


def test_a_reader_remembers_what_ended_and_reads_what_runs_again(store: Store) -> None:
    """The same span twice costs one reading; what goes on is read anew."""
    record(store, "open", [StepStarted(AT, "a", "agent")])
    trace, open_one = traced(store, VARIED), traced(store, "open")
    reader = Reader(store)

    first = reader.read(wanted(trace, VARIED, trace.find("letter"), NOWHERE))
    again = reader.read(wanted(trace, VARIED, trace.find("letter"), 1))
    runs = [reader.read(wanted(open_one, "open", 0, NOWHERE)) for _ in range(2)]

    assert again.events is first.events
    assert again.chosen == 1
    assert runs[0].events is not runs[1].events
