"""Calls of tools, for the tabs of a span: with what, how it ended, what it gave, the files it made.

What tools give is data of whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orch_tui.tabs import pretty
from orch_tui.tabs.page import Page
from orch_tui.tabs.span import Span
from orch_tui.tabs.withheld import say, withheld
from orch_tui.text import Role
from orchestrator.events import AttemptStarted, CallFinished, CallStarted
from orchestrator.report import words
from orchestrator.report.chosen import chosen_before

_SIGNS: dict[str, tuple[str, Role]] = {
    "ok": ("✓ ", "good"),
    "error": ("✗ ", "bad"),
    "unknown": ("? ", "warn"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """`ended` is None while it goes on, or when it was cut off. `known`: its model was not asked for the choice."""

    began: CallStarted
    ended: CallFinished | None = None
    known: bool = False


def between(span: Span) -> list[list[Call]]:
    """The calls before the first attempt, after it, after the second one, and so on."""
    found: list[list[Call]] = [[]]
    known = chosen_before([event for _, event in span.events]) if span.verb == "agent" else frozenset()
    for _, event in span.events:
        match event:
            case AttemptStarted():
                found.append([])
            case CallStarted():
                found[-1].append(Call(event, known=event.call in known))
            case CallFinished():
                _end(found, event)
            case _:
                pass
    return [*found, *([] for _ in range(len(span.attempts) + 1 - len(found)))]


def calls(span: Span) -> list[Call]:
    """All of them, in the order in which they began."""
    return [call for some in between(span) for call in some]


def _end(found: list[list[Call]], event: CallFinished) -> None:
    """Its last beginning is what ended; a person may say so much later."""
    for some in reversed(found):
        for index in range(len(some) - 1, -1, -1):
            if some[index].began.call == event.call:
                some[index] = replace(some[index], ended=event)
                return


def put(page: Page, call: Call, *, live: bool, result: bool = True) -> None:
    """One call in full; without its `result` where that is shown elsewhere."""
    began, ended = call.began, call.ended
    page.gap()
    sign, role = _SIGNS[ended.outcome] if ended is not None else ("◌ ", "run" if live else "warn")
    took = f"  {words.seconds(ended.seconds)}" if ended is not None else ""
    page.add(((sign, role),), ((f"Call {began.call}", "head"), (f"  {began.tool}", "bold"), (took, "dim")))
    if call.known:
        page.say("the choice was in the cache: the model was not asked for it", "dim")
    page.say("with:", "dim")
    arguments(page, began)
    if ended is None:
        page.say("it goes on" if live else "it was cut off; nobody knows whether it happened", role)
        return
    if ended.message:
        page.add(((f"{ended.outcome}: ", role),), ((ended.message, ""),))
    if result and ended.outcome == "ok":
        page.say("gave:", "dim")
        _value(page, ended.value)
    files(page, ended)


def arguments(page: Page, began: CallStarted) -> None:
    """What a tool is called with."""
    if began.arguments:
        pretty.put(page, dict(began.arguments))
    else:
        page.say("nothing", "dim")


def files(page: Page, ended: CallFinished, command: str = "") -> None:
    """What a call made beside its value; `command` prints where it lies."""
    for made in ended.artifacts:
        page.add((("  ▪ ", "accent"),), ((str(made.get("name", "")), "bold"), (f"  {_facts(made)}", "dim")))
    if ended.artifacts and command:
        page.say(f"where they lie: {command}", "dim")


def _facts(made: Mapping[str, Any]) -> str:
    kept = "" if made.get("sha256") else ", not kept: it holds a secret"
    return f"{made.get('media_type', '')}, {words.size(int(made.get('bytes', 0)))}{kept}"


def _value(page: Page, value: Any) -> None:
    if isinstance(value, str) or withheld(value):
        say(page, value)
    else:
        pretty.put(page, value)
