"""Order, data edges and null: what runs when, and what is skipped."""

from __future__ import annotations

from pathlib import Path

from orchestrator.events import StepFinished, StepSkipped, StepStarted
from tests.engine.harness import play


def test_a_single_step_is_the_result(project: Path) -> None:
    """Without `outputs` the value of the only step is the result."""
    played = play(project, "steps: {short: {agent: writer, prompt: Hello}}", ["Hi there"])

    assert played.outputs == "Hi there"
    assert played.result.exit_code == 0


def test_data_edges_come_from_the_expressions(project: Path) -> None:
    """Steps run after what they read, whatever their order in the file."""
    played = play(
        project,
        """
        steps:
          last_one: {value: "{{ middle + 1 }}"}
          middle: {value: "{{ first_one + 1 }}"}
          first_one: {value: "{{ 1 }}"}
        """,
    )

    assert played.outputs == 3
    assert [e.path for e in played.of(StepFinished)] == ["first_one", "middle", "last_one"]


def test_results_without_outputs_are_the_steps_nobody_reads(project: Path) -> None:
    """Several ends come as a map by name."""
    played = play(
        project,
        """
        steps:
          a: {value: "{{ 1 }}"}
          b: {value: "{{ a + 1 }}"}
          c: {value: "{{ a + 2 }}"}
        """,
    )

    assert played.outputs == {"b": 2, "c": 3}


def test_when_false_skips_and_readers_are_skipped_too(project: Path) -> None:
    """A skipped step is null, and so is every prompt that reads it."""
    played = play(
        project,
        """
        inputs: {go: bool}
        steps:
          maybe: {agent: writer, when: inputs.go, prompt: Hello}
          reader: {agent: writer, prompt: "You said {{ maybe }}"}
          other: {value: "{{ coalesce(maybe, 'nothing') }}"}
        outputs: {reader: "{{ reader }}", other: "{{ other }}"}
        """,
        inputs={"go": False},
    )

    assert played.outputs == {"reader": None, "other": "nothing"}
    assert {e.path for e in played.of(StepSkipped)} == {"maybe", "reader"}
    assert not played.requests


def test_a_prompt_that_handles_null_runs(project: Path) -> None:
    """`{% if x %}` around a name handles its null."""
    played = play(
        project,
        """
        inputs: {go: bool}
        steps:
          maybe: {agent: writer, when: inputs.go, prompt: Hello}
          reader: {agent: writer, prompt: "Start.{% if maybe %} {{ maybe }}{% endif %}"}
        """,
        ["fine"],
        inputs={"go": False},
    )

    assert played.outputs == "fine"
    assert played.requests[0].messages[-1].content == "Start."


def test_needs_orders_without_data_and_passes_a_skip_on(project: Path) -> None:
    """`needs` is order; a skipped need skips the step."""
    played = play(
        project,
        """
        inputs: {go: bool}
        steps:
          second: {value: 2, needs: first_one}
          first_one: {value: 1, when: inputs.go}
        """,
        inputs={"go": False},
    )

    assert [e.path for e in played.of(StepSkipped)] == ["first_one", "second"]


def test_groups_have_the_map_of_their_steps_as_value(project: Path) -> None:
    """Outside a group only its value is visible; inside, outer names are."""
    played = play(
        project,
        """
        steps:
          base: {value: "{{ 10 }}"}
          pair:
            steps:
              one: {value: "{{ base + 1 }}"}
              two: {value: "{{ one + 1 }}"}
          total: {value: "{{ pair.one + pair.two }}"}
        """,
    )

    assert played.outputs == 23
    assert [e.path for e in played.of(StepStarted)] == ["base", "pair", "pair.one", "pair.two", "total"]


def test_facts_stand_under_steps(project: Path) -> None:
    """`steps.<name>` tells the model, tokens and attempts of a step."""
    played = play(
        project,
        """
        steps:
          draft: {agent: writer, prompt: Hello}
          report: {value: "{{ steps.draft.model }} {{ steps.draft.attempts }} {{ steps.draft.tokens > 0 }}"}
        """,
        ["Hi"],
    )

    assert played.outputs == "tiny 1 true"
