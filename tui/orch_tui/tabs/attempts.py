"""The Attempts tab: every attempt with what it cost, what was decided about it, and how it differs from the one before."""

from __future__ import annotations

from orch_tui.tabs import calls, diff
from orch_tui.tabs.decisions import chosen, sign
from orch_tui.tabs.page import Page
from orch_tui.tabs.span import Attempt, Span
from orch_tui.tabs.withheld import say, withheld
from orch_tui.text import Piece, Role
from orchestrator.events import AttemptFinished, AttemptStarted, Decided, ModelReady, StepFinished
from orchestrator.money import shown
from orchestrator.report import words
from orchestrator.report.lines import short

_ROLES: dict[str, Role] = {
    "keep": "good",
    "repair": "warn",
    "fail": "bad",
    "escalate": "warn",
    "call": "good",
}
_SIGNS = {"keep": "✓", "repair": "↻", "fail": "✗", "escalate": "↑", "call": "→"}


def attempts(span: Span, width: int, *, differences: bool = True, key: str = "d") -> Page:
    """`differences`: from the second attempt on, what changed stands in the place of the whole answer; `key` changes it."""
    page = Page(width)
    found, called = span.attempts, calls.between(span)
    if not found and not called[0]:
        page.say(_why_none(span), "dim")
    between = _between(span)
    _calls(page, span, called[0])
    for number, attempt in enumerate(found):
        before = found[number - 1] if number else None
        _climbs(page, between[number])
        _one(page, span, number, attempt, before if differences else None)
        _calls(page, span, called[number + 1])
    _climbs(page, between[len(found)])
    _caught(page, span)
    if len(found) > 1:
        page.gap()
        other = "whole answers" if differences else "what changed from one to the next"
        page.say(f"{key} shows {other}", "dim")
    return page


def _calls(page: Page, span: Span, found: list[calls.Call]) -> None:
    """What was called in this place; the result of a tool step is its output."""
    for call in found:
        calls.put(page, call, live=span.live, result=span.verb != "tool")


def _between(span: Span) -> list[list[Decided]]:
    """What was decided before each attempt, and after the last one."""
    found: list[list[Decided]] = [[]]
    for event in span.story:
        if isinstance(event, AttemptStarted):
            found.append([])
        elif isinstance(event, Decided):
            found[-1].append(event)
    return [*found, *([] for _ in range(len(span.attempts) + 1 - len(found)))]


def _climbs(page: Page, decisions: list[Decided]) -> None:
    for event in decisions:
        page.gap()
        mark, role = sign(event)
        page.add(((f"{mark} ", role),), ((chosen(event), role), (f": {event.reason}", "dim")))


def _why_none(span: Span) -> str:
    if span.taken_from:
        return f"no attempt: the value was taken over; the attempts are in run {span.taken_from}"
    if span.status == "cached":
        return "no attempt: the answer was reused"
    if span.prompted:
        return f"the attempts are in what is inside: {words.count(len(span.prompted), 'step')} called a model"
    return "no attempt: no model was called"


def _caught(page: Page, span: Span) -> None:
    """After the last attempt failed: what was caught, and what stands in the place of its answer."""
    end = span.end
    if not isinstance(end, StepFinished) or not end.handled:
        return
    page.gap()
    page.add((("! caught by `on_error`: ", "warn"),), ((end.handled, ""),))
    page.add((("  in its place: ", "dim"),), ((short(end.value, 300), ""),))


def where(model: ModelReady | None) -> str:
    """Where a model runs, in words; empty when nobody has said."""
    if model is None:
        return ""
    return "this machine" if model.local else "cloud"


def _one(page: Page, span: Span, number: int, attempt: Attempt, before: Attempt | None) -> None:
    answer = attempt.answer
    model = span.models.get(attempt.model)
    place: Role = "cloud" if model is not None and not model.local else "dim"
    page.gap()
    sign: Piece = (f"{_SIGNS[answer.decision]} ", _ROLES[answer.decision]) if answer else ("◌ ", "run")
    if number == span.chosen:
        page.anchor = len(page)
    mark = "▸ " if number == span.chosen else ""
    page.add(
        (sign,),
        (
            (f"{mark}Attempt {number + 1}", "head"),
            (f"  {attempt.model}", "bold"),
            (f"  {where(model)}", place),
        ),
    )
    if answer is None:
        page.say("it writes now" if span.live else "it was cut off", "run" if span.live else "warn")
        _prompt_change(page, attempt, before)
        return
    page.add((("  ", ""),), ((_cost(answer), "dim"),))
    _decision(page, answer)
    _prompt_change(page, attempt, before)
    _text(page, answer, before)


def _cost(answer: AttemptFinished) -> str:
    parts = [
        words.seconds(answer.seconds),
        f"first token after {words.seconds(answer.first_token)}" if answer.first_token is not None else "",
        f"{answer.rate:,.0f} tok/s" if answer.rate else "",
        f"{words.number(answer.prompt_tokens)} tokens in",
        f"{words.number(answer.cached_tokens)} of them already read" if answer.cached_tokens else "",
        f"{words.number(answer.completion_tokens)} out",
        f"sent again {words.count(answer.retries, 'time')}" if answer.retries else "",
        f"confidence {answer.confidence:.3f}" if answer.confidence is not None else "",
        shown(answer.cost) if answer.cost else "",
    ]
    return " · ".join(part for part in parts if part)


def _decision(page: Page, answer: AttemptFinished) -> None:
    role = _ROLES[answer.decision]
    reason = f": {answer.reason}" if answer.reason else ""
    page.add((("  ", ""),), ((f"{answer.outcome} → {answer.decision}", role), (reason, "")))


def _prompt_change(page: Page, attempt: Attempt, before: Attempt | None) -> None:
    old, new = _last_message(before), _last_message(attempt)
    if before is not None and new and old != new:
        page.gap()
        page.say("what the model was told anew:", "dim")
        diff.put(page, old, new)


def _last_message(attempt: Attempt | None) -> str:
    if attempt is None or attempt.prompt is None or not attempt.prompt.messages:
        return ""
    return str(attempt.prompt.messages[-1].get("content", ""))


def _text(page: Page, answer: AttemptFinished, before: Attempt | None) -> None:
    page.gap()
    if withheld(answer.thinking):
        say(page, answer.thinking)
    elif answer.thinking:
        page.say("it thought:", "dim")
        page.say(answer.thinking, "dim")
        page.gap()
    if not answer.text:
        page.say("the answer is empty", "dim")
    elif withheld(answer.text):
        say(page, answer.text)
    elif before is not None and before.answer is not None and before.answer.text:
        page.say("the answer, against the one before:", "dim")
        diff.put(page, before.answer.text, answer.text)
    else:
        page.say(answer.text)
