"""Where the walk over the labels stands: what each name is labelled there, and what it has collected so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.graph.cloud import is_cloud
from orchestrator.graph.flow_read import read
from orchestrator.graph.flow_uses import Use
from orchestrator.graph.model import Graph
from orchestrator.graph.names import EDITED, FACTS
from orchestrator.graph.setting import Setting
from orchestrator.graph.tags import PUBLIC, Tag, Why, higher, highest, label_of, leaf, mapped, named, origin
from orchestrator.graph.tags import field as field_of
from orchestrator.graph.texts import Text
from orchestrator.graph.wire import Knot, Layer
from orchestrator.labels import HIGHEST, Flow, Label, Source, rank
from orchestrator.policy.clearance import clearance_of
from orchestrator.spec.model import InputSpec

if TYPE_CHECKING:
    from orchestrator.spec.marks import Marks

SECRET = leaf(Source("env", "secret"))


def label_of_input(spec: InputSpec) -> Label:
    """The stated label, else private."""
    return spec.label or "private"


class State:
    """What the walk knows and finds. Each round begins anew, except for what `last` and `until` are labelled."""

    def __init__(self, setting: Setting, rules: frozenset[str], lowers: bool) -> None:
        self.setting = setting
        self.rules = rules
        self.lowers = lowers
        """Whether any step of the file lowers a label."""
        inputs = setting.document.workflow.inputs
        self.inputs = mapped(
            {name: leaf(origin(f"inputs.{name}", label_of_input(spec))) for name, spec in inputs.items()}
        )
        self.lasts: dict[str, Tag] = {}
        self.untils: dict[str, Why] = {}
        self.children: dict[int, Label] = {}
        self.models: dict[str, bool] = {}
        self.begin()

    def begin(self) -> None:
        self.flows: list[tuple[Knot, Flow]] = []
        self.values: list[tuple[Knot, Tag]] = []
        """What each step gives, before its own `label:`."""
        self.raw: list[tuple[Knot, Tag]] = []
        """What is lowered by a `declassify`, as it was before."""
        self.uses: list[Use] = []
        self.calls: list[tuple[Knot, Graph, Tag]] = []
        """Workflows that are called, with what each is given."""
        self.passes: dict[str, Tag] = {}
        self.reads_last = False
        self.rising = False

    def ends(self, path: str, until: Why) -> None:
        """Everything in this loop is decided by what ends it."""
        before = self.untils.get(path)
        if label_of(higher(before, until)) != label_of(before):
            self.untils[path] = until
            self.rising = True

    def of_file(self, name: str) -> Tag | None:
        """What a name means everywhere in the file."""
        match name:
            case "inputs":
                return self.inputs
            case "env":
                return SECRET if "env" in self.rules else None
            case _:
                return None

    def sees_all(self, name: str) -> bool:
        """Whether a model is on this machine and states no clearance below the highest."""
        if name not in self.models:
            spec = self.setting.models.get(name)
            local = spec is not None and not is_cloud(spec)
            self.models[name] = local and spec is not None and clearance_of(spec, local) == HIGHEST
        return self.models[name]

    def child_label(self, child: Graph) -> Label:
        """The highest label of anything that a called workflow's record holds."""
        from orchestrator.graph.model import all_nodes
        from orchestrator.labels import join

        if id(child) not in self.children:
            flows = (node.flow for node in all_nodes(child.scope))
            self.children[id(child)] = join("secret" if flow is None else flow.record for flow in flows)
        return self.children[id(child)]


@dataclass(slots=True)
class Place:
    """One level of steps. `scope` is the join of every decision around it; `below` the declassified around it."""

    layer: Layer
    outer: Place | None
    scope: Why = None
    loop: Mapping[str, Tag] = field(default_factory=dict)
    last: Tag | None = None
    tags: dict[str, Tag] = field(default_factory=dict)
    facts: dict[str, tuple[Place | None, Why]] = field(default_factory=dict)
    """The label of what is known about each step; of a group also the place inside."""
    presence: dict[str, Why] = field(default_factory=dict)
    """What decides whether a step is skipped."""
    lowered: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The steps that lowered a label on the way to each step, itself included."""
    below: tuple[str, ...] = ()

    def find(self, state: State, name: str) -> Tag | None:
        here: Place | None = self
        while here is not None:
            if name in here.tags:
                return here.tags[name]
            if name in here.loop:
                return here.loop[name]
            if name == "last" and here.last is not None:
                state.reads_last = True
                return here.last
            here = here.outer
        return None

    def find_facts(self, state: State, name: str) -> Tag | None:
        if "facts" not in state.rules:
            return None
        here: Place | None = self
        while here is not None:
            if name in here.facts:
                return here._facts_of(name)
            here = here.outer
        return None

    def _facts_of(self, name: str) -> Tag:
        """What stands under `steps.<name>`: of a group also the facts of the steps in it."""
        inside, why = self.facts[name]
        about = leaf(named(f"steps.{name}", why))
        if inside is None:
            return about
        inner = {step: inside._facts_of(step) for step in inside.facts}
        return mapped({**dict.fromkeys((*FACTS, EDITED), about), **inner})


@dataclass(slots=True)
class Made:
    """What a verb gives once: its value, the parts of its request, and the labels of what is known about it.

    `answer` is the label of its answer while it is not yet accepted, or lowered.
    """

    tag: Tag
    parts: Mapping[str, Why]
    facts: Why
    answer: Why
    inside: Place | None = None
    """The steps of a group."""


class One:
    """One step while its labels are worked out."""

    def __init__(self, state: State, place: Place, knot: Knot) -> None:
        self.state = state
        self.place = place
        self.knot = knot
        self.texts = {text.key: text for text in knot.texts}
        self.extra: dict[str, Tag] = {}
        self.scope: Why = place.scope
        self.inside: Place | None = None
        self.loops = False
        self.lowered = self.below()

    def on(self, rule: str) -> bool:
        return rule in self.state.rules

    def has(self, key: str) -> bool:
        return key in self.texts

    @property
    def marks(self) -> Marks:
        return self.state.setting.marks

    # ------------------------------------------------------------------------------------------ reading

    def read(self, key: str) -> Tag:
        """The labels of one key; public when the step does not have it."""
        text = self.texts.get(key)
        if text is None or (text.kind == "template" and "{" not in text.raw):
            return PUBLIC
        return self.value(text)

    def total(self, key: str) -> Why:
        """The label of one key, named after it."""
        if key not in self.texts:
            return None
        return named(f"{self.knot.name}.{key}", self.read(key).total)

    def value(self, text: Text) -> Tag:
        if text.key in _TEXTS and not self.on("template"):
            return PUBLIC
        if text.sees == "outside":
            return read(text, self._outside, self._facts)
        if text.sees == "inside" and self.inside is not None:
            return read(text, self._inside, self._facts)
        return read(text, self._find, self._facts)

    def _facts(self, name: str) -> Tag | None:
        return (self.inside or self.place).find_facts(self.state, name)

    def _outside(self, name: str) -> Tag | None:
        found = self.place.find(self.state, name)
        return found if found is not None else self.state.of_file(name)

    def _find(self, name: str) -> Tag | None:
        return self.extra[name] if name in self.extra else self._outside(name)

    def _inside(self, name: str) -> Tag | None:
        found = self.inside.find(self.state, name) if self.inside is not None else None
        return found if found is not None else self._find(name)

    def checks(self, output: Tag) -> Why:
        """Of everything that its checks read, `output` being the answer."""
        if not self.on("checks"):
            return None
        self.extra["output"] = output
        read_by = [self.read(key).total for key in self.texts if key.startswith("check:")]
        self.extra.pop("output", None)
        return named(f"{self.knot.name}.check", highest(read_by))

    def nulls(self, key: str) -> Why:
        """Of the names that make this step null when they are null."""
        if not self.on("nulls"):
            return None
        found = highest(self._presence(chain) for chain in self.knot.nulls.get(key, ()))
        return named(f"{self.knot.name}.{key}", found)

    def _presence(self, chain: tuple[str, ...]) -> Why:
        first, *rest = chain
        if first == "steps" and rest:
            tag, rest = self._facts(rest[0]) or PUBLIC, rest[1:]
        else:
            tag = self._find(first) or PUBLIC
        for name in rest:
            tag = field_of(tag, name)
        return tag.floor

    # ------------------------------------------------------------------------------------------- others

    def stated(self, label: Label) -> Why:
        return origin(f"{self.knot.name}.label", label)

    def below(self) -> tuple[str, ...]:
        """The steps that lowered a label on the way here."""
        knot, place = self.knot, self.place
        if not self.state.lowers:
            return ()
        names = [name for dep in knot.deps for name in place.lowered.get(dep, ())]
        return tuple(dict.fromkeys((*place.below, *names)))

    def use(self, use: Use) -> None:
        self.state.uses.append(use)


_TEXTS = frozenset({"prompt", "role", "with", "show", "ask", "value", "images", "search", "outputs"})


def is_above(why: Why, label: Label) -> bool:
    return why is not None and rank(why.label) > rank(label)
