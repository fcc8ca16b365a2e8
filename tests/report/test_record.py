"""A run, a step and an instance as JSON."""

from __future__ import annotations

import json

from orchestrator.report.instances import Instances, find_step
from orchestrator.report.record import run_json, span_json, step_json
from orchestrator.state import fold
from tests.store.samples import one_of_each


def test_a_run_in_json_holds_its_row_and_what_its_events_say() -> None:
    """Inputs, instances, questions, models, the error and the outputs; all of it is JSON."""
    made = run_json({"id": "r", "status": "failed"}, fold(one_of_each()))

    assert json.loads(json.dumps(made))["id"] == "r"
    assert [step["path"] for step in made["steps"]] == [
        "triage",
        "triage.0",
        "triage.1",
        "triage.2",
        "approve",
    ]
    assert made["models"][0]["model"] == "tiny"
    assert made["error"]["exit_code"] == 3
    assert made["outputs"] == {"replies": []}
    assert made["inputs"]["tone"] == "warm"


def test_a_step_in_json_holds_its_value_and_its_events() -> None:
    """An instance in a list has no events, only its value."""
    events = one_of_each()
    instances = Instances.around("triage.0")
    for seq, event in enumerate(events):
        instances.take(event, seq)
    span = find_step(instances.state, "triage.0")[0]

    step = step_json(span, [events[seq] for seq in instances.of("triage.0")], instances.values)

    assert step["value"] == {"urgency": "low"}
    assert [event["kind"] for event in step["events"]] == [
        "attempt.started",
        "attempt.finished",
        "step.finished",
    ]
    assert span_json(span, instances.values) == {key: step[key] for key in step if key != "events"}
