"""The lattice of labels: how private a value is, and what a join of values is. Knows no graph and no model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import Literal, TypeAlias

from orchestrator.light import light

Label: TypeAlias = Literal["public", "internal", "private", "secret"]
LEVELS: tuple[Label, ...] = ("public", "internal", "private", "secret")
LOWEST: Label = "public"
HIGHEST: Label = "secret"
_DOWNWARDS: tuple[Label, ...] = LEVELS[::-1]
_RANK = {label: rank for rank, label in enumerate(LEVELS)}


def rank(label: Label) -> int:
    """Its height, 0 for public."""
    return _RANK[label]


def join(labels: Iterable[Label]) -> Label:
    """The highest of them; public when there is none."""
    found = set(labels)
    for label in _DOWNWARDS:
        if label in found:
            return label
    return LOWEST


def above(label: Label, clearance: Label) -> bool:
    """Whether a value of this label must not go where this is the highest that may."""
    return rank(label) > rank(clearance)


@light(frozen=True, slots=True)
class Source:
    """Why a value has its label: its name as the user would write it, and what it got the label from.

    `ticket.body → scrub.prompt → expert` is Source('expert', via=Source('scrub.prompt', via=Source('ticket.body'))).
    """

    name: str
    label: Label
    via: Source | None = None

    def path(self) -> tuple[str, ...]:
        """Names from where the value began to here."""
        names: list[str] = []
        here: Source | None = self
        while here is not None:
            names.append(here.name)
            here = here.via
        return tuple(reversed(names))


@light(frozen=True, slots=True)
class Part:
    """One part of a request (role, prompt, examples, ...) with its label and where that comes from."""

    label: Label
    source: Source | None = None


@light(frozen=True, slots=True)
class Flow:
    """What is known before the run about the labels of one step.

    `parts` are the parts of its request by name: `role`, `format`, `prompt`, `images`, `examples`, `sources`,
    `memory`, `items`, `with`, `show`, `search` (what is looked up), and what a
    later attempt adds: `answer`, `errors`, `tool_results`.
    `scope` is the join of every decision around it (`when`, `foreach`, `until`): it labels the value, and that a call
    happens is only a warning. `output` is the label of the value (the highest of its leaves) after `label` and
    `declassify`, `facts` that of what stands under `steps.<name>`.
    """

    parts: dict[str, Part] = field(default_factory=dict)
    scope: Part = Part(LOWEST)
    output: Part = Part(LOWEST)
    facts: Part = Part(LOWEST)

    def request(self, names: Iterable[str] | None = None) -> Part:
        """The highest part, of these names or of the original request (without what a later attempt adds)."""
        wanted = [n for n in self.parts if n not in LATER_PARTS] if names is None else list(names)
        parts = [self.parts[name] for name in wanted if name in self.parts]
        return max(parts, key=lambda part: rank(part.label), default=Part(LOWEST))

    @property
    def record(self) -> Label:
        """The label of everything that the record holds of this step."""
        return join((*(part.label for part in self.parts.values()), self.output.label, self.facts.label))


LATER_PARTS = frozenset({"answer", "errors", "tool_results"})
"""Parts that only a repair or a `carry` puts into a request."""


@light(frozen=True, slots=True)
class Exit:
    """One way off this machine that a file opens: `step` may send `part` to `sink`.

    `kind` is what the sink is: `model`, `escalation`, `embedder`, `mcp`, `tool`. `label` is the highest that may go
    there, `clearance` the highest that may. A refused one is an error before the run; these are the allowed ones.
    """

    step: str
    sink: str
    kind: str
    label: Label
    clearance: Label
    parts: tuple[str, ...] = ()
    lowered: tuple[str, ...] = ()
    """Steps that lowered a label on the way (`declassify`)."""


__all__ = ["HIGHEST", "LEVELS", "LOWEST", "Exit", "Flow", "Label", "Part", "Source", "above", "join", "rank"]
