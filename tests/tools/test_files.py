"""The tools `files.*`: what they read and write, and that nothing outside the project is reached."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.calling import CallContext
from orchestrator.errors import ToolError
from orchestrator.graph.builtin import ARGUMENTS, RESULTS
from orchestrator.spec.values import check_value
from orchestrator.tools.files import ENTRIES, MOST, SIGNATURES, _fits, file_tools


def call(
    root: Path,
    name: str,
    *,
    closed: tuple[Path, ...] = (),
    code: tuple[Path, ...] = (),
    later: tuple[Path, ...] = (),
    **arguments: Any,
) -> Any:
    """The value, which has the type that the signature promises."""
    tool = file_tools(root, closed, code, later)[f"files.{name}"]
    value = asyncio.run(tool.call(arguments, CallContext("run/step", root, 30.0))).value
    assert check_value(tool.signature.result, value) == []
    return value


def refusal(root: Path, name: str, **arguments: Any) -> str:
    with pytest.raises(ToolError) as caught:
        call(root, name, **arguments)
    return f"{caught.value.message} | {caught.value.hint}"


def names(root: Path) -> list[str]:
    return sorted(entry.name for entry in root.iterdir())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    top = tmp_path / "project"
    (top / "docs" / "deep").mkdir(parents=True)
    (top / "docs" / "guide.md").write_text("# Guide\nGrüße\n", encoding="utf-8")
    (top / "docs" / "deep" / "notes.md").write_text("deep", encoding="utf-8")
    (top / "data.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("outside", encoding="utf-8")
    return top


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_the_signatures_are_what_the_checker_knows(name: str) -> None:
    """Names of arguments and types of results are written in two rooms."""
    signature = SIGNATURES[name]

    assert {field.name for field in signature.arguments.fields} == set(ARGUMENTS[name])
    assert signature.result == RESULTS[name]
    assert signature.network is False


def test_effects_say_what_may_be_repeated() -> None:
    """The same text written twice is the same file; added twice it is another one."""
    effects = {name: signature.effects for name, signature in SIGNATURES.items()}

    assert effects == {
        "files.read": "none",
        "files.list": "none",
        "files.write": "idempotent",
        "files.append": "once",
    }


# ------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    "path", ["docs/guide.md", "./docs//guide.md", "docs/deep/../guide.md", "{root}/docs/guide.md"]
)
def test_a_file_gives_its_text(root: Path, path: str) -> None:
    """However its path beneath the root is written."""
    assert call(root, "read", path=path.format(root=root)) == "# Guide\nGrüße\n"


def test_a_missing_file_names_the_nearest_one(root: Path) -> None:
    """A model that misremembers a name gets the right one back, for a folder on the way as well."""
    assert (
        refusal(root, "read", path="docs/giude.md")
        == "there is no file docs/giude.md | did you mean 'guide.md'?"
    )
    assert "there is no folder 'doc' | did you mean 'docs'?" in refusal(root, "read", path="doc/guide.md")
    assert refusal(root, "read", path="docs/x.pdf").endswith("docs has deep, guide.md")
    assert refusal(root, "read", path="zzz").endswith("the project has data.csv, docs")


def test_what_is_no_text_is_refused_with_what_it_is(root: Path) -> None:
    """Binary data in a prompt helps nobody."""
    (root / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    (root / "b.bin").write_bytes(b"abc\0def")
    (root / "c.txt").write_bytes("Grüße".encode("cp1252"))

    assert "a.png is an image" in refusal(root, "read", path="a.png")
    assert "b.bin is a binary file (byte 0 at position 3)" in refusal(root, "read", path="b.bin")
    assert "c.txt:1: byte 0xFC" in refusal(root, "read", path="c.txt")


def test_a_large_file_is_refused_whole(root: Path) -> None:
    """Nothing is cut off silently."""
    with (root / "big.txt").open("wb") as file:
        file.truncate(MOST + 1)

    assert "big.txt is larger than 4 MB | look things up" in refusal(root, "read", path="big.txt")


@pytest.mark.parametrize("name", ["read", "list"])
@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "docs/../../secret.txt",
        "/etc/passwd",
        "out",
        "outdir/secret.txt",
        "far/secret.txt",
        "chain",
    ],
)
def test_nothing_outside_is_read(root: Path, name: str, path: str) -> None:
    """Not by dots, not by an absolute path, not by a link to a file, a folder, or another link."""
    (root / "out").symlink_to("../secret.txt")
    (root / "outdir").symlink_to("..")
    (root / "far").symlink_to(root.parent)
    (root / "chain").symlink_to("docs/back")
    (root / "docs" / "back").symlink_to("../../secret.txt")

    assert "lies outside the project" in refusal(root, name, path=path)


def test_links_within_the_project_are_followed(root: Path) -> None:
    """A link is another name of a file that may be read anyway."""
    (root / "latest").symlink_to("docs/guide.md")
    (root / "handbook").symlink_to(root / "docs")

    assert call(root, "read", path="latest").startswith("# Guide")
    assert call(root, "read", path="handbook/deep/notes.md") == "deep"


def test_a_circle_of_links_ends(root: Path) -> None:
    """It is refused, not followed for ever."""
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")

    assert "circle" in refusal(root, "read", path="a")


@pytest.mark.parametrize("path", [".env", ".git/config", ".orch/runs.db", "docs/.hidden"])
@pytest.mark.parametrize("name", ["read", "write", "append", "list"])
def test_hidden_names_are_not_there_for_tools(root: Path, name: str, path: str) -> None:
    """Settings hold secrets, and a hook of git would be run by somebody else."""
    (root / ".env").write_text("KEY=1", encoding="utf-8")
    text = {"text": "x"} if name in ("write", "append") else {}

    assert "is hidden from tools" in refusal(root, name, path=path, **text)
    assert (root / ".env").read_text(encoding="utf-8") == "KEY=1"


@pytest.mark.parametrize("path", ["pipe", "docs", ".", "a\0b", "x" * 5000, "data.csv/x"])
def test_what_is_no_file_is_an_error_and_nothing_waits(root: Path, path: str) -> None:
    """A pipe that nobody writes to does not hold the run."""
    os.mkfifo(root / "pipe")

    assert refusal(root, "read", path=path)


def test_a_path_that_changes_while_it_is_walked_never_leads_out(root: Path) -> None:
    """A folder is exchanged for a link to the outside again and again while it is read from."""
    (root.parent / "guide.md").write_text("outside", encoding="utf-8")
    (root / "swap").mkdir()
    (root / "swap" / "guide.md").write_text("inside", encoding="utf-8")
    (root / "link").symlink_to("..")
    ended = threading.Event()

    def exchange() -> None:
        while not ended.is_set():
            for one, other in (("swap", "kept"), ("link", "swap"), ("swap", "link"), ("kept", "swap")):
                (root / one).rename(root / other)

    worker = threading.Thread(target=exchange)
    worker.start()
    seen = set()
    try:
        for _ in range(300):
            try:
                seen.add(call(root, "read", path="swap/guide.md"))
            except ToolError as error:
                seen.add(error.message.split(":")[0])
    finally:
        ended.set()
        worker.join()

    assert "outside" not in seen


# ------------------------------------------------------------------------------------------------- writing


def test_text_is_written_as_it_is_and_data_as_json(root: Path) -> None:
    """Folders on the way are made; a .jsonl file has one line per item."""
    assert call(root, "write", path="out/a.txt", text="Grüße") == {"path": "out/a.txt", "size": 7}
    call(root, "write", path="out/b.json", content={"a": [1]})
    call(root, "write", path="out/c.jsonl", content=[{"a": 1}, {"a": 2}])

    assert (root / "out/a.txt").read_text(encoding="utf-8") == "Grüße"
    assert (root / "out/b.json").read_text(encoding="utf-8") == '{\n  "a": [\n    1\n  ]\n}\n'
    assert (root / "out/c.jsonl").read_text(encoding="utf-8") == '{"a": 1}\n{"a": 2}\n'


def test_writing_replaces_and_keeps_the_mode(root: Path) -> None:
    """The file is whole at any time, and nothing is left beside it."""
    (root / "data.csv").chmod(0o640)

    assert call(root, "write", path="data.csv", text="new") == call(
        root, "write", path="data.csv", text="new"
    )

    assert (root / "data.csv").read_text(encoding="utf-8") == "new"
    assert (root / "data.csv").stat().st_mode & 0o777 == 0o640
    assert names(root) == ["data.csv", "docs"]


def test_appending_adds_lines_to_the_end(root: Path) -> None:
    """With or without a line break behind them, in the text or in the file; the size is that of the whole file."""
    (root / "log.txt").write_text("zero", encoding="utf-8")
    call(root, "append", path="log.txt", text="one")

    assert call(root, "append", path="log.txt", text="two\n") == {"path": "log.txt", "size": 13}
    call(root, "append", path="new.jsonl", content={"a": 1})
    call(root, "append", path="new.jsonl", content=[{"a": 2}])

    assert (root / "log.txt").read_text(encoding="utf-8") == "zero\none\ntwo\n"
    assert (root / "new.jsonl").read_text(encoding="utf-8") == '{"a": 1}\n{"a": 2}\n'


@pytest.mark.parametrize("name", ["write", "append"])
@pytest.mark.parametrize("path", ["../new.txt", "/tmp/new.txt", "out/secret.txt", "file"])
def test_nothing_outside_is_written(root: Path, name: str, path: str) -> None:
    """Neither a new file nor one that a link leads to."""
    (root / "out").symlink_to("..")
    (root / "file").symlink_to("../secret.txt")

    assert "lies outside the project" in refusal(root, name, path=path, text="x")
    assert (root.parent / "secret.txt").read_text(encoding="utf-8") == "outside"
    assert not (root.parent / "new.txt").exists()


@pytest.mark.parametrize("name", ["write", "append"])
def test_no_code_is_put_where_functions_find_it(root: Path, name: str) -> None:
    """A helper, or a file with the name of a standard module, would run with the rights of the function."""
    (root / "lib").mkdir()
    (root / "link").symlink_to("lib")

    for path in (
        "lib/helper.py",
        "lib/json/__init__.py",
        "link/json.PY",
        "docs/../lib/x.so",
        "lib/server.js",
    ):
        assert "would be code" in refusal(root, name, code=(root / "lib",), path=path, text="x")
    call(root, name, code=(root / "lib",), path="lib/notes.md", text="x")
    call(root, name, code=(root / "lib",), path="docs/snippet.py", text="x")

    assert [file.name for file in (root / "lib").rglob("*") if file.is_file()] == ["notes.md"]


@pytest.mark.parametrize("name", ["write", "append"])
def test_the_next_run_is_not_prepared(root: Path, name: str) -> None:
    """Neither the settings of a project within, nor an agent or a workflow that it would find by its name."""
    later = (root / "agents", root / "flows" / "workflows")
    (root / "agents").mkdir()
    (root / "link").symlink_to("agents")

    for path in (
        "orch.yaml",
        "docs/Orch.YAML",
        "agents/writer/agent.yaml",
        "agents/writer/prompt.md",
        "link/x.md",
        "docs/../AGENTS/x.md",
        "flows/workflows/a.yaml",
    ):
        said = refusal(root, name, later=later, path=path, text="x")
        assert "later runs" in said
        assert "write somewhere else" in said
    call(root, name, later=later, path="docs/agents/notes.md", text="x")
    call(root, name, later=later, path="flows/other.orch.yaml", text="x")

    assert not [file for file in (root / "agents").rglob("*") if file.is_file()]


@pytest.mark.parametrize("name", ["write", "append"])
def test_files_of_the_workflow_are_not_changed(root: Path, name: str) -> None:
    """A model that may write files does not get to write what is run, under no name that it has."""
    code = root / "tools.py"
    code.write_text("def f(): ...", encoding="utf-8")
    os.link(code, root / "other.py")
    (root / "again.py").symlink_to("tools.py")

    for path in ("tools.py", "docs/../tools.py", "again.py", "other.py"):
        assert "belongs to the workflow" in refusal(root, name, closed=(code,), path=path, text="x")
    assert code.read_text(encoding="utf-8") == "def f(): ..."


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"path": "a"}, "give either"),
        ({"path": "a", "text": "x", "content": 1}, "give either"),
        ({"path": "docs", "text": "x"}, "docs is a folder"),
        ({"path": "", "text": "x"}, "is a folder"),
        ({"path": "a\nb", "text": "x"}, "no good name"),
        ({"path": "y" * 300, "text": "x"}, "no good name"),
        ({"path": 3, "text": "x"}, "is no text"),
        ({"path": "a", "text": "x" * (MOST + 1)}, "more than 4 MB"),
        ({"path": "a", "test": "x"}, "test is not asked for"),
    ],
)
@pytest.mark.parametrize("name", ["write", "append"])
def test_wrong_arguments_are_errors_that_change_nothing(
    root: Path, name: str, arguments: dict[str, Any], said: str
) -> None:
    """The message says what to do instead."""
    assert said in refusal(root, name, **arguments)
    assert names(root) == ["data.csv", "docs"]


# ------------------------------------------------------------------------------------------------- listing


def test_a_folder_is_listed(root: Path) -> None:
    """What is hidden, a link or no file is left out."""
    (root / ".env").write_text("", encoding="utf-8")
    (root / "link").symlink_to("docs")
    os.mkfifo(root / "pipe")

    assert call(root, "list") == [
        {"name": "data.csv", "path": "data.csv", "kind": "file", "size": 8},
        {"name": "docs", "path": "docs", "kind": "folder", "size": 0},
    ]
    assert [one["path"] for one in call(root, "list", path="docs/")] == ["docs/deep", "docs/guide.md"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("docs/**/*.md", ["docs/deep/notes.md", "docs/guide.md"]),
        ("**/*.md", ["docs/deep/notes.md", "docs/guide.md"]),
        ("docs/*.md", ["docs/guide.md"]),
        ("*.csv", ["data.csv"]),
        ("**/n*", ["docs/deep/notes.md"]),
        ("*.txt", []),
    ],
)
def test_a_pattern_names_files(root: Path, pattern: str, found: list[str]) -> None:
    """As the patterns of inputs and knowledge do."""
    assert [one["path"] for one in call(root, "list", path=pattern)] == found


def test_lists_have_bounds(root: Path) -> None:
    """Too many entries are an error, not a part of them."""
    for number in range(ENTRIES + 1):
        (root / "docs" / f"{number}.txt").touch()

    assert "more than 1,000 entries" in refusal(root, "list", path="docs")
    assert "lies outside" in refusal(root, "list", path="../*")
    assert "no pattern" in refusal(root, "list", path="*/../../*")
    assert "data.csv is no folder" in refusal(root, "list", path="data.csv")
    assert "did you mean 'docs'?" in refusal(root, "list", path="docks")


@given(
    st.lists(st.sampled_from(["**", "*", "a", "a*", "b"]), max_size=5),
    st.lists(st.sampled_from("ab"), max_size=5),
)
def test_patterns_match_as_their_definition_says(pattern: list[str], names: list[str]) -> None:
    """`**` is any number of folders, also none."""

    def meets(left: list[str], right: list[str]) -> bool:
        if not left:
            return not right
        if left[0] == "**":
            return meets(left[1:], right) or (bool(right) and meets(left, right[1:]))
        known = bool(right) and (left[0] in ("*", right[0]) or (left[0] == "a*" and right[0] == "a"))
        return known and meets(left[1:], right[1:])

    assert _fits(pattern, names) == meets(pattern, names)
