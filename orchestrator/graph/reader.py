"""Reads one text of a step: the type of its value, and the names that make the step null when they are null."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.graph.environment import variables
from orchestrator.graph.infer import Reading
from orchestrator.graph.kinds import TEXT, UNKNOWN, literal, row
from orchestrator.graph.names import TODAY, Binding, Level
from orchestrator.graph.narrow import Chain
from orchestrator.graph.plain import stray_names
from orchestrator.graph.setting import Setting
from orchestrator.graph.stray import explain_unknown
from orchestrator.graph.templates import template_type
from orchestrator.graph.texts import PASSES_NULL, PRINTS, Path, Text, loop_names
from orchestrator.graph.wire import Knot, Layer
from orchestrator.render import TemplateSyntax, parse
from orchestrator.spec.types import Field, MapOf, Type


def read_text(
    setting: Setting,
    layer: Layer,
    knot: Knot | None,
    text: Text,
    extra: Mapping[str, Type] | None = None,
    handled: frozenset[str] = frozenset(),
) -> tuple[Type, tuple[Chain, ...]]:
    """`extra` are names that only this text knows; `handled` those a `when` takes care of."""
    reader = _Reader(setting, layer, knot, text, extra or {}, handled)
    kind = reader.value(text.path, text.raw)
    return kind, tuple(dict.fromkeys(reader.nulls))


@dataclass(slots=True)
class _Reader:
    setting: Setting
    layer: Layer
    knot: Knot | None
    text: Text
    extra: Mapping[str, Type]
    handled: frozenset[str]
    nulls: list[Chain] = field(default_factory=list)

    def value(self, path: Path, raw: Any) -> Type:
        """A text, or a map or list of texts and constants."""
        if isinstance(raw, str):
            self._plain(path, raw)
        match raw:
            case str() if "{" in raw or self.text.kind == "expression":
                return self._leaf(path, raw)
            case str() if self.text.kind == "template":
                return TEXT
            case Mapping():
                return MapOf(
                    tuple(Field(str(k), self.value((*path, str(k)), part)) for k, part in raw.items())
                )
            case list() | tuple():
                return row(self.value((*path, index), part) for index, part in enumerate(raw))
            case _:
                return literal(raw)

    def _plain(self, path: Path, raw: str) -> None:
        """Warn of names that are taken to the letter here."""
        for offset, width, message, hint in stray_names(self.text, path, raw, self._known):
            self._say(path)(offset, width, "ORCH522", message, hint)

    def _known(self, name: str) -> Binding | None:
        own = self.knot is not None and name == self.knot.name
        return None if own else self._find(name)

    def _leaf(self, path: Path, raw: str) -> Type:
        text = self.text
        try:
            tree = parse(raw, "expression" if text.kind == "expression" else "template")
        except TemplateSyntax:
            return UNKNOWN  # reported when it was compiled
        reading = Reading(
            raw,
            self._find,
            self._level.find_facts,
            lambda reading, node: explain_unknown(self.setting, self.layer, self.knot, text, reading, node),
            self._say(path),
            passes=text.key in PASSES_NULL,
            handled=self.handled,
            nulls=self.nulls,
        )
        kind = template_type(reading, tree, prints=text.key in PRINTS)
        for name in reading.inputs:
            self.setting.use("inputs", name)
        if "env" in raw:
            self.setting.read_env(variables(tree))
        return kind

    def _say(self, path: Path) -> Callable[[int, int, str, str, str], None]:
        """Where to report: the file, or that of the agent whose role this is."""
        agent = self.knot.agent if self.knot is not None and self.text.key == "role" else None
        written = agent.written.get("role") if agent is not None else None
        if written is not None:
            return self.setting.report.inside(written.marks, written.path)
        return self.setting.report.inside(self.setting.marks, path)

    @property
    def _level(self) -> Level:
        if self.text.sees == "inside" and self.knot is not None and self.knot.body is not None:
            return self.knot.body.level
        return self.layer.level

    def _find(self, name: str) -> Binding | None:
        if name in self.extra:
            loop = self.knot is not None and (name in loop_names(self.knot.step) or name in ("item", "index"))
            return Binding("loop" if loop else "extra", self.extra[name])
        found = self._level.find(name)
        if found is not None:
            return found
        match name:
            case "inputs":
                return Binding("inputs", self.setting.inputs)
            case "today":
                return Binding("extra", TODAY)
            case "env":
                return Binding("env")
            case _:
                return None
