"""A plan for a person: tables of steps, models and knowledge, and what is to be said in sentences."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli import leaving
from orchestrator.cli.console import Console
from orchestrator.cli.plan_measured import form_of, memory_of
from orchestrator.report import words

if TYPE_CHECKING:
    from orchestrator.graph.model import Graph
    from orchestrator.messages import TokenCount
    from orchestrator.plan.overview import Overview, PlannedModel, PlannedStep

NARROW = 46


def print_plan(
    graph: Graph,
    plan: Overview,
    counted: Mapping[str, TokenCount],
    missing: list[str],
    console: Console,
    cached: Mapping[str, int] | None,
) -> None:
    name = graph.workflow.name or Path(graph.file).stem
    console.result(f"{name}: {words.count(len(plan.steps), 'step')}, at most {plan.calls} model calls\n")
    steps = ("", "step", "who", "runs ≤", "calls ≤", "prompt ≤", "reused", "because of")
    rows = [
        (str(n), s.path, _who(s), str(s.runs), _calls(s), _prompt(s, counted), _reuse(s, cached), _factors(s))
        for n, s in enumerate(plan.steps, 1)
    ]
    console.table(steps, rows)
    if plan.models:
        console.result("")
        console.table(
            ("model", "is", "where", "calls ≤", "memory"), [_model_row(model) for model in plan.models]
        )
    if known := knowledge_rows(graph):
        console.result("")
        console.table(("knowledge", "from", "label", "passages ≤", "embedded by", "where"), known)
    if leaves := leaving.rows(plan):
        console.result("")
        console.table(leaving.HEADER, leaves)
    console.result("")
    for line in _sentences(plan, missing):
        console.result(line)


def _who(step: PlannedStep) -> str:
    who = " · ".join(part for part in (step.agent, ", ".join(step.models)) if part)
    if step.verb == "tool":
        return str(getattr(step.bound.node.step, "tool", step.verb))
    return who or {"ask": "a person", "value": "–"}.get(step.verb, step.verb)


def _calls(step: PlannedStep) -> str:
    return str(step.calls) if step.models else "–"


def _factors(step: PlannedStep) -> str:
    text = " × ".join(step.factors)
    return text if len(text) <= NARROW else text[: NARROW - 1] + "…"


def _prompt(step: PlannedStep, counted: Mapping[str, TokenCount]) -> str:
    """`84 tokens` when measured and whole, `~84` when estimated, `~84 + brief.text` when something is open."""
    size = step.prompt
    if size is None:
        return "–"
    tokens, mark = size.tokens, "~"
    if step.path in counted:
        more = -(-size.allowance // 4)
        exact = counted[step.path].exact and not more
        tokens, mark = counted[step.path].tokens + more, "" if exact else "~"
    return (
        f"{mark}{tokens:,}"
        + "".join(f" + {name}" for name in size.open[:2])
        + (" + …" if len(size.open) > 2 else "")
    )


def _reuse(step: PlannedStep, cached: Mapping[str, int] | None) -> str:
    """Whether answers may be reused; with `--measure`, how many are in the cache now."""
    if cached is not None and step.models:
        return f"{cached.get(step.path, 0):,} cached"
    return {True: "yes", False: "no", None: "–"}[step.reused]


def _model_row(model: PlannedModel) -> tuple[str, ...]:
    memory, form = memory_of(model.spec), form_of(model.spec)
    return (
        ", ".join(model.names),
        f"{model.ref} as {form.form}" if form is not None else model.ref,
        "OFF this machine" if model.cloud else "this machine",
        str(model.calls),
        "its server's"
        if memory is None
        else f"{words.size(memory[0])} + {words.size(memory[1])} per full context",
    )


def knowledge_rows(graph: Graph) -> list[tuple[str, ...]]:
    """Every knowledge that a step searches, and where its documents and questions are embedded."""
    from orchestrator.cli.equipment_knowledge import used_knowledge
    from orchestrator.providers.registry import is_cloud

    rows: list[tuple[str, ...]] = []
    for one, name in used_knowledge(graph):
        known = one.knowledge[name]
        patterns = (known.spec.from_,) if isinstance(known.spec.from_, str) else known.spec.from_
        model = known.embedder
        away = model is not None and is_cloud(model)
        rows.append(
            (
                name,
                ", ".join(patterns),
                known.spec.label or "private",
                str(known.spec.k),
                model.use if model is not None else "the model that ships",
                "OFF this machine" if away else "this machine",
            )
        )
    return rows


def _loads(local: list[PlannedModel]) -> str:
    from orchestrator.providers.machine import memory_available, models_at_most

    most = models_at_most(os.environ)
    sizes = [memory[0] + memory[1] for model in local if (memory := memory_of(model.spec)) is not None]
    text = f"loads: {words.count(len(local), 'local model')}, each once"
    if most is not None and most < len(local):
        return f"{text}; they take turns: ORCH_MODELS_MAX is {most}"
    if len(sizes) > 1 and sum(sizes) > memory_available():
        return f"{text}; they take turns: not all of them fit into memory at once"
    return text


def _reading(plan: Overview) -> str:
    """What local models read, without repairs; and what it would be if every prompt were read whole."""
    whole, once = plan.reading.whole, plan.reading.once
    still_open = open_parts(plan)
    more = f" + {' + '.join(still_open[:2])}{' + …' if len(still_open) > 2 else ''}" if still_open else ""
    if str(whole) == str(once):
        return f"prompts to read: ~{once} tokens{more}" if whole.terms else ""
    rest = f"~{whole}{' + the same' if more else ''} without"
    return (
        f"prompts to read: ~{once} tokens{more}, with what each agent's prompts begin alike read once; {rest}"
    )


def open_parts(plan: Overview) -> list[str]:
    """The parts of what local models read whose length nobody knows before."""
    near = {step for model in plan.models if not model.cloud for step in model.steps}
    prompts = (step.prompt for step in plan.steps if step.path in near and step.prompt is not None)
    return list(dict.fromkeys(name for prompt in prompts for name in prompt.open))


def _sentences(plan: Overview, missing: list[str]) -> list[str]:
    local = [model for model in plan.models if not model.cloud]
    lines = [
        _loads(local) if local else "",
        _reading(plan) if local else "",
        f"a person decides at: {', '.join(plan.questions)}" if plan.questions else "",
        f"not given yet: {', '.join(f'-i {name}=…' for name in missing)}" if missing else "",
    ]
    return [line for line in lines if line]


__all__ = ["knowledge_rows", "open_parts", "print_plan"]
