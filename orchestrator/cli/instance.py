"""One step of a run in full on a terminal: what was asked, what came back, what was decided; or its instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.cli.console import Console
from orchestrator.cli.result import as_text
from orchestrator.events import (
    TAKEN,
    AskAnswered,
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    CallFinished,
    CallStarted,
    Event,
    Retrieved,
    StepFailed,
    StepFinished,
    StepSkipped,
)
from orchestrator.report import words
from orchestrator.report.chosen import chosen_before
from orchestrator.report.lines import short
from orchestrator.report.values import Values, container_of
from orchestrator.state import Span

_LISTED = 200
"""Instances in one table; the rest is counted. JSON has them all."""

_WIDE = 60
"""Characters of a value in the table."""


def print_table(console: Console, spans: Sequence[Span], values: Values, command: str) -> None:
    """Every instance as a line, and how to see one in full."""
    header = ("INSTANCE", "STATUS", "MODEL", "SECONDS", "TOKENS", "ATTEMPTS", "VALUE")
    console.table(header, [_row(span, values) for span in spans[:_LISTED]])
    if len(spans) > _LISTED:
        console.say(f"and {len(spans) - _LISTED:,} more; all of them: add --json")
    console.say(f"one in full: {command} {spans[0].path}")


def _row(span: Span, values: Values) -> tuple[str, ...]:
    took = f"{span.ended - span.started:.1f}" if span.ended is not None else "–"
    tokens = span.prompt_tokens + span.completion_tokens
    status = "cached" if span.cached else span.status
    number = words.number(tokens) if tokens else "–"
    return (
        span.path,
        status,
        span.model or "–",
        took,
        number,
        str(span.attempts or "–"),
        _came_to(span, values),
    )


def _came_to(span: Span, values: Values) -> str:
    """The value in short, or why there is none."""
    if span.status != "done":
        return short(span.note, _WIDE)
    after = f"  (went on after: {short(span.note, _WIDE)})" if span.note else ""
    return short(values.of(span.path), _WIDE) + after


def print_instance(console: Console, span: Span, events: Sequence[Event], values: Values) -> None:
    """Prompts, answers, decisions, and the value or error at the end."""
    asked = next((event.at for event in events if isinstance(event, AskOpened)), None)
    took = (
        "" if span.ended is None or asked is not None else f" in {words.seconds(span.ended - span.started)}"
    )
    console.view(f"{span.path}  ({span.verb or 'step'}): {span.status}{took}")
    before = chosen_before(events) if span.verb == "agent" else frozenset()
    for event in events:
        if isinstance(event, CallStarted):
            console.view(f"\n── {_called(event, before)}")
            console.view(as_text(dict(event.arguments)))
            continue
        for title, text in _sections(event, values, asked, span.verb):
            console.view(f"\n── {title}")
            if text:
                console.view(text)


def _sections(event: Event, values: Values, asked: float | None, verb: str) -> list[tuple[str, str]]:
    match event:
        case AttemptStarted():
            about = "" if event.exact else "about "
            tokens = f"{about}{words.count(event.tokens, 'token')}"
            head = f"attempt {event.attempt}: {event.model}, {tokens}"
            prompts = [(str(m.get("role", "")), str(m.get("content", ""))) for m in event.messages]
            return [(head, ""), *prompts]
        case AttemptFinished():
            return _answer(event)
        case Retrieved():
            return [_looked_up(event)]
        case CallFinished():
            return _result(event, verb)
        case StepFinished() if kind := container_of(event):
            return [(_made_of(kind, values.passes(event.path)), as_text(values.of(event.path)))]
        case StepFinished():
            taken = event.facts.get(TAKEN, "")
            how = f" (taken over from run {taken})" if taken else " (cached)" if event.cached else ""
            how += f" (went on after: {event.handled})" if event.handled else ""
            return [(f"value{how}", as_text(event.value))]
        case StepSkipped():
            return [("skipped", event.reason)]
        case StepFailed():
            return [(f"error: {event.error_kind}", "\n".join(filter(None, (event.message, event.hint))))]
        case AskOpened():
            return _question(event)
        case AskAnswered():
            after = f" after {words.seconds(event.at - asked)}" if asked is not None else ""
            changed = [("changed to", as_text(event.edit))] if event.edit is not None else []
            return [(f"answered by {event.by}{after}", event.choice or "rejected"), *changed]
        case _:
            return []


def _called(event: CallStarted, before: frozenset[int]) -> str:
    how = " (the choice was in the cache)" if event.call in before else ""
    return f"call {event.call}: {event.tool}{how}"


def _question(event: AskOpened) -> list[tuple[str, str]]:
    """What was asked and shown, and the value that may be changed; what is not kept stands there as its note."""
    sections = [("question", f"{event.question}  [{' | '.join(event.choices)}]")]
    if event.show is not None:
        sections.append(("shown", as_text(event.show)))
    if event.edit is not None:
        value = event.edit["value"] if isinstance(event.edit, Mapping) else event.edit
        sections.append(("may be changed", as_text(value)))
    return sections


def _looked_up(event: Retrieved) -> tuple[str, str]:
    """Passages as the model could cite them; of worked examples their lines."""
    head = f"looked up in {', '.join(event.names)}: {words.count(len(event.found), 'result')}"
    if event.source == "knowledge":
        return head, "\n\n".join(_passage(number, one) for number, one in enumerate(event.found, 1))
    told = [f"line {one['line']} ({one.get('score', 0):.2f})" for one in event.found if "line" in one]
    return head, ", ".join(told)


def _passage(number: int, one: Mapping[str, Any]) -> str:
    where = " § ".join(str(one[key]) for key in ("file", "heading") if one.get(key))
    lines = "–".join(dict.fromkeys(str(line) for line in one.get("lines", ()) if line))
    facts = [f"{'lines' if '–' in lines else 'line'} {lines}"] if lines else []
    if isinstance(one.get("score"), int | float):
        facts.append(f"score {one['score']:.2f}")
    return f"[{number}] {where}  {', '.join(facts)}\n{one.get('text', '')}"


def _made_of(kind: str, passes: int) -> str:
    if kind == "workflow":
        return "values of its steps"
    return f"value, made of its steps in pass {passes}" if passes else "value, made of its steps"


def _result(event: CallFinished, verb: str) -> list[tuple[str, str]]:
    """What a tool gave; of a tool step that is its value, which stands below."""
    head = f"result of call {event.call}: {event.outcome}, {words.seconds(event.seconds)}"
    return [(head, as_text(event.value) if event.outcome == "ok" and verb != "tool" else event.message)]


def _answer(event: AttemptFinished) -> list[tuple[str, str]]:
    cost = [words.count(event.completion_tokens, "token"), words.seconds(event.seconds)]
    if event.rate:
        cost.append(f"{event.rate:,.0f} tok/s")
    if event.cached_tokens:
        cost.append(f"{event.cached_tokens:,} of {event.prompt_tokens:,} prompt tokens from the cache")
    sections = [("thinking", event.thinking)] if event.thinking else []
    sections.append((f"answer: {event.outcome}, {', '.join(cost)}", event.text))
    if event.decision != "keep":
        sections.append((f"decided: {event.decision}", event.reason))
    return sections
