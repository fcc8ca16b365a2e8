"""A run, a step and an instance as JSON, the same wherever it is printed or saved. Knows no store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.events import Event, to_dict
from orchestrator.report.values import Values
from orchestrator.state import RunState, Span


def run_json(row: Mapping[str, Any], state: RunState) -> dict[str, Any]:
    """A whole run. `row` is what the list of runs says of it, as a map; `state` the fold of all its events."""
    return {
        **row,
        "inputs": state.inputs,
        "options": state.options,
        "steps": [asdict(span) for span in state.spans.values()],
        "asks": [asdict(ask) for ask in state.asks.values()],
        "models": [asdict(model) for model in state.models.values()],
        "artifacts": state.artifacts,
        "warnings": state.warnings,
        "error": asdict(state.error) if state.error else None,
        "outputs": state.outputs,
    }


def step_json(span: Span, events: Sequence[Event], values: Values) -> dict[str, Any]:
    return {**span_json(span, values), "events": [to_dict(event) for event in events]}


def span_json(span: Span, values: Values) -> dict[str, Any]:
    return {**asdict(span), "value": values.of(span.path)}
