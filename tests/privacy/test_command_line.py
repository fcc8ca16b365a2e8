"""Secrets, `keep` and `--local-only` as a person meets them: real processes, and the bytes that are on the disk after."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ORCH = (sys.executable, "-P", "-m", "orchestrator")
SECRET = "s3cr3t-value-77"
HEAD = """
orch: 1
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny}}
"""
ANSWERS = f"- {{match: 'echo', text: 'the header was Bearer {SECRET}'}}\n- {{text: 'fine'}}\n"


@pytest.fixture(name="files")
def _files(project: Path) -> Path:
    (project / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    return project


def write(project: Path, steps: str) -> None:
    (project / "w.yaml").write_text(HEAD + steps, encoding="utf-8")


def orch(project: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "ORCH_HOME": str(project / "home"), **environ}
    return subprocess.run(
        [*ORCH, *arguments], cwd=project, env=env, capture_output=True, text=True, timeout=60, check=False
    )


def on_disk(project: Path) -> bytes:
    """Everything that runs have written: the store with its log of changes, and what is beside it."""
    folders = (project / ".orch", project / "home")
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    assert files
    return b"".join(file.read_bytes() for file in files)


ENV_STEPS = """
keep: {secret: full}
steps:
  call: {agent: writer, prompt: "echo with {{ env.API_TOKEN }}"}
  use: {value: {sent: "{{ call }}", token: "{{ env.API_TOKEN }}"}}
"""


def test_a_secret_is_nowhere_on_the_disk_and_on_no_output(files: Path) -> None:
    """Not even where the file keeps secret values in full, and a model repeats it."""
    write(files, ENV_STEPS)

    run = orch(files, "run", "w.yaml", API_TOKEN=SECRET)
    told = [
        run,
        orch(files, "run", "w.yaml", "--events", API_TOKEN=SECRET),
        orch(files, "show", "last"),
        orch(files, "show", "last", "call", "--json"),
        orch(files, "logs", "last"),
    ]

    assert [done.returncode for done in told] == [0] * 5, run.stderr
    assert "[env.API_TOKEN]" in run.stdout
    assert [done.args for done in told if SECRET in done.stdout + done.stderr] == []
    assert b"[env.API_TOKEN]" in on_disk(files)
    assert SECRET.encode() not in on_disk(files)


def test_the_key_of_a_model_is_a_secret_too(files: Path) -> None:
    """Whoever writes it into an answer."""
    text = HEAD.replace("models: {", 'models: {big: {use: "openai:gpt-5-mini", key: env.BIG_KEY}, ')
    steps = "steps: {a: {agent: writer, prompt: echo, escalate: {to: big, when: 'false'}}}\n"
    (files / "w.yaml").write_text(text + steps, encoding="utf-8")

    done = orch(files, "run", "w.yaml", BIG_KEY=SECRET)

    assert done.stdout.strip() == "the header was Bearer [env.BIG_KEY]", done.stderr
    assert SECRET.encode() not in on_disk(files)


def test_an_error_does_not_say_a_secret(files: Path) -> None:
    """A failed check quotes what it is about."""
    write(files, 'steps: {a: {value: "{{ env.API_TOKEN | int + env.API_TOKEN }}"}}\n')

    done = orch(files, "run", "w.yaml", "--debug", API_TOKEN=SECRET)

    assert done.returncode == 1
    assert SECRET not in done.stdout + done.stderr
    assert SECRET.encode() not in on_disk(files)


def test_a_missing_variable_ends_before_anything_is_recorded(files: Path) -> None:
    """Exit code 4, as for a missing key."""
    write(files, ENV_STEPS)

    done = orch(files, "run", "w.yaml")

    assert done.returncode == 4
    assert "env.API_TOKEN" in done.stderr


KEPT = """
keep: {private: hash}
inputs: {mail: text}
steps:
  sum: {agent: writer, prompt: "Sum up {{ inputs.mail }}"}
  ok: {ask: "Good?", show: "{{ sum }}", choices: ["yes"]}
outputs: {sum: "{{ sum }}"}
"""


def test_a_run_whose_inputs_were_not_kept_goes_on_when_they_are_given_again(files: Path) -> None:
    """The same ones: the record knows their digest."""
    write(files, KEPT)
    first = orch(files, "run", "w.yaml", "-q", "-i", "mail=PRIVATE-MAIL")
    assert first.returncode == 7, first.stderr
    assert b"PRIVATE-MAIL" not in on_disk(files)
    orch(files, "approve", "last")

    without = orch(files, "resume", "last")
    other = orch(files, "resume", "last", "-i", "mail=another")
    same = orch(files, "resume", "last", "-i", "mail=PRIVATE-MAIL")

    assert without.returncode == 2
    assert "did not keep the input 'mail', because it is private" in without.stderr
    assert other.returncode == 2
    assert "not what the run began with" in other.stderr
    assert same.returncode == 0, same.stderr
    assert same.stdout.strip().endswith("fine")
    assert b"PRIVATE-MAIL" not in on_disk(files)


def test_the_key_of_digests_is_not_beside_the_record_and_nobody_else_reads_it(files: Path) -> None:
    """Who has the store alone cannot try values out."""
    write(files, KEPT)
    orch(files, "run", "w.yaml", "-q", "-i", "mail=x")

    key = files / "home" / "digest.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_bytes()) == 32


def test_the_first_event_states_the_labels(files: Path) -> None:
    """For whoever exports or shows the record."""
    write(files, KEPT)
    done = orch(files, "run", "w.yaml", "-q", "--events", "-i", "mail=x")

    started = json.loads(done.stdout.splitlines()[0])

    assert started["labels"]["inputs.mail"] == "private"
    assert started["labels"]["sum"] == "private"


CLOUD = """
orch: 1
models: {big: {use: "openai:gpt-5-mini"}}
steps: {a: {agent: creative, model: big, prompt: Hi}}
"""


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_step_that_needs_a_cloud_is_refused_before_a_local_run(command: str, files: Path) -> None:
    """By the option and by the variable; nothing is recorded and no key is asked for."""
    (files / "w.yaml").write_text(CLOUD, encoding="utf-8")

    option = orch(files, command, "w.yaml", "--local-only")
    variable = orch(files, command, "w.yaml", ORCH_OFFLINE="1")

    for done in (option, variable):
        assert done.returncode == 2
        assert "step 'a' asks 'big'" in done.stderr
        assert "this run is offline" in done.stderr


def test_a_run_that_began_as_a_local_one_goes_on_as_one(files: Path) -> None:
    """Also when the option is left out."""
    steps = """
steps:
  ok: {ask: "Good?", choices: ["yes"]}
  a: {agent: writer, needs: ok, prompt: Hi, escalate: {to: big, when: "true"}}
"""
    text = HEAD.replace("models: {", 'models: {big: "openai:gpt-5-mini", ')
    (files / "w.yaml").write_text(text + steps, encoding="utf-8")
    assert orch(files, "run", "w.yaml", "-q", "--local-only").returncode == 7
    orch(files, "approve", "last")

    done = orch(files, "resume", "last", "--events", OPENAI_API_KEY="sk-none")

    assert done.returncode == 0, done.stderr
    rules = [event["rule"] for event in map(json.loads, done.stdout.splitlines()) if event.get("rule")]
    assert "offline" in rules


def test_weights_are_not_fetched_by_a_local_run(files: Path) -> None:
    """It says what is missing, and how to get it once."""
    steps = (
        'orch: 1\nmodels: {m: "llamacpp:qwen2.5-0.5b"}\nsteps: {a: {agent: creative, model: m, prompt: Hi}}\n'
    )
    (files / "w.yaml").write_text(steps, encoding="utf-8")

    done = orch(files, "run", "w.yaml", "--local-only")

    assert done.returncode == 1
    assert "forbids to fetch it" in done.stderr
    assert "orch models pull" in done.stderr
