"""The key under which an answer is found again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.engine.reuse import key_of
from orchestrator.engine.run import Run
from orchestrator.graph.model import Node
from orchestrator.graph.open import open_workflow
from orchestrator.messages import Message, ModelInfo, Request

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
        graph=graph, terms={}, ports=SimpleNamespace(cache={}), known=SimpleNamespace(graph=graph)
    )
    return cast("Run", run), graph.scope.nodes[0]


def whole(request: Request) -> str:
    """The same content, written at once."""
    content: dict[str, Any] = {
        "label": "public",
        "messages": [[m.role, m.content, []] for m in request.messages],
        "schema": request.schema,
        "params": request.params,
        "max_tokens": request.max_tokens,
        "model": ["scripted", "scripted:", "d", ""],
        "context": 512,
        "template": "<messages>",
    }
    if request.logprobs:
        content["logprobs"] = True
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@given(asked=st.lists(REQUESTS, min_size=1, max_size=4))
def test_the_key_is_that_of_the_whole_content_whatever_was_asked_before(
    tmp_path_factory: Any, asked: list[Request]
) -> None:
    """What is kept from one request to the next is only what is the same in both."""
    run, node = step_of_a_run(tmp_path_factory.mktemp("reuse"))

    keys = [key_of(run, node, request, INFO) for request in asked]

    assert keys == [whole(request) for request in asked]
