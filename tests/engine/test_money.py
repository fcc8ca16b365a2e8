"""The budget of a run while it runs: reserved before each call off the machine, settled after it, never exceeded."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine.recover import recover
from orchestrator.errors import ProviderError, UsageError
from orchestrator.events import (
    AttemptFinished,
    AttemptStarted,
    Decided,
    Event,
    RunResumed,
    RunWaiting,
    StepFailed,
    StepFinished,
    Warned,
)
from orchestrator.messages import Completion, Request
from orchestrator.ports import Emit
from orchestrator.providers.scripted import Reply, ScriptedModel
from orchestrator.providers.tries import Patience, try_often
from tests.engine.harness import Played, again
from tests.engine.test_escalate import COUNT, HEAD, Remembering, calls, climbing, cut_after, decisions


def limited(budget: str, step: str = "") -> str:
    return f"budget: {{{budget}}}\n" + COUNT % (step or ", when: attempts > 0")


def most_at_once(events: list[Event]) -> int:
    """The largest sum of what was paid and what was reserved at any moment."""
    open_, paid, most = dict[str, int](), 0, 0
    for event in events:
        match event:
            case AttemptStarted(intent=True):
                open_[event.path] = event.reserved
            case Decided(choice="again"):
                open_[event.path] += event.reserved
            case AttemptFinished() if event.path in open_:
                del open_[event.path]
                paid += event.cost
            case _:
                pass
        most = max(most, paid + sum(open_.values()))
    return most


# ---------------------------------------------------------------------------------------------------- then


def test_stay_local_goes_on_with_the_local_answer(project: Path) -> None:
    """The call is not made, and the decision says why."""
    played = climbing(project, limited("usd: 0.000001, then: stay-local"), tiny="3")

    decided = played.of(Decided)[0]
    assert played.outputs == 3
    assert (decided.choice, decided.rule) == ("stay", "budget")
    assert decided.left == 1000 < decided.reserved
    assert calls(played)["cloud"] == 0


def test_a_step_that_has_nothing_fails_with_both_reasons(project: Path) -> None:
    """The local failure is its kind; what kept it from the cloud stands beside it."""
    played = climbing(project, limited("cloud_calls: 0, then: stay-local", ", when: failed"))

    failed = played.of(StepFailed)[0]
    assert failed.error_kind == "invalid"
    assert "the budget allows 0 cloud calls" in failed.message


OWN = """
steps:
  n: {agent: writer, model: cloud, prompt: How many?, output: int%s}
"""


def test_a_steps_own_cloud_model_without_budget_fails_the_step_or_what_on_error_says(project: Path) -> None:
    """Kind `budget`; without `on_error` the run ends with the exit code of a budget."""
    budget = "budget: {cloud_calls: 0, then: stay-local}\n"

    failed = climbing(project, budget + OWN % "")
    handled = climbing(
        project, budget + OWN % ", on_error: {value: '{{ 0 if error.kind == \"budget\" else 1 }}'}"
    )

    assert failed.of(StepFailed)[0].error_kind == "budget"
    assert failed.result.exit_code == 5
    assert handled.outputs == 0


def test_fail_ends_the_run(project: Path) -> None:
    """Exit code 5, with what is missing."""
    played = climbing(project, limited("usd: 0.000001, then: fail"), tiny="3")

    assert played.result.exit_code == 5
    assert played.result.error is not None
    assert "budget of $0.0000010" in played.result.error.message


def test_pause_waits_for_more_and_goes_on_with_it(project: Path) -> None:
    """What does not need the cloud goes on first; the local answer is not asked for again."""
    text = limited("usd: 0.000001, then: pause").replace(
        "steps: {", "steps: {other: {value: '{{ 1 + 1 }}'}, "
    )
    paused = climbing(project, text, tiny="3")
    raised = RunResumed(0.0, "test", budget={"usd": 500_000_000})

    resumed = climbing(project, text, tiny="4", recovered=recover([*paused.events, raised]))

    assert (paused.result.status, paused.result.exit_code) == ("waiting", 7)
    assert "does not allow this call" in paused.of(RunWaiting)[0].reason
    assert any(e.path == "other" for e in paused.of(StepFinished))
    assert resumed.outputs["n"] == 42
    assert calls(resumed) == {"tiny": 0, "cloud": 1}


def test_a_reused_answer_changes_no_decision(project: Path) -> None:
    """The rule reads of it what it read when it was given: attempts, and how sure the model was."""
    cache = Remembering()
    first = climbing(project, COUNT % ", when: attempts > 1", tiny=["none", "3"], cache=cache)
    second = climbing(project, COUNT % ", when: attempts > 1", tiny=[], cache=cache)

    assert first.outputs == second.outputs == 42
    assert calls(second) == {"tiny": 0, "cloud": 0}
    assert [d.signals for d in second.of(Decided)] == [d.signals for d in first.of(Decided)]
    assert second.of(StepFinished)[0].cached


def test_pause_again_when_nothing_was_raised(project: Path) -> None:
    """The same question, the same answer."""
    text = limited("usd: 0.000001, then: pause")
    resumed = climbing(project, text, recovered=again(climbing(project, text, tiny="3")))

    assert resumed.result.status == "waiting"


# ------------------------------------------------------------------------------------------------- at start


def test_a_limit_in_dollars_needs_a_price(project: Path) -> None:
    """Refused before the first call, with what to write."""
    head = HEAD.replace(
        '{use: "scripted:none", where: cloud, price: {input: 1, output: 2}}', '"openai:gpt-5-mini"'
    )

    for text in (limited("usd: 1"), COUNT % ", usd: 0.01"):
        with pytest.raises(UsageError, match=r"nobody knows what 'cloud' .* costs") as refused:
            climbing(project, text, head=head)
        assert "price:" in refused.value.hint


def test_a_steps_own_cloud_model_is_refused_offline_before_the_run(project: Path) -> None:
    """A run that can only fail does not begin."""
    with pytest.raises(UsageError, match=r"'n' asks 'cloud'.*offline"):
        climbing(project, OWN % "", offline=True)


# -------------------------------------------------------------------------------------------------- each call


def test_a_call_above_escalate_usd_is_not_made(project: Path) -> None:
    """Whatever the run has left, and whatever `then` says."""
    played = climbing(project, COUNT % ", when: attempts > 0, usd: 0.000001", tiny="3")

    assert played.outputs == 3
    assert decisions(played) == [("stay", "budget", "cloud")]
    assert "escalate.usd allows $0.0000010" in played.of(Decided)[0].reason


FAN = """
budget: {usd: %s, then: stay-local}
steps:
  n:
    foreach: range(128)
    parallel: 64
    agent: writer
    prompt: How many {{ item }}?
    output: int
    escalate: {to: cloud, when: attempts > 0}
"""


def fan(project: Path, usd: str, cloud: Any, **more: Any) -> Played:
    return climbing(project, FAN % usd, tiny="3", cloud=cloud, slots=64, **more)


def test_64_calls_at_once_never_reserve_more_than_there_is(project: Path) -> None:
    """Settled calls make room for others; the sum of what is paid and reserved never passes the limit."""

    async def cloud(_: Request) -> Reply:
        await asyncio.sleep(0)
        return Reply("42", usage=(50, 5))

    played = fan(project, "0.004", cloud)

    sent = calls(played)["cloud"]
    starts = [e for e in played.of(AttemptStarted) if e.intent]
    assert most_at_once(played.events) <= 4_000_000
    assert 0 < sent == len(starts) < 128
    assert all(start.reserved > 0 for start in starts)
    assert len(played.outputs) == 128


def test_what_calls_had_reserved_when_the_process_died_counts_as_spent(project: Path) -> None:
    """And what is left is all that the resumed run may spend."""
    whole = fan(project, "0.004", lambda _: Reply("42", usage=(50, 5)))
    starts = [e for e in whole.of(AttemptStarted) if e.intent]
    killed = cut_after(whole, lambda e: e is starts[2])
    known = again(killed)

    resumed = fan(project, "0.004", lambda _: Reply("42", usage=(50, 5)), recovered=known)

    assert known.paid >= starts[2].reserved
    assert known.paid + most_at_once(resumed.events) <= 4_000_000


def test_a_bill_above_its_reservation_is_an_overrun_and_closes_the_cloud(project: Path) -> None:
    """The answer that was paid for is kept; nothing else goes out, also after a resume."""
    steps = """
budget: {usd: 0.5, then: stay-local}
steps:
  one: {agent: writer, prompt: How many?, output: int, escalate: {to: cloud, when: attempts > 0}}
  two: {agent: writer, prompt: "More than {{ one }}?", output: int, escalate: {to: cloud, when: attempts > 0}}
outputs: {both: "{{ [one, two] }}"}
"""
    played = climbing(project, steps, tiny="3", cloud=lambda _: Reply("42", usage=(90_000, 5)))

    assert played.outputs == {"both": [42, 3]}
    assert "overrun" in played.of(Warned)[0].message
    assert played.of(AttemptFinished)[1].cost == 90_000_000 + 10_000
    assert "billed" in played.of(Decided)[-1].reason
    assert again(played).overrun


def test_a_fault_after_which_nobody_knows_the_bill_counts_in_full(project: Path) -> None:
    """One by which the server says that it did nothing costs nothing."""
    text = limited("usd: 0.5, then: stay-local")

    broken = climbing(project, text, tiny="3", cloud=lambda _: Reply(fault="protocol"))
    turned_away = climbing(project, text, tiny="3", cloud=lambda _: Reply(fault="rate_limited"))

    def lost(played: Played) -> int:
        return played.of(AttemptFinished)[-1].cost

    assert lost(broken) == broken.of(AttemptStarted)[-1].reserved
    assert lost(turned_away) == 0
    assert again(broken).paid == lost(broken)


class Flaky(ScriptedModel):
    """Fails some times at its transport, and is tried again as every provider does it."""

    async def generate(self, request: Request, emit: Emit) -> Completion:
        async def once(pieces: Emit) -> Completion:
            return await ScriptedModel.generate(self, request, pieces)

        async def at_once(_: float) -> None:
            return None

        return await try_often(self.name, request, emit, once, Patience(sleep=at_once))


def test_each_transport_retry_reserves_again(project: Path) -> None:
    """Written down before the request is sent once more."""
    text = limited("usd: 0.5, then: stay-local")
    played = climbing(
        project, text, tiny="3", cloud=[Reply(fault="protocol"), Reply("42", usage=(50, 5))], kind=Flaky
    )

    repeated = [d for d in played.of(Decided) if d.choice == "again"]
    reserved = played.of(AttemptStarted)[-1].reserved
    assert played.outputs == 42
    assert [(d.rule, d.reserved) for d in repeated] == [("fault", reserved)]
    assert played.of(AttemptFinished)[-1].cost == reserved + 50_000 + 10_000
    assert again(played).paid == reserved + 60_000


def test_a_retry_that_the_budget_does_not_allow_is_not_made(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault stands, and the local answer with it."""
    text = limited("cloud_calls: 1, then: stay-local")
    played = climbing(project, text, tiny="3", cloud=[Reply(fault="server"), Reply("42")], kind=Flaky)

    assert played.outputs == 3
    assert calls(played)["cloud"] == 1


def test_local_models_are_retried_without_asking(project: Path) -> None:
    """Nobody pays for them."""
    played = climbing(
        project, limited("cloud_calls: 0, then: stay-local"), tiny=[Reply(fault="crashed"), "3"], kind=Flaky
    )

    assert played.outputs == 3


# ------------------------------------------------------------------------------------------ what turns out


PRIVATE = """
inputs: {text: string}
steps:
  n: {agent: writer, prompt: "{{ inputs.text }}", output: int%s}
"""


def test_a_model_that_turns_out_to_be_off_the_machine_is_refused(project: Path) -> None:
    """The proof believed the file; the gate judges the endpoint that was reached."""
    climb = PRIVATE % ", escalate: {to: mid, when: attempts > 0}"
    played = climbing(project, climb, tiny="3", away=["mid"], inputs={"text": "my secret"})

    decided = played.of(Decided)[0]
    assert played.outputs == 3
    assert (decided.choice, decided.rule, decided.label, decided.clearance) == (
        "refuse",
        "privacy",
        "private",
        "public",
    )
    assert calls(played)["mid"] == 0


def test_a_steps_own_model_off_the_machine_fails_the_step(project: Path) -> None:
    """Not one byte is sent, not even to be counted; exit code 6."""
    played = climbing(project, PRIVATE % "", away=["tiny"], inputs={"text": "my secret"})

    assert played.of(StepFailed)[0].error_kind == "privacy"
    assert played.result.exit_code == 6
    assert calls(played)["tiny"] == 0


def test_faults_of_the_way_to_the_cloud_do_not_stop_the_run(project: Path) -> None:
    """A cloud nobody reaches is looked for once, not once per step."""
    looks = 0

    class Away(ScriptedModel):
        async def prepare(self) -> Any:
            nonlocal looks
            if self.name != "cloud":
                return await ScriptedModel.prepare(self)
            looks += 1
            raise ProviderError("unreachable", "nothing answers at 203.0.113.9")

    played = fan(project, "0.5", "42", kind=Away)

    assert played.outputs == [3] * 128
    assert looks == 1
    assert {d[:2] for d in decisions(played)} == {("stay", "fault")}


def test_a_cloud_that_says_another_model_answered_is_told_about_once(project: Path) -> None:
    """The answer was validated like any other; its quality and its price are not what was asked for."""
    played = fan(project, "0.5", lambda _: Reply("42", usage=(5, 5), model="house/cheaper-one"))

    warned = [event.message for event in played.of(Warned)]
    assert warned == ["model 'cloud' is scripted:cloud, but its server says that house/cheaper-one answered"]
    assert played.outputs == [42] * 128


# ------------------------------------------------------------------------------------------------ tokens


@pytest.mark.parametrize("step", [", when: 'true'", ""], ids=["climbs", "own"])
def test_a_run_that_is_out_of_tokens_ends_and_does_not_go_on_without_the_cloud(
    step: str, project: Path
) -> None:
    """Local calls use tokens too: a value that stands there instead would tell how long private texts were."""
    text = limited("tokens: 150, then: stay-local", step) if step else OWN % ", on_error: {value: 0}"
    text = text if step else f"budget: {{tokens: 150, then: stay-local}}\n{text}"

    played = climbing(project, text, tiny="3")

    assert played.result.exit_code == 5
    assert calls(played).get("tiny", 0) == (1 if step else 0)
    assert calls(played)["cloud"] == 0
