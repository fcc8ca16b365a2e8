"""Makes room in a prompt that does not fit: worked examples or passages are left out one by one, and it is said.

fits? -> without the example that is least like the question -> fits? -> ... -> fits, or an error
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from orchestrator.engine.asking import Asking, Draft
from orchestrator.engine.call import counted
from orchestrator.engine.looked import Looked
from orchestrator.engine.prompt import fits
from orchestrator.events import Warned
from orchestrator.spec.model import AgentStep


async def squeezed(at: Asking, draft: Draft, make: Callable[[Looked], Draft]) -> Draft:
    """The draft with as much of what was looked up as fits, when `overflow` allows that; else as it is, counted.

    `make` writes the draft anew with less of it.
    """
    info, whole = draft.gate.info, at.looked
    if whole is None or info is None or fits(draft.count, draft.request, info):
        return draft
    rest, overflow = whole, _overflow(at)
    while not fits(draft.count, draft.request, info):
        less = _fewer(rest, overflow)
        if less is None:
            return draft
        rest, draft = less, make(less)
        draft = replace(draft, count=await counted(at, draft.gate, draft.parts, draft.request))
    whole.left[draft.gate.name] = len(rest.sources)
    _tell(at, draft.gate.name, whole, rest)
    return draft


def _overflow(at: Asking) -> str:
    step, defaults = at.node.step, at.run.graph.workflow.defaults
    own = step.overflow if isinstance(step, AgentStep) else None
    return own or defaults.overflow or "drop-examples"


def _fewer(looked: Looked, overflow: str) -> Looked | None:
    """Without the oldest turn, the example that is least like the question, or the last passage; None when nothing may go."""
    if overflow != "error" and looked.turns:
        return replace(looked, turns=looked.turns[1:])
    if overflow == "drop-examples" and looked.examples:
        return replace(looked, examples=looked.examples[:-1])
    if overflow == "drop-sources" and looked.sources:
        return replace(looked, sources=looked.sources[:-1])
    return None


def _tell(at: Asking, model: str, whole: Looked, rest: Looked) -> None:
    """Once per step and model; the parts of each attempt say it of each prompt."""
    kept, key = at.run.kept.of(at.node), f":no room {model}"
    if key in kept:
        return
    kept[key] = True
    sizes = (
        (len(whole.examples) - len(rest.examples), len(whole.examples), "examples"),
        (len(whole.sources) - len(rest.sources), len(whole.sources), "passages"),
        (len(whole.turns) - len(rest.turns), len(whole.turns), "turns of the conversation"),
    )
    lost = " and ".join(f"{less} of {all_of_them} {what}" for less, all_of_them, what in sizes if less)
    message = (
        f"{lost} had no room in the context of model '{model}' and were left out; other prompts of this step may "
        "lose some too"
    )
    at.run.emit(Warned(at=at.run.now(), path=at.path, message=message))


__all__ = ["squeezed"]
