"""`orch diff`: two runs, two git revisions, two files; what it prints, in which form, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.main import cli
from orchestrator.events import (
    AttemptFinished,
    AttemptStarted,
    Decided,
    Event,
    RunFinished,
    StepFinished,
    StepStarted,
)
from orchestrator.report.diff_facts import RunFacts
from orchestrator.report.diff_runs import compare_runs
from tests.cli.recorded import AT, DONE, FAILED, Shell, record, record_all, shell_in

FLOW = """orch: 1
inputs: {text: {type: string, label: public, default: hello}}
models: {cloud: "openai:gpt-5-mini"}
agents: {writer: {role: You write., params: {temperature: 0}}}
steps:
  draft:
    agent: writer
    prompt: "Write {{ inputs.text }}"
"""
CLOUD = FLOW + "    escalate: {to: cloud, usd: 0.01}\n"
Git = Callable[..., None]


def orch(*words: str) -> Result:
    return CliRunner().invoke(cli, ["diff", *words])


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Git:
    """A repository in which the flow is committed on main; the function calls git there."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> None:
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"]}
        who = ("-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True, env=own)

    call("init", "-q", "-b", "main")
    commit(call, FLOW)
    return call


def commit(git: Git, text: str, name: str = "flow.yaml") -> None:
    Path(name).write_text(text, encoding="utf-8")
    git("add", "-A")
    git("commit", "-q", "-m", "x", "--allow-empty")


# ------------------------------------------------------------------------------------------------ revisions


def test_what_newly_leaves_is_the_first_thing_said(git: Git) -> None:
    """Before steps, models and cost; and the exit code is for a pipeline that asks."""
    commit(git, CLOUD)

    result = orch("main~1..HEAD", "flow.yaml")
    asked = orch("main~1..HEAD", "flow.yaml", "--fail-if-leaves")
    back = orch("HEAD..main~1", "flow.yaml", "--fail-if-leaves")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[1] == "MAY NEWLY LEAVE THIS MACHINE: 1 way"
    assert "step draft → cloud (escalation, openai:gpt-5-mini): new" in result.stdout.splitlines()[2]
    assert (asked.exit_code, back.exit_code) == (1, 0)
    assert "nothing newly leaves this machine" in back.stdout


def test_a_revision_and_the_file_as_it_lies_here(git: Git) -> None:
    """With one word it is the last commit; --exit-code is that of `git diff`."""
    same = orch("flow.yaml", "--exit-code")
    Path("flow.yaml").write_text(FLOW.replace("Write {{", "Please write {{"), encoding="utf-8")
    changed = orch("flow.yaml", "--exit-code")
    named = orch("main", "flow.yaml")

    assert (same.exit_code, changed.exit_code, named.exit_code) == (0, 1, 0)
    assert "+Please write {{ inputs.text }}" in changed.stdout
    assert "asked anew: draft (prompt)" in named.stdout


def test_the_agents_of_the_revision_count_not_those_of_today(git: Git) -> None:
    """A role beside the workflow is read from the same commit."""
    Path("agents/clerk").mkdir(parents=True)
    Path("agents/clerk/agent.yaml").write_text("description: Writes.\nparams: {temperature: 0}\n")
    Path("agents/clerk/prompt.j2").write_text("You are short.\n")
    text = FLOW.replace("agent: writer", "agent: clerk").replace(
        "agents: {writer: {role: You write., params: {temperature: 0}}}\n", ""
    )
    commit(git, text)
    Path("agents/clerk/prompt.j2").write_text("You are long.\n")

    result = orch("flow.yaml")

    assert "-You are short." in result.stdout
    assert "+You are long." in result.stdout


def test_three_dots_begin_where_they_parted(git: Git) -> None:
    """What main got meanwhile is not the branch's."""
    git("checkout", "-q", "-b", "topic")
    commit(git, FLOW.replace("You write.", "You write well."))
    git("checkout", "-q", "main")
    commit(git, CLOUD)

    two, three = orch("main..topic", "flow.yaml", "--json"), orch("main...topic", "flow.yaml", "--json")

    assert len(json.loads(two.stdout)["no_longer_leaves"]) == 1
    assert json.loads(three.stdout)["no_longer_leaves"] == []
    assert [one["key"] for one in json.loads(three.stdout)["steps"][0]["texts"]] == ["role"]


def test_a_side_that_is_not_valid_is_reported_with_its_places(git: Git) -> None:
    """The newer one: nobody can say what leaves, so the code is 2; the older one: 0. No file of ours is named."""
    commit(git, CLOUD.replace("inputs.text }}", "inputs.txt }}"))

    newer = orch("HEAD~1..HEAD", "flow.yaml")
    comment = orch("HEAD~1..HEAD", "flow.yaml", "--format", "github", "--fail-if-leaves")
    older = orch("HEAD..HEAD~1", "flow.yaml")

    assert (newer.exit_code, comment.exit_code, older.exit_code) == (2, 2, 0)
    assert "HEAD:flow.yaml:8" in newer.stdout
    assert "HEAD~1 is valid" in newer.stdout
    assert "is not valid, so nobody can say what would leave" in comment.stdout
    assert "/orch-diff" not in newer.output + comment.output


def test_a_workflow_that_is_new_is_compared_with_nothing(git: Git) -> None:
    """All of it counts: what leaves is newly leaving."""
    Path("new.yaml").write_text(CLOUD, encoding="utf-8")

    shown = orch("HEAD", "new.yaml", "--fail-if-leaves")

    assert shown.exit_code == 1
    assert "not there yet" in shown.stdout
    assert "draft added" in shown.stdout


def test_a_workflow_that_is_gone_leaves_nothing_any_more(git: Git) -> None:
    """In the newer commit, or only here; with the directory in which it stood."""
    Path("desks").mkdir()
    commit(git, CLOUD, "desks/new.yaml")
    git("rm", "-q", "-r", "desks")
    here = orch("desks/new.yaml", "--fail-if-leaves")
    git("commit", "-q", "-m", "gone")

    gone = orch("HEAD~1..HEAD", "desks/new.yaml", "--fail-if-leaves")

    for shown in (here, gone):
        assert shown.exit_code == 0, shown.stderr
        assert "(no longer there)" in shown.stdout
        assert "no longer leaves: step draft → cloud" in shown.stdout
        assert "draft removed" in shown.stdout


def test_a_workflow_that_was_moved_is_compared_with_what_it_was(git: Git) -> None:
    """By its lines: what did not change is not new. By either name, and before it is committed."""
    commit(git, CLOUD)
    git("mv", "flow.yaml", "desk.yaml")
    Path("desk.yaml").write_text(CLOUD.replace("0.01", "0.02"), encoding="utf-8")
    here = orch("desk.yaml", "--fail-if-leaves")
    commit(git, CLOUD.replace("0.01", "0.02"), "desk.yaml")

    new = orch("HEAD~1..HEAD", "desk.yaml", "--fail-if-leaves")
    old = orch("HEAD~1..HEAD", "flow.yaml", "--fail-if-leaves")

    assert here.stdout.startswith("HEAD flow.yaml → here desk.yaml\n")
    assert new.stdout.startswith("HEAD~1 flow.yaml → HEAD desk.yaml\n")
    assert old.stdout.startswith("HEAD~1 flow.yaml → HEAD desk.yaml\n")
    for shown in (here, new, old):
        assert shown.exit_code == 0, shown.stderr
        assert "escalate.usd: 0.01 → 0.02" in shown.stdout


def test_which_of_two_copies_it_was_nobody_guesses(git: Git) -> None:
    """Both say the same: then all of it counts as new."""
    commit(git, CLOUD, "copy.yaml")
    commit(git, CLOUD)
    git("rm", "-q", "copy.yaml", "flow.yaml")
    commit(git, CLOUD, "desk.yaml")

    shown = orch("HEAD~1..HEAD", "desk.yaml")

    assert "HEAD~1 (not there yet) → HEAD desk.yaml" in shown.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere..HEAD", "flow.yaml"), "git knows no revision 'nowhere'"),
        (("--", "--output=x", "flow.yaml"), "git knows no revision '--output=x'"),
        (("HEAD", "other.yaml"), "other.yaml does not exist"),
        (("HEAD..HEAD", "other.yaml"), "other.yaml is neither at HEAD nor at HEAD"),
        (("main..HEAD",), "which workflow?"),
        (("main..HEAD", "flow"), "is no workflow file"),
        (("flow.yaml", "gone.yaml"), "gone.yaml does not exist"),
        (("HEAD", "flow.yaml", "--step", "draft"), "--step is for runs"),
        (("HEAD", "flow.yaml", "-i", "nope=1"), "neither side has an input 'nope'"),
        (("a", "b", "c", "d"), "too many to compare"),
    ],
)
def test_what_cannot_be_compared_is_said(git: Git, words: Sequence[str], said: str) -> None:
    """With the exit code of a wrong command line."""
    result = orch(*words)

    assert result.exit_code == 2
    assert said in result.stderr


def test_outside_a_repository_only_files_can_be_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And that is what is said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    Path("a.yaml").write_text(FLOW, encoding="utf-8")
    Path("b.yaml").write_text(CLOUD, encoding="utf-8")

    files, revision = orch("a.yaml", "b.yaml"), orch("HEAD", "a.yaml")

    assert "MAY NEWLY LEAVE" in files.stdout
    assert revision.exit_code == 2
    assert "is in no git repository" in revision.stderr


def test_links_of_a_revision_lead_nowhere_and_nothing_of_it_is_executed(git: Git, tmp_path: Path) -> None:
    """A link is not followed; hooks, filters and a file-system monitor of the repository are not started."""
    secret = tmp_path.parent / "secret.yaml"
    secret.write_text(FLOW.replace("You write.", "top secret"), encoding="utf-8")
    Path("link.yaml").symlink_to(secret)
    Path(".gitattributes").write_text("* filter=evil diff=evil\n")
    git("add", "-A")
    git("commit", "-q", "-m", "link")
    touched = tmp_path.parent / "touched"
    for name in ("core.fsmonitor", "filter.evil.smudge", "diff.evil.textconv"):
        git("config", name, f"touch {touched}")

    link, flow = orch("HEAD", "link.yaml"), orch("HEAD~1..HEAD", "flow.yaml")

    assert link.exit_code == 2
    assert "is a link or a submodule" in link.stderr
    assert flow.exit_code == 0
    assert not touched.exists()


def test_a_comment_holds_no_markup_of_the_file(git: Git) -> None:
    """Mentions, links, HTML, fences and controls stand in code, and a fence is longer than any inside."""
    evil = "@octocat <img src=x> [l](http://e.vil) ````` | \\u001b[31m\\u202e </details>"
    commit(git, CLOUD.replace("Write {{", f"{evil} {{{{"))

    text = orch("HEAD~1..HEAD", "flow.yaml", "--format", "github").stdout
    outside = "".join(text.split("``````")[::2])

    assert "@octocat" in text
    assert "@octocat" not in outside
    assert "<img" not in outside
    assert outside.count("</details>") == outside.count("<details>")
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_comment_is_never_longer_than_github_takes(git: Git) -> None:
    """Many steps with long prompts: what does not fit is said, and no fence stays open."""
    steps = "".join(
        f'  s{n}: {{agent: writer, prompt: "{n} {"é lorem ipsum " * 60} {{{{ inputs.text }}}}"}}\n'
        for n in range(150)
    )
    commit(git, FLOW + steps)

    text = orch("HEAD~1..HEAD", "flow.yaml", "--format", "github").stdout

    assert len(text.encode()) <= 65_536
    assert "More differs than a comment can hold" in text
    assert text.count("```") % 2 == 0
    assert text.count("<details>") == text.count("</details>")


# ------------------------------------------------------------------------------------------------ runs


@pytest.fixture
def shell(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(project)
    made = shell_in(project)
    record_all(made.store)
    yield made
    made.store.close()


def step(path: str, asked: str, answer: str, model: str = "tiny") -> list[Event]:
    return [
        StepStarted(AT, path, "agent"),
        AttemptStarted(AT, path, 1, model, ({"role": "user", "content": asked},), 3, True, {}),
        AttemptFinished(AT + 1, path, 1, model, "ok", "keep", "", answer, "", 3, 2, 0, 1.0, None, None),
        StepFinished(AT + 1, path, answer, {}),
    ]


def test_two_runs_are_compared_step_by_step(shell: Shell) -> None:
    """Figures first, then each instance that differs, with its prompt and answer line by line."""
    climbed = Decided(AT, "b", "climb", "when", "low", to="cloud")
    record(
        shell.store,
        "1124-0001-one",
        [*step("a", "same", "yes"), *step("b", "Say hi", "hi"), RunFinished(AT + 2, "hi")],
    )
    record(shell.store, "1124-0002-two", [*step("a", "same", "yes"), climbed, *step("b", "Say ho", "ho", "big"), RunFinished(AT + 2, "ho")])  # fmt: skip

    text = shell("diff", "1124-0001", "1124-0002").stdout
    data = shell.json("diff", "1124-0001", "1124-0002", "--exit-code", code=1)
    same = shell("diff", DONE, DONE, "--exit-code")

    assert "a: 1 the same" in text
    assert "b: 1 differ (prompt 1, output 1, model 1, went 1)" in text
    assert "-Say hi" in text
    assert "+ho" in text
    assert "tiny → big" in text
    assert [(one["path"], one["after"]["went"]) for one in data["instances"]] == [("b", "escalated to cloud")]
    assert "no difference" in same.stderr


def test_one_instance_can_be_asked_for(shell: Shell) -> None:
    """By its path; a wrong one is answered with the nearest, and what another run has not is said."""
    data = shell.json("diff", DONE, FAILED, "--step", "draft")
    wrong = shell("diff", DONE, FAILED, "--step", "drat", code=2)

    assert [(one["path"], one["before"], one["after"]["status"]) for one in data] == [
        ("draft", None, "failed")
    ]
    assert "did you mean 'draft'?" in wrong.stderr


def test_last_and_the_one_before_it(shell: Shell) -> None:
    """As git counts back; further than there are is an error."""
    assert shell("diff", "last~1", "last").exit_code == 0
    assert "there is no run last~99" in shell("diff", "last~99", "last", code=2).stderr


def test_what_was_not_kept_is_not_shown_and_not_called_the_same(shell: Shell) -> None:
    """Digests tell equal from different; without one nobody can."""
    for run, digest in (("1124-0003-one", "a" * 32), ("1124-0004-two", "b" * 32)):
        hashed = f"[secret, not kept; digest {digest}]"
        record(shell.store, run, [*step("a", hashed, "[secret, not kept]"), RunFinished(AT + 2, "x")])

    text = shell("diff", "1124-0003", "1124-0004").stdout

    assert "a: 1 differ (prompt 1); 1 not kept in full" in text
    assert "cannot be compared" in text


def test_a_comment_about_runs_holds_no_value_of_them(shell: Shell) -> None:
    """Figures and names only: what runs read and answered is private."""
    record(shell.store, "1124-0005-one", [*step("a", "Mr Miller", "owes 5"), RunFinished(AT + 2, "owes 5")])
    record(shell.store, "1124-0006-two", [*step("a", "Ms Smith", "owes 7"), RunFinished(AT + 2, "owes 7")])

    text = shell("diff", "1124-0005", "1124-0006", "--format", "github").stdout

    assert "a: 1 differ (prompt 1, output 1)" in text
    assert not any(word in text for word in ("Miller", "Smith", "owes"))
    assert (
        "shows no values" in shell("diff", "last", "last", "--step", "a", "--format", "github", code=2).stderr
    )


def test_a_large_run_takes_little_memory_for_each_instance() -> None:
    """No prompt and no answer is held: long ones take no more than short ones."""
    import tracemalloc

    def held(length: int) -> int:
        found = RunFacts()
        tracemalloc.start()
        for n in range(300):
            for event in step(f"a.{n}", f"{n}" + "x" * length, "y" * length):
                found.take(event, n)
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert len(compare_runs(found, found).steps) == 1
        return size

    short, long = held(10), held(20_000)

    assert long < short + 100_000
    assert short / 300 < 2_000
