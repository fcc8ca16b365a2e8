"""What a file declares and never uses."""

from __future__ import annotations

from orchestrator.graph.setting import EMBEDDED, Setting


def check_unused(setting: Setting) -> None:
    """Warn of agents, models, inputs, knowledge and tools of this file that nothing names."""
    workflow, used = setting.document.workflow, setting.used
    for name in setting.library.unused(used.get("agents", ())):
        _warn(setting, "agents", name, "agent")
    for name in workflow.models:
        if name not in used.get("models", ()) and name != EMBEDDED:
            _warn(setting, "models", name, "model")
    for section, what, names in (
        ("inputs", "input", workflow.inputs),
        ("knowledge", "knowledge", workflow.knowledge),
        ("tools", "tool", workflow.tools),
    ):
        for name in names:
            if name not in used.get(section, ()):
                _warn(setting, section, name, what)


def _warn(setting: Setting, section: str, name: str, what: str) -> None:
    code = "ORCH521" if section == "inputs" else "ORCH520"
    setting.report.key(
        setting.marks, (section, name), code, f"{what} '{name}' is never used", "use it, or take it out"
    )
