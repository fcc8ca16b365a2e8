"""A repository of somebody else: what lies in the place of a file is looked at, told of, and never waited for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.main import cli
from orchestrator.lock.file import MOST
from orchestrator.regular import read_regular

FLOW = """
orch: 1
models: {tiny: "scripted:answers.yaml"}
tools: {score: {python: "tools.py:score"}}
agents:
  writer: {model: tiny, uses: helper, examples: {from: cases.jsonl, k: 1}}
steps:
  a: {agent: writer, prompt: hi, output: {schema: shape.json}}
  b: {tool: score, with: {text: hi}}
  c: {workflow: child.yaml}
"""
FILES = {
    "orch.yaml": "orch: 1\n",
    "flow.yaml": FLOW,
    "flow.lock.yaml": "orch: 1\nmodels: {tiny: {use: x}}\n",
    "child.yaml": "orch: 1\nsteps: {v: {value: 1}}\n",
    "answers.yaml": "- text: hello\n",
    "tools.py": "def score(text: str) -> int:\n    return len(text)\n",
    "cases.jsonl": '{"input": "a", "output": {"x": "b"}}\n',
    "shape.json": '{"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}',
    "agents/helper/agent.yaml": "description: It helps.\n",
    "agents/helper/prompt.j2": "You help.\n",
}
INSTEAD: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a device without end": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a folder": lambda path: path.mkdir(),
    "a file without end": lambda path: _sparse(path, 1 << 40),
    "a link out of the project": lambda path: path.symlink_to("/etc/passwd"),
    "bytes": lambda path: _put(path, os.urandom(2000) + b"\xff\0"),
    "brackets": lambda path: _put(path, b"[" * 100_000),
    "signs": lambda path: _put(path, b"-" * 100_000 + b"1"),
    "aliases": lambda path: _put(path, b"a: &a [x, x]\n" + b"".join(
        b"%c: &%c [*%c, *%c, *%c, *%c]\n" % (n + 1, n + 1, n, n, n, n) for n in range(97, 120))),
}  # fmt: skip


def _sparse(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.truncate(size)


def _put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def called(*words: str) -> Result:
    """The command, with a limit on how long it may take: a pipe would hold it for ever."""
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(60)
    try:
        return CliRunner().invoke(cli, words)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _too_long(*_: object) -> None:
    raise TimeoutError("it waits for something")


def is_told(said: Result) -> bool:
    """Whether it ended as a command does, and not by a mistake of ours."""
    ended = said.exception is None or isinstance(said.exception, SystemExit)
    return ended and "Traceback" not in said.output and "defect in orch" not in said.output


def test_the_repository_is_one_that_works(repository: Path) -> None:
    """So that what follows is about what is put in the place of a file."""
    assert called("validate", "flow.yaml").exit_code == 0


@pytest.mark.parametrize("kind", INSTEAD)
@pytest.mark.parametrize("name", [name for name in FILES if name != "answers.yaml"])
def test_what_is_no_file_is_told(repository: Path, name: str, kind: str) -> None:
    """By `validate`, in a sentence, without reading anything that does not end."""
    (repository / name).unlink()
    INSTEAD[kind](repository / name)

    said = called("validate", "flow.yaml")

    assert is_told(said), said.output
    if name not in ("flow.lock.yaml", "orch.yaml") and not (
        name.endswith(".j2") and kind in ("brackets", "signs", "aliases")
    ):
        assert said.exit_code == 2, said.output


SECRETS = {
    "text": "hunter2 hunter2\n",
    "keys": "hunter2: x\n",
    "broken": "a: [hunter2\n",
    "in Latin-1": "hunter2: \xe9\n",
}


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("name", [name for name in FILES if name != "tools.py"])
def test_nothing_is_shown_of_what_a_link_leads_to(repository: Path, tmp_path_factory: pytest.TempPathFactory,
                                                  name: str, kind: str) -> None:  # fmt: skip
    """Who checks a repository of somebody else where others read along shows them no line of a file of his own."""
    secret = tmp_path_factory.mktemp("home") / "secret"
    secret.write_text(SECRETS[kind], encoding="latin-1")
    (repository / name).unlink()
    (repository / name).symlink_to(secret)

    for words in (("validate", "flow.yaml"), ("agents",), ("run", "flow.yaml", "-q")):
        said = called(*words)
        assert is_told(said), said.output
        assert "hunter2" not in said.output, words


def test_a_link_to_a_workflow_elsewhere_is_one_that_works(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its mistakes are shown: whoever names it means it."""
    shared = tmp_path_factory.mktemp("shared") / "flow.yaml"
    shared.write_text("orch: 1\nsteps: {v: {value: 1}}\n", encoding="utf-8")
    (repository / "link.yaml").symlink_to(shared)
    assert called("validate", "link.yaml").exit_code == 0

    shared.write_text("orch: 1\nsteps: {v: {valu: 1}}\n", encoding="utf-8")
    assert "steps: {v: {valu: 1}}" in called("validate", "link.yaml").output


@pytest.mark.parametrize("kind", INSTEAD)
def test_a_script_that_is_none_is_told(repository: Path, kind: str) -> None:
    """It is opened when a run begins."""
    (repository / "answers.yaml").unlink()
    INSTEAD[kind](repository / "answers.yaml")

    said = called("run", "flow.yaml", "-q")

    assert is_told(said), said.output
    assert said.exit_code == 2


@pytest.mark.parametrize(
    "kind", ["a pipe", "a device without end", "a file without end", "brackets", "aliases"]
)
@pytest.mark.parametrize("words", [("plan",), ("lock", "--check"), ("run", "-q")])
def test_a_lock_that_is_none_is_told(repository: Path, words: tuple[str, ...], kind: str) -> None:
    """Wherever it is read."""
    (repository / "flow.lock.yaml").unlink()
    INSTEAD[kind](repository / "flow.lock.yaml")

    said = called(words[0], "flow.yaml", *words[1:])

    assert is_told(said), said.output


@pytest.mark.parametrize(
    "part",
    [
        "models: {tiny: 3}",
        "models: {tiny: {use: [1, 2]}}",
        "servers: {x: {tools: 7}}",
        "servers: {x: {tools: {t: {input: [[[]]]}}}}",
        "files: {../../etc/passwd: sha256:0}",
        "agents: {writer: null}",
        "knowledge: {k: {files: {a: b}}}",
        "tools: {score: true}",
        "workflows: {child.yaml: {x: {y: {z: 1}}}}",
        'models: {"\x1b]52;c;eA==\\a": {use: "[red]x"}}',
        "models: {1: 2, null: 3}",
    ],
)
@pytest.mark.parametrize("words", [("lock", "--check"), ("run", "-q", "--locked")])
def test_a_lock_of_other_things_is_only_data(repository: Path, part: str, words: tuple[str, ...]) -> None:
    """Wrong types, names of files elsewhere, control characters, another workflow's content."""
    (repository / "flow.lock.yaml").write_text(f"orch: 1\n{part}\n", encoding="utf-8")

    said = called(words[0], "flow.yaml", *words[1:])

    assert is_told(said), said.output
    assert "\x1b" not in said.output


def test_a_file_that_grows_is_read_to_its_bound(tmp_path: Path) -> None:
    """What it was said to be when it was opened does not matter."""
    file = tmp_path / "x"
    file.write_bytes(b"12345")

    assert read_regular(file, 5) == b"12345"
    with pytest.raises(OSError, match="larger than 0 kB"):
        read_regular(file, 4)
    assert MOST == 16_000_000
