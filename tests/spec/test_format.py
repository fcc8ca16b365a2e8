"""Diagnostics as people and programs read them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.spec.diagnostics import Diagnostic, Mark
from orchestrator.spec.format import as_github, as_json, as_sarif, as_text
from orchestrator.spec.load import interpret
from orchestrator.spec.model import Workflow

FOUND = Diagnostic(
    "ORCH101",
    "error",
    "step 'draft' has no key 'promt'",
    Mark("flows/w.yaml", 12, 5, 5),
    "did you mean 'prompt'?",
    "    promt: Write.",
)
HOSTILE = Diagnostic(
    "ORCH101",
    "warning",
    "100%\n::error::fake\r\x1b]52;c;x\x07",
    Mark("a,b:c\x1b[2J%.yaml", 1, 3, 4),
    "\u202egnp",
    "a: \x1b[31m\x9b2J\u202e\tx",
)


def test_a_person_sees_the_line_with_a_caret() -> None:
    """Message, place, line, caret, hint."""
    assert as_text([FOUND]) == (
        "error[ORCH101]: step 'draft' has no key 'promt'\n"
        "  --> flows/w.yaml:12:5\n"
        "   |\n"
        "12 |     promt: Write.\n"
        "   |     ^^^^^\n"
        "   = hint: did you mean 'prompt'?"
    )


def test_colours_only_when_asked_for() -> None:
    """The same text with colours around its parts."""
    assert "\x1b" not in as_text([FOUND])
    assert "\x1b[1;31merror[ORCH101]\x1b[0m" in as_text([FOUND], color=True)


def test_an_empty_line_is_not_shown() -> None:
    """Without a source there is nothing to point into."""
    bare = Diagnostic("ORCH002", "error", "the file is empty", Mark("w.yaml"))

    assert as_text([bare]) == "error[ORCH002]: the file is empty\n --> w.yaml:1:1"


@pytest.mark.parametrize("color", [False, True])
def test_what_a_file_says_is_never_obeyed_by_a_terminal(color: bool) -> None:
    """Escape sequences, overrides and line ends of the file are visible signs."""
    text = as_text([HOSTILE], color=color)

    for sign in ("\x1b]", "\x1b[2J", "\x1b[31m\x9b", "\x9b", "\x07", "\u202e", "\r"):
        assert sign not in text
    assert "\n::error" not in text


def test_the_caret_stands_under_wide_characters_and_tabs() -> None:
    """Columns are counted as a terminal shows them."""
    source = "\t日本: promt"
    text = as_text([Diagnostic("ORCH101", "error", "m", Mark("w", 1, 6, 5), "", source)])

    shown, caret = text.splitlines()[3:5]
    assert shown == "1 |     日本: promt"
    assert caret == "  |           ^^^^^"


def test_a_long_line_is_shown_around_the_caret() -> None:
    """A minified file does not flood the screen."""
    source = "x" * 5000 + "WRONG" + "y" * 5000
    text = as_text([Diagnostic("ORCH101", "error", "m", Mark("w", 1, 5001, 5), "", source)])

    shown, caret = text.splitlines()[3:5]
    assert len(shown) < 140
    assert shown[caret.index("^") : caret.rindex("^") + 1] == "WRONG"


def test_json_holds_every_field() -> None:
    """For programs."""
    (found,) = json.loads(as_json([FOUND]))

    assert found == {
        "code": "ORCH101",
        "severity": "error",
        "message": "step 'draft' has no key 'promt'",
        "file": "flows/w.yaml",
        "line": 12,
        "column": 5,
        "width": 5,
        "hint": "did you mean 'prompt'?",
        "source": "    promt: Write.",
    }


def test_github_gets_one_command_a_line() -> None:
    """The annotation stands beside the changed line."""
    assert as_github([FOUND]) == (
        "::error file=flows/w.yaml,line=12,col=5,endColumn=10,title=ORCH101::"
        "step 'draft' has no key 'promt'%0Ahint: did you mean 'prompt'?"
    )


def test_nothing_of_a_file_ends_a_github_command() -> None:
    """Line ends, colons, commas and percent signs are escaped as GitHub wants them."""
    (line,) = as_github([HOSTILE]).splitlines()

    assert line.startswith("::warning file=a%2Cb%3Ac␛[2J%25.yaml,line=1,")
    assert "100%25%0A::error::fake%0D" in line


def test_sarif_is_what_the_standard_asks_for() -> None:
    """Version, rules, results with a region; paths as URIs."""
    log: dict[str, Any] = json.loads(as_sarif([FOUND, HOSTILE]))

    (run,) = log["runs"]
    first, second = run["results"]
    assert log["version"] == "2.1.0"
    assert run["tool"]["driver"]["rules"][first["ruleIndex"]]["id"] == first["ruleId"] == "ORCH101"
    assert first["level"] == "error"
    assert second["level"] == "warning"
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "flows/w.yaml"
    assert place["region"] == {"startLine": 12, "startColumn": 5, "endColumn": 10}
    assert (
        second["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%2Cb%3Ac%1B%5B2J%25.yaml"
    )


def test_no_diagnostics_are_valid_output_too() -> None:
    """A clean file gives an empty list, not an error."""
    assert as_text([]) == as_github([]) == ""
    assert json.loads(as_json([])) == []
    assert json.loads(as_sarif([]))["runs"][0]["results"] == []


@given(st.text(max_size=60))
def test_any_text_can_be_shown(text: str) -> None:
    """Whatever is wrong with a file, all four forms of it come out."""
    found = interpret(text, "w.yaml", Workflow).diagnostics

    shown = as_text(found)

    assert found
    assert not any(char in shown for char in "\x1b\x07\x9b\u202e\r")
    assert len(as_github(found).splitlines()) == len(found)
    assert len(json.loads(as_json(found))) == len(json.loads(as_sarif(found))["runs"][0]["results"])
