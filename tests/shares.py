"""How `pytest -n` shares the suite out: file by file, and all files that ask the real model go to one process.

Two model hosts at once would fight for the cores. What asks is found by the marker in a file's text: the process
that shares out has collected nothing.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

MARKER = "mark.real_model"


class Shares(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives the next file to whichever process has nothing left, in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        # else what has few tests, however long they take, would come last
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return share_of(self.config.rootpath, nodeid)


def share_of(root: Path, nodeid: str) -> str:
    """What stays together with this test."""
    file = nodeid.split("::")[0]
    return "model" if _asks(root / file) else file


def longest_first(root: Path, items: list[pytest.Item]) -> None:
    """The model's share takes longer than any other and begins."""
    items.sort(key=lambda item: share_of(root, item.nodeid) != "model")


@cache
def _asks(file: Path) -> bool:
    return MARKER in file.read_text(encoding="utf-8")
