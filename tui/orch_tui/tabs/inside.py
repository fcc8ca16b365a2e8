"""What became of the parts of a fan-out, a loop or a group, in sentences, for the Why tab."""

from __future__ import annotations

from typing import Any

from orch_tui.tabs.page import Page, table
from orch_tui.tabs.span import Child, Span
from orch_tui.text import Piece, Role
from orchestrator.events import StepFailed, StepFinished
from orchestrator.report import words
from orchestrator.report.lines import short

LISTED = 50
"""Parts that are listed."""
_WORDS: dict[str, tuple[str, Role]] = {
    "done": ("done", "good"),
    "cached": ("reused", "good"),
    "skipped": ("skipped", "dim"),
    "failed": ("failed", "bad"),
    "caught": ("caught by `on_error`", "warn"),
    "asking": ("wait for a person", "ask"),
    "running": ("at work", "run"),
    "queued": ("queued for their model", "dim"),
    "stopped": ("cut off", "warn"),
}


def made_of(page: Page, span: Span) -> None:
    """The parts of the span; nothing when it has none."""
    if span.items is not None:
        _fan_out(page, span)
    elif not span.children:
        return
    elif span.children[0].name.startswith("~"):
        _loop(page, span)
    elif span.children[0].name.startswith("^"):
        _line(page, f"It was merged in {words.count(span.size, 'part')}: {_counted(span)}.")
    elif span.children[0].name.startswith("#"):
        _line(page, f"One of {words.count(span.size, 'sample')} was chosen: {_counted(span)}.")
        _parts(page, span.children)
    elif span.children[0].name.startswith("@"):
        _line(page, f"{words.count(span.size, 'model')} answered the same prompt: {_counted(span)}.")
        _parts(page, span.children)
    else:
        _line(page, f"It is made of {words.count(span.size, 'step')}: {_counted(span)}.")
        _parts(page, span.children)


def _line(page: Page, text: str, role: Role = "") -> None:
    page.add((("• ", "dim"),), ((text, role),))


def _counted(span: Span) -> str:
    """`3 done, 1 failed`, in the order of what a person wants to know."""
    counts = dict(span.counts)
    if queued := counts.get("queued"):
        counts["running"] = counts.get("running", 0) - queued
    told = [f"{words.number(counts[name])} {word}" for name, (word, _) in _WORDS.items() if counts.get(name)]
    return ", ".join(told) or "none has begun"


def _fan_out(page: Page, span: Span) -> None:
    items, end = span.items or 0, span.end
    begun = sum(count for name, count in span.counts.items() if name != "queued")
    rest = f"; {words.number(items - begun)} have not begun" if begun < items else ""
    _line(page, f"It ran once per item of a list of {words.number(items)}: {_counted(span)}{rest}.")
    if span.counts.get("failed"):
        _line(page, _of_failures(end, live=span.live), "warn" if isinstance(end, StepFinished) else "bad")
    _parts(page, span.lost, sum(span.counts.get(name, 0) for name in ("failed", "caught")))


def _of_failures(end: Any, *, live: bool) -> str:
    if isinstance(end, StepFinished) and not end.handled:
        return "`on_item_error: keep` put null in the place of each item that failed, and the others went on."
    if isinstance(end, StepFinished | StepFailed):
        return "An item that failed ended the whole list (`on_item_error: stop`, which is the default)."
    return "Items have failed; the others go on." if live else "Items have failed."


def _loop(page: Page, span: Span) -> None:
    end = span.end
    facts = end.facts if isinstance(end, StepFinished) else {}
    passes = words.count(int(facts.get("passes") or span.size), "pass", "passes")
    met = facts.get("met")
    if span.live:
        _line(page, f"It is a loop; {span.children[-1].called} is under way.", "run")
    elif met is True:
        _line(page, f"It took {passes}: after that `until` was true, so the loop ended.", "good")
    elif met is False:
        _line(
            page,
            f"It took {passes}, all that `max` allows: `until` was never true, and `else` decided.",
            "warn",
        )
    elif isinstance(end, StepFailed):
        _line(page, f"It took {passes} and failed.", "bad")
    else:
        _line(page, f"It took {passes}; whether `until` was true at the end is not recorded.")
    _parts(page, span.children)


def _parts(page: Page, children: tuple[Child, ...], size: int = 0) -> None:
    """Each with how it stands and why."""
    if not children:
        return
    page.gap()
    body: list[list[Piece]] = [
        [(child.called, ""), _status(child), (short(child.note, 300), "dim")] for child in children[:LISTED]
    ]
    table(page, ("", "", ""), body, right=set())
    if (left := max(size, len(children)) - min(len(children), LISTED)) > 0:
        page.more(f"{words.number(left)} more, in the tree")


def _status(child: Child) -> Piece:
    return child.status, _WORDS[child.status][1]
