"""Finished answers that may be used again: the key of a request, what is kept under it, and whether it still passes."""

from __future__ import annotations

import hashlib
import json
from operator import is_
from typing import Any

from orchestrator.engine.run import Run
from orchestrator.graph.model import Node
from orchestrator.labels import HIGHEST, join
from orchestrator.light import light
from orchestrator.messages import ModelInfo, Request
from orchestrator.policy.keep import Keep
from orchestrator.spec.model import AgentStep


def key_of(run: Run, node: Node, request: Request, info: ModelInfo) -> str | None:
    """Content of the request and identity of the model; None when the answer may not be reused.

    It begins with the label of the answer where others may have it too (`store/shared.py`).
    Answers are reused when they are deterministic (temperature 0 or a fixed seed), unless `cache:` says otherwise.
    """
    step = node.step
    assert isinstance(step, AgentStep)
    wanted = step.cache if step.cache is not None else run.graph.workflow.defaults.cache
    if run.ports.cache is None or wanted is False:
        return None
    deterministic = request.params.get("temperature") == 0 or request.params.get("seed") is not None
    if not deterministic and wanted is None:
        return None
    label = label_of(run, node)
    if label is None:
        return None
    before, after = _around(run, node, request, info, label)
    said = _encode(
        [
            [m.role, m.content, [[hashlib.sha256(i.data).hexdigest(), i.media_type] for i in m.images]]
            for m in request.messages
        ]
    )
    digest = hashlib.sha256(f"{before}{said}{after}".encode()).hexdigest()
    return f"{label}:{digest}" if _is_known_anywhere(info) else digest


def _is_known_anywhere(info: ModelInfo) -> bool:
    """Whether the same facts mean the same model on another machine: an address of this one alone does not."""
    return bool(info.digest) or info.endpoint.startswith("https://")


LONGEST, MOST_ATTEMPTS = 4_000_000, 1_000
"""Characters of an answer, and attempts that it may have taken: what is beyond was not written by a run."""
_SAID = "<messages>"
_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


def _around(run: Run, node: Node, request: Request, info: ModelInfo, label: str) -> tuple[str, str]:
    """The key's content before and behind the messages, which is the same for all requests of a step to one model.

    It is kept as long as it is made of the very same parts: written anew for each request it was most of the work.
    """
    made_of = (request.schema, request.params, request.max_tokens, request.logprobs, info, label)
    kept = run.kept.of(node)
    known = kept.get(_SAID)
    if known is not None and all(map(is_, known[0], made_of)):
        found: tuple[str, str] = known[1]
        return found
    before, _, after = _encode(_content(node, request, info, label)).partition(f'"messages": "{_SAID}"')
    found = f'{before}"messages": ', after
    kept[_SAID] = made_of, found
    return found


def _content(node: Node, request: Request, info: ModelInfo, label: str) -> dict[str, Any]:
    """Everything that an answer depends on, with a mark in the place of the messages."""
    content = {
        "label": label,
        "messages": _SAID,
        "schema": None if request.schema is None else json.dumps(request.schema),  # a grammar keeps its order
        "params": dict(request.params),
        "max_tokens": request.max_tokens,
        "model": [info.provider, info.ref, info.digest, info.endpoint if not info.digest else ""],
        "context": info.context,
        "template": info.chat_template,
    }
    if request.logprobs:
        content["logprobs"] = True  # such an entry knows how sure the model was
        if node.calibrations:
            content["calibrated"] = [repr(entry) for entry in node.calibrations]
    return content


def label_of(run: Run, node: Node) -> str | None:
    """How private the answer is before `declassify`; None when it may not be written down as it is (`keep`).

    It is part of the key, so that an entry serves steps of its own label only: an answer that counted as private is
    never the value of a step that was proved public, and one whose label rose is asked for anew.
    """
    known = run.kept.of(node)
    if ":label" not in known:
        flow = node.flow
        parts = () if flow is None else (*flow.parts.values(), flow.scope)
        label = HIGHEST if flow is None else join(part.label for part in parts)
        keep = Keep.of(run.known.graph.workflow.keep)
        kept = flow is None or keep.how(label) == "full"
        known[":label"] = label if kept else None
    found: str | None = known[":label"]
    return found


@light(frozen=True, slots=True)
class Entry:
    """A finished answer, and what a rule may ask about it: the cache changes no decision."""

    text: str
    confidence: float | None = None
    attempts: int = 1


def remembered(run: Run, key: str) -> Entry | None:
    """What stands under this key; nothing when it is not as `remember` writes it: others may write there too."""
    assert run.ports.cache is not None
    match run.ports.cache.get(key):
        case str() as text if len(text) <= LONGEST:
            return Entry(text)
        case {
            "text": str() as text,
            "confidence": float() | int() | None as sure,
            "attempts": int() as attempts,
        } if len(text) <= LONGEST and (sure is None or 0 <= sure <= 1) and 1 <= attempts <= MOST_ATTEMPTS:
            return Entry(text, None if sure is None else float(sure), int(attempts))
        case _:
            return None


def remember(run: Run, key: str, entry: Entry) -> None:
    assert run.ports.cache is not None
    if run.ports.secrets and run.ports.secrets.found((entry.text,)) is not None:
        return
    plain = entry.confidence is None and entry.attempts == 1
    run.ports.cache.put(
        key,
        entry.text
        if plain
        else {"text": entry.text, "confidence": entry.confidence, "attempts": entry.attempts},
    )
