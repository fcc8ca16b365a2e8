"""`orch bench` as it is called in a shell, with scripted models."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from orchestrator.bench.fits import unfit
from orchestrator.cli.bench import Bench, Wanted
from orchestrator.cli.console import Console
from orchestrator.cli.main import cli
from orchestrator.config import Config
from orchestrator.policy.grade import Case
from orchestrator.spec.types import Bool, Enum, Field, Int, MapOf

ANSWERS = (
    "- {regex: 'bill', text: bill}\n- {regex: 'parcel', text: parcel}\n- {match: 'odd', text: neither}\n"
)
FLOW = """
orch: 1
inputs: {letter: string(200)}
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny}}
steps: {reply: {agent: writer, prompt: "{{ inputs.letter }}"}}
outputs: {kind: "{{ reply }}"}
"""
PROJECT = 'orch: 1\nmodels: {tiny: "scripted:answers.yaml"}\n'
AGENT = "role: Say what the letter is about.\nmodel: tiny\noutput: bill | parcel\n"
CASES = [("my bill", "bill"), ("my parcel", "parcel"), ("odd one", "bill"), ("a bill", "parcel")]


def orch(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, list(words))
    assert result.exit_code == code, (result.output, result.stderr)
    return result


def rows(*words: str, code: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(orch(*words, "--json", code=code).stdout)["rows"]
    return found


@pytest.fixture(name="files", autouse=True)
def _files(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one specialist and one workflow."""
    folder = project / "agents" / "sorter"
    folder.mkdir(parents=True)
    (project / "orch.yaml").write_text(PROJECT, encoding="utf-8")
    (project / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    (project / "flow.yaml").write_text(FLOW, encoding="utf-8")
    (folder / "agent.yaml").write_text(AGENT, encoding="utf-8")
    lines = "".join(json.dumps({"input": asked, "output": answered}) + "\n" for asked, answered in CASES)
    (folder / "cases.jsonl").write_text(lines, encoding="utf-8")
    (project / "cases.jsonl").write_text(lines, encoding="utf-8")
    monkeypatch.chdir(project)
    return project


def test_a_specialist_is_measured_on_its_cases() -> None:
    """Right, valid and why not, for every kind of help that was asked for."""
    (row,) = rows("bench", "sorter", "--rungs", "grammar")

    assert (row["right"], row["valid"], row["measured"]) == (2, 3, 4)
    assert row["interval"] == [0.15, 0.85]
    assert [one["line"] for one in row["answers"] if not one["right"]] == [3, 4]
    assert row["cloud_usd"] > 0
    assert row["local"] is True


def test_nothing_is_recorded(files: Path) -> None:
    """No run is in the list afterwards."""
    orch("bench", "sorter", "--rungs", "grammar")

    assert not (files / ".orch").exists()


def test_the_table_is_for_people() -> None:
    """One line for each row, reasons beside it."""
    done = orch("bench", "sorter", "--rungs", "grammar,as-is", "--show")

    header, *lines = done.stdout.splitlines()
    assert header.split()[:4] == ["HELP", "MODEL", "CASES", "RIGHT"]
    assert [line.split()[:2] for line in lines] == [["sorter", "grammar"], ["sorter", "as-is"]]
    assert 'sorter as-is line 4: exact: "bill" instead of "parcel"' in done.stderr


def test_a_workflow_is_measured_on_the_cases_beside_it() -> None:
    """A text is its only input, and its only output is compared."""
    (row,) = rows("bench", "flow.yaml", "--rungs", "as-is")

    assert (row["right"], row["valid"]) == (2, 4)


def test_a_map_names_the_inputs_of_a_workflow(files: Path) -> None:
    """And its output may be named, too."""
    line = {"input": {"letter": "my bill"}, "output": {"kind": "bill"}}
    (files / "other.jsonl").write_text(json.dumps(line), encoding="utf-8")

    (row,) = rows("bench", "flow.yaml", "--rungs", "as-is", "--cases", "other.jsonl")

    assert [one["right"] for one in row["answers"]] == [True]


@pytest.mark.parametrize(
    ("subject", "line", "why"),
    [
        ("flow.yaml", {"input": {"mail": "x"}, "output": "bill"}, "the workflow has no input 'mail'"),
        ("flow.yaml", {"input": "x" * 201, "output": "bill"}, "input 'letter'"),
        ("flow.yaml", {"input": "x", "output": {"sort": "bill"}}, "the answer is a text"),
        ("flow.yaml", {"input": "x", "output": {"kind": "bill", "sort": "x"}}, "there is no field sort"),
        ("sorter", {"input": "x", "output": "letter"}, "no answer could be right"),
        ("sorter", {"input": "x", "output": {"kind": "bill"}}, "no answer could be right"),
    ],
)
def test_a_mistake_in_a_case_is_an_error_before_anything_is_asked(
    files: Path, subject: str, line: dict[str, Any], why: str
) -> None:
    """With its line; not a wrong answer of the model."""
    good = json.dumps({"input": "my bill", "output": "bill"})
    (files / "other.jsonl").write_text(f"{good}\n\n{json.dumps(line)}\n", encoding="utf-8")

    done = orch("bench", subject, "--rungs", "as-is", "--cases", "other.jsonl", code=2)

    assert done.stdout == ""
    assert "error: other.jsonl:3: " in done.stderr
    assert why in done.stderr


def test_a_case_may_hold_what_nobody_compares() -> None:
    """Some fields of a map, fields that are ignored, a whole number with a point, white space around a choice."""
    kind = MapOf((Field("n", Int()), Field("ok", Bool()), Field("sort", Enum(("a", "b")), optional=True)))
    fitting = [{"n": 2.0}, {"ok": True, "why": 3}, {"sort": " a\n"}, {"sort": None}]
    others = [{"n": "2"}, {"n": 2.5}, {"ok": None}, {"sort": "c"}, {"m": 1}, "2"]
    cases = tuple(Case("x", output=one, line=n) for n, one in enumerate([*fitting, *others], 1))

    wrong = list(unfit(cases, kind))

    assert [one.line for one in wrong] == [5, 6, 7, 8, 9, 10]


def test_models_are_compared_and_one_that_is_not_there_has_its_reason() -> None:
    """Everything else is measured, and the exit code says that something is missing."""
    found = rows("bench", "sorter", "--rungs", "as-is", "--models", "tiny,scripted:missing.yaml", code=1)

    assert [row["measured"] for row in found] == [4, 0]
    assert "missing.yaml" in found[1]["problem"]


def test_a_plain_prompt_stands_in_for_a_workflow(files: Path) -> None:
    """What the workflow is for, and the input, to its own model."""
    text = FLOW.replace("orch: 1", "orch: 1\ndescription: Say what a letter is about.")
    (files / "flow.yaml").write_text(text, encoding="utf-8")
    script = "- {regex: 'is about[^#]*my bill', text: bill}\n- {regex: '.', text: nothing}\n"
    (files / "answers.yaml").write_text(script, encoding="utf-8")

    (row,) = rows("bench", "flow.yaml", "--rungs", "plain")

    assert [one["answer"] for one in row["answers"]] == ["bill", "nothing", "nothing", "nothing"]


def test_no_secret_is_printed(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value of the environment that the workflow reads is hidden in the answers."""
    monkeypatch.setenv("BENCH_TOKEN", "hush-hush-4711")
    flow = 'orch: 1\ninputs: {letter: string(200)}\nsteps: {reply: {value: "{{ env.BENCH_TOKEN }} {{ inputs.letter }}"}}\n'
    (files / "flow.yaml").write_text(flow, encoding="utf-8")

    done = orch("bench", "flow.yaml", "--rungs", "as-is", "--json")

    assert json.loads(done.stdout)["rows"][0]["valid"] == 4
    assert "hush-hush-4711" not in done.output + done.stderr


@pytest.mark.parametrize("model", ["other", "scripted:other.yaml"])
def test_another_model_does_the_work_of_a_workflow(files: Path, model: str) -> None:
    """By its reference, or the name that the project has for it."""
    (files / "other.yaml").write_text("- {regex: '.', text: parcel}\n", encoding="utf-8")
    (files / "orch.yaml").write_text(
        PROJECT.replace("}", ', other: "scripted:other.yaml"}'), encoding="utf-8"
    )

    (row,) = rows("bench", "flow.yaml", "--rungs", "as-is", "--models", model)

    assert row["model"] == "scripted:other.yaml"
    assert {one["answer"] for one in row["answers"]} == {"parcel"}


def test_repeats_and_limits_are_drawn_by_the_seed() -> None:
    """The same seed, the same cases; repeats do not narrow the interval."""
    first, again = (
        rows("bench", "sorter", "--rungs", "as-is", "--limit", "2", "--seed", "3") for _ in range(2)
    )
    (twice,) = rows("bench", "sorter", "--rungs", "grammar", "--repeat", "2")

    assert [one["line"] for one in first[0]["answers"]] == [one["line"] for one in again[0]["answers"]]
    assert (twice["measured"], twice["cases"], twice["interval"]) == (8, 4, [0.15, 0.85])


def test_pictures_are_written(files: Path) -> None:
    """As a file of its own, and as a page."""
    orch("bench", "sorter", "--rungs", "as-is", "--svg", "bench.svg", "--html", "bench.html")

    assert (files / "bench.svg").read_text(encoding="utf-8").startswith("<svg")
    assert "<table>" in (files / "bench.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sortre",), "did you mean sorter?"),
        (("sorter", "--rungs", "grammer"), "did you mean grammar?"),
        (("sorter", "--cases", "none.jsonl"), "none.jsonl is not there"),
        (("--cases", "cases.jsonl"), "--cases goes with one NAME"),
        (("sorter", "--svg", "nowhere/x.svg"), "there is no directory nowhere"),
        (("sorter", "--against", "openai:gpt-5-mino"), "did you mean"),
    ],
)
def test_what_cannot_be_measured_is_said_before(words: tuple[str, ...], said: str) -> None:
    """With what was meant."""
    assert said in orch("bench", *words, code=2).stderr


def test_a_line_that_is_no_case_is_named(files: Path) -> None:
    """By file and line."""
    (files / "bad.jsonl").write_text('{"input": "x", "output": "bill"}\n{"input": 1}\n', encoding="utf-8")

    assert "bad.jsonl:2" in orch("bench", "sorter", "--cases", "bad.jsonl", code=2).stderr


def test_private_cases_do_not_go_to_a_cloud_model(files: Path) -> None:
    """Those of a project are private until somebody says otherwise."""
    cloud = 'orch: 1\nmodels:\n  tiny: {use: "scripted:answers.yaml"}\n  big: {use: "scripted:answers.yaml", where: cloud}\n'
    (files / "orch.yaml").write_text(cloud, encoding="utf-8")

    (refused,) = rows("bench", "sorter", "--rungs", "grammar", "--models", "big", code=1)
    (allowed,) = rows("bench", "sorter", "--rungs", "grammar", "--models", "big", "--label", "public")

    assert refused["measured"] == 0
    assert "private" in refused["problem"]
    assert allowed["right"] == 2


class Stopping(StringIO):
    """A terminal at which somebody presses Ctrl-C after the second case."""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if "  2/4  " in text:
            signal.raise_signal(signal.SIGINT)
        return super().write(text)


@pytest.fixture
def _listens() -> Iterator[None]:
    """Whoever runs the tests may ignore Ctrl-C, and this process would too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_listens")
def test_what_was_measured_before_an_interruption_is_kept(files: Path) -> None:
    """Two of four, and the rest is not called wrong."""
    config = Config.from_environment({"ORCH_HOME": os.environ["ORCH_HOME"]}, files)
    bench = Bench(Wanted(rungs=("grammar", "as-is")), config, Console(StringIO(), Stopping()))

    stopped = bench.run(("sorter",))

    (row,) = bench.rows
    assert stopped
    assert (len(row.measured), row.planned, row.note) == (2, 4, "interrupted")
    assert row.model == "scripted:answers.yaml"


@pytest.mark.real_model
def test_the_ladder_on_the_model_that_ships() -> None:
    """A specialist that ships, with grammar and without a model at all."""
    grammar, head = rows("bench", "router", "--rungs", "grammar,head", "--limit", "2")

    assert (grammar["valid"], head["valid"]) == (2, 2)
    assert grammar["memory_bytes"] > 50_000_000
    assert grammar["p50_seconds"] > 0
    assert (head["model"], head["memory_bytes"]) == ("–", None)
