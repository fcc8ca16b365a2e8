"""Finding specialists and workflows."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.library import (
    Agent,
    Library,
    agents_in,
    find_workflow,
    named_workflows,
    shipped_agents,
    shipped_workflows,
)
from orchestrator.spec.load import read, read_project
from orchestrator.spec.types import Schema

STEP = "steps:\n  x: {agent: judge, prompt: p}\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def agent_folder(folder: Path, name: str, text: str, prompt: str = "") -> None:
    write(folder / name / "agent.yaml", text)
    if prompt:
        write(folder / name / "prompt.j2", prompt)


def library(project: Path, agents: str = "", *, at: str = "w.yaml", shipped: Path | None = None) -> Library:
    path = write(project / at, f"orch: 1\n{agents}{STEP}")
    document = read(path, display=at).document
    assert document is not None
    return Library(document, read_project(document.root), shipped=shipped or project / "shipped")


def found(lib: Library, name: str) -> Agent:
    agent = lib.agent(name)
    assert agent is not None, lib.diagnostics
    return agent


def test_the_search_goes_from_the_file_outwards(project: Path) -> None:
    """The file, `orch.yaml`, beside the workflow, the project, shipped: the first one wins."""
    flows = project / "flows"
    agent_folder(project / "shipped", "judge", "description: shipped\n")
    seen = [found(library(project, at="flows/w.yaml"), "judge").spec.description]
    agent_folder(project / "agents", "judge", "description: project\n")
    seen.append(found(library(project, at="flows/w.yaml"), "judge").spec.description)
    agent_folder(flows / "agents", "judge", "description: beside\n")
    seen.append(found(library(project, at="flows/w.yaml"), "judge").spec.description)
    write(project / "orch.yaml", "orch: 1\nagents: {judge: {description: orch.yaml}}\n")
    seen.append(found(library(project, at="flows/w.yaml"), "judge").spec.description)
    lib = library(project, "agents: {judge: {description: file}}\n", at="flows/w.yaml")
    seen.append(found(lib, "judge").spec.description)

    assert seen == ["shipped", "project", "beside", "orch.yaml", "file"]


def test_uses_merges_key_by_key(project: Path) -> None:
    """Own keys win, lists are replaced, the rest is inherited; along any chain."""
    agent_folder(
        project / "shipped", "judge", "description: d\ntools: [a, b]\nmax_turns: 3\n", "You judge.\n"
    )
    agents = "agents:\n  strict: {uses: judge, tools: [c]}\n  judge: {uses: judge, model: small}\n"

    agent = found(library(project, agents), "strict")

    assert (agent.spec.model, agent.spec.tools, agent.spec.max_turns) == ("small", ("c",), 3)
    assert agent.spec.role == "You judge."
    assert agent.spec.uses is None
    assert (agent.origin, agent.base) == ("file", project)
    assert [path.name for path in agent.files] == ["agent.yaml", "prompt.j2"]


def test_an_agent_says_where_each_of_its_keys_was_written(project: Path) -> None:
    """So that a mistake in a shared prompt is shown in the prompt's own file."""
    agent_folder(project / "agents", "judge", "description: d\n", "You judge\n{{ inputs.x }}.\n")

    agent = found(library(project, "agents:\n  judge: {uses: judge, model: m}\n"), "judge")

    role = agent.written["role"].inside(agent.spec.role.index("inputs") if agent.spec.role else 0, 6)
    model = agent.written["model"].mark()
    assert (role.file, role.line, role.column, role.width) == ("agents/judge/prompt.j2", 2, 4, 6)
    assert (model.file, model.line) == ("w.yaml", 3)


def test_paths_mean_the_directory_of_the_file_that_wrote_them(project: Path) -> None:
    """An inherited path still leads to the folder it came from."""
    text = "examples: {from: cases.jsonl}\noutput: {schema: shape.json}\n"
    agent_folder(project / "agents", "judge", text)

    agent = found(library(project, "agents: {mine: {uses: judge}}\n"), "mine")

    assert agent.spec.examples is not None
    assert agent.base / agent.spec.examples.from_ == project / "agents" / "judge" / "cases.jsonl"
    assert agent.spec.output == Schema(str(project / "agents" / "judge" / "shape.json"))


def test_a_circle_is_shown_whole(project: Path) -> None:
    """`a -> b -> c -> a`, at the key that closes it."""
    lib = library(project, "agents:\n  a: {uses: b}\n  b: {uses: c}\n  c: {uses: a}\n")

    assert lib.agent("a") is None
    (problem,) = lib.diagnostics
    assert problem.message == "agents use each other in a circle: a -> b -> c -> a"
    assert (problem.mark.line, problem.mark.column) == (5, 13)


def test_an_unknown_base_names_the_nearest_agent(project: Path) -> None:
    """A typo in `uses:`."""
    agent_folder(project / "shipped", "judge", "description: d\n")
    lib = library(project, "agents: {a: {uses: jugde}}\n")

    assert lib.agent("a") is None
    assert [(p.code, p.hint) for p in lib.diagnostics] == [("ORCH161", "did you mean 'judge'?")]


def test_a_broken_agent_file_is_shown_in_its_own_lines(project: Path) -> None:
    """And it does not pretend that the agent does not exist."""
    agent_folder(project / "agents", "judge", "description: d\nrole: {{ x }}\n")
    lib = library(project, "agents: {a: {uses: judge}}\n")

    assert lib.agent("a") is None
    assert lib.broken("judge")
    assert not lib.broken("nobody")
    assert [(p.code, p.mark.file, p.mark.line) for p in lib.diagnostics] == [
        ("ORCH011", "agents/judge/agent.yaml", 2)
    ]


def test_a_wrong_key_in_an_agent_file_leaves_the_agent_usable(project: Path) -> None:
    """Everything else can still be checked."""
    agent_folder(project / "agents", "judge", "descripton: d\nmodel: m\n")
    lib = library(project)

    assert found(lib, "judge").spec.model == "m"
    assert [p.code for p in lib.diagnostics] == ["ORCH101"]


def test_an_agent_outside_the_project_is_refused(project: Path) -> None:
    """A link out of the project would read what does not belong to it."""
    outside = project.parent / "outside"
    agent_folder(outside, "judge", "description: d\n")
    (project / "agents").mkdir()
    (project / "agents" / "judge").symlink_to(outside / "judge")
    lib = library(project)

    assert lib.agent("judge") is None
    assert [p.code for p in lib.diagnostics] == ["ORCH162"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_role_that_is_a_link_out_of_the_project_is_refused(project: Path, exists: bool) -> None:
    """The agent would run without its role, and nobody would know."""
    outside = project.parent / "role.txt"
    if exists:
        outside.write_text("You are somebody else's.", encoding="utf-8")
    agent_folder(project / "agents", "judge", "description: d\n")
    (project / "agents" / "judge" / "prompt.j2").symlink_to(outside)
    lib = library(project)

    assert lib.agent("judge") is None
    assert [p.code for p in lib.diagnostics] == ["ORCH162"]
    assert "agents/judge/prompt.j2 lies outside the project" in lib.diagnostics[0].message


@pytest.mark.parametrize(
    ("agents", "codes", "label"),
    [
        ("{c: {uses: judge, label: public}}", ["ORCH702"], "private"),
        ("{c: {uses: b, label: internal}, b: {uses: judge}}", ["ORCH702"], "private"),
        ("{c: {uses: b}, b: {uses: judge, label: public}}", ["ORCH702"], "private"),
        ("{c: {uses: judge, label: private}}", [], "private"),
        ("{c: {uses: judge, label: secret}}", [], "secret"),
        ("{c: {uses: judge}}", [], "private"),
        ("{c: {uses: b, label: public}, b: {role: You judge.}}", [], "public"),
    ],
)
def test_a_label_only_rises_along_uses(project: Path, agents: str, codes: list[str], label: str) -> None:
    """The role of a private agent is private for whoever uses it, even while the file is wrong."""
    agent_folder(project / "agents", "judge", "description: d\nlabel: private\n")
    lib = library(project, f"agents: {agents}\n")

    assert found(lib, "c").spec.label == label
    assert [p.code for p in lib.diagnostics] == codes


def test_names_and_unused(project: Path) -> None:
    """What can be used; which of the file's own nobody uses, `uses` counted."""
    agent_folder(project / "shipped", "judge", "description: d\n")
    lib = library(project, "agents:\n  a: {uses: b}\n  b: {}\n  c: {}\n")

    assert lib.names() == ("a", "b", "c", "judge")
    assert lib.unused(["a"]) == ("c",)


def test_what_ships_is_found() -> None:
    """The data lies where the package can reach it."""
    assert shipped_agents().is_dir()
    assert all(path.is_file() for path in shipped_workflows().values())


# ------------------------------------------------------------------------------------------------ workflows


def test_a_workflow_is_found_by_path_or_name(project: Path) -> None:
    """A file, or one of the project's `workflows/`, as a file or a folder."""
    first = write(project / "workflows" / "sort.yaml", f"orch: 1\n{STEP}")
    second = write(project / "workflows" / "send" / "workflow.yaml", f"orch: 1\n{STEP}")

    assert find_workflow("workflows/sort.yaml", project) == first
    assert find_workflow("sort", project) == first
    assert find_workflow("send", project) == second
    assert {"sort", "send"} <= named_workflows(project).keys()


def test_the_projects_own_workflow_wins_over_a_shipped_one(project: Path) -> None:
    """As everywhere: the nearer one."""
    for name in shipped_workflows():
        own = write(project / "workflows" / f"{name}.yaml", f"orch: 1\n{STEP}")
        assert find_workflow(name, project) == own


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("srot", "did you mean sort?"),
        ("workflows/srot.yaml", "did you mean workflows/sort.yaml?"),
        ("zzz", "sort"),
    ],
)
def test_an_unknown_workflow_names_the_nearest(project: Path, given: str, hint: str) -> None:
    """By name or by path."""
    write(project / "workflows" / "sort.yaml", f"orch: 1\n{STEP}")

    with pytest.raises(UsageError) as caught:
        find_workflow(given, project)

    assert hint in caught.value.hint


def test_a_directory_without_agents_has_none(tmp_path: Path) -> None:
    """Nor is a stray file one."""
    (tmp_path / "README.md").write_text("x", encoding="utf-8")

    assert agents_in(tmp_path) == agents_in(tmp_path / "nowhere") == ()
