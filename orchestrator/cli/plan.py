"""`orch plan`: what a run will do and take, before one token is spent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import leaving
from orchestrator.cli.complete import workflows
from orchestrator.cli.console import Console, the_console
from orchestrator.cli.opening import LOCAL_ONLY
from orchestrator.errors import OrchError
from orchestrator.report import words

if TYPE_CHECKING:
    from orchestrator.graph.model import Graph
    from orchestrator.messages import TokenCount
    from orchestrator.plan.overview import Overview, PlannedModel, PlannedStep
    from orchestrator.plan.spend import Expected
    from orchestrator.providers.lineage import Form
    from orchestrator.spec.model import ModelSpec

NARROW = 46


@click.command()
@click.argument("workflow", shell_complete=workflows)
@click.option(
    "-i", "--input", "given", multiple=True, metavar="NAME=VALUE", help="An input; NAME=@FILE reads a file."
)
@click.option("--input-file", type=click.Path(path_type=Path), help="A YAML or JSON file with all inputs.")
@click.option("-m", "--model", "models", multiple=True, metavar="NAME=REF", help="Plan with another model.")
@click.option(
    "--measure",
    is_flag=True,
    help="Start the local models: count prompts with their tokenizers, find what is cached.",
)
@click.option("--local-only", is_flag=True, help=LOCAL_ONLY)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    workflow: str,
    given: tuple[str, ...],
    input_file: Path | None,
    models: tuple[str, ...],
    measure: bool,
    local_only: bool,
    as_json: bool,
) -> None:
    """Show what a run of WORKFLOW will do: order, models, calls, prompt sizes, memory, what may leave.

    Inputs that are not given are unknowns in the numbers. Nothing of the workflow is executed.
    """
    from orchestrator.cli.needs import price_list
    from orchestrator.cli.opening import opened, pairs
    from orchestrator.config import Config
    from orchestrator.engine.preflight import preflight
    from orchestrator.plan.overview import overview
    from orchestrator.providers.registry import is_cloud

    console = the_console()
    graph = opened(workflow, console, pairs(models, "-m"))
    offline = Config.from_environment(os.environ, Path.cwd()).staying(local_only).offline
    if offline:
        preflight(graph, price_list, offline=True)
    inputs, missing = _inputs(graph, pairs(given, "-i"), input_file)
    plan = overview(graph, inputs, is_cloud, leaving.price)
    if offline:
        plan = replace(plan, leaves=(), exits=())
    before = _before(graph, plan)
    counted = _measured(graph, plan) if measure else {}
    cached = _cached(graph, plan, inputs) if measure and not missing else None
    if as_json:
        found = _data(graph, plan, counted, missing) | leaving.data(plan, before)
        console.json(found | ({} if cached is None else {"cached": cached}))
    else:
        _print(graph, plan, counted, missing, console, cached)
        for line in leaving.sentences(graph, plan, before, offline=offline):
            console.result(line)


def _before(graph: Graph, plan: Overview) -> Expected | None:
    """What runs of this workflow came to; nothing when none of it leaves, or no store can be read."""
    from orchestrator.cli.wiring import find_store

    if not plan.leaves:
        return None
    try:
        store = find_store()
    except OrchError:
        return None
    if store is None:
        return None
    try:
        return leaving.history(plan, graph.workflow.name or Path(graph.file).stem, store)
    finally:
        store.close()


def _inputs(
    graph: Graph, given: Mapping[str, str], input_file: Path | None
) -> tuple[dict[str, Any], list[str]]:
    """The inputs that are known, and the names of those that a run would still need."""
    from orchestrator.inputs import read_inputs

    specs = graph.workflow.inputs
    missing = [
        name
        for name, spec in specs.items()
        if name not in given and "default" not in spec.model_fields_set and spec.missing is None
    ]
    if input_file is not None:
        missing = []
    values = read_inputs(
        {name: spec for name, spec in specs.items() if name not in missing},
        given,
        root=Path(graph.root),
        cwd=Path.cwd(),
        base=Path(graph.file).resolve().parent,
        today=date.today(),  # noqa: DTZ011 - the user's own calendar
        input_file=input_file,
    )
    return values, missing


# --------------------------------------------------------------------------------------------- measuring


def _measured(graph: Graph, plan: Overview) -> dict[str, TokenCount]:
    """Tokens of each known prompt by its first model's tokenizer. Raises ProviderError."""
    import asyncio

    return asyncio.run(_count_all(plan, Path.cwd(), Path(graph.file).resolve().parent))


async def _count_all(plan: Overview, cwd: Path, base: Path) -> dict[str, TokenCount]:
    from orchestrator.config import Config
    from orchestrator.providers.registry import open_model

    config = Config.from_environment(os.environ, cwd)
    counted: dict[str, TokenCount] = {}
    for model in plan.models:
        if model.cloud:
            continue  # counting there would send the prompt
        client = open_model(model.names[0], model.spec, environ=os.environ, config=config, base=base)
        try:
            await client.prepare()
            for step in plan.steps:
                if step.prompt is not None and step.path in model.steps and step.path not in counted:
                    counted[step.path] = await client.count(step.prompt.messages)
        finally:
            await client.close()
    return counted


def _cached(graph: Graph, plan: Overview, inputs: Mapping[str, Any]) -> dict[str, int] | None:
    """Answers per step that are in the cache now; None when that cannot be known without leaving this machine."""
    import asyncio

    from orchestrator.cli.rehearsal import reused_answers
    from orchestrator.cli.wiring import find_store
    from orchestrator.config import Config

    if any(model.cloud for model in plan.models):
        return None
    store = find_store()
    if store is None:
        return {}
    config = Config.from_environment(os.environ, Path.cwd())
    try:
        return asyncio.run(reused_answers(graph, inputs, store, config, Path(graph.file).resolve().parent))
    finally:
        store.close()


def _memory(spec: ModelSpec) -> tuple[int, int] | None:
    """Bytes of weights and of a full context of an embedded model; None where only its server knows."""
    from orchestrator.providers.catalog import find

    provider, _, name = spec.use.partition(":")
    entry = find(name) if provider == "llamacpp" else None
    if entry is None:
        return None
    context = min(spec.context or entry.context, entry.context)
    form = _form(spec)
    return form.bytes if form is not None else entry.bytes, entry.kv_bytes * context


def _form(spec: ModelSpec) -> Form | None:
    """What an embedded model is used as on this machine; None for the original."""
    from orchestrator.config import Config
    from orchestrator.providers.model_store import ModelStore

    provider, _, name = spec.use.partition(":")
    if provider != "llamacpp":
        return None
    config = Config.from_environment(os.environ, Path.cwd())
    store = ModelStore(config.models, environ=os.environ, offline=True)
    here = store.get(name)
    form = store.lineage.of(here.sha256) if here is not None else None
    return form if form is not None and form.form else None


# ----------------------------------------------------------------------------------------------- printing


def _print(
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
    if known := _knowledge(graph):
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
    memory, form = _memory(model.spec), _form(model.spec)
    return (
        ", ".join(model.names),
        f"{model.ref} as {form.form}" if form is not None else model.ref,
        "OFF this machine" if model.cloud else "this machine",
        str(model.calls),
        "its server's"
        if memory is None
        else f"{words.size(memory[0])} + {words.size(memory[1])} per full context",
    )


def _knowledge(graph: Graph) -> list[tuple[str, ...]]:
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
    sizes = [memory[0] + memory[1] for model in local if (memory := _memory(model.spec)) is not None]
    text = f"loads: {words.count(len(local), 'local model')}, each once"
    if most is not None and most < len(local):
        return f"{text}; they take turns: ORCH_MODELS_MAX is {most}"
    if len(sizes) > 1 and sum(sizes) > memory_available():
        return f"{text}; they take turns: not all of them fit into memory at once"
    return text


def _reading(plan: Overview) -> str:
    """What local models read, without repairs; and what it would be if every prompt were read whole."""
    whole, once = plan.reading.whole, plan.reading.once
    still_open = _open(plan)
    more = f" + {' + '.join(still_open[:2])}{' + …' if len(still_open) > 2 else ''}" if still_open else ""
    if str(whole) == str(once):
        return f"prompts to read: ~{once} tokens{more}" if whole.terms else ""
    rest = f"~{whole}{' + the same' if more else ''} without"
    return (
        f"prompts to read: ~{once} tokens{more}, with what each agent's prompts begin alike read once; {rest}"
    )


def _open(plan: Overview) -> list[str]:
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


def _data(
    graph: Graph, plan: Overview, counted: Mapping[str, TokenCount], missing: list[str]
) -> dict[str, Any]:
    return {
        "workflow": graph.workflow.name or Path(graph.file).stem,
        "calls": _number(plan.calls),
        "missing_inputs": missing,
        "questions": list(plan.questions),
        "knowledge": [
            dict(zip(("name", "from", "label", "k", "embedder", "where"), row, strict=True))
            for row in _knowledge(graph)
        ],
        "steps": [_step_data(step, counted) for step in plan.steps],
        "loads": sum(not model.cloud for model in plan.models),
        "prompt_tokens": {
            "shared": _number(plan.reading.once),
            "whole": _number(plan.reading.whole),
            "open": _open(plan),
        },
        "models": [
            {
                "ref": model.ref,
                "names": list(model.names),
                "local": not model.cloud,
                "calls": _number(model.calls),
                "memory": _memory(model.spec),
                "steps": list(model.steps),
            }
            for model in plan.models
        ],
    }


def _step_data(step: PlannedStep, counted: Mapping[str, TokenCount]) -> dict[str, Any]:
    size, count = step.prompt, counted.get(step.path)
    prompt = None
    if size is not None:
        prompt = {
            "tokens": count.tokens if count else size.tokens,
            "exact": bool(count and count.exact and not size.allowance and not size.open),
            "allowance_characters": size.allowance,
            "open": list(size.open),
        }
    return {
        "step": step.path,
        "verb": step.verb,
        "agent": step.agent or None,
        "models": list(step.models),
        "runs": _number(step.runs),
        "calls": _number(step.calls),
        "factors": list(step.factors),
        "prompt": prompt,
        "reused": step.reused,
    }


def _number(count: Any) -> int | str:
    """A number where it is known, else the words."""
    return str(count) if count.known is None else int(count.known)
