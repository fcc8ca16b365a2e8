"""The Why tab: the decisions about a span in sentences, from the evidence in its events."""

from __future__ import annotations

from orch_tui import prices
from orch_tui.tabs.decisions import decision
from orch_tui.tabs.inside import made_of
from orch_tui.tabs.page import Page
from orch_tui.tabs.span import Attempt, Span
from orch_tui.text import Role
from orchestrator.events import AttemptFinished, Decided, StepFailed, StepFinished, StepSkipped
from orchestrator.money import shown
from orchestrator.report import words
from orchestrator.report.cost import Line, Spending, all_cloud
from orchestrator.report.lines import short

_FAULTS = {
    "invalid": "the answer does not have the declared form",
    "check": "a check of the step said no",
    "cut": "the answer was cut off at its token limit",
    "refused": "the model declined instead of answering",
    "repeated": "the answer goes round in circles",
    "error": "the model or its server failed",
}


def why(span: Span, width: int) -> Page:
    page = Page(width)
    _whether(page, span)
    made_of(page, span)
    for name in dict.fromkeys(attempt.model for attempt in span.attempts):
        _where(page, span, name)
    _story(page, span)
    _outcome(page, span)
    _cost(page, span)
    _context(page, span)
    if not page.rows:
        page.say("nothing was decided here: no model was called", "dim")
    return page


def _line(page: Page, text: str, role: Role = "") -> None:
    page.add((("• ", "dim"),), ((text, role),))


def _whether(page: Page, span: Span) -> None:
    end = span.end
    if isinstance(end, StepSkipped):
        _line(page, f"It did not run: {end.reason}. Its value is null.")
    if span.taken_from:
        _line(page, f"It did not run: its value was taken over from run {span.taken_from}.", "good")
        _line(
            page,
            "This run began with what that one had finished; nothing of it was asked, called or paid again.",
        )
    elif isinstance(end, StepFinished) and end.cached:
        _line(page, "No model was called: the answer was reused from an earlier run.", "good")
        _line(
            page,
            "That is allowed because the model, the whole prompt, its settings and the answer's form are the same, "
            "the step is deterministic or says `cache: true`, and the recorded answer passes its checks today.",
        )
        if model := end.facts.get("model"):
            _line(page, f"It was first written by {model}.")


def _where(page: Page, span: Span, name: str) -> None:
    model = span.models.get(name)
    if model is None:
        _line(page, f"It went to {name}; where that runs was not recorded.")
        return
    climbed = any(one.choice == "climb" and one.to == name for one in span.decisions)
    if climbed:
        _line(page, f"The step went up to {name} ({model.ref}), as it says itself; below is why.")
    else:
        _line(page, f"The file names the model {name} ({model.ref}) for this step; nothing else chose it.")
    price = prices.told(prices.price_of(model), local=model.local)
    if model.local:
        _line(page, f"{name} runs on this machine: what it reads and writes stays here.", "good")
        return
    at = f" at {model.endpoint}" if model.endpoint else ""
    asked = "because the step went up" if climbed else "named by the step itself"
    _line(page, f"{name} is in the cloud{at}: the prompt left this machine, {asked}.", "cloud")
    if price:
        _line(page, f"{name} takes {price} for a million tokens.")


def _story(page: Page, span: Span) -> None:
    """Attempts and decisions in the order in which they were made."""
    attempts, number = span.attempts, 0
    for event in span.story:
        if isinstance(event, AttemptFinished):
            continue
        if not number and event is span.story[0]:
            page.head("Evidence")
        if isinstance(event, Decided):
            decision(page, event)
        else:
            number = next(i for i in range(number, len(attempts)) if attempts[i].prompt is event)
            _evidence(page, span, number, attempts[number])


def _evidence(page: Page, span: Span, number: int, attempt: Attempt) -> None:
    prefix = f"Attempt {number + 1}: "
    answer = attempt.answer
    if answer is None:
        _line(page, prefix + ("it writes now." if span.live else "it was cut off when the run stopped."))
        return
    _line(page, prefix + _sentence(span, number, answer), "" if answer.decision != "fail" else "bad")


def _sentence(span: Span, number: int, answer: AttemptFinished) -> str:
    sure = f" Confidence: {answer.confidence:.3f}." if answer.confidence is not None else ""
    if answer.outcome == "ok" and answer.decision == "escalate":
        return f"the answer has the declared form, and the step asked for a bigger model all the same.{sure}"
    if answer.decision == "call":
        return f"the model {answer.reason}."
    if answer.outcome == "ok":
        return f"the answer has the declared form and passes every check, so it was kept.{sure}"
    fault = f"{_FAULTS[answer.outcome]}: {answer.reason}" if answer.reason else _FAULTS[answer.outcome]
    match answer.decision:
        case "keep":
            return f"{fault}. It was kept all the same."
        case "repair":
            repairs = [one for one in span.attempts if one.answer and one.answer.decision == "repair"]
            turn = sum(one.number <= answer.attempt for one in repairs) or number + 1
            return f"{fault}. The model was asked again (repair {turn} of {len(repairs)} used)."
        case "fail":
            return f"{fault}. No further attempt was allowed, so the step failed."
        case "escalate":
            return f"{fault}. The next model was asked in its place."


def _outcome(page: Page, span: Span) -> None:
    end = span.end
    if isinstance(end, StepFinished) and end.handled:
        page.gap()
        _line(
            page,
            f"It failed ({end.handled}); `on_error` put {short(end.value)} in its place and the run went on.",
            "warn",
        )
    if isinstance(end, StepFailed):
        page.gap()
        _line(page, f"It failed ({end.error_kind}): {end.message}", "bad")
        if end.hint:
            _line(page, f"What to do: {end.hint}")
        if end.kept:
            _line(page, "`on_item_error: keep` put null in its place and the others went on.")
        elif end.facts is not None:
            _line(page, "Neither `on_error` nor `on_item_error` caught it.")
    if span.answered is not None:
        by = "The time ran out" if span.answered.by == "timeout" else f"{span.answered.by} answered"
        _line(page, f"{by}: {span.answered.choice or 'rejected'}.")
    confidence = end.facts.get("confidence") if isinstance(end, StepFinished) else None
    if confidence is not None:
        _line(page, f"Confidence: {confidence:.2f}.")


def _cost(page: Page, span: Span) -> None:
    """What it cost, and what it would have cost with the model of the cloud alone."""
    spending = Spending()
    for model in span.models.values():
        spending.add(model)
    for _, event in span.events:
        spending.add(event)
    line = spending.total()
    if not line.calls:
        return
    page.head("Cost")
    away = sum(one.calls for one in spending.lines.values() if one.local is False)
    if away:
        _line(
            page,
            f"It cost {shown(line.cost)} in {words.count(away, 'call')} that left this machine.",
            "cloud",
        )
    elif line.cost:
        _line(page, f"It cost {shown(line.cost)}, on this machine.")
    else:
        _line(page, "It cost nothing: every answer was written on this machine.", "good")
    if line.overruns:
        _line(page, f"{words.count(line.overruns, 'bill')} came above what was reserved for it.", "bad")
    _elsewhere(page, span, line)


def _elsewhere(page: Page, span: Span, line: Line) -> None:
    other = span.other
    if other is None or not (line.answer_prompt or line.answer_completion) or line.ref == other.name:
        return  # a call that failed has no answer to be had elsewhere
    would = shown(all_cloud(line, other.price))
    tokens = f"{words.count(line.answer_prompt, 'token')} in, {words.number(line.answer_completion)} out, as counted here"
    _line(page, f"Had {other.short} answered at once, it would have cost about {would} ({tokens}).")


def _context(page: Page, span: Span) -> None:
    prompts = [attempt.prompt for attempt in span.attempts if attempt.prompt is not None]
    if not prompts:
        return
    page.head("Context used")
    for number, prompt in enumerate(prompts):
        about = "" if prompt.exact else "about "
        model = span.models.get(prompt.model)
        room = (
            f" of {words.number(model.context)} tokens, {words.share(prompt.tokens, model.context)}"
            if model and model.context
            else " tokens"
        )
        _line(page, f"Attempt {number + 1}: {about}{words.number(prompt.tokens)}{room}.")
