"""`edit` of a question: a person changes a value, and it stands under `steps.<name>.edited`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine.recover import recover
from orchestrator.events import AskAnswered, AskOpened, StepFinished, Warned
from orchestrator.ports import Reply
from tests.engine.harness import play

LETTER = """
steps:
  letter: {agent: writer, prompt: write, output: {text: string(40), cites: "[int]"}}
  ok: {ask: Send it?, edit: letter.text, choices: [send, drop]%s}
outputs: {said: "{{ ok }}", sent: "{{ steps.ok.edited }}"}
"""
WRITTEN = ['{"text": "a letter", "cites": [1]}']


def saying(choice: str, edit: Any = None, seen: list[Any] | None = None) -> Any:
    async def person(
        _path: str, _question: str, _show: Any, _choices: Sequence[str], edit_: Any = None
    ) -> Reply:
        if seen is not None:
            seen.append(edit_)
        return Reply(choice, edit)

    return person


def test_what_a_person_makes_of_a_value_is_read_behind_the_question(project: Path) -> None:
    """The step's own value stays the choice, and the value that was changed stays as the model wrote it."""
    seen: list[Any] = []

    played = play(project, LETTER % "", WRITTEN, asker=saying("send", "a better letter", seen))

    assert played.outputs == {"said": "send", "sent": "a better letter"}
    assert seen == [{"value": "a letter", "schema": {"type": "string", "maxLength": 40}}]
    assert played.of(StepFinished)[0].value["text"] == "a letter"


def test_what_nobody_changed_is_as_it_was(project: Path) -> None:
    """Readers need not ask whether somebody did."""
    played = play(project, LETTER % "", WRITTEN, asker=saying("drop"))

    assert played.outputs == {"said": "drop", "sent": "a letter"}


def test_a_question_that_timed_out_leaves_the_value(project: Path) -> None:
    """`then` is the choice."""
    played = play(project, LETTER % ", timeout: 0s, then: drop", WRITTEN)

    assert played.outputs == {"said": "drop", "sent": "a letter"}


def test_each_item_has_its_own(project: Path) -> None:
    """A list, in the order of the items."""
    text = """
    steps:
      ok: {ask: "Keep {{ item.n }}?", each: '[{"n": 1}, {"n": 2}]', edit: item.n}
    outputs: {n: "{{ steps.ok.edited }}"}
    """

    played = play(project, text, asker=saying("yes", 7))

    assert played.outputs == {"n": [7, 7]}


def test_a_change_from_another_shell_is_taken_when_the_run_goes_on(project: Path) -> None:
    """It lies in the answer's event."""
    first = play(project, LETTER % "", WRITTEN)
    answered = AskAnswered(at=1.0, path="ok", choice="send", by="ada", edit="hers")

    second = play(project, LETTER % "", recovered=recover([*first.events, answered]))

    assert second.outputs == {"said": "send", "sent": "hers"}


@pytest.mark.parametrize("edit", [7, "x" * 41, "[private, not kept]"])
def test_a_change_that_cannot_be_taken_leaves_the_question_open(project: Path, edit: Any) -> None:
    """It is asked again, and the record says why: nobody sends what a person did not mean."""
    first = play(project, LETTER % "", WRITTEN)
    answered = AskAnswered(at=1.0, path="ok", choice="send", by="ada", edit=edit)

    second = play(project, LETTER % "", recovered=recover([*first.events, answered]))

    assert second.result.status == "waiting"
    assert "asked again" in second.of(Warned)[0].message
    assert [event.path for event in second.of(AskOpened)] == ["ok"]


def test_the_record_holds_neither_the_value_nor_the_change_where_keep_says_so(project: Path) -> None:
    """A resumed run asks again instead of taking the value that was not meant."""
    text = "keep: {public: hash}\n" + LETTER % ""

    played = play(project, text, WRITTEN, asker=saying("send", "a better letter"))

    assert played.outputs == {"said": "send", "sent": "a better letter"}
    assert "letter" not in str([played.of(AskOpened)[0].edit, played.of(AskAnswered)[0].edit])
    assert "letter" not in str([dict(event.facts) for event in played.of(StepFinished)])
    assert "ok" in recover(played.events).withheld
