"""The Output tab: the value of a span, what went wrong, what a person was asked. What is still written: `live.py`."""

from __future__ import annotations

import json
from typing import Any, assert_never

from orch_tui.tabs import calls, markdown, pretty
from orch_tui.tabs.page import Page, table
from orch_tui.tabs.span import Child, Span
from orch_tui.tabs.withheld import say, withheld
from orch_tui.text import Piece, Role
from orch_tui.trace import NOWHERE, Status
from orchestrator.events import AskOpened, StepFailed, StepFinished, StepSkipped
from orchestrator.report import words
from orchestrator.report.lines import short

FORMATTED = 20_000
"""Characters up to which a text is read as Markdown."""
ITEMS = 200
"""Of a fan-out that are listed."""
ROLES: dict[Status, Role] = {
    "running": "run",
    "asking": "ask",
    "done": "good",
    "cached": "good",
    "skipped": "dim",
    "failed": "bad",
    "stopped": "warn",
    "caught": "warn",
}


def output(span: Span, width: int) -> Page:
    page = Page(width)
    if span.chosen != NOWHERE and span.chosen < len(span.attempts):
        _attempt(page, span)
        return page
    _asked(page, span)
    end = span.end
    match end:
        case StepFailed():
            _failed(page, span, end)
        case StepSkipped():
            page.add((("skipped: ", "dim"),), ((end.reason, ""),))
        case StepFinished():
            _finished(page, span, end)
        case None:
            _unfinished(page, span)
        case _:
            assert_never(end)
    made = [call.ended for call in calls.calls(span) if call.ended is not None and call.ended.artifacts]
    if made:
        page.head("The files it made")
    for ended in made:
        calls.files(page, ended, span.command if ended is made[-1] else "")
    for warning in span.warnings:
        page.gap()
        page.add((("warning: ", "warn"),), ((warning.message, ""),))
    return page


def value(page: Page, found: Any, command: str) -> None:
    """A value as a person reads it: a text as Markdown, everything else as JSON."""
    page.copied = _copied(found)
    before = len(page)
    if withheld(found):
        say(page, found)
    elif not isinstance(found, str):
        pretty.put(page, found, command)
    elif not found.strip():
        page.say("the text is empty", "dim")
    elif len(found) <= FORMATTED:
        markdown.put(page, found)
    if len(page) == before:  # too long for Markdown, or nothing but marks
        page.say(str(found))


def _copied(found: Any) -> str | None:
    if isinstance(found, str):
        return found
    try:
        return json.dumps(found, ensure_ascii=False, indent=2)
    except (RecursionError, TypeError, ValueError):
        return None  # then the rows are copied


def _attempt(page: Page, span: Span) -> None:
    """The answer of one attempt, as the model wrote it."""
    answer = span.attempts[span.chosen].answer
    if answer is None:
        page.say("this attempt has no answer yet" if span.live else "this attempt was cut off", "dim")
        return
    page.copied = answer.text
    say(page, answer.text) if answer.text else page.say("the answer is empty", "dim")
    if answer.reason and answer.decision != "keep":
        page.gap()
        page.add(((f"{answer.outcome}: ", "bad"),), ((answer.reason, ""),))


def _failed(page: Page, span: Span, end: StepFailed) -> None:
    page.add(((f"✗ {end.error_kind}: ", "bad"),), ((end.message, ""),))
    if end.hint:
        page.add((("  what to do: ", "dim"),), ((end.hint, ""),))
    if end.kept:
        page.say("the run went on with null in its place (on_item_error: keep)", "dim")
    if span.children:
        page.gap()
        _children(page, span)
    answers = [attempt.answer for attempt in span.attempts if attempt.answer and attempt.answer.text]
    if answers:
        page.head("The last answer")
        say(page, answers[-1].text)


def _finished(page: Page, span: Span, end: StepFinished) -> None:
    if end.cached:
        how = f"taken over from run {span.taken_from}" if span.taken_from else "reused from an earlier run"
        page.say(f"{how}; no model was called", "dim")
        page.gap()
    if end.handled:
        page.add((("! it failed and was caught: ", "warn"),), ((end.handled, ""),))
        page.say(f"`on_error` put {instead(end)} in its place and the run went on", "dim")
        page.gap()
    if span.is_container:
        _container(page, span)
    elif span.ask is None or end.value != getattr(span.answered, "choice", None):
        value(page, end.value, span.command)


def instead(end: StepFinished) -> str:
    """What stands in the place of an answer that failed, in words."""
    return "null" if end.value is None else "a value"


def _unfinished(page: Page, span: Span) -> None:
    if span.children:
        _container(page, span)
    elif span.status == "stopped" and span.ask is None:
        page.say("it was under way when the run stopped; a resumed run does it again", "warn")
    elif span.ask is None:
        page.say("nothing is written yet", "dim")


def _container(page: Page, span: Span) -> None:
    """Made of its steps: their values when they are few, else a list of them."""
    small = span.size <= ITEMS and not span.cut
    if span.live or not small:
        _children(page, span)
        return
    page.say(f"made of the values of what is inside ({words.count(span.size, 'part')})", "dim")
    page.gap()
    value(page, span.value(), span.command)


def _children(page: Page, span: Span) -> None:
    values = span.values()
    listed = span.children[:ITEMS]
    body = [_child(child, values.of(child.path)) for child in listed]
    table(page, ("", "status", "value"), body, right=set())
    if span.size > len(listed):
        left = words.number(span.size - len(listed))
        page.more(f"{left} more: in the tree, or `{span.command} --json`")


def _child(child: Child, found: Any) -> list[Piece]:
    role = ROLES[child.status]
    shown = child.note or (short(found, 300) if found is not None else "–")
    return [(child.called, ""), (child.status, role), (shown, "" if found is not None else "dim")]


def _asked(page: Page, span: Span) -> None:
    ask = span.ask
    if ask is None:
        return
    page.add((("? ", "ask"),), ((ask.question, "bold"),))
    if ask.show is not None:
        page.gap()
        if isinstance(ask.show, str):
            markdown.put(page, ask.show[:FORMATTED])
        else:
            pretty.put(page, ask.show, span.command)
        page.gap()
    _choices(page, span, ask)


def _choices(page: Page, span: Span, ask: AskOpened) -> None:
    answered = span.answered
    for choice in ask.choices:
        taken = answered is not None and answered.choice == choice
        page.add(
            (("● " if taken else "○ ", "good" if taken else "dim"),), ((choice, "bold" if taken else ""),)
        )
    if answered is None:
        open_ = span.status in ("asking", "running")
        ended = (
            "it is not asked any more: the run has ended" if span.status == "stopped" else "nobody answered"
        )
        page.say("nobody has answered yet" if open_ else ended, "ask" if open_ else "warn")
        if open_ and ask.deadline is not None and ask.then is not None:
            page.say(f"when nobody answers in time: {ask.then}", "dim")
        return
    by = "the time ran out" if answered.by == "timeout" else f"by {answered.by}"
    page.add((), ((f"{answered.choice or 'rejected'} ", "bold"), (by, "dim")))
    if answered.edit is not None:
        page.head("Edited")
        value(page, answered.edit, span.command)
