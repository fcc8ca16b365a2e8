"""Tool steps: arguments, results, faults, time, tries, checks, the cache and the files they make."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.calling import Artifact, CallContext, ToolResult
from orchestrator.errors import ToolError
from orchestrator.events import CallFinished, CallStarted, Decided, StepFailed, StepFinished
from orchestrator.spec.types import Field, Int, MapOf, Str, Unknown
from tests.engine.harness import play
from tests.engine.tools import FakeTool, equip, failing

TOOLS = "orch: 1\ntools: {send: {mcp: {command: [server]}, clearance: private}}\n"
PURE = "orch: 1\ntools: {send: {mcp: {command: [server]}, clearance: private, effects: none}}\n"
ONE = f"{TOOLS}steps:\n  one: {{tool: send, with: {{to: me}}}}\n"


def test_the_value_of_a_tool_step_is_what_its_tool_gives(tmp_path: Path) -> None:
    """Arguments are rendered and keep their types."""
    tool = FakeTool(
        arguments=MapOf((Field("to", Str(None)), Field("n", Int()))), do=lambda a, _: {"id": a["n"]}
    )

    played = play(
        tmp_path,
        f"""{TOOLS}
steps:
  n: {{value: "{{{{ 20 + 1 }}}}"}}
  one: {{tool: send, with: {{to: "x{{{{ n }}}}", n: "{{{{ n }}}}"}}}}
  two: {{value: "{{{{ one.id * 2 }}}}"}}
""",
        equip=equip(tool),
    )

    assert played.outputs == 42
    assert tool.calls == [{"to": "x21", "n": 21}]


def test_a_call_is_written_down_before_it_is_made_and_afterwards(tmp_path: Path) -> None:
    """With the arguments, the effects and the value; and it has a key that is the same every time."""
    tool = FakeTool()

    played = play(tmp_path, ONE, equip=equip(tool))

    (began,), (ended,) = played.of(CallStarted), played.of(CallFinished)
    assert (began.path, began.call, began.tool, began.arguments, began.effects) == (
        "one", 1, "send", {"to": "me"}, "once",
    )  # fmt: skip
    assert (ended.outcome, ended.value) == ("ok", {"id": 1})
    assert tool.contexts[0].key == "run-1/one"
    assert not tool.contexts[0].scratch.exists()


@pytest.mark.parametrize(
    ("with_", "word"),
    [("{}", "to is missing"), ("{to: 1}", "to: 1"), ("{to: a, cc: b}", "cc is not asked for")],
)
def test_arguments_that_do_not_fit_are_an_error_that_names_them(
    tmp_path: Path, with_: str, word: str
) -> None:
    """And nothing is called."""
    tool = FakeTool()

    played = play(tmp_path, f"{TOOLS}steps:\n  one: {{tool: send, with: {with_}}}\n", equip=equip(tool))

    (failed,) = played.of(StepFailed)
    assert failed.error_kind == "tool"
    assert word in failed.message
    assert tool.calls == []


@pytest.mark.parametrize(
    "value", [{"id": "x"}, {}, [1], {"id": float("nan")}, {"id": 1, "more": object()}, "\ud800"]
)
def test_a_tool_that_gives_something_else_than_it_promises_fails(tmp_path: Path, value: Any) -> None:
    """Nothing of it reaches the next step."""
    played = play(tmp_path, ONE, equip=equip(FakeTool(do=lambda *_: value)))

    assert played.result.status == "failed"
    (ended,) = played.of(CallFinished)
    assert (ended.outcome, ended.value) == ("unknown", None)


def test_a_value_is_the_same_now_and_after_a_resume(tmp_path: Path) -> None:
    """What the record would give back is what the next step reads: lists, not tuples."""
    tool = FakeTool(result=Unknown(), do=lambda *_: {"rows": (1, (2,))})

    assert play(tmp_path, ONE, equip=equip(tool)).outputs == {"rows": [1, [2]]}


def test_a_fault_of_a_tool_is_an_error_of_the_step_with_its_hint(tmp_path: Path) -> None:
    """In the words of the tool."""
    tool = FakeTool(do=failing(ToolError("the server is gone", hint="start it")))

    played = play(tmp_path, ONE, equip=equip(tool))

    (failed,) = played.of(StepFailed)
    assert (failed.error_kind, failed.message, failed.hint) == (
        "tool",
        "send: the server is gone",
        "start it",
    )
    assert played.result.exit_code == 1


def test_on_error_takes_care_of_a_fault(tmp_path: Path) -> None:
    """It knows its kind and its words."""
    played = play(
        tmp_path,
        f"""{TOOLS}
steps:
  one:
    tool: send
    with: {{to: me}}
    on_error: {{value: {{id: 0, why: "{{{{ error.kind }}}}: {{{{ error.message }}}}"}}}}
""",
        equip=equip(FakeTool(do=failing(ToolError("gone")))),
    )

    assert played.outputs == {"id": 0, "why": "tool: send: gone"}


def test_a_call_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """The tool is told, and what it started is its to end."""
    ended: list[str] = []

    async def sleep() -> dict[str, Any]:
        try:
            await asyncio.sleep(600)
        finally:
            ended.append("yes")
        return {}

    tool = FakeTool(do=lambda *_: sleep())
    played = play(tmp_path, ONE.replace("with:", "timeout: 10ms, with:"), equip=equip(tool))

    (failed,) = played.of(StepFailed)
    assert (failed.error_kind, failed.message) == ("timeout", "send took longer than 0.01 s")
    assert ended == ["yes"]
    assert tool.contexts[0].seconds == 0.01


def test_a_step_has_a_wall_for_all_its_tries(tmp_path: Path) -> None:
    """However often it may try."""
    tool = FakeTool(effects="none", do=lambda *_: asyncio.sleep(600))

    played = play(
        tmp_path,
        f"{PURE}steps:\n  one: {{tool: send, retry: 9, wall: 20ms, with: {{to: me}}}}\n",
        equip=equip(tool),
    )

    assert played.of(StepFailed)[0].error_kind == "timeout"
    assert played.of(CallFinished)[0].outcome == "error"


def test_a_failed_call_is_tried_again_with_the_same_key(tmp_path: Path) -> None:
    """As often as `retry` says; each try is a call of its own in the record."""
    tool = FakeTool(effects="none", do=failing(ToolError("busy"), ToolError("busy")))

    played = play(
        tmp_path, f"{PURE}steps:\n  one: {{tool: send, retry: 2, with: {{to: me}}}}\n", equip=equip(tool)
    )

    assert [event.call for event in played.of(CallStarted)] == [1, 2, 3]
    assert {context.key for context in tool.contexts} == {"run-1/one"}
    assert played.of(StepFinished)[0].facts["attempts"] == 3


def test_a_call_with_an_effect_is_not_tried_again(tmp_path: Path) -> None:
    """Also when the defaults of the file would: it may have happened."""
    tool = FakeTool(do=failing(ToolError("busy")))

    played = play(tmp_path, ONE.replace("steps:", "defaults: {retry: 3}\nsteps:"), equip=equip(tool))

    assert played.result.status == "failed"
    assert len(tool.calls) == 1


def test_a_result_must_pass_the_checks_of_its_step(tmp_path: Path) -> None:
    """The sentence says what is wrong."""
    played = play(
        tmp_path,
        f"{TOOLS}steps:\n  one: {{tool: send, with: {{to: me}}, check: {{it has a number above 5: output.id > 5}}}}\n",
        equip=equip(FakeTool()),
    )

    (failed,) = played.of(StepFailed)
    assert (failed.error_kind, failed.message) == ("check", "check failed: it has a number above 5")


def test_a_tool_is_called_once_per_item_and_a_failed_one_leaves_null(tmp_path: Path) -> None:
    """As every other step."""

    def do(arguments: Mapping[str, Any], _: CallContext) -> Any:
        if arguments["to"] == "b":
            raise ToolError("no such person")
        return {"id": len(arguments["to"])}

    played = play(
        tmp_path,
        f'{TOOLS}steps:\n  one: {{foreach: [a, b, ccc], tool: send, on_item_error: keep, with: {{to: "{{{{ item }}}}"}}}}\n',
        equip=equip(FakeTool(do=do)),
    )

    assert played.outputs == [{"id": 1}, None, {"id": 3}]


class Shelf(dict[str, Any]):
    def put(self, key: str, value: Any) -> None:
        self[key] = value


CACHED = """
orch: 1
steps:
  one: {tool: python, cache: true, with: {code: "1 + 1"}}
"""


def test_a_result_is_used_again_where_the_step_says_so(tmp_path: Path) -> None:
    """For the very same arguments only."""
    tool, shelf = FakeTool("python", arguments=MapOf((Field("code", Str(None)),)), effects="none"), Shelf()

    first = play(tmp_path, CACHED, equip=equip(tool), cache=shelf)
    second = play(tmp_path, CACHED, equip=equip(tool), cache=shelf)
    other = play(tmp_path, CACHED.replace("1 + 1", "1 + 2"), equip=equip(tool), cache=shelf)

    assert [play.of(StepFinished)[0].cached for play in (first, second, other)] == [False, True, False]
    assert len(tool.calls) == 2


def test_a_result_is_not_used_again_unasked(tmp_path: Path) -> None:
    """What a tool gives may depend on more than its arguments."""
    tool, shelf = FakeTool("python", arguments=MapOf((Field("code", Str(None)),)), effects="none"), Shelf()

    play(tmp_path, CACHED.replace("cache: true, ", ""), equip=equip(tool), cache=shelf)

    assert shelf == {}


def test_files_that_a_call_made_are_kept_and_told_of(tmp_path: Path) -> None:
    """Before the scratch directory goes."""
    kept: list[bytes] = []

    def draw(_: Mapping[str, Any], context: CallContext) -> ToolResult:
        (context.scratch / "plot.png").write_bytes(b"png")
        return ToolResult({"id": 1}, (Artifact("plot.png", "image/png", context.scratch / "plot.png"),))

    def keep(artifact: Artifact) -> Mapping[str, Any]:
        kept.append(artifact.path.read_bytes())
        return {"name": artifact.name, "media_type": artifact.media_type, "sha256": "0" * 64, "bytes": 3}

    played = play(tmp_path, ONE, equip=equip(FakeTool(do=draw), keepsakes=keep))

    assert kept == [b"png"]
    assert [dict(made)["name"] for made in played.of(CallFinished)[0].artifacts] == ["plot.png"]


def test_a_file_that_is_not_in_the_scratch_directory_is_nobodys_to_keep(tmp_path: Path) -> None:
    """A tool cannot have the run copy what lies elsewhere."""
    (tmp_path / "key").write_text("secret", encoding="utf-8")

    def steal(_: Mapping[str, Any], context: CallContext) -> ToolResult:
        (context.scratch / "link").symlink_to(tmp_path / "key")
        return ToolResult({"id": 1}, (Artifact("link", "text/plain", context.scratch / "link"),))

    def keep(_: Artifact) -> Mapping[str, Any]:
        pytest.fail("it was kept")

    played = play(tmp_path, ONE, equip=equip(FakeTool(do=steal), keepsakes=keep))

    assert played.result.status == "failed"


def test_what_is_not_kept_of_a_label_is_not_kept_as_a_file(tmp_path: Path) -> None:
    """`keep` holds for what tools make as well, and for what they are called with."""

    def draw(_: Mapping[str, Any], context: CallContext) -> ToolResult:
        (context.scratch / "a.txt").write_text("x", encoding="utf-8")
        return ToolResult({"id": 7}, (Artifact("a.txt", "text/plain", context.scratch / "a.txt"),))

    def keep(_: Artifact) -> Mapping[str, Any]:
        pytest.fail("it was kept")

    text = (
        TOOLS
        + 'keep: {private: none}\ninputs: {who: string}\nsteps:\n  one: {tool: send, with: {to: "{{ inputs.who }}"}}\n'
    )
    played = play(tmp_path, text, inputs={"who": "Ada"}, equip=equip(FakeTool(do=draw), keepsakes=keep))

    assert played.result.status == "done"
    assert "Ada" not in str(played.events[1:])
    assert played.of(CallFinished)[0].value == "[private, not kept]"


def test_a_tool_that_turns_out_to_have_a_network_gets_nothing_private(tmp_path: Path) -> None:
    """The file says nothing of one; what the tool itself says counts in front of the call."""
    tool = FakeTool("python", arguments=MapOf((Field("code", Str(None)),)), effects="none", network=True)

    played = play(
        tmp_path,
        'orch: 1\ninputs: {who: string}\nsteps:\n  one: {tool: python, with: {code: "{{ inputs.who }}"}}\n',
        inputs={"who": "Ada"},
        equip=equip(tool),
    )

    assert tool.calls == []
    assert played.result.exit_code == 6
    (refused,) = played.of(Decided)
    assert (refused.choice, refused.rule, refused.to, refused.label) == (
        "refuse",
        "privacy",
        "python",
        "private",
    )


def test_a_tool_that_cannot_be_opened_fails_its_step(tmp_path: Path) -> None:
    """By its name."""
    played = play(tmp_path, ONE, equip=equip())

    assert played.of(StepFailed)[0].message == "send: there is no tool 'send'"


@pytest.mark.parametrize("passes", range(12))
def test_two_tools_that_fail_right_after_each_other_leave_nothing_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, passes: int
) -> None:
    """The first fails the run; the other is cancelled just when it has failed, too: asyncio has nothing to tell."""
    both_here = asyncio.Event()

    async def fail(passes: int) -> None:
        if len(tool.calls) == 2:
            both_here.set()
        await both_here.wait()
        for _ in range(passes):
            await asyncio.sleep(0)
        raise ToolError("no")

    tool = FakeTool(do=lambda arguments, context: fail(int(arguments["to"])))
    steps = f'  a: {{tool: send, with: {{to: "0"}}}}\n  b: {{tool: send, with: {{to: "{passes}"}}}}\n'

    played = play(tmp_path, f"{TOOLS}steps:\n{steps}", equip=equip(tool))
    gc.collect()

    assert played.result.status == "failed"
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
