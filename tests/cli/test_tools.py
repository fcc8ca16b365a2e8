"""Workflows with tools as a person runs them: the real tools, from `orch run` to `orch show`."""

from __future__ import annotations

import asyncio
import json
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.calling import Signature
from orchestrator.cli.equipment import Equipment, found_in, made_of
from orchestrator.cli.main import cli
from orchestrator.engine import search
from orchestrator.errors import SandboxUnavailable
from orchestrator.graph.agents import BUILT_IN
from orchestrator.graph.builtin import ARGUMENTS, EFFECTS, NEEDED, RESULTS
from orchestrator.graph.open import open_workflow
from orchestrator.tools import chart, files, python, sql
from orchestrator.tools.sandbox.sandbox import Sandbox

Orch = Callable[..., Result]
FUNCTIONS = """
import helper

def score(text: str, n: int = 2) -> int:
    \"\"\"How good a text is.\"\"\"
    print("scoring")
    return helper.twice(len(text)) + n

def leak(name: str) -> str:
    import os
    return os.environ.get(name, "nothing")
"""
SERVER = """
from mcp.server import MCPServer

server = MCPServer("numbers")

@server.tool()
def add(a: int, b: int) -> int:
    return a + b

server.run()
"""


@pytest.fixture(name="orch")
def _orch(project: Path, monkeypatch: pytest.MonkeyPatch) -> Orch:
    monkeypatch.chdir(project)
    (project / "tools.py").write_text(FUNCTIONS, encoding="utf-8")
    (project / "helper.py").write_text("def twice(x): return 2 * x\n", encoding="utf-8")
    return lambda *words: CliRunner().invoke(cli, list(words))


def write(project: Path, text: str, name: str = "w.yaml") -> None:
    (project / name).parent.mkdir(exist_ok=True)
    (project / name).write_text(f"orch: 1\n{text}", encoding="utf-8")


def test_tools_of_every_kind_work_in_one_file(project: Path, orch: Orch) -> None:
    """Code in the sandbox, a query, a chart, files, a function of the project."""
    (project / "towns.csv").write_text("town,people\nRome,3\nOslo,1\nRome,4\n", encoding="utf-8")
    write(
        project,
        """
tools: {score: {python: "tools.py:score", effects: none}}
steps:
  code: {tool: python, with: {code: "print('hello')\\nopen('made.txt', 'w').write('data')\\n6 * 7"}}
  query:
    tool: sql.query
    with: {tables: {t: towns.csv}, sql: "select town, sum(people) as n from t group by town order by town"}
  picture: {tool: chart, with: {rows: "{{ query.rows }}", x: town, y: n, kind: bar}}
  write: {tool: files.write, with: {path: out/note.txt, content: "{{ code.value }}!"}}
  read: {tool: files.read, needs: write, with: {path: out/note.txt}}
  points: {tool: score, with: {text: "{{ read }}"}}
outputs: {towns: "{{ query.rows | map(attribute='n') | list }}", read: "{{ read }}", points: "{{ points }}"}
""",
    )

    ran = orch("run", "w.yaml", "--json")

    assert ran.exit_code == 0, ran.stderr
    assert json.loads(ran.stdout) == {"towns": [1, 7], "read": "42!", "points": 8}
    shown = orch("show", "last").stdout
    assert "made.txt" in shown
    assert re.search(r"artifacts/../\w{64}\.svg", shown)
    step = orch("show", "last", "code").stdout
    assert "── call 1: python" in step
    assert "made.txt" in step
    made = json.loads(orch("show", "last", "--json").stdout)["artifacts"]
    file = project / ".orch" / "artifacts" / made[0]["sha256"][:2] / f"{made[0]['sha256']}.txt"
    assert file.read_text(encoding="utf-8") == "data"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_server_is_started_when_it_is_called_and_gone_afterwards(project: Path, orch: Orch) -> None:
    """`server.tool` is a tool of an entry that names a server."""
    (project / "server.py").write_text(SERVER, encoding="utf-8")
    write(
        project,
        f"""
tools: {{numbers: {{mcp: {{command: [{sys.executable}, server.py]}}, clearance: private}}}}
steps:
  sum: {{tool: numbers.add, with: {{a: 1, b: 2}}}}
""",
    )

    ran = orch("run", "w.yaml", "--json")

    assert ran.exit_code == 0, ran.stderr
    assert json.loads(ran.stdout) == {"result": 3}


def test_a_function_of_the_project_file_is_found_from_a_workflow_in_a_folder(
    project: Path, orch: Orch
) -> None:
    """Relative paths mean the file that writes them."""
    (project / "orch.yaml").write_text(
        'orch: 1\ntools: {score: {python: "tools.py:score", effects: none}}\n', encoding="utf-8"
    )
    write(project, "steps:\n  one: {tool: score, with: {text: abc}}\n", "flows/w.yaml")

    ran = orch("run", "flows/w.yaml", "--json")

    assert ran.exit_code == 0, ran.stderr
    assert json.loads(ran.stdout) == 8


def test_a_tool_of_a_subworkflow_is_that_of_its_own_file(project: Path, orch: Orch) -> None:
    """Names and paths resolve from there."""
    (project / "deep").mkdir()
    (project / "deep" / "mine.py").write_text(
        "def score(text: str) -> str:\n    return text.upper()\n", encoding="utf-8"
    )
    write(
        project,
        """
inputs: {text: {type: string, label: public}}
tools: {score: {python: "mine.py:score", effects: none}}
steps:
  one: {tool: score, with: {text: "{{ inputs.text }}"}}
outputs: {said: "{{ one }}"}
""",
        "deep/inner.yaml",
    )
    write(
        project,
        """
tools: {score: {python: "tools.py:score", effects: none}}
steps:
  inner: {workflow: deep/inner.yaml, with: {text: abc}}
  own: {tool: score, with: {text: "{{ inner.said }}"}}
outputs: {said: "{{ inner.said }}", own: "{{ own }}"}
""",
    )

    ran = orch("run", "w.yaml", "--json")

    assert ran.exit_code == 0, ran.stderr
    assert json.loads(ran.stdout) == {"said": "ABC", "own": 8}


def test_a_function_does_not_get_the_keys_of_models(
    project: Path, orch: Orch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor any other `*_API_KEY`."""
    monkeypatch.setenv("MY_MODEL", "12345678")
    monkeypatch.setenv("OTHER_API_KEY", "12345678")
    monkeypatch.setenv("PLAIN", "12345678")
    write(
        project,
        """
models: {tiny: "scripted:a.yaml", big: {use: "openai:gpt-5-mini", key: env.MY_MODEL}}
tools: {leak: {python: "tools.py:leak", effects: none}}
steps:
  seen: {foreach: [MY_MODEL, OTHER_API_KEY, PLAIN], tool: leak, with: {name: "{{ item }}"}}
  ask: {agent: creative, when: "'x' in seen", model: tiny, prompt: Hi., escalate: {to: big}}
outputs: {seen: "{{ seen }}"}
""",
    )

    (project / "a.yaml").write_text("- {match: x, text: y}\n", encoding="utf-8")

    ran = orch("run", "w.yaml", "--json")
    assert ran.exit_code == 0, ran.stderr
    assert json.loads(ran.stdout)["seen"] == ["nothing", "nothing", "[env.MY_MODEL]"]


@pytest.mark.parametrize(
    ("entry", "path", "said"),
    [
        ("{python: 'tools.py:score', effects: none}", "helper.py", "would be code"),
        ("{mcp: {command: [python, server.py]}}", "json.py", "would be code"),
        ("{mcp: {command: [python, server.py]}}", "server.py", "belongs to the workflow"),
    ],
)
def test_no_tool_writes_code_that_the_run_would_load(
    project: Path, orch: Orch, entry: str, path: str, said: str
) -> None:
    """Neither what a function imports nor what a server is started with."""
    (project / "server.py").write_text(SERVER, encoding="utf-8")
    write(
        project,
        f"""
tools: {{mine: {entry}}}
steps:
  one: {{tool: files.write, with: {{path: {path}, text: x}}}}
""",
    )

    ran = orch("run", "w.yaml")

    assert ran.exit_code == 1
    assert said in ran.stderr


def test_nothing_starts_when_a_program_of_a_server_is_not_there(project: Path, orch: Orch) -> None:
    """Found before the first step, with its place."""
    write(
        project,
        """
tools: {mail: {mcp: {command: [no-such-program]}}}
steps:
  first: {tool: files.write, with: {path: a.txt, content: x}}
  one: {tool: mail.send, needs: first, with: {to: me}}
""",
    )

    ran = orch("run", "w.yaml")

    assert ran.exit_code == 2
    assert "w.yaml:6: step 'one' calls mail.send: there is no program 'no-such-program'" in ran.stderr
    assert not (project / "a.txt").exists()


def test_code_of_a_model_is_not_run_where_nothing_keeps_it_in(project: Path) -> None:
    """The run does not begin."""
    write(project, 'steps:\n  one: {tool: python, with: {code: "1"}}\n')
    sandbox = Sandbox(platform="plan9")
    tools = Equipment(open_workflow(project / "w.yaml"), {}, sandbox=sandbox)

    with pytest.raises(SandboxUnavailable, match="plan9"):
        asyncio.run(tools.check())


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        ("{mcp: {command: [cat]}}", "run without --local-only"),
        ('{python: "tools.py:score"}', "effects: none"),
    ],
)
def test_a_run_that_stays_on_this_machine_calls_nothing_that_may_leave_it(
    project: Path, orch: Orch, entry: str, hint: str
) -> None:
    """As the proof of labels counts it."""
    write(project, f"tools: {{send: {entry}}}\nsteps:\n  one: {{tool: send, with: {{text: x}}}}\n")

    ran = orch("run", "w.yaml", "--local-only")

    assert ran.exit_code == 2
    assert "'send', which may send what it is given off this machine" in ran.stderr
    assert hint in ran.stderr


def test_tools_do_not_change_the_files_that_the_run_is_made_of(project: Path) -> None:
    """The workflow, the project file, the functions."""
    (project / "tools.py").write_text(FUNCTIONS, encoding="utf-8")
    write(
        project, 'tools: {score: {python: "tools.py:score"}}\nsteps:\n  one: {tool: score, with: {text: a}}\n'
    )

    graph = open_workflow(project / "w.yaml")

    assert {file.name for file in made_of(graph)} == {"w.yaml", "orch.yaml", "tools.py"}
    assert found_in(graph) == {project / "agents", project / "workflows"}


def test_settling_names_what_there_is_to_settle(project: Path, orch: Orch) -> None:
    """A step that is no question is refused, with those that are."""
    write(project, "steps:\n  ok: {ask: Sure?}\n")
    assert orch("run", "w.yaml", "-q").exit_code == 7

    refused = orch("resume", "last", "--done", "ok")
    assert refused.exit_code == 2
    assert "has no call with an effect at 'ok'" in refused.stderr
    assert "--value says what a call gave that happened" in orch("resume", "last", "--value", "1").stderr
    assert "exclude each other" in orch("resume", "last", "--done", "ok", "--rerun", "ok").stderr
    assert "is no JSON" in orch("resume", "last", "--done", "ok", "--value", "{").stderr


@pytest.mark.parametrize(
    "signature",
    [
        python.SIGNATURE, sql.QUERY, sql.SCHEMA, sql.EXPLAIN, chart.SIGNATURE, search.SIGNATURE, *files.SIGNATURES.values()
    ],
    ids=lambda signature: signature.name,
)  # fmt: skip
def test_what_is_checked_before_the_run_is_what_the_tool_takes_and_gives(signature: Signature) -> None:
    """The checker knows the tools by tables; the tools by their signatures."""
    fields = signature.arguments.fields

    assert set(ARGUMENTS[signature.name]) == {field.name for field in fields}
    assert set(NEEDED.get(signature.name, ())) == {field.name for field in fields if not field.optional}
    assert RESULTS[signature.name] == signature.result
    assert EFFECTS.get(signature.name, "none") == signature.effects
    assert signature.name in BUILT_IN
