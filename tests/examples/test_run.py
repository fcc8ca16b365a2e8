"""The examples run for real on the embedded model, exactly as their READMEs say; long ones only under `--full`."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from orchestrator.events import AttemptStarted
from orchestrator.store.open import open_store
from tests.examples.commands import ROOT, Command, commands_of, copy_of, run

pytestmark = pytest.mark.real_model

QUICK = ("01-support-desk", "03-data-report", "06-approval", "08-hybrid", "09-assistant", "12-ask-a-table")
SLOW = (
    "02-code-review",
    "04-campaign",
    "05-long-summary",
    "07-compare-models",
    "10-support-team",
    "11-code-team",
    "13-within-limits",
)
BY_NAME = {
    "support-desk": {
        "ticket": "How long can I cancel a payment?",
        "handbook": "You can cancel a payment within 17 minutes of submission.",
    },
    "ask-table": {"table": "penguins.csv", "question": "What is the average body mass per island?"},
    "code-review": {"file": "stock.py"},
    "campaign": {"product": "Ringo", "brief": "Ringo is a bicycle bell that sounds like a bird."},
    "long-summary": {"text": "report.txt"},
    "compare-models": {"question": "What is the capital of France?"},
    "assistant": {"message": "What is 17 times 23?"},
    "hybrid-assistant": {"question": "What is the capital of France?"},
}


Played = tuple[Path, list[tuple[Command, subprocess.CompletedProcess[str]]]]
"""A project that holds one example, and the commands of its README as they went."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Played]:
    """Plays the README of an example, once: several tests look at what came of it."""

    @cache
    def play(example: str) -> Played:
        project = copy_of(example, tmp_path_factory.mktemp("project"))
        commands = commands_of(ROOT / "examples" / example / "README.md")
        return project, [(command, run(command.words, project)) for command in commands]

    return play


def slow(*values: Any) -> Any:
    return pytest.param(*values, marks=pytest.mark.full)


def test_every_example_is_run_somewhere() -> None:
    """No example is forgotten."""
    assert {path.name for path in (ROOT / "examples").iterdir() if path.is_dir()} == {*QUICK, *SLOW}


@pytest.mark.parametrize("example", [*QUICK, *map(slow, SLOW)])
def test_the_commands_of_its_readme_work(example: str, played: Callable[[str], Played]) -> None:
    """Each command ends as the README says, and one that succeeds prints a result."""
    _, commands = played(example)

    assert commands
    for command, done in commands:
        assert done.returncode == command.exit_code, f"{' '.join(command.words)}\n{done.stderr}"
        if command.exit_code == 0 and command.words[1] in ("run", "resume"):
            assert done.stdout.strip()


def test_the_support_desk_answers_every_ticket(played: Callable[[str], Played]) -> None:
    """One letter for each email, in the order of the file, with the text of the handbook."""
    _, commands = played("01-support-desk")

    command, done = commands[0]
    assert command.words == ("orch", "run", "examples/01-support-desk/workflow.yaml")
    order = [done.stdout.index(f"--- ticket {number}:") for number in range(101, 109)]
    assert order == sorted(order)
    assert done.stdout.count("\nDear ") == 8
    assert "within 17 minutes" in done.stdout


def test_the_answer_about_the_table_is_that_of_its_rows(played: Callable[[str], Played]) -> None:
    """An average per island, whatever the model says of it, and a picture of it."""
    _, commands = played("12-ask-a-table")

    done = commands[0][1]
    assert "Biscoe" in done.stdout
    assert "avg(try_cast(body_mass_g AS DOUBLE))" in done.stdout
    assert "average: 4716.0179" in done.stdout
    assert "chart.svg" in done.stdout


def test_grammar_fix_runs_by_name(tmp_path: Path) -> None:
    """The first command that `orch --help` suggests."""
    done = run(("orch", "run", "grammar-fix", "-i", "text=she dont like apples"), tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_assistant_stays_on_this_machine_without_a_key(tmp_path: Path) -> None:
    """It answers, and says once why it did not ask the cloud."""
    question = ("-i", "question=What is the capital of France?")

    done = run(("orch", "run", "hybrid-assistant", *question, "--json"), tmp_path)

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert "Paris" in result["answer"]
    assert result["model"] == "embedded"
    assert done.stderr.count("export OPENAI_API_KEY") == 1


def test_the_hybrid_example_sends_up_topics_and_no_texts(played: Callable[[str], Played]) -> None:
    """Something went to the stand-in of the cloud, it has a price, and nothing private was in it."""
    project, _ = played("08-hybrid")

    store = open_store(project / ".orch" / "store.db", create=False)
    try:
        events = [event for run in store.runs() for _, event in store.events(run.id)]
    finally:
        store.close()

    sent = [event for event in events if isinstance(event, AttemptStarted) and event.model == "cloud"]
    assert sent
    assert all(event.reserved > 0 and event.messages for event in sent)
    private = ("de89", "hill road", "ruby", "7946", "Lindt", "Abara", "Okoro", "Reyes")
    assert not [word for word in private if word in repr(sent)]


@pytest.mark.full
def test_a_summary_ends_with_a_whole_sentence(tmp_path: Path) -> None:
    """Merged, or the notes one after another, but never cut off."""
    project = copy_of("05-long-summary", tmp_path)

    done = run(("orch", "run", "examples/05-long-summary/workflow.yaml", "--json"), project)

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["notes"]
    assert result["summary"][-1] in '.!?"'


@pytest.mark.full
@pytest.mark.parametrize("name", BY_NAME)
def test_a_shipped_workflow_runs_by_name(name: str, tmp_path: Path) -> None:
    """All of them do what they describe, or wait for the person they ask."""
    for file in ("02-code-review/stock.py", "05-long-summary/report.txt", "12-ask-a-table/penguins.csv"):
        shutil.copy(ROOT / "examples" / file, tmp_path)
    (tmp_path / "in.json").write_text(json.dumps(BY_NAME[name]), encoding="utf-8")

    done = run(("orch", "run", name, "--input-file", "in.json", "--json"), tmp_path)

    assert done.returncode == (7 if name == "support-desk" else 0), done.stderr
