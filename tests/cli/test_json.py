"""Every command that knows `--json` prints JSON with it: with runs and without, well and badly, here and detached."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.main import cli

WORKFLOW = """
orch: 1
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny}}
steps:
  first: {value: 1}
  text: {agent: writer, prompt: "write {{ first }}"}
"""
CHAT = """
orch: 1
inputs: {message: string, conversation: {type: string, default: main}}
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny, memory: {key: "{{ inputs.conversation }}", turns: 2}}}
steps:
  text: {agent: writer, prompt: "{{ inputs.message }}"}
"""
FILES = {
    "orch.yaml": "orch: 1\n",
    "w.yaml": WORKFLOW,
    "chat.yaml": CHAT,
    "fails.yaml": 'orch: 1\nsteps: {a: {value: "{{ 1 / 0 }}"}}\n',
    "asks.yaml": "orch: 1\nsteps: {a: {ask: 'Good?', choices: [y, n]}}\n",
    "answers.yaml": "- {text: hello}\n",
    "notes.md": "# Hello\n\nhello there\n",
    "cases.jsonl": '{"input": {}, "output": "hello"}\n',
}
CASES: dict[str, tuple[str, ...]] = {
    "run": ("w.yaml", "w.yaml --from text", "fails.yaml", "asks.yaml"),
    "chat": ("chat.yaml",),
    "workflows": ("",),
    "agents": ("",),
    "plan": ("w.yaml", "asks.yaml"),
    "bench": ("w.yaml --cases cases.jsonl --rungs as-is",),
    "lock": ("w.yaml", "w.yaml --check"),
    "explain": ("ORCH104", ""),
    "runs": ("", "--status failed"),
    "runs import": ("out.orchrun --as other",),
    "show": ("last", "last first"),
    "logs": ("last", "last first", "last -f"),
    "diff": ("last last", "w.yaml fails.yaml"),
    "cost": ("", "last"),
    "fork": ("last --at text", "last --at text --plan"),
    "replay": ("last",),
    "resume": ("last",),
    "verify": ("last", "--all", "last --accept"),
    "cancel": ("last", "last last", "--all"),
    "prune": ("", "--keep 0 --dry-run", "--keep 0 --yes"),
    "models ls": ("", "--installed"),
    "models ps": ("",),
    "models show": ("smollm2-135m",),
    "memory ls": ("",),
    "memory show": ("main",),
    "memory rm": ("main",),
    "doctor": ("",),
    "index add": ("notes notes.md",),
    "index ls": ("", "notes"),
    "index search": ("notes hello",),
}  # fmt: skip
BEFORE = {
    "run w.yaml --from text": "run w.yaml -q",
    "resume last": "run asks.yaml -q",
    "lock w.yaml --check": "lock w.yaml",
}
"""What is called first, so that there is something to do."""
ELSEWHERE = {"models compare", "models optimize", "models pull"}
"""They load, measure or fetch models: what they print is tested where that is done."""
LINES = {"logs", "chat"}
"""One line of JSON after another."""
EMPTY = (
    "workflows",
    "agents",
    "explain",
    "runs",
    "models ps",
    "memory ls",
    "index ls",
    "models ls --installed",
)


def orch(words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(cli, words.split(), input=stdin)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two runs, a conversation, an index and a file of runs."""
    folder = tmp_path_factory.mktemp("made")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    with contextlib.chdir(folder):
        for words in ("run w.yaml -q", "index add notes notes.md", "runs export last -o out.orchrun", "chat chat.yaml",
                      "run w.yaml -q"):  # fmt: skip
            done = orch(words, "hi\n")
            assert done.exit_code == 0, (words, done.stderr)
    return folder


@pytest.fixture
def recorded(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for one test, which may change it."""
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")


def with_json() -> Iterator[str]:
    """The commands that have the option, by their words."""
    top = click.Context(cli)

    def walk(command: click.Command, name: str) -> Iterator[str]:
        if any("--json" in option.opts for option in command.params):
            yield name
        if isinstance(command, click.Group):
            for below in command.list_commands(top):
                found = command.get_command(top, below)
                assert found is not None
                yield from walk(found, f"{name} {below}".strip())

    yield from walk(cli, "")


def values(text: str, *, lines: bool) -> list[object]:
    return [json.loads(part) for part in (text.splitlines() if lines else [text])]


def test_no_command_with_json_is_forgotten_here() -> None:
    """A new one needs its line in the table."""
    assert set(with_json()) == set(CASES) | ELSEWHERE


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("name", "words"), [(name, words) for name, cases in CASES.items() for words in cases]
)
def test_it_prints_json_and_nothing_else(name: str, words: str) -> None:
    """Whatever the exit code: what went wrong is in it."""
    call = f"{name} {words}"
    if before := BEFORE.get(call):
        orch(before)

    done = orch(f"{call} --json", "hi\n")

    assert done.exit_code in (0, 1, 7), done.stderr
    assert values(done.stdout, lines=name in LINES), done.stderr


@pytest.mark.parametrize("words", EMPTY)
def test_it_does_so_where_nothing_has_run_yet(
    words: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty list is JSON too."""
    monkeypatch.chdir(project)

    done = orch(f"{words} --json")

    assert done.exit_code == 0, done.stderr
    values(done.stdout, lines=False)


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("words", ["run w.yaml", "fork last --at text"])
def test_a_detached_run_is_told_by_its_id(words: str) -> None:
    """And that it runs. Its events happen elsewhere, so nobody may ask for them here."""
    command = [sys.executable, "-m", "orchestrator", *words.split(), "--detach"]

    told = json.loads(subprocess.run([*command, "--json"], capture_output=True, check=True).stdout)
    refused = subprocess.run([*command, "--events"], capture_output=True, check=False, text=True)

    assert told == {"run": json.loads(orch("runs --json").stdout)[0]["id"], "status": "running"}
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--detach and --events exclude each other" in refused.stderr
