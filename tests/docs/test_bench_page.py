"""What `docs/bench.md` shows is so."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.bench.subject import RUNGS
from orchestrator.cli.bench import command
from orchestrator.policy.grade import KINDS, read_graded, right

PAGE = (Path(__file__).parents[2] / "docs" / "bench.md").read_text(encoding="utf-8")


def test_the_cases_of_the_page_are_some() -> None:
    """Every line is one, and accepts its own output."""
    found = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None

    cases, wrong = read_graded(found[1].encode())

    assert wrong == ()
    assert len(cases) == 2
    assert all(right(case, case.output) for case in cases)


def test_every_grader_and_every_help_is_described() -> None:
    """By its key."""
    assert [kind for kind in KINDS if f"`{kind}" not in PAGE] == []
    assert [rung for rung in RUNGS if f"| `{rung}` |" not in PAGE] == []


def test_every_option_of_the_page_exists() -> None:
    """As the command has them."""
    options = {option for parameter in command.params for option in parameter.opts}

    assert set(re.findall(r"--[a-z][a-z-]+", PAGE)) <= options
