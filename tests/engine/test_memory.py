"""The memory of an agent: what other runs kept stands before the question; what is too private is not kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.calling import Turn
from orchestrator.events import AttemptStarted, Retrieved, StepFinished, Warned
from tests.engine.harness import Played, again, play

FLOW = """
orch: 1
inputs: {who: {type: string, default: ann}, body: {type: string, default: Hello, label: LABEL}}
models: {tiny: 'scripted:none'}
agents: {friend: {model: tiny, role: You are kind., memory: {key: "{{ inputs.who }}", turns: 2}}}
steps: {say: {agent: friend, prompt: "{{ inputs.body }}"}}
"""


@dataclass
class Notes:
    """Conversations in memory, of other runs than the one that plays."""

    old: dict[tuple[str, str], list[Turn]] = field(default_factory=dict)
    kept: dict[str, tuple[str, str, Turn]] = field(default_factory=dict)

    def recall(self, agent: str, key: str, turns: int) -> tuple[Turn, ...]:
        return tuple(self.old.get((agent, key), [])[-turns:])

    def remember(self, agent: str, key: str, path: str, turn: Turn) -> None:
        self.kept.setdefault(path, (agent, key, turn))


def run(root: Path, notes: Notes, body: str = "Hello", label: str = "private", **options: Any) -> Played:
    inputs = {"who": "ann", "body": body}
    return play(root, FLOW.replace("LABEL", label), lambda _: "Hi!", inputs=inputs,
                equip={"conversations": notes}, **options)  # fmt: skip


def test_earlier_turns_stand_before_the_question_and_this_one_is_kept(project: Path) -> None:
    """Only as many as the agent wants, oldest first."""
    notes = Notes({("friend", "ann"): [Turn(f"q{n}", f"a{n}") for n in range(3)]})

    played = run(project, notes)

    [request] = played.requests
    assert [message.content for message in request.messages][1:] == ["q1", "a1", "q2", "a2", "Hello"]
    assert notes.kept == {"say": ("friend", "ann", Turn("Hello", "Hi!"))}
    assert played.of(AttemptStarted)[0].parts["memory"] == 8


def test_another_conversation_is_not_seen(project: Path) -> None:
    """The key is the conversation."""
    notes = Notes({("friend", "bob"): [Turn("q", "a")], ("foe", "ann"): [Turn("q", "a")]})

    played = run(project, notes)

    assert len(played.requests[0].messages) == 2


def test_a_resumed_run_sees_what_it_saw_before(project: Path) -> None:
    """Whatever others have said since."""
    notes = Notes({("friend", "ann"): [Turn("q", "a")]})
    first = run(project, notes)
    cut = next(n for n, event in enumerate(first.events) if isinstance(event, Retrieved))
    notes.old["friend", "ann"].append(Turn("later", "later"))

    resumed = run(project, notes, recovered=again(Played(first.result, first.events[: cut + 1])))

    assert [message.content for message in resumed.requests[0].messages][1:] == ["q", "a", "Hello"]
    assert not resumed.of(Retrieved)


def test_what_is_secret_is_not_remembered(project: Path) -> None:
    """It would be recalled as something private. It is said once."""
    notes = Notes()

    played = run(project, notes, label="secret")

    assert played.outputs == "Hi!"
    assert not notes.kept
    assert ["too private" in event.message for event in played.of(Warned)] == [True]


def test_the_oldest_turns_give_way_when_the_prompt_does_not_fit(project: Path) -> None:
    """And it is said."""
    notes = Notes({("friend", "ann"): [Turn("old " * 400, "a"), Turn("new", "b")]})

    played = run(project, notes, context=600)

    assert [message.content for message in played.requests[0].messages][1:] == ["new", "b", "Hello"]
    assert any("1 of 2 turns of the conversation" in event.message for event in played.of(Warned))


def test_without_a_place_for_conversations_the_step_works_all_the_same(project: Path) -> None:
    """A benchmark keeps nothing."""
    played = play(
        project, FLOW.replace("LABEL", "private"), lambda _: "Hi!", inputs={"who": "a", "body": "b"}
    )

    assert [event.value for event in played.of(StepFinished)] == ["Hi!"]
