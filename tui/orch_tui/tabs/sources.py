"""The Sources tab: what was looked up before a model was asked, with file, heading, lines and score, and which examples.

What it shows are pieces of documents: text of whoever wrote them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orch_tui.tabs.page import Page
from orch_tui.tabs.span import Span
from orch_tui.tabs.withheld import say, withheld
from orchestrator.events import Retrieved
from orchestrator.report import words

NOTHING = "nothing was looked up for this step"
OF_A_STEP = "sources are those of a step: choose one in the tree"


def sources(span: Span, width: int) -> Page:
    """Passages as the model got them, numbered as it may cite them."""
    page = Page(width)
    if not span.lookups:
        page.say(NOTHING, "dim")
    for event in span.lookups:
        page.gap()
        _question(page, event)
        if event.source == "examples":
            _examples(page, event)
        elif event.source == "memory":
            _turns(page, event)
        else:
            _passages(page, event)
    return page


def _question(page: Page, event: Retrieved) -> None:
    what = {"knowledge": "passages", "examples": "worked examples", "memory": "earlier turns"}[event.source]
    count = words.count(len(event.found), what[:-1])
    page.add(
        (), ((f"{count} of {', '.join(event.names)}", "bold"), (f"  {words.seconds(event.seconds)}", "dim"))
    )
    page.add((("looked up  ", "dim"),), ((withheld(event.query) or event.query, ""),))


def _passages(page: Page, event: Retrieved) -> None:
    if not event.found:
        page.say("nothing was found", "dim")
    for number, one in enumerate(event.found, 1):
        page.gap()
        page.add(((f"[{number}] ", "accent"),), ((_where(one), "head"), (f"  {_facts(one)}", "dim")))
        say(page, str(one.get("text", "")))


def _examples(page: Page, event: Retrieved) -> None:
    told = [f"line {one['line']} ({one.get('score', 0):.2f})" for one in event.found if "line" in one]
    hidden = [withheld(one.get("text")) for one in event.found if "line" not in one]
    page.say(" · ".join(told) or " ".join(hidden) or "there was none", "" if told else "dim")


def _turns(page: Page, event: Retrieved) -> None:
    for one in event.found:
        page.gap()
        if "asked" not in one:
            page.say(withheld(one.get("text")) or "", "dim")
            continue
        page.add((("asked     ", "dim"),), ((str(one["asked"]), ""),))
        page.add((("answered  ", "dim"),), ((str(one.get("answered", "")), ""),))


def _where(one: Mapping[str, Any]) -> str:
    return " § ".join(str(one[key]) for key in ("file", "heading") if one.get(key))


def _facts(one: Mapping[str, Any]) -> str:
    told = []
    match one.get("lines"):
        case [int() as first, int() as last] if first:
            told.append(f"line {first}" if first == last else f"lines {first}–{last}")
        case _:
            pass
    score = one.get("score")
    if isinstance(score, int | float):
        told.append(f"score {score:.2f}")
    return " · ".join(told)


__all__ = ["NOTHING", "OF_A_STEP", "sources"]
