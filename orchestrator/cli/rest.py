"""What the part of a run that runs anew may take at most: calls of models, and money."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.cli.again import Copy, Rest
    from orchestrator.plan.bounds import StepBound
    from orchestrator.plan.count import Count
    from orchestrator.plan.overview import Overview

ONE_ITEM = re.compile(r"\.\d+([@^#].*)?$")
"""How the path of one item ends, also of one of its models, merges or samples."""


def rest_of(copy: Copy) -> Rest:
    """An upper bound over the steps that run anew."""
    from orchestrator.cli.again import Rest
    from orchestrator.cli.leaving import price
    from orchestrator.plan.count import of
    from orchestrator.plan.overview import overview
    from orchestrator.providers.registry import is_cloud

    plan, calls = overview(copy.graph, copy.inputs, is_cloud, price), of(0)
    shares = dict(_shares(copy, plan))
    for step in plan.steps:
        calls += _share(step.calls, shares, step.path)
    usd: int | None = 0
    for one in plan.leaves:
        share = _share(one.calls, shares, one.step)
        part = 0 if share.known == 0 else None
        if share.known is not None and one.each is not None:
            part = share.known * one.each
        usd = None if usd is None or part is None else usd + part
    return Rest(str(calls), calls.known, usd)


def _share(calls: Count, shares: Mapping[str, tuple[StepBound, ...] | None], step: str) -> Count:
    """Of the calls of a step those of the instances that are anew."""
    from orchestrator.plan.count import Count

    places = shares.get(step, ())
    if places is None:
        return calls
    each = [_of_one(calls, place) for place in places]
    known = [number for number in each if number is not None]
    if len(known) < len(each):
        return calls
    most = sum(known) if calls.known is None else min(sum(known), calls.known)
    return Count({(): most}) if most else Count({})


def _shares(copy: Copy, plan: Overview) -> Iterator[tuple[str, tuple[StepBound, ...] | None]]:
    """For each step that is anew the steps and groups of which single instances are; None where all of it is."""
    from orchestrator.engine.record import step_of
    from orchestrator.plan.bounds import bounds

    counted = bounds(copy.graph, copy.inputs)
    known = {one.path: one for one in (*counted.steps, *counted.groups)}
    paths = dict.fromkeys(
        path.partition("~")[0] for path in copy.survey.reasons()
    )  # a pass may need further ones
    anew = [(step_of(path), _within(path, known)) for path in paths]
    for step in plan.steps:
        mine = [
            one
            for place, one in anew
            if step.path == place or step.path.startswith((f"{place}.", f"{place}@"))
        ]
        if mine:
            single = tuple(one for one in mine if one is not None)
            yield step.path, single if len(single) == len(mine) else None


def _within(path: str, known: Mapping[str, StepBound]) -> StepBound | None:
    """The innermost step or group that a path is one instance of, or lies in one of; None where there is none.

    The path of a whole list of a `foreach` lies in one instance of the group around it.
    """
    from orchestrator.engine.record import step_of

    while path:
        place = known.get(step_of(path))
        if place is not None and path != place.path and (not _is_fan(place) or ONE_ITEM.search(path)):
            return place
        path = path.rpartition(".")[0]
    return None


def _is_fan(place: StepBound) -> bool:
    return "foreach" in place.node.programs


def _of_one(calls: Count, place: StepBound) -> int | None:
    """Calls within one instance, where every product of both is known to be a multiple."""
    runs = place.instances
    shares = {term: calls.terms.get(term, 0) / times for term, times in runs.terms.items()}
    if not shares or calls.terms.keys() - runs.terms.keys() or len(set(shares.values())) != 1:
        return None
    share = next(iter(shares.values()))
    return int(share) if share == int(share) else None


__all__ = ["rest_of"]
