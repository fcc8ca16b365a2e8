"""One call of a model: within its slots, with a reservation, checked once more before it leaves, written down before
and after. Decides nothing about the answer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from orchestrator.engine.asking import Admit, Asking, Conclusion, Draft, Verdict
from orchestrator.engine.bill import Bill, cost_of
from orchestrator.engine.egress import Refusal, refusal, turn_away
from orchestrator.engine.gate import Gate
from orchestrator.engine.run import Blocked, Run
from orchestrator.engine.watch import Watch
from orchestrator.errors import BudgetExceeded, ProviderError, StepError
from orchestrator.events import AttemptFinished, AttemptStarted, Warned
from orchestrator.messages import Completion, Request, TokenCount
from orchestrator.money import FREE, Nano
from orchestrator.policy.budget import Worst, worst_of_cloud

# ------------------------------------------------------------------------------------------------ the gates


def refused(at: Asking, gate: Gate, parts: tuple[str, ...], request: Request) -> Refusal | None:
    """Why this request may not go to this model; asked before anything of it is sent, also to be counted."""
    if not gate.guarded:
        return None
    assert gate.info is not None
    secrets = at.run.ports.secrets
    return refusal(at.node.flow, parts, gate.spec, gate.info, messages=request.messages, secrets=secrets)


def keep_here(at: Asking, gate: Gate, parts: tuple[str, ...], request: Request) -> None:
    """Raise StepError for a request that may not go to this model, and write it down."""
    why = refused(at, gate, parts, request)
    if why is not None:
        turn_away(at.run, at.path, why, gate.name)


async def counted(at: Asking, gate: Gate, parts: tuple[str, ...], request: Request) -> TokenCount:
    """Its tokens; counting may send the texts, so that they have to be allowed there first."""
    if gate.guarded:
        keep_here(at, gate, parts, request)
    return await gate.model.count(request.messages)


def admit_own(at: Asking, worst: Worst) -> None:
    """How a step's own model is admitted: without a reservation the run ends, waits, or the step fails."""
    try:
        at.run.ledger.reserve(worst)
    except BudgetExceeded as error:
        if at.run.ledger.goes_on_without(worst):
            raise StepError("budget", error.message, hint=error.hint) from None
        stop(at.run, error)


def stop(run: Run, error: BudgetExceeded) -> None:
    """What `then` says: the step waits for a larger budget, or the run ends."""
    if run.ledger.then != "pause":
        raise error
    run.ledger.paused = error.message
    raise Blocked


# ------------------------------------------------------------------------------------------------- the call


async def call(at: Asking, draft: Draft, admit: Admit) -> tuple[Completion, Nano]:
    """The answer to one request and what it cost. Raises ProviderError, and what `admit` raises.

    It waits for a slot, then for what running calls have reserved; between the check that succeeds, the reservation and
    its record nothing waits.
    """
    run, gate, spent, request = at.run, draft.gate, at.spent, draft.request
    slots = gate.slots
    if not slots.take(draft):
        await slots.turn(draft)
    try:
        if gate.leaves:
            worst, ask = worst_of_cloud(request, gate.price), _ask_away
        else:
            worst, ask = Worst(draft.count.tokens + request.max_tokens), _ask_here
        if not run.line.is_due(worst):
            await run.line.turn(worst)
        if gate.guarded:
            keep_here(at, gate, draft.parts, request)
        admit(at, worst)
        run.emit(_started(at, draft, worst))
        began = time.monotonic()
        try:
            completion, price = await ask(at, gate, request, worst, began)
        finally:
            spent.seconds += time.monotonic() - began
        if slots.learns:
            slots.learn(draft, completion)
    finally:
        slots.release(draft)
    usage = completion.usage
    spent.prompt += usage.prompt
    spent.completion += usage.completion
    spent.cost += price
    return completion, price


async def _ask_here(
    at: Asking, gate: Gate, request: Request, worst: Worst, began: float
) -> tuple[Completion, Nano]:
    """A call on this machine: it takes tokens of the budget, and money at most for the hours it computes."""
    used = worst.tokens
    if gate.slots.learns and not gate.waited:
        request = replace(request, waits=partial(_waits, at, gate))
    try:
        with Watch(at.run.watchdog, request, at.run.ports.live, at.path, gate.name) as hear:
            completion = await gate.model.generate(request, hear)
        used = completion.usage.prompt + completion.usage.completion
    except ProviderError as error:
        at.run.emit(_faulty(at, gate, error, 0, began))
        raise
    finally:
        at.run.line.settle(worst, used)
    return completion, 0 if gate.price is FREE else cost_of(gate, completion, worst)


async def _ask_away(
    at: Asking, gate: Gate, request: Request, worst: Worst, began: float
) -> tuple[Completion, Nano]:
    """A call that leaves the machine: durable before it is sent, and sent again only with a reservation more."""
    bill = Bill(at, gate, worst)
    try:
        await at.run.ports.journal.flush()
        request = replace(request, again=bill.again)
        with Watch(at.run.watchdog, request, at.run.ports.live, at.path, gate.name) as hear:
            completion = await gate.model.generate(request, hear)
    except ProviderError as error:
        bill.failed(error)
        at.spent.cost += bill.lost
        at.run.emit(_faulty(at, gate, error, bill.lost, began))
        raise
    else:
        price = bill.paid(completion)
    finally:
        bill.close()
    _doubt(at, gate, completion)
    return completion, price


def _waits(at: Asking, gate: Gate, why: str) -> None:
    """Say once that other runs fill the model's slots: it looks frozen otherwise."""
    if not gate.waited:
        gate.waited = True
        at.run.emit(Warned(at=at.run.now(), path=at.path, message=f"model '{gate.name}': {why}"))


def _doubt(at: Asking, gate: Gate, completion: Completion) -> None:
    """Say once when a cloud says that another model answered: its answers and prices are not those of the one asked."""
    if gate.doubted or not completion.model or gate.info is None:
        return
    served = _bare(completion.model)
    asked = {_bare(gate.info.ref.partition(":")[2]), _bare(gate.name)}
    if any(served.startswith(name) or name.startswith(served) for name in asked):
        return
    gate.doubted = True
    message = (
        f"model '{gate.name}' is {gate.info.ref}, but its server says that {completion.model[:80]} answered"
    )
    at.run.emit(Warned(at=at.run.now(), path=at.path, message=message))


def _bare(model: str) -> str:
    """The name without the house before it: `openai/gpt-5-mini` is gpt-5-mini."""
    return model.rpartition("/")[2].lower()


# ------------------------------------------------------------------------------------------------ the record


def _started(at: Asking, draft: Draft, worst: Worst) -> AttemptStarted:
    """Its fields in their order: by name it takes three times as long to make. So it is with what follows."""
    at.spent.attempts += 1
    gate, count = draft.gate, draft.count
    return AttemptStarted(
        at.run.now(),
        at.path,
        at.spent.attempts,
        gate.name,
        as_recorded(draft.request),
        count.tokens,
        count.exact,
        draft.prompt.parts,
        gate.leaves,
        worst.usd or 0,
    )


def as_recorded(request: Request) -> tuple[Mapping[str, Any], ...]:
    """The messages of a request as the record holds them."""
    return tuple([{"role": m.role, "content": m.content} for m in request.messages])


def finished(
    at: Asking,
    gate: Gate,
    completion: Completion,
    outcome: Verdict,
    decision: Conclusion,
    reason: str,
    price: Nano,
    confidence: float | None = None,
) -> AttemptFinished:
    usage, timings = completion.usage, completion.timings
    return AttemptFinished(
        at.run.now(),
        at.path,
        at.spent.attempts,
        gate.name,
        outcome,
        decision,
        reason,
        completion.text,
        completion.thinking,
        usage.prompt,
        usage.completion,
        usage.cached,
        round(timings.total, 4),
        timings.first,
        timings.generation_rate,
        completion.retries,
        price,
        confidence,
    )


def _faulty(at: Asking, gate: Gate, error: ProviderError, lost: Nano, began: float) -> AttemptFinished:
    return AttemptFinished(
        at=at.run.now(),
        path=at.path,
        attempt=at.spent.attempts,
        model=gate.name,
        outcome="error",
        decision="fail",
        reason=f"{error.kind}: {error.message}",
        text="",
        thinking="",
        prompt_tokens=0,
        completion_tokens=0,
        cached_tokens=0,
        seconds=round(time.monotonic() - began, 4),
        first_token=None,
        rate=None,
        cost=lost,
    )


__all__ = ["admit_own", "call", "counted", "keep_here", "refused", "stop"]
