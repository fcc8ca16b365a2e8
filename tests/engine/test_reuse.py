"""The key under which an answer is found again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.engine.reuse import key_of
from orchestrator.engine.run import Kept, Run
from orchestrator.graph.model import Node
from orchestrator.graph.open import open_workflow
from orchestrator.messages import Image, Message, ModelInfo, Request

INFO = ModelInfo("tiny", "scripted:", "scripted", 512, 1, local=True, digest="d", chat_template="<messages>")
MESSAGES = st.lists(st.builds(Message, st.sampled_from(("system", "user")), st.text(max_size=9)), max_size=3)
REQUESTS = st.builds(
    Request,
    MESSAGES.map(tuple),
    st.sampled_from((8, 300)),
    st.sampled_from((None, {"type": "string"}, {"const": '"messages": "<messages>"'})),
    st.sampled_from(({"temperature": 0}, {"temperature": 0.0, "seed": 3})),
    st.booleans(),
)


def step_of_a_run(root: Path) -> tuple[Run, Node]:
    file = root / "w.yaml"
    file.write_text(
        "orch: 1\nmodels: {tiny: 'scripted:x'}\nagents: {a: {model: tiny}}\nsteps: {s: {agent: a, prompt: hi}}\n"
    )
    graph = open_workflow(file)
    run = SimpleNamespace(
        graph=graph, kept=Kept(), ports=SimpleNamespace(cache={}), known=SimpleNamespace(graph=graph)
    )
    return cast("Run", run), graph.scope.nodes[0]


def whole(request: Request) -> str:
    """The same content, written at once."""
    content: dict[str, Any] = {
        "label": "public",
        "messages": [[m.role, m.content, []] for m in request.messages],
        "schema": None if request.schema is None else json.dumps(request.schema),
        "params": request.params,
        "max_tokens": request.max_tokens,
        "model": ["scripted", "scripted:", "d", ""],
        "context": 512,
        "template": "<messages>",
    }
    if request.logprobs:
        content["logprobs"] = True
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return "public:" + hashlib.sha256(text.encode()).hexdigest()


@given(asked=st.lists(REQUESTS, min_size=1, max_size=4))
def test_the_key_is_that_of_the_whole_content_whatever_was_asked_before(
    tmp_path_factory: Any, asked: list[Request]
) -> None:
    """What is kept from one request to the next is only what is the same in both."""
    run, node = step_of_a_run(tmp_path_factory.mktemp("reuse"))

    keys = [key_of(run, node, request, INFO) for request in asked]

    assert keys == [whole(request) for request in asked]


ASKED = Request(
    (Message("user", "hi", (Image(b"a", "image/png"),)),), 8, {"type": "string"}, {"temperature": 0}
)
SAME_ANSWER = [
    (replace(ASKED, idle=1.0), INFO),
    (replace(ASKED, wall=9.0, affinity="other"), INFO),
    (ASKED, replace(INFO, name="other", slots=9)),
    (ASKED, replace(INFO, endpoint="http://127.0.0.1:9")),
]
ANOTHER = {
    "a word of the prompt": (replace(ASKED, messages=(replace(ASKED.messages[0], content="ho"),)), INFO),
    "a role": (replace(ASKED, messages=(replace(ASKED.messages[0], role="system"),)), INFO),
    "one message more": (replace(ASKED, messages=(*ASKED.messages, Message("user", ""))), INFO),
    "a byte of an image": (
        replace(ASKED, messages=(replace(ASKED.messages[0], images=(Image(b"b", "image/png"),)),)),
        INFO,
    ),
    "no image": (replace(ASKED, messages=(replace(ASKED.messages[0], images=()),)), INFO),
    "the schema": (replace(ASKED, schema={"type": "integer"}), INFO),
    "the order of the fields": (replace(ASKED, schema={"properties": {"a": {}, "b": {}}}), INFO),
    "the other order": (replace(ASKED, schema={"properties": {"b": {}, "a": {}}}), INFO),
    "the kind of an image": (
        replace(ASKED, messages=(replace(ASKED.messages[0], images=(Image(b"a", "image/jpeg"),)),)),
        INFO,
    ),
    "no schema": (replace(ASKED, schema=None), INFO),
    "a parameter": (replace(ASKED, params={"temperature": 0, "top_k": 1}), INFO),
    "the seed": (replace(ASKED, params={"temperature": 0, "seed": 1}), INFO),
    "the bound": (replace(ASKED, max_tokens=9), INFO),
    "how sure it was": (replace(ASKED, logprobs=True), INFO),
    "the weights or the engine": (ASKED, replace(INFO, digest="e")),
    "the reference": (ASKED, replace(INFO, ref="scripted:y")),
    "the provider": (ASKED, replace(INFO, provider="ollama")),
    "the chat template": (ASKED, replace(INFO, chat_template="{{ x }}")),
    "the context": (ASKED, replace(INFO, context=513)),
}


def test_the_key_changes_with_everything_an_answer_depends_on(tmp_path: Path) -> None:
    """One ingredient at a time; what changes no answer changes no key."""
    run, node = step_of_a_run(tmp_path)
    first = key_of(run, node, ASKED, INFO)

    changed = {name: key_of(run, node, *asked) for name, asked in ANOTHER.items()}

    assert [name for name, key in changed.items() if key == first] == []
    assert len(set(changed.values())) == len(ANOTHER)
    assert {key_of(run, node, *asked) for asked in SAME_ANSWER} == {first}


def test_a_model_known_by_an_address_of_this_machine_has_a_key_of_its_own(tmp_path: Path) -> None:
    """Another machine has another model there."""
    run, node = step_of_a_run(tmp_path)
    here = replace(INFO, digest="", endpoint="http://127.0.0.1:8080")

    keys = [
        key_of(run, node, ASKED, info) for info in (here, replace(here, endpoint="http://127.0.0.1:8081"))
    ]
    away = key_of(run, node, ASKED, replace(here, endpoint="https://api.example/v1"))

    assert keys[0] != keys[1]
    assert [":" in str(key) for key in (*keys, away)] == [False, False, True]
