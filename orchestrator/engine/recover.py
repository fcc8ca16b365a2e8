"""What an interrupted run already knows, folded from its events: the start of `orch resume`."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from orchestrator.events import (
    TAKEN,
    AskAnswered,
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    CallFinished,
    CallStarted,
    Decided,
    Event,
    Retrieved,
    RunResumed,
    RunStarted,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from orchestrator.money import shown
from orchestrator.policy.keep import noted


class Done:
    """A finished instance: its value and facts. A skipped one has the value None.

    There may be a hundred thousand of them: what their facts are called is held once.
    """

    __slots__ = ("_names", "_said", "skipped", "value")

    def __init__(self, value: Any, facts: Mapping[str, Any], *, skipped: bool = False) -> None:
        self.value = value
        self.skipped = skipped
        self._names = _one(tuple(facts))
        self._said = tuple([_one(fact) if type(fact) is str else fact for fact in facts.values()])

    @property
    def facts(self) -> Mapping[str, Any]:
        """Made anew each time."""
        return dict(zip(self._names, self._said, strict=True))


@lru_cache(maxsize=1024)
def _one(same: Hashable) -> Any:
    """One of all that are equal: names of models, names of facts."""
    return same


@dataclass(slots=True)
class Tried:
    """What one model was asked for an instance that did not finish: its first request, and its last answer.

    `ended` is None while nothing was decided about an answer. Tokens, nano-dollars and seconds of all its attempts.
    """

    asked: AttemptStarted
    ended: AttemptFinished | None = None
    attempts: int = 0
    prompt: int = 0
    completion: int = 0
    cost: int = 0
    seconds: float = 0.0

    def finish(self, event: AttemptFinished) -> None:
        self.attempts += 1
        self.prompt += event.prompt_tokens
        self.completion += event.completion_tokens
        self.cost += event.cost
        self.seconds += event.seconds
        over = event.decision != "repair" and event.outcome != "error"
        self.ended = event if over else None


@dataclass(slots=True)
class Called:
    """What is known of one call of a tool. `ended` is None while it had not come back."""

    began: CallStarted
    ended: CallFinished | None = None

    @property
    def outcome(self) -> str:
        """`ok`, `error`, or `unknown`: it may have had its effect."""
        return self.ended.outcome if self.ended is not None else "unknown"

    @property
    def counts(self) -> bool:
        """Whether it must not be made again without a thought: it had its one effect, or may have had it."""
        return self.began.effects == "once" and self.outcome != "error"


@dataclass(slots=True)
class Recovered:
    """Finished instances by path, questions that are open or answered, and what has been spent."""

    started: RunStarted | None = None
    done: dict[str, Done] = field(default_factory=dict)
    asked: dict[str, AskOpened] = field(default_factory=dict)
    answered: dict[str, AskAnswered] = field(default_factory=dict)
    containers: dict[str, bool] = field(default_factory=dict)
    """Groups, lists and subworkflows that began, by path, and whether they ended."""
    unsettled: dict[str, AttemptStarted] = field(default_factory=dict)
    """Calls off this machine that were about to be made and of which nothing more is known, by path."""
    tried: dict[str, dict[str, Tried]] = field(default_factory=dict)
    """What models were asked for instances that did not finish, by path and model: an answer is not bought twice."""
    turned: dict[str, list[Tried]] = field(default_factory=dict)
    """What agents with tools chose to do, turn by turn, in instances that did not finish, by path."""
    retrieved: dict[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    """Passages that were found for instances that did not finish: the index may have changed since."""
    recalled: dict[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    """Turns of earlier runs that were recalled for them."""
    exampled: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Lines of the worked examples that were chosen for them."""
    withheld: dict[str, str] = field(default_factory=dict)
    """Digests (empty for none) of values that were made and not kept (`keep:`), by path: these steps run again."""
    lost: dict[str, str] = field(default_factory=dict)
    """Those among them that a model off this machine answered, and its name: nobody pays twice without being asked."""
    calls: dict[str, dict[int, Called]] = field(default_factory=dict)
    """Calls of tools of instances that did not finish, by path and number; of failed ones those that count."""
    away: dict[str, str] = field(default_factory=dict)
    """Models off this machine that were asked, by path."""
    tokens: int = 0
    cloud_calls: int = 0
    paid: int = 0
    """Nano-dollars for calls off this machine; what a call had reserved that never ended counts as spent."""
    limits: dict[str, int] = field(default_factory=dict)
    """Limits of the budget that were raised when the run was resumed: `usd` (nano-dollars), `tokens`, `cloud_calls`."""
    overrun: str = ""
    """How a bill was larger than its reservation: the way out stays closed, until somebody raises a limit."""
    _open: dict[str, int] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Take one event of the record in; `settled` follows the last.

        A step that did not finish runs again; answers it had already been given are kept beside it. Containers (groups,
        foreach, subworkflows) are not recorded: their values are made of their steps' values.
        """
        match event:
            case AttemptStarted():
                self._attempt_started(event)
            case AttemptFinished():
                self._attempt_finished(event)
            case StepStarted():
                if event.items is not None or event.verb in ("steps", "workflow"):
                    self.containers.setdefault(event.path, False)
            case StepFinished():
                self._finished(event)
            case StepFailed():
                if event.kept:
                    self.done[event.path] = Done(None, event.facts or {})
                self._failed(event.path)
            case StepSkipped():
                self.done[event.path] = Done(None, {}, skipped=True)
            case CallStarted():
                self.call_started(event)
            case CallFinished():
                self.call_finished(event)
            case _:
                self._take_rare(event)

    def _take_rare(self, event: Event) -> None:
        match event:
            case RunStarted():
                self.started = event
            case AskOpened():
                self.asked[event.path] = event
            case AskAnswered():
                self.answered[event.path] = event
            case Retrieved():
                self._looked_up(event)
            case Decided(choice="again"):
                self._sent_again(event)
            case RunResumed():
                self.settled()
                self.raised(event.budget)
            case _:
                pass

    def _finished(self, event: StepFinished) -> None:
        if "kept" in event.facts:
            self._withheld(event)
        elif event.handled or "container" not in event.facts:
            self.done[event.path] = Done(event.value, _own(event.facts))
            self.forget(event.path)
            self.calls.pop(event.path, None)
        else:
            self.containers[event.path] = True

    def settled(self) -> Recovered:
        """Nobody will end the calls that are open now: what they had reserved counts as spent."""
        self.paid += sum(self._open.values())
        self._open.clear()
        for models in self.tried.values():
            for name in [name for name, tried in models.items() if tried.ended is None]:
                del models[name]
        return self

    def raised(self, limits: Mapping[str, int]) -> None:
        """Somebody raised limits of the budget, and opened the way out again by that."""
        self.limits |= limits
        if limits:
            self.overrun = ""

    def forget(self, path: str) -> None:
        """What was tried and looked up for an instance that ended: it has its value, or is asked anew."""
        for kept in (self.tried, self.turned, self.retrieved, self.recalled, self.exampled):
            kept.pop(path, None)

    def _attempt_started(self, event: AttemptStarted) -> None:
        models = self.tried.setdefault(event.path, {})
        if event.model not in models or models[event.model].ended is not None:  # not a repair
            models[event.model] = Tried(event)
        if event.intent:
            self.away[event.path] = event.model
            self.unsettled[event.path] = event
            self.cloud_calls += 1
            self._open[event.path] = self._open.get(event.path, 0) + event.reserved

    def _attempt_finished(self, event: AttemptFinished) -> None:
        self.tokens += event.prompt_tokens + event.completion_tokens
        if event.path in self._open:
            reserved = self._open.pop(event.path)
            self.paid += event.cost
            if event.cost > reserved > 0:
                self.overrun = f"a call was billed {shown(event.cost)}, with {shown(reserved)} reserved"
        self.unsettled.pop(event.path, None)
        tried = self.tried.get(event.path, {}).get(event.model)
        if tried is not None:
            tried.finish(event)
            if event.decision == "call":
                self.turned.setdefault(event.path, []).append(tried)
                del self.tried[event.path][event.model]

    def call_started(self, event: CallStarted) -> None:
        self.calls.setdefault(event.path, {})[event.call] = Called(event)

    def call_finished(self, event: CallFinished) -> None:
        """How a call ended, or what a person says about it."""
        called = self.calls.get(event.path, {}).get(event.call)
        if called is not None:
            called.ended = event

    def _failed(self, path: str) -> None:
        """The instance begins anew; an effect that it had, or may have had, stays."""
        self.forget(path)
        counted = {number: called for number, called in self.calls.pop(path, {}).items() if called.counts}
        if counted:
            self.calls[path] = counted

    def _withheld(self, event: StepFinished) -> None:
        note = noted(event.value)
        self.withheld[event.path] = note[1] if note else ""
        self.forget(event.path)
        if event.path in self.away:
            self.lost[event.path] = self.away[event.path]

    def _looked_up(self, event: Retrieved) -> None:
        if event.source == "examples":
            self.exampled[event.path] = tuple(one["line"] for one in event.found if "line" in one)
        elif all(noted(one.get("text")) is None for one in event.found):
            known = self.recalled if event.source == "memory" else self.retrieved
            known[event.path] = event.found

    def _sent_again(self, event: Decided) -> None:
        if event.path in self._open:
            self._open[event.path] += event.reserved
            self.cloud_calls += 1


def _own(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a text may read of them."""
    return {name: fact for name, fact in facts.items() if name != TAKEN} if TAKEN in facts else facts


def recover(events: Iterable[Event]) -> Recovered:
    """The fold of a whole record."""
    state = Recovered()
    for event in events:
        state.take(event)
    return state.settled()
