"""Types that double from step to step are bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.graph.kinds import LARGEST, TEXT, UNKNOWN, bounded, list_of, nullable, row
from orchestrator.graph.open import check_workflow


@pytest.mark.parametrize("value", ["{{ [s%d, s%d] }}", "{{ {'a': s%d, 'b': s%d} }}"])
def test_a_chain_of_values_that_hold_the_one_before_twice_is_checked(tmp_path: Path, value: str) -> None:
    """Sixty of them would have a type of 2 to the 60th parts; the file is right, so that is no error."""
    steps = "".join(f'  s{n}: {{value: "{value % (n - 1, n - 1)}"}}\n' for n in range(1, 60))
    file = tmp_path / "flow.yaml"
    file.write_text(f"orch: 1\nsteps:\n  s0: {{value: [1, 2]}}\n{steps}", encoding="utf-8")

    assert check_workflow(file).graph is not None


def test_only_what_is_larger_than_anybody_writes_is_given_up() -> None:
    """A type of usual size stays what it is."""
    assert bounded(row([TEXT, nullable(list_of(TEXT))])) == row([TEXT, nullable(list_of(TEXT))])
    assert bounded(row([TEXT] * LARGEST)) == UNKNOWN
