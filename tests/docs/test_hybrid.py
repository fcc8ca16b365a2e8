"""docs/hybrid.md: what it quotes is what orch prints, and its figures are of the data that it names."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import hybrid
from orchestrator.cli.main import cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "hybrid.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples" / "08-hybrid"


def quoted() -> list[str]:
    """The lines of its blocks of output, without what only aligns them."""
    blocks = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    return [" ".join(line.split()) for block in blocks for line in block.splitlines()]


def test_what_the_page_quotes_is_what_orch_says() -> None:
    """The refusal with its path, and the table of what may leave."""
    runner = CliRunner()
    leak = runner.invoke(cli, ["validate", str(EXAMPLE / "leak.yaml")])
    plan = runner.invoke(cli, ["plan", str(EXAMPLE / "workflow.yaml")])

    said = {" ".join(line.split()) for line in (leak.output + plan.output).splitlines()}

    assert len(quoted()) == 3
    assert [line for line in quoted() if line not in said] == []


def test_the_requests_are_those_that_the_source_names() -> None:
    """240, as many of each topic, none of them an example of the prompt, with the sum of SOURCES.md."""
    sources = (hybrid.CASES.parent / "SOURCES.md").read_text(encoding="utf-8")
    cases = hybrid.read_cases()

    assert hashlib.sha256(hybrid.CASES.read_bytes()).hexdigest() in sources
    assert Counter(case.topic for case in cases) == dict.fromkeys(hybrid.TOPICS, 40)
    assert [case.text for case in cases if f"Request: {case.text}\n" in hybrid.ROLE] == []


@pytest.mark.parametrize(
    ("right", "of", "low", "high"), [(5, 10, 0.237, 0.763), (0, 20, 0.0, 0.161), (20, 20, 0.839, 1.0)]
)
def test_the_intervals_are_wilsons(right: int, of: int, low: float, high: float) -> None:
    """Against known values, also at the ends."""
    assert hybrid.wilson(right, of) == pytest.approx((low, high), abs=0.001)


def test_a_noisy_cloud_is_wrong_about_the_share_it_says() -> None:
    """And about the same requests each time."""
    cases = hybrid.read_cases()

    answers = hybrid.noisy(cases, 0.1)

    assert sum(answer != case.topic for answer, case in zip(answers, cases, strict=True)) == 24
    assert answers == hybrid.noisy(cases, 0.1)


def test_random_escalation_of_everything_is_the_cloud_alone() -> None:
    """And of nothing the small model alone."""
    cases = [hybrid.Case("a", "timer"), hybrid.Case("b", "recipe")]
    small, cloud = ["timer", "timer"], ["timer", "recipe"]

    assert hybrid.by_chance(cases, small, cloud, 2).startswith("100.0%")
    assert hybrid.by_chance(cases, small, cloud, 0).startswith("50.0%")
