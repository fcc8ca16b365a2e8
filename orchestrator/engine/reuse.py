"""Finished answers that may be used again: the key of a request, what is kept under it, and whether it still passes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from orchestrator.engine.run import Run
from orchestrator.graph.model import Node
from orchestrator.labels import HIGHEST, join
from orchestrator.messages import ModelInfo, Request
from orchestrator.policy.keep import Keep
from orchestrator.spec.model import AgentStep


def key_of(run: Run, node: Node, request: Request, info: ModelInfo) -> str | None:
    """Content of the request and identity of the model; None when the answer may not be reused.

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
    content = {
        "label": label,
        "messages": [
            [m.role, m.content, [hashlib.sha256(i.data).hexdigest() for i in m.images]]
            for m in request.messages
        ],
        "schema": request.schema,
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
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def label_of(run: Run, node: Node) -> str | None:
    """How private the answer is before `declassify`; None when it may not be written down as it is (`keep`).

    It is part of the key, so that an entry serves steps of its own label only: an answer that counted as private is
    never the value of a step that was proved public, and one whose label rose is asked for anew.
    """
    known = (id(node), ":label")
    if known not in run.terms:
        flow = node.flow
        parts = () if flow is None else (*flow.parts.values(), flow.scope)
        label = HIGHEST if flow is None else join(part.label for part in parts)
        keep = Keep.of(run.known.graph.workflow.keep)
        kept = flow is None or keep.how(label) == "full"
        run.terms[known] = label if kept else None
    found: str | None = run.terms[known]
    return found


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished answer, and what a rule may ask about it: the cache changes no decision."""

    text: str
    confidence: float | None = None
    attempts: int = 1


def remembered(run: Run, key: str) -> Entry | None:
    """What stands under this key."""
    assert run.ports.cache is not None
    match run.ports.cache.get(key):
        case str() as text:
            return Entry(text)
        case {
            "text": str() as text,
            "confidence": float() | int() | None as sure,
            "attempts": int() as attempts,
        }:
            return Entry(text, sure, attempts)
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
