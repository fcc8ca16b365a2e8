"""What a graph is made of: edges, order, nulls, agents, models, digests."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.graph.model import Scope
from orchestrator.graph.open import check_workflow, open_workflow
from orchestrator.spec.diagnostics import SpecError
from orchestrator.spec.types import Bool, Enum, ListOf, MapOf, Nullable, Str
from tests.graph.workshop import OTHER, check, errors, graph_of, node, seen

SUPPORT = Path(__file__).parent / "data" / "support" / "support-desk.yaml"


def deps(scope: Scope) -> dict[str, list[str]]:
    """Names of what each step waits for."""
    return {n.name: [scope.nodes[dep].name for dep in n.deps] for n in scope.nodes}


def test_the_workflow_of_the_language_page_builds() -> None:
    """The contract's own example has no error, and no warning but of its documents and worked examples, which are not there,
    that a reviewer's judgement of a private ticket decides whether the cloud is asked, and a raw threshold."""
    built = check_workflow(SUPPORT)

    assert {d.code for d in built.diagnostics} == {"ORCH540", "ORCH612", "ORCH615", "ORCH701"}
    assert built.graph is not None
    assert deps(built.graph.scope) == {
        "triage": [],
        "answer": ["triage"],
        "ready": ["answer"],
        "approve": ["ready"],
        "send": ["ready", "approve"],
    }


def test_edges_are_found_in_every_key(tmp_path: Path) -> None:
    """Prompts, conditions, lists, checks and facts; nobody writes them twice."""
    graph = graph_of(
        tmp_path,
        """
        steps:
          f: {when: "b == 'x'", foreach: "c | lines", agent: writer, prompt: "{{ a }}", check: {so: output == d}, needs: e}
          a: {value: a}
          b: {value: b}
          c: {value: c}
          d: {value: d}
          e: {value: "{{ steps.a.seconds }}"}
        """,
    )

    assert set(deps(graph.scope)["f"]) == {"a", "b", "c", "d", "e"}
    assert deps(graph.scope)["e"] == ["a"]
    assert [n.name for n in graph.scope.nodes] == ["a", "b", "c", "d", "e", "f"]
    assert [graph.scope.nodes[i].name for i in node(graph, "f").needs] == ["e"]
    assert graph.scope.roots == (0, 1, 2, 3)
    assert set(node(graph, "a").successors) == {4, 5}


def test_a_group_waits_for_what_its_steps_read(tmp_path: Path) -> None:
    """Edges stay inside a scope: the group takes over those that leave it."""
    graph = graph_of(
        tmp_path,
        """
        steps:
          team:
            steps:
              inner: {steps: {deep: {value: "{{ first_one }}"}}}
              next_one: {value: "{{ inner.deep }}"}
          first_one: {value: a}
          out: {value: "{{ team.next_one }}"}
        """,
    )

    assert deps(graph.scope) == {"first_one": [], "team": ["first_one"], "out": ["team"]}
    body = node(graph, "team").body
    assert body is not None
    assert deps(body) == {"inner": [], "next_one": ["inner"]}
    assert node(graph, "team.inner.deep").deps == ()


def test_names_resolve_outwards(tmp_path: Path) -> None:
    """Inner step, loop variable, outer step; siblings in other groups may share names."""
    graph = graph_of(
        tmp_path,
        """
        steps:
          words: {value: "a b", output: string}
          one: {foreach: "words | lines", as: word, steps: {x: {value: "{{ word }}"}, y: {value: "{{ x }} {{ words }}"}}}
          two: {steps: {x: {value: 1}}}
        """,
    )

    assert node(graph, "one").loop == ("word",)
    assert node(graph, "two.x").value_type is not None


def test_a_skipped_step_skips_its_readers_and_types_say_so(tmp_path: Path) -> None:
    """`nulls` names exactly the steps that can be null, up to the part that denotes a step."""
    graph = graph_of(
        tmp_path,
        """
        steps:
          sure: {agent: writer, prompt: Hi, output: {good: bool, why: string}}
          maybe: {when: sure.good, agent: writer, prompt: Hi, output: {text: string}}
          reader: {agent: writer, prompt: "{{ maybe.text }} {{ sure.why }}"}
          further: {agent: writer, prompt: "{{ reader }}"}
          handled: {agent: writer, prompt: "{{ coalesce(maybe.text, sure.why) }} {% if reader %}{{ reader }}{% endif %}"}
          team: {steps: {inner: {when: sure.good, value: {a: b}}}}
          deep: {agent: writer, prompt: "{{ team.inner.a }}"}
          after: {value: 1, needs: maybe}
        """,
    )

    assert node(graph, "reader").nulls == {"prompt": (("maybe",),)}
    assert node(graph, "further").nulls == {"prompt": (("reader",),)}
    assert node(graph, "handled").nulls == {}
    assert node(graph, "deep").nulls == {"prompt": (("team", "inner"),)}
    assert isinstance(node(graph, "further").value_type, Nullable)
    assert node(graph, "handled").value_type == Str(None)
    assert isinstance(node(graph, "after").value_type, Nullable)
    assert isinstance(node(graph, "team").value_type, MapOf)


def test_a_list_that_can_be_null_skips_the_whole_foreach(tmp_path: Path) -> None:
    """Items that can be null skip only their own instance."""
    graph = graph_of(
        tmp_path,
        """
        steps:
          go: {ask: Go?, choices: [go, stop]}
          list_one: {when: go == 'go', agent: writer, prompt: Hi, output: "[string]"}
          each_one: {foreach: list_one, agent: writer, prompt: "{{ item }}"}
          kept: {foreach: [a, b], on_item_error: keep, agent: writer, prompt: "{{ item }}"}
          again: {foreach: kept, as: text, agent: writer, prompt: "{{ text }}"}
        """,
    )

    assert node(graph, "each_one").nulls == {"foreach": (("list_one",),)}
    assert node(graph, "each_one").value_type == Nullable(ListOf(Str(None), 0, None))
    assert node(graph, "again").nulls == {"prompt": (("text",),)}
    assert node(graph, "again").value_type == ListOf(Nullable(Str(None)), 0, None)


def test_the_value_of_a_step_follows_its_keys(tmp_path: Path) -> None:
    """Lists under foreach, maps under models, choices of an ask, replacements of on_error."""
    graph = graph_of(
        tmp_path,
        """
        orch: 1
        models: {one: 'ollama:a', two: 'ollama:b'}
        agents: {writer: {role: You write.}}
        steps:
          both: {agent: writer, prompt: Hi, models: [one, two], output: {n: int}}
          ask_it: {ask: Well?, choices: [a, b]}
          safe: {agent: writer, prompt: Hi, output: {ok: bool}, on_error: {value: {ok: false}}}
          weak: {agent: writer, prompt: Hi, on_error: continue}
          use: {value: "{{ both.one.n + both.two.n }}"}
        """,
    )

    both = node(graph, "both")
    assert both.models == ("one", "two")
    assert isinstance(both.value_type, MapOf)
    assert [f.name for f in both.value_type.fields] == ["one", "two"]
    assert node(graph, "ask_it").value_type == Enum(("a", "b"))
    assert isinstance(node(graph, "safe").value_type, MapOf)
    assert node(graph, "weak").value_type == Nullable(Str(None))
    assert set(graph.models) == {"one", "two", "embedded"}


def test_last_is_the_pass_before(tmp_path: Path) -> None:
    """It is null in the first pass, typed afterwards, and `until` sees the names inside."""
    graph = graph_of(
        tmp_path,
        """
        steps:
          reply:
            repeat: {until: judge.good, max: 3, else: keep}
            steps:
              draft: {agent: writer, prompt: "{% if last %}{{ last.judge.why }}{% endif %} Go."}
              judge: {agent: writer, prompt: "{{ draft }}", output: {good: bool, why: string}}
          out: {value: "{{ reply.draft }} after {{ steps.reply.passes }}"}
        """,
    )

    assert "until" in node(graph, "reply").programs
    assert isinstance(node(graph, "reply").value_type, MapOf)


@pytest.mark.parametrize(
    ("expression", "code", "marked"),
    [
        ("last.judge.why", "ORCH402", "judge"),
        ("last.jugde.why if last else ''", "ORCH202", "jugde"),
        ("last.judge.wy if last else ''", "ORCH202", "wy"),
    ],
)
def test_last_is_checked(expression: str, code: str, marked: str, tmp_path: Path) -> None:
    """Its fields are those of the pass before, and it is null at first."""
    built = check(
        tmp_path,
        f"""
        steps:
          reply:
            repeat: {{until: judge.good, max: 3}}
            steps:
              draft: {{agent: writer, prompt: "{{{{ {expression} }}}}"}}
              judge: {{agent: writer, prompt: "{{{{ draft }}}}", output: {{good: bool, why: string}}}}
        """,
    )

    assert (code, marked) in errors(built)


def test_a_cycle_is_printed_whole_also_through_groups(tmp_path: Path) -> None:
    """The group takes part in the circle; the hint names the step inside it."""
    built = check(
        tmp_path,
        """
        steps:
          a: {value: "{{ team.x }}"}
          team: {steps: {x: {value: "{{ b }}"}}}
          b: {value: 1, needs: a}
        """,
    )

    [cycle] = [d for d in built.diagnostics if d.severity == "error"]
    assert cycle.message == "steps read each other in a circle: a -> team -> b -> a"
    assert "team.x reads b" in cycle.hint
    assert seen(cycle) == ("ORCH501", "team")


def test_two_cycles_are_two_errors(tmp_path: Path) -> None:
    """All at once."""
    built = check(
        tmp_path,
        """
        steps:
          a: {value: "{{ b }}"}
          b: {value: "{{ a }}"}
          c: {value: "{{ dd }}"}
          dd: {value: "{{ c }}"}
        """,
    )

    assert [code for code, _ in errors(built)] == ["ORCH501", "ORCH501"]


def test_agents_are_merged_from_library_step_and_defaults(tmp_path: Path) -> None:
    """Step over agent over the workflow's defaults over the project's."""
    (tmp_path / "orch.yaml").write_text(
        "orch: 1\nmodels: {shared: 'ollama:s'}\ndefaults: {model: shared, repair: 3, timeout: 1m, params: {top_k: 5, seed: 1}}\n",
        encoding="utf-8",
    )
    graph = graph_of(
        tmp_path,
        """
        orch: 1
        models: {own: 'ollama:o'}
        agents:
          plain: {role: You write.}
          special: {model: own, role: "You write for {{ inputs.who }}.", params: {seed: 2}}
        inputs: {who: string}
        defaults: {repair: 2}
        steps:
          a: {agent: plain, prompt: Hi}
          b: {agent: special, prompt: Hi, params: {temperature: 0.5}}
        """,
    )

    a, b = node(graph, "a"), node(graph, "b")
    assert (a.models, b.models) == (("shared",), ("own",))
    assert b.agent is not None
    assert b.agent.spec.params is not None
    assert b.agent.spec.params.model_dump(exclude_none=True) == {"temperature": 0.5, "top_k": 5, "seed": 2}
    assert b.programs["role"].evaluate({"inputs": {"who": "Ann"}}) == "You write for Ann."
    assert (graph.workflow.defaults.repair, graph.workflow.defaults.timeout) == (2, 60.0)


def test_without_any_model_the_embedded_one_thinks(tmp_path: Path) -> None:
    """The smallest workflow needs no `models:`."""
    graph = graph_of(tmp_path, "steps: {a: {agent: writer, prompt: Hi}}")

    assert node(graph, "a").models == ("embedded",)
    assert graph.models["embedded"].use == "llamacpp:smollm2-135m"


def test_a_mistake_in_an_agents_file_is_shown_there(tmp_path: Path) -> None:
    """File, line and column of the prompt the agent consists of."""
    folder = tmp_path / "agents" / "poet"
    folder.mkdir(parents=True)
    (folder / "agent.yaml").write_text("description: Writes poems.\n", encoding="utf-8")
    (folder / "prompt.j2").write_text("You write poems\nfor {{ inputs.whom }}.\n", encoding="utf-8")

    built = check(
        tmp_path, "orch: 1\ninputs: {who: string}\nsteps: {a: {agent: poet, prompt: 'For {{ inputs.who }}'}}"
    )

    [error] = [d for d in built.diagnostics if d.severity == "error"]
    assert error.mark.file.endswith("agents/poet/prompt.j2")
    assert (error.mark.line, error.mark.column) == (2, 15)
    assert seen(error) == ("ORCH204", "whom")


def test_a_subworkflow_is_checked_wired_and_typed(tmp_path: Path) -> None:
    """Its value has the type of its outputs; what is wrong in it is shown in its own file."""
    (tmp_path / "other.yaml").write_text(OTHER, encoding="utf-8")
    graph = graph_of(
        tmp_path, "steps: {a: {workflow: other.yaml, with: {text: Hi}}, b: {value: '{{ a.said }}'}}"
    )
    assert node(graph, "a").child is not None

    wrong = check(tmp_path, "steps: {a: {workflow: other.yaml, with: {txt: Hi}}, b: {value: '{{ a.sad }}'}}")
    assert errors(wrong) == [("ORCH317", "other.yaml"), ("ORCH204", "txt"), ("ORCH202", "sad")]

    (tmp_path / "other.yaml").write_text(OTHER.replace("inputs.text", "inputs.txt"), encoding="utf-8")
    broken = check(tmp_path, "steps: {a: {workflow: other.yaml, with: {text: Hi}}}")
    [error] = [d for d in broken.diagnostics if d.severity == "error"]
    assert (error.mark.file, error.code, error.mark.line) == ("other.yaml", "ORCH204", 4)


def test_workflows_in_a_circle_are_refused_by_name(tmp_path: Path) -> None:
    """The whole circle is printed."""
    (tmp_path / "other.yaml").write_text(
        "orch: 1\nsteps: {back: {workflow: workflow.yaml}}\n", encoding="utf-8"
    )

    built = check(tmp_path, "steps: {a: {workflow: other.yaml}}")

    [error] = [d for d in built.diagnostics if d.severity == "error"]
    assert error.code == "ORCH503"
    assert "workflow.yaml -> other.yaml -> workflow.yaml" in error.message


def test_a_schema_file_types_the_output(tmp_path: Path) -> None:
    """A closed schema is checked like a written type; an open one is left alone."""
    (tmp_path / "s.json").write_text(
        '{"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": false}',
        encoding="utf-8",
    )
    text = "steps: {{a: {{agent: writer, prompt: Hi, output: {{schema: s.json}}}}, b: {{value: '{{{{ a.{} }}}}'}}}}"
    graph = graph_of(tmp_path, text.format("ok"))

    assert node(graph, "a").schema is not None
    assert node(graph, "b").value_type == Bool()
    assert errors(check(tmp_path, text.format("okay"))) == [("ORCH202", "okay")]


def test_a_schema_outside_the_project_is_refused(tmp_path: Path) -> None:
    """Files stay beneath the root."""
    (tmp_path / "s.json").write_text('{"type": "object"}', encoding="utf-8")
    project = tmp_path / "project"
    project.mkdir()

    built = check(project, "steps: {a: {agent: writer, prompt: Hi, output: {schema: ../s.json}}}")

    assert [code for code, _ in errors(built)] == ["ORCH609"]


def test_the_digest_covers_everything_included(tmp_path: Path) -> None:
    """A change of the file, an agent, the project or a subworkflow is another workflow; a rebuild is not."""
    (tmp_path / "other.yaml").write_text(OTHER, encoding="utf-8")
    text = "steps: {a: {workflow: other.yaml, with: {text: Hi}}, b: {agent: writer, prompt: Hi}}"
    first = graph_of(tmp_path, text).digest

    assert graph_of(tmp_path, text).digest == first
    assert graph_of(tmp_path, text + " # more").digest != first
    (tmp_path / "other.yaml").write_text(OTHER + "# more\n", encoding="utf-8")
    assert graph_of(tmp_path, text).digest != first


def test_a_wrong_file_opens_with_all_its_errors(tmp_path: Path) -> None:
    """Structure, names and types together, in the order of the file."""
    (tmp_path / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (tmp_path / "w.yaml").write_text(
        "orch: 1\nagents: {writer: {role: You write.}}\nsteps:\n"
        "  a: {agent: writer, promt: Hi, prompt: Hi}\n  b: {value: '{{ aa }}'}\n  c: {agent: writr, prompt: Hi}\n",
        encoding="utf-8",
    )

    with pytest.raises(SpecError) as caught:
        open_workflow(tmp_path / "w.yaml")

    assert [(d.code, d.mark.line) for d in caught.value.diagnostics] == [
        ("ORCH101", 4),
        ("ORCH201", 5),
        ("ORCH601", 6),
    ]


def test_what_is_never_used_is_a_warning(tmp_path: Path) -> None:
    """Agents, models and inputs; the graph is usable all the same."""
    built = check(
        tmp_path,
        """
        orch: 1
        inputs: {text: string}
        models: {big: 'ollama:b'}
        agents: {writer: {role: You write.}, reader: {role: You read.}}
        steps: {a: {agent: writer, prompt: Hi}}
        """,
    )

    assert built.graph is not None
    assert [(d.severity, *seen(d)) for d in built.diagnostics] == [
        ("warning", "ORCH521", "text"),
        ("warning", "ORCH520", "big"),
        ("warning", "ORCH520", "reader"),
    ]


@pytest.mark.parametrize(
    ("line", "word_"),
    [
        ("agents: {writer: {role: You write., model: cloud}}", "cloud"),
        ("agents: {writer: {role: You write.}}\ndefaults: {model: cloud}", "cloud"),
    ],
)
def test_a_cloud_model_is_named_in_a_step_only(line: str, word_: str, tmp_path: Path) -> None:
    """Whatever it is called, and whatever its address: loopback is not cloud."""
    steps = "steps: {a: {agent: writer, prompt: Hi}}"

    away = check(tmp_path, f"orch: 1\nmodels: {{cloud: 'openai:gpt-5-mini'}}\n{line}\n{steps}")
    here = check(
        tmp_path,
        f"orch: 1\nmodels: {{cloud: {{use: 'openai:x', url: 'http://127.0.0.1:1/v1', where: local}}}}\n{line}\n{steps}",
    )

    assert errors(away) == [("ORCH605", word_)]
    assert errors(here) == []


def test_a_python_tool_is_read_and_never_executed(tmp_path: Path) -> None:
    """Its signature comes from the syntax tree; wrong arguments are errors."""
    (tmp_path / "tools.py").write_text(
        "raise SystemExit('executed')\ndef score(text: str, *, top: int = 3) -> int:\n    return 1\n",
        encoding="utf-8",
    )
    text = """
        orch: 1
        tools: {{score: {{python: "tools.py:{}"}}}}
        steps:
          a: {{tool: score, with: {{{}: Hi}}}}
          b: {{value: "{{{{ a + 1 }}}}"}}
        """

    assert errors(check(tmp_path, text.format("score", "text"))) == []
    assert errors(check(tmp_path, text.format("scor", "text"))) == [("ORCH610", '"tools.py:scor"')]
    assert errors(check(tmp_path, text.format("score", "txt"))) == [("ORCH315", "score"), ("ORCH315", "txt")]


def test_an_empty_reduction_is_passed_on_but_needs_no_guard(tmp_path: Path) -> None:
    """Only an empty list gives null: readers may take the value for granted."""
    graph = graph_of(
        tmp_path,
        """
        inputs: {text: text}
        steps:
          parts: {foreach: "inputs.text | chunks(tokens=50)", agent: writer, prompt: "{{ item }}"}
          whole: {agent: writer, reduce: parts, prompt: "{{ items | join(' ') }}", output: {text: string}}
          polish: {agent: writer, prompt: "{{ whole.text }}"}
          out: {value: "Result: {{ whole.text }}"}
        """,
    )

    assert node(graph, "polish").nulls == {"prompt": (("whole",),)}


def test_facts_of_a_step_that_may_not_run_are_guarded_with_it(tmp_path: Path) -> None:
    """Whoever asks for the step has asked for its facts."""
    graph = graph_of(
        tmp_path,
        """
        steps:
          sure: {agent: writer, prompt: Hi, output: {good: bool}}
          maybe: {when: sure.good, agent: writer, prompt: Hi}
          a: {when: maybe, value: "{{ steps.maybe.tokens }}"}
          b: {value: "{{ steps.maybe.tokens if maybe else 0 }}"}
          c: {agent: writer, prompt: "{{ steps.maybe.tokens }}"}
        """,
    )

    assert node(graph, "c").nulls == {"prompt": (("steps", "maybe"),)}


def test_defaults_reach_the_steps_they_apply_to(tmp_path: Path) -> None:
    """A default `on_error: continue` makes agent steps null when they fail, and their readers must know."""
    text = """
        orch: 1
        agents: {{writer: {{role: You write.}}}}
        defaults: {{on_error: continue, parallel: 2}}
        steps:
          a: {{agent: writer, prompt: Hi, output: {{text: string}}}}
          b: {{value: "{}"}}
        """

    graph = graph_of(tmp_path, text.format("{{ a.text | default('none') }}"))

    assert (node(graph, "a").step.on_error, node(graph, "a").step.parallel) == ("continue", 2)
    assert node(graph, "b").step.on_error is None
    assert errors(check(tmp_path, text.format("{{ a.text }}"))) == [("ORCH401", "text")]
