"""The price that runs are compared with is read from the list once a day, and what is kept of it is not trusted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import usual as module
from orchestrator.cli.usual import FILE, USUAL, named, usual


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every model that the list was asked for."""
    names: list[str] = []

    def counted(model: str) -> Any:
        names.append(model)
        return named(model)

    monkeypatch.setattr(module, "named", counted)
    return names


def test_the_list_is_read_once(tmp_path: Path, asked: list[str]) -> None:
    """The second command takes what the first one kept."""
    first = usual(tmp_path / "cache")

    assert usual(tmp_path / "cache") == first == named(USUAL)
    assert asked == [USUAL]


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "[]",
        "7",
        '{"name": 1}',
        '{"name": "x", "price": {"input": "1"}, "stamp": null}',
        '{"name": "x", "price": {"input": NaN}, "stamp": null}',
        '{"name": "x", "price": {"more": 1}, "stamp": null}',
        '{"name": "x", "price": {"input": -1}, "stamp": null}',
    ],
)
def test_what_is_not_sound_is_read_anew(kept: str, tmp_path: Path, asked: list[str]) -> None:
    """And is written over."""
    (tmp_path / FILE).write_text(kept, encoding="utf-8")

    assert usual(tmp_path) == usual(tmp_path) == named(USUAL)
    assert asked == [USUAL]


def test_another_day_or_list_is_read_anew(tmp_path: Path, asked: list[str]) -> None:
    """Prices change."""
    usual(tmp_path)
    kept = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
    kept["stamp"][1] = "2020-01-01"
    kept["price"]["input"] = 1000.0
    (tmp_path / FILE).write_text(json.dumps(kept), encoding="utf-8")

    assert usual(tmp_path) == named(USUAL)
    assert len(asked) == 2


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, asked: list[str]) -> None:
    """Then it is read each time."""
    (tmp_path / "cache").write_text("a file", encoding="utf-8")

    assert usual(tmp_path / "cache") == usual(tmp_path / "cache")
    assert asked == [USUAL, USUAL]
