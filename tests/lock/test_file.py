"""The lock file as text: it comes back as it was written, one line a fact, and what was measured stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import UsageError
from orchestrator.lock.differ import differences
from orchestrator.lock.file import SECTIONS, Lock, key_of, parse_lock, read_lock, written
from orchestrator.spec.model import McpServer
from orchestrator.spec.yaml import parse

MEASURED = """\
confidence:   # measured in May
  - step: kind
    # on the cases of support
    risk: [[0, 0.5]]
"""
_TEXTS = st.text(max_size=20).filter(lambda text: not any(0xD800 <= ord(char) < 0xE000 for char in text))
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(_TEXTS, st.integers(-9, 9), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=3)),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(SECTIONS), st.dictionaries(_TEXTS, _VALUES, min_size=1, max_size=3)))
def test_what_is_written_is_read_again(content: dict[str, Any]) -> None:
    """Whatever a server calls its tools: quotes, braces, escapes of terminals, words that YAML reads as something."""
    text = written("w.yaml", Lock(content, MEASURED))

    again = parse_lock(text)

    assert (again or Lock()) == Lock(content, MEASURED) if content else again is None
    assert written("w.yaml", again or Lock({}, MEASURED)) == text
    assert all(char.isprintable() or char == "\n" for char in text)


def test_a_new_fact_is_a_new_line() -> None:
    """Neither its neighbours nor their order change."""
    before = {"models": {"a": {"use": "x:a"}, "c": {"use": "x:c"}}}
    after = {"models": {**before["models"], "b": {"use": "x:b", "weights": "sha256:1"}}}
    old, new = (written("w.yaml", Lock(one)).splitlines() for one in (before, after))

    assert [line for line in new if line not in old] == ["  b:", '    use: "x:b"', '    weights: "sha256:1"']
    assert [line for line in new if line in old] == old


def test_what_was_measured_stays_as_it_stands() -> None:
    """With its comments, wherever it stood."""
    text = f"orch: 1\n{MEASURED}models:\n  a: {{use: x}}\n"

    lock = parse_lock(text)

    assert lock == Lock({"models": {"a": {"use": "x"}}}, MEASURED)
    assert written("w.yaml", lock).endswith(MEASURED)
    assert parse_lock(f"orch: 1\n{MEASURED}") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "a lock file begins with `orch: 1`"),
        ("orch: 2\n", "a lock file begins with `orch: 1`"),
        ("orch: 1\nmodels: []\n", "`models` is a map"),
        ("orch: 1\nmodels: {a: 1\n", "line "),
        ("orch: 1\n<<<<<<< ours\nmodels: {}\n=======\n", "the marks of a merge"),
        ("orch: 1\nmodels: {a: 1, a: 2}\n", "line 2"),
        ("orch: 1\nmodels: {a: \a}\n", "line 2: the character U.0007"),
    ],
)
def test_what_is_no_lock_is_refused_with_the_reason(tmp_path: Path, text: str, why: str) -> None:
    """Also one that two people changed at once."""
    file = tmp_path / "w.lock.yaml"
    file.write_text(text)

    with pytest.raises(UsageError, match=rf"w.lock.yaml cannot be read: .*{why}"):
        read_lock(file)
    assert read_lock(tmp_path / "other.lock.yaml") is None


def test_a_lock_that_two_people_changed_says_how_to_go_on(tmp_path: Path) -> None:
    """Either side will do: `orch lock` writes what is there."""
    file = tmp_path / "w.lock.yaml"
    file.write_text("orch: 1\n<<<<<<< ours\nmodels: {}\n=======\n")

    with pytest.raises(UsageError) as refused:
        read_lock(file)

    assert refused.value.hint == "take either side (git checkout --ours w.lock.yaml), then run orch lock"


def test_differences_are_one_line_each() -> None:
    """The digest of a whole of which the parts are told says nothing more; without parts it is what is told."""
    old = {"servers": {"s": {"send": {"sha256": "sha256:1", "description": "Sends.", "input": {"to": 1}}}}}
    new = {"servers": {"s": {"send": {"sha256": "sha256:2", "description": "Steals.", "input": {"cc": 1}}}}}
    title = {"servers": {"s": {"send": {**old["servers"]["s"]["send"], "sha256": f"sha256:{'a' * 64}"}}}}

    assert [one.line for one in differences(old, new)] == [
        'servers.s.send.description was "Sends.", now it is "Steals."',
        "servers.s.send.input.cc is new",
        "servers.s.send.input.to is gone",
    ]
    assert [one.line for one in differences(old, title)] == [
        "servers.s.send.sha256 was sha256:1…, now it is sha256:aaaaaaaaaaaa…"
    ]
    assert differences(old, old) == ()


def test_a_server_is_called_by_how_it_is_reached() -> None:
    """Two folders may have a server of the same command."""
    command, address = McpServer(command=("python", "s.py")), McpServer(url="http://127.0.0.1:1/mcp")

    assert key_of(command, Path("/a"), Path("/a")) == "python s.py"
    assert key_of(command, Path("/b"), Path("/a")) == "python s.py (in ../b)"
    assert key_of(address, Path("/b"), Path("/a")) == "http://127.0.0.1:1/mcp"


def test_a_lock_file_is_yaml_of_the_language() -> None:
    """Editors and diffs read it as any other file."""
    text = written("w.yaml", Lock({"agents": {"on": "sha256:1", "a b": "\x1b[31m"}}, MEASURED))

    assert parse(text, "w").diagnostics == ()
    assert parse(text, "w").value["agents"] == {"on": "sha256:1", "a b": "\x1b[31m"}
