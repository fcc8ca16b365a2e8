"""The commands that an example's README shows, and how they are run: in a project of the test's own."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_EXIT = re.compile(r"#\s*exit (\d+)")


@dataclass(frozen=True)
class Command:
    """One line of a README, and the exit code that it announces."""

    words: tuple[str, ...]
    exit_code: int


def commands_of(readme: Path) -> list[Command]:
    return list(_commands(readme.read_text(encoding="utf-8")))


def _commands(text: str) -> Iterator[Command]:
    for block in _BLOCK.findall(text):
        for line in block.splitlines():
            words = tuple(shlex.split(line, comments=True))
            if words:
                found = _EXIT.search(line)
                yield Command(words, int(found[1]) if found else 0)


def copy_of(example: str, folder: Path) -> Path:
    """A project that holds one example, at the path its README names."""
    (folder / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    shutil.copytree(ROOT / "examples" / example, folder / "examples" / example)
    return folder


def run(words: tuple[str, ...], cwd: Path) -> subprocess.CompletedProcess[str]:
    """An `orch` command as a process of its own, without a terminal."""
    assert words[0] == "orch", f"not one of our commands: {words}"
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", *words[1:]],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
