"""What an answer depends on, changed in the file one thing at a time: nobody is given the answer to the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.calling import Turn
from tests.adversary.team import answer_of
from tests.adversary.test_namesakes import Shelf
from tests.engine.harness import play

FLOW = """
orch: 1
inputs: {who: {type: string, default: ann, label: internal}}
models: {tiny: {use: "scripted:none", params: {temperature: 0, seed: 3}}}
agents:
  helper: {model: tiny, description: It helps., takes: {topic: string(40)}}
  other: {model: tiny, takes: {topic: string(40)}}
  writer:
    model: tiny
    role: You write.
    tools: ["agent:helper"]
    memory: {key: "{{ inputs.who }}", turns: 2}
steps:
  a: {agent: writer, prompt: "AT main a <{{ inputs.who }}>", output: {x: string(90), y: string(80)}}
"""
CHANGES = {
    "a role": ("You write.", "You write!"),
    "a prompt": ("AT main a", "AT main b"),
    "a bound": ("string(80)", "string(81)"),
    "the order of fields": ("x: string(90), y: string(80)", "y: string(80), x: string(90)"),
    "the name of a field": ("{x: string", "{z: string"),
    "a type": ("y: string(80)", "y: int"),
    "a tool more": ('["agent:helper"]', '["agent:helper", "agent:other"]'),
    "another tool": ('["agent:helper"]', '["agent:other"]'),
    "no tool": ('tools: ["agent:helper"]', "max_turns: 3"),
    "a tool's description": ("It helps.", "It helps you."),
    "a tool's arguments": ("{model: tiny, description: It helps., takes: {topic: string(40)}}",
                           "{model: tiny, description: It helps., takes: {topic: string(40), n: int}}"),
    "a seed": ("seed: 3", "seed: 4"),
    "a parameter": ("seed: 3", "seed: 3, top_k: 1"),
    "a label": ("label: internal", "label: secret"),  # a memory is private already
    "how much is remembered": ("turns: 2", "turns: 1"),
    "the conversation": ('key: "{{ inputs.who }}"', 'key: "x{{ inputs.who }}"'),
}  # fmt: skip


class Memories:
    """Two turns of each conversation."""

    def recall(self, agent: str, key: str, turns: int) -> tuple[Turn, ...]:
        return tuple(Turn(f"{n} of {key}", "yes") for n in range(turns))

    def remember(self, agent: str, key: str, path: str, turn: Turn) -> None:
        """Nothing is kept."""


def answered(request: Any) -> str:
    """What the schema wants: numbers where it asks for them."""
    text = answer_of(request)
    properties = (request.schema or {}).get("properties", {})
    numbers = {name: 7 for name, one in properties.items() if one.get("type") == "integer"}
    return json.dumps({**json.loads(text), **numbers}) if numbers else text


def calls(root: Path, cache: Shelf, text: str, digest: str = "d", **more: Any) -> int:
    """How many requests of the step itself reach its model; what is asked of helpers in between does not count."""
    equip = {"conversations": Memories()}
    played = play(
        root, text, answered, inputs={"who": "ann"}, cache=cache, digest=digest, equip=equip, **more
    )
    assert played.result.status == "done", played.result.error
    return len([one for one in played.requests if "You write" in one.messages[0].content])


@pytest.mark.parametrize("change", CHANGES)
def test_the_step_is_asked_anew(tmp_path: Path, change: str) -> None:
    """And the first file still finds its own."""
    old, new = CHANGES[change]
    assert FLOW.count(old) == 1
    cache = Shelf()

    first = calls(tmp_path, cache, FLOW)
    changed = calls(tmp_path, cache, FLOW.replace(old, new))

    assert (first > 0, changed > 0, calls(tmp_path, cache, FLOW)) == (True, True, 0)


def test_other_weights_are_asked_anew(tmp_path: Path) -> None:
    """The name of a model says nothing: what it is made of does, and how much it reads."""
    cache = Shelf()
    calls(tmp_path, cache, FLOW)

    assert calls(tmp_path, cache, FLOW, "e") > 0
    assert calls(tmp_path, cache, FLOW, context=4096) > 0
    assert calls(tmp_path, cache, FLOW) == 0


def test_what_changes_no_answer_changes_nothing(tmp_path: Path) -> None:
    """The name of the step, a limit of time; a check is made on what comes out of the cache too."""
    cache = Shelf()
    calls(tmp_path, cache, FLOW)

    assert calls(tmp_path, cache, FLOW.replace("  a: {agent", "  b: {timeout: 9s, agent")) == 0
    assert calls(tmp_path, cache, FLOW.replace("  a: {agent", "  a: {check: {it fits: output.x}, agent")) == 0
