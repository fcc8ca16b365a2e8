"""Runs as OpenTelemetry spans: one JSON document in the shape of OTLP, for tools that draw traces. Sends nothing.

A run is a trace; steps, answers of models and calls of tools are its spans, with the attribute names that OpenTelemetry
gives to generative models. What was asked and answered is not in it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.events import (
    AttemptFinished,
    AttemptStarted,
    CallFinished,
    CallStarted,
    Event,
    ModelReady,
    RunFailed,
    RunFinished,
    RunInterrupted,
    RunStarted,
    RunWaiting,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)

INTERNAL, CLIENT = 1, 3
OK, ERROR = 1, 2
_SIGN = re.compile(r"[.~@^#]")


def spans(runs: Sequence[Iterable[Event]], version: str) -> bytes:
    """The document of these runs."""
    found = [span for events in runs for span in _Trace().fold(events)]
    resource = {"attributes": _attributes({"service.name": "orch", "service.version": version})}
    scope = {"scope": {"name": "orch", "version": version}, "spans": found}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}).encode() + b"\n"


@dataclass(slots=True)
class _Trace:
    """The spans of one run. What is open when the record ends, ends with it."""

    _trace: str = ""
    _spans: dict[str, dict[str, Any]] = field(default_factory=dict)
    _models: dict[str, ModelReady] = field(default_factory=dict)
    _last: float = 0.0

    def fold(self, events: Iterable[Event]) -> list[dict[str, Any]]:
        for event in events:
            self._last = max(self._last, event.at)
            self._add(event)
        for span in self._spans.values():
            span.setdefault("endTimeUnixNano", _nanos(self._last))
        return list(self._spans.values())

    def _add(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._trace = _digest(f"{event.run} {event.at}", 32)
                about = {"gen_ai.operation.name": "invoke_workflow", "orch.run": event.run}
                self._begin("", f"run {event.workflow}", event.at, about)
            case ModelReady():
                self._models[event.model] = event
            case StepStarted():
                self._begin(event.path, event.path, event.at, {"orch.verb": event.verb})
            case AttemptStarted():
                key = f"{event.path} attempt {event.attempt} {event.model}"
                self._begin(key, f"chat {event.model}", event.at, self._model(event.model), event.path)
            case AttemptFinished():
                self._answered(event)
            case CallStarted():
                about = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": event.tool}
                key = f"{event.path} call {event.call}"
                self._begin(key, f"execute_tool {event.tool}", event.at, about, event.path)
            case CallFinished():
                self._end(f"{event.path} call {event.call}", event.at, failed=event.outcome != "ok")
            case StepFinished() | StepSkipped():
                self._end(event.path, event.at)
            case StepFailed():
                self._end(event.path, event.at, failed=True, why=event.error_kind)
            case RunFinished() | RunWaiting() | RunInterrupted():
                self._end("", event.at)
            case RunFailed():
                self._end("", event.at, failed=True, why=event.error_kind)
            case _:
                pass

    def _model(self, name: str) -> dict[str, Any]:
        ready = self._models.get(name)
        provider, _, model = ready.ref.partition(":") if ready is not None else ("", "", name)
        about = {"gen_ai.operation.name": "chat", "gen_ai.request.model": model}
        return {**about, "gen_ai.provider.name": provider} if provider else about

    def _answered(self, event: AttemptFinished) -> None:
        key = f"{event.path} attempt {event.attempt} {event.model}"
        about = {
            "gen_ai.usage.input_tokens": event.prompt_tokens,
            "gen_ai.usage.output_tokens": event.completion_tokens,
            "orch.outcome": event.outcome,
            "orch.decision": event.decision,
            "orch.cost_usd": event.cost / 1e9,
        }
        self._end(key, event.at, failed=event.outcome == "error", about=about)

    def _begin(
        self, key: str, name: str, at: float, about: dict[str, Any], inside: str | None = None
    ) -> None:
        span: dict[str, Any] = {"traceId": self._trace, "spanId": _digest(f"{self._trace} {key}", 16)}
        parent = self._parent(key) if inside is None else self._nearest(inside)
        if parent is not None:
            span["parentSpanId"] = parent["spanId"]
        kind = CLIENT if inside is not None else INTERNAL
        about = {name: value for name, value in about.items() if value != ""}
        times = {"startTimeUnixNano": _nanos(at), "attributes": _attributes(about)}
        self._spans[key] = {**span, "name": name, "kind": kind, **times}

    def _parent(self, path: str) -> dict[str, Any] | None:
        """The span that an instance lies in; None for the run."""
        return (
            self._nearest(path[: [0, *[sign.start() for sign in _SIGN.finditer(path)]][-1]]) if path else None
        )

    def _nearest(self, path: str) -> dict[str, Any] | None:
        while path and path not in self._spans:
            path = path[: [0, *[sign.start() for sign in _SIGN.finditer(path)]][-1]]
        return self._spans.get(path)

    def _end(
        self, key: str, at: float, *, failed: bool = False, why: str = "", about: dict[str, Any] | None = None
    ) -> None:
        span = self._spans.get(key)
        if span is None:
            return
        span["endTimeUnixNano"] = _nanos(at)
        span["status"] = {"code": ERROR if failed else OK}
        span["attributes"] += _attributes({**(about or {}), **({"error.type": why} if why else {})})


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def _nanos(at: float) -> str:
    """OTLP writes 64 bits as text."""
    return str(round(at * 1e6) * 1000)


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": str(value)}


__all__ = ["spans"]
