"""The entry point: help, unknown commands, flags anywhere, errors as sentences, exit codes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from orchestrator.cli.commands import COMMANDS
from orchestrator.cli.console import Console
from orchestrator.cli.failure import report
from orchestrator.cli.main import cli
from orchestrator.errors import (
    BudgetExceeded,
    CredentialsMissing,
    OrchError,
    PrivacyError,
    StoreError,
    UsageError,
)

ORCH = Path(sys.executable).with_name("orch")


def console() -> tuple[Console, io.StringIO]:
    err = io.StringIO()
    return Console(io.StringIO(), err), err


def orch(*args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environ}
    return subprocess.run(
        [str(ORCH), *args], capture_output=True, text=True, env=env, timeout=60, check=False
    )


def test_help_lists_every_command_and_the_first_one_to_type() -> None:
    """Somebody who types `orch --help` knows what to type next."""
    result = CliRunner().invoke(cli, ["--help"])

    assert result.exit_code == 0
    assert all(f"  {name} " in result.stdout for name in COMMANDS)
    assert "orch run " in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there_and_explains_itself(name: str) -> None:
    """The table and the modules agree; each command has help and a short option for it."""
    result = CliRunner().invoke(cli, [name, "-h"])

    assert result.exit_code == 0, result.output
    assert f"orch {name}" in result.stdout


def test_without_a_command_the_help_goes_to_stderr_and_the_exit_code_is_2() -> None:
    """A script with an empty variable does not look as if it had worked."""
    result = CliRunner().invoke(cli, [])

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "First steps" in result.stderr


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("vlidate", "no command 'vlidate'; did you mean 'validate'?"),
        ("new", "no command 'new'; did you mean 'init'?"),
        ("flow.yaml", "no command 'flow.yaml'; to run this file: orch run flow.yaml"),
        ("xyzzy", "no command 'xyzzy'"),
    ],
)
def test_an_unknown_command_is_named_with_the_nearest_one(typed: str, said: str) -> None:
    """Also the most likely slip of all: the file without `run`."""
    result = CliRunner().invoke(cli, [typed])

    assert result.exit_code == 2
    assert result.stderr == f"error: {said}\nhint: orch --help\n"


def test_an_unknown_option_is_a_usage_error() -> None:
    """click's own errors have the same form and code as ours."""
    result = CliRunner().invoke(cli, ["validate", "--fromat", "json", "x.yaml"])

    assert result.exit_code == 2
    assert result.stderr.startswith("error: No such option '--fromat'")
    assert result.stderr.endswith("hint: orch validate --help\n")


def test_version_prints_the_version() -> None:
    """For bug reports."""
    result = CliRunner().invoke(cli, ["--version"])

    assert (result.exit_code, result.stdout) == (0, "orch 0.1.0\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreError("x"), 1),
        (UsageError("x"), 2),
        (CredentialsMissing("x"), 4),
        (BudgetExceeded("x"), 5),
        (PrivacyError("x"), 6),
        (KeyboardInterrupt(), 130),
        (SystemExit(7), 7),
    ],
)
def test_every_error_has_its_exit_code(error: BaseException, code: int) -> None:
    """The table at the top of errors.py, and the signals."""
    shown, _ = console()

    assert report(error, shown) == code


def test_an_error_is_its_message_and_its_hint() -> None:
    """What went wrong, and what to do."""
    shown, err = console()

    report(UsageError("there is no input 'txt'", hint="did you mean 'text'?"), shown)

    assert err.getvalue() == "error: there is no input 'txt'\nhint: did you mean 'text'?\n"


def test_a_group_of_errors_is_flattened_and_each_is_said_once() -> None:
    """Ten workers that failed the same way are one line."""
    group = BaseExceptionGroup(
        "g", [StoreError("disk full"), BaseExceptionGroup("h", [StoreError("disk full"), PrivacyError("no")])]
    )
    shown, err = console()

    code = report(group, shown)

    assert code == 1
    assert err.getvalue() == "error: disk full\nerror: no\n"


def test_a_file_error_names_the_file() -> None:
    """The operating system's words, without a traceback."""
    shown, err = console()

    code = report(PermissionError(13, "Permission denied", "/etc/x"), shown)

    assert (code, err.getvalue()) == (1, "error: /etc/x: Permission denied\n")


def test_a_defect_says_so_in_one_line_and_how_to_get_the_traceback() -> None:
    """No traceback may reach a user who did not ask for it."""
    shown, err = console()

    code = report(ZeroDivisionError("division by zero\nmore"), shown)

    assert code == 1
    assert err.getvalue() == (
        "error: this is a defect in orch (ZeroDivisionError: division by zero)\n"
        "hint: `orch --debug …` shows the traceback to report\n"
    )


def test_debug_shows_the_traceback_too() -> None:
    """For whoever reports the defect."""
    shown, err = console()

    report(OrchError("known"), shown, debug=True)

    assert "OrchError: known" in err.getvalue()
    assert err.getvalue().endswith("error: known\n")


def test_what_an_error_quotes_is_shown_not_obeyed() -> None:
    """A file name may hold escape sequences."""
    shown, err = console()

    report(UsageError("no file \x1b]0;owned\x07"), shown)

    assert "\x1b" not in err.getvalue()


def test_flags_count_wherever_they_stand_but_not_behind_two_dashes() -> None:
    """`orch validate x.yaml --debug` is what people type."""
    before = CliRunner().invoke(cli, ["--debug", "validate", "no-such.yaml"])
    after = CliRunner().invoke(cli, ["validate", "no-such.yaml", "--debug"])
    behind = CliRunner().invoke(cli, ["explain", "--", "--debug"])

    assert before.exit_code == after.exit_code == 2
    assert before.output == after.output
    assert "--debug" in behind.stderr


def test_a_command_returns_its_exit_code() -> None:
    """The group passes on what the command returns, and None is 0."""
    seen = []
    for value in (None, 7):
        group = type(cli)("orch", commands={})
        group.get_command = lambda ctx, name, value=value: click.Command("x", callback=lambda: value)  # type: ignore[method-assign, misc]
        seen.append(group.main(["runs"], standalone_mode=False))

    assert seen == [0, 7]


def test_the_installed_command_works() -> None:
    """Through the real entry point, in a process of its own."""
    done = orch("--version")

    assert (done.returncode, done.stdout, done.stderr) == (0, "orch 0.1.0\n", "")


def test_a_reader_that_goes_away_is_no_error_worth_a_word() -> None:
    """`orch --help | head -1`."""
    done = subprocess.run(
        ["/bin/sh", "-c", f"'{ORCH}' explain | head -1"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stderr == ""


def test_a_terminal_without_unicode_gets_escapes_instead_of_a_failure() -> None:
    """An ASCII locale prints the help of everything."""
    done = orch("run", "--help", PYTHONIOENCODING="ascii")

    assert done.returncode == 0
    assert done.stderr == ""
