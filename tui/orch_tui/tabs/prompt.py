"""The Prompt tab: what the model really read in one attempt, message by message, and what it consists of."""

from __future__ import annotations

from orch_tui.naming import readable
from orch_tui.tabs import calls
from orch_tui.tabs.page import Page, table
from orch_tui.tabs.span import Span
from orch_tui.tabs.withheld import say
from orch_tui.text import Piece
from orchestrator.events import AttemptStarted
from orchestrator.report import words

LISTED = 100
"""Of the steps inside that called a model."""
_FULL = 10
"""Columns of the bar of a part that is everything."""


def prompt(span: Span, width: int) -> Page:
    page = Page(width)
    attempts = span.attempts
    number = span.shown_attempt
    started = attempts[number].prompt if number >= 0 else None
    if started is None and span.verb == "tool" and (called := calls.calls(span)):
        page.head(called[-1].began.tool, "is called with")
        calls.arguments(page, called[-1].began)
        return page
    if started is None:
        page.say(_why_none(span), "dim")
        _inside(page, span)
        return page
    if len(attempts) > 1:
        page.say(f"attempt {number + 1} of {len(attempts)}; the rows of the tree choose another", "dim")
    _parts(page, started, span)
    for message in started.messages:
        text = str(message.get("content", ""))
        page.head(str(message.get("role", "")), words.count(len(text), "character"))
        say(page, text)
    page.copied = "\n\n".join(f"[{m.get('role', '')}]\n{m.get('content', '')}" for m in started.messages)
    return page


def _inside(page: Page, span: Span) -> None:
    """Where the prompts are, in the words of the tree."""
    if not span.prompted:
        return
    page.gap()
    for path in span.prompted[:LISTED]:
        page.add((("• ", "dim"),), ((readable(path), ""),))
    if len(span.prompted) > LISTED or span.cut:
        page.more("more, in the tree")
    page.gap()
    page.say("choose one of them in the tree; a filter finds it by its name", "dim")


def _why_none(span: Span) -> str:
    if span.status == "cached":
        return "no prompt: the answer was reused, no model was called"
    if span.prompted:
        return f"the prompts are in what is inside: {words.count(len(span.prompted), 'step')} called a model"
    if span.live:
        return "no prompt went to a model yet"
    if span.children:
        return "no prompt: nothing inside called a model"
    return "no prompt: this step called no model"


def _parts(page: Page, started: AttemptStarted, span: Span) -> None:
    about = "" if started.exact else "about "
    model = span.models.get(started.model)
    room = (
        f" of {words.number(model.context)} ({words.share(started.tokens, model.context)})" if model else ""
    )
    page.add(
        (), ((f"{about}{words.count(started.tokens, 'token')}", "bold"), (f"{room} to {started.model}", ""))
    )
    sizes = sizes_of(started)
    if not sizes:
        return
    whole = max(1, sum(tokens for _, tokens, _ in sizes))
    body: list[list[Piece]] = [
        [
            (name, ""),
            (("" if exact else "~") + words.number(tokens), ""),
            (words.share(tokens, whole), "dim"),
            ("▇" * max(1, round(_FULL * tokens / whole)), "accent"),
        ]
        for name, tokens, exact in sizes
    ]
    table(page, ("part", "tokens", "share", ""), body, right={1, 2})
    if not all(exact for _, _, exact in sizes):
        page.say("~ its share of the measured whole, by its length", "dim")


def sizes_of(started: AttemptStarted) -> list[tuple[str, int, bool]]:
    """Parts with their tokens, and whether they are counted and not shares by length.

    Parts come in tokens or in characters: they are tokens exactly when they add up to the whole. What a repair
    adds to the messages is no part of its own: it is what the characters leave over.
    """
    total = sum(started.parts.values())
    if total == started.tokens:
        return [(name, size, started.exact) for name, size in started.parts.items()]
    written = sum(len(str(message.get("content", ""))) for message in started.messages)
    sizes = dict(started.parts)
    if started.attempt > 1 and written - total > 20:
        sizes["what was wrong before"] = written - total
    whole = sum(sizes.values())
    return (
        [(name, round(started.tokens * size / whole), False) for name, size in sizes.items()] if whole else []
    )
