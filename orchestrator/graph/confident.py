"""Texts that read `confidence`: whether anybody gives it, and whether somebody has measured what it is worth.

Knows no server: only what is certain of a provider from the file. What a server says of itself is asked before the
first step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path as File
from typing import Any

from jinja2 import nodes

from orchestrator.errors import UsageError
from orchestrator.graph.cloud import provider_of
from orchestrator.graph.setting import Setting
from orchestrator.graph.texts import Text
from orchestrator.graph.wire import Knot, Layer
from orchestrator.light import light
from orchestrator.lock.file import SUFFIX, measured_in
from orchestrator.policy.calibration import Calibration, key, read_lock
from orchestrator.render import TemplateSyntax, parse
from orchestrator.spec.diagnostics import Diagnostic
from orchestrator.spec.load import read_text
from orchestrator.spec.marks import Marks
from orchestrator.spec.model import AgentStep, AskStep, ModelSpec, ToolStep, ValueStep
from orchestrator.spec.schema import json_schema
from orchestrator.spec.yaml import parse as parse_yaml

NAME = "confidence"
SILENT = frozenset(
    {"lmstudio", "transformers", "mlx", "groq", "mistral", "together", "gemini", "anthropic"}
)  # fmt: skip
"""Providers that give no log-probabilities."""
_REASONS = re.compile(r"openai:(gpt-5|o\d)")
"""OpenAI's models that refuse to give them."""


def gives_confidence(spec: ModelSpec) -> bool:
    """Whether a model of this reference may give log-probabilities, as far as the file tells."""
    return provider_of(spec) not in SILENT and _REASONS.match(spec.use) is None


def check_confidence(setting: Setting, top: Layer, outputs: Mapping[str, Any]) -> None:
    """Say what is wrong with every use of `confidence`, and give each step the measurements that fit it."""
    places: list[tuple[Layer, Knot | None, Text]]
    places = [(layer, knot, text) for layer, knot in _knots(top) for text in knot.texts]
    places.append((top, None, Text("outputs", ("outputs",), outputs, "value")))
    found = [(*place, use) for place in places for use in _uses(place[2])]
    lock = _lock(setting) if found else ()
    for layer, knot, text, use in found:
        _One(setting, layer, knot, text, lock).check(use)
    _read_from_afar(setting, places)


def _knots(layer: Layer) -> Iterator[tuple[Layer, Knot]]:
    for knot in layer.knots.values():
        yield layer, knot
        if knot.body is not None:
            yield from _knots(knot.body)


# --------------------------------------------------------------------------------------------------- uses


@light(frozen=True, slots=True)
class _Use:
    """One place that reads it: of the step itself, or of the one that `steps` leads to. `compared` with something."""

    steps: tuple[str, ...]
    """Empty: the step itself."""
    compared: bool


def _trees(text: Text, word: str) -> Iterator[nodes.Template]:
    """The syntax trees of its leaves that hold a word."""
    for _, leaf in text.leaves():
        if word not in leaf:
            continue
        try:
            yield parse(leaf, "expression" if text.kind == "expression" else "template")
        except TemplateSyntax:
            continue  # said already


def _uses(text: Text) -> Iterator[_Use]:
    for tree in _trees(text, NAME):
        compared = {id(node) for compare in tree.find_all(nodes.Compare) for node in _reads(compare)}
        for node in _reads(tree):
            chain = _chain(node)
            if chain or (isinstance(node, nodes.Name) and NAME in text.extra):
                yield _Use(chain, id(node) in compared)


def _reads(tree: nodes.Node) -> Iterator[nodes.Node]:
    yield from (node for node in tree.find_all(nodes.Name) if node.name == NAME)
    yield from (node for node in tree.find_all(nodes.Getattr) if node.attr == NAME)


def _chain(node: nodes.Node) -> tuple[str, ...]:
    """Names behind `steps`: `steps.hard.expert.confidence` is ('hard', 'expert'); empty for any other value."""
    return _names_behind_steps(node.node if isinstance(node, nodes.Getattr) else node)


def _names_behind_steps(node: nodes.Node) -> tuple[str, ...]:
    """`steps.hard.expert` is ('hard', 'expert')."""
    names: list[str] = []
    inner = node
    while isinstance(inner, nodes.Getattr | nodes.Getitem):
        if isinstance(inner, nodes.Getattr):
            names.append(inner.attr)
        elif isinstance(inner.arg, nodes.Const) and isinstance(inner.arg.value, str):
            names.append(inner.arg.value)
        inner = inner.node
    return tuple(reversed(names)) if isinstance(inner, nodes.Name) and inner.name == "steps" else ()


def _read_from_afar(setting: Setting, places: list[tuple[Layer, Knot | None, Text]]) -> None:
    """Steps whose facts are read as a list, where an item's `confidence` shows no step's name: by a filter
    (`steps.sort | map(attribute='confidence')`) or a loop's variable. Every step that may be meant is asked how sure
    it was: rather once too often than null.
    """
    afar = [place for place in places if _is_afar(place[0], place[2])]
    for place in afar:
        near = list(_meant(place))
        for asked in near or [one for other in places for one in _meant(other)]:
            models = [setting.models.get(name) for name in asked.models]
            if isinstance(asked.step, AgentStep) and all(
                m is not None and gives_confidence(m) for m in models
            ):
                asked.confident = True


def _is_afar(layer: Layer, text: Text) -> bool:
    return any(
        (isinstance(node, nodes.Const) and node.value == NAME)
        or (isinstance(node, nodes.Getattr) and node.attr == NAME and _of_an_item(layer, node))
        for tree in _trees(text, NAME)
        for node in tree.find_all((nodes.Const, nodes.Getattr))
    )


def _of_an_item(layer: Layer, node: nodes.Node) -> bool:
    """Whether it is read of a variable, and not of a step, whose fields may have any name."""
    while isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Filter) and node.node is not None:
        node = node.node
    return isinstance(node, nodes.Name) and node.name != "steps" and _find(layer, (node.name,)) is None


def _meant(place: tuple[Layer, Knot | None, Text]) -> Iterator[Knot]:
    """The steps that a text names under `steps`."""
    layer, _, text = place
    for tree in _trees(text, "steps"):
        for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
            chain = _names_behind_steps(node)
            asked = _find(layer, chain) if chain else None
            if asked is not None:
                yield asked


# ------------------------------------------------------------------------------------------------- checks


@light(frozen=True, slots=True)
class _One:
    """One text that reads `confidence`."""

    setting: Setting
    layer: Layer
    knot: Knot | None
    text: Text
    lock: tuple[Calibration, ...]

    def check(self, use: _Use) -> None:
        asked = _find(self.layer, use.steps) if use.steps else self.knot
        if asked is not None and use.steps:
            asked.confident = True
        if asked is None or isinstance(asked.step, ToolStep | ValueStep | AskStep):
            if asked is not None:
                self._nobody(asked, f"step '{asked.path}' asks no model")
            return
        if not isinstance(asked.step, AgentStep):
            return  # what a group knows of its steps is checked where it is read
        for name in dict.fromkeys(self._deciding(asked, own=not use.steps)):
            spec = self.setting.models.get(name)
            if spec is not None and not gives_confidence(spec):
                self._nobody(asked, f"model '{name}' ({spec.use}) gives no log-probabilities")
                return
        asked.calibrations = tuple(entry for entry in self.lock if entry.fits(*_key(asked)))
        if use.compared and not asked.calibrations:
            self._raw(asked)

    @staticmethod
    def _deciding(asked: Knot, *, own: bool) -> Iterator[str]:
        """Models whose confidence is read: behind the last rung of a ladder nobody decides any more."""
        yield from asked.models
        if own and isinstance(asked.step, AgentStep) and asked.step.escalate is not None:
            to = asked.step.escalate.to
            yield from () if isinstance(to, str) else to[:-1]

    def _nobody(self, asked: Knot, why: str) -> None:
        message = f"confidence of '{asked.path}': {why}"
        hint = "decide by `invalid`, `failed` or a `check`, or ask a model that gives them"
        self.setting.report.at(self.setting.marks, self.text.path, "ORCH541", message, hint)

    def _raw(self, asked: Knot) -> None:
        stale = next((entry for entry in self.lock if entry.step == asked.path), None)
        if stale is None:
            message = (
                f"confidence of '{asked.path}' is uncalibrated: nobody measured what this threshold is worth"
            )
            hint = f"measure it on labelled cases into {_lock_of(self.setting).name}, or decide by `invalid` or a `check`"
            self.setting.report.at(self.setting.marks, self.text.path, "ORCH540", message, hint)
            return
        what = "output" if stale.template == _key(asked)[0] else "prompt or role"
        message = (
            f"the measured confidence of '{asked.path}' is for another {what}: the raw value counts again"
        )
        hint = f"measure it again, or take the entry out of {_lock_of(self.setting).name}"
        self.setting.report.at(self.setting.marks, self.text.path, "ORCH542", message, hint)


def _find(layer: Layer, steps: tuple[str, ...]) -> Knot | None:
    """The step that a dotted name means here."""
    here: Layer | None = layer
    while here is not None and steps[0] not in here.knots:
        here = here.outer
    knot: Knot | None = None
    for name in steps:
        knot = here.knots.get(name) if here is not None else None
        here = knot.body if knot is not None else None
    return knot


def _key(knot: Knot) -> tuple[str, str]:
    """Digests of what a measurement belongs to: the template of the request, and the type of the answer."""
    templates = {name: program.source for name, program in knot.programs.items()}
    return key(templates, json_schema(knot.output) if knot.output is not None else None)


# --------------------------------------------------------------------------------------------------- lock


def _lock_of(setting: Setting) -> File:
    return setting.document.path.with_suffix(SUFFIX)


def _lock(setting: Setting) -> tuple[Calibration, ...]:
    """The measurements beside the workflow; none, with a warning, when they cannot be read."""
    path = _lock_of(setting)
    if not path.is_file():
        return ()
    try:
        text = read_text(path, path.name)
    except UsageError as error:
        return _unreadable(setting, path, Marks(path.name, ""), error.message)
    if isinstance(text, Diagnostic):
        return _unreadable(setting, path, Marks(path.name, ""), text.message)
    parsed = parse_yaml(text, path.name)
    if parsed.diagnostics:
        return _unreadable(setting, path, parsed.marks, parsed.diagnostics[0].message)
    try:
        found = read_lock(parsed.value)
    except ValueError as error:
        return _unreadable(setting, path, parsed.marks, str(error))
    setting.included[str(path)] = measured_in(text).encode()
    return found


def _unreadable(setting: Setting, path: File, marks: Marks, why: str) -> tuple[Calibration, ...]:
    message = f"{path.name} is not used, raw confidence counts: {why}"
    setting.report.add(marks, marks.at(), "ORCH542", message, "repair it, or delete it")
    return ()


__all__ = ["SILENT", "check_confidence", "gives_confidence"]
