"""A step that may ask bigger models: before its own model, or after it, one rung of its ladder after the other.

    [before] -> own model -> when -> privacy -> offline -> budget -> rung -> when -> ... -> the best that is valid

`policy.escalate` decides; this module finds the facts out and asks; `ground` writes every decision down. A rung that
cannot be asked (refused, too dear, down) leaves a valid answer standing and gives way to the next rung.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.engine.asking import Admit, Asking, Draft, Verdict
from orchestrator.engine.attempt import (
    Answer,
    attempts,
    drafted,
    from_cache,
    from_record,
    names_of,
    shared_terms,
)
from orchestrator.engine.call import keep_here, refused, stop
from orchestrator.engine.frame import Frame
from orchestrator.engine.gate import Gate
from orchestrator.engine.ground import Ground
from orchestrator.engine.looked import Looked, look_up, looks_up
from orchestrator.engine.prompt import fits, fitted, prompt_of
from orchestrator.engine.reuse import key_of
from orchestrator.engine.room import squeezed
from orchestrator.engine.run import Outcome, Run, evaluate
from orchestrator.engine.turns import has_tools, turns
from orchestrator.errors import CredentialsMissing, ProviderError, StepError, as_step_error
from orchestrator.graph.cloud import is_cloud
from orchestrator.graph.model import Node
from orchestrator.labels import HIGHEST, Label
from orchestrator.messages import Message
from orchestrator.money import Nano, nano
from orchestrator.policy.budget import Worst, too_dear, worst_of_cloud
from orchestrator.policy.clearance import clearance_of
from orchestrator.policy.escalate import Rule, Signals, carried
from orchestrator.policy.validate import repair_message
from orchestrator.spec.model import AgentStep, Escalate

RUNG_REPAIRS = 1
"""How often an invalid answer of a bigger model goes back to it."""
BETTER = "Write the whole answer again, and better."


async def climb(
    run: Run,
    node: Node,
    frame: Frame,
    path: str,
    name: str,
    extra: Mapping[str, Any] | None = None,
    vary: int = 0,
) -> Outcome:
    """A valid answer of the model `name` or of one on the ladder. Raises StepError."""
    at = Asking(run, node, frame, path, extra, vary)
    way = _Way(at, name, deque(node.ladder), Ground(at))
    if looks_up(node):
        way.at.looked = await look_up(way.at, prompt_of(node, frame, extra))
    own = await way.own_draft()
    if not await way.before():
        await way.ask_own(own)
    while way.rungs:
        if not way.wants():
            way.ground.stays()
            break
        await way.ask(way.rungs.popleft(), way.ground.rule)
    return way.outcome()


class _Stayed(Exception):
    """The budget does not allow the call that was about to be sent."""


@dataclass(slots=True)
class _Way:
    """Where one instance is on its ladder: what it has, and what it knows of that."""

    at: Asking
    name: str
    rungs: deque[str]
    """What nobody has tried to ask yet."""
    ground: Ground
    answer: Answer | None = None
    """The last valid one."""
    asked: str = ""
    """The model that was asked last."""
    text: str = ""
    problem: str = ""
    answered_before: int = 0
    """Answers that were reused, for the rule that counts attempts."""
    _wanted: bool | None = None

    # --------------------------------------------------------------------------------------- the own model

    async def own_draft(self) -> Draft | None:
        """The request to the step's own model, counted, whether it fits or not; None when that model is down.

        Raises StepError.
        """
        gate = self.at.run.gates[self.name]
        try:
            draft = await self._draft(gate)
            if gate.guarded:
                keep_here(self.at, gate, draft.parts, draft.request)
            draft = await squeezed(self.at, await _counted(draft), lambda less: self._made(gate, less))
        except ProviderError as error:
            self._fail(error)
            return None
        self.ground.signals = Signals(prompt_tokens=draft.count.tokens)
        return draft

    async def before(self) -> bool:
        """Whether `before` had a bigger model asked instead. Those that could not be asked are used up."""
        program = self.at.node.programs.get("before")
        if program is None:
            return False
        tokens = {"prompt_tokens": self.ground.signals.prompt_tokens}
        if not evaluate(self.at.node, "before", self.at.frame, {**(self.at.extra or {}), **tokens}):
            self.ground.passed_over()
            return False
        while self.rungs:
            if await self.ask(self.rungs.popleft(), "before"):
                return True
        return False

    async def ask_own(self, draft: Draft | None) -> None:
        """The local attempt, with its repairs. What it comes to stands in `answer` or `error`."""
        if draft is None:
            return  # the model is down, and `error` says so
        at, gate = self.at, draft.gate
        self.asked = gate.name
        assert gate.info is not None
        terms = shared_terms(at, gate, gate.info)
        repairs = terms.repairs
        try:
            fitted(draft.count, draft.prompt, draft.request, gate.info, gate.name)
            if has_tools(at.node):
                draft = await turns(at, draft, repairs, terms.shape)
            found = from_record(at, draft, self._ends) or self._from_cache(draft)
            self._take(found or await attempts(at, draft, repairs, ends=self._ends))
        except (StepError, ProviderError) as error:
            self._fail(error)

    # ------------------------------------------------------------------------------------------- the rungs

    async def ask(self, name: str, rule: Rule) -> bool:
        """Ask one bigger model, if it may and can be asked. Whether it answered, validly or not."""
        gate = self.at.run.gates[name]
        found = await self._reach(gate, rule)
        if found is None:
            return False
        draft, label, clearance = found
        evidence, self.asked = self.ground.signals, name
        admit = self._admit(gate, rule, label, clearance)
        try:
            if has_tools(self.at.node):
                if self._too_dear(gate, rule, draft):
                    return False
                draft = await self._worked(draft, admit)
            known = from_record(self.at, draft, self._ends) or self._from_cache(draft)
            if known is not None:
                self.ground.climbed(gate, rule, label, clearance, 0, self.at.run.ledger.left, evidence)
            elif self._too_dear(gate, rule, draft):
                return False
            self._take(known or await attempts(self.at, draft, RUNG_REPAIRS, admit, self._ends))
        except _Stayed:
            return False
        except ProviderError as error:
            self.ground.not_climbed(gate, rule, fault=error.message)
            return False
        except StepError as error:
            self._fail(error)
            if self.answer is not None:
                self.ground.not_climbed(
                    gate, rule, fault=f"the answer of '{name}' cannot be used: {error.message}"
                )
        return True

    async def _worked(self, draft: Draft, admit: Admit) -> Draft:
        """The request for the answer, after what this model had tools do."""
        info = draft.gate.info
        assert info is not None
        return await turns(self.at, draft, RUNG_REPAIRS, shared_terms(self.at, draft.gate, info).shape, admit)

    async def _reach(self, gate: Gate, rule: Rule) -> tuple[Draft, Label, Label] | None:
        """The request to a rung that may see it, with its label and clearance; None when it stays here."""
        run, flow = self.at.run, self.at.node.flow
        if run.ports.offline and is_cloud(gate.spec):
            self.ground.not_climbed(gate, rule, offline=True)
            return None
        try:
            draft = self._carrying(await self._draft(gate))
            why = refused(self.at, gate, draft.parts, draft.request)
            if why is not None or (run.ports.offline and gate.leaves):
                self.ground.not_climbed(gate, rule, refusal=why, offline=run.ports.offline and gate.leaves)
                return None
            draft = await squeezed(
                self.at, await _counted(draft), lambda less: self._carrying(self._made(gate, less))
            )
        except (ProviderError, CredentialsMissing) as error:
            self.ground.not_climbed(gate, rule, fault=error.message)
            return None
        assert gate.info is not None
        if not fits(draft.count, draft.request, gate.info):
            context = gate.info.context
            self.ground.not_climbed(
                gate, rule, fault=f"the prompt does not fit the {context} tokens of '{gate.name}'"
            )
            return None
        label = flow.request(draft.parts).label if flow is not None else HIGHEST
        return draft, label, clearance_of(gate.spec, not gate.leaves)

    async def _draft(self, gate: Gate) -> Draft:
        """The original request as this model gets it; counted it is only when it may go there."""
        await gate.ready(self.at.run.ports.journal, self.at.run.ports.clock)
        return self._made(gate, self.at.looked)

    def _made(self, gate: Gate, looked: Looked | None) -> Draft:
        """The same with this much of what was looked up."""
        at, info = self.at, gate.info
        assert info is not None
        draft = drafted(at, gate, info, shared_terms(at, gate, info), looked)
        draft.parts = draft.parts or names_of(draft.prompt, at.extra)  # its label is told whoever may see it
        rung = gate is not at.run.gates[self.name]
        if draft.request.logprobs and rung and not (info.logprobs and (self.rungs or at.node.confident)):
            request = replace(draft.request, logprobs=False)  # nobody decides anything behind the last rung
            return replace(draft, request=request, key=key_of(at.run, at.node, request, info))
        return draft

    def _from_cache(self, draft: Draft) -> Answer | None:
        """What somebody was answered before; the rule reads of it what it would have read then."""
        found = from_cache(self.at, draft)
        if found is not None:
            self.answered_before += found.attempts
            self._ends("ok", found.text, found.confidence)
        return found

    def _carrying(self, draft: Draft) -> Draft:
        """With what `carry` says of the attempt before; nothing of it unless the file says so."""
        found = carried(_rule(self.at.node).carry, self.text, self.problem)
        if not found:
            return draft
        more = [Message("assistant", found["answer"])] if "answer" in found else []
        more.append(Message("user", repair_message(found["errors"]) if "errors" in found else BETTER))
        request = replace(draft.request, messages=(*draft.request.messages, *more))
        info = draft.gate.info
        assert info is not None
        key = key_of(self.at.run, self.at.node, request, info)
        return replace(draft, request=request, parts=(*draft.parts, *found), key=key)

    def _too_dear(self, gate: Gate, rule: Rule, draft: Draft) -> bool:
        """Whether `escalate.usd` forbids this call: known before it waits for anything."""
        worst = worst_of_cloud(draft.request, gate.price) if gate.leaves else Worst(0)
        over = too_dear(worst, _cap(self.at.node), gate.name)
        if over:
            self.ground.not_climbed(
                gate, rule, budget=over, reserved=worst.usd or 0, left=self.at.run.ledger.left
            )
        return bool(over)

    def _admit(self, gate: Gate, rule: Rule, label: Label, clearance: Label) -> Admit:
        """Reserves a call of this rung; the first one is the climb itself."""
        run, cap, first = self.at.run, _cap(self.at.node), True

        def admit(_: Asking, worst: Worst) -> None:
            nonlocal first
            left = run.ledger.left
            over = too_dear(worst, cap, gate.name)
            error = None if over else run.ledger.forbids(worst)
            if error is not None and not run.ledger.goes_on_without(worst) and not run.ledger.closed:
                stop(run, error)
            if over or error is not None:
                reason = over or (error.message if error is not None else "")
                self.ground.not_climbed(gate, rule, budget=reason, reserved=worst.usd or 0, left=left)
                raise _Stayed
            run.ledger.reserve(worst)
            if first:
                first = False
                self.ground.climbed(gate, rule, label, clearance, worst.usd or 0, left)

        return admit

    # -------------------------------------------------------------------------------------------- deciding

    def wants(self) -> bool:
        """Whether the step's own rule asks for a bigger model than the one that answered last. Raises StepError."""
        if self._wanted is None:
            self._wanted = self._evaluated()
        return self._wanted

    def _evaluated(self) -> bool:
        if self.ground.rule == "failed":
            return self.ground.signals.failed
        scope = {**(self.at.extra or {}), **self.ground.signals.scope()}
        return bool(evaluate(self.at.node, "escalate", self.at.frame, scope))

    def _ends(self, verdict: Verdict, text: str, confidence: float | None) -> bool:
        """The last answer of a model: what the rule may read of it, and whether it asks for the next."""
        valid = verdict == "ok"
        self._know(invalid=not valid, failed=not valid, confidence=confidence if valid else 0.0)
        if valid and confidence is None and self.rungs and self._reads_confidence:
            self.ground.signals = replace(self.ground.signals, silent=self.asked)
        self.text = text
        return bool(self.rungs) and self.wants()

    @property
    def _reads_confidence(self) -> bool:
        when = self.at.node.programs.get("escalate")
        return when is not None and "confidence" in when.names

    def _know(self, *, invalid: bool, failed: bool, confidence: float | None) -> None:
        self._wanted = None
        self.ground.signals = replace(
            self.ground.signals,
            invalid=invalid,
            failed=failed,
            confidence=confidence,
            attempts=self.at.spent.attempts + self.answered_before,
            silent="",
        )

    def _take(self, answer: Answer) -> None:
        self.answer, self.ground.error, self.problem = answer, None, ""

    def _fail(self, error: StepError | ProviderError) -> None:
        """Nothing valid came. Raises what no bigger model can mend."""
        cause = as_step_error(error)
        escalates = _overflow(self.at) == "escalate"
        if cause.kind == "template" or (cause.kind == "overflow" and cause.answer is None and not escalates):
            raise cause
        self.ground.overflowed = cause.kind == "overflow" and cause.answer is None
        self.ground.error, self.problem = cause, cause.message
        self._know(invalid=cause.answer is not None, failed=True, confidence=0.0)

    def outcome(self) -> Outcome:
        """The value and the facts of the step. Raises StepError when no model gave anything valid."""
        answer, spent = self.answer, self.at.spent
        if answer is not None:
            facts = self.at.facts(answer.model, answer.confidence)
            facts["escalated"] = answer.model != self.name
            return Outcome(answer.value, facts, cached=spent.attempts == 0)
        assert self.ground.error is not None, "a model was asked"
        if not self.ground.not_asked:
            raise self.ground.error
        error = self.ground.error
        message = f"{error.message}; no bigger model helped: {'; '.join(self.ground.not_asked)}"
        raise StepError(error.kind, message, hint=error.hint, answer=error.answer)


async def _counted(draft: Draft) -> Draft:
    return replace(draft, count=await draft.gate.model.count(draft.request.messages))


def _rule(node: Node) -> Escalate:
    step = node.step
    assert isinstance(step, AgentStep)
    assert step.escalate is not None
    return step.escalate


def _cap(node: Node) -> Nano | None:
    usd = _rule(node).usd
    return None if usd is None else nano(usd)


def _overflow(at: Asking) -> str | None:
    step = at.node.step
    assert isinstance(step, AgentStep)
    return step.overflow or at.run.graph.workflow.defaults.overflow
