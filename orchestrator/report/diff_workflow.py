"""Two revisions of a workflow for a person (rows) and for a program (JSON). What may newly leave stands first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from orchestrator.plan.compare import Comparison, StepChange
from orchestrator.report import diff_words as say
from orchestrator.report.diff_lines import Row, rows_of, unified
from orchestrator.report.words import count


def rows(found: Comparison) -> Iterator[Row]:
    """Everything that differs, what leaves first."""
    if not found.differs:
        yield ((f"no difference in {count(found.same, 'step')}", "good"),)
        return
    yield from _leaving(found)
    yield from _list("file", say.changes(found.file, str))
    yield from _list("models", say.changes(found.models, str))
    yield from _steps(found)
    yield from _list("worst case", [_moved(*row) for row in say.worst(found)])
    yield from _list("cache", say.anew(found.anew, str))


def _leaving(found: Comparison) -> Iterator[Row]:
    if not found.news:
        yield (("nothing newly leaves this machine", "good"),)
    else:
        yield ((f"MAY NEWLY LEAVE THIS MACHINE: {count(len(found.news), 'way')}", "bad"),)
        for one in found.news:
            yield ((f"  ! {say.news(one, str)}", "bad"),)
    for way in found.gone:
        yield ((f"  no longer leaves: step {way.step} → {way.sink} ({way.kind})", "good"),)


def _list(title: str, lines: list[str]) -> Iterator[Row]:
    if lines:
        yield ()
        yield ((title, "bold"),)
        for line in lines:
            yield ((f"  {line}", ""),)


def _moved(name: str, before: str, after: str) -> str:
    return f"{name}: {before}" if before == after else f"{name}: {before} → {after}"


def _steps(found: Comparison) -> Iterator[Row]:
    if not found.steps:
        return
    yield ()
    same = f", {count(found.same, 'step')} the same" if found.same else ""
    yield ((f"steps: {count(len(found.steps), 'difference')}{same}", "bold"),)
    for change in found.steps:
        role = {"added": "good", "removed": "bad"}.get(change.what, "")
        yield ((f"  {say.step(change, str)}", role),)
        if change.what in ("changed", "renamed"):
            yield from (((f"    {line}", ""),) for line in say.changes(change.keys, str))
        yield from _texts(change)


def _texts(change: StepChange) -> Iterator[Row]:
    for text in change.texts:
        yield ((f"    {text.key}", "dim"),)
        yield from rows_of(unified(text.before, text.after), "      ")


def data(found: Comparison) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "newly_leaves": [
            {**asdict(one.way), "why": dict(one.why), "was": one.was and asdict(one.was)}
            for one in found.news
        ],
        "no_longer_leaves": [asdict(way) for way in found.gone],
        "file": [asdict(one) for one in found.file],
        "models": [asdict(one) for one in found.models],
        "steps": [_step(one) for one in found.steps],
        "same_steps": found.same,
        "worst": {"before": asdict(found.before), "after": asdict(found.after)},
        "asked_anew": [asdict(one) for one in found.anew],
        "differs": found.differs,
    }


def _step(change: StepChange) -> dict[str, Any]:
    texts = [{"key": one.key, "diff": unified(one.before, one.after)} for one in change.texts]
    return {**asdict(change), "texts": texts}


__all__ = ["data", "rows"]
