"""What is written down of a run: no secret, and of labelled values what `keep` says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine.record import kept_inputs, stated_labels
from orchestrator.engine.recover import recover
from orchestrator.errors import ProviderError
from orchestrator.events import AskOpened, AttemptFinished, AttemptStarted, StepFinished, Warned, encode
from orchestrator.labels import LEVELS, Label
from orchestrator.messages import Request
from orchestrator.policy.keep import Keep, noted
from orchestrator.policy.secrets import NONE, Secrets
from orchestrator.ports import Reply
from tests.privacy.harness import graph_of, play, play_graph

TOKEN = 'tok"en-5ö7/42'
SECRETS = Secrets.of({"TOKEN": TOKEN})
ENV = {"TOKEN": TOKEN}
SPELLINGS = [spelling for spelling, _ in SECRETS.spellings]
FULL = {"public": "full", "internal": "full", "private": "full", "secret": "full"}


def written(events: list[Any]) -> str:
    return "\n".join(encode(event) for event in events)


def echo(request: Request) -> str:
    return request.messages[-1].content


def kept_in_full(root: Path, text: str) -> Any:
    """Only the values of secrets protect the record here, no label."""
    graph = graph_of(root, text)
    return replace(graph, workflow=graph.workflow.model_copy(update={"keep": FULL}))


def test_a_secret_is_in_no_event(tmp_path: Path) -> None:
    """Not in messages, answers, values, questions, errors or results, and in no spelling."""
    graph = kept_in_full(
        tmp_path,
        """
        steps:
          a: {agent: writer, prompt: "use {{ env.TOKEN }}"}
          b: {value: {header: "Bearer {{ env.TOKEN }}", text: "{{ a }}"}}
          c: {agent: writer, prompt: "{{ b }}"}
          d: {agent: writer, prompt: "{{ c }}", check: {"must not be {{ c }}": "false"}, on_error: continue}
          e: {ask: "may {{ env.TOKEN }} be used?", show: "{{ b }}", choices: ["yes"]}
        """,
    )

    async def person(*_: Any) -> Reply:
        return Reply("yes")

    played = play_graph(graph, echo, env=ENV, secrets=SECRETS, asker=person)
    text = written(played.events)

    assert played.result.status == "done"
    assert "[env.TOKEN]" in text
    assert [spelling for spelling in SPELLINGS if spelling in text] == []
    assert TOKEN in played.requests[0].messages[-1].content


def test_a_secret_in_the_words_of_a_failing_server_is_not_written_down(tmp_path: Path) -> None:
    """Servers like to quote what they were sent."""
    graph = kept_in_full(tmp_path, 'steps: {a: {agent: writer, prompt: "{{ env.TOKEN }}"}}')

    def fail(request: Request) -> str:
        raise ProviderError("refused", f"cannot answer {request.messages[-1].content}")

    played = play_graph(graph, fail, env=ENV, secrets=SECRETS)

    assert played.result.status == "failed"
    assert TOKEN not in written(played.events)


def test_a_step_whose_value_holds_a_secret_runs_again_when_the_run_goes_on(tmp_path: Path) -> None:
    """What stands in the record is not what others were made of."""
    graph = kept_in_full(
        tmp_path,
        """
        steps:
          a: {value: "key {{ env.TOKEN }}"}
          b: {value: "{{ a }}!"}
          c: {value: "plain"}
        outputs: {b: "{{ b }}", c: "{{ c }}"}
        """,
    )
    first = play_graph(graph, echo, env=ENV, secrets=SECRETS)

    recovered = recover(first.events)
    second = play_graph(graph, echo, env=ENV, secrets=SECRETS, recovered=recovered)

    assert set(recovered.done) == {"c"}
    assert second.outputs == {"b": f"key {TOKEN}!", "c": "plain"}


def test_without_secrets_and_with_everything_kept_nothing_stands_before_the_journal(tmp_path: Path) -> None:
    """The fast path: the engine appends to the journal itself."""
    from orchestrator.engine.record import recording
    from orchestrator.engine.recover import Recovered
    from orchestrator.engine.run import SystemClock
    from tests.engine.harness import MemoryJournal

    graph = graph_of(tmp_path, "inputs: {x: text}\nsteps: {a: {agent: writer, prompt: '{{ inputs.x }}'}}\n")
    journal = MemoryJournal()

    assert recording(journal, graph, NONE, Keep(), Recovered(), SystemClock()) is journal
    assert recording(journal, graph, SECRETS, Keep(), Recovered(), SystemClock()) is not journal


# ------------------------------------------------------------------------------------------------- keep


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        ({}, ["full", "full", "full", "hash"]),
        ({"secret": "full"}, ["full", "full", "full", "full"]),
        ({"internal": "hash"}, ["full", "hash", "hash", "hash"]),
        ({"private": "none"}, ["full", "full", "none", "hash"]),
        ({"private": "none", "secret": "none"}, ["full", "full", "none", "none"]),
        ({"public": "none", "secret": "full"}, ["none", "none", "none", "full"]),
    ],
)
def test_a_rule_holds_for_its_label_and_those_above_it(stated: dict[Label, Any], kept: list[str]) -> None:
    """Up to the next one that is stated; secrets are hashed where nobody says."""
    assert [Keep.of(stated).how(label) for label in LEVELS] == kept


def test_digests_compare_values_and_say_nothing_without_the_key() -> None:
    """Equal values have equal digests; another key gives others."""
    one, other = Keep(key=b"one"), Keep(key=b"other")

    assert one.digest({"a": 1, "b": [2]}) == one.digest({"b": [2], "a": 1})
    assert one.digest("x") != one.digest("y")
    assert one.digest("x") != other.digest("x")
    assert noted(one.note("x", "secret")) == ("secret", one.digest("x"))
    assert noted("[private, not kept] and more") is None


PRIVATE = """
keep: {private: hash}
inputs: {mail: text, tone: {type: string, label: public}}
steps:
  sum: {agent: writer, prompt: "Sum up {{ inputs.mail }}"}
  greet: {agent: writer, prompt: "A {{ inputs.tone }} greeting"}
  sure: {ask: "Send {{ sum }}?", show: "{{ sum }}", choices: ["yes"]}
outputs: {sum: "{{ sum }}", greet: "{{ greet }}"}
"""
INPUTS = {"mail": "Ann is ill", "tone": "warm"}


def test_private_values_are_hashed_and_public_ones_kept(tmp_path: Path) -> None:
    """Request, answer, value, question and result of what the private input went into."""
    played = play(tmp_path, PRIVATE, echo, inputs=INPUTS)
    text = written(played.events)

    assert "Ann" not in text
    assert "A warm greeting" in text
    assert all(noted(m["content"]) for e in played.of(AttemptStarted) if e.path == "sum" for m in e.messages)
    assert next(noted(e.text) for e in played.of(AttemptFinished) if e.path == "sum")
    assert all(noted(event.show) and noted(event.question) for event in played.of(AskOpened))


def test_what_was_not_kept_is_made_again_and_the_rest_is_not(tmp_path: Path) -> None:
    """A run goes on with the same values, although the record does not hold them."""
    first = play(tmp_path, PRIVATE, echo, inputs=INPUTS)
    assert first.result.status == "waiting"
    recovered = recover(first.events)

    async def person(path: str, question: str, show: Any, choices: Any, edit: Any = None) -> Reply:
        assert (path, question, show) == ("sure", "Send Sum up Ann is ill?", "Sum up Ann is ill")
        return Reply(str(choices[0]))

    second = play(tmp_path, PRIVATE, echo, inputs=INPUTS, recovered=recovered, asker=person)

    assert second.outputs == {"sum": "Sum up Ann is ill", "greet": "A warm greeting"}
    assert [event.path for event in second.of(AttemptStarted)] == ["sum"]
    assert second.of(Warned) == []


def test_a_value_that_comes_out_differently_is_told(tmp_path: Path) -> None:
    """What was made of the first one stays: a person should know."""
    first = play(tmp_path, PRIVATE, echo, inputs=INPUTS)

    second = play(tmp_path, PRIVATE, lambda _: "else", inputs=INPUTS, recovered=recover(first.events))

    assert [event.path for event in second.of(Warned)] == ["sum"]
    assert "not the same as before" in second.of(Warned)[0].message


def test_none_keeps_not_even_a_digest(tmp_path: Path) -> None:
    """And the run can still go on."""
    text = PRIVATE.replace("private: hash", "private: none")
    first = play(tmp_path, text, echo, inputs=INPUTS)

    values = {e.path: e.value for e in first.of(StepFinished)}
    assert values["sum"] == "[private, not kept]"
    second = play(tmp_path, text, echo, inputs=INPUTS, recovered=recover(first.events))
    assert [event.path for event in second.of(AttemptStarted)] == ["sum"]


def test_items_passes_and_subworkflows_are_kept_as_their_step_says(tmp_path: Path) -> None:
    """Instances have the labels of the step they are of."""
    (tmp_path / "inner.yaml").write_text(
        "orch: 1\nmodels: {tiny: 'scripted:none'}\nagents: {writer: {model: tiny}}\n"
        "inputs: {text: text}\nsteps: {x: {agent: writer, prompt: 'inner {{ inputs.text }}'}}\n",
        encoding="utf-8",
    )
    played = play(
        tmp_path,
        """
        keep: {private: none}
        inputs: {mails: "[text]"}
        steps:
          each: {foreach: inputs.mails, agent: writer, prompt: "one {{ item }}"}
          loop:
            repeat: {until: "true", max: 2}
            steps: {y: {agent: writer, prompt: "two {{ inputs.mails }}"}}
          sub: {workflow: inner.yaml, with: {text: "{{ inputs.mails | first }}"}}
        """,
        echo,
        inputs={"mails": ["Ann", "Bob"]},
    )

    assert played.result.status == "done"
    assert "Ann" not in written(played.events)
    assert "Bob" not in written(played.events)


def test_inputs_are_kept_as_their_label_says(tmp_path: Path) -> None:
    """And one that holds a known secret as a secret."""
    graph = graph_of(
        tmp_path,
        """
        inputs: {a: text, b: {type: text, label: secret}, c: {type: text, label: public}}
        steps: {x: {value: "{{ inputs.a }}{{ inputs.b }}{{ inputs.c }}"}}
        """,
    )

    kept = kept_inputs(graph, {"a": "plain", "b": "hidden", "c": f"x {TOKEN}"}, Keep(), SECRETS)

    assert kept["a"] == "plain"
    assert noted(kept["b"]) == ("secret", Keep().digest("hidden"))
    assert noted(kept["c"]) == ("secret", Keep().digest(f"x {TOKEN}"))


def test_the_start_of_a_run_states_every_label(tmp_path: Path) -> None:
    """By input and by step."""
    labels = stated_labels(graph_of(tmp_path, PRIVATE))

    assert labels["inputs.mail"] == "private"
    assert labels["inputs.tone"] == "public"
    assert labels["sum"] == "private"
    assert labels["greet"] == "public"
