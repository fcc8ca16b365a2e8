"""`orch run`, `resume`, `approve`, `reject` and `--detach` as a person meets them: real processes, scripted models."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

ORCH = (sys.executable, "-m", "orchestrator")
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ANSWERS = "- {match: 'slow', text: late, delay: 30s}\n- {match: 'write', text: a letter}\n- {match: 'sort', text: '7'}\n"
HEAD = """
orch: 1
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny}}
"""


@pytest.fixture(name="files")
def _files(project: Path) -> Path:
    (project / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    return project


def write(project: Path, steps: str, name: str = "w.yaml") -> None:
    (project / name).write_text(HEAD + steps, encoding="utf-8")


def orch(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ORCH, *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


LETTER = """
steps: {letter: {agent: writer, prompt: write}}
"""
ASK = """
steps:
  letter: {agent: writer, prompt: write}
  ok: {ask: "Send {{ letter }}?", choices: [send, drop]}
outputs: {said: "{{ ok }}"}
"""


def test_stdout_carries_only_the_result(files: Path) -> None:
    """Everything else goes to stderr."""
    write(files, LETTER)

    done = orch(files, "run", "w.yaml")

    assert (done.returncode, done.stdout) == (0, "a letter\n")
    assert "letter" in done.stderr


def test_json_and_events(files: Path) -> None:
    """`--json` is the value; `--events` is a line of JSON per event, from the first to the last."""
    write(files, LETTER)

    value = orch(files, "run", "w.yaml", "--json")
    lines = orch(files, "run", "w.yaml", "--events").stdout.splitlines()

    assert json.loads(value.stdout) == "a letter"
    kinds = [json.loads(line)["kind"] for line in lines]
    assert (kinds[0], kinds[-1]) == ("run.started", "run.finished")


def test_the_record_of_a_run_says_what_it_may_use(files: Path) -> None:
    """Those who watch it show how much is left, whatever the file says by then."""
    write(files, "budget: {tokens: 5000, wall: 2m}" + LETTER)

    events = orch(files, "run", "w.yaml", "--events")

    begun = json.loads(events.stdout.splitlines()[0])
    assert begun["options"]["budget"] == {"tokens": 5000, "wall": 120.0, "then": "fail"}


def test_a_question_ends_the_process_with_7_and_goes_on_from_another(files: Path) -> None:
    """`approve` and `resume` are processes of their own; the letter is not written twice."""
    write(files, ASK)

    waiting = orch(files, "run", "w.yaml")
    approved = orch(files, "approve", "last", "--choice", "drop")
    resumed = orch(files, "resume", "last", "--json")

    assert waiting.returncode == 7
    assert "orch approve" in waiting.stderr
    assert approved.returncode == 0
    assert json.loads(resumed.stdout) == {"said": "drop"}
    assert orch(files, "logs", "last").stdout.count("→ letter") == 1


def test_an_answer_stands_in_the_log_where_it_was_given(files: Path) -> None:
    """Before the run was taken up again: the log is in order of time."""
    write(files, ASK)
    orch(files, "run", "w.yaml")
    orch(files, "approve", "last", "--choice", "drop")
    orch(files, "resume", "last")

    log = orch(files, "logs", "last", "--json").stdout
    events = [json.loads(line) for line in log.splitlines()]

    kinds = [event["kind"] for event in events]
    assert kinds.index("run.waiting") < kinds.index("ask.answered") < kinds.index("run.resumed")
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)


def test_a_rejection_ends_with_3(files: Path) -> None:
    """Nothing after the question runs."""
    write(files, ASK)
    orch(files, "run", "w.yaml")

    orch(files, "reject", "last")
    resumed = orch(files, "resume", "last")

    assert resumed.returncode == 3
    assert resumed.stdout == ""
    assert "rejected" in resumed.stderr


def test_an_answer_after_the_deadline_is_refused(files: Path) -> None:
    """The run takes `then` instead."""
    write(files, 'steps: {ok: {ask: "Go?", choices: [send, drop], timeout: 500ms, then: drop}}\n')
    orch(files, "run", "w.yaml")
    time.sleep(0.6)

    late = orch(files, "approve", "last", "--choice", "send")
    resumed = orch(files, "resume", "last")

    assert late.returncode == 2
    assert "open until" in late.stderr
    assert resumed.stdout == "drop\n"


def test_what_people_read_in_a_pipe_obeys_nothing(files: Path) -> None:
    """Escape sequences from a model are shown by `show` and `logs`, whatever stdout is."""
    (files / "answers.yaml").write_text('- {match: write, text: "a\\x1b]0;owned\\x07b"}\n', encoding="utf-8")
    write(files, LETTER)
    orch(files, "run", "w.yaml")

    for arguments in (("show", "last"), ("show", "last", "letter"), ("logs", "last")):
        shown = orch(files, *arguments).stdout
        assert "owned" in shown
        assert "\x1b" not in shown


def test_a_changed_file_is_not_resumed_by_accident(files: Path) -> None:
    """`--changed` says that it is meant."""
    write(files, ASK)
    orch(files, "run", "w.yaml")
    write(files, ASK.replace("Send", "Post"))
    orch(files, "approve", "last")

    refused = orch(files, "resume", "last")
    meant = orch(files, "resume", "last", "--changed")

    assert refused.returncode == 2
    assert "changed" in refused.stderr
    assert meant.returncode == 0


def test_a_model_can_be_replaced_for_one_run(files: Path) -> None:
    """`-m name=ref`; a name the workflow does not use is refused."""
    write(files, LETTER)
    (files / "other.yaml").write_text("- {match: 'write', text: another}\n", encoding="utf-8")

    assert orch(files, "run", "w.yaml", "-m", "tiny=scripted:other.yaml").stdout == "another\n"
    assert orch(files, "run", "w.yaml", "-m", "tinny=scripted:other.yaml").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("run", "nowhere.yaml"), 2, "nowhere.yaml"),
        (("run", "w.yaml", "-i", "txt=1"), 2, "txt"),
        (("run", "w.yaml", "-i", "alone"), 2, "NAME=VALUE"),
        (("resume", "nope"), 2, "no run"),
        (("approve", "nope"), 2, "no run"),
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(
    files: Path, arguments: Sequence[str], code: int, said: str
) -> None:
    """No traceback, the name that is wrong, exit code 2."""
    write(files, LETTER)

    done = orch(files, *arguments)

    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_with_130_and_everything_written(files: Path) -> None:
    """What finished is kept, and resuming goes on behind it."""
    write(
        files,
        "steps:\n  letter: {agent: writer, prompt: write}\n  more: {agent: writer, prompt: 'slow {{ letter }}'}\n",
    )
    with subprocess.Popen([*ORCH, "run", "w.yaml"], cwd=files, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "✓ letter" in line:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()

    assert process.returncode == 130
    assert "orch resume" in rest
    assert orch(files, "runs", "--json").stdout.count('"interrupted"') == 1


def test_a_detached_run_goes_on_by_itself(files: Path) -> None:
    """The id is all that stands on stdout; the result can be seen later."""
    write(files, LETTER)

    started = orch(files, "run", "w.yaml", "--detach")
    run = started.stdout.strip()
    followed = orch(files, "logs", run, "-f")

    assert started.returncode == 0
    assert followed.returncode == 0
    assert "done" in orch(files, "runs").stdout


def on_a_terminal(project: Path, keys: str, *arguments: str) -> str:
    """What a person sees who types `keys` when asked for an answer; controls taken out."""
    pid, screen = pty.fork()
    if pid == 0:
        os.chdir(project)
        os.execvp(ORCH[0], [*ORCH, *arguments])
    seen = ""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if select.select([screen], [], [], 0.2)[0]:
            try:
                seen += os.read(screen, 65536).decode(errors="replace")
            except OSError:
                break
        if keys and "answer (" in seen:
            os.write(screen, keys.encode())
            keys = ""
    os.waitpid(pid, 0)
    return ANSI.sub("", seen)


def test_a_question_at_the_terminal_is_the_last_thing_on_the_screen(files: Path) -> None:
    """Progress comes up to date before it and waits behind it."""
    write(files, ASK)

    seen = on_a_terminal(files, "2\n", "run", "w.yaml")

    before, _, behind = seen.partition("answer (number or word, empty = later): ")
    assert "✓ letter" in before
    assert behind.lstrip().startswith("2")
    assert "said: drop" in behind


def test_a_streamed_answer_stands_whole_on_its_own_line(files: Path) -> None:
    """The live progress neither overwrites it nor is glued to it."""
    write(files, LETTER)

    seen = on_a_terminal(files, "", "run", "w.yaml", "--no-cache")

    assert re.search(r"(^|[\r\n])a letter\r?\n", seen)
    assert seen.count("a letter") == 1


def test_plan_measure_says_what_is_cached_now(files: Path) -> None:
    """Nothing before the first run, every answer behind it, also those that read other answers."""
    write(
        files,
        "steps:\n  one: {foreach: [1, 2], agent: writer, prompt: 'write {{ item }}'}\n"
        "  two: {agent: writer, prompt: 'sort {{ one | json }}'}\n",
    )
    orch(files, "run", "w.yaml", "--no-cache")

    before = json.loads(orch(files, "plan", "w.yaml", "--measure", "--json").stdout)
    orch(files, "run", "w.yaml")
    behind = json.loads(orch(files, "plan", "w.yaml", "--measure", "--json").stdout)

    assert before["cached"] == {}
    assert behind["cached"] == {"one": 2, "two": 1}
    assert "2 cached" in orch(files, "plan", "w.yaml", "--measure").stdout


def test_a_run_whose_store_is_deleted_ends_and_says_why(files: Path) -> None:
    """It would go on for nobody: what it does could not be seen or resumed."""
    write(
        files,
        "steps:\n  letter: {agent: writer, prompt: write}\n  more: {agent: writer, prompt: 'slow {{ letter }}'}\n",
    )
    with subprocess.Popen([*ORCH, "run", "w.yaml"], cwd=files, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "✓ letter" in line:
                break
        shutil.rmtree(files / ".orch")
        rest = process.stderr.read()

    assert process.returncode == 1
    assert "store.db was deleted or replaced while it was open" in rest
    assert "Traceback" not in rest
    assert "never retrieved" not in rest
