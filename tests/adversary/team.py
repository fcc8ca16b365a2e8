"""A team in which everything has a namesake: agents, steps and models of three files, asked by hundreds at once.

Each request says by its role whose it is and by its prompt where it was made, so that one that was taken for another
shows; the model's answer is a digest of all it was asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.calling import Turn
from orchestrator.messages import Request

NAMES = ("ann", "bob", "1", "True", "1.0", "", "None", "x" * 70)
"""Texts that some would take for one another."""
KINDS = {"main": 1, "a": 3, "b": 5}
"""`top_k` of the model `one` of each file; that of `two` is one more."""
MODEL_OF = {"writer": 0, "judge": 1, "helper": 1, "scout": 0, "friend": 0}
AGENTS = """
models:
  one: {{use: "scripted:x", params: {{temperature: 0, top_k: {one}}}}}
  two: {{use: "scripted:x", params: {{temperature: 0, top_k: {two}}}}}
agents:
  writer: {{model: one, role: "ROLE {file} writer"}}
  judge: {{model: two, role: "ROLE {file} judge"}}
  helper: {{model: two, role: "ROLE {file} helper", takes: {{topic: string}}, output: {{{field}: string(99)}}}}
  scout: {{model: one, role: "ROLE {file} scout", tools: ["agent:helper"]}}
  friend: {{model: one, role: "ROLE {file} friend", memory: {{key: "{{{{ inputs.who }}}}", turns: 2}}}}
"""
CHILD = """
orch: 1
inputs: {{who: {{type: string, label: LABEL}}}}
{agents}
steps:
  draft: {{agent: writer, prompt: "AT {file} draft <{{{{ inputs.who }}}}>", samples: 3, pick: judge}}
  judged: {{agent: judge, prompt: "AT {file} judged <{{{{ inputs.who }}}}> {{{{ draft }}}}", output: {{{field}: string(99)}}}}
  talk: {{agent: friend, prompt: "AT {file} talk <{{{{ inputs.who }}}}>"}}
  seek: {{agent: scout, prompt: "AT {file} seek <{{{{ inputs.who }}}}>"}}
"""
MAIN = """
orch: 1
inputs: {{who: {{type: string, default: ann}}, names: {{type: "[string]", default: NAMES}}}}
{agents}
steps:
  draft: {{foreach: inputs.names, agent: writer, prompt: "AT main draft <{{{{ item }}}}>", samples: 3, pick: judge}}
  both: {{foreach: inputs.names, agent: writer, prompt: "AT main both <{{{{ item }}}}>", models: [one, two]}}
  seek: {{foreach: inputs.names, agent: scout, prompt: "AT main seek <{{{{ item }}}}>"}}
  talk: {{agent: friend, prompt: "AT main talk <{{{{ inputs.who }}}}>"}}
  kids:
    foreach: inputs.names
    as: name
    steps:
      left1: {{workflow: a/flow.yaml, with: {{who: "{{{{ name }}}}"}}}}
      right1: {{workflow: b/flow.yaml, with: {{who: "{{{{ name }}}}"}}}}
  rounds:
    repeat: {{until: "false", max: 2, else: keep}}
    steps:
      left2: {{workflow: a/flow.yaml, with: {{who: round}}}}
      draft2: {{agent: writer, prompt: "AT main draft <{{{{ last.draft2 if last else 'first' }}}}>"}}
  left: {{workflow: a/flow.yaml, with: {{who: ann}}}}
  right: {{workflow: b/flow.yaml, with: {{who: ann}}}}
"""
CALLS = re.compile(r"(?:^|\.)(left|right)\d?\.")
AT = re.compile(r"AT (\w+) (\w+) <(.*?)>", re.DOTALL)


def write(root: Path) -> Path:
    """The three files."""
    for file, field, label in (("a", "x", "private"), ("b", "y", "internal"), ("main", "x", "")):
        agents = AGENTS.format(file=file, field=field, one=KINDS[file], two=KINDS[file] + 1)
        text = (MAIN if file == "main" else CHILD).format(file=file, field=field, agents=agents)
        path = root / ("main.yaml" if file == "main" else f"{file}/flow.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = text.replace("LABEL", label).replace("NAMES", json.dumps(NAMES))
        path.write_text(whole.replace("names: {type", "names: {label: internal, type").replace(
            "who: {type: string, default", "who: {label: internal, type: string, default"
        ))  # fmt: skip
    return root / "main.yaml"


@dataclass(frozen=True)
class Whose:
    """Whose request stands at a path, as the path says it."""

    file: str
    agent: str
    step: str


def whose(path: str) -> Whose:
    """By the names of the steps on the way to it."""
    call = CALLS.search(path)
    file = "main" if call is None else {"left": "a", "right": "b"}[call[1]]
    last = path.split(".")[-1] if not path.split(".")[-1][:1].isdigit() else path.split(".")[-2]
    rest = path[path.rindex(last) :]
    step = re.match(r"[a-z]+", last)
    assert step is not None
    agent = {"draft": "writer", "both": "writer", "judged": "judge", "talk": "friend", "seek": "scout"}[
        step[0]
    ]
    if "@pick" in rest:
        agent = "judge"
    elif "@helper" in rest:
        agent = "helper"
    return Whose(file, agent, step[0])


def asked(request: Request) -> bytes:
    """Everything of a request that an answer depends on."""
    said = [[message.role, message.content] for message in request.messages]
    rest = [request.schema, dict(request.params), request.max_tokens]
    return json.dumps([said, rest]).encode()


def answer_of(request: Request) -> str:
    """A digest of the request, in the form that is asked for."""
    digest = hashlib.sha256(asked(request)).hexdigest()[:20]
    schema: Mapping[str, Any] = request.schema or {}
    if "anyOf" in schema:
        return json.dumps(_choice(request, schema["anyOf"][0]["properties"]))
    if "best" in schema.get("properties", {}):
        return json.dumps({"best": 1 + int(digest, 16) % schema["properties"]["best"]["maximum"]})
    if "properties" in schema:
        return json.dumps(dict.fromkeys(schema["properties"], digest))
    return digest


def _choice(request: Request, first: Mapping[str, Any]) -> dict[str, Any]:
    """The first tool with what the prompt says, once; then the answer."""
    place = next(n for n, message in enumerate(request.messages) if AT.search(message.content))
    if place + 1 < len(request.messages):
        return {"tool": "answer"}
    found = AT.search(request.messages[place].content)
    assert found is not None
    wanted = first["arguments"]["properties"]
    values = {name: 7 if one["type"] == "integer" else found[0] for name, one in wanted.items()}
    return {"tool": first["tool"]["enum"][0], "arguments": values}


def slowly(seed: int) -> Callable[[Request], Any]:
    """The same answers, each after a while of its own."""
    chance = random.Random(seed)

    async def answer(request: Request) -> str:
        for _ in range(chance.randrange(6)):
            await asyncio.sleep(0)
        return answer_of(request)

    return answer


class Memories:
    """Says to each agent and conversation something of its own."""

    def recall(self, agent: str, key: str, turns: int) -> tuple[Turn, ...]:
        return (Turn(f"{agent} <{key}>", f"{agent} to <{key}>"),)

    def remember(self, agent: str, key: str, path: str, turn: Turn) -> None:
        """Nothing is kept."""
