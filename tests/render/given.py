"""A context like a run's, and the shortest way to a value."""

from __future__ import annotations

from typing import Any

from orchestrator.render import compile_expression, compile_template

CONTEXT: dict[str, Any] = {
    "item": {
        "body": "My card was lost",
        "count": 3,
        "items": [1, 2],
        "values": "v",
        "nothing": None,
        "ok": True,
    },
    "rows": [{"id": 2, "name": "Bo", "of": {"x": 1}}, {"id": 1, "name": "al", "of": {"x": 5}}],
    "tags": ["b", "a", None, "B"],
    "skipped": None,
    "text": "One. Two! Three?",
    "ratio": 2.5,
    "today": "2026-01-31",
}


def expression(text: str, **more: Any) -> Any:
    return compile_expression(text).evaluate({**CONTEXT, **more})


def template(text: str, **more: Any) -> Any:
    return compile_template(text).evaluate({**CONTEXT, **more})
