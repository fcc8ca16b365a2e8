"""What of a run is written down: known secrets are replaced by their names, and `keep:` decides about labelled values.

Stands in front of the journal, so that no event reaches the disk, a follower or the screen by another way. A run
without secrets, whose file keeps everything, has nothing standing there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache, lru_cache
from typing import Any, TypeVar, cast

from orchestrator.engine.recover import Recovered
from orchestrator.events import (
    AskAnswered,
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    CallFinished,
    CallStarted,
    Decided,
    Event,
    Retrieved,
    RunFailed,
    RunFinished,
    StepFailed,
    StepFinished,
    Warned,
)
from orchestrator.graph.model import Graph, Node, all_nodes
from orchestrator.labels import HIGHEST, LOWEST, Label, join
from orchestrator.light import light
from orchestrator.policy.keep import Keep
from orchestrator.policy.secrets import Secrets
from orchestrator.ports import Clock, Journal

UNKNOWN: Label = "private"
"""What a step counts as whose labels nobody worked out: as the inputs it reads do by default."""
E = TypeVar("E", bound=Event)
_NAMES = frozenset(
    ("kind", "path", "verb", "model", "run", "workflow", "file", "root", "version", "choice", "rule", "to", "outcome",
     "decision", "asks", "choices", "then", "tool", "effects"),
)  # fmt: skip
"""Fields that hold words of the file or of this program, by which others find an event."""
_NUMBERS = frozenset(("int", "float", "bool", "int | None", "float | None"))
"""Declared types of fields that hold no text."""
_INSTANCE = re.compile(r"\^\d+\.\d+|@[^.~#]+|[~#]\d+|\.\d+(?=[.~@^#]|$)")


@light(frozen=True, slots=True)
class Labels:
    """How private what the record holds of one step is: its value, its request and answers, its errors and facts."""

    value: Label
    asked: Label
    told: Label


def labels_of(graph: Graph) -> dict[str, Labels]:
    """By step, those of groups and subworkflows included: `answer.reply`."""
    return dict(_labels(graph, ""))


def _labels(graph: Graph, prefix: str) -> Iterator[tuple[str, Labels]]:
    for node in all_nodes(graph.scope):
        yield prefix + node.path, _of(node)
        if node.child is not None:
            yield from _labels(node.child, f"{prefix}{node.path}.")


def _of(node: Node) -> Labels:
    flow = node.flow
    if flow is None:
        label = HIGHEST if any("env" in program.names for program in node.programs.values()) else UNKNOWN
        return Labels(label, label, label)
    asked = join([flow.scope.label, *[part.label for part in flow.parts.values()]])
    return Labels(flow.output.label, asked, join((asked, flow.output.label, flow.facts.label)))


def _every(graph: Graph) -> set[Label]:
    """Every label of which those in the record are joined: they alone tell most files apart, with a third of the work."""
    found: set[Label] = set()
    for node in all_nodes(graph.scope):
        if node.child is not None:
            found |= _every(node.child)
        flow = node.flow
        if flow is None:
            found.add(_of(node).value)
            continue
        found.add(flow.scope.label)
        found.add(flow.output.label)
        found.add(flow.facts.label)
        for part in flow.parts.values():
            found.add(part.label)
    return found


def label_of_outputs(graph: Graph) -> Label:
    """The join of everything that the result of a file is made of."""
    nodes = {node.name: node for node in graph.scope.nodes}
    if graph.outputs is None:
        return join(_of(node).value for node in graph.scope.nodes if not node.successors)
    found: list[Label] = []
    for name in graph.outputs.names:
        match name:
            case "inputs":
                found += [spec.label or UNKNOWN for spec in graph.workflow.inputs.values()]
            case "env":
                found.append(HIGHEST)
            case "steps":
                found += [_of(node).told for node in nodes.values()]
            case _:
                found.append(_of(nodes[name]).value if name in nodes else LOWEST)
    return join(found)


def input_labels(graph: Graph) -> dict[str, Label]:
    return {name: spec.label or UNKNOWN for name, spec in graph.workflow.inputs.items()}


def stated_labels(graph: Graph) -> dict[str, str]:
    """What `run.started` says of the record: by input (`inputs.body`) and by step."""
    inputs = {f"inputs.{name}": label for name, label in input_labels(graph).items()}
    return {**inputs, **{path: labels.told for path, labels in labels_of(graph).items()}}


def hashes(graph: Graph, keep: Keep) -> bool:
    """Whether the record of such a run holds any digest."""
    return any(keep.how(cast("Label", label)) == "hash" for label in stated_labels(graph).values())


def kept_inputs(graph: Graph, inputs: Mapping[str, Any], keep: Keep, secrets: Secrets) -> dict[str, Any]:
    """The inputs of a run as the record holds them. One that holds a known secret counts as one itself."""
    labels = input_labels(graph)
    kept = {}
    for name, value in inputs.items():
        label = labels.get(name, UNKNOWN)
        if secrets and secrets.cleaned(value) is not value:
            label = HIGHEST
        kept[name] = value if keep.how(label) == "full" else keep.note(value, label)
    return {name: secrets.cleaned(value) for name, value in kept.items()} if secrets else kept


# ---------------------------------------------------------------------------------------------- the journal


def recording(
    journal: Journal, graph: Graph, secrets: Secrets, keep: Keep, recovered: Recovered, clock: Clock
) -> Journal:
    """The journal itself when there is nothing to take out of events, else one that does."""
    if not secrets and all(keep.how(label) == "full" for label in _every(graph) | {label_of_outputs(graph)}):
        return journal
    steps, outputs = labels_of(graph), label_of_outputs(graph)
    every = {label for labels in steps.values() for label in (labels.value, labels.asked, labels.told)}
    if not secrets and all(keep.how(label) == "full" for label in every | {outputs}):
        return journal
    return Recorder(journal, steps, outputs, secrets, keep, dict(recovered.withheld), clock)


@dataclass(slots=True)
class Recorder:
    """A journal that takes out of an event what may not be written down."""

    journal: Journal
    steps: Mapping[str, Labels]
    outputs: Label
    secrets: Secrets
    keep: Keep
    before: dict[str, str] = field(default_factory=dict)
    """Digests of values that an earlier process made and did not keep, by path."""
    clock: Clock | None = None
    _whole: frozenset[str] = field(init=False)
    """Steps of which everything is kept: their events are only looked through for secrets."""

    def __post_init__(self) -> None:
        self._whole = frozenset(step for step, labels in self.steps.items() if _is_whole(labels, self.keep))

    def append(self, event: Event) -> None:
        if self.before and isinstance(event, StepFinished):
            self._compare(event)
        if step_of(getattr(event, "path", "")) not in self._whole:
            event = self._withhold(event)
        self.journal.append(self._clean(event) if self.secrets else event)

    async def flush(self) -> None:
        await self.journal.flush()

    def _clean(self, event: Event) -> Event:
        clean = _cleaned(event, self.secrets)
        if (
            isinstance(clean, StepFinished)
            and isinstance(event, StepFinished)
            and clean.value is not event.value
        ):
            return replace(clean, facts={**clean.facts, "kept": "redacted"})
        return clean

    def _withhold(self, event: Event) -> Event:
        match event:
            case AttemptStarted():
                return self._request(event)
            case AttemptFinished():
                return self._changed(event, self._of(event.path).asked, "text", "thinking", "reason")
            case Decided(rule="fault"):
                return self._changed(event, self._of(event.path).told, "reason")
            case CallStarted():
                return self._call(event)
            case CallFinished():
                return self._changed(event, self._of(event.path).told, "value", "message")
            case Retrieved():
                return self._retrieved(event)
            case StepFinished():
                return self._finished(event)
            case StepFailed():
                failed = self._changed(event, self._of(event.path).told, "message", "hint")
                return replace(failed, facts=self._facts(event.path, event.facts))
            case AskOpened():
                return self._changed(event, self._of(event.path).told, "question", "show", "edit")
            case AskAnswered():
                return self._changed(event, self._of(event.path).told, "edit")
            case RunFailed() if event.path:
                return self._changed(event, self._of(event.path).told, "message", "hint")
            case RunFinished():
                return self._changed(event, self.outputs, "outputs")
            case _:
                return event

    def _of(self, path: str) -> Labels:
        return self.steps.get(step_of(path)) or Labels(HIGHEST, HIGHEST, HIGHEST)

    def _changed(self, event: E, label: Label, *names: str) -> E:
        if self.keep.how(label) == "full":
            return event
        given = ((name, getattr(event, name)) for name in names)
        notes: dict[str, Any] = {n: self.keep.note(v, label) for n, v in given if v is not None and v != ""}
        return replace(event, **notes)

    def _request(self, event: AttemptStarted) -> AttemptStarted:
        label = self._of(event.path).asked
        if self.keep.how(label) == "full":
            return event
        kept = [
            {**message, "content": self.keep.note(message["content"], label)} for message in event.messages
        ]
        return replace(event, messages=tuple(kept))

    def _call(self, event: CallStarted) -> CallStarted:
        label = self._of(event.path).asked
        if self.keep.how(label) == "full":
            return event
        return replace(event, arguments={n: self.keep.note(v, label) for n, v in event.arguments.items()})

    def _retrieved(self, event: Retrieved) -> Retrieved:
        """The question is part of the request, and so is what was found and which examples were chosen."""
        label = self._of(event.path).asked
        if self.keep.how(label) == "full":
            return event
        found = ({"text": self.keep.note(list(event.found), label)},) if event.found else ()
        return replace(event, query=self.keep.note(event.query, label), found=found)

    def _finished(self, event: StepFinished) -> StepFinished:
        if "container" in event.facts and not event.handled:
            return event
        labels = self._of(event.path)
        event = self._changed(event, labels.told, "handled")
        facts = self._facts(event.path, event.facts) or {}
        if self.keep.how(labels.value) == "full" or event.value is None:
            return replace(event, facts=facts)
        note = self.keep.note(event.value, labels.value)
        return replace(event, value=note, facts={**facts, "kept": self.keep.how(labels.value)})

    def _facts(self, path: str, facts: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        label = self._of(path).told
        if not facts or self.keep.how(label) == "full":
            return facts
        told = {name: self._fact(name, value, label) for name, value in facts.items()}
        return {**told, "kept": self.keep.how(label)} if _has_texts(facts) else told

    def _fact(self, name: str, value: Any, label: Label) -> Any:
        """Those that hold texts are not written down; a step with several parts has facts of each."""
        match name, value:
            case "error", str() if value:
                return self.keep.note(value, label)
            case "sources", list():
                return []
            case "edited", _ if value is not None:
                return self.keep.note(value, label)
            case _, Mapping():
                return {inner: self._fact(inner, one, label) for inner, one in value.items()}
            case _:
                return value

    def _compare(self, event: StepFinished) -> None:
        """A value that is made again should be the one that others were made of."""
        before = self.before.pop(event.path, "")
        if before and before != self.keep.digest(event.value):
            assert self.clock is not None
            said = "its value was not kept, was made again, and is not the same as before: what was made of it stays"
            self.journal.append(Warned(at=self.clock.now(), message=said, path=event.path))


def _has_texts(facts: Mapping[str, Any]) -> bool:
    """Whether passages or a person's words stand among them: a step that lost these runs again when the run is resumed."""
    return (
        bool(facts.get("sources"))
        or facts.get("edited") is not None
        or any(_has_texts(inner) for inner in facts.values() if isinstance(inner, Mapping))
    )


@lru_cache(maxsize=4096)
def step_of(path: str) -> str:
    """The step an instance belongs to: `answer.3.reply~2.draft` is of `answer.reply.draft`."""
    return _INSTANCE.sub("", path)


def _is_whole(labels: Labels, keep: Keep) -> bool:
    return all(keep.how(label) == "full" for label in (labels.value, labels.asked, labels.told))


def _cleaned(event: Event, secrets: Secrets) -> Event:
    """The event with every known secret replaced by its name."""
    kind: Any = event.__class__
    names = _texts_of(kind)
    if not secrets.within([getattr(event, name) for name in names]):
        return event
    values = {name: getattr(event, name) for name in names}
    changed = {name: secrets.cleaned(value) for name, value in values.items()}
    return replace(event, **{name: clean for name, clean in changed.items() if clean is not values[name]})


@cache
def _texts_of(kind: type[Any]) -> tuple[str, ...]:
    """The fields of an event that may hold a secret."""
    return tuple(item.name for item in fields(kind) if item.name not in _NAMES and item.type not in _NUMBERS)


__all__ = ["Recorder", "hashes", "kept_inputs", "label_of_outputs", "labels_of", "recording", "stated_labels"]
