"""One answer: grammar, validation, checks, repair, on_error, cache, overflow, timeouts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from orchestrator.errors import ProviderError
from orchestrator.events import AttemptFinished, AttemptStarted, StepFailed, StepFinished, Warned
from orchestrator.messages import Request
from orchestrator.providers.scripted import Reply
from tests.engine.harness import play

TRIAGE = """
steps:
  triage:
    agent: writer
    prompt: Sort this.
    output: {urgency: low | high, why: string(40)}
"""


def test_a_typed_answer_is_constrained_and_parsed(project: Path) -> None:
    """The schema goes to the model, the value comes back typed."""
    played = play(project, TRIAGE, ['{"urgency": "low", "why": "calm"}'])

    assert played.outputs == {"urgency": "low", "why": "calm"}
    schema = played.requests[0].schema
    assert schema is not None
    assert schema["properties"]["urgency"]["enum"] == ["low", "high"]
    assert "low" in played.requests[0].messages[0].content


def test_an_invalid_answer_is_repaired_with_what_is_wrong(project: Path) -> None:
    """The answer goes back to the model with the problem."""
    played = play(project, TRIAGE, ['{"urgency": "hi", "why": ""}', '{"urgency": "high", "why": "x"}'])

    assert played.outputs["urgency"] == "high"
    again = played.requests[1].messages
    assert again[-2].role == "assistant"
    assert "urgency" in again[-1].content
    assert [e.decision for e in played.of(AttemptFinished)] == ["repair", "keep"]


def test_after_the_last_repair_the_step_fails(project: Path) -> None:
    """The error says how often and why; the exit code is 1."""
    played = play(project, TRIAGE, ["no", "still no"])

    assert played.result.exit_code == 1
    assert "2 answers" in played.of(StepFailed)[0].message


def test_checks_are_told_to_the_model(project: Path) -> None:
    """A failed check's sentence is what the model hears."""
    played = play(
        project,
        """
        steps:
          say:
            agent: writer
            prompt: Greet.
            check:
              the greeting names Ada: "'Ada' in output"
        """,
        ["Hello", "Hello Ada"],
    )

    assert played.outputs == "Hello Ada"
    assert "the greeting names Ada" in played.requests[1].messages[-1].content


def test_on_error_continue_gives_null_and_a_value_gives_that(project: Path) -> None:
    """A handled failure does not fail the run, and says what was handled."""
    played = play(
        project,
        """
        steps:
          a: {agent: writer, prompt: A, output: int, repair: 0, on_error: continue}
          b: {agent: writer, prompt: B, output: int, repair: 0, on_error: {value: "{{ 7 }}"}}
          c: {value: "{{ [a, b, steps.b.error is string] }}"}
        """,
        lambda _: "nonsense",
    )

    assert played.outputs == [None, 7, True]
    assert all(e.handled for e in played.of(StepFinished) if e.path in "ab")


def test_a_provider_fault_is_a_failed_step(project: Path) -> None:
    """Its message reaches the person."""

    def answer(_: Request) -> Any:
        raise ProviderError("unreachable", "nothing answers at 127.0.0.1:1")

    played = play(project, "steps: {a: {agent: writer, prompt: A}}", answer)

    assert played.result.status == "failed"
    assert "nothing answers" in played.of(StepFailed)[0].message
    assert played.of(AttemptFinished)[0].outcome == "error"


def test_silence_ends_in_a_timeout(project: Path) -> None:
    """`timeout` is on no progress."""

    async def answer(_: Request) -> str:
        await asyncio.sleep(3600)
        return ""

    played = play(project, "steps: {a: {agent: writer, prompt: A, timeout: 20ms}}", answer)

    assert played.of(StepFailed)[0].error_kind == "timeout"


def test_a_prompt_that_does_not_fit_names_the_biggest_part(project: Path) -> None:
    """Nothing is truncated; the model is never asked."""
    played = play(
        project,
        """
        steps: {a: {agent: writer, role: Short., prompt: "{{ 'word ' * 900 }}"}}
        """,
        context=512,
    )

    failed = played.of(StepFailed)[0]
    assert failed.error_kind == "overflow"
    assert "prompt" in failed.message
    assert "512" in failed.message
    assert not played.requests


def test_the_prompt_is_in_the_log_with_its_measured_length(project: Path) -> None:
    """Role first, then the prompt."""
    played = play(project, "steps: {a: {agent: writer, role: Be kind., prompt: Hello}}", ["x"])

    event = played.of(AttemptStarted)[0]
    assert [m["role"] for m in event.messages] == ["system", "user"]
    assert event.tokens > 0
    assert event.exact


def test_images_of_one_model_and_several_models(project: Path) -> None:
    """`models` asks each, the value is a map by name."""
    played = play(
        project,
        """
        orch: 1
        models: {a: 'scripted:none', b: 'scripted:none'}
        agents: {writer: {model: a}}
        steps: {both: {agent: writer, models: [a, b], prompt: Hi}}
        """,
        {"a": lambda _: "from a", "b": lambda _: "from b"},
    )

    assert played.outputs == {"a": "from a", "b": "from b"}


def test_reduce_merges_as_a_bounded_tree(project: Path) -> None:
    """Items are merged `by` at a time until one is left."""
    played = play(
        project,
        """
        steps:
          total:
            agent: writer
            reduce: "[1, 2, 3, 4, 5]"
            by: 2
            prompt: "{{ items | json }}"
            output: int
        """,
        lambda request: str(sum(json.loads(request.messages[-1].content))),
    )

    assert played.outputs == 15
    assert len(played.requests) == 3 + 1 + 1


class DictCache:
    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, key: str) -> Any | None:
        return self.kept.get(key)

    def put(self, key: str, value: Any) -> None:
        self.kept[key] = value


def test_a_deterministic_answer_is_reused(project: Path) -> None:
    """The second run asks nobody, and the event says so."""
    cache = DictCache()
    play(project, TRIAGE, ['{"urgency": "low", "why": "calm"}'], cache=cache)

    second = play(project, TRIAGE, [], cache=cache)

    assert second.outputs == {"urgency": "low", "why": "calm"}
    assert not second.requests
    assert [e.cached for e in second.of(StepFinished)] == [True]


def test_failures_are_never_cached(project: Path) -> None:
    """Only a valid answer is kept."""
    cache = DictCache()

    play(project, TRIAGE, ["no", "no"], cache=cache)

    assert not cache.kept


def test_a_warm_answer_is_not_reused_unless_asked(project: Path) -> None:
    """Temperature without a seed means a new answer each time."""
    cache = DictCache()

    play(project, "steps: {a: {agent: writer, prompt: A, params: {temperature: 0.8}}}", ["x"], cache=cache)

    assert not cache.kept


def test_a_cut_answer_is_asked_for_again_without_a_complaint(project: Path) -> None:
    """A small model that reads about its answer writes about its answer: it is only told to be brief."""
    replies = iter([Reply("and so on and on", finish="length"), Reply("short")])

    played = play(project, "steps: {a: {agent: writer, prompt: Tell.}}", lambda _: next(replies))

    assert played.outputs == "short"
    assert [m.content for m in played.requests[1].messages] == ["Tell.\n\nAnswer briefly."]
    assert [e.outcome for e in played.of(AttemptFinished)] == ["cut", "ok"]


def test_a_computed_value_of_on_error_must_satisfy_the_output(project: Path) -> None:
    """What the checker cannot know before the run is checked in it."""
    played = play(
        project,
        """
        inputs: {x: int}
        steps:
          a: {agent: writer, prompt: A, output: {n: int(1..3)}, repair: 0, on_error: {value: {n: "{{ inputs.x }}"}}}
        """,
        lambda _: "nonsense",
        inputs={"x": 7},
    )

    assert played.result.status == "failed"
    assert played.of(StepFailed)[0].error_kind == "output"


def test_a_server_that_never_ends_is_ended(project: Path) -> None:
    """An answer far beyond the bound that was asked for is a fault, not an answer."""
    played = play(
        project,
        "steps: {a: {agent: writer, prompt: A, params: {max_tokens: 20}}}",
        [Reply(chunks=("blah ",) * 5000)],
    )

    assert "goes on behind" in played.of(StepFailed)[0].message


def test_an_attempt_took_as_long_as_it_took(project: Path) -> None:
    """A model that tells no times is measured, and each attempt for itself: a repair has not the first one's time too."""
    played = play(project, TRIAGE, [Reply("no", delay=0.05), Reply("no", delay=0.05), Reply("no")])

    began, ended = played.of(AttemptStarted), played.of(AttemptFinished)

    assert len(ended) == 2
    for start, end in zip(began, ended, strict=True):
        assert 0.05 <= end.seconds <= end.at - start.at + 0.005


PARAMS = """
orch: 1
models: {tiny: 'scripted:none'}
agents: {writer: {model: tiny, params: {repeat_penalty: 1.2, seed: 7}}}
steps:
  draft: {agent: writer, prompt: Write%s}
"""


def test_an_agents_parameters_that_a_model_does_not_take_are_left_out_and_told(project: Path) -> None:
    """An agent is written for many models; what is left out is said once, whatever the number of calls."""
    played = play(project, PARAMS % ", foreach: [1, 2]", takes=frozenset({"seed"}))

    assert [dict(request.params) for request in played.requests] == [{"temperature": 0.0, "seed": 7}] * 2
    assert [event.message for event in played.of(Warned)] == [
        "model 'tiny' takes no repeat_penalty: asked without"
    ]


def test_a_steps_own_parameter_that_its_model_does_not_take_ends_the_run_before_its_first_call(
    project: Path,
) -> None:
    """Whoever writes it into the step means it."""
    played = play(project, PARAMS % ", params: {top_k: 5}", takes=frozenset({"seed"}))

    assert (played.result.status, played.result.exit_code) == ("failed", 2)
    assert "with `top_k`, which it does not take" in str(played.result.error)
    assert played.requests == []
