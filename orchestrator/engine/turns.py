"""An agent with tools, turn by turn: ask what it wants to do, do it, show the result, until it wants to answer.

    [choose -> call -> result] at most `max_turns` times -> the request for the answer

What a tool gives is data: it stands in a message of the user, never in the system's. Decides nothing about the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.engine.asking import Admit, Asking, Draft
from orchestrator.engine.bound import Bound, bound
from orchestrator.engine.call import admit_own, as_recorded, call, counted, finished
from orchestrator.engine.invoke import invoke
from orchestrator.engine.prompt import Prompt, fits
from orchestrator.engine.reuse import Entry, key_of, remember, remembered
from orchestrator.engine.run import evaluate
from orchestrator.errors import StepError
from orchestrator.events import Decided, Warned
from orchestrator.graph.model import Node
from orchestrator.messages import Completion, Message, Request, TokenCount
from orchestrator.policy.turns import (
    NOW,
    TURNS,
    Choice,
    Menu,
    circle,
    failure_text,
    fingerprint,
    instructions,
    menu,
    read_choice,
    result_text,
)
from orchestrator.policy.validate import Invalid, repair_message
from orchestrator.spec.model import AgentStep

CHARACTERS = 2.5
"""Characters a token of a result has at least, as a rule: JSON has short ones."""
LEAST = 400
"""Characters of a result that are shown however little room there is; what does not fit then is an error."""
PATIENCE = 60.0
"""Seconds a call may take when nobody says."""
TOLD = frozenset({"tool", "timeout"})
"""Kinds of failure that the model is told about; the others end the step."""
AGAIN = "You have called this already, and the result is the same. Do something else, or answer."


def has_tools(node: Node) -> bool:
    """Whether the agent of this step may call anything."""
    return node.agent is not None and bool(node.agent.spec.tools)


async def turns(at: Asking, draft: Draft, repairs: int, shape: str, admit: Admit = admit_own) -> Draft:
    """The request for the answer, with everything that was called before it. Raises StepError or ProviderError.

    `draft` is the request as it is without tools; when none was called it is what remains. `shape` says the format of
    the answer.
    """
    way = await _begin(at, draft)
    assert at.node.agent is not None
    most = at.node.agent.spec.max_turns or TURNS
    for _ in range(most):
        choice = await _choose(at, way, repairs, admit)
        if not choice.tool:
            break
        await _do(at, way, choice)
    else:
        _stop(at, f"{most} calls are the most that this step makes: it has to answer now")
    return await way.answer(at, shape) if way.history else draft


@dataclass(slots=True)
class _Way:
    """How far one agent is: what it may choose among, and all that was said since its prompt."""

    draft: Draft
    """The request without tools."""
    menu: Menu
    tools: Mapping[str, Bound]
    opening: tuple[Message, ...]
    """The request with what is said about tools in the place of the format."""
    said: list[Message] = field(default_factory=list)
    history: list[bytes] = field(default_factory=list)
    results: int = 0
    """Characters of all results."""

    async def ask(self, at: Asking) -> Draft:
        """The request for the next choice."""
        info = self.draft.gate.info
        assert info is not None
        most = min(self.menu.tokens, info.context // 2)
        request = replace(
            self.draft.request,
            messages=(*self.opening, *self.said),
            schema=self.menu.schema,
            max_tokens=most,
            logprobs=False,
        )
        return await self._fitted(at, request)

    async def answer(self, at: Asking, shape: str) -> Draft:
        """The request for the answer."""
        last = f"{NOW} {shape}" if shape else NOW
        said = list(self.said)
        if said[-1].role == "user":
            said[-1] = replace(said[-1], content=f"{said[-1].content}\n\n{last}")
        else:
            said.append(Message("user", last))
        return await self._fitted(at, replace(self.draft.request, messages=(*self.opening, *said)))

    async def _fitted(self, at: Asking, request: Request) -> Draft:
        gate, info = self.draft.gate, self.draft.gate.info
        assert info is not None
        sizes = {**self.draft.prompt.parts} | ({"tool_results": self.results} if self.results else {})
        parts = (*self.draft.parts, "tool_results") if self.history and gate.guarded else self.draft.parts
        count = await counted(at, gate, parts, request)
        if not fits(count, request, info):
            raise _too_long(count, request, sizes, gate.name, info.context)
        key = key_of(at.run, at.node, request, info)
        return replace(
            self.draft,
            prompt=Prompt(request.messages, sizes),
            request=request,
            count=count,
            parts=parts,
            key=key,
        )


def _too_long(
    count: TokenCount, request: Request, sizes: Mapping[str, int], model: str, context: int
) -> StepError:
    biggest = max(sizes, key=lambda name: sizes[name])
    return StepError(
        "overflow",
        f"with what its tools gave, the prompt takes {count.tokens} tokens and the answer may take "
        f"{request.max_tokens}, but model '{model}' holds {context}; the biggest part is the {biggest}",
        hint="lower `max_turns`, have the tools give less, or give the model more `context`",
    )


async def _begin(at: Asking, draft: Draft) -> _Way:
    tools = await _opened(at)
    choices = menu([tool.signature for tool in tools])
    role = str(evaluate(at.node, "role", at.frame, at.extra)).strip() if "role" in at.node.programs else ""
    told = instructions(choices)
    system = Message("system", f"{role}\n\n{told}" if role else told)
    rest = draft.request.messages
    if rest and rest[0].role == "system":
        rest = rest[1:]
    return _Way(draft, choices, {tool.signature.name: tool for tool in tools}, (system, *rest))


async def _opened(at: Asking) -> Sequence[Bound]:
    """The tools of the agent. What the file decides about their arguments is not the model's to choose."""
    assert at.node.agent is not None
    return [await bound(at, name) for name in at.node.agent.spec.tools or ()]


# --------------------------------------------------------------------------------------------- one choice


async def _choose(at: Asking, way: _Way, repairs: int, admit: Admit) -> Choice:
    """What the model wants to do next. What cannot be read is sent back like any answer."""
    asked = await way.ask(at)
    choice, text = _reused(at, way, asked), ""
    current, tried = asked, 0
    while choice is None:
        completion, price = await call(at, current, admit)
        tried += 1
        found = read_choice(completion.text, completion.finish, way.menu)
        if not isinstance(found, Invalid):
            wanted = f"calls {found.tool}" if found.tool else "wants to answer"
            at.run.emit(finished(at, asked.gate, completion, "ok", "call", wanted, price))
            if asked.key is not None:
                remember(at.run, asked.key, Entry(completion.text))
            choice = found
            break
        again = tried <= repairs
        at.run.emit(
            finished(at, asked.gate, completion, "cut" if found.kind == "cut" else "invalid",
                     "repair" if again else "fail", found.message, price)
        )  # fmt: skip
        if not again:
            raise StepError(
                "invalid",
                f"{tried} tries of model '{asked.gate.name}' to choose a tool, none valid: {found.message}",
                hint="allow more `repair`, give the agent fewer tools, or say what happens with `on_error`",
                answer=completion.text,
            )
        current = await _sent_back(at, asked, completion, found.message)
    text = _as_text(choice, way.menu)
    way.said.append(Message("assistant", text))
    return choice


def _as_text(choice: Choice, choices: Menu) -> str:
    """The choice as our own grammar writes it, whatever was around it."""
    import json

    content = (
        {"tool": choice.tool, "arguments": dict(choice.arguments)}
        if choice.tool
        else {"tool": choices.answer}
    )
    return json.dumps(content, ensure_ascii=False)


async def _sent_back(at: Asking, asked: Draft, completion: Completion, problem: str) -> Draft:
    more = (Message("assistant", completion.text), Message("user", repair_message(problem)))
    request = replace(asked.request, messages=(*asked.request.messages, *more))
    parts = (*asked.parts, "answer", "errors") if asked.gate.guarded else asked.parts
    count = await counted(at, asked.gate, parts, request)
    info = asked.gate.info
    assert info is not None
    if not fits(count, request, info):
        raise StepError("overflow", f"there is no room left in the context to repair a choice: {problem}")
    return replace(asked, request=request, count=count, parts=parts)


def _reused(at: Asking, way: _Way, asked: Draft) -> Choice | None:
    """What the model chose at the very same request: before the run was interrupted, or in another run."""
    text = _recorded(at, asked)
    if text is None:
        entry = remembered(at.run, asked.key) if asked.key is not None else None
        text = entry.text if entry is not None else None
    found = read_choice(text, "stop", way.menu) if text is not None else None
    return found if isinstance(found, Choice) else None


def _recorded(at: Asking, asked: Draft) -> str | None:
    turned = at.run.recovered.turned.get(at.path)
    if not turned:
        return None
    tried = turned[0]
    if tried.ended is None or tried.asked.model != asked.gate.name:
        return None
    if tried.asked.messages != as_recorded(asked.request):
        return None
    turned.pop(0)
    at.spent.take(tried)
    return tried.ended.text


# ----------------------------------------------------------------------------------------------- one call


async def _do(at: Asking, way: _Way, choice: Choice) -> None:
    """Call what was chosen, and show the result. A call that fails is told to the model; it may do better."""
    at.spent.calls += 1
    tool = way.tools[choice.tool]
    try:
        result = await invoke(
            at.run, at.node, at.path, at.spent.calls, tool.tool, tool.whole(choice.arguments), _patience(at)
        )
    except StepError as error:
        if error.kind not in TOLD:
            raise
        text, whole = failure_text(choice.tool, error.message), True
    else:
        text, whole = result_text(choice.tool, result.value, await _room(at, way))
    if not whole:
        _warn(
            at,
            f"{choice.tool} gave more than fits beside the rest of the prompt: the model sees the beginning",
        )
    mark = fingerprint(choice, text)
    seen = mark in way.history
    way.history.append(mark)
    way.results += len(text)
    way.said.append(Message("user", f"{text}\n\n{AGAIN}" if seen else text))
    if period := circle(way.history):
        _refuse_circle(at, choice, period)


def _patience(at: Asking) -> float:
    step, defaults = at.node.step, at.run.graph.workflow.defaults
    assert isinstance(step, AgentStep)
    return step.timeout or defaults.timeout or PATIENCE


async def _room(at: Asking, way: _Way) -> int:
    """Characters of the next result: half of what is left, so that there is room for another one."""
    info = way.draft.gate.info
    assert info is not None
    asked = await way.ask(at)
    left = info.context - asked.count.tokens - max(way.draft.request.max_tokens, asked.request.max_tokens)
    return max(LEAST, int(left * CHARACTERS / 2))


def _refuse_circle(at: Asking, choice: Choice, period: int) -> None:
    what = f"{choice.tool} was called" if period == 1 else f"the same {period} calls were made"
    reason = f"{what} again and again with the same arguments and the same result"
    _stop(at, reason)
    hint = "say in the role when to answer, give it other tools, or `escalate` to a bigger model"
    raise StepError("turns", reason, hint=hint)


def _stop(at: Asking, reason: str) -> None:
    at.run.emit(Decided(at=at.run.now(), path=at.path, choice="stop", rule="turns", reason=reason))


def _warn(at: Asking, message: str) -> None:
    at.run.emit(Warned(at=at.run.now(), path=at.path, message=message))


__all__ = ["has_tools", "turns"]
