"""One answer of one model, in the order of the design page:

    render -> fit the context -> cache -> reserve -> generate -> validate -> check -> decide

`decide` keeps the answer, sends it back with what is wrong (repair), or fails.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from orchestrator.engine.frame import Frame
from orchestrator.engine.gate import Gate
from orchestrator.engine.prompt import Prompt, compose, measure, terms_of
from orchestrator.engine.run import Outcome, Run
from orchestrator.engine.verbs import failed_check
from orchestrator.engine.watch import Watch
from orchestrator.errors import ProviderError, StepError
from orchestrator.events import AttemptFinished, AttemptStarted, Warned
from orchestrator.graph.model import Node
from orchestrator.messages import Completion, Message, ModelInfo, Request, TokenCount, Usage
from orchestrator.policy.validate import Invalid, Valid, read_answer, repair_message
from orchestrator.spec.model import AgentStep

_NOTHING = Usage()
BRIEFLY = "Answer briefly."
CHARACTERS, SLACK = 16, 64
"""A generous size of a token, and of what may come in addition, before an answer counts as endless."""
Verdict = Literal["ok", "invalid", "check", "cut"]


@dataclass(slots=True)
class _Spent:
    """What one step used, over its attempts."""

    attempts: int = 0
    prompt: int = 0
    completion: int = 0
    seconds: float = 0.0

    def facts(self, model: str) -> dict[str, Any]:
        return {
            "model": model,
            "tokens": self.prompt + self.completion,
            "attempts": self.attempts,
            "seconds": round(self.seconds, 4),
            "error": None,
        }


async def answer(
    run: Run, node: Node, frame: Frame, path: str, name: str, extra: Mapping[str, Any] | None = None
) -> Outcome:
    """A valid answer of the model `name` to this step's prompt. Raises StepError or ProviderError."""
    gate = run.gates[name]
    info = gate.info or await gate.ready(run.ports.journal, run.ports.clock)
    terms = run.terms.get((id(node), name))
    if terms is None:
        terms = run.terms[id(node), name] = terms_of(run, node, gate, info)
    prompt = compose(node, frame, extra, terms.shape)
    request = terms.request(node, prompt)
    count = await measure(gate.model, prompt, request, info, name)
    key = _cache_key(run, node, request, info)
    if key is not None and (reused := _from_cache(run, node, frame, key, extra)) is not None:
        return Outcome(reused[0], _Spent().facts(name), cached=True)
    return await _attempts(
        run, node, frame, path, gate, _Draft(prompt, request, count, info, key, extra), terms.repairs
    )


@dataclass(frozen=True, slots=True)
class _Draft:
    """A request that fits, and what belongs to it."""

    prompt: Prompt
    request: Request
    count: TokenCount
    info: ModelInfo
    key: str | None
    extra: Mapping[str, Any] | None


async def _attempts(
    run: Run, node: Node, frame: Frame, path: str, gate: Gate, draft: _Draft, repairs: int
) -> Outcome:
    spent = _Spent()
    current = draft
    if path in run.recovered.unsettled:
        _warn_of_unsettled(run, path)
    while True:
        spent.attempts += 1
        completion = await _generate(run, path, gate, current, spent)
        verdict, value, problem = _judge(node, frame, completion, draft.extra)
        if verdict == "ok":
            _log(run, path, gate.name, spent, completion, "ok", "keep", "valid")
            if draft.key is not None and run.ports.cache is not None:
                run.ports.cache.put(draft.key, completion.text)
            return Outcome(value, spent.facts(gate.name))
        if spent.attempts > repairs:
            _log(run, path, gate.name, spent, completion, verdict, "fail", problem)
            raise StepError(
                "check" if verdict == "check" else "invalid",
                f"{_times(spent.attempts)} from model '{gate.name}', none valid: {problem}",
                hint="allow more `repair`, simplify the prompt or `output`, or say what happens with `on_error`",
                answer=completion.text,
            )
        _log(run, path, gate.name, spent, completion, verdict, "repair", problem)
        request, count = await _repaired(gate, draft, completion, "" if verdict == "cut" else problem)
        current = replace(draft, request=request, count=count)


def _times(attempts: int) -> str:
    return "one answer" if attempts == 1 else f"{attempts} answers"


def _warn_of_unsettled(run: Run, path: str) -> None:
    del run.recovered.unsettled[path]
    run.emit(
        Warned(
            at=run.now(),
            path=path,
            message="a call off this machine was under way when the run stopped; it may have been billed, "
            "and is made again",
        )
    )


def _judge(
    node: Node, frame: Frame, completion: Completion, extra: Mapping[str, Any] | None
) -> tuple[Verdict, Any, str]:
    match read_answer(completion.text, node.output, node.schema, completion.finish):
        case Invalid() as bad:
            return ("cut" if bad.kind == "cut" else "invalid"), None, bad.message
        case Valid() as good:
            failed = failed_check(node, frame, {**(extra or {}), "output": good.value})
            if failed:
                return "check", None, failed
            return "ok", good.value, ""


async def _repaired(
    gate: Gate, draft: _Draft, completion: Completion, problem: str
) -> tuple[Request, TokenCount]:
    """The original request with the bad answer and what is wrong with it; without the answer if that fits better.

    After an answer that was cut off (no `problem`) only the wish for a shorter one is added: a small model that
    reads about its answer writes about its answer.
    """
    complaint = Message("user", repair_message(problem) if problem else BRIEFLY)
    full = replace(
        draft.request, messages=(*draft.request.messages, Message("assistant", completion.text), complaint)
    )
    count = await gate.model.count(full.messages)
    if problem and completion.text.strip() and count.tokens + full.max_tokens <= draft.info.context:
        return full, count
    *before, last = draft.request.messages
    short = replace(
        draft.request, messages=(*before, replace(last, content=f"{last.content}\n\n{complaint.content}"))
    )
    count = await gate.model.count(short.messages)
    if count.tokens + short.max_tokens <= draft.info.context:
        return short, count
    raise StepError(
        "overflow",
        f"there is no room left in the context to repair the answer: {problem}",
        answer=completion.text,
    )


# ----------------------------------------------------------------------------------------------- generate


async def _generate(run: Run, path: str, gate: Gate, draft: _Draft, spent: _Spent) -> Completion:
    """One call, within the slots of the model and the budget of the run."""
    request, count = draft.request, draft.count
    async with gate.slots:
        reserved = count.tokens + request.max_tokens
        run.ledger.reserve(reserved, cloud=not draft.info.local)
        used = reserved
        run.emit(
            AttemptStarted(
                at=run.now(),
                path=path,
                attempt=spent.attempts,
                model=gate.name,
                messages=tuple({"role": m.role, "content": m.content} for m in request.messages),
                tokens=count.tokens,
                exact=count.exact,
                parts=draft.prompt.parts,
                intent=not draft.info.local,
            )
        )
        if not draft.info.local:
            await run.ports.journal.flush()
        began = time.monotonic()
        try:
            completion = await _watched(run, path, gate, request)
            used = completion.usage.prompt + completion.usage.completion
        except ProviderError as error:
            spent.seconds += time.monotonic() - began
            _log_fault(run, path, gate.name, spent, error)
            raise
        finally:
            run.ledger.settle(reserved, used)
    spent.seconds += time.monotonic() - began
    spent.prompt += completion.usage.prompt
    spent.completion += completion.usage.completion
    return completion


async def _watched(run: Run, path: str, gate: Gate, request: Request) -> Completion:
    """Generate; give up when nothing arrives for `idle` seconds or the whole takes longer than `wall`."""
    live = run.ports.live
    watch = Watch(run.watchdog, request.idle, request.wall)
    room = CHARACTERS * (request.max_tokens + SLACK)

    def emit(text: str) -> None:
        nonlocal room
        room -= max(len(text), CHARACTERS // 4)
        if room < 0:
            raise ProviderError(
                "refused",
                f"model '{gate.name}' goes on behind the {request.max_tokens} tokens it was asked for",
                hint="its server ignores the bound of the answer; use another server or model",
            )
        watch.progress()
        live(path, text)

    try:
        with watch:
            return await gate.model.generate(request, emit)
    except TimeoutError as error:
        raise ProviderError(
            "timeout", f"model '{gate.name}' {error}", hint="raise `timeout` or `wall` of the step"
        ) from None


def _log(
    run: Run,
    path: str,
    model: str,
    spent: _Spent,
    completion: Completion,
    outcome: Verdict,
    decision: Literal["keep", "repair", "fail"],
    reason: str,
) -> None:
    usage, timings = completion.usage, completion.timings
    run.emit(
        AttemptFinished(
            at=run.now(),
            path=path,
            attempt=spent.attempts,
            model=model,
            outcome=outcome,
            decision=decision,
            reason=reason,
            text=completion.text,
            thinking=completion.thinking,
            prompt_tokens=usage.prompt,
            completion_tokens=usage.completion,
            cached_tokens=usage.cached,
            seconds=timings.total,
            first_token=timings.first,
            rate=timings.generation_rate,
            retries=completion.retries,
        )
    )


def _log_fault(run: Run, path: str, model: str, spent: _Spent, error: ProviderError) -> None:
    run.emit(
        AttemptFinished(
            at=run.now(),
            path=path,
            attempt=spent.attempts,
            model=model,
            outcome="error",
            decision="fail",
            reason=f"{error.kind}: {error.message}",
            text="",
            thinking="",
            prompt_tokens=0,
            completion_tokens=0,
            cached_tokens=0,
            seconds=round(spent.seconds, 4),
            first_token=None,
            rate=None,
        )
    )


# -------------------------------------------------------------------------------------------------- cache


def _cache_key(run: Run, node: Node, request: Request, info: ModelInfo) -> str | None:
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
    content = {
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
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _from_cache(
    run: Run, node: Node, frame: Frame, key: str, extra: Mapping[str, Any] | None
) -> tuple[Any] | None:
    """The reused value in a tuple of one; None when there is none or it no longer passes."""
    assert run.ports.cache is not None
    text = run.ports.cache.get(key)
    if not isinstance(text, str):
        return None
    completion = Completion(text=text, finish="stop", usage=_NOTHING)
    verdict, value, _ = _judge(node, frame, completion, extra)
    return (value,) if verdict == "ok" else None
