"""`env.NAME` in templates: found before the run, read once, and nothing else of the environment is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.engine.environment import environment
from orchestrator.errors import CredentialsMissing
from tests.privacy.harness import graph_of, play


def test_a_variable_is_there_for_templates(tmp_path: Path) -> None:
    """In every spelling of a name."""
    text = """
    steps:
      a: {value: "{{ env.TOKEN }}-{{ env['OTHER'] }}"}
    """

    played = play(tmp_path, text, env={"TOKEN": "abc", "OTHER": "def"})

    assert played.outputs == "abc-def"


def test_the_graph_knows_which_variables_are_read_and_which_must_be_set(tmp_path: Path) -> None:
    """One with a default beside it may be missing."""
    graph = graph_of(
        tmp_path,
        """
        steps:
          a: {value: {x: "{{ env.NEEDED }}", y: "{{ env.MAYBE | default('none') }}"}}
          b: {value: "{{ coalesce(env.PERHAPS, 'none') }}"}
          c: {agent: writer, role: "You know {{ env.ROLE }}", prompt: "say env.PROSE"}
          d: {value: "{{ env.BOTH | default('') }}{{ env.BOTH }}"}
        """,
    )

    assert dict(graph.env) == {"NEEDED": True, "MAYBE": False, "PERHAPS": False, "ROLE": True, "BOTH": True}


def test_a_missing_variable_is_said_before_the_run(tmp_path: Path) -> None:
    """With its name and what to do."""
    graph = graph_of(tmp_path, "steps: {a: {value: '{{ env.ABSENT_TOKEN }}'}}")

    with pytest.raises(CredentialsMissing, match=r"reads env\.ABSENT_TOKEN") as error:
        environment(graph, {"HOME": "/root"})

    assert "export ABSENT_TOKEN" in error.value.hint


def test_a_default_stands_in_for_a_missing_variable(tmp_path: Path) -> None:
    """The run begins, and the template says what then."""
    graph = graph_of(tmp_path, "steps: {a: {value: \"{{ env.ABSENT | default('none') }}\"}}")

    assert environment(graph, {}) == {}
    played = play(tmp_path, "steps: {a: {value: \"{{ env.ABSENT | default('none') }}\"}}", env={})
    assert played.outputs == "none"


def test_nothing_else_of_the_environment_is_there(tmp_path: Path) -> None:
    """A name that is made up while the run goes on reaches no variable that the file does not name."""
    graph = graph_of(
        tmp_path,
        """
        inputs: {name: string}
        steps: {a: {value: "{{ env[inputs.name] | default('nothing') }} {{ env.KNOWN }}"}}
        """,
    )

    assert environment(graph, {"KNOWN": "1", "AWS_SECRET": "2"}) == {"KNOWN": "1"}


def test_a_subworkflow_reads_what_its_own_file_names(tmp_path: Path) -> None:
    """And its variables are asked for before the run as well."""
    (tmp_path / "inner.yaml").write_text(
        "orch: 1\nsteps: {x: {value: '{{ env.INNER }}'}}\n", encoding="utf-8"
    )
    graph = graph_of(tmp_path, "steps: {a: {workflow: inner.yaml}}")

    with pytest.raises(CredentialsMissing, match=r"env\.INNER"):
        environment(graph, {})
    played = play(tmp_path, "steps: {a: {workflow: inner.yaml}}", env={"INNER": "seen"})
    assert played.outputs == "seen"
