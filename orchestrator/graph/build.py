"""From a document to a graph: specialists found, edges wired, names, types and nulls checked, programs compiled.

Everything that is wrong is reported at once; a graph comes out only when nothing is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import TYPE_CHECKING

from orchestrator.graph.agents import (
    check_agent,
    check_default_model,
    check_images,
    effective,
    find_agent,
    known_model,
    models_of,
)
from orchestrator.graph.cases import checked_examples, placed
from orchestrator.graph.check import Checker
from orchestrator.graph.compiled import compile_knot, compiled
from orchestrator.graph.confident import check_confidence
from orchestrator.graph.delegates import delegates
from orchestrator.graph.flow import Proof, analyse
from orchestrator.graph.flow_rules import ALL_RULES
from orchestrator.graph.kinds import UNKNOWN
from orchestrator.graph.model import Declared, Documents, Graph, Node, Scope
from orchestrator.graph.names import Level
from orchestrator.graph.plain import check_stops
from orchestrator.graph.report import Report
from orchestrator.graph.sampling import check_samples
from orchestrator.graph.schemas import loaded
from orchestrator.graph.served import check_provider, check_shared_providers
from orchestrator.graph.setting import Setting, setting_for, with_defaults
from orchestrator.graph.shapes import arrange, check_names, check_needs, check_reach
from orchestrator.graph.subflow import file_of
from orchestrator.graph.texts import Path, Text, loop_names, texts_of
from orchestrator.graph.told import check_prices
from orchestrator.graph.unused import check_unused
from orchestrator.graph.wire import Knot, Layer, connect
from orchestrator.library import Library, Written
from orchestrator.light import light
from orchestrator.render import Program
from orchestrator.spec.diagnostics import Diagnostic
from orchestrator.spec.load import read, read_project
from orchestrator.spec.model import AgentStep, GroupStep, ModelSpec, Step, ValueStep, WorkflowStep, verb_of
from orchestrator.spec.schema import json_schema
from orchestrator.spec.types import MapOf, Type

if TYPE_CHECKING:
    from orchestrator.library import Agent
    from orchestrator.spec.load import Document, LoadedProject


@light(frozen=True, slots=True)
class Built:
    """What came of building: the graph when nothing is wrong, and everything there is to say."""

    graph: Graph | None
    diagnostics: tuple[Diagnostic, ...]


@dataclass(slots=True)
class Family:
    """Workflows that are being built or are built, so that a circle of them is seen and none is built twice."""

    parents: tuple[File, ...] = ()
    built: dict[File, Built] = field(default_factory=dict)
    rules: frozenset[str] = ALL_RULES
    """By which labels pass on; fewer than all only to see what they are good for."""
    models: Mapping[str, str] = field(default_factory=dict)
    """References that stand in for those of the file that is opened (`-m`), by the names of its models."""


def build(
    document: Document,
    library: Library,
    *,
    project: LoadedProject | None = None,
    family: Family | None = None,
) -> Built:
    """Check a workflow and wire it. `family` is passed on from the workflow that calls this one."""
    builder = _Builder(document, library, project, family or Family())
    return builder.built()


def check_declarations(
    document: Document, library: Library, project: LoadedProject | None, agents: Iterable[str]
) -> tuple[Diagnostic, ...]:
    """What is wrong with what a file declares, and with these agents; its steps do not count."""
    builder = _Builder(document, library, project, Family())
    builder.declarations(agents)
    return _sorted((*builder.report.diagnostics, *library.diagnostics))


def build_file(path: File, display: str, family: Family) -> Built:
    """Read and build one file. `family` are the workflows that call it. Raises UsageError when it is no text file."""
    loaded = read(path, display=display)
    document = loaded.document
    if document is None:
        return Built(None, _sorted(loaded.diagnostics))
    project = read_project(document.root)
    library = Library(document, project)
    built = build(document, library, project=project, family=family)
    diagnostics = _sorted(
        (*loaded.diagnostics, *(project.diagnostics if project else ()), *built.diagnostics)
    )
    wrong = any(d.severity == "error" for d in diagnostics)
    return Built(None if wrong else built.graph, diagnostics)


def _sorted(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(dict.fromkeys(diagnostics), key=lambda d: (d.mark, d.code)))


class _Builder:
    def __init__(
        self, document: Document, library: Library, project: LoadedProject | None, family: Family
    ) -> None:
        self.report = Report()
        opened = next(iter(family.parents), None)
        self.setting = setting_for(document, library, project, self.report, opened)
        if not family.parents and family.models:
            known = {name: ref for name, ref in family.models.items() if name in self.setting.models}
            replaced = {name: ModelSpec(use=ref) for name, ref in known.items()}
            self.setting.models = {**self.setting.models, **replaced}
        self.setting.opened = opened
        self.family = family
        self.children: list[Diagnostic] = []
        self.delegates: dict[str, Knot] = {}

    def built(self) -> Built:
        setting, workflow = self.setting, self.setting.document.workflow
        self.declarations(workflow.agents)
        top = self._layer(workflow.steps, ("steps",), "", None, "")
        check_names(setting, top)
        check_needs(setting, top)
        self.delegates = delegates(setting, top)
        connect(top)
        arrange(setting, top)
        checker = Checker(setting)
        checker.scope(top)
        outputs, output_type = self._outputs(top, checker)
        proof = analyse(setting, top, workflow.outputs, self.family.rules)
        check_reach(setting, top)
        check_confidence(setting, top, workflow.outputs)
        check_prices(setting, top)
        check_unused(setting)
        check_shared_providers(setting)
        if setting.project is not None and setting.used.get("knowledge"):
            from orchestrator.graph.documents import check_shared

            check_shared(setting)
        diagnostics = (*self.report.diagnostics, *setting.library.diagnostics, *self.children)
        unique = _sorted(diagnostics)
        if any(d.severity == "error" for d in unique):
            return Built(None, unique)
        graph = self._graph(top, outputs, output_type, proof)
        return Built(graph, _sorted((*unique, *self.report.diagnostics)))

    # ------------------------------------------------------------------------------------- declarations

    def declarations(self, agents: Iterable[str]) -> None:
        setting, marks = self.setting, self.setting.marks
        workflow = setting.document.workflow
        check_stops(setting, marks, ("defaults", "params"), workflow.defaults.params)
        for name, model in workflow.models.items():
            check_stops(setting, marks, ("models", name, "params"), model.params)
            check_provider(setting, marks, name, model)
        check_default_model(setting)
        if setting.knowledge:
            from orchestrator.graph.documents import check_documents

            check_documents(setting)
        for name in agents:
            agent = setting.library.agent(name)
            if agent is not None:
                check_agent(setting, agent)
                self._role(agent)
        for name, tool in workflow.tools.items():
            if tool.agent is not None:
                find_agent(setting, tool.agent, ("tools", name, "agent"))
        if any(tool.python is not None for tool in setting.tools.values()):
            from orchestrator.graph.pytools import check_python_tools

            check_python_tools(setting)
        if any(tool.mcp is not None for tool in setting.tools.values()):
            from orchestrator.graph.servers import check_servers

            check_servers(setting)

    def _role(self, agent: Agent) -> None:
        """Its syntax; what its names mean depends on the step that uses it."""
        written = agent.written.get("role")
        if written is not None and agent.spec.role is not None:
            text = Text("role", written.path, agent.spec.role, "template")
            compiled(text, written.marks, written.path, self.report)

    # ------------------------------------------------------------------------------------------- knots

    def _layer(
        self, steps: Mapping[str, Step], at: Path, prefix: str, outer: Layer | None, owner: str
    ) -> Layer:
        level = Level(steps, at, prefix, outer.level if outer else None, owner)
        if outer is not None:
            group = outer.level.steps[owner]
            assert isinstance(group, GroupStep)
            names = loop_names(group)
            level.loop = dict.fromkeys((*names, "index"), UNKNOWN) if names else {}
            level.repeats = group.repeat is not None
        layer = Layer(level, {}, outer)
        for name, step in steps.items():
            layer.knots[name] = self._knot(layer, name, step, (*at, name))
        return layer

    def _knot(self, layer: Layer, name: str, step: Step, at: Path) -> Knot:
        step = with_defaults(step, self.setting.defaults)
        knot = Knot(
            name, step, verb_of(step) or "", at, layer.level, tuple(texts_of(step, at)), needs=step.needs
        )
        match step:
            case AgentStep():
                self._agent(knot, step)
            case ValueStep():
                knot.output = loaded(self.setting, step.output, Written(self.setting.marks, (*at, "output")))
            case WorkflowStep():
                self._child(knot, step)
            case GroupStep():
                knot.body = self._layer(step.steps, (*at, "steps"), f"{knot.path}.", layer, name)
            case _:
                pass
        compile_knot(knot, self.setting.marks, self.report)
        return knot

    def _agent(self, knot: Knot, step: AgentStep) -> None:
        setting = self.setting
        knot.agent = agent = effective(setting, step, knot.at)
        knot.models = models_of(setting, step, agent, knot.at)
        for name in knot.models:
            setting.use("called", name)
        self._people(knot, step)
        if agent is None:
            own = loaded(setting, step.output, Written(setting.marks, (*knot.at, "output")))
            knot.output = UNKNOWN if own is None else own
            return
        self._include(agent)
        if agent.spec.output is not None:
            written = agent.written.get("output") or Written(setting.marks, knot.at)
            base = agent.base if step.output is None else None
            knot.output = loaded(setting, agent.spec.output, written, base)
        knot.agent = agent = checked_examples(
            setting, step, placed(setting, step, agent), knot.at, knot.output
        )
        check_samples(setting, step, knot.at, knot.output)
        if agent.spec.role is not None and step.role is None:
            extra = ("items",) if step.reduce is not None else ()
            knot.texts += (Text("role", (*knot.at, "agent"), agent.spec.role, "template", extra=extra),)
        if agent.spec.memory is not None and step.memory is None:
            knot.texts += (Text("memory", (*knot.at, "agent"), agent.spec.memory.key, "template"),)
        if step.images is not None:
            check_images(setting, knot.models, (*knot.at, "images"))

    def _people(self, knot: Knot, step: AgentStep) -> None:
        """Other agents and models the step names: who chooses among samples, who is asked at last."""
        if step.pick is not None:
            judge = find_agent(self.setting, step.pick, (*knot.at, "pick"))
            if judge is not None:
                check_agent(self.setting, judge)
        if step.escalate is None:
            if step.overflow == "escalate":
                message = f"step '{knot.path}' goes up when its prompt does not fit, but has nowhere to go"
                hint = "add `escalate: {to: …}`, or take `overflow` out"
                self.setting.report.at(self.setting.marks, (*knot.at, "overflow"), "ORCH512", message, hint)
            return
        ladder = step.escalate.to
        for index, name in enumerate((ladder,) if isinstance(ladder, str) else ladder):
            path: Path = (*knot.at, "escalate", "to")
            written = Written(self.setting.marks, path if isinstance(ladder, str) else (*path, index))
            known_model(self.setting, name, written.mark(), written)

    def _include(self, agent: Agent) -> None:
        for file in agent.files:
            if str(file) not in self.setting.included:
                self.setting.included[str(file)] = file.read_bytes()

    # -------------------------------------------------------------------------------------- subworkflows

    def _child(self, knot: Knot, step: WorkflowStep) -> None:
        setting, document = self.setting, self.setting.document
        path = file_of(setting, step, knot.at)
        if path is None:
            return
        path = path.resolve()
        chain = (*self.family.parents, document.path.resolve())
        if path in chain:
            names = [file.name for file in (*chain[chain.index(path) :], path)]
            message = f"workflows call each other in a circle: {' -> '.join(names)}"
            self.report.at(
                setting.marks, (*knot.at, "workflow"), "ORCH503", message, "take one of the calls out"
            )
            return
        if path not in self.family.built:
            family = Family(chain, self.family.built, self.family.rules)
            display = str(File(document.file).parent / step.workflow) if not _is_named(step) else str(path)
            self.family.built[path] = build_file(path, display, family)
        built = self.family.built[path]
        self.children += [d for d in built.diagnostics if d.severity == "error"]
        knot.child = built.graph

    # ------------------------------------------------------------------------------------------- results

    def _outputs(self, top: Layer, checker: Checker) -> tuple[Program | None, Type | None]:
        outputs = self.setting.document.workflow.outputs
        if not outputs:
            return None, None
        text = Text("outputs", ("outputs",), outputs, "value")
        program = compiled(text, self.setting.marks, ("outputs",), self.report)
        return program, checker.outputs(top, outputs)

    def _graph(self, top: Layer, outputs: Program | None, output_type: Type | None, proof: Proof) -> Graph:
        setting, document = self.setting, self.setting.document
        scope = _scope(setting, top)
        called = setting.used.get("called", set()) | self._escalated(top)
        agents: dict[str, Agent] = {}
        _collect(top, agents)
        return Graph(
            workflow=document.workflow.model_copy(update={"defaults": setting.defaults}),
            file=document.file,
            root=str(document.root),
            digest=self._digest(top),
            scope=scope,
            models={name: spec for name, spec in setting.models.items() if name in called},
            outputs=outputs,
            agents=agents,
            specialists=self._specialists(),
            exits=proof.exits,
            returns=proof.returns,
            env=dict(setting.env),
            output_type=output_type if isinstance(output_type, MapOf) else None,
            tools=self._tools(),
            knowledge=self._knowledge(),
            delegates={name: _node(setting, knot, {name: 0}, []) for name, knot in self.delegates.items()},
        )

    def _specialists(self) -> dict[str, Agent]:
        named = sorted(self.setting.used.get("agents", set()))
        found = ((name, self.setting.library.agent(name)) for name in named)
        return {name: agent for name, agent in found if agent is not None}

    def _tools(self) -> dict[str, Declared]:
        document, project = self.setting.document, self.setting.project
        own = {name: Declared(spec, document.path.parent) for name, spec in document.workflow.tools.items()}
        if project is None:
            return own
        shared = project.project.tools.items()
        return {name: Declared(spec, project.path.parent) for name, spec in shared} | own

    def _knowledge(self) -> dict[str, Documents]:
        setting, project = self.setting, self.setting.project
        own = setting.document.workflow.knowledge
        found = {}
        for name, spec in setting.knowledge.items():
            shared = name not in own and project is not None
            base = project.path.parent if shared and project is not None else setting.document.path.parent
            embed = spec.embed
            model = None if embed is None else setting.models.get(embed) or ModelSpec(use=embed)
            found[name] = Documents(spec, base, model)
        return found

    def _escalated(self, layer: Layer) -> set[str]:
        found: set[str] = set()
        for knot in layer.knots.values():
            if isinstance(knot.step, AgentStep) and knot.step.escalate is not None:
                found |= set(ladder_of(knot.step))
            if knot.body is not None:
                found |= self._escalated(knot.body)
        return found

    def _digest(self, top: Layer) -> str:
        digest = hashlib.sha256(self.setting.document.text.encode())
        project = self.setting.project
        parts = [("project", project.text.encode())] if project is not None else []
        parts += sorted((File(name).name, content) for name, content in self.setting.included.items())
        parts += [("workflow", child.encode()) for child in _digests(top)]
        for name, content in parts:
            digest.update(f"\0{name}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()


def ladder_of(step: Step) -> tuple[str, ...]:
    """The models that `escalate` may ask, from the first to the last."""
    if not isinstance(step, AgentStep) or step.escalate is None:
        return ()
    to = step.escalate.to
    return (to,) if isinstance(to, str) else tuple(to)


def _is_named(step: WorkflowStep) -> bool:
    return "/" not in step.workflow and not step.workflow.endswith((".yaml", ".yml"))


def _collect(layer: Layer, agents: dict[str, Agent]) -> None:
    for knot in layer.knots.values():
        if knot.agent is not None:
            agents.setdefault(knot.agent.name, knot.agent)
        if knot.body is not None:
            _collect(knot.body, agents)


def _digests(layer: Layer) -> list[str]:
    found = []
    for knot in layer.knots.values():
        if knot.child is not None:
            found.append(knot.child.digest)
        if knot.body is not None:
            found += _digests(knot.body)
    return found


def _scope(setting: Setting, layer: Layer) -> Scope:
    index = {name: number for number, name in enumerate(layer.order)}
    successors: dict[str, list[int]] = {name: [] for name in layer.order}
    for name in layer.order:
        for dep in layer.knots[name].deps:
            successors[dep].append(index[name])
    nodes = tuple(_node(setting, layer.knots[name], index, successors[name]) for name in layer.order)
    return Scope(layer.level.prefix.rstrip("."), nodes, tuple(n.index for n in nodes if not n.deps))


def _node(setting: Setting, knot: Knot, index: Mapping[str, int], successors: list[int]) -> Node:
    return Node(
        index=index[knot.name],
        name=knot.name,
        path=knot.path,
        verb=knot.verb,
        step=knot.step,
        mark=setting.marks.key(*knot.at),
        deps=tuple(sorted(index[dep] for dep in knot.deps)),
        successors=tuple(sorted(successors)),
        needs=tuple(sorted(index[name] for name in knot.needs if name in index)),
        programs=knot.programs,
        nulls=knot.nulls,
        agent=knot.agent,
        models=knot.models,
        ladder=ladder_of(knot.step),
        flow=knot.flow,
        calibrations=knot.calibrations,
        confident=knot.confident,
        output=knot.output,
        schema=json_schema(knot.output) if knot.output is not None else None,
        edited=knot.edited,
        value_type=knot.type,
        loop=loop_names(knot.step),
        body=_scope(setting, knot.body) if knot.body is not None else None,
        child=knot.child,
    )
