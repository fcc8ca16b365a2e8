"""A project with a workflow's directory in it, and the shortest way to read inputs there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inputs import read_inputs
from orchestrator.spec.model import InputSpec

Read = Callable[..., dict[str, Any]]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Where the person stands: the project's root; the workflow lies in `flows/`."""
    (tmp_path / "project" / "flows").mkdir(parents=True)
    return tmp_path / "project"


@pytest.fixture
def read(here: Path) -> Read:
    """`read({'name': type}, name='text')`."""

    def run(specs: dict[str, Any], input_file: Path | None = None, **given: Any) -> dict[str, Any]:
        return read_inputs(
            {name: InputSpec.model_validate(spec) for name, spec in specs.items()},
            given,
            root=here,
            cwd=here,
            base=here / "flows",
            today=date(2026, 1, 31),
            input_file=input_file,
        )

    return run
