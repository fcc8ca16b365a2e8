"""What `docs/confidence.md` shows is so."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from orchestrator.messages import Completion, TokenLogprob, Usage
from orchestrator.policy.calibration import read_lock
from orchestrator.policy.confidence import confidence
from orchestrator.spec.types import Enum
from tests.graph.workshop import LOCK

PAGE = Path(__file__).parents[2] / "docs" / "confidence.md"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_worked_example_adds_up() -> None:
    """The table of the page."""
    steps = [('"', 1.0, {}), ("bi", 0.3, {"oth": 0.1}), ("ll", 0.45, {"cy": 0.45}), ('ing"', 0.9, {})]
    tokens = tuple(
        TokenLogprob(token, math.log(p), tuple((t, math.log(q)) for t, q in top.items()))
        for token, p, top in steps
    )
    answer = Completion('"billing"', "stop", Usage(), logprobs=tokens)

    assert confidence(answer, Enum(("billing", "bicycle", "other"))) == pytest.approx(0.375)


def test_the_lock_file_of_the_page_is_one() -> None:
    """It can be copied and filled in."""
    assert [entry.step for entry in read_lock(yaml.safe_load(block("yaml")))] == ["kind"]


def test_the_digests_are_printed(tmp_path: Path) -> None:
    """The lines of Python give what a lock file needs."""
    (tmp_path / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (tmp_path / "flow.yaml").write_text(
        'orch: 1\nagents: {sorter: {role: You sort letters., output: {kind: "bill | order"}}}\n'
        "steps: {measured: {agent: sorter, prompt: Sort it.}}\n",
        encoding="utf-8",
    )

    done = subprocess.run(
        [sys.executable, "-c", block("python")], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    entry = read_lock(yaml.safe_load(LOCK))[0]
    assert done.stdout.split() == ["measured", entry.template, entry.schema]
