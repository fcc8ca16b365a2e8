"""Calls of other workflows: the file they mean, the inputs they are given, the type of what they return."""

from __future__ import annotations

from pathlib import Path as File

from orchestrator.graph.kinds import UNKNOWN, misfit
from orchestrator.graph.model import Graph
from orchestrator.graph.say import choice, near
from orchestrator.graph.setting import Setting, input_type
from orchestrator.graph.texts import Path
from orchestrator.library import named_workflows
from orchestrator.regular import real
from orchestrator.spec.model import WorkflowStep
from orchestrator.spec.types import Field, MapOf, Type


def file_of(setting: Setting, step: WorkflowStep, at: Path) -> File | None:
    """The file a step names, or a diagnostic why there is none."""
    document, name = setting.document, step.workflow
    place = (*at, "workflow")
    is_path = "/" in name or name.endswith((".yaml", ".yml"))
    if not is_path:
        named = named_workflows(document.root)
        if name in named:
            return named[name]
        beside = document.path.parent / name
        if not beside.exists():
            hint = near(name, named) or "name a file, like other.yaml"
            setting.report.at(setting.marks, place, "ORCH607", f"there is no workflow '{name}'", hint)
            return None
    path = document.path.parent / name
    if not real(path).is_relative_to(real(document.root)):
        setting.report.at(
            setting.marks, place, "ORCH607", f"workflow '{name}' lies outside the project",
            "copy it into the project",
        )  # fmt: skip
        return None
    if not path.is_file():
        setting.report.at(
            setting.marks, place, "ORCH607", f"there is no workflow file '{name}'", _nearest_file(path)
        )
        return None
    return path


def _nearest_file(path: File) -> str:
    try:
        names = sorted(p.name for p in path.parent.iterdir() if p.suffix in (".yaml", ".yml"))
    except OSError:
        return "check the path; it is relative to this file"
    return near(path.name, names) or "check the path; it is relative to this file"


def check_inputs(setting: Setting, child: Graph, step: WorkflowStep, at: Path, given: Type | None) -> None:
    """Names and types of what a subworkflow is given."""
    declared = child.workflow.inputs
    kinds = {field.name: field.type for field in given.fields} if isinstance(given, MapOf) else {}
    for name in step.with_:
        place = (*at, "with", name)
        if name not in declared:
            hint = near(name, declared) or (
                f"its inputs are {choice(declared)}" if declared else "it takes none"
            )
            setting.report.key(
                setting.marks, place, "ORCH204", f"workflow '{step.workflow}' has no input '{name}'", hint
            )
            continue
        reason = misfit(kinds.get(name, UNKNOWN), input_type(declared[name]))
        if reason:
            setting.report.at(
                setting.marks, place, "ORCH316", f"input '{name}' of '{step.workflow}': {reason}"
            )
    for name, spec in declared.items():
        required = "default" not in spec.model_fields_set and spec.missing != "empty"
        if required and name not in step.with_:
            setting.report.at(
                setting.marks, (*at, "workflow"), "ORCH317", f"workflow '{step.workflow}' needs the input '{name}'",
                f"add `with: {{{name}: …}}`",
            )  # fmt: skip
        elif spec.new and name not in step.with_:
            setting.report.at(
                setting.marks, (*at, "workflow"), "ORCH317",
                f"input '{name}' of '{step.workflow}' takes only new files, which only a run of its own tells apart",
                f"give the files: `with: {{{name}: …}}`",
            )  # fmt: skip


def result_type(child: Graph) -> Type:
    """What a subworkflow returns: its `outputs`, else the steps that nobody reads."""
    if child.output_type is not None:
        return child.output_type
    leaves = [node for node in child.scope.nodes if not node.successors]
    if len(leaves) == 1:
        return leaves[0].value_type or UNKNOWN
    return MapOf(tuple(Field(node.name, node.value_type or UNKNOWN) for node in leaves))
