"""`orch chat` and `orch memory`: piped, at a terminal, and the assistant that ships, without any network."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import termios
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.chatting import spoken
from orchestrator.cli.keys import kept_as_typed
from orchestrator.cli.main import cli
from orchestrator.graph.open import check_workflow
from orchestrator.library import shipped_workflows
from orchestrator.render.program import compile_template
from tests.cli.terminal import terminal
from tests.privacy.namespaces import alone, why_not
from tests.privacy.test_namespaces import ORCH, environment
from tests.providers.embedded import Embedded, embedded

__all__ = ["embedded"]

WHY_NOT = why_not()
ASSISTANT = shipped_workflows()["assistant"]
FRIEND = """
orch: 1
inputs: {message: string(40), conversation: {type: string, default: main}}
models: {tiny: "scripted:answers.yaml"}
agents: {friend: {model: tiny, memory: {key: "{{ inputs.conversation }}", turns: 4}}}
steps: {say: {agent: friend, prompt: "{{ inputs.message }}"}}
"""
ANSWERS = """
- {match: bad, fault: server}
- {match: slow, text: late, delay: 60s}
- {match: brief, text: in time, delay: 1s}
- {chunks: ["Hello ", there.]}
- {text: Good day.}
"""

DIALOGUE = (
    ("Hi\n", "Hello there."),
    ("slow\n", "… say"),
    ("/new other\n", "conversation 'other'"),
    ("/rnus\n", "did you mean /runs?"),
    ("/runs\n", "cancelled"),
    ("/help\n", "Ctrl-C stops an answer"),
    ("Hey\n", "Good day."),
)
"""What a person types, and what then comes."""


@pytest.fixture
def desk(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a workflow to chat with, on a scripted model."""
    monkeypatch.chdir(project)
    (project / "w.yaml").write_text(FRIEND, encoding="utf-8")
    (project / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    return project


def orch(*words: str, stdin: str | bytes = "", code: int = 0) -> Result:
    result = CliRunner().invoke(cli, list(words), input=stdin)
    assert result.exit_code == code, (result.output, result.stderr)
    return result


# ---------------------------------------------------------------------------------------------- through a pipe


def test_every_line_is_a_message_and_one_model_answers_them_all(desk: Path) -> None:
    """A script gives its answers in their order: a model opened anew would begin again. Empty lines say nothing."""
    result = orch("chat", "w.yaml", stdin="Hi\n\n  \nHi again")

    assert result.stdout == "Hello there.\nGood day.\n"
    assert len(json.loads(orch("runs", "--json").stdout)) == 2


def test_an_answer_that_fails_is_said_and_the_next_message_is_answered(desk: Path) -> None:
    """The exit code is that of the first failure."""
    result = orch("chat", "w.yaml", stdin="bad\nHi\n", code=1)

    assert result.stdout == "Hello there.\n"
    assert "error: step 'say': the script says: server" in result.stderr


def test_a_message_that_is_no_input_is_said_too(desk: Path) -> None:
    """Too long, or no UTF-8 at all: the chat goes on."""
    result = orch("chat", "w.yaml", stdin=b"x" * 41 + b"\n@/etc/passwd \xff\n", code=2)

    assert result.stdout == "Hello there.\n"
    assert "input 'message'" in result.stderr


def test_what_is_not_as_it_was_locked_is_said_once_and_refused_where_that_is_wanted(desk: Path) -> None:
    """It stands in the record of each run; a chat that begins `--locked` does not begin at all."""
    orch("lock", "w.yaml")
    (desk / "w.yaml").write_text(FRIEND.replace("turns: 4", "turns: 5"), encoding="utf-8")

    result = orch("chat", "w.yaml", stdin="Hi\nHey\n")
    refused = orch("chat", "w.yaml", "--locked", stdin="Hi\n", code=2)

    assert result.stdout == "Hello there.\nGood day.\n"
    assert result.stderr.count("not as it was locked") == 1
    assert all("not as it was locked" in orch("logs", run["id"]).stdout for run in runs())
    assert (refused.stdout, len(runs())) == ("", 2)
    assert "orch lock" in refused.stderr


def test_a_chat_says_whether_it_was_locked(desk: Path) -> None:
    """As the run of a workflow does: what goes on with it has to know."""
    orch("lock", "w.yaml")

    result = orch("chat", "w.yaml", "--locked", stdin="Hi\n")

    assert result.stdout == "Hello there.\n"
    assert "not as it was locked" not in result.stderr


def runs() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(orch("runs", "--json").stdout)
    return found


def test_commands_in_a_pipe_are_those_of_the_terminal(desk: Path) -> None:
    """`/exit` leaves the rest unread; what is listed and told goes to stderr, so that stdout holds answers only."""
    result = orch("chat", "w.yaml", stdin="Hi\n/new other\nHey\n/runs\n/help\n/exit\nnever said\n")

    assert result.stdout == "Hello there.\nGood day.\n"
    assert "conversation 'other'" in result.stderr
    assert result.stderr.count("  done\n") == 2
    assert "Ctrl-C stops an answer" in result.stderr


def test_what_is_no_command_is_a_message_in_a_pipe(desk: Path) -> None:
    """A path is, and with two strokes also the name of a command."""
    orch("chat", "w.yaml", stdin="//exit\n/etc/hosts\n")

    shown = json.loads(orch("memory", "show", "main", "--json").stdout)
    asked = [turn["asked"] for turn in shown["agents"][0]["turns"]]
    assert asked == ["/exit", "/etc/hosts"]


def test_json_gives_a_line_per_message(desk: Path) -> None:
    """With the run that answered it."""
    lines = orch("chat", "w.yaml", "--json", stdin="Hi\nbad\n", code=1).stdout.splitlines()

    good, bad = map(json.loads, lines)
    assert (good["status"], good["answer"]) == ("done", "Hello there.")
    assert (bad["status"], bad["error"]) == ("failed", "the script says: server")
    assert good["run"] != bad["run"]


def test_a_conversation_goes_on_in_the_next_chat_and_others_do_not_see_it(desk: Path) -> None:
    """What was said is part of the next request, by the name of the conversation."""
    orch("chat", "w.yaml", "--conversation", "a", stdin="My name is Ann\n")
    orch("chat", "w.yaml", "--conversation", "b", stdin="Who are you?\n")
    orch("chat", "w.yaml", "--conversation", "a", stdin="Who am I?\n")

    last, other = (run["id"] for run in json.loads(orch("runs", "--json").stdout)[:2])
    assert "My name is Ann" in orch("show", last, "say").stdout
    assert "My name is Ann" not in orch("show", other, "say").stdout


@pytest.mark.parametrize(
    ("inputs", "more", "message"),
    [
        ("{text: string}", (), "it has no input 'message'"),
        ("{message: int}", (), "its input 'message' is no text"),
        ("{message: string}", ("--conversation", "x"), "has no input 'conversation'"),
        ("{message: string, tone: string}", (), "the input 'tone' (text) must be given"),
        ("{message: string}", ("-i", "tune=x"), "the workflow has no input 'tune'"),
    ],
)
def test_other_workflows_are_refused_before_the_first_message(
    inputs: str, more: tuple[str, ...], message: str, desk: Path
) -> None:
    """With what is missing, and no run is begun."""
    text = f"orch: 1\ninputs: {inputs}\nsteps: {{a: {{value: '{{{{ inputs | length }}}}'}}}}\n"
    (desk / "other.yaml").write_text(text, encoding="utf-8")

    result = orch("chat", "other.yaml", *more, stdin="Hi\n", code=2)

    assert message in result.stderr
    assert json.loads(orch("runs", "--json").stdout) == []


# ---------------------------------------------------------------------------------------------- at a terminal


def test_a_person_talks_stops_an_answer_begins_anew_and_leaves(desk: Path) -> None:
    """Ctrl-C ends the answer and not the chat; Ctrl-D ends the chat."""
    with terminal(desk, "chat", "w.yaml", ORCH_HOME=str(desk / "home")) as shell:
        shell.wait_for("conversation 'main'")
        for typed, seen in DIALOGUE:
            shell.wait_for("> ")
            shell.seen = ""
            shell.type(typed)
            shell.wait_for(seen)
            if typed == "slow\n":
                shell.interrupt()
                shell.wait_for("stopped")
        shell.wait_for("> ")
        shell.interrupt_until("/exit or Ctrl-D ends the chat\r\n> ")
        shell.type("\x04")
        assert shell.end() == 0

    rows = json.loads(orch("memory", "ls", "--json").stdout)
    assert {(row["key"], row["turns"]) for row in rows} == {("main", 1), ("other", 1)}


def test_keys_typed_while_an_answer_comes_wait_for_the_prompt(desk: Path) -> None:
    """Ctrl-D ends the chat then, and what was typed before it is said first."""
    with terminal(desk, "chat", "w.yaml", ORCH_HOME=str(desk / "home")) as shell:
        shell.wait_for("> ")
        shell.type("brief\n")
        shell.wait_for("… say")
        shell.type("Hey\n\x04")
        assert shell.end() == 0

    shown = json.loads(orch("memory", "show", "main", "--json").stdout)
    assert [turn["asked"] for turn in shown["agents"][0]["turns"]] == ["brief", "Hey"]


def test_the_terminal_is_given_back_as_it_was(desk: Path) -> None:
    """The shell that comes after makes its own lines."""
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with os.fdopen(theirs, "r") as stream:
        with kept_as_typed(stream):
            during = termios.tcgetattr(theirs)
        after = termios.tcgetattr(theirs)
    os.close(ours)

    assert after == before
    assert not during[3] & termios.ICANON
    assert during[3] & termios.ISIG


# ------------------------------------------------------------------------------------------------ orch memory


def test_memory_lists_shows_and_forgets(desk: Path) -> None:
    """A key that is not there gets the nearest one."""
    assert "nothing is remembered" in orch("memory").stderr
    orch("chat", "w.yaml", "--conversation", "garden", stdin="Hi\x1b[31m\n")

    assert "garden        friend  1" in orch("memory", "ls").stdout
    assert "> Hi␛[31m\nHello there." in orch("memory", "show", "garden").stdout
    assert "did you mean 'garden'?" in orch("memory", "show", "gardne", code=2).stderr
    assert "remembered by friend" in orch("memory", "rm", "garden", "--agent", "foe", code=2).stderr
    assert "friend has forgotten 1 turn of 'garden'" in orch("memory", "rm", "garden").stderr
    assert json.loads(orch("memory", "ls", "--json").stdout) == []


# -------------------------------------------------------------------------------------------- the assistant

TALKS = """
- {match: "17 times 23", value: {left: 17, op: times, right: 23}}
- {match: "15% of 80", value: {left: 15, op: percent of, right: 80}}
- {match: "divided by 0", value: {left: 7, op: over, right: 0}}
- {match: "1,000", value: {left: 1000, op: minus, right: 0.5}}
- {match: "12 plus", value: {left: 9, op: plus, right: 9}}
- {match: "both numbers stand in the message", value: {left: 8, op: plus, right: 9}}
- {match: "10 days", value: {amount: 10, unit: day, direction: ahead}}
- {text: Shakespeare.}
"""
SAID = {
    "What is 17 times 23?": "17 x 23 = 391",
    "15% of 80": "15 % of 80 = 12",
    "What is 7 divided by 0?": "Nothing can be divided by 0.",
    "1,000 - 0.5": "1000 - 0.5 = 999.5",
    "What is 12 plus 30?": "I could not read that sum. Write two numbers as digits, like: 17 times 23.",
    "What date is it in 10 days?": "In 10 days it is ",
    "Who wrote Romeo and Juliet?": "Shakespeare.",
}


def test_the_assistant_gives_no_sum_that_was_not_asked(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model reads, the graph works it out; numbers that do not stand in the message are no answer."""
    monkeypatch.chdir(project)
    (project / "talks.yaml").write_text(TALKS, encoding="utf-8")

    result = orch("chat", "-m", f"chat=scripted:{project / 'talks.yaml'}", stdin="\n".join(SAID))

    lines = result.stdout.splitlines()
    assert len(lines) == len(SAID)
    for line, expected in zip(lines, SAID.values(), strict=True):
        assert line.startswith(expected)


def test_only_talk_is_written_while_it_comes() -> None:
    """A sum or a date is there at once."""
    graph = check_workflow(ASSISTANT, display="assistant.yaml").graph

    assert graph is not None
    assert spoken(graph) == ("talk",)


def test_the_assistant_may_not_be_moved_off_this_machine(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`egress: none` holds for a model given with -m too."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")

    result = orch("chat", "-m", "chat=openai:gpt-5-mini", stdin="Hi\n", code=2)

    assert "egress" in result.stderr


@given(
    st.dates(date(1900, 1, 1), date(2200, 1, 1)),
    st.integers(0, 400),
    st.sampled_from(["day", "week"]),
    st.sampled_from(["ahead", "ago"]),
)
def test_the_calendar_of_the_assistant_is_right(today: date, amount: int, unit: str, direction: str) -> None:
    """As Python's own, over three centuries."""
    source = yaml.safe_load(ASSISTANT.read_text(encoding="utf-8"))["steps"]["date_of"]["value"]
    day = {"amount": amount, "unit": unit, "direction": direction}

    said = compile_template(source).evaluate({"day": day, "inputs": {"today": today.isoformat()}})

    meant = today + timedelta(days=amount * (7 if unit == "week" else 1) * (-1 if direction == "ago" else 1))
    assert said.strip().endswith(f"{meant:%A}, {meant.day} {meant:%B} {meant.year}.")


@pytest.mark.real_model
@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
def test_the_assistant_works_where_there_is_no_network(embedded: Embedded, tmp_path: Path) -> None:
    """Nothing but loopback: the real model answers, and remembers that it did."""
    (tmp_path / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    env = environment(embedded, tmp_path)

    done = subprocess.run(
        alone(*ORCH, "chat", "--json"),
        cwd=tmp_path,
        env=env,
        input="What is 17 times 23?\nHello!\n",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["answer"] == "17 x 23 = 391"
    assert second["answer"].strip()
