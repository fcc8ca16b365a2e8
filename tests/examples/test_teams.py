"""What the support and code examples compute without a model: groundedness, quotes, programs out of answers."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.examples.commands import ROOT

_SOURCE = re.compile(r"^\| `(?P<file>[^`]+)` .*`(?P<sha>[0-9a-f]{64})` \|$", re.MULTILINE)
PAGES = [
    "## Cancelling\n- You can cancel a payment within 17 minutes of submission.",
    "An EcoCard costs $15.00 a year.",
]


def module(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / "examples" / path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


ground = module("10-support-team/ground.py")
program = module("11-code-team/program.py")


@pytest.mark.parametrize(
    ("answer", "ok"),
    [
        ("You can cancel a payment within 17 minutes.", True),
        ("You can cancel a payment within 70 minutes.", False),
        ("Our branch in Lisbon opens tomorrow morning.", False),
        ("", False),
    ],
)
def test_a_reply_stands_on_its_sources_or_does_not(answer: str, ok: bool) -> None:
    """A number that no passage holds, and words of somebody else, do not pass."""
    assert ground.grounded(answer, PAGES)["ok"] is ok


def test_the_source_that_holds_the_reply_is_cited() -> None:
    """Not the first one, if it is the second."""
    assert ground.grounded("An EcoCard costs $15.00 a year.", PAGES)["cite"] == 2


def test_a_question_of_the_handbook_is_quoted_with_its_answer() -> None:
    """The line after the question is what says something."""
    page = "- How many contacts can I save?\n  - You can save up to 550 contacts."

    found = ground.quoted("How many contacts can be saved?", [page])

    assert found == {"text": "How many contacts can I save? You can save up to 550 contacts.", "cite": 1}


@pytest.mark.parametrize(
    ("text", "name"),
    [("How do I cancel this?", "en"), ("Wie kann ich das ändern?", "de"), ("Où est la carte?", "fr")],
)
def test_the_language_is_told_by_small_words(text: str, name: str) -> None:
    """Enough to send a message to somebody who speaks it."""
    assert ground.language(text) == name


PROMPT = 'from typing import List\n\ndef twice(n):\n    """Twice n.\n    >>> twice(2)\n    4\n    """'


@pytest.mark.parametrize(
    "answer",
    [
        "```python\ndef twice(n):\n    return 2 * n\n```\nThis doubles n.",
        "def twice(n):\n    return 2 * n\n\nThis doubles n.",
        "def twice(n):\n    return 2 * n\n\ndef other(:\n    pass",
        "    return 2 * n",
    ],
)
def test_a_program_comes_out_of_an_answer(answer: str) -> None:
    """With a fence, with prose behind it, with half a function behind it, or only a body."""
    code = program.program(PROMPT, answer, "twice")

    scope: dict[str, object] = {}
    exec(compile(code, "<ours>", "exec"), scope)
    assert scope["twice"](4) == 8  # type: ignore[operator]


def test_the_examples_of_a_description_fail_a_wrong_program() -> None:
    """The process ends with 1, with 0 for a right one."""
    for body, code in (("2 * n", 0), ("3 * n", 1)):
        with pytest.raises(SystemExit) as ended:
            exec(program.examples(PROMPT, f"def twice(n):\n    return {body}\n"), {"__name__": "__main__"})
        assert ended.value.code == code


@pytest.mark.parametrize("folder", ["examples/10-support-team", "examples/11-code-team", "benchmarks/data"])
def test_the_sources_of_data_are_what_they_say(folder: str) -> None:
    """The sums in SOURCES.md are those of the files, and none is forgotten."""
    place = ROOT / folder
    named = {
        found["file"]: found["sha"] for found in _SOURCE.finditer((place / "SOURCES.md").read_text("utf-8"))
    }

    for file, sum_ in named.items():
        assert hashlib.sha256((place / file).read_bytes()).hexdigest() == sum_, file
    files = {str(path.relative_to(place)) for path in place.rglob("*") if path.suffix in (".jsonl", ".md")}
    assert (
        not {file for file in files - {"README.md", "SOURCES.md"} if "team_" in file or "examples" in folder}
        - set(named)
        - {file for file in files if file.startswith(("team_data", "team_creative"))}
    )
