"""A decision between this machine and a bigger model, in words: what was chosen, by which rule, on what evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orch_tui.tabs.page import Page
from orch_tui.text import Role
from orchestrator.events import Decided
from orchestrator.money import shown
from orchestrator.report import words

_SIGNS: dict[str, tuple[str, Role]] = {
    "local": ("●", "good"),
    "climb": ("↑", "cloud"),
    "keep": ("●", "good"),
    "stay": ("■", "warn"),
    "refuse": ("✗", "bad"),
    "again": ("↻", "warn"),
    "head": ("●", "good"),
    "pass": ("→", "dim"),
    "pick": ("●", "good"),
    "stop": ("■", "warn"),
}
_CHOSEN = {
    "local": "It began with the step's own model",
    "climb": "It went up to {to}",
    "keep": "The answer stands: nothing goes up",
    "stay": "It would have gone up to {to}, and stayed",
    "refuse": "It may not go to {to}",
    "again": "It was sent to {to} once more",
    "head": "The trained classifier in front of the model answered",
    "pass": "The trained classifier was not sure enough: the model was asked",
    "pick": "One of several samples was chosen",
    "stop": "The calls of its tools were ended",
}
_RULES = {
    "privacy": "privacy, which comes before budget and the step's own rule",
    "budget": "the budget, which comes before the step's own rule",
    "offline": "this run is to stay on this machine",
    "before": "`before` of the step",
    "when": "`when` of the step",
    "failed": "the step has no `when`: it goes up when nothing valid came",
    "fault": "the model or its server failed",
    "head": "the bar that the classifier worked out from its cases",
    "pick": "`pick` of the step, or the majority",
    "turns": "the bound on calls of tools",
}
_LABELS = 11
"""Columns of the names of the evidence."""


def decision(page: Page, event: Decided) -> None:
    """The decision with all of its evidence."""
    sign, role = _SIGNS[event.choice]
    page.add(
        ((f"{sign} ", role),), ((f"{chosen(event)}: ", role), (event.reason or "no reason was given", ""))
    )
    _evidence(page, "rule", _RULES[event.rule])
    _evidence(page, "policy", event.policy)
    _evidence(page, "signals", _signals(event.signals))
    _evidence(page, "privacy", _privacy(event))
    _evidence(page, "budget", _budget(event))


def chosen(event: Decided) -> str:
    """What was decided, without why."""
    return _CHOSEN[event.choice].format(to=event.to or "a bigger model")


def sign(event: Decided) -> tuple[str, Role]:
    return _SIGNS[event.choice]


def _evidence(page: Page, name: str, text: str) -> None:
    if text:
        page.add(((f"    {name:<{_LABELS}}", "dim"),), ((text, ""),))


def _signals(signals: Mapping[str, Any]) -> str:
    parts = []
    for name, value in signals.items():
        match value:
            case None:
                continue  # nobody asked for it
            case True | False:
                parts.append(f"{name} {'yes' if value else 'no'}")
            case float():
                parts.append(f"{name} {value:.3f}")
            case _:
                parts.append(f"{name} {value}")
    return " · ".join(parts)


def _privacy(event: Decided) -> str:
    if not event.label or not event.clearance:
        return ""
    return f"the request is {event.label}, and {event.to or 'the model'} may see what is {event.clearance}"


def _budget(event: Decided) -> str:
    taken = f"{shown(event.reserved)} " + ("reserved" if event.choice in ("climb", "again") else "needed")
    left = f"{shown(event.left)} left" if event.left is not None else ""
    if event.reserved:
        return f"{taken} of {left}" if left else f"{taken}; the run has no bound in dollars"
    return left


def counted(choices: Mapping[tuple[str, str], int]) -> list[str]:
    """`3 × It went up to a bigger model (when)`: for a run as a whole, the most frequent first."""
    told = []
    for (choice, rule), count in sorted(choices.items(), key=lambda item: -item[1]):
        said = _CHOSEN.get(choice, choice).format(to="a bigger model")
        told.append(f"{words.number(count)} × {said} ({rule})")
    return told
