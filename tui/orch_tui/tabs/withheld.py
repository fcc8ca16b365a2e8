"""A text that the record does not hold, because of its label (`keep:`): in words, in the place of what stands there."""

from __future__ import annotations

from typing import Any

from orch_tui.tabs.page import Page
from orchestrator.policy.keep import noted


def withheld(value: Any) -> str:
    """What to say in its place; empty for a value that is there."""
    found = noted(value)
    if found is None:
        return ""
    label, digest = found
    kept = f"only a digest of it, {digest}" if digest else "nothing of it"
    return f"withheld: it is {label}, and by `keep` the record holds {kept}"


def say(page: Page, text: str) -> None:
    """A text of the record, or that it is withheld."""
    if instead := withheld(text):
        page.add((("⊘ ", "warn"),), ((instead, "dim"),))
    else:
        page.say(text)
