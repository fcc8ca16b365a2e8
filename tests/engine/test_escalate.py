"""Going up: when a step asks a bigger model, what it sends, and what becomes of the answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.events import AttemptFinished, AttemptStarted, Decided, StepFailed, StepFinished, Warned
from orchestrator.graph.open import open_workflow
from orchestrator.messages import Request, TokenLogprob
from orchestrator.plan.bounds import bounds
from orchestrator.providers.scripted import Reply
from tests.engine.harness import Played, again, play

HEAD = """
orch: 1
models:
  tiny: "scripted:none"
  mid: "scripted:none"
  cloud: {use: "scripted:none", where: cloud, price: {input: 1, output: 2}}
agents: {writer: {model: tiny, role: Count.}}
"""


def climbing(
    root: Path, steps: str, tiny: Any = "no number", cloud: Any = "42", mid: Any = "7", **more: Any
) -> Played:
    """Run one file with a small model, a larger one and a scripted cloud."""
    head = more.pop("head", HEAD)
    used = {"tiny": tiny, "mid": mid, "cloud": cloud}
    return play(root, head + steps, used, **more)


def decisions(played: Played) -> list[tuple[str, str, str]]:
    return [(d.choice, d.rule, d.to) for d in played.of(Decided)]


def calls(played: Played) -> dict[str, int]:
    return {name: len(model.requests) for name, model in played.models.items()}


COUNT = "steps: {n: {agent: writer, prompt: How many?, output: int, escalate: {to: cloud%s}}}"


def test_a_valid_local_answer_stays(project: Path) -> None:
    """Without a rule of its own a step goes up only when nothing valid came."""
    played = climbing(project, COUNT % "", tiny="3")

    assert played.outputs == 3
    assert calls(played) == {"tiny": 1, "cloud": 0}
    assert decisions(played) == [("keep", "failed", "")]


def test_when_nothing_valid_came_the_cloud_is_asked_the_original_request(project: Path) -> None:
    """After the last repair; the failed local answers do not go along."""
    played = climbing(project, COUNT % "")

    assert played.outputs == 42
    assert calls(played) == {"tiny": 2, "cloud": 1}
    first, sent = played.models["tiny"].requests[0], played.models["cloud"].requests[0]
    assert sent.messages == first.messages
    assert sent.schema == first.schema
    assert [e.decision for e in played.of(AttemptFinished)] == ["repair", "escalate", "keep"]
    assert decisions(played) == [("climb", "failed", "cloud")]


def test_a_decision_says_on_what_evidence(project: Path) -> None:
    """Signals, the line of the file, labels, and what was reserved of what was left."""
    limits = "budget: {usd: 0.5, then: stay-local}\n"
    played = climbing(project, limits + COUNT % ", when: invalid and attempts > 1")

    decided = played.of(Decided)[0]
    started = next(e for e in played.of(AttemptStarted) if e.model == "cloud")
    assert decided.signals == {
        "invalid": True,
        "failed": True,
        "confidence": 0.0,
        "attempts": 2,
        "prompt_tokens": started.tokens,
    }
    assert decided.policy.endswith(": when: invalid and attempts > 1")
    assert ":9" in decided.policy.partition(": when")[0]
    assert (decided.label, decided.clearance) == ("public", "public")
    assert decided.reserved == started.reserved > 0
    assert decided.left == 500_000_000


def test_the_rule_of_the_step_decides_after_the_last_repair(project: Path) -> None:
    """`when` may read the values the prompt may read; false keeps even a failure here."""
    steps = """
    inputs: {hard: bool}
    steps: {n: {agent: writer, prompt: How many?, output: int, repair: 0, escalate: {to: cloud, when: inputs.hard}}}
    """
    head = "\n".join(HEAD.splitlines())
    text = "\n".join(line.removeprefix("    ") for line in steps.splitlines())

    easy = climbing(project, text, tiny="3", head=head, inputs={"hard": False})
    hard = climbing(project, text, tiny="3", head=head, inputs={"hard": True})
    wrong = climbing(project, text, head=head, inputs={"hard": False})

    assert (easy.outputs, hard.outputs) == (3, 42)
    assert decisions(hard) == [("climb", "when", "cloud")]
    assert wrong.of(StepFailed)[0].error_kind == "invalid"
    assert calls(wrong)["cloud"] == 0


def test_before_skips_the_local_attempt(project: Path) -> None:
    """The small model is counted with, but not asked."""
    played = climbing(project, COUNT % ", before: prompt_tokens > 2")

    assert played.outputs == 42
    assert calls(played) == {"tiny": 0, "cloud": 1}
    assert decisions(played) == [("climb", "before", "cloud")]


def test_before_that_is_false_begins_here(project: Path) -> None:
    """And says so."""
    played = climbing(project, COUNT % ", before: prompt_tokens > 2000", tiny="3")

    assert played.outputs == 3
    assert decisions(played) == [("local", "before", ""), ("keep", "failed", "")]


@pytest.mark.parametrize("fault", ["rate_limited", "server", "unreachable", "protocol", "timeout"])
def test_before_with_the_cloud_down_runs_locally(fault: Any, project: Path) -> None:
    """Whatever is wrong with it."""
    down = Reply(fault=fault, chunks=("4",))
    played = climbing(project, COUNT % ", before: true", tiny="3", cloud=lambda _: down)

    assert played.outputs == 3
    assert decisions(played) == [("climb", "before", "cloud"), ("stay", "fault", "cloud")]


@pytest.mark.parametrize("fault", ["rate_limited", "server", "unreachable", "protocol", "refused"])
def test_a_cloud_that_fails_leaves_a_valid_local_answer(fault: Any, project: Path) -> None:
    """It was asked because somebody wished for better, not because there was nothing."""
    down = Reply(fault=fault, chunks=("4",))
    played = climbing(project, COUNT % ", when: attempts > 0", tiny="3", cloud=lambda _: down)

    assert played.outputs == 3
    assert decisions(played)[-1] == ("stay", "fault", "cloud")
    assert not played.of(StepFinished)[-1].facts["escalated"]


def test_a_cloud_that_hangs_leaves_a_valid_local_answer(project: Path) -> None:
    """Its silence ends by the step's own timeout."""
    steps = COUNT.replace("output: int", "output: int, timeout: 30ms") % ", when: attempts > 0"
    played = climbing(project, steps, tiny="3", cloud=lambda _: Reply("4", delay=3600))

    assert played.outputs == 3


def test_when_the_cloud_fails_too_the_step_fails_as_on_error_says(project: Path) -> None:
    """One repair for the cloud; the last answer is there for `on_error`."""
    steps = """
steps:
  n:
    agent: writer
    prompt: How many?
    output: int
    escalate: {to: cloud}
    on_error: {value: "{{ 0 if error.kind == 'invalid' and answer == 'none at all' else 1 }}"}
"""
    played = climbing(project, steps, cloud=["none", "none at all"])

    assert played.outputs == 0
    assert calls(played) == {"tiny": 2, "cloud": 2}


def test_an_invalid_answer_of_the_cloud_leaves_a_valid_local_one(project: Path) -> None:
    """Better a doubtful answer that passed every check than none."""
    played = climbing(project, COUNT % ", when: attempts > 0", tiny="3", cloud="none")

    assert played.outputs == 3
    assert decisions(played) == [("climb", "when", "cloud"), ("stay", "fault", "cloud")]


def test_checks_hold_for_the_cloud_as_well(project: Path) -> None:
    """The sentence goes back to it once."""
    steps = """
steps:
  n:
    agent: writer
    prompt: How many?
    output: int
    check: {it is even: output % 2 == 0}
    escalate: {to: cloud}
"""
    played = climbing(project, steps, tiny="3", cloud=["5", "6"])

    assert played.outputs == 6
    assert "it is even" in played.models["cloud"].requests[1].messages[-1].content


def test_facts_tell_who_answered_and_what_it_cost(project: Path) -> None:
    """`escalated`, `usd`, `model` and `attempts` of the whole climb."""
    steps = COUNT % "" + "\noutputs: {facts: '{{ steps.n }}'}"
    played = climbing(project, steps, cloud=lambda _: Reply("42", usage=(1000, 500)))

    facts = played.outputs["facts"]
    assert (facts["escalated"], facts["model"], facts["attempts"]) == (True, "cloud", 3)
    assert facts["usd"] == pytest.approx(0.002)


SURE = """
steps:
  n: {agent: writer, prompt: How urgent?, output: low | high, escalate: {to: %s, when: confidence < 0.7}}
outputs: {n: "{{ n }}", sure: "{{ steps.n.confidence }}"}
"""


def so_sure(share: float) -> Reply:
    """`low`, with this share of the probability, and the rest on `high`."""
    top = (("low", math.log(share)), ("high", math.log(1 - share)))
    tokens = (TokenLogprob('"', 0.0), TokenLogprob("low", math.log(share), top), TokenLogprob('"', 0.0))
    return Reply('"low"', logprobs=tokens)


def test_an_unsure_answer_goes_up_and_a_sure_one_stays(project: Path) -> None:
    """The probability of the chosen value among the allowed ones."""
    sure = climbing(project, SURE % "cloud", tiny=lambda _: so_sure(0.9))
    unsure = climbing(project, SURE % "cloud", tiny=lambda _: so_sure(0.6), cloud='"high"')

    assert sure.outputs == {"n": "low", "sure": pytest.approx(0.9)}
    assert unsure.outputs["n"] == "high"
    assert unsure.of(Decided)[0].signals["confidence"] == pytest.approx(0.6)
    assert unsure.of(AttemptFinished)[0].confidence == pytest.approx(0.6)
    assert unsure.of(AttemptFinished)[0].decision == "escalate"


def test_log_probabilities_are_asked_for_only_where_a_rule_reads_them(project: Path) -> None:
    """They are not for nothing."""
    asked = climbing(
        project,
        SURE.partition("outputs")[0] % "[mid, cloud]",
        tiny=lambda _: so_sure(0.6),
        mid='"low"',
        cloud='"high"',
    )
    plain = climbing(project, COUNT % "", tiny="3")

    by_model = {name: model.requests[0].logprobs for name, model in asked.models.items()}
    assert by_model == {"tiny": True, "mid": True, "cloud": False}
    assert asked.outputs == "high"
    assert not plain.requests[0].logprobs


def test_a_model_that_gives_no_log_probabilities_is_refused_when_it_says_so(project: Path) -> None:
    """Before the first call, with what to do instead."""
    played = climbing(project, SURE % "cloud", tells=False)

    assert played.result.exit_code == 2
    assert played.result.error is not None
    assert "'tiny'" in played.result.error.message
    assert not played.requests


# ---------------------------------------------------------------------------------------------- the ladder

LADDER = "steps: {n: {agent: writer, prompt: How many?, output: int, escalate: {to: [mid, cloud]%s}}}"


def test_a_ladder_is_climbed_one_rung_at_a_time(project: Path) -> None:
    """At each rung the rule is asked again."""
    enough = climbing(project, LADDER % "")
    all_the_way = climbing(project, LADDER % "", mid="many")

    assert enough.outputs == 7
    assert calls(enough) == {"tiny": 2, "mid": 1, "cloud": 0}
    assert decisions(enough) == [("climb", "failed", "mid"), ("keep", "failed", "")]
    assert all_the_way.outputs == 42
    assert calls(all_the_way) == {"tiny": 2, "mid": 2, "cloud": 1}


def test_a_rung_that_cannot_be_asked_gives_way_to_the_next(project: Path) -> None:
    """A larger local model that crashed is no reason not to ask the cloud."""
    played = climbing(project, LADDER % "", mid=lambda _: Reply(fault="crashed"))

    assert played.outputs == 42
    assert [d[:2] for d in decisions(played)] == [("climb", "failed"), ("stay", "fault"), ("climb", "failed")]


def test_before_goes_to_the_first_rung_and_when_to_the_next(project: Path) -> None:
    """Skipping the local attempt is no second climb."""
    played = climbing(project, LADDER % ", before: true, when: invalid", mid="many")

    assert played.outputs == 42
    assert calls(played) == {"tiny": 0, "mid": 2, "cloud": 1}


def test_a_ladder_model_is_made_ready_when_it_is_asked(project: Path) -> None:
    """A cloud nobody asks is not even looked for."""
    played = climbing(project, LADDER % "", tiny="3")

    ready = {event.model for event in played.events if event.kind == "model.ready"}
    assert ready == {"tiny"}


# ------------------------------------------------------------------------------------------- what goes along


def test_carry_takes_the_local_answer_and_what_was_wrong_with_it_along(project: Path) -> None:
    """Only because the file says so."""
    played = climbing(project, COUNT % ", carry: [answer, errors]")

    sent = played.models["cloud"].requests[0].messages
    assert sent[-2].content == "no number"
    assert "JSON" in sent[-1].content


PRIVATE = """
inputs: {text: string}
steps: {n: {agent: writer, prompt: "{{ inputs.text }}", output: int, escalate: {to: mid}}}
"""


def test_overflow_escalate_asks_a_model_with_more_room(project: Path) -> None:
    """The small one is never asked."""
    head = HEAD.replace('tiny: "scripted:none"', 'tiny: {use: "scripted:none", context: 200}')
    steps = PRIVATE.replace("output: int", "output: int, overflow: escalate")
    played = climbing(project, steps, head=head, inputs={"text": "word " * 300})

    assert played.outputs == 7
    assert calls(played)["tiny"] == 0
    assert "does not fit" not in decisions(played)[0]
    assert decisions(played) == [("climb", "failed", "mid")]


def test_without_it_a_prompt_that_does_not_fit_is_an_error(project: Path) -> None:
    """`failed` is about answers; how to handle a long prompt is its own key."""
    head = HEAD.replace('tiny: "scripted:none"', 'tiny: {use: "scripted:none", context: 200}')
    played = climbing(project, PRIVATE, head=head, inputs={"text": "word " * 300})

    assert played.of(StepFailed)[0].error_kind == "overflow"
    assert calls(played)["mid"] == 0


# ---------------------------------------------------------------------------------------------------- others


def test_offline_stays_here(project: Path) -> None:
    """The cloud is not even made ready, and the step goes on with what it has."""
    played = climbing(project, COUNT % ", when: attempts > 0", tiny="3", offline=True)

    assert played.outputs == 3
    assert decisions(played) == [("stay", "offline", "cloud")]
    assert calls(played)["cloud"] == 0


def test_a_failure_names_why_no_bigger_model_was_asked(project: Path) -> None:
    """Both halves of the story in one message."""
    played = climbing(project, COUNT % "", offline=True)

    message = played.of(StepFailed)[0].message
    assert "2 answers from model 'tiny'" in message
    assert "this run is offline" in message


def test_answers_of_a_rung_are_reused_under_its_own_request(project: Path) -> None:
    """A second run asks the small model again, which had failed, but pays nobody."""
    cache = Remembering()
    climbing(project, COUNT % "", cache=cache)
    second = climbing(project, COUNT % "", cache=cache)

    assert second.outputs == 42
    assert calls(second) == {"tiny": 2, "cloud": 0}


class Remembering(dict[str, Any]):
    """A cache that keeps everything."""

    def put(self, key: str, value: Any) -> None:
        self[key] = value


def cut_after(played: Played, last: Callable[[Any], bool]) -> Played:
    """The run as it would be had the process been killed behind this event."""
    at = next(number for number, event in enumerate(played.events) if last(event))
    return Played(played.result, played.events[: at + 1])


def test_after_a_crash_the_local_answer_is_not_asked_for_again(project: Path) -> None:
    """What was decided is decided again from the recorded facts, and an open reservation counts as spent."""
    first = climbing(project, COUNT % "")
    killed = cut_after(first, lambda e: isinstance(e, AttemptStarted) and e.model == "cloud")

    resumed = climbing(project, COUNT % "", recovered=again(killed))

    assert resumed.outputs == 42
    assert calls(resumed) == {"tiny": 0, "cloud": 1}
    assert [d.signals for d in resumed.of(Decided)] == [d.signals for d in first.of(Decided)]
    assert again(killed).paid == first.of(AttemptStarted)[-1].reserved
    assert "may have been billed" in resumed.of(Warned)[0].message


def test_an_answer_of_the_cloud_that_was_recorded_is_not_bought_twice(project: Path) -> None:
    """Killed between the bill and the end of the step."""
    first = climbing(project, COUNT % "")
    killed = cut_after(first, lambda e: isinstance(e, AttemptFinished) and e.model == "cloud")

    resumed = climbing(project, COUNT % "", recovered=again(killed))

    assert resumed.outputs == 42
    assert calls(resumed) == {"tiny": 0, "cloud": 0}
    assert resumed.of(StepFinished)[0].facts["usd"] == first.of(StepFinished)[0].facts["usd"]


def test_a_step_that_failed_is_asked_again_when_the_run_is_resumed(project: Path) -> None:
    """A recorded failure is no answer."""
    first = climbing(project, COUNT % "", cloud="none")
    assert first.result.status == "failed"

    resumed = climbing(project, COUNT % "", recovered=again(first))

    assert resumed.outputs == 42


def test_each_item_climbs_by_itself(project: Path) -> None:
    """Only the hard ones are paid for."""
    steps = """
inputs: {words: "[string]"}
steps:
  n:
    foreach: inputs.words
    agent: writer
    prompt: How many {{ item }}?
    output: int
    repair: 0
    escalate: {to: mid}
"""

    def tiny(request: Request) -> str:
        return "3" if "easy" in request.messages[-1].content else "none"

    played = climbing(project, steps, tiny=tiny, inputs={"words": ["easy", "hard", "easy"]})

    assert played.outputs == [3, 7, 3]
    assert calls(played)["mid"] == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    repair=st.integers(0, 3),
    ladder=st.sampled_from(["mid", "cloud", "[mid, cloud]", "[cloud, mid]"]),
    rule=st.sampled_from(
        ["", ", when: invalid", ", when: attempts > 0", ", before: true", ", before: true, when: invalid"]
    ),
    answers=st.lists(st.sampled_from(["3", "none", "fault"]), min_size=12, max_size=12),
)
def test_calls_are_never_more_than_planned(
    project: Path, repair: int, ladder: str, rule: str, answers: list[str]
) -> None:
    """Whatever the models answer, fail with or leave out, each of them is asked at most as often as `plan` says."""
    steps = f"steps: {{n: {{agent: writer, prompt: x, output: int, repair: {repair}, escalate: {{to: {ladder}{rule}}}}}}}"
    rest = iter(answers)

    def ask(_: Request) -> Any:
        said = next(rest)
        return Reply(fault="server") if said == "fault" else said

    played = climbing(project, steps, tiny=ask, mid=ask, cloud=ask)

    graph = open_workflow(project / "workflow.yaml")
    step = bounds(graph).steps[0]
    asked = calls(played)
    assert sum(asked.values()) <= (step.calls.known or 0)
    assert asked["tiny"] <= repair + 1
    assert all(asked[name] <= (step.rung.known or 0) for name in step.ladder)
