"""One answer of one model, in the order of the design page:

    render -> label gate -> fit the context -> cache -> reserve -> generate -> validate -> check -> decide

`decide` keeps the answer, sends it back with what is wrong (repair), or fails. Knows no other model than the one asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from orchestrator.engine.asking import Admit, Asking, Conclusion, Draft, Verdict
from orchestrator.engine.call import admit_own, as_recorded, call, counted, finished, keep_here
from orchestrator.engine.frame import Frame
from orchestrator.engine.gate import Gate
from orchestrator.engine.looked import Looked, look_up
from orchestrator.engine.prompt import Prompt, Terms, compose, fits, fitted, prompt_of, terms_of
from orchestrator.engine.reuse import Entry, key_of, remember, remembered
from orchestrator.engine.room import squeezed
from orchestrator.engine.run import Outcome, Run
from orchestrator.engine.turns import turns
from orchestrator.engine.verbs import failed_check
from orchestrator.errors import StepError
from orchestrator.events import Warned
from orchestrator.graph.model import Node
from orchestrator.messages import Completion, Message, ModelInfo, Request, TokenCount, Usage
from orchestrator.policy.pick import varied
from orchestrator.policy.plainly import DOUBTFUL
from orchestrator.policy.quote import miscited
from orchestrator.policy.validate import Invalid, read_answer, repair_message
from orchestrator.spec.types import Type

VALID = "valid"
ANEW: Mapping[Verdict, str] = {
    "cut": "Answer briefly.",
    "refused": "Answer the task itself.",
    "repeated": "Your answer repeats itself. Write it once, briefly.",
}
"""What is added to the request after an answer that is not shown to the model again: it would go on in its way."""
ENDLESS: Mapping[Verdict, str] = {**ANEW, "repeated": ANEW["cut"]}
"""The same after an answer that the token limit ended: what has no end is mended best by the wish for a short one."""
MORE = "allow more `repair`, simplify the prompt or `output`"
"""What helps after most answers that cannot be used."""
UNCOUNTED = TokenCount(0, exact=False)
Ends: TypeAlias = Callable[[Verdict, str, float | None], bool]
"""Told the verdict, the text and the confidence of the last answer of a model: whether the step goes up from here."""


@dataclass(slots=True)
class Answer:
    """A valid answer of one model. Nothing changes it; frozen it would be slower to make, and each step makes one."""

    value: Any
    model: str
    text: str
    confidence: float | None = None
    cached: bool = False
    attempts: int = 1
    """How many answers it took, when they were given; a rule may ask."""


async def answer(
    run: Run,
    node: Node,
    frame: Frame,
    path: str,
    name: str,
    extra: Mapping[str, Any] | None = None,
    vary: int = 0,
) -> Outcome:
    """A valid answer of the model `name` to this step's prompt. Raises StepError or ProviderError.

    `vary` numbers the samples of one prompt, from 1; 0 where there is only one.
    """
    at = Asking(run, node, frame, path, extra, vary)
    gate = run.gates[name]
    info = gate.info or await gate.ready(run.ports.journal, run.ports.clock)
    terms: Terms = run.kept.of(node).get(name) or shared_terms(at, gate, info)
    if terms.looks:
        at.looked = await look_up(at, prompt_of(node, frame, extra))
    draft = drafted(at, gate, info, terms, at.looked)
    if gate.guarded:
        keep_here(at, gate, draft.parts, draft.request)
    draft.count = await gate.model.count(draft.request.messages)
    if terms.looks:
        draft = await _squeezed(at, draft, info, terms)
    fitted(draft.count, draft.prompt, draft.request, info, name)
    if terms.acts:
        draft = await turns(at, draft, terms.repairs, terms.shape)
    found = from_record(at, draft) if gate.leaves else None
    if found is None and draft.key is not None:
        found = from_cache(at, draft)
    if found is None:
        found = await attempts(at, draft, terms.repairs)
    return Outcome(found.value, at.facts(name, found.confidence), found.cached)


async def _squeezed(at: Asking, draft: Draft, info: ModelInfo, terms: Terms) -> Draft:
    return await squeezed(at, draft, lambda less: drafted(at, draft.gate, info, terms, less))


def drafted(at: Asking, gate: Gate, info: ModelInfo, terms: Terms, looked: Looked | None) -> Draft:
    """The request to one model, with this much of what was looked up; not counted yet. Raises StepError."""
    prompt = compose(at.node, at.frame, at.extra, terms, looked)
    request = terms.request(at.node, prompt)
    if at.vary > 1:
        request = replace(request, params=varied(request.params, at.vary))
    parts = names_of(prompt, at.extra) if gate.guarded else ()
    key = None if at.run.ports.cache is None else key_of(at.run, at.node, request, info)
    return Draft(gate, prompt, request, UNCOUNTED, parts, key, terms.read)


def shared_terms(at: Asking, gate: Gate, info: ModelInfo) -> Terms:
    """What all requests of this step to this model have in common, worked out once."""
    kept = at.run.kept.of(at.node)
    terms: Terms | None = kept.get(gate.name)
    if terms is None:
        terms = kept[gate.name] = terms_of(at.run, at.node, gate, info)
    return terms


def names_of(prompt: Prompt, extra: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The parts of a request as the labels of its step name them."""
    names = tuple(prompt.parts)
    if any(message.images for message in prompt.messages):
        names = (*names, "images")
    return (*names, "items") if extra and "items" in extra else names


# ------------------------------------------------------------------------------------------------- attempts


async def attempts(
    at: Asking, draft: Draft, repairs: int, admit: Admit = admit_own, ends: Ends | None = None
) -> Answer:
    """Ask, and send back what is wrong at most `repairs` times. Raises StepError or ProviderError.

    `ends` belongs to a step that can ask a bigger model, and says whether it will.
    """
    gate, first = draft.gate, at.spent.attempts
    if at.run.recovered.unsettled:
        _warn_of_unsettled(at, gate)
    current = draft
    while True:
        completion, price = await call(at, current, admit)
        verdict, value, problem = judge(at, draft, completion)
        tried = at.spent.attempts - first
        if verdict != "ok" and tried <= repairs:
            at.run.emit(finished(at, gate, completion, verdict, "repair", problem, price))
            current = await _repaired(at, draft, completion, verdict, problem)
            continue
        sure = _confidence(at, gate, completion) if draft.request.logprobs and verdict == "ok" else None
        if ends is not None:
            _conclude(at, gate, completion, verdict, problem, price, sure, ends)
        elif verdict == "ok":
            at.run.emit(finished(at, gate, completion, verdict, "keep", VALID, price, sure))
        else:
            at.run.emit(finished(at, gate, completion, verdict, "fail", problem, price))
        if verdict != "ok":
            raise _unusable(verdict, tried, gate.name, problem, completion.text)
        if draft.key is not None:
            remember(at.run, draft.key, Entry(completion.text, sure, tried if at.node.ladder else 1))
        return Answer(value, gate.name, completion.text, sure, attempts=tried)


def _conclude(
    at: Asking,
    gate: Gate,
    completion: Completion,
    verdict: Verdict,
    problem: str,
    price: int,
    sure: float | None,
    ends: Ends,
) -> None:
    """Write the last answer of a model down, with what becomes of it. Raises what `ends` raises."""
    valid = verdict == "ok"
    reason = VALID if valid else problem
    decision: Conclusion = "keep" if valid else "fail"
    try:
        if ends(verdict, completion.text, sure):
            decision = "escalate"
    except StepError:
        decision = "fail"
        raise
    finally:
        at.run.emit(finished(at, gate, completion, verdict, decision, reason, price, sure))


def _confidence(at: Asking, gate: Gate, completion: Completion) -> float | None:
    from orchestrator.policy.calibration import calibrated
    from orchestrator.policy.confidence import confidence

    if completion.sure is not None:
        return completion.sure
    sure = confidence(completion, at.node.output)
    if sure is None and not completion.logprobs:
        _warn_of_silence(at, gate)
    if sure is None or gate.info is None:
        return sure
    return calibrated(sure, at.node.calibrations, gate.info)


def _warn_of_silence(at: Asking, gate: Gate) -> None:
    """Say once when a server was asked how sure its model is, and did not say."""
    if gate.silent:
        return
    gate.silent = True
    message = (
        f"model '{gate.name}' gave no log-probabilities: its confidence is not known, and counts as 0 where `escalate` "
        "reads it"
    )
    at.run.emit(Warned(at=at.run.now(), path=at.path, message=message))


def _unusable(verdict: Verdict, tried: int, model: str, problem: str, text: str) -> StepError:
    times = "one answer" if tried == 1 else f"{tried} answers"
    more = "allow more `max_tokens` in `params`, ask for less" if verdict == "cut" else MORE
    return StepError(
        "check" if verdict == "check" else "invalid",
        f"{times} from model '{model}', none valid: {problem}",
        hint=f"{more}, or say what happens with `on_error`",
        answer=text,
    )


def judge(at: Asking, draft: Draft, completion: Completion) -> tuple[Verdict, Any, str]:
    """Whether an answer can be used, its value, and else what is wrong with it."""
    node = at.node
    value = draft.read(completion.text) if completion.finish == "stop" else DOUBTFUL
    if value is DOUBTFUL:
        asked = [message.content for message in draft.prompt.messages]
        found = read_answer(completion.text, node.output, node.schema, completion.finish, asked)
        if isinstance(found, Invalid):
            return ("invalid" if found.kind == "empty" else found.kind), None, found.message
        value = found.value
    failed = None if at.looked is None else _miscited(at.looked, draft, value, node.output)
    failed = failed or failed_check(node, at.frame, value, at.extra)
    return ("check", None, failed) if failed else ("ok", value, "")


def _miscited(looked: Looked, draft: Draft, value: Any, output: Type | None) -> str:
    """What is wrong with the sources that an answer cites; empty where nothing is, or the step has none."""
    return miscited(value, output, len(looked.shown_to(draft.gate.name))) if looked.searched else ""


async def _repaired(
    at: Asking, draft: Draft, completion: Completion, verdict: Verdict, problem: str
) -> Draft:
    """The original request with the bad answer and what is wrong with it; without the answer if that fits better.

    After an answer that was cut off, declined or went round in circles only a wish is added: a small model that reads
    about its answer writes about its answer.
    """
    wish = (ENDLESS if completion.finish == "length" else ANEW).get(verdict)
    if wish is None and completion.text.strip():
        complaint = Message("user", repair_message(problem))
        full = with_messages(draft, Message("assistant", completion.text), complaint)
        found = await _fitting(at, draft, full, (*draft.parts, "answer", "errors"))
        if found is not None:
            return found
    *before, last = draft.request.messages
    text = f"{last.content}\n\n{wish or repair_message(problem)}"
    short = replace(draft.request, messages=(*before, replace(last, content=text)))
    found = await _fitting(at, draft, short, (*draft.parts, "errors"))
    if found is not None:
        return found
    raise StepError(
        "overflow",
        f"there is no room left in the context to repair the answer: {problem}",
        answer=completion.text,
    )


async def _fitting(at: Asking, draft: Draft, request: Request, parts: tuple[str, ...]) -> Draft | None:
    """This request instead, if it fits."""
    count = await counted(at, draft.gate, parts, request)
    assert draft.gate.info is not None
    if not fits(count, request, draft.gate.info):
        return None
    return replace(draft, request=request, count=count, parts=parts)


def with_messages(draft: Draft, *more: Message) -> Request:
    return replace(draft.request, messages=(*draft.request.messages, *more))


# ----------------------------------------------------------------------------- what was answered before


def from_cache(at: Asking, draft: Draft) -> Answer | None:
    """The answer somebody had to the very same request, if it still passes."""
    entry = remembered(at.run, draft.key) if draft.key is not None else None
    if entry is None or (draft.request.logprobs and entry.confidence is None):
        return None
    verdict, value, _ = judge(at, draft, Completion(text=entry.text, finish="stop", usage=Usage()))
    if verdict != "ok":
        return None
    return Answer(value, draft.gate.name, entry.text, entry.confidence, cached=True, attempts=entry.attempts)


def from_record(at: Asking, draft: Draft, ends: Ends | None = None) -> Answer | None:
    """What this model answered to the very same request before the run was interrupted, valid or not.

    It is neither asked nor paid twice, and what was decided is decided again from the same facts. Raises StepError.
    """
    models = at.run.recovered.tried.get(at.path)
    tried = models.pop(draft.gate.name, None) if models else None
    if tried is None or tried.ended is None or tried.asked.messages != as_recorded(draft.request):
        return None
    ended, spent = tried.ended, at.spent
    completion = Completion(ended.text, "length" if ended.outcome == "cut" else "stop", Usage())
    verdict, value, problem = judge(at, draft, completion)
    if verdict != ended.outcome:
        return None
    spent.take(tried)
    if ends is not None:
        ends(verdict, ended.text, ended.confidence)
    if verdict != "ok":
        raise _unusable(verdict, tried.attempts, draft.gate.name, problem, ended.text)
    return Answer(value, draft.gate.name, ended.text, ended.confidence, attempts=tried.attempts)


def _warn_of_unsettled(at: Asking, gate: Gate) -> None:
    unsettled = at.run.recovered.unsettled
    if at.path not in unsettled or unsettled[at.path].model != gate.name:
        return
    del unsettled[at.path]
    at.run.emit(
        Warned(
            at=at.run.now(),
            path=at.path,
            message="a call off this machine was under way when the run stopped; it may have been billed, "
            "and is made again",
        )
    )
