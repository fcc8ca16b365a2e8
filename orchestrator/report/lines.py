"""An event as one readable line of a log. Writes nothing; the text is made safe where it is printed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, assert_never

from orchestrator.events import (
    AskAnswered,
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    CallFinished,
    CallStarted,
    Decided,
    Event,
    ModelReady,
    Retrieved,
    RunFailed,
    RunFinished,
    RunInterrupted,
    RunResumed,
    RunStarted,
    RunWaiting,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    Warned,
)
from orchestrator.report import words
from orchestrator.report.values import container_of

SHORT = 100
"""Characters of a value that a line shows."""


def line(event: Event, size: str = "") -> str:
    """Time of day and what happened, without a line end inside. `size` says what a container was made of."""
    clock = time.strftime("%H:%M:%S", time.localtime(event.at))
    return f"{clock}  {_words(event, size)}".replace("\n", "⏎")


def short(value: Any, length: int = SHORT) -> str:
    """A value on one line, cut with an ellipsis; text as it is, the rest as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"


def said_wrong(value: Any) -> str:
    """Of a tool's result that speaks of an error what it says of it; empty for any other. It is a value, no failure."""
    told = value.get("error") if isinstance(value, Mapping) else None
    return f"(its result says: {short(told)})" if told else ""


def _words(event: Event, size: str) -> str:
    match event:
        case RunStarted():
            revision = f" at {event.revision}" if event.revision else ""
            return f"run {event.run} of {event.workflow} started ({event.file}{revision})"
        case RunResumed():
            return f"resumed by {event.owner}"
        case ModelReady():
            where = "local" if event.local else "cloud"
            took = words.seconds(event.seconds)
            return f"model {event.model} is ready: {event.ref}, {event.context:,} tokens, {where}, {took}"
        case StepStarted():
            items = f", {words.count(event.items, 'item')}" if event.items is not None else ""
            return f"▸ {event.path}  {event.verb}{items}"
        case AttemptStarted() | AttemptFinished():
            return _attempt(event)
        case Decided():
            to = f" {event.to}" if event.to else ""
            return f"⇅ {event.path}  {event.choice}{to} ({event.rule}): {event.reason}"
        case CallStarted():
            return f"→ {event.path}  {event.tool}  {short(event.arguments)}"
        case CallFinished():
            took = words.seconds(event.seconds)
            told = said_wrong(event.value) or short(event.value)
            what = told if event.outcome == "ok" else event.message
            return f"← {event.path}  {event.tool}  {took}  {what}"
        case Retrieved():
            what = {"knowledge": "passage", "examples": "example", "memory": "turn"}[event.source]
            found = words.count(len(event.found), what)
            return f"⌕ {event.path}  {', '.join(event.names)}: {found}"
        case StepFinished() if kind := container_of(event):
            return f"✓ {event.path}  {size or kind}"
        case StepFinished():
            cached = "  (cached)" if event.cached else ""
            handled = f"  (went on after: {event.handled})" if event.handled else ""
            of_tool = not event.facts.get("model") and not event.handled
            told = said_wrong(event.value) if of_tool else ""
            return f"✓ {event.path}{cached}{handled}  {told or short(event.value)}"
        case StepSkipped():
            return f"– {event.path}  skipped: {event.reason}"
        case StepFailed():
            kept = " (null in its place)" if event.kept else ""
            return f"✗ {event.path}  {event.error_kind}: {event.message}{kept}"
        case AskOpened():
            return f"? {event.path}  {event.question}  [{' | '.join(event.choices)}]"
        case AskAnswered():
            changed = f", changed to: {short(event.edit)}" if event.edit is not None else ""
            return f"! {event.path}  {event.choice or 'rejected'} (by {event.by}){changed}"
        case Warned():
            return f"warning: {event.path + ': ' if event.path else ''}{event.message}"
        case RunWaiting() | RunInterrupted() | RunFailed() | RunFinished():
            return _end(event)
        case _:
            assert_never(event)


def _attempt(event: AttemptStarted | AttemptFinished) -> str:
    head = f"{event.path}  attempt {event.attempt}"
    if isinstance(event, AttemptStarted):
        about = "" if event.exact else "about "
        return f"→ {head}: {about}{words.count(event.tokens, 'token')} to {event.model}"
    rate = f", {event.rate:,.0f} tok/s" if event.rate else ""
    cost = f"{words.count(event.completion_tokens, 'token')}, {words.seconds(event.seconds)}{rate}"
    why = f" ({event.decision}: {event.reason})" if event.decision != "keep" else ""
    return f"← {head}: {event.outcome}, {cost}{why}  {short(event.text, 60)}"


def _end(event: RunWaiting | RunInterrupted | RunFailed | RunFinished) -> str:
    match event:
        case RunWaiting():
            asks = f"waiting for an answer to {', '.join(event.asks)}" if event.asks else "waiting"
            if event.unknown:
                asks += f"; nobody knows whether it happened: {', '.join(event.unknown)}"
            return f"{asks} ({event.reason})" if event.reason else asks
        case RunInterrupted():
            return f"{'cancelled' if event.cancelled else 'interrupted'}: {event.by}"
        case RunFailed():
            return f"{event.status}: {event.path + ': ' if event.path else ''}{event.message}"
        case RunFinished():
            return f"done  {short(event.outputs)}"
        case _:
            assert_never(event)
