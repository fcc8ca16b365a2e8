"""Two runs side by side: figures first, then how many instances of each step differ and in what. Knows no store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from orchestrator.money import shown
from orchestrator.report import words
from orchestrator.report.diff_facts import RunFacts, differing
from orchestrator.report.diff_instance import figures
from orchestrator.report.diff_lines import Row, as_text, rows_of, unified
from orchestrator.report.paths import step_of
from orchestrator.report.summary import Use, steps_done


@dataclass(slots=True)
class StepDiff:
    """One step of the file: how many of its instances are the same, differ (`why` counts in what), or are on one side."""

    step: str
    same: int = 0
    changed: int = 0
    only_before: int = 0
    only_after: int = 0
    withheld: int = 0
    why: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class RunsDiff:
    """`differing` are the paths of all instances that differ, with what differs in them (`only before`, `only after`)."""

    before: RunFacts
    after: RunFacts
    steps: tuple[StepDiff, ...]
    differing: tuple[tuple[str, tuple[str, ...]], ...]
    inputs: tuple[str, ...]

    @property
    def differs(self) -> bool:
        ends = (
            self.before.outputs != self.after.outputs
            or self.before.figures.status != self.after.figures.status
        )
        return bool(self.differing or self.inputs or ends)


def compare_runs(before: RunFacts, after: RunFacts) -> RunsDiff:
    """Instances are matched by their paths."""
    steps: dict[str, StepDiff] = {}
    found: list[tuple[str, tuple[str, ...]]] = []
    for path in dict.fromkeys((*before.instances, *after.instances)):
        step = steps.setdefault(step_of(path), StepDiff(step_of(path)))
        why = _why(before, after, path, step)
        if why:
            step.why.update(why)
            found.append((path, why))
    names = dict.fromkeys((*before.inputs, *after.inputs))
    inputs = tuple(name for name in names if before.inputs.get(name) != after.inputs.get(name))
    return RunsDiff(before, after, tuple(steps.values()), tuple(found), inputs)


def _why(before: RunFacts, after: RunFacts, path: str, step: StepDiff) -> tuple[str, ...]:
    one, other = before.instances.get(path), after.instances.get(path)
    if one is None or other is None:
        step.only_after += one is None
        step.only_before += other is None
        return ("only after",) if one is None else ("only before",)
    step.withheld += one.withheld or other.withheld
    why = differing(one, other)
    step.changed += bool(why)
    step.same += not why
    return why


# ------------------------------------------------------------------------------------------------ shown


def summary_rows(found: RunsDiff, names: tuple[str, str], *, values: bool = True) -> Iterator[Row]:
    """Figures and steps. Without `values` nothing that a run read, was asked or answered."""
    if found.before.workflow != found.after.workflow:
        yield ((f"two workflows: {found.before.workflow} and {found.after.workflow}", "warn"),)
    elif found.before.source != found.after.source:
        yield (("the workflow was changed between them", "warn"),)
    for name, old, new in _totals(found):
        role = "" if old == new else "warn"
        yield ((f"{name:<9}", "dim"), (old if old == new else f"{old} → {new}", role))
    for name in found.inputs:
        yield ((f"input {name} differs", "bold"),)
        if values:
            yield from rows_of(unified(_value(found.before.inputs, name), _value(found.after.inputs, name)))
    yield ()
    for step in found.steps:
        yield _step(step, names)
    if values and found.before.outputs != found.after.outputs:
        yield ()
        yield (("result", "bold"),)
        yield from rows_of(unified(as_text(found.before.outputs), as_text(found.after.outputs)))


def _value(inputs: Any, name: str) -> str:
    return as_text(inputs[name]) if name in inputs else ""


def _totals(found: RunsDiff) -> Iterator[tuple[str, str, str]]:
    one, other = found.before.figures, found.after.figures
    yield "status", one.status, other.status
    yield "at work", words.seconds(one.seconds), words.seconds(other.seconds)
    yield "steps", words.number(steps_done(one)), words.number(steps_done(other))
    if one.failed or other.failed:
        yield "failed", words.number(one.failed), words.number(other.failed)
    if one.cached or other.cached:
        yield "cached", words.number(one.cached), words.number(other.cached)
    yield "calls", words.number(one.total.calls), words.number(other.total.calls)
    yield "tokens", _tokens(one.total), _tokens(other.total)
    away = [f.went.startswith("escalated") for f in found.before.instances.values()]
    later = [f.went.startswith("escalated") for f in found.after.instances.values()]
    if any(away) or any(later):
        yield "escalated", words.number(sum(away)), words.number(sum(later))
    yield "cost", shown(one.spending.total().cost), shown(other.spending.total().cost)


def _tokens(use: Use) -> str:
    return f"{words.number(use.prompt_tokens)} in, {words.number(use.completion_tokens)} out"


def _step(step: StepDiff, names: tuple[str, str]) -> Row:
    parts = [f"{step.same:,} the same"] if step.same else []
    if step.changed:
        kinds = [kind for kind in step.why if not kind.startswith("only ")]
        parts.append(f"{step.changed:,} differ ({', '.join(f'{k} {step.why[k]:,}' for k in kinds)})")
    parts += [f"{step.only_before:,} only in {names[0]}"] if step.only_before else []
    parts += [f"{step.only_after:,} only in {names[1]}"] if step.only_after else []
    parts += [f"{step.withheld:,} not kept in full"] if step.withheld else []
    differs = step.changed or step.only_before or step.only_after
    return (
        (f"{step.step}: ", "bold" if differs else "dim"),
        ("; ".join(parts), "warn" if differs else "dim"),
    )


def runs_json(found: RunsDiff, limit: int) -> dict[str, Any]:
    """The same as JSON; at most `limit` of the instances that differ, with their figures."""
    one, other = found.before, found.after
    return {
        "differs": found.differs,
        "totals": [{"name": n, "before": a, "after": b} for n, a, b in _totals(found)],
        "inputs": [
            {"name": name, "before": one.inputs.get(name), "after": other.inputs.get(name)}
            for name in found.inputs
        ],
        "outputs": None if one.outputs == other.outputs else {"before": one.outputs, "after": other.outputs},
        "steps": [
            {
                "step": s.step,
                "same": s.same,
                "changed": s.changed,
                "only_before": s.only_before,
                "only_after": s.only_after,
                "withheld": s.withheld,
                "why": dict(s.why),
            }
            for s in found.steps
        ],
        "differing": len(found.differing),
        "instances": [
            {
                "path": path,
                "why": list(why),
                "before": figures(one.instances[path]) if path in one.instances else None,
                "after": figures(other.instances[path]) if path in other.instances else None,
            }
            for path, why in found.differing[:limit]
        ],
    }


__all__ = ["RunsDiff", "StepDiff", "compare_runs", "runs_json", "summary_rows"]
