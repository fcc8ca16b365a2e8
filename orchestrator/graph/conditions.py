"""Whether a condition can be false at all: a choice or a map is always true."""

from __future__ import annotations

from orchestrator.graph.kinds import base, view
from orchestrator.graph.setting import Setting
from orchestrator.graph.texts import Text
from orchestrator.spec.types import Enum, MapOf, Type


def check_condition(setting: Setting, text: Text, kind: Type, key: str) -> None:
    """Say so when a condition is a value that is never false, empty or null."""
    kind = view(kind)
    source = str(text.raw).strip()
    if isinstance(kind, Enum) and all(kind.values):
        hint = f"compare it: {source} == '{kind.values[0]}'"
    elif isinstance(kind, MapOf) and kind.fields:
        names = [field.name for field in kind.fields if base(field.type) == "true or false"]
        hint = f"name one of its fields: {source}.{(names or [kind.fields[0].name])[0]}"
    elif key == "until" and base(kind) in ("text", "a list", "a number"):
        setting.report.at(
            setting.marks, text.path, "ORCH314", f"until: {source} is {base(kind)}, not true or false",
            f"compare it: {source} == …",
        )  # fmt: skip
        return
    else:
        return
    code = "ORCH314" if key == "until" else "ORCH511"
    message = f"{source} is {base(kind)}, so this is always true"
    setting.report.at(setting.marks, text.path, code, message, hint)
