"""Where a step stands in its file, and the words that open an editor there."""

from __future__ import annotations

from pathlib import Path

import pytest

from orch_tui.editor import Place, command_of, edit, editor_of, place_of
from orchestrator.errors import UsageError
from orchestrator.graph.open import open_workflow

WORKFLOW = """\
orch: 1
inputs: {name: text}
steps:
  greet:
    value: "hello {{ inputs.name }}"
  group:
    steps:
      note:
        value: "a note on {{ inputs.name }}"
      ending:
        value: "{{ note }}"
  called:
    workflow: inner.yaml
    with: {text: "{{ greet }}"}
"""
INNER = """\
orch: 1
inputs: {text: text}
steps:
  deep:
    value: "{{ inputs.text }}!"
"""


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    (tmp_path / "inner.yaml").write_text(INNER)
    path = tmp_path / "workflow.yaml"
    path.write_text(WORKFLOW)
    return path


def line(file: Path, name: str) -> int:
    """The line in which the step is named."""
    return next(n for n, text in enumerate(file.read_text().splitlines(), 1) if text.strip() == f"{name}:")


@pytest.mark.parametrize(
    ("path", "step"),
    [
        ("greet", "greet"),
        ("greet.3", "greet"),
        ("group.note", "note"),
        ("group.2~1.ending", "ending"),
        ("group", "group"),
    ],
)
def test_an_instance_is_at_the_line_of_its_step(workflow: Path, path: str, step: str) -> None:
    """Items and passes are left out; a step in a group is at its own line."""
    place = place_of(str(workflow), path, open_workflow(workflow).digest)

    assert place == Place(workflow, line(workflow, step))


def test_a_step_of_a_called_workflow_is_in_that_file(workflow: Path) -> None:
    """The file with the step is opened, not the one that calls it."""
    place = place_of(str(workflow), "called.deep")

    assert place.file.samefile(workflow.parent / "inner.yaml")
    assert place.line == line(workflow.parent / "inner.yaml", "deep")


def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    """Nothing is opened, least of all an empty new file."""
    with pytest.raises(UsageError, match="not there any more"):
        place_of(str(tmp_path / "workflow.yaml"), "greet")


def test_a_file_that_changed_since_the_run_is_opened_and_said(workflow: Path) -> None:
    """The line is that of the step now."""
    before = open_workflow(workflow).digest
    workflow.write_text("# one line more\n" + WORKFLOW)

    place = place_of(str(workflow), "greet", before)

    assert place.line == line(workflow, "greet")
    assert "changed" in place.note


def test_a_step_that_is_gone_leads_to_the_group_it_was_in(workflow: Path) -> None:
    """As near as there still is something."""
    place = place_of(str(workflow), "group.old")

    assert place.line == line(workflow, "group")
    assert "no step 'group.old'" in place.note


def test_a_file_that_is_wrong_now_is_opened_where_the_name_stands(workflow: Path) -> None:
    """People open files to repair them."""
    workflow.write_text(WORKFLOW.replace('value: "{{ note }}"', "valeu: 1"))

    place = place_of(str(workflow), "group.ending")

    assert place.line == line(workflow, "ending")
    assert "not right now" in place.note


@pytest.mark.parametrize(
    ("editor", "words"),
    [
        (["vim"], ["vim", "+7", "/p/w.yaml"]),
        (["/usr/bin/nvim", "-R"], ["/usr/bin/nvim", "-R", "+7", "/p/w.yaml"]),
        (["nano"], ["nano", "+7", "/p/w.yaml"]),
        (["emacs", "-nw"], ["emacs", "-nw", "+7", "/p/w.yaml"]),
        (["micro"], ["micro", "+7", "/p/w.yaml"]),
        (["hx"], ["hx", "/p/w.yaml:7"]),
        (["code", "--wait"], ["code", "--wait", "--goto", "/p/w.yaml:7"]),
        (["subl"], ["subl", "/p/w.yaml:7"]),
        (["ed"], ["ed", "/p/w.yaml"]),
    ],
)
def test_each_editor_is_told_the_line_in_its_own_way(editor: list[str], words: list[str]) -> None:
    """One we do not know gets the file alone."""
    assert command_of(editor, Place(Path("/p/w.yaml"), 7)) == words


def test_visual_comes_before_editor_and_none_is_a_sentence_with_the_place() -> None:
    """Without an editor the person still learns where the step is."""
    place = Place(Path("/p/w.yaml"), 7)

    assert editor_of({"VISUAL": "code --wait", "EDITOR": "vi"}, place) == ["code", "--wait"]
    assert editor_of({"VISUAL": " ", "EDITOR": "vi"}, place) == ["vi"]
    with pytest.raises(UsageError) as none:
        editor_of({}, place)
    assert "/p/w.yaml:7" in none.value.hint
    with pytest.raises(UsageError, match="cannot be read"):
        editor_of({"EDITOR": "vi '"}, place)


def test_names_of_files_never_reach_a_shell(tmp_path: Path) -> None:
    """Whatever a file is called, it is one argument."""
    said = tmp_path / "said"
    editor = tmp_path / "editor"
    editor.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {said}\n')
    editor.chmod(0o755)
    place = Place(tmp_path / "$(touch evil); `x` 'y.yaml", 3)

    assert edit(command_of([str(editor)], place), place) == ""

    assert said.read_text() == str(place.file)
    assert not (tmp_path / "evil").exists()


def test_an_editor_that_cannot_be_started_or_fails_is_a_sentence(tmp_path: Path) -> None:
    """With the place, so that it can be opened by hand."""
    place = Place(Path("/p/w.yaml"), 7)

    assert "no program 'no-such-editor'" in edit(["no-such-editor", "x"], place)
    assert "cannot be started" in edit([str(tmp_path), "x"], place)
    assert "ended with code 1" in edit(["false"], place)
