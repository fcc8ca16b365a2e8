"""A Ctrl-C ends a command wherever it falls, also where Python drops what is raised."""

from __future__ import annotations

import subprocess
import sys

from orchestrator.__main__ import INTERRUPTED

LOADING = """
import signal, sys
from orchestrator.__main__ import main

class Dying:
    def __del__(self):
        {what}

class Finder:
    def find_spec(self, name, path, target=None):
        if name == "orchestrator.cli.main":
            Dying()
        return None

sys.meta_path.insert(0, Finder())
sys.argv = ["orch", "--version"]
sys.exit(main())
"""


def loaded(what: str) -> subprocess.CompletedProcess[str]:
    """`orch --version`, where this happens in a finaliser while it loads."""
    command = [sys.executable, "-c", LOADING.format(what=what)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_ctrl_c_that_falls_where_nothing_can_be_raised_ends_the_command() -> None:
    """A finaliser, or a callback of an extension: no trace of it is shown, and nothing goes on."""
    done = loaded("signal.raise_signal(signal.SIGINT)")

    assert done.returncode == INTERRUPTED
    assert done.stdout == ""
    assert done.stderr == "interrupted\n"


def test_another_fault_of_a_finaliser_is_told_as_ever() -> None:
    """It ends nothing."""
    done = loaded("raise ValueError('odd')")

    assert done.returncode == 0
    assert "ValueError: odd" in done.stderr
