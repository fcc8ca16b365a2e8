"""Two revisions of a workflow side by side: what may newly leave, steps, prompts, models, cost, and what is asked anew.

Pure: whoever knows git and prices passes both graphs and their plans in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from orchestrator.graph.model import Graph
from orchestrator.money import dollars, shown
from orchestrator.plan.compare_made import Made, Reads, closure, every_graph, made_of, plain
from orchestrator.plan.compare_ways import News, Way, newly, ways
from orchestrator.plan.overview import Overview
from orchestrator.plan.spend import worst
from orchestrator.spec.model import InputSpec
from orchestrator.spec.schema import describe

DIGITS = 12
"""Of a digest that is shown."""
FILE_KEYS = ("inputs", "outputs", "budget", "egress", "keep", "defaults")


@dataclass(frozen=True, slots=True)
class Change:
    """One key; `before` and `after` as compact JSON, None where it is not said."""

    key: str
    before: str | None
    after: str | None
    only_use: bool = False
    """A model that the file neither gained nor lost: a step began to use it, or none does any more."""


@dataclass(frozen=True, slots=True)
class TextChange:
    """A prompt, a role or a question; empty where there is none."""

    key: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class StepChange:
    """`was` is the old path of a step that has another name, and in everything else the file says the same of it."""

    path: str
    what: Literal["added", "removed", "renamed", "changed"]
    verb: str
    was: str = ""
    keys: tuple[Change, ...] = ()
    texts: tuple[TextChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Worst:
    """The worst case of one revision: `calls` in words, `usd` when there is a bound, `bound` says which or why none."""

    calls: str
    cloud_calls: str
    usd: float | None
    bound: str


@dataclass(frozen=True, slots=True)
class Anew:
    """A step whose answers in the cache no longer fit: because of its own parts (`why`), or of `after` before it."""

    step: str
    why: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    news: tuple[News, ...]
    gone: tuple[Way, ...]
    steps: tuple[StepChange, ...]
    same: int
    file: tuple[Change, ...]
    models: tuple[Change, ...]
    before: Worst
    after: Worst
    anew: tuple[Anew, ...]

    @property
    def differs(self) -> bool:
        cost = self.before != self.after
        return bool(self.news or self.gone or self.steps or self.file or self.models or self.anew or cost)


@dataclass(frozen=True, slots=True)
class Side:
    """One revision that is valid."""

    graph: Graph
    plan: Overview


def compare(before: Side, after: Side, reads: Reads) -> Comparison:
    """Everything that differs. `reads` gives the inputs that a step itself reads."""
    old, new = made_of(before.graph, reads), made_of(after.graph, reads)
    renamed = _renamed(old, new)
    news, gone = newly(ways(before.graph, before.plan, old), ways(after.graph, after.plan, new), renamed)
    steps = tuple(_steps(old, new, renamed))
    changed = {one.path for one in steps}
    return Comparison(
        news,
        gone,
        steps,
        sum(path not in changed for path in new),
        _changes(_file(before.graph), _file(after.graph)),
        _of_models(before, after),
        worst_of(before),
        worst_of(after),
        tuple(_anew(old, new, renamed, before.plan)),
    )


# ------------------------------------------------------------------------------------------------ steps


def _renamed(old: Mapping[str, Made], new: Mapping[str, Made]) -> dict[str, str]:
    """Old path by new path, only where nothing else differs and no other step could be meant."""
    found = {}
    added = [one for path, one in new.items() if path not in old]
    removed = [one for path, one in old.items() if path not in new]
    for one in added:
        like = [other for other in removed if _alike(other, one)]
        rivals = [other for other in added if _alike(one, other)]
        if len(like) == 1 and len(rivals) == 1:
            found[one.path] = like[0].path
    return found


def _alike(one: Made, other: Made) -> bool:
    """The same in every key and text, in the same group, and it says enough to be told from others."""
    home = one.path.rpartition(".")[0] == other.path.rpartition(".")[0]
    return home and one.verb == other.verb and one.keys == other.keys and one.texts == other.texts


def _steps(
    old: Mapping[str, Made], new: Mapping[str, Made], renamed: Mapping[str, str]
) -> Iterator[StepChange]:
    for path, one in new.items():
        was = old.get(path)
        if was is not None:
            keys = (*_once(_changes(was.keys, one.keys)), *_files(was, one))
            texts = _texts(was.texts, one.texts)
            if keys or texts or was.verb != one.verb:
                yield StepChange(path, "changed", one.verb, keys=keys, texts=texts)
        elif path in renamed:
            keys = tuple(_files(old[renamed[path]], one))
            yield StepChange(path, "renamed", one.verb, was=renamed[path], keys=keys)
        else:
            yield StepChange(
                path, "added", one.verb, keys=_changes({}, one.keys), texts=_texts({}, one.texts)
            )
    for path, one in old.items():
        if path not in new and path not in renamed.values():
            yield StepChange(path, "removed", one.verb, texts=_texts(one.texts, {}))


def _files(was: Made, one: Made) -> Iterator[Change]:
    """Cases, documents and code that stand behind the step as before, and say something else; by their digests."""
    for name in sorted(was.files.keys() & one.files.keys()):
        before, after = was.files[name], one.files[name]
        if before != after:
            yield Change(name, _shown(before), _shown(after))


def _shown(digest: str) -> str:
    return json.dumps(f"sha256:{digest[:DIGITS]}…", ensure_ascii=False)


def _once(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Without models that come or go where the step's list of models says so already."""
    if all(one.key != "models" for one in changes):
        return changes
    return tuple(
        one
        for one in changes
        if not one.key.startswith("model ") or (one.before is not None and one.after is not None)
    )


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    names = dict.fromkeys((*before, *after))
    return tuple(
        Change(name, _text(before, name), _text(after, name))
        for name in names
        if before.get(name) != after.get(name)
    )


def _text(found: Mapping[str, Any], name: str) -> str | None:
    return json.dumps(found[name], ensure_ascii=False) if name in found else None


def _texts(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[TextChange, ...]:
    names = dict.fromkeys((*before, *after))
    pairs = [(name, before.get(name, ""), after.get(name, "")) for name in names]
    return tuple(TextChange(*pair) for pair in pairs if pair[1] != pair[2])


# ------------------------------------------------------------------------------------------------ file, models, cost


def _file(graph: Graph) -> dict[str, Any]:
    said = plain(graph.workflow, graph)
    for name, spec in graph.workflow.inputs.items():
        said["inputs"][name] |= {k: t if isinstance(t, str) else describe(t) for k, t in _types(spec)}
    return {
        f"{key}.{name}" if name else key: value
        for key in FILE_KEYS
        for name, value in (said[key].items() if isinstance(said.get(key), dict) else [("", said.get(key))])
        if value is not None
    }


def _types(spec: InputSpec) -> list[tuple[str, Any]]:
    """As the file writes them, not as this program holds them."""
    return [("type", spec.type), *([("rows", spec.rows)] if spec.rows is not None else [])]


def _models(side: Side) -> dict[str, Any]:
    """Every model by name: what the file says of it, and where it runs."""
    away = {name for model in side.plan.models if model.cloud for name in model.names}
    found: dict[str, Any] = {}
    for prefix, graph in every_graph(side.graph):
        for name, spec in graph.models.items():
            where = {"runs": "off this machine" if name in away else "this machine"}
            found[prefix + name] = plain(spec, graph) | where
    return found


def _of_models(before: Side, after: Side) -> tuple[Change, ...]:
    """Of models that are used; one that the file says, or does not say, on both sides is neither new nor gone."""
    old, new = _declared(before), _declared(after)
    return tuple(
        replace(
            one, only_use=(one.before is None or one.after is None) and (one.key in old) == (one.key in new)
        )
        for one in _changes(_models(before), _models(after))
    )


def _declared(side: Side) -> set[str]:
    return {prefix + name for prefix, graph in every_graph(side.graph) for name in graph.workflow.models}


def worst_of(side: Side) -> Worst:
    """Calls and dollars, if every call is made."""
    plan, budget = side.plan, side.graph.workflow.budget
    amount = worst(plan.leaves)
    cap = budget.usd if budget is not None else None
    cloud = " + ".join(str(one.calls) for one in plan.leaves) or "0"
    if not plan.leaves:
        return Worst(str(plan.calls), "0", 0.0, "no model off this machine")
    if amount is not None and (cap is None or dollars(amount) <= cap):
        return Worst(
            str(plan.calls), cloud, dollars(amount), f"at most {shown(amount)}, if every call is made"
        )
    if cap is not None:
        return Worst(str(plan.calls), cloud, cap, f"at most ${cap:g}, by budget.usd")
    return Worst(str(plan.calls), cloud, None, f"no bound: {_open(plan)}")


def _open(plan: Overview) -> str:
    """Why nobody can say what a run costs at most."""
    unpriced = dict.fromkeys(one.ref for one in plan.leaves if one.price is None)
    if unpriced:
        return f"nobody knows what {', '.join(unpriced)} costs"
    names = dict.fromkeys(name for one in plan.leaves for name in (*one.open, *one.calls.unknowns))
    return f"{', '.join(names) or 'a length'} may be of any size"


# ------------------------------------------------------------------------------------------------ the cache


def _anew(
    old: Mapping[str, Made], new: Mapping[str, Made], renamed: Mapping[str, str], plan: Overview
) -> Iterator[Anew]:
    """Steps that had answers in the cache and will be asked again."""
    kept = {step.path for step in plan.steps if step.reused}
    own = {path: _differing(old.get(renamed.get(path, path)), one) for path, one in new.items()}
    for path, one in new.items():
        was = renamed.get(path, path)
        cached = was in kept or ("file" in one.asked and was in old)
        if not cached:
            continue
        if own[path]:
            yield Anew(path, own[path])
            continue
        before = closure(new, path) - {path}
        moved = [name for name in new if name in (before | set(one.within)) and own[name]]
        gone = closure(old, was) - {renamed.get(name, name) for name in before} - {was}
        if moved or gone:
            yield Anew(path, after=(*moved, *sorted(gone)))


def _differing(was: Made | None, one: Made) -> tuple[str, ...]:
    if was is None:
        return ("new",)
    names = dict.fromkeys((*was.asked, *one.asked))
    parts: tuple[str, ...] = ("cases of ", "documents of ", "code of ")
    if was.asked.get("models") != one.asked.get("models"):
        parts = (*parts, "model ")  # the list of models says which came and went
    both = [n for n in names if not n.startswith(parts) or (n in was.asked and n in one.asked)]
    return tuple(name for name in both if was.asked.get(name) != one.asked.get(name))


__all__ = ["Anew", "Change", "Comparison", "Side", "StepChange", "TextChange", "Worst", "compare", "worst_of"]
