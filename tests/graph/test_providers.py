"""A provider that does not exist is said where the model is declared, whichever file that is."""

from __future__ import annotations

from pathlib import Path

from orchestrator.graph.open import check_workflow

USING = "orch: 1\nagents: {a: {role: You write., model: shared}}\nsteps: {s: {agent: a, prompt: Hello.}}\n"


def _said(root: Path, **files: str) -> list[tuple[str, int, str]]:
    for name, text in files.items():
        (root / f"{name}.yaml").write_text(text, encoding="utf-8")
    found = check_workflow(root / "workflow.yaml").diagnostics
    return [(Path(d.mark.file).name, d.mark.line, d.code) for d in found]


def test_a_model_of_the_project_that_is_used_needs_a_provider(tmp_path: Path) -> None:
    """One that this workflow does not use is somebody else's business."""
    project = "orch: 1\nmodels:\n  other: nobody:x\n  shared: bogus:thing\n"

    assert _said(tmp_path, orch=project, workflow=USING) == [("orch.yaml", 4, "ORCH608")]


def test_models_of_called_files_need_one_too(tmp_path: Path) -> None:
    """Their own, and those of the project that they use."""
    project = "orch: 1\nmodels: {shared: bogus:thing}\n"
    parent = "orch: 1\nsteps: {c: {workflow: child.yaml}, d: {workflow: own.yaml}}\n"
    own = USING.replace("agents:", "models: {shared: nothing}\nagents:")

    found = _said(tmp_path, orch=project, workflow=parent, child=USING, own=own)

    assert found == [("orch.yaml", 2, "ORCH608"), ("own.yaml", 2, "ORCH608")]


def test_a_model_that_stands_in_is_not_blamed_on_the_project(tmp_path: Path) -> None:
    """`-m shared=…` is what counts then."""
    _said(tmp_path, orch="orch: 1\nmodels: {shared: bogus:thing}\n", workflow=USING)

    built = check_workflow(tmp_path / "workflow.yaml", models={"shared": "llamacpp:smollm2-135m"})

    assert built.diagnostics == ()
