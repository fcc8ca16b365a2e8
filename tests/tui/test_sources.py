"""The Sources tab: what was looked up, in whose words it is, and that it is named only where there is something."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import pytest

from orch_tui.detail_bar import tab_at, tab_row
from orch_tui.tabs.decisions import chosen, sign
from orch_tui.tabs.page import Page
from orch_tui.tabs.sources import NOTHING, sources
from orch_tui.tabs.span import Span
from orch_tui.text import plain
from orchestrator.events import Decided, Retrieved


def looked(*found: dict[str, Any], source: Any = "knowledge", query: str = "When?") -> Page:
    event = Retrieved(
        at=1.0, path="say", source=source, names=("handbook",), query=query, found=found, seconds=0.5
    )
    return sources(Span("run", "say", events=((1, event),)), 60)


def rows(page: Page) -> list[str]:
    return [plain(row).rstrip() for row in page.rows]


def test_a_passage_stands_with_its_number_place_and_score() -> None:
    """As the answer may cite it."""
    one = {
        "text": "At nine.\nNot on Sundays.",
        "file": "docs/a.md",
        "heading": "Hours",
        "lines": [3, 4],
        "score": 0.731,
    }

    assert rows(looked(one)) == [
        "1 passage of handbook  0.50 s",
        "looked up  When?",
        "",
        "[1] docs/a.md § Hours  lines 3–4 · score 0.73",
        "At nine.",
        "Not on Sundays.",
    ]


def test_examples_are_told_by_their_lines() -> None:
    """With how like the question they are."""
    page = looked({"line": 3, "score": 0.9}, {"line": 12, "score": 0.5}, source="examples")

    assert rows(page)[-1] == "line 3 (0.90) · line 12 (0.50)"


@pytest.mark.parametrize("source", ["knowledge", "examples"])
def test_what_the_record_does_not_hold_is_said_to_be_withheld(source: str) -> None:
    """Also the question."""
    note = "[private, not kept]"

    text = "\n".join(rows(looked({"text": note}, source=source, query=note)))

    assert text.count("withheld: it is private") == 2
    assert "[private" not in text


def test_a_document_writes_nothing_on_the_terminal_but_text() -> None:
    """Neither in its words nor in its name."""
    bad = {
        "text": "a\x1b]52;c;eA==\x07[@click=x]b[/]",
        "file": "a\x1b[2J.md",
        "heading": "h\x9b",
        "lines": [1],
        "score": "x",
    }

    page = looked(bad, query="q\x1b[31m")

    assert all("\x1b" not in piece and "\x9b" not in piece for row in page.rows for piece, _ in row)
    assert "[@click=x]b[/]" in page.text


def test_a_step_that_looked_nothing_up_says_so() -> None:
    """And its tab is not named."""
    page = sources(Span("run", "say"), 40)

    assert rows(page) == [NOTHING]
    assert "Sources" not in plain(tab_row(0, 80))


def test_the_tab_is_named_where_something_was_looked_up_or_it_is_chosen() -> None:
    """With its key; a click on it chooses it."""
    row = tab_row(0, 80, looked_up=True)

    assert plain(row).endswith("6 Sources ")
    assert tab_at(row, len(plain(row)) - 2) == 5
    assert "[6 Sources]" in plain(tab_row(5, 80))


@pytest.mark.parametrize("choice", get_args(get_type_hints(Decided)["choice"]))
@pytest.mark.parametrize("rule", get_args(get_type_hints(Decided)["rule"]))
def test_every_decision_has_its_words(choice: Any, rule: Any) -> None:
    """The tab Why can tell all of them."""
    from orch_tui.tabs.decisions import decision

    event, page = Decided(1.0, "say", choice, rule, "because"), Page(200)
    decision(page, event)

    assert chosen(event) in page.text
    assert sign(event)[0]
