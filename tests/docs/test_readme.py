"""The README and other pages are run: every `$ orch …` line of console blocks, in order, in one fresh project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
YAML = re.compile(r"```yaml title=(\S+)\n(.*?)```", re.DOTALL)
ELSEWHERE = ("make ", "git clone", "cd ")
"""What continuous integration runs by itself."""


def commands(text: str) -> list[tuple[str, int]]:
    """Each command with the exit code the README promises (`# exit code 7` behind it)."""
    found = []
    for block in BLOCK.findall(text):
        for line in block.splitlines():
            if line.startswith("$ ") and not line[2:].startswith(ELSEWHERE):
                code = re.search(r"#.*exit code (\d+)", line)
                found.append((line[2:].split("  #")[0].strip(), int(code[1]) if code else 0))
    return found


@pytest.mark.real_model
@pytest.mark.parametrize("page", ["README.md", "docs/hybrid.md"])
def test_every_command_of_a_page_does_what_it_says(page: str, tmp_path: Path) -> None:
    """A new user who types it from top to bottom meets no surprise."""
    text = (ROOT / page).read_text(encoding="utf-8")
    project = tmp_path / "project"
    project.mkdir()
    shutil.copytree(ROOT / "examples", project / "examples")
    for name, body in YAML.findall(text):
        (project / name).write_text(body, encoding="utf-8")
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "NO_COLOR": "1",
    }

    listed = commands(text)
    assert len(listed) >= 8
    for command, code in listed:
        done = subprocess.run(
            ["bash", "-c", command], cwd=project, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"$ {command}\n{done.stdout}\n{done.stderr}"
