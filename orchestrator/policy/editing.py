"""A value that a person may change (`edit:` of a question), as text for an editor and back. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.policy.keep import noted
from orchestrator.spec.types import Schema
from orchestrator.spec.values import check_value


def text_of(edit: Mapping[str, Any]) -> str:
    """The value of `AskOpened.edit` as an editor shows it: text as it is, everything else as JSON."""
    value = edit["value"]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def suffix_of(edit: Mapping[str, Any]) -> str:
    return ".txt" if isinstance(edit["value"], str) else ".json"


def changed(edit: Mapping[str, Any], text: str) -> Any:
    """What the text makes of the value; None when it stays as it is. Raises UsageError for what does not fit its type."""
    before = edit["value"]
    if isinstance(before, str):
        value: Any = text if before.endswith("\n") else text.removesuffix("\n")  # editors end the last line
    else:
        try:
            value = json.loads(text)
        except ValueError as error:
            raise UsageError(f"that is no JSON: {error}", hint="keep the quotes and brackets") from None
    if value == before:
        return None
    fit(edit, value)
    return value


def fit(edit: Mapping[str, Any], value: Any) -> None:
    """Raise UsageError for a value that is not of the type it was declared with."""
    problems = check_value(Schema("", edit["schema"]), value)
    if problems:
        raise UsageError(f"the changed value does not fit: {'; '.join(problems)}")


def editable(edit: Any) -> Mapping[str, Any] | None:
    """`AskOpened.edit` where there is something to change that the record holds."""
    if not isinstance(edit, Mapping) or noted(edit.get("value")) is not None:
        return None
    return edit
