"""From a file to a Workflow, with every mistake at its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.spec.diagnostics import Diagnostic
from orchestrator.spec.load import interpret, read, read_project
from orchestrator.spec.model import AgentStep, GroupStep, Project, ValueStep, Workflow
from orchestrator.spec.types import MapOf, Unknown

SMALLEST = (
    'orch: 1\ninputs: {text: string}\nsteps:\n  short: {agent: creative, prompt: "{{ inputs.text }}"}\n'
)

STEPS = "steps: {a: {value: 1}}\n"


def messages(text: str) -> list[str]:
    return [
        f"{d.mark.line}:{d.mark.column} {d.message}" for d in interpret(text, "w.yaml", Workflow).diagnostics
    ]


def hints(text: str) -> list[str]:
    return [found.hint for found in interpret(text, "w.yaml", Workflow).diagnostics]


def under_the_caret(found: Diagnostic) -> str:
    return found.source[found.mark.column - 1 : found.mark.column - 1 + found.mark.width]


def step(body: str) -> str:
    return f"orch: 1\nsteps:\n  x: {body}\n"


# --------------------------------------------------------------------------------------------------- files


def test_a_file_becomes_a_document(project: Path) -> None:
    """The document holds the file's name as the user wrote it, and the project's root."""
    folder = project / "flows"
    folder.mkdir()
    (folder / "w.yaml").write_text(SMALLEST, encoding="utf-8")

    loaded = read(folder / "w.yaml", display="flows/w.yaml")

    assert loaded.diagnostics == ()
    assert loaded.document is not None
    assert (loaded.document.file, loaded.document.root) == ("flows/w.yaml", project)
    assert loaded.document.marks.at("steps", "short", "agent").line == 4


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_is_no_part_of_the_text(project: Path, prefix: bytes) -> None:
    """Some editors write one."""
    (project / "w.yaml").write_bytes(prefix + SMALLEST.encode())

    assert read(project / "w.yaml").diagnostics == ()


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (b"orch: 1\n# Gr\xfc\xdfe\n", 2, 5),
        (b"\xff\xfeo\x00r\x00", 1, 1),
        ("ä: \ud800".encode("utf-8", "surrogatepass"), 1, 4),
    ],
)
def test_another_encoding_is_named_with_its_place(
    project: Path, content: bytes, line: int, column: int
) -> None:
    """The first byte that is not UTF-8 is pointed at."""
    (project / "w.yaml").write_bytes(content)

    found = read(project / "w.yaml").diagnostics

    assert [(d.code, d.mark.line, d.mark.column) for d in found] == [("ORCH003", line, column)]
    assert "UTF-8" in found[0].hint


def test_a_missing_file_names_the_nearest_one(project: Path) -> None:
    """A typo in the path costs one second."""
    (project / "workflow.yaml").write_text(SMALLEST, encoding="utf-8")

    with pytest.raises(UsageError, match=r"worfklow\.yaml does not exist") as caught:
        read(project / "worfklow.yaml", display="worfklow.yaml")

    assert caught.value.hint == "did you mean workflow.yaml?"


def test_a_directory_is_no_workflow(project: Path) -> None:
    """The file in it is suggested."""
    (project / "a.yaml").write_text(SMALLEST, encoding="utf-8")

    with pytest.raises(UsageError, match="is a directory") as caught:
        read(project, display=".")

    assert "a.yaml" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"PK\x03\x04\x00\x00", "binary"), (b"x" * 1_000_001, "1.0 MB")],
)
def test_what_cannot_be_a_workflow_is_refused_in_one_message(
    project: Path, content: bytes, words: str
) -> None:
    """Neither archives nor data."""
    (project / "w.yaml").write_bytes(content)

    with pytest.raises(UsageError, match=words):
        read(project / "w.yaml")


def test_a_path_through_a_file_and_a_pipe_are_refused(project: Path) -> None:
    """Whatever the system says about a path becomes a sentence."""
    (project / "w.yaml").write_text(SMALLEST, encoding="utf-8")
    os.mkfifo(project / "pipe.yaml")

    for path in (
        project / "w.yaml" / "x.yaml",
        project / "pipe.yaml",
        project / "nul\0.yaml",
        project / ("x" * 300),
    ):
        with pytest.raises(UsageError):
            read(path)


def test_an_empty_file_says_what_belongs_into_it(project: Path) -> None:
    """One diagnostic at the beginning."""
    (project / "w.yaml").write_text("# nothing yet\n", encoding="utf-8")

    found = read(project / "w.yaml").diagnostics

    assert [(d.code, d.mark.line) for d in found] == [("ORCH002", 1)]


def test_the_project_file_is_read_like_a_workflow(project: Path) -> None:
    """`orch.yaml` has its own keys and the same care."""
    (project / "orch.yaml").write_text("orch: 1\nmodels: {m: 'ollama:x'}\nsteps: {}\n", encoding="utf-8")

    loaded = read_project(project)

    assert loaded is not None
    assert [d.message for d in loaded.diagnostics] == ["there is no key 'steps' at the top of a file"]
    assert loaded.project.models["m"].use == "ollama:x"


def test_a_project_may_have_no_project_file(tmp_path: Path) -> None:
    """It is optional."""
    assert read_project(tmp_path) is None


# ------------------------------------------------------------------------------------------------- meaning


def test_short_forms_mean_their_long_forms() -> None:
    """An input is its type, a model its reference, one need is a list of one."""
    text = "orch: 1\ninputs: {a: int}\nmodels: {m: 'ollama:x'}\nsteps:\n  x: {value: 1}\n  y: {value: 2, needs: x, timeout: 1}\n"
    reading = interpret(text.replace(", timeout: 1", ""), "w.yaml", Workflow)

    assert reading.value is not None
    assert reading.value.models["m"].use == "ollama:x"
    assert reading.value.steps["y"].needs == ("x",)


@pytest.mark.parametrize(
    ("body", "marked", "message", "hint"),
    [
        ("{agent: a, promt: p}", "promt", "step 'x' has no key 'promt'", "did you mean 'prompt'?"),
        ("{agent: a, prompt: p, depends_on: [y]}", "depends_on", "step 'x' has no key 'depends_on'", "write `needs:`, or"),
        ("{agent: a, prompt: p, temperature: 0}", "temperature", "step 'x' has no key 'temperature'", "under `params:`"),
        ("{value: 1, repair: 2}", "repair", "'repair' belongs to agent steps, and step 'x' is a value step", ""),
        ("{agent: a, prompt: p, repeat: {}}", "repeat", "'repeat' belongs to groups, and step 'x' is an agent step", ""),
        ("{agent: a, prompt: p, retry: 1}", "retry", "'retry' belongs to tool steps and workflow steps, and step 'x' is", ""),
        ("{prompt: p}", "x", "step 'x' has no verb", "give it one of agent"),
        ("{agnet: a, prompt: p}", "agnet", "step 'x' has no verb", "did you mean 'agent' for 'agnet'?"),
        ("{foreach: [1], as: n, agnet: a, prompt: p, output: int}", "agnet", "step 'x' has no verb", "did you mean 'agent' for 'agnet'?"),
        ("{as: n, foreach: [1], valu: 1}", "valu", "step 'x' has no verb", "did you mean 'value' for 'valu'?"),
        ("{as: n, foreach: [1], prompt: p}", "x", "step 'x' has no verb", "give it one of agent"),
        ("{agent: a, prompt: p, value: 1}", "value", "step 'x' has two verbs: agent and value", "make two steps of it"),
        ("{agent: a}", "x", "step 'x' has no 'prompt'", "`prompt: …`"),
        ("{agent: a, prompt: [p]}", "[p]", "'prompt' of step 'x' is text, not a list", "quote it if"),
        ("{agent: a, prompt: true}", "true", "'prompt' of step 'x' is text, not true", 'quote it: "true"'),
        ("{agent: a, prompt: p, cache: yes}", "yes", "'cache' of step 'x' is true or false, not 'yes'", "write true"),
        ("{agent: a, prompt: p, repair: '1'}", "'1'", "'repair' of step 'x' is a whole number, not '1'", ""),
        ("{agent: a, prompt: p, repair: -1}", "-1", "'repair' of step 'x' is at least 0, not -1", ""),
        ("{agent: a, prompt: p, timeout: 30}", "30", "'timeout' of step 'x' is a time like 30s or 5m, not 30", "did you mean 30s?"),
        ("{agent: a, prompt: p, timeout: 5 min}", "5 min", "'timeout' of step 'x' is a time like 30s or 5m, not '5 min'", "units are"),
        ("{agent: a, prompt: p, on_error: contnue}", "contnue", "'on_error' of step 'x' is one of fail, continue, not 'contnue'", "did you mean 'continue'?"),
        ("{agent: a, prompt: p, on_error: {vlue: 1}}", "vlue", "'on_error' of step 'x' has no key 'vlue'", "did you mean 'value'?"),
        ("{agent: a, prompt: p, tools: sql.query}", "sql.query", "'tools' of step 'x' is a list, not text", "write [sql.query]"),
        ("{agent: a, prompt: p, params: {top_p: 2}}", "2", "'params.top_p' of step 'x' is at most 1, not 2", ""),
        ("{agent: a, prompt: p, output: strin}", "strin", "'strin' is no type", "did you mean 'string'?"),
        ("{agent: a, prompt: p, output: {a: {b: strin}}}", "strin", "'strin' is no type", "did you mean 'string'?"),
        ("{agent: a, prompt: p, output: {a: string?}}", "string?", "'string?' is no type", "`name?: type`"),
        ("{agent: a, prompt: p, output: '[{from: string}]'}", "'[{from: string}]'", "'{from: string}' is no type", "write it without quotes"),
        ("{agent: a, prompt: p, output: '{kind: a | b}'}", "'{kind: a | b}'", "'{kind: a | b}' is no list of choices", "write it without quotes"),
        ("{agent: Big One, prompt: p}", "Big One", "'agent' of step 'x' is a name, which 'Big One' is not", "`big_one`"),
        ("{agent: a, prompt: p, when: }", "when", "'when' of step 'x' is empty", ""),
        ("hello", "hello", "step 'x' is a map of its keys, not text", "{agent: …, prompt: …}"),
        ("", "x", "step 'x' is empty", ""),
        ("{steps: {y: {steps: {z: {value: 1, whn: 1}}}}}", "whn", "step 'x.y.z' has no key 'whn'", "did you mean 'when'?"),
        ("{steps: {y: {value: 1}}, repeat: {until: y, max: 0}}", "0", "'repeat.max' of step 'x' is at least 1, not 0", ""),
        ("{<<: {a: 1}, value: 1}", "<<", "step 'x' has no key '<<'", "no merge keys"),
        ("{value: 1, as_: y, foreach: [1]}", "as_", "step 'x' has no key 'as_'", "did you mean 'as'?"),
    ],
)  # fmt: skip
def test_a_wrong_step_is_told_in_words(body: str, marked: str, message: str, hint: str) -> None:
    """The user's own key and value, the place, what to write instead; and nothing besides."""
    (found,) = interpret(step(body), "w.yaml", Workflow).diagnostics

    assert found.mark.line == 3
    assert under_the_caret(found) == marked
    assert found.message.startswith(message)
    assert hint in found.hint


@pytest.mark.parametrize(
    ("head", "marked", "message"),
    [
        ("inputs: [text]", "inputs", "'inputs' is a map of names, not a list"),
        ("inputs: {n: {typ: int, default: 3}}", "typ", "input 'n' has no key 'typ'"),
        ("inputs: {n: {default: 3, label: public}}", "n", "input 'n' has no 'type'"),
        ("inputs: {n: {type: int, default: x}}", "x", "the default of input 'n': 'x' is no whole number"),
        (
            "inputs: {n: {type: file, default: 5}}",
            "5",
            "the default of input 'n': a file's default is its path, as text",
        ),
        ("inputs: {n: {type: [a, b]}}", "[a, b]", "a list type has exactly one item type, like [string]"),
        ("inputs: {2n: int}", "2n", "'2n' is no name for an input"),
        ("models: {m: 5}", "5", "model 'm' is provider:model or a map, not the number 5"),
        ("models: {m: {ues: x}}", "ues", "model 'm' has no key 'ues'"),
        ("models: {m: {use: x, context: 5}}", "5", "'context' of model 'm' is at least 128, not 5"),
        (
            "models: {m: {use: x, price: {inptu: 1}}}",
            "inptu",
            "a key of 'price' of model 'm' is one of input, output, hour, not 'inptu'",
        ),
        ("agents: {a: b}", "b", "agent 'a' is a map of its keys, not text"),
        (
            "budget: {usd: 1, then: stop}",
            "stop",
            "'budget.then' is one of stay-local, pause, fail, not 'stop'",
        ),
        ("defaults: {repare: 1}", "repare", "'defaults' has no key 'repare'"),
        ("egress: some", "some", "'egress' is none, not 'some'"),
        (
            "keep: {secrt: hash}",
            "secrt",
            "a key of 'keep' is one of public, internal, private, secret, not 'secrt'",
        ),
        ("tools: {t: {}}", "{}", "tool 't': a tool needs one of mcp, python, agent"),
        ("version: 2", "version", "there is no key 'version' at the top of a file"),
    ],
)
def test_a_wrong_head_is_told_in_words(head: str, marked: str, message: str) -> None:
    """The same care above the steps."""
    (found,) = interpret(f"orch: 1\n{head}\nsteps:\n  x: {{value: 1}}\n", "w.yaml", Workflow).diagnostics

    assert found.mark.line == 2
    assert under_the_caret(found) == marked
    assert found.message.startswith(message)


@pytest.mark.parametrize(
    ("params", "marked", "message"),
    [
        ("temprature: 0", "temprature", "'params' of model 'm' has no key 'temprature'"),
        ("temperature: hot", "hot", "'params.temperature' of model 'm' is a number, not 'hot'"),
        ("max_tokens: 0", "0", "'params.max_tokens' of model 'm' is at least 1, not 0"),
        (
            "think: hard",
            "hard",
            "'params.think' of model 'm' is one of true, false, low, medium, high, not 'hard'",
        ),
    ],
)
def test_the_parameters_of_a_model_are_checked_like_those_of_an_agent(
    params: str, marked: str, message: str
) -> None:
    """A typing mistake would otherwise be found by the first call."""
    reading = interpret(
        f"orch: 1\nmodels: {{m: {{use: 'ollama:x', params: {{{params}}}}}}}\n{STEPS}", "w", Workflow
    )

    assert [(d.message, under_the_caret(d)) for d in reading.diagnostics] == [(message, marked)]


def test_the_parameters_of_a_model_stay_the_map_that_was_written() -> None:
    """What nobody wrote is not sent."""
    params = "{temperature: 0.5, stop: END, think: low}"

    reading = interpret(
        f"orch: 1\nmodels: {{m: {{use: 'ollama:x', params: {params}}}}}\n{STEPS}", "w", Workflow
    )

    assert reading.diagnostics == ()
    assert reading.value is not None
    assert reading.value.models["m"].params == {"temperature": 0.5, "stop": "END", "think": "low"}


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file() -> None:
    """Nobody mends a file one message at a time."""
    text = """\
orch: 1
nme: x
inputs: {a: strng, b: [inte]}
agents:
  w: {output: {x: strng, y: "int(5..1)", z: [boolean]}}
steps:
  a: {agent: w}
  b: {agent: w, prompt: 5, repair: x}
  c:
    steps:
      d: {agent: w, prompt: p, timeout: 5}
      e: {prompt: p}
      Bad: {value: 1}
"""
    found = interpret(text, "w.yaml", Workflow).diagnostics

    assert [(d.code, d.mark.line) for d in found] == [
        ("ORCH101", 2), ("ORCH120", 3), ("ORCH120", 3), ("ORCH120", 5), ("ORCH120", 5), ("ORCH120", 5),
        ("ORCH102", 7), ("ORCH110", 8), ("ORCH110", 8), ("ORCH114", 11), ("ORCH104", 12), ("ORCH112", 13),
    ]  # fmt: skip


def test_a_workflow_is_saved_from_a_file_with_mistakes() -> None:
    """What is wrong is left out or stands as unknown, so that the graph is checked in the same go."""
    text = "orch: 1\nsteps:\n  a: {agent: w, prompt: p, output: {x: strng}, whn: 1}\n  b: {promt: x}\n  C: {value: 1}\n"

    reading = interpret(text, "w.yaml", Workflow)

    assert reading.value is not None
    first, second = reading.value.steps["a"], reading.value.steps["b"]
    assert isinstance(first, AgentStep)
    assert isinstance(first.output, MapOf)
    assert first.output.fields[0].type == Unknown()
    assert isinstance(second, ValueStep)
    assert second.output == Unknown()
    assert reading.broken == {"C"}


def test_nothing_is_saved_when_words_had_to_be_guessed() -> None:
    """A repaired syntax error would give the graph wrong names."""
    reading = interpret(
        step("{agent: a, prompt: p, when: 'x' in y}")
        .replace("{agent: a, prompt: p, when", "\n    value: 1\n    when")
        .replace("y}", "y"),
        "w",
        Workflow,
    )

    assert [d.code for d in reading.diagnostics] == ["ORCH012"]
    assert reading.value is None


def test_a_list_of_steps_is_one_message_with_the_remedy() -> None:
    """Other tools write steps as lists."""
    text = "orch: 1\nsteps:\n  - id: a\n    value: 1\n"

    assert messages(text) == ["2:1 'steps' is a map of names, not a list"]
    assert "a name and a colon" in hints(text)[0]


def test_field_order_is_the_order_of_the_file() -> None:
    """Maps keep their order everywhere."""
    reading = interpret(
        "orch: 1\nsteps:\n  b: {value: 1}\n  a: {steps: {z: {value: 1}, y: {value: 2}}}\n", "w", Workflow
    )

    assert reading.value is not None
    group = reading.value.steps["a"]
    assert list(reading.value.steps) == ["b", "a"]
    assert isinstance(group, GroupStep)
    assert list(group.steps) == ["z", "y"]


def test_an_agent_file_has_no_top_level_of_a_workflow() -> None:
    """Each kind of file has its own keys."""
    assert [d.code for d in interpret("orch: 1\nsteps: {}\n", "orch.yaml", Project).diagnostics] == [
        "ORCH101"
    ]


# --------------------------------------------------------------------------------------------------- paths


@pytest.mark.parametrize(
    "head",
    [
        "inputs: {a: {type: file, default: ../x.txt}}",
        "inputs: {a: {type: files, default: /etc/*.conf}}",
        "knowledge: {a: {from: [docs/*.md, ../*.md]}}",
        "agents: {a: {examples: {from: ../../cases.jsonl}}}",
        "tools: {a: {python: '../tools.py:score'}}",
        "inputs: {a: {type: image, default: link/x.png}}",
    ],
)
def test_a_path_that_leads_out_of_the_project_is_refused(project: Path, head: str) -> None:
    """By `..`, from the root, or through a link."""
    (project / "link").symlink_to(project.parent)
    (project / "w.yaml").write_text(f"orch: 1\n{head}\nsteps:\n  x: {{value: 1}}\n", encoding="utf-8")

    found = read(project / "w.yaml").diagnostics

    assert [(d.code, d.mark.line) for d in found] == [("ORCH162", 2)]


def test_a_path_may_go_up_inside_the_project(project: Path) -> None:
    """The root is what counts, not the workflow's own directory."""
    folder = project / "flows" / "daily"
    folder.mkdir(parents=True)
    text = "orch: 1\ninputs: {a: {type: file, default: ../../data/x.txt}}\nsteps:\n  x: {value: 1}\n"
    (folder / "w.yaml").write_text(text, encoding="utf-8")

    assert read(folder / "w.yaml").diagnostics == ()


def test_paths_of_steps_in_groups_are_looked_at_too(project: Path) -> None:
    """At every depth."""
    inner = "{agent: a, prompt: p, head: {from: ../x.jsonl}}"
    (project / "w.yaml").write_text(f"orch: 1\nsteps: {{g: {{steps: {{x: {inner}}}}}}}\n", encoding="utf-8")

    assert [d.code for d in read(project / "w.yaml").diagnostics] == ["ORCH162"]


@pytest.mark.parametrize(
    ("here", "named"), [(".", "orch.yaml"), ("a/b", "../../orch.yaml"), ("..", "{}/orch.yaml")]
)
def test_the_project_file_is_named_as_seen_from_here(
    project: Path, monkeypatch: pytest.MonkeyPatch, here: str, named: str
) -> None:
    """So that a terminal or an editor can open it."""
    (project / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(project / here)

    loaded = read_project(project)

    assert loaded is not None
    assert loaded.file == named.format(project.name)
