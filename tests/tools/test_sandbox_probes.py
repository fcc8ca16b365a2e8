"""The attacks on the sandbox: as whoever runs the tests, as root and as an ordinary user, with and without namespaces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestrator.cli.main import cli
from orchestrator.tools.sandbox.attacks import ATTACKS
from orchestrator.tools.sandbox.probes import Outside, outside, verdict
from orchestrator.tools.sandbox.sandbox import Outcome

USER = 4711
SCRIPT = """
import asyncio, json, sys
from orchestrator.tools.sandbox.probes import probe
print(json.dumps(asyncio.run(probe(space=sys.argv[1] == "space")).as_map()))
"""
HARMLESS = (
    "read the home and project folders",
    "read /etc/shadow and the system",
    "read other processes",
    "network: TCP",
    "network: Unix sockets",
    "fork and start programs",
    "fork bomb",
    "leave as a daemon",
    "links out of the scratch",
)
"""Attacks that may be let loose for a moment, to see that they would work."""


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    """The table of this machine, as the command prints it."""
    result = CliRunner().invoke(cli, ["doctor", "--sandbox", "--json"])
    found: dict[str, Any] = json.loads(result.stdout)
    assert (result.exit_code == 0) == found["held"]
    return found


@pytest.mark.parametrize("name", ATTACKS)
def test_the_attack_is_held(table: dict[str, Any], name: str) -> None:
    """On this machine, as the user that runs the tests."""
    found = {one["name"]: one for one in table["probes"]}

    assert found[name]["held"], found[name]["detail"]


def test_the_table_says_what_kept_the_code_in(table: dict[str, Any]) -> None:
    """And as whom it was tried."""
    assert "seccomp" in table["layers"]
    assert f"uid {os.geteuid()}" in table["user"]
    assert len(table["probes"]) == len(ATTACKS) >= 17


@pytest.mark.parametrize("space", ["space", "bare"])
@pytest.mark.parametrize("user", [0, USER])
def test_all_attacks_are_held_as_another_user_too(user: int, space: str) -> None:
    """With namespaces, and where only Landlock and the filter of system calls hold."""
    python = _python_for(user)
    if isinstance(python, Skip):
        pytest.skip(python.reason)

    done = _as(user, python, [SCRIPT, space])

    found = json.loads(done.stdout)
    assert [one for one in found["probes"] if not one["held"]] == []
    assert (space == "space") == ("namespaces" in found["layers"])
    assert found["held"], found["refused"]


@pytest.mark.parametrize("name", HARMLESS)
def test_the_attack_works_where_nothing_holds_it(name: str, tmp_path: Path) -> None:
    """Else a probe would prove nothing."""
    with outside() as aims:
        done = _loose(aims, name, tmp_path)
        broke = verdict(name, Outcome(done.returncode, done.stdout, done.stderr))

    assert broke.startswith("BROKE"), done.stdout + done.stderr


def test_harm_outside_is_seen_even_if_the_attack_says_nothing(tmp_path: Path) -> None:
    """The parent looks by itself."""
    with outside() as aims:
        assert aims.harm() == ""
        _loose(aims, "change modes, times, lengths outside", tmp_path)
        assert "changed" in aims.harm()

    with outside() as aims:
        _loose(aims, "network: TCP", tmp_path)
        assert aims.harm() == "a connection arrived"


def _loose(aims: Outside, name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = folder / "attack.py"
    program.write_text(aims.program(ATTACKS[name]))
    return subprocess.run(
        [sys.executable, "-I", str(program)],
        cwd=folder,
        env={**os.environ, "ORCH_CONTROL": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Skip:
    def __init__(self, reason: str) -> None:
        self.reason = reason


@cache
def _python_for(user: int) -> str | Skip:
    """A Python that this user can start and that finds orch; becoming another user takes root."""
    if os.geteuid() not in (0, user):
        return Skip(f"becoming uid {user} takes root")
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        try:
            done = _as(USER, python, ["import orchestrator.tools.sandbox.probes"])
        except OSError:
            continue
        if done.returncode == 0:
            return python
    return Skip(f"no Python of this version that uid {USER} can start")


def _as(user: int, python: str, words: list[str]) -> subprocess.CompletedProcess[str]:
    here = Path(__file__).resolve().parents[2]
    packages = [path for path in sys.path if path.endswith("site-packages")]
    paths = os.pathsep.join([str(here), str(here / "tui"), *packages])
    drop: dict[str, Any] = {"user": user, "group": user, "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.run(
        [python, "-c", *words],
        cwd="/",
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": paths,
            "HOME": "/nonexistent",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **drop,
    )
