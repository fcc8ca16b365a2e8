"""What a run may cost at most, and what it will cost if it goes as runs of this workflow went before.

The worst case of a call is the engine's own reservation: no tokenizer makes more tokens than there are bytes, and the
longest answer. Runs nothing; whoever knows prices and history passes them in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from orchestrator.messages import Message, Request
from orchestrator.money import Nano, Price, nano
from orchestrator.plan.bounds import StepBound
from orchestrator.plan.count import Count
from orchestrator.plan.prompts import PromptSize
from orchestrator.policy.answer_size import answer_tokens
from orchestrator.policy.budget import worst_of_cloud
from orchestrator.spec.model import AgentStep, ModelSpec

CLOUD_CONTEXT = 128_000
"""Tokens that a cloud model is taken to hold when the file does not say: only the bound of plain answers depends on it."""
BYTES = 4
"""The most bytes one character takes."""
TOKEN_BYTES, COMPLAINT = 16, 1000
"""A generous size of a token, by which the engine bounds answers, and of what is said about a wrong one, in bytes."""
PriceOf = Callable[[ModelSpec], Price | None]


@dataclass(frozen=True, slots=True)
class Leaving:
    """The calls of one step to one model off this machine.

    `bytes` is the longest request as far as it is known, that of a repair included: it holds the answer before it and
    what is wrong with it. `open` names what may add any length. `each` is the most one
    call may cost in nano-dollars, `whole` all of them: None where a length, a count or the price is not known. `caps`
    says what bounds it instead: `escalate.usd`.
    """

    step: str
    model: str
    ref: str
    calls: Count
    climbs: bool
    bytes: int
    open: tuple[str, ...]
    price: Price | None
    each: Nano | None
    whole: Nano | None
    caps: str = ""


def leaving(
    step: StepBound,
    path: str,
    size: PromptSize | None,
    is_cloud: Callable[[ModelSpec], bool],
    price_of: PriceOf,
) -> Iterable[Leaving]:
    """What one step may send off this machine, model by model."""
    for names, calls, climbs in ((step.models, step.own, False), (step.ladder, step.rung, True)):
        for name in names:
            spec = step.spec(name)
            if is_cloud(spec):
                yield _leaving(step, path, name, spec, calls, size, price_of(spec), climbs=climbs)


def _leaving(
    step: StepBound,
    path: str,
    name: str,
    spec: ModelSpec,
    calls: Count,
    size: PromptSize | None,
    price: Price | None,
    *,
    climbs: bool,
) -> Leaving:
    size = size or PromptSize((), 0, ("the prompt",))
    again = climbs or _own_repair(step) != 0
    request = _request(step, spec, size, again=again)
    worst = worst_of_cloud(request, price).usd
    each, caps = (None if size.open else worst), ""
    cap = _cap(step) if climbs else None
    if cap is not None and (each is None or each > cap):
        each, caps = cap, "escalate.usd"
    times = calls.known
    return Leaving(
        step=path,
        model=name,
        ref=spec.use,
        calls=calls,
        climbs=climbs,
        bytes=sum(len(m.content.encode("utf-8", "surrogatepass")) for m in request.messages),
        open=size.open,
        price=price,
        each=each,
        whole=None if each is None or times is None else each * times,
        caps=caps,
    )


def _own_repair(step: StepBound) -> int | None:
    own = step.node.step
    assert isinstance(own, AgentStep)
    return own.repair if own.repair is not None else step.graph.workflow.defaults.repair


def _request(step: StepBound, spec: ModelSpec, size: PromptSize, *, again: bool) -> Request:
    """The longest request: what types allow is filled with the longest characters there are."""
    node = step.node
    wanted = spec.params.get("max_tokens")
    if node.agent is not None and node.agent.spec.params is not None:
        wanted = node.agent.spec.params.max_tokens or wanted
    limit = wanted or answer_tokens(node.output, spec.context or CLOUD_CONTEXT)
    more = size.allowance * BYTES + (limit * TOKEN_BYTES + COMPLAINT if again else 0)
    filler = (Message("user", "x" * more),) if more else ()
    return Request((*size.messages, *filler), limit, node.schema)


def _cap(step: StepBound) -> Nano | None:
    own = step.node.step
    assert isinstance(own, AgentStep)
    if own.escalate is None or own.escalate.usd is None:
        return None
    return nano(own.escalate.usd)


def worst(found: Iterable[Leaving]) -> Nano | None:
    """All of it together; None when one part has no bound."""
    amounts = [one.whole for one in found]
    return None if None in amounts else sum(amount for amount in amounts if amount is not None)


# -------------------------------------------------------------------------------------------- expected


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier runs of the same workflow did at one step: answers, of those from off this machine, nano-dollars."""

    answers: int = 0
    away: int = 0
    cost: Nano = 0

    def __add__(self, other: Past) -> Past:
        return replace(
            self,
            answers=self.answers + other.answers,
            away=self.away + other.away,
            cost=self.cost + other.cost,
        )


@dataclass(frozen=True, slots=True)
class Expected:
    """A run like those before: `cost` in nano-dollars, `away` of its answers from off this machine; of `runs` runs."""

    cost: Nano
    answers: int
    away: int
    runs: int


def expected(steps: Iterable[StepBound], past: Mapping[str, Past], runs: int) -> Expected | None:
    """The planned instances at the rates of earlier runs; None without history or while a count is not known."""
    if not runs:
        return None
    amount = answers = away = 0.0
    for step in steps:
        known = past.get(step.path)
        if known is None or not known.answers or not step.models:
            continue
        planned = step.instances.known
        if planned is None:
            return None
        answers += planned
        away += planned * known.away / known.answers
        amount += planned * known.cost / known.answers
    return Expected(round(amount), round(answers), round(away), runs)


__all__ = ["Expected", "Leaving", "Past", "expected", "leaving", "worst"]
