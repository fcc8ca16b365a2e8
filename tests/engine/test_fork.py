"""A run out of another one: what stands is taken over, what comes after a step runs anew, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from orchestrator.engine.fork import Survey, survey
from orchestrator.engine.fork import looked as noted
from orchestrator.engine.made_of import inputs_read, made_of
from orchestrator.engine.places import Hop, hops, place, text_of
from orchestrator.engine.recover import recover
from orchestrator.errors import UsageError
from orchestrator.events import (
    TAKEN,
    AskAnswered,
    AttemptStarted,
    CallFinished,
    CallStarted,
    Event,
    RunStarted,
    StepFinished,
)
from orchestrator.graph.model import Graph
from orchestrator.graph.open import open_workflow
from orchestrator.messages import Request
from orchestrator.ports import Reply
from orchestrator.report.summary import summary
from orchestrator.state import fold
from tests.engine.harness import HEAD, Played, play_file
from tests.engine.tools import FakeTool, equip

NESTED = """
orch: 1
models: {tiny: 'scripted:none'}
agents: {writer: {model: tiny}}
inputs: {n: {type: "[int]", default: [1, 2, 3]}, tone: {type: string, default: warm}}
steps:
  start: {agent: writer, prompt: start}
  each:
    foreach: inputs.n
    as: n
    steps:
      draft: {agent: writer, prompt: "draft {{ n }} {{ start }}"}
      odd: {agent: writer, when: n % 2 == 1, prompt: "odd {{ n }} {{ inputs.tone }}"}
      pair: {value: "{{ draft }}{{ n }}"}
  loop:
    repeat: {until: "'never' in again", max: 3, else: keep}
    steps:
      again: {agent: writer, prompt: "again {{ start }} {{ last | default('', true) }}"}
      still: {agent: writer, prompt: "still {{ start }}"}
  beside: {agent: writer, prompt: beside}
  end: {agent: writer, prompt: "end {{ each | map(attribute='pair') | join(' ') }} {{ loop.again }}", needs: beside}
outputs: {end: "{{ end }}", odd: "{{ each | map(attribute='odd') | list }}"}
"""


def pure(request: Request) -> str:
    """An answer that depends on nothing but the request."""
    text = json.dumps([(m.role, m.content) for m in request.messages])
    return "w" + hashlib.sha256(text.encode()).hexdigest()[:8]


def log_of(played: Played, graph: Graph) -> list[Event]:
    """The record as the command line writes it: the first event knows what the steps were made of."""
    first = played.events[0]
    assert isinstance(first, RunStarted)
    options = {"made_of": made_of(graph)}
    return [replace(first, run="first", source=graph.digest, options=options), *played.events[1:]]


def looked(file: Path, log: list[Event], at: str = "", inputs: tuple[str, ...] = ()) -> Survey:
    """What stands, from a record that is read once: a stream of events."""
    return survey(open_workflow(file), noted(enumerate(log)), at=at, inputs=inputs)


def forked(
    file: Path,
    log: list[Event],
    answer: Any = pure,
    at: str = "",
    given: Mapping[str, Any] | None = None,
    equipment: Mapping[str, Any] | None = None,
) -> Played:
    """The new run: its events begin with what was taken over."""
    started = log[0]
    assert isinstance(started, RunStarted)
    inputs = {**started.inputs, **(given or {})}
    taken = list(looked(file, log, at, tuple(given or ())).begins_with(enumerate(log), 5.0))
    again = play_file(file, answer, inputs=inputs, recovered=recover(taken), equip=equipment)
    return Played(again.result, [*taken, *again.events[1:]], again.models)


@pytest.fixture(name="nested")
def _nested(project: Path) -> Path:
    file = project / "workflow.yaml"
    file.write_text(NESTED, encoding="utf-8")
    return file


@pytest.fixture(name="log")
def _log(nested: Path) -> list[Event]:
    inputs = {"n": [1, 2, 3], "tone": "warm"}
    return log_of(play_file(nested, pure, inputs=inputs), open_workflow(nested))


def asked(played: Played) -> list[str]:
    return sorted(event.path for event in played.events if isinstance(event, AttemptStarted))


# ------------------------------------------------------------------------------------------------- paths


@pytest.mark.parametrize("path", ["a", "a.3", "a.3~2.b", "a~1.b.0.c@tiny", "sum^1.0", "x.2#1"])
def test_a_path_is_read_and_written_back(path: str) -> None:
    """Whatever it names."""
    assert text_of(hops(path)) == path


def test_a_path_says_item_and_pass() -> None:
    """The parts of an answer stand at the end."""
    assert hops("answer.3.reply~2.draft@tiny") == (
        Hop("answer", 3),
        Hop("reply", turn=2),
        Hop("draft", part="@tiny"),
    )


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("eech", "no step 'eech'"),
        ("each.dreft", "no step 'each.dreft'"),
        ("start.0", "has no items"),
        ("start~1", "no loop"),
        ("start.more", "no steps in 'start'"),
        ("", "no step"),
    ],
)
def test_a_step_that_is_not_there_is_named(nested: Path, path: str, said: str) -> None:
    """In the words of the person who wrote it."""
    with pytest.raises(UsageError, match=said):
        place(open_workflow(nested), path)


# ------------------------------------------------------------------------------------------ what is anew


@pytest.mark.parametrize(
    ("at", "again"),
    [
        ("end", ["end"]),
        ("beside", ["beside", "end"]),
        ("each.1.draft", ["each.1.draft"]),
        ("each.2", ["each.2.draft", "each.2.odd"]),
        ("each.odd", ["each.0.odd", "each.2.odd"]),
        ("loop~2.again", ["loop~2.again", "loop~3.again", "loop~3.still"]),
        ("loop~3", ["loop~3.again", "loop~3.still"]),
        ("loop.still", ["loop~1.still", "loop~2.again", "loop~2.still", "loop~3.again", "loop~3.still"]),
    ],
)
def test_only_what_comes_after_a_step_is_asked_again(
    nested: Path, log: list[Event], at: str, again: list[str]
) -> None:
    """By data, by `needs`, and from one pass of a loop to the next; the value of what comes after may be the same."""
    played = forked(nested, log, at=at)

    assert [path for path in asked(played) if path != "end" or at == "end"] == [
        path for path in again if path != "end" or at == "end"
    ]
    assert played.result.status == "done"


def test_the_steps_that_come_after_are_asked_too(nested: Path, log: list[Event]) -> None:
    """`end` reads all of them or needs them."""
    assert all("end" in asked(forked(nested, log, at=at)) for at in ("each.1.draft", "loop~3", "beside"))


def test_another_input_asks_what_reads_it(nested: Path, log: list[Event]) -> None:
    """Inside of a group as well, and what comes after the group."""
    played = forked(nested, log, given={"tone": "cold"})

    assert asked(played) == ["each.0.odd", "each.2.odd", "end"]


def test_a_step_that_changed_in_the_file_is_anew(nested: Path, log: list[Event]) -> None:
    """The others are not, though the digest of the file is another."""
    nested.write_text(NESTED.replace("prompt: beside", "prompt: besides"), encoding="utf-8")

    found = looked(nested, log)

    assert found.reasons() == {"beside": "changed", "end": "comes after beside"}
    assert asked(forked(nested, log)) == ["beside", "end"]


def test_a_step_that_is_new_in_the_file_is_anew(nested: Path, log: list[Event]) -> None:
    """It is said to be new."""
    nested.write_text(NESTED.replace("  beside:", "  new: {value: 1}\n  beside:"), encoding="utf-8")

    assert looked(nested, log).reasons() == {"new": "is new"}


def test_a_record_that_does_not_know_its_steps_says_so(nested: Path, log: list[Event]) -> None:
    """Only when the file is another one."""
    started = log[0]
    assert isinstance(started, RunStarted)
    bare = [replace(started, options={}), *log[1:]]
    assert looked(nested, bare, "end").reasons() == {"end": "begins here"}
    nested.write_text(NESTED.replace("prompt: beside", "prompt: besides"), encoding="utf-8")

    with pytest.raises(UsageError, match="does not say of which steps"):
        looked(nested, bare, "end")


def test_an_item_that_is_not_there_is_named(nested: Path, log: list[Event]) -> None:
    """Before anything begins."""
    with pytest.raises(UsageError, match=r"no finished 'each\.7'"):
        looked(nested, log, "each.7")


# --------------------------------------------------------------------------------------- the new record


def test_what_is_taken_over_costs_nothing(nested: Path, log: list[Event]) -> None:
    """The new record holds its values and no call of a model."""
    played = forked(nested, log, at="end")

    figures = summary(played.events)
    assert figures.total.calls == 1
    assert fold(played.events).prompt_tokens == figures.total.prompt_tokens
    assert figures.steps["each.draft"].cached == 3


def test_a_value_says_which_run_it_is_from(nested: Path, log: list[Event]) -> None:
    """Also when it was taken over twice; texts do not see it."""
    played = forked(nested, log, at="end")
    first = log[0]
    assert isinstance(first, RunStarted)
    second = [replace(first, run="second"), *played.events]

    twice = forked(nested, second, at="end")

    marks = {e.facts.get(TAKEN) for e in twice.of(StepFinished) if e.path == "start"}
    assert marks == {"first"}
    assert TAKEN not in recover(twice.events).done["start"].facts


def test_an_unfinished_run_is_taken_as_far_as_it_came(nested: Path, log: list[Event]) -> None:
    """The rest runs, and is said to."""
    cut = [event for event in log if not getattr(event, "path", "").startswith(("loop", "end"))]

    found = looked(nested, cut, "end")

    assert found.reasons()["loop"] == "was not finished"
    assert {path.partition("~")[0] for path in asked(forked(nested, cut, at="end"))} == {"loop", "end"}


def test_an_answered_question_stays_answered(project: Path) -> None:
    """Nobody is asked twice."""
    file = project / "workflow.yaml"
    file.write_text(
        HEAD
        + "steps:\n  ok: {ask: 'Go on?', choices: [yes, no]}\n  end: {agent: writer, prompt: '{{ ok }}'}\n",
        encoding="utf-8",
    )

    async def asker(path: str, question: str, show: Any, choices: Any, edit: Any = None) -> Reply:
        del path, question, show, choices, edit
        return Reply("yes")

    log = log_of(play_file(file, pure, asker=asker), open_workflow(file))

    played = forked(file, log, at="end")

    assert played.result.status == "done"
    assert [event.choice for event in played.of(AskAnswered)] == ["yes"]


def test_a_failed_item_that_was_kept_stays(project: Path) -> None:
    """Null in its place is its value; what failed inside it is not said to run again."""
    file = project / "workflow.yaml"
    file.write_text(
        HEAD
        + """
steps:
  each:
    foreach: [1, 2]
    on_item_error: keep
    steps: {one: {value: "{{ 1 / (item - 1) }}"}}
  end: {value: "{{ each | present | list | length }}"}
""",
        encoding="utf-8",
    )
    log = log_of(play_file(file, pure), open_workflow(file))

    assert looked(file, log, "end").reasons() == {"end": "begins here"}
    assert forked(file, log, at="end").outputs == 1


# ------------------------------------------------------------------------------------------- effects once

SENDS = (
    HEAD
    + """
tools: {send: {python: tools.py:send}}
steps:
  sent: {tool: send, with: {to: ann}}
  end: {agent: writer, prompt: "{{ sent.id }}"}
"""
)


@pytest.fixture(name="sends")
def _sends(project: Path) -> Path:
    (project / "tools.py").write_text(
        "from typing import TypedDict\nclass Id(TypedDict):\n    id: int\ndef send(to: str) -> Id:\n    return {'id': 1}\n",
        encoding="utf-8",
    )
    file = project / "workflow.yaml"
    file.write_text(SENDS, encoding="utf-8")
    return file


def test_an_effect_before_the_step_is_never_had_again(sends: Path) -> None:
    """Its value is taken over."""
    tool = FakeTool()
    log = log_of(play_file(sends, pure, equip=equip(tool)), open_workflow(sends))

    played = forked(sends, log, at="end", equipment=equip(tool))

    assert (len(tool.calls), played.result.status) == (1, "done")
    assert looked(sends, log, "end").once == []


def test_an_effect_at_or_behind_the_step_is_told(sends: Path) -> None:
    """It would be had a second time."""
    log = log_of(play_file(sends, pure, equip=equip(FakeTool())), open_workflow(sends))

    assert looked(sends, log, "sent").once == [("sent", "send")]


def test_an_effect_whose_value_was_not_kept_waits_for_a_person(sends: Path) -> None:
    """It is neither had again nor forgotten."""
    tool = FakeTool()
    log = log_of(play_file(sends, pure, equip=equip(tool)), open_workflow(sends))
    note = "[secret, not kept]"
    for number, event in enumerate(log):
        if isinstance(event, StepFinished) and event.path == "sent":
            log[number] = replace(event, value=note, facts={"kept": "none"})
        if isinstance(event, CallFinished):
            log[number] = replace(event, value=note)

    played = forked(sends, log, at="end", equipment=equip(tool))

    assert looked(sends, log, "end").reasons()["sent"] == "its value was not kept"
    assert (played.result.status, list(played.result.unknown)) == ("waiting", ["sent"])
    assert len(tool.calls) == 1


def test_files_of_a_call_stay_listed(sends: Path) -> None:
    """And the call does not count as one of this run."""
    log = log_of(play_file(sends, pure, equip=equip(FakeTool())), open_workflow(sends))
    made = ({"name": "a.png", "media_type": "image/png", "sha256": "0" * 64, "bytes": 3},)
    log = [replace(e, artifacts=made) if isinstance(e, CallFinished) else e for e in log]

    played = forked(sends, log, at="end", equipment=equip(FakeTool()))

    assert [one["name"] for one in fold(played.events).artifacts] == ["a.png"]
    assert summary(played.events).steps["sent"].tool_calls == 0
    assert played.of(CallStarted) == []


# ---------------------------------------------------------------------------------------------- any graph

Steps = list[tuple[str, frozenset[int], str]]


@st.composite
def graphs(draw: Callable[[Any], Any]) -> Steps:
    """Steps of several kinds, each of which reads some of those before it."""
    kinds = st.sampled_from(["agent", "value", "foreach", "group", "loop", "skipped"])
    return [
        (
            draw(kinds),
            draw(st.frozensets(st.integers(0, max(0, n - 1)), max_size=2)) if n else frozenset(),
            f"s{n}",
        )
        for n in range(draw(st.integers(2, 6)))
    ]


def written(steps: Steps) -> str:
    skipped = {n for n, (kind, _, _) in enumerate(steps) if kind == "skipped"}
    lines = [HEAD, "inputs: {word: {type: string, default: a}}", "steps:"]
    for number, (kind, reads, name) in enumerate(steps):
        read = " ".join(f"{{{{ s{n} | json }}}}" for n in sorted(reads) if n < number and n not in skipped)
        prompt = f"agent: writer, prompt: 'do {name} {read} {{{{ inputs.word }}}}'"
        lines.append(
            {
                "agent": f"  {name}: {{{prompt}}}",
                "value": f"  {name}: {{value: 'v {read}'}}",
                "foreach": f"  {name}: {{foreach: [1, 2], agent: writer, prompt: 'do {{{{ item }}}} {name} {read}'}}",
                "group": f"  {name}:\n    foreach: [1, 2]\n    steps:\n      x: {{{prompt}}}\n"
                f"      y: {{agent: writer, prompt: '{{{{ x }}}} {{{{ item }}}}'}}",
                "loop": f"  {name}:\n    repeat: {{until: x == 'never', max: 2, else: keep}}\n    steps:\n"
                f"      x: {{agent: writer, prompt: '{name} {read} {{{{ last | json if last else 0 }}}}'}}\n"
                "      y: {value: '{{ x }}!'}",
                "skipped": f"  {name}: {{when: inputs.word == 'b', {prompt}}}",
            }[kind]
        )
    return "\n".join(lines) + "\n"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=graphs(), chance=st.randoms(use_true_random=False))
def test_the_same_inputs_give_the_same_run(project: Path, steps: Steps, chance: Any) -> None:
    """At whatever instance it begins anew: the same outputs and the same values; nothing but what is anew is asked."""
    file = project / "workflow.yaml"
    file.write_text(written(steps), encoding="utf-8")
    first = play_file(file, pure, inputs={"word": "a"})
    assert first.result.status == "done", first.result.error
    log = log_of(first, open_workflow(file))
    ended = sorted({event.path for event in log if isinstance(event, StepFinished)})
    assume(ended)  # else every step was skipped, and there is nothing to begin at
    at = chance.choice(ended)
    found = looked(file, log, at)

    again = forked(file, log, at=at)

    assert again.outputs == first.outputs
    assert values(again) == values(first)
    assert set(asked(again)) == {path for path in asked(first) if found.stands(path) == "anew"}
    assert not {e.path for e in again.of(AttemptStarted)} & {
        e.path for e in again.of(StepFinished) if TAKEN in e.facts
    }


def values(played: Played) -> dict[str, Any]:
    return {event.path: event.value for event in played.of(StepFinished)}


def test_inputs_are_found_however_they_are_read(project: Path) -> None:
    """By a field, by a name in brackets, as a whole; not those of a subworkflow."""
    file = project / "workflow.yaml"
    file.write_text(
        HEAD
        + """
inputs: {a: string, b: string, c: string}
steps:
  one: {value: "{{ inputs.a }}"}
  two: {value: {x: "{{ inputs['b'] }}", y: ["{{ inputs.c | upper }}"]}}
  none: {value: 1}
outputs: {one: "{{ one }}", two: "{{ two }}", none: "{{ none }}"}
""",
        encoding="utf-8",
    )
    graph = open_workflow(file)

    found = {node.name: sorted(inputs_read(graph, node)) for node in graph.scope.nodes}

    assert found == {"one": ["a"], "two": ["b", "c"], "none": []}
