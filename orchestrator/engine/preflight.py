"""What is settled before the first call: limits without a price, steps that cannot run offline, models without a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from orchestrator.engine.gate import Gate, gates_of
from orchestrator.engine.prompt import untaken
from orchestrator.engine.recover import Recovered
from orchestrator.errors import CredentialsMissing, UsageError
from orchestrator.graph.cloud import is_cloud
from orchestrator.graph.model import Graph, Node, all_nodes, asking_nodes
from orchestrator.messages import Completion, Message, ModelInfo, Request, TokenCount
from orchestrator.money import nano
from orchestrator.policy.budget import Ledger
from orchestrator.policy.calibration import identity
from orchestrator.ports import Emit, Prices
from orchestrator.spec.model import AgentStep, Budget


class Absent:
    """A model that only `escalate` asks and whose key is not there: the run stays local and says so once."""

    def __init__(self, error: CredentialsMissing) -> None:
        self._error = error

    @property
    def why(self) -> str:
        """What is missing, and what to do about it."""
        return f"{self._error.message} ({self._error.hint})" if self._error.hint else self._error.message

    async def prepare(self) -> ModelInfo:
        raise self._error

    async def count(self, messages: Sequence[Message]) -> TokenCount:  # noqa: ARG002 - the shape of Model
        raise self._error

    async def generate(self, request: Request, emit: Emit) -> Completion:  # noqa: ARG002 - the shape of Model
        raise self._error

    async def close(self) -> None:
        """Nothing is held."""


def preflight(graph: Graph, prices: Prices, *, offline: bool = False) -> None:
    """Raise UsageError for what cannot be kept or done in this run, although the file is right."""
    if offline:
        _refuse_tools_away(graph, "")
    bound = graph.workflow.budget is not None and graph.workflow.budget.usd is not None
    for place, file, node in _asking(graph, "", everything=offline or bound):
        if offline:
            _refuse_offline(place, file, node)
        if bound:
            _refuse_unpriced(place, file, (*node.models, *node.ladder), "budget.usd", prices)
        elif isinstance(node.step, AgentStep) and node.step.escalate and node.step.escalate.usd is not None:
            _refuse_unpriced(place, file, node.ladder, "escalate.usd", prices)


def _asking(graph: Graph, prefix: str, *, everything: bool) -> Iterator[tuple[str, Graph, Node]]:
    """Steps that ask models: all of them, or those with a ladder."""
    for node in asking_nodes(graph):
        if node.ladder or (everything and node.models):
            yield prefix + node.path, graph, node
        if node.child is not None:
            yield from _asking(node.child, f"{prefix}{node.path}.", everything=everything)


def _refuse_tools_away(graph: Graph, prefix: str) -> None:
    """A server and a function that may have an effect count as off this machine, as in the proof of labels."""
    for way in graph.exits:
        if way.kind in ("mcp", "tool"):
            hint = "run without --local-only, or take the step out"
            declared = graph.tools.get(way.sink)
            if declared is not None and declared.spec.python is not None:
                hint = f"if it only computes, say so: tools: {{{way.sink}: {{…, effects: none}}}}; or {hint}"
            raise UsageError(
                f"{graph.file}: step '{prefix}{way.step}' calls '{way.sink}', which may send what it is given off this "
                "machine, and this run is offline",
                hint=hint,
            )
    for node in all_nodes(graph.scope):
        if node.child is not None:
            _refuse_tools_away(node.child, f"{prefix}{node.path}.")


def _refuse_offline(place: str, graph: Graph, node: Node) -> None:
    for name in node.models:
        if is_cloud(graph.models[name]):
            raise UsageError(
                f"{graph.file}:{node.mark.line}: step '{place}' asks '{name}' ({graph.models[name].use}), which is "
                "not on this machine, and this run is offline",
                hint="give the step a local model and ask the other one with `escalate`, or run without --local-only",
            )


def _refuse_unpriced(place: str, graph: Graph, names: Sequence[str], limit: str, prices: Prices) -> None:
    for name in names:
        spec = graph.models[name]
        if is_cloud(spec) and prices(spec, local=False) is None:
            raise UsageError(
                f"{graph.file}: {limit} limits what step '{place}' may spend, and nobody knows what '{name}' "
                f"({spec.use}) costs",
                hint=f"say it: models: {{{name}: {{use: {spec.use}, price: {{input: …, output: …}}}}}} (USD per million tokens)",
            )


def refuse_unsure(graph: Graph, all_gates: Mapping[str, Gate]) -> None:
    """Raise UsageError where a text reads `confidence` and the model, now that it answers, gives no log-probabilities."""
    gates = gates_of(graph, all_gates)
    for node in asking_nodes(graph):
        when = node.programs.get("escalate") if node.ladder else None
        own = when is not None and "confidence" in when.names
        if own or node.confident:
            who = f"escalate of '{node.path}'" if own else f"a text about '{node.path}'"
            for name in node.models:
                info = gates[name].info
                if info is not None and not info.logprobs:
                    raise UsageError(
                        f"{graph.file}:{node.mark.line}: {who} reads confidence, but model "
                        f"'{name}' ({info.ref}) gives no log-probabilities",
                        hint="use a provider that gives them, or decide by `invalid` or a `check`",
                    )
        if node.child is not None:
            refuse_unsure(node.child, all_gates)


def refuse_untaken(graph: Graph, all_gates: Mapping[str, Gate]) -> None:
    """Raise UsageError where a step itself wants sampling parameters that its own model does not take.

    Those of its agent are left out, with a warning: an agent is written for many models.
    """
    gates = gates_of(graph, all_gates)
    for node in asking_nodes(graph):
        step = node.step
        own = step.params if isinstance(step, AgentStep) else None
        for name in node.models if own is not None else ():
            info = gates[name].info
            left_out = untaken(node, gates[name], info) if info is not None else ()
            wrong = next(
                (param for param in left_out if own is not None and getattr(own, param) is not None), ""
            )
            if info is not None and wrong:
                taken = ", ".join(sorted(info.takes or ())) or "none"
                raise UsageError(
                    f"{graph.file}:{node.mark.line}: step '{node.path}' asks '{name}' ({info.ref}) with `{wrong}`, "
                    "which it does not take",
                    hint=f"it takes max_tokens, {taken}",
                )
        if node.child is not None:
            refuse_untaken(node.child, all_gates)


def uncalibrated(graph: Graph, all_gates: Mapping[str, Gate], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Steps whose confidence was measured, but not with the model that answers now; and a sentence about each."""
    gates = gates_of(graph, all_gates)
    for node in asking_nodes(graph):
        measured = {entry.model for entry in node.calibrations}
        for name in node.models if measured else ():
            info = gates[name].info
            if info is not None and identity(info) not in measured:
                message = f"confidence was measured with another model than '{name}' ({info.ref}): the raw value counts"
                yield prefix + node.path, message
        if node.child is not None:
            yield from uncalibrated(node.child, all_gates, f"{prefix}{node.path}.")


def ledger_of(budget: Budget | None, recovered: Recovered) -> Ledger:
    """The budget of the file, with limits that were raised on the way, and what is spent already."""
    limits = {
        "tokens": budget.tokens if budget else None,
        "cloud_calls": budget.cloud_calls if budget else None,
        "usd": None if budget is None or budget.usd is None else nano(budget.usd),
    } | recovered.limits
    return Ledger(
        tokens=limits["tokens"],
        cloud_calls=limits["cloud_calls"],
        usd=limits["usd"],
        then=budget.then if budget else "fail",
        spent=recovered.tokens,
        calls=recovered.cloud_calls,
        paid=recovered.paid,
        closed=recovered.overrun,
    )
