"""The user's own settings: read strictly, every mistake with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from orch_tui.settings import ACTIONS, Settings
from orchestrator.cli.settings import read_settings
from orchestrator.errors import UsageError
from orchestrator.spec.diagnostics import SpecError


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_settings_are_read_from_the_section_of_the_screen(tmp_path: Path) -> None:
    """The theme, whether the mouse is used, and other keys for some actions."""
    path = written(tmp_path, 'tui:\n  theme: nord\n  mouse: false\n  keys: {quit: "Q, ctrl+q", help: "?"}\n')

    assert read_settings(path) == Settings("nord", mouse=False, keys={"quit": "Q, ctrl+q", "help": "?"})


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "tui: {}\n"])
def test_what_is_not_said_is_as_it_comes(tmp_path: Path, text: str) -> None:
    """An empty file, an empty section, and no file at all."""
    assert read_settings(written(tmp_path, text)) == Settings()
    assert read_settings(tmp_path / "missing" / "config.yaml") == Settings()
    assert read_settings(tmp_path / "config.yaml" / "below") == Settings()


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("tui: {themes: x}", "1:7", "no key 'themes' in 'tui'", "did you mean 'theme'?"),
        ("tiu: {}", "1:1", "no key 'tiu' at the top", "did you mean 'tui'?"),
        ("tui: {zzz: 1}", "1:7", "no key 'zzz'", "the keys are theme, mouse, keys"),
        ("tui: 3", "1:6", "'tui' is a map of keys", ""),
        ("[]", "1:1", "the file is a map of keys", ""),
        ("tui:\n  mouse: off", "2:10", "'tui.mouse' is true or false", ""),
        ("tui:\n  keys: {quit: 5}", "2:16", "'tui.keys.quit' is text", ""),
        ("tui:\n  keys:\n    quti: x", "3:5", "no action 'quti'", "did you mean 'quit'?"),
        ("tui: {keys: {zzzzzz: x}}", "1:14", "no action 'zzzzzz'", "the actions are down, up, first"),
        ("tui: {keys: {quit: ''}}", "1:20", "a key of 'quit' is empty", "commas"),
        ("tui: {keys: {quit: 'Q,,'}}", "1:20", "a key of 'quit' is empty", "commas"),
        ("tui: {keys: {quit: crtl+q}}", "1:20", "'crtl+q' is no key", "ctrl+x"),
        ("tui: {keys: {quit: quickly}}", "1:20", "'quickly' is no key", "ctrl+x"),
        ("tui: {keys: {quit: ctrl++}}", "1:20", "'ctrl++' is no key", "ctrl+x"),
        ("tui: {keys: {quit: '?'}}", "1:20", "'?' is the key of 'help' already", "give 'help' another"),
        ("tui: {keys: {quit: Z, help: Z}}", "1:20", "'Z' is the key of 'help' already", "give 'help'"),
        ("tui: {theme: x", "1:6", "not closed", ""),
    ],
)
def test_a_mistake_is_refused_where_it_stands(
    tmp_path: Path, text: str, place: str, message: str, hint: str
) -> None:
    """With the nearest thing that exists: a misspelt setting would otherwise do nothing without a word."""
    path = written(tmp_path, text)

    with pytest.raises(SpecError) as caught:
        read_settings(path)

    first = caught.value.diagnostics[0]
    assert str(caught.value).startswith(f"{path}:{place}: ")
    assert message in first.message
    assert hint in first.hint
    assert caught.value.exit_code == 2


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """Nobody mends a file line by line."""
    path = written(tmp_path, "tui:\n  keys:\n    dwn: j\n    first: crtl+x\n    quit: ','\n")

    with pytest.raises(SpecError) as caught:
        read_settings(path)

    assert [found.mark.line for found in caught.value.diagnostics] == [3, 4, 5]


@pytest.mark.parametrize(
    "key", ["x", "Z", "ö", "f12", "ctrl+x", "shift+f5", "question_mark", "semicolon", "+", "alt+left"]
)
def test_keys_are_named_as_terminals_and_people_name_them(tmp_path: Path, key: str) -> None:
    """One character, a name, and what is held down with it. Keys of other actions are free once those have others."""
    path = written(tmp_path, f'tui: {{keys: {{quit: "{key}", reject: f9, help: f10, zoom_in: f11}}}}')

    assert read_settings(path).keys["quit"] == key


def test_the_default_keys_are_keys_and_nobody_shares_one(tmp_path: Path) -> None:
    """The table would be refused as a file otherwise."""
    lines = [f'    {name}: "{action.keys}"' for name, action in ACTIONS.items()]

    keys = read_settings(written(tmp_path, "\n".join(["tui:", "  keys:", *lines]))).keys

    assert list(keys) == list(ACTIONS)


def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    """A folder of that name, bytes that are no text, and far too many of them."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin").write_bytes(b"tui: {theme: \xe9}")
    (tmp_path / "large").write_bytes(b"#" * 1_000_001)

    for name, words in (
        ("folder", "cannot be read"),
        ("latin", "is not UTF-8"),
        ("large", "larger than 1 MB"),
    ):
        with pytest.raises(UsageError, match=words):
            read_settings(tmp_path / name)
