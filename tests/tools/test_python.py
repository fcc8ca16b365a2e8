"""The tool `python`: its arguments, its result, its two tiers."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.calling import CallContext, ToolResult
from orchestrator.errors import SandboxUnavailable, ToolError
from orchestrator.graph.builtin import ARGUMENTS, RESULTS
from orchestrator.tools.python import PythonTool, Tier, job_from
from orchestrator.tools.sandbox.limits import Limits
from orchestrator.tools.sandbox.sandbox import Sandbox


def call(tmp_path: Path, *, tier: Tier = "python", seconds: float = 30.0, **arguments: Any) -> ToolResult:
    tool = PythonTool(Sandbox(Limits(memory=512 << 20, output=20_000)), tier=tier)
    return asyncio.run(tool.call(arguments, CallContext("run/step", tmp_path, seconds)))


def test_the_signature_is_what_the_checker_knows() -> None:
    """Names of arguments and the type of the result are written in two rooms."""
    signature = PythonTool().signature

    assert tuple(field.name for field in signature.arguments.fields) == ARGUMENTS["python"]
    assert signature.result == RESULTS["python"]
    assert (signature.effects, signature.network) == ("none", False)


def test_code_gives_a_result_of_the_signatures_type(tmp_path: Path) -> None:
    """Files are told in the value and handed over as artifacts."""
    result = call(tmp_path, code="print('hi')\nopen('a.svg', 'w').write('<svg/>')")

    assert result.value == {
        "exit": 0,
        "stdout": "hi\n",
        "stderr": "",
        "value": 6,
        "files": [{"name": "a.svg", "media_type": "image/svg+xml", "size": 6}],
    }
    assert [one.path for one in result.artifacts] == [tmp_path / "a.svg"]


def test_failing_code_is_a_result(tmp_path: Path) -> None:
    """A step can send it back to the model."""
    result = call(tmp_path, code="assert 1 == 2, 'no'")

    assert result.value["exit"] == 1
    assert "AssertionError: no" in result.value["stderr"]


def test_the_calls_own_limit_holds_when_it_is_the_smaller_one(tmp_path: Path) -> None:
    """A step's timeout ends the code too."""
    assert call(tmp_path, seconds=1.5, code="while True: pass").value["exit"] == 124


def test_files_are_run_by_a_command(tmp_path: Path) -> None:
    """A program of several files, with its arguments and input."""
    files = {"run.py": "import sys, pkg.m\nprint(sys.argv, pkg.m.x, input())", "pkg/m.py": "x = 1"}

    result = call(tmp_path, files=files, command="python run.py 'a b'", stdin="in")

    assert result.value["stdout"] == "['run.py', 'a b'] 1 in\n", result.value["stderr"]
    assert result.artifacts == ()


def test_a_module_is_run_by_a_command(tmp_path: Path) -> None:
    """Unit tests are."""
    test = "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(1, {})\n"

    good = call(tmp_path, files={"test_a.py": test.format(1)}, command="python -m unittest -q")
    bad = call(tmp_path, files={"test_a.py": test.format(2)}, command=["python3", "-m", "unittest"])

    assert good.value["exit"] == 0, good.value["stderr"]
    assert bad.value["exit"] == 1
    assert "AssertionError: 1 != 2" in bad.value["stderr"]


def test_pytest_works_within(tmp_path: Path) -> None:
    """It needs pipes, temporary files and much of the standard library."""
    files = {"test_a.py": "def test_a(tmp_path):\n    print('seen')\n    assert len('abc') == 4\n"}

    result = call(tmp_path, files=files, command="python -m pytest -q -p no:cacheprovider test_a.py")

    assert result.value["exit"] == 1
    assert "assert 3 == 4" in result.value["stdout"], result.value


def test_a_missing_file_or_module_is_the_programs_fault(tmp_path: Path) -> None:
    """As on a shell."""
    assert "No such file" in call(tmp_path, files={"a.py": ""}, command="python b.py").value["stderr"]
    assert "No module named" in call(tmp_path, files={"a.py": ""}, command="python -m nomod").value["stderr"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "either 'code'"),
        ({"code": "1", "command": "python a.py"}, "either 'code'"),
        ({"code": 5}, "'code' must be text"),
        ({"code": "1", "stdin": 5}, "'stdin' must be text"),
        ({"code": "1", "files": ["a"]}, "map of names to texts"),
        ({"code": "1", "files": {"a": 1}}, "map of names to texts"),
        ({"code": "1", "files": {"main.py": ""}}, "must not contain main.py"),
        ({"code": "1", "files": {"../a": ""}}, "no path within"),
        ({"code": "1", "files": {"/etc/a": ""}}, "no path within"),
        ({"code": "1", "files": {"a\x00": ""}}, "no path within"),
        ({"code": "1", "files": {"a//b": ""}}, "not plain"),
        ({"code": "1", "files": {"": ""}}, "not plain"),
        ({"code": "1", "files": {str(n): "" for n in range(101)}}, "up to 100 files"),
        ({"command": "rm -rf /"}, "starts nothing else"),
        ({"command": "python"}, "starts nothing else"),
        ({"command": "python -c 'x'"}, "may not use '-c'"),
        ({"command": "python 'a"}, "cannot be read"),
        ({"command": 5}, "cannot be read"),
    ],
)
def test_arguments_that_make_no_sense_are_named(arguments: dict[str, Any], said: str) -> None:
    """Before anything starts."""
    with pytest.raises(ToolError, match=re.escape(said)):
        job_from(arguments)


def test_the_pure_tier_needs_no_kernel(tmp_path: Path) -> None:
    """Output, value and error as in the other tier."""
    result = call(tmp_path, tier="pure", code="print('hi')\n{'a': [1, 2.5, None]}")
    failed = call(tmp_path, tier="pure", code="1 / 0")

    assert result.value == {
        "exit": 0,
        "stdout": "hi\n",
        "stderr": "",
        "value": {"a": [1, 2.5, None]},
        "files": [],
    }
    assert failed.value["exit"] == 1
    assert "ZeroDivisionError" in failed.value["stderr"]


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("while True: pass", 124),
        ("x = []\nwhile True: x.append('a' * 1000000)", 137),
        ("open('/etc/passwd').read()", 1),
        ("import os\nos.environ['HOME']", 1),
        ("import socket", 1),
        ("import subprocess", 1),
        ("import ctypes", 1),
        ("def f(): return f()\nf()", 1),
    ],
)
def test_the_pure_tier_holds(tmp_path: Path, code: str, number: int) -> None:
    """There is nothing outside of its interpreter."""
    seconds = 1.5 if number == 124 else 20.0

    assert call(tmp_path, tier="pure", seconds=seconds, code=code).value["exit"] == number


def test_the_pure_tier_cuts_output(tmp_path: Path) -> None:
    """And says so."""
    value = call(tmp_path, tier="pure", code="print('x' * 50_000)").value

    assert len(value["stdout"]) == 20_000
    assert "more output" in value["stderr"]


def test_elsewhere_than_on_linux_the_pure_tier_is_taken(tmp_path: Path) -> None:
    """And what it cannot do is refused there, with what to do."""
    tool = PythonTool(platform="darwin")
    context = CallContext("run/step", tmp_path, 30.0)

    assert asyncio.run(tool.call({"code": "1 + 1"}, context)).value["value"] == 2
    with pytest.raises(SandboxUnavailable, match="takes only 'code', not 'files'") as caught:
        asyncio.run(tool.call({"code": "1", "files": {"a": "b"}}, context))
    assert "Linux" in caught.value.hint


def test_the_pure_tier_says_what_it_cannot_take(tmp_path: Path) -> None:
    """It has no files and no input."""
    with pytest.raises(SandboxUnavailable, match="only 'code', not 'stdin'"):
        call(tmp_path, tier="pure", code="1", stdin="x")
