"""A replay finds nothing where nothing changed, and finds what changed: no model, tool or person is asked."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.calling import CallContext, Classified, Example, Signature, ToolResult
from orchestrator.cli.equipment import Equipment
from orchestrator.cli.needs import price_list
from orchestrator.cli.replay import cases, text_of, unified
from orchestrator.engine.replay import Comparison, Difference, Given
from orchestrator.engine.replay import replay as replayed
from orchestrator.engine.trail import record_of
from orchestrator.errors import ToolError
from orchestrator.events import (
    AttemptFinished,
    AttemptStarted,
    CallFinished,
    Event,
    RunResumed,
    RunStarted,
    StepFinished,
    StepStarted,
)
from orchestrator.graph.model import Graph
from orchestrator.graph.open import open_workflow
from orchestrator.inputs import read_inputs
from orchestrator.messages import Request, TokenLogprob
from orchestrator.ports import Reply, Tool
from orchestrator.providers.scripted import Reply as Scripted
from tests.engine.harness import HEAD, Played, play_file
from tests.engine.looking import FoundBeforehand, passage
from tests.engine.test_fork import Steps, graphs, pure, written
from tests.engine.tools import FakeTool, equip

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/workflow.yaml"))
TODAY = "2026-01-31"


def replay(file: Path, log: list[Event], *tools: FakeTool) -> Comparison:
    """The record once more, with the file as it is now; the tools are only looked at."""
    graph = open_workflow(file)
    named = {tool.name: tool for tool in tools}

    async def opened(_: str, name: str) -> Tool | None:
        return named.get(name)

    return asyncio.run(_replay(graph, log, opened))


async def _replay(graph: Graph, log: list[Event], opened: Any) -> Comparison:
    record = record_of(log)
    return await replayed(record, Given(graph, record.started.inputs, TODAY, {}, opened, cases))


def changed(found: Comparison) -> list[tuple[str, str]]:
    return [(one.path, one.what) for one in found.differences]


def play(file: Path, text: str, answer: Any = pure, **options: Any) -> Played:
    file.write_text(HEAD + text, encoding="utf-8")
    return play_file(file, answer, **options)


@pytest.fixture(name="file")
def _file(project: Path) -> Path:
    return project / "workflow.yaml"


# ------------------------------------------------------------------------------------------- nothing changed


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=graphs())
def test_any_run_is_as_it_was(project: Path, steps: Steps) -> None:
    """Every request, decision and value of a random workflow."""
    file = project / "workflow.yaml"
    file.write_text(written(steps), encoding="utf-8")
    played = play_file(file, pure, inputs={"word": "a"})

    found = replay(file, played.events)

    assert found.differences == []
    assert found.requests == len(played.of(AttemptStarted))
    assert found.left_out == {}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=graphs(), number=st.integers(0, 5))
def test_a_changed_prompt_is_found_in_any_run(project: Path, steps: Steps, number: int) -> None:
    """In each of its requests, and nothing is found before it."""
    file = project / "workflow.yaml"
    file.write_text(written(steps), encoding="utf-8")
    played = play_file(file, pure, inputs={"word": "a"})
    mine = [event for event in played.of(AttemptStarted) if f"do s{number}" in event.messages[-1]["content"]]
    file.write_text(written(steps).replace(f"do s{number} ", f"please do s{number} "), encoding="utf-8")

    found = replay(file, played.events)

    assert {event.path for event in mine} <= {path for path, _ in changed(found)}
    assert all(path >= f"s{number}" for path, _ in changed(found))


def _valid(schema: Mapping[str, Any] | None, number: int) -> Any:
    """Something that satisfies a schema, as far as a schema says."""
    if schema is None:
        return f"a plain answer, number {number}"
    match schema:
        case {"enum": [*words]}:
            return words[number % len(words)]
        case {"anyOf": [first, *_]} | {"oneOf": [first, *_]}:
            return _valid(first, number)
        case {"type": "object"}:
            return {name: _valid(one, number) for name, one in schema.get("properties", {}).items()}
        case {"type": "array"}:
            return [_valid(schema["items"], number + n) for n in range(max(1, schema.get("minItems", 1)))]
        case {"type": "integer"}:
            return schema.get("minimum", 1)
        case {"type": "number"}:
            return 1.5
        case {"type": "boolean"}:
            return number % 2 == 0
        case {"format": "date"}:
            return "2026-01-02"
        case _:
            return f"word {number}"


def _scripted(request: Request) -> Scripted:
    text = pure(request)
    value = _valid(request.schema, int(text[1:3], 16))
    logprobs = (TokenLogprob(text, -0.1),)
    return (
        Scripted(text=value, logprobs=logprobs)
        if isinstance(value, str) and request.schema is None
        else Scripted(value=value, logprobs=logprobs)
    )


class _First:
    """The first examples of a file are the nearest to everything."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def nearest(self, query: str, k: int) -> tuple[tuple[Example, float], ...]:
        del query
        return tuple((one, 0.5) for one in cases(self._file)[:k])


class _Unsure:
    """Answers every other question of a head itself."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def classify(self, text: str) -> Classified:
        return Classified(cases(self._file)[0].output, 0.9 if len(text) % 2 else 0.2, 0.5)


class _Forgetful:
    def recall(self, *_: Any) -> tuple[Any, ...]:
        return ()

    def remember(self, *_: Any) -> None:
        """Nothing is kept."""


@dataclass(frozen=True)
class _Called:
    """A real tool, opened for each call: what it starts ends with it."""

    graph: Graph
    file: str
    name: str
    signature: Signature

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        tools = Equipment(self.graph, os.environ)
        try:
            return await (await tools(self.file, self.name)).call(arguments, context)
        finally:
            await tools.close()


def _tools_of(graph: Graph) -> Callable[[str, str], Awaitable[Tool]]:
    async def opened(file: str, name: str) -> Tool:
        return _Called(graph, file, name, (await Equipment(graph, os.environ)(file, name)).signature)

    return opened


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.parent.name)
def test_every_example_is_as_it_was(file: Path) -> None:
    """With real tools, played models, and whatever way its answers send it."""
    graph = open_workflow(file)
    tools = _tools_of(graph)

    async def asker(path: str, question: str, show: Any, choices: Any, edit: Any = None) -> Reply:
        del path, question, show, edit
        return Reply(choices[0])

    ports = {
        "tools": tools,
        "knowledge": lambda *_: FoundBeforehand([passage("We open at nine."), passage("We close at five.")]),
        "examples": _First,
        "heads": _Unsure,
        "conversations": _Forgetful(),
        "prices": price_list,
    }
    inputs = read_inputs(
        graph.workflow.inputs,
        {name: "something" for name, spec in graph.workflow.inputs.items() if "default" not in spec.model_fields_set},
        root=Path(graph.root), cwd=file.parent, base=file.parent, today=date.fromisoformat(TODAY),
    )  # fmt: skip
    played = play_file(file, _scripted, inputs=inputs, asker=asker, equip=ports)

    found = asyncio.run(_replay(graph, played.events, tools))

    assert changed(found) == []
    assert found.requests == len(played.of(AttemptStarted)) > 0
    assert found.left_out == {}


# --------------------------------------------------------------------------------------------- what changed


CHECKED = """
steps:
  one: {agent: writer, prompt: say one, repair: 1, check: {"it is long": output | length > 3}}
  two: {agent: writer, prompt: "after {{ one }}"}
"""


def test_a_repaired_answer_is_repaired_again(file: Path) -> None:
    """The request that sends it back is compared too."""
    played = play(file, CHECKED, ["no", "yes yes", "done"])

    found = replay(file, played.events)

    assert (found.requests, found.differences) == (3, [])


def test_a_stricter_check_is_found_and_the_rest_goes_on(file: Path) -> None:
    """What would be asked then is not on record: the step keeps the value it had."""
    played = play(file, CHECKED, ["no", "yes yes", "done"])
    stricter = CHECKED.replace("> 3", "> 30").replace("repair: 1", "repair: 2")
    file.write_text(HEAD + stricter, encoding="utf-8")

    found = replay(file, played.events)

    assert changed(found) == [("one", "what was decided about answer 2"), ("one", "request 3")]
    assert (found.differences[0].recorded, found.differences[0].now) == ("ok: keep", "check: repair")


def test_a_step_that_fails_now_ends_the_run(file: Path) -> None:
    """As it would with these answers."""
    played = play(file, CHECKED, ["no", "yes yes", "done"])
    file.write_text(HEAD + CHECKED.replace("> 3", "> 30"), encoding="utf-8")

    found = replay(file, played.events)

    assert ("one", "how it ended") in changed(found)
    assert found.differences[-1] == Difference("two", "how it ended", {"value": "done"}, None)


def test_a_looser_check_is_found(file: Path) -> None:
    """The second answer is not asked for any more."""
    played = play(file, CHECKED, ["no", "yes yes", "done"])
    file.write_text(HEAD + CHECKED.replace("> 3", "> 1"), encoding="utf-8")

    found = replay(file, played.events)

    assert set(changed(found)) == {
        ("one", "what was decided about answer 1"),
        ("one", "request 2"),
        ("one", "how it ended"),
        ("two", "request 1"),
    }


def test_a_fault_of_a_server_happens_again(file: Path) -> None:
    """And what `on_error` makes of it."""
    text = "steps: {one: {agent: writer, prompt: x, on_error: continue}}\n"
    played = play(file, text, [Scripted(fault="server")])

    assert replay(file, played.events).differences == []


def test_a_climb_is_taken_again(file: Path) -> None:
    """With the confidence on record."""
    text = """
orch: 1
models: {tiny: 'scripted:none', big: {use: 'scripted:none', where: cloud, clearance: private}}
agents: {writer: {model: tiny}}
steps:
  one: {agent: writer, prompt: x, output: a | b, escalate: {to: big, when: confidence < 0.7}}
"""
    file.write_text(text, encoding="utf-8")
    unsure = Scripted(value="a", logprobs=(TokenLogprob('"a', -2.0), TokenLogprob('"', -0.1)))
    played = play_file(file, {"tiny": [unsure], "big": [Scripted(value="b")]})
    assert played.outputs == "b"

    assert replay(file, played.events).differences == []
    file.write_text(text.replace("< 0.7", "< 0.0"), encoding="utf-8")
    found = replay(file, played.events)

    assert ("one", "decision 1") in changed(found)
    assert ("one", "how it ended") in changed(found)


def test_arguments_of_a_tool_are_compared(project: Path, file: Path) -> None:
    """The tool itself is never called."""
    (project / "tools.py").write_text(
        "def send(to: str) -> dict[str, int]:\n    return {'id': 1}\n", encoding="utf-8"
    )
    text = "tools: {send: {python: tools.py:send}}\nsteps:\n  sent: {tool: send, with: {to: ann}}\n"
    tool = FakeTool()
    played = play(file, text, equip=equip(tool))
    assert replay(file, played.events, tool).differences == []
    file.write_text((HEAD + text).replace("ann", "bob"), encoding="utf-8")

    found = replay(file, played.events, tool)

    assert changed(found) == [("sent", "call 1")]
    assert len(tool.calls) == 1


@pytest.mark.parametrize("known", [True, False])
def test_a_call_of_an_earlier_process_is_the_call_of_its_step(project: Path, file: Path, known: bool) -> None:
    """A process died behind a call, and the next one took over what it gave, or what a person said of it."""
    (project / "tools.py").write_text(
        "def send(to: str) -> dict[str, int]:\n    return {'id': 1}\n", encoding="utf-8"
    )
    tool = FakeTool()
    text = "tools: {send: {python: tools.py:send}}\nsteps:\n  sent: {tool: send, with: {to: ann}}\n"
    log = play(file, text, equip=equip(tool)).events
    began = next(one for one in log if isinstance(one, StepStarted))
    died = next(i for i, one in enumerate(log) if isinstance(one, CallFinished)) + known
    log[died:died] = [RunResumed(began.at, "another process"), began]

    found = replay(file, log, tool)

    assert found.differences == []
    assert found.calls == 1


def test_a_failing_tool_fails_again(project: Path, file: Path) -> None:
    """With what it said."""
    (project / "tools.py").write_text(
        "def send(to: str) -> dict[str, int]:\n    return {'id': 1}\n", encoding="utf-8"
    )

    def fails(*_: Any) -> None:
        raise ToolError("no post today")

    tool = FakeTool(do=fails, effects="none")
    declared = "tools: {send: {python: tools.py:send, effects: none}}\n"
    text = f"{declared}steps: {{sent: {{tool: send, with: {{to: ann}}, retry: 1}}}}\n"
    played = play(file, text, equip=equip(tool))
    assert played.result.status == "failed"

    assert replay(file, played.events, tool).differences == []


def test_a_question_is_put_together_again(file: Path) -> None:
    """The answer is the one that was given."""
    text = "steps:\n  ok: {ask: 'Go?', choices: [yes, no]}\n  end: {value: '{{ ok }}'}\n"

    async def asker(path: str, question: str, show: Any, choices: Any, edit: Any = None) -> Reply:
        del path, question, show, choices, edit
        return Reply("no")

    played = play(file, text, asker=asker)
    assert replay(file, played.events).differences == []
    file.write_text((HEAD + text).replace("Go?", "Stop?"), encoding="utf-8")

    assert changed(replay(file, played.events)) == [("ok", "question")]


def test_a_step_that_is_gone_and_one_that_is_new_are_told(file: Path) -> None:
    """Once, not with everything inside."""
    old = "steps:\n  one: {foreach: [1, 2], steps: {x: {agent: writer, prompt: 'a {{ item }}'}}}\n  end: {value: 1}\n"
    played = play(file, old)
    file.write_text(HEAD + "steps:\n  new: {agent: writer, prompt: b}\n  end: {value: 1}\n", encoding="utf-8")

    found = replay(file, played.events)

    assert ("new", "request 1") in changed(found)
    assert ("one", "how it ended") in changed(found) or found.left_out


def test_an_interrupted_run_is_compared_as_far_as_it_came(file: Path) -> None:
    """What it did not come to is no difference."""
    text = "steps:\n  one: {agent: writer, prompt: a}\n  two: {agent: writer, prompt: 'b {{ one }}'}\n"
    played = play(file, text)
    cut = next(n for n, e in enumerate(played.events) if isinstance(e, AttemptFinished) and e.path == "two")

    found = replay(file, played.events[:cut])

    assert (found.differences, found.requests) == ([], 2)


def test_what_was_not_kept_is_no_difference(file: Path) -> None:
    """It is said that it was left out, and what comes after it too."""
    text = "steps:\n  one: {agent: writer, prompt: a}\n  two: {agent: writer, prompt: 'b {{ one }}'}\n"
    played = play(file, text)
    note = "[secret, not kept]"
    for n, event in enumerate(played.events):
        if isinstance(event, AttemptFinished) and event.path == "one":
            played.events[n] = replace(event, text=note)
        if isinstance(event, StepFinished) and event.path == "one":
            played.events[n] = replace(event, value=note, facts={"kept": "none"})

    found = replay(file, played.events)

    assert found.differences == []
    assert list(found.left_out) == ["one", "two"]


def test_a_variable_of_the_environment_is_not_needed(file: Path) -> None:
    """Its name stands in the record in its place, and is what is rendered."""
    text = "steps: {one: {value: '{{ env.TOWN }}'}}\n"
    played = play(file, text, equip={"env": {"TOWN": "[env.TOWN]"}})
    graph = open_workflow(file)
    given = Given(graph, {}, TODAY, {"TOWN": "[env.TOWN]"}, _tools_of(graph), cases)

    assert asyncio.run(replayed(record_of(played.events), given)).differences == []


def test_facts_are_those_of_the_record(file: Path) -> None:
    """How long something took, and what it cost, is never a difference."""
    played = play(
        file,
        "steps:\n  one: {agent: writer, prompt: a}\n  two: {value: '{{ steps.one.seconds }} {{ steps.one.tokens }}'}\n",
    )

    assert replay(file, played.events).differences == []


def test_a_difference_is_shown_in_lines() -> None:
    """Of a request what each message says; of a value its JSON."""
    before = [{"role": "user", "content": "a\nb"}]
    now = [{"role": "user", "content": "a\nc"}]

    assert unified(Difference("x", "request 1", before, now))[-2:] == ["-b", "+c"]
    assert text_of({"value": 1}) == ["{", '  "value": 1', "}"]
    assert text_of(None) == []


def test_the_record_of_the_replayed_run_is_whole(file: Path) -> None:
    """A log without a beginning is none."""
    played = play(file, "steps: {one: {value: 1}}\n")
    first = played.events[0]
    assert isinstance(first, RunStarted)

    assert record_of(played.events).started == first
    assert json.loads(json.dumps(text_of({"a": 1})))


# ------------------------------------------------------------------------------------- every way to an answer

EVERY_WAY = """
orch: 1
models: {tiny: 'scripted:none', small: 'scripted:none'}
agents:
  writer: {model: tiny}
  critic: {model: tiny, role: You judge.}
  helper: {model: tiny, role: You help., takes: {topic: string}, output: {x: int}}
  clerk: {model: tiny, role: You count., tools: [add, 'agent:helper'], max_turns: 3}
tools: {add: {python: 'tools.py:add', effects: none}}
steps:
  words: {agent: writer, prompt: Say hello., samples: 3, pick: critic}
  vote: {agent: writer, prompt: Which?, samples: 3, output: red | blue}
  both: {agent: writer, prompt: Both?, models: [tiny, small]}
  sum: {agent: clerk, prompt: "How much is {{ words }}?", output: {total: int}}
  joined: {agent: writer, reduce: "['a', 'b', 'c', 'd', 'e']", by: 2, prompt: "Join {{ items | join(' ') }}"}
  asked: {tool: "agent:helper", with: {topic: "{{ joined }}"}}
  flow: {workflow: inner.yaml, with: {x: "{{ asked.x }}"}}
"""
INNER = """
orch: 1
models: {tiny: 'scripted:none'}
agents: {writer: {model: tiny}}
inputs: {x: int}
steps: {one: {agent: writer, prompt: "inner {{ inputs.x }}", repair: 1, check: {"it is long": output | length > 3}}}
"""


def _every_way(request: Request) -> Any:
    """A function of the request, the seed included, that takes each way once."""
    last, schema = request.messages[-1].content, json.dumps(request.schema)
    if '"arguments"' in schema:
        turns = sum(message.role == "assistant" for message in request.messages)
        calls = [
            {"tool": "add", "arguments": {"a": 2, "b": 3}},
            {"tool": "agent:helper", "arguments": {"topic": "t"}},
        ]
        return json.dumps([*calls, {"tool": "answer"}][turns])
    if request.schema is not None:
        return json.dumps(_valid(request.schema, request.params.get("seed", 1)))
    if last.startswith("inner") and "long" not in last:
        return "no" if len(request.messages) < 2 else "longer"
    return f"{pure(request)} {request.params.get('seed', 1)}"


@pytest.fixture(name="every")
def _every(project: Path, file: Path) -> Path:
    (project / "tools.py").write_text("def add(a: int, b: int) -> int:\n    return a + b\n", encoding="utf-8")
    (project / "inner.yaml").write_text(INNER, encoding="utf-8")
    file.write_text(EVERY_WAY, encoding="utf-8")
    return file


def test_every_way_to_an_answer_is_taken_again(every: Path) -> None:
    """Samples, judges, several models, turns of an agent, agents as tools, merges, subworkflows."""
    tools = _tools_of(open_workflow(every))
    played = play_file(every, _every_way, equip={"tools": tools})
    assert played.result.status == "done", played.result.error
    assert {"words@pick", "both@small", "joined^3.0", "sum@helper~2", "flow.one"} <= {
        event.path for event in played.of(AttemptStarted)
    }

    found = asyncio.run(_replay(open_workflow(every), played.events, tools))

    assert changed(found) == []
    assert found.requests == len(played.of(AttemptStarted))
    assert found.left_out == {}


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        ("Say hello", "Say hi", "words#1"),
        ("Both?", "Both??", "both@small"),
        ("You count", "You reckon", "sum"),
        ("You help", "You assist", "asked@helper~1"),
        ("Join", "Unite", "joined^1.0"),
        ("You judge", "You choose", "words@pick"),
    ],
)
def test_a_change_is_found_on_every_way(every: Path, before: str, after: str, path: str) -> None:
    """In the part of the answer that it concerns."""
    tools = _tools_of(open_workflow(every))
    played = play_file(every, _every_way, equip={"tools": tools})
    every.write_text(EVERY_WAY.replace(before, after), encoding="utf-8")

    found = asyncio.run(_replay(open_workflow(every), played.events, tools))

    assert (path, "request 1") in changed(found)


# ---------------------------------------------------------------------------------------- tried more than once


CHILD = """
orch: 1
models: {tiny: 'scripted:none'}
agents: {writer: {model: tiny}}
steps:
  first: {agent: writer, prompt: say first, repair: 0}
  second: {agent: writer, prompt: "say second {{ first }}", repair: 0, check: {"it is long": output | length > 3}}
"""
RETRIED = "steps:\n  inner: {workflow: child.yaml, retry: 2}\n"


def test_a_retried_subworkflow_is_tried_again_in_its_order(project: Path, file: Path) -> None:
    """The first try gets its own answers, also where its requests are the same as those of the second."""
    (project / "child.yaml").write_text(CHILD, encoding="utf-8")
    played = play(file, RETRIED, ["one", "no", "one", "never", "one", "never mind"])

    found = replay(file, played.events)

    assert played.result.status == "done"
    assert (found.differences, found.left_out) == ([], {})
    assert found.requests == len(played.of(AttemptStarted)) == 4


def test_a_retried_subworkflow_that_would_not_fail_now_is_told(project: Path, file: Path) -> None:
    """The later try is missing then."""
    (project / "child.yaml").write_text(CHILD, encoding="utf-8")
    played = play(file, RETRIED, ["one", "no", "one", "never"])
    (project / "child.yaml").write_text(CHILD.replace("> 3", "> 1"), encoding="utf-8")

    found = replay(file, played.events)

    assert ("inner.second", "how it ended") in changed(found)
    assert ("inner.second", "what was decided about answer 1") in changed(found)
