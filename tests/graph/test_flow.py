"""What may leave the machine is proved before the run: the path of every refusal, the sinks, what the graph records."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from orchestrator.graph.build import Built
from orchestrator.graph.model import all_nodes
from orchestrator.labels import Flow, Label
from orchestrator.spec.diagnostics import Diagnostic
from tests.graph.workshop import check, graph_of, node, seen

HEAD = """\
orch: 1
inputs:
  tickets: {type: file, format: jsonl, rows: {id: int, body: text}}
  note: text
  open: {type: text, label: public}
  opens: {type: "[string]", label: public}
models:
  cloud: "openai:gpt-5-mini"
  trusted: {use: "openai:gpt-5", clearance: private}
  narrow: {use: "ollama:llama3.2:3b", clearance: internal}
  small: "ollama:qwen3:4b"
agents: {plain: {role: You write short answers.}, keeper: {role: You know our margins., label: internal}}
"""


def built(root: Path, steps: str, head: str = HEAD) -> Built:
    import textwrap

    body = textwrap.indent(textwrap.dedent(steps).strip("\n"), "  ")
    return check(root, f"{head}steps:\n{body}\n")


def wrong(root: Path, steps: str, head: str = HEAD) -> list[tuple[str, str]]:
    """Code and marked word of all that is wrong; names of the head that a case does not use are no matter."""
    return [seen(d) for d in _found(root, steps, head)]


def _found(root: Path, steps: str, head: str) -> list[Diagnostic]:
    found = built(root, steps, head).diagnostics
    return [d for d in found if d.severity == "error" or d.code.startswith("ORCH7")]


def message(root: Path, steps: str, head: str = HEAD) -> tuple[str, str]:
    """Message and hint of the one thing that is wrong."""
    (found,) = _found(root, steps, head)
    return found.message, found.hint


def flow(root: Path, steps: str, path: str) -> Flow:
    graph = built(root, steps).graph
    assert graph is not None
    found = node(graph, path).flow
    assert found is not None
    return found


# ------------------------------------------------------------------------------------------------- refusals


def test_a_refusal_says_who_sends_what_where_and_how_it_came_there(tmp_path: Path) -> None:
    """The whole way of the value, from where its label begins."""
    said, hint = message(
        tmp_path,
        """
        answer:
          foreach: inputs.tickets
          steps:
            scrub: {agent: plain, prompt: "{{ item.body }}"}
            expert: {agent: plain, prompt: "{{ scrub }}", escalate: {to: cloud}}
        """,
    )

    assert said == (
        "step 'expert' may send private data to 'cloud' (clearance public): "
        "inputs.tickets[].body → scrub.prompt → scrub → expert.prompt"
    )
    assert hint == (
        "if it is public, say so: inputs.tickets.label: public; "
        "or lower it in step 'scrub': declassify: {from: private, to: public, by: redact}; "
        "or if 'cloud' may see it: models.cloud.clearance: private"
    )


def test_a_remedy_that_would_not_be_enough_is_not_offered(tmp_path: Path) -> None:
    """How many items there are is private too, outside the loop; inside it is a matter of who is asked at all."""
    steps = """
    scrub: {foreach: inputs.tickets, agent: plain, prompt: "{{ item.body }}"}
    expert: {foreach: scrub, agent: plain, model: cloud, prompt: "{{ item }}"}
    """

    _, hint = message(tmp_path, steps)

    assert "put 'scrub' and 'expert' into one group with the `foreach`, and lower it there" in hint


def test_where_a_person_is_asked_before_it_is_sent_that_person_may_lower_it(tmp_path: Path) -> None:
    """Detectors would only be in the way of someone who looks anyway."""
    _, hint = message(
        tmp_path,
        """
        draft: {agent: plain, prompt: "{{ inputs.note }}"}
        sure: {ask: Send it?, show: "{{ draft }}", choices: [send, drop]}
        out: {when: sure == 'send', agent: plain, model: cloud, prompt: "{{ draft }}"}
        """,
    )

    assert "step 'draft': declassify: {from: private, to: public, by: approve}" in hint


def test_figures_are_lowered_as_figures(tmp_path: Path) -> None:
    """By the step that gives them, or by one that has to take the place of a `value`."""
    _, given = message(
        tmp_path,
        """
        many: {agent: plain, prompt: "{{ inputs.note }}", output: int}
        out: {agent: plain, model: cloud, prompt: "{{ many }}"}
        """,
    )
    _, counted = message(
        tmp_path,
        """
        many: {value: "{{ inputs.tickets | length }}"}
        out: {agent: plain, model: cloud, prompt: "{{ many }}"}
        """,
    )

    assert "step 'many': declassify: {from: private, to: public, by: aggregate}" in given
    assert "agent step give the figure instead of 'many'" in counted
    assert "by: aggregate" in counted


def test_a_value_that_is_lowered_already_and_comes_back_by_on_error_is_told_so(tmp_path: Path) -> None:
    """Another `declassify` would not help."""
    _, hint = message(
        tmp_path,
        """
        scrub:
          agent: plain
          prompt: "{{ inputs.note }}"
          declassify: {from: private, to: public, by: redact}
          on_error: continue
        out: {agent: plain, model: cloud, prompt: "{{ coalesce(scrub, 'nothing') }}"}
        """,
    )

    assert "take `on_error` out there" in hint
    assert "declassify:" not in hint


@pytest.mark.parametrize("use", ["ollama:qwen3:4b", "vllm:qwen", "openai:qwen"])
def test_a_gateway_on_this_machine_may_be_said_to_run_the_weights(tmp_path: Path, use: str) -> None:
    """Only where that would make it a model of this machine."""
    head = HEAD.replace(
        'cloud: "openai:gpt-5-mini"', f'cloud: {{use: "{use}", url: "http://localhost:4000/v1"}}'
    )
    found = _found(tmp_path, 'out: {agent: plain, model: cloud, prompt: "{{ inputs.note }}"}', head)

    offered = [d for d in found if "models.cloud.where: local" in d.hint]
    assert bool(offered) == use.startswith("openai")


def test_a_cloud_model_of_ollama_cannot_be_said_to_be_here(tmp_path: Path) -> None:
    """Its server is on this machine, its weights are not."""
    head = HEAD.replace("{plain: {", "{plain: {model: away, ").replace(
        'cloud: "openai', 'away: "ollama:gpt-oss:120b-cloud"\n  cloud: "openai'
    )

    found = _found(tmp_path, "out: {agent: plain, prompt: Hello.}", head)

    said = [d for d in found if d.code == "ORCH605"]
    assert len(said) == 1
    assert "without `-cloud`" in said[0].hint
    assert "where: local" not in said[0].hint


def test_a_long_way_is_shortened_in_the_middle(tmp_path: Path) -> None:
    """Where it begins and where it ends is what helps."""
    chain = ['s0: {value: "{{ inputs.note }}"}']
    chain += [f's{n}: {{agent: plain, prompt: "{{{{ s{n - 1} }}}}"}}' for n in range(1, 20)]

    said, _ = message(tmp_path, "\n".join([*chain, 'out: {agent: plain, model: cloud, prompt: "{{ s19 }}"}']))

    assert said.endswith("inputs.note → s0 → s1.prompt → s1 → … → s18 → s19.prompt → s19 → out.prompt")


def test_one_error_for_each_step_and_sink(tmp_path: Path) -> None:
    """However many parts are too private; another model is another sink."""
    steps = """
    out:
      agent: keeper
      models: [cloud, small, narrow]
      prompt: "{{ inputs.note }} {{ inputs.tickets }}"
      memory: {key: me}
    """

    assert wrong(tmp_path, steps) == [("ORCH700", "cloud"), ("ORCH700", "narrow")]


@pytest.mark.parametrize(
    ("step", "word"),
    [
        ('agent: plain, model: cloud, prompt: "{{ inputs.note }}"', "cloud"),
        ('agent: plain, models: [small, cloud], prompt: "{{ inputs.note }}"', "cloud"),
        ('agent: plain, prompt: "{{ inputs.note }}", escalate: {to: cloud}', "cloud"),
        ('agent: plain, prompt: "{{ inputs.note }}", escalate: {to: [small, cloud]}', "cloud"),
        ('agent: plain, model: narrow, prompt: "{{ inputs.note }}"', "narrow"),
        ('agent: plain, prompt: "{{ inputs.note }}", tools: [mail.send]', "mail.send"),
        ('tool: mail.send, with: {body: "{{ inputs.note }}"}', "mail.send"),
        ('tool: score, with: {body: "{{ inputs.note }}"}', "score"),
        ('tool: files.write, with: {path: a.txt, text: "{{ env.KEY }}"}', "files.write"),
        (
            'tool: sql.query, with: {database: "postgresql://db.example.org/x", sql: "{{ inputs.note }}"}',
            "sql.query",
        ),
        ('agent: plain, prompt: Hi., tools: ["agent:writer"]', '"agent:writer"'),
    ],
)
def test_every_way_out_is_refused_where_it_is_written(step: str, word: str, tmp_path: Path) -> None:
    """Models of the step, of its ladder, servers, functions with effects, files, databases, tools of delegates."""
    head = HEAD.replace(
        "label: internal}}\n",
        "label: internal},\n  writer: {role: You write letters., tools: [score], examples: {from: a.jsonl}}}\n",
    )
    head += "tools: {mail: {mcp: {command: [mail]}}, score: {python: 'tools.py:score'}}\n"
    (tmp_path / "tools.py").write_text("def score(body: str) -> int:\n    return 1\n", encoding="utf-8")

    assert wrong(tmp_path, f"out: {{{step}}}", head) == [("ORCH700", word)]


@pytest.mark.parametrize(
    "step",
    [
        'agent: plain, prompt: "{{ inputs.note }}"',
        'agent: plain, model: small, prompt: "{{ env.KEY }}"',
        'agent: plain, model: trusted, prompt: "{{ inputs.note }}"',
        'agent: plain, prompt: "{{ inputs.note }}", escalate: {to: [small, trusted]}',
        'agent: keeper, model: narrow, prompt: "{{ inputs.open }}"',
        'tool: mail.send, with: {body: "{{ inputs.note }}"}',
        'tool: score, with: {body: "{{ inputs.note }}"}',
        'tool: files.write, with: {path: a.txt, text: "{{ inputs.note }}"}',
        "tool: sql.query, with: {database: a.sqlite, sql: \"select '{{ inputs.note }}'\"}",
        'ask: "Send {{ inputs.note }}?"',
    ],
)
def test_what_stays_or_may_be_seen_is_fine(step: str, tmp_path: Path) -> None:
    """This machine, clearances that are stated, functions without effects, files beneath the root, people."""
    head = HEAD + (
        "tools: {mail: {mcp: {command: [mail]}, clearance: private}, "
        "score: {python: 'tools.py:score', effects: none}}\n"
    )
    (tmp_path / "tools.py").write_text("def score(body: str) -> int:\n    return 1\n", encoding="utf-8")

    assert wrong(tmp_path, f"out: {{{step}}}", head) == []


@pytest.mark.parametrize(
    "model",
    [
        '"openai:gpt-5-mini"',
        '{use: "lmstudio:m", url: "http://models.example.org:1234/v1"}',
        '{use: "openai:m", url: "http://127.0.0.1:8000/v1"}',
        '"ollama:gpt-oss:120b-cloud"',
        '{use: "llamacpp:smollm2-135m", where: cloud}',
    ],
)
def test_a_name_does_not_make_a_model_local(model: str, tmp_path: Path) -> None:
    """Only its endpoint does, whatever it is called."""
    steps = 'out: {agent: plain, model: local, prompt: "{{ inputs.note }}"}'
    head = HEAD.replace('cloud: "openai:gpt-5-mini"', f"local: {model}")

    assert wrong(tmp_path, steps, head) == [("ORCH700", "local")]


@pytest.mark.parametrize(
    "step",
    [
        'agent: plain, prompt: Hi., tools: ["agent:helper"]',
        "agent: plain, prompt: Hi., tools: [help]",
        'tool: "agent:helper", with: {prompt: Hi.}',
        "tool: help, with: {prompt: Hi.}",
        "agent: plain, prompt: Hi., samples: 3, pick: helper",
        "agent: chief, prompt: Hi.",
    ],
)
def test_a_delegate_and_a_judge_stay_on_this_machine(step: str, tmp_path: Path) -> None:
    """Only a step may say that something leaves."""
    agents = "  helper: {role: You help., model: cloud},\n  chief: {role: You ask others., tools: ['agent:helper']}}\n"
    head = HEAD.replace("label: internal}}\n", f"label: internal}},\n{agents}")
    head += "tools: {help: {agent: helper}}\n"

    assert wrong(tmp_path, f"out: {{{step}}}", head) == [("ORCH605", "cloud")]


def test_documents_go_to_the_embedder_as_queries_do(tmp_path: Path) -> None:
    """Once where the knowledge is declared, and where something private looks things up."""
    head = (
        HEAD
        + 'knowledge: {site: {from: site/*.md, label: public, embed: "openai:e"}, own: {from: a/*.md, embed: "openai:e"}}\n'
    )

    steps = """
    fine: {agent: plain, prompt: "{{ inputs.open }}", knowledge: [site]}
    query: {agent: plain, prompt: "{{ inputs.open }}", search: "{{ inputs.note }}", knowledge: [site]}
    documents: {agent: plain, prompt: "{{ inputs.open }}", knowledge: [own]}
    found: {tool: search, with: {knowledge: site, query: "{{ inputs.note }}"}}
    """

    assert wrong(tmp_path, steps, head) == [
        ("ORCH700", '"openai:e"'),
        ("ORCH700", "[site]"),
        ("ORCH700", "search"),
    ]


# --------------------------------------------------------------------------------------------------- scopes


def test_that_a_call_happens_is_only_a_warning(tmp_path: Path) -> None:
    """What it sends is public; a condition, a list, an end of a loop or an escalation decide on it."""
    steps = """
    one: {when: "inputs.note == 'x'", agent: plain, model: cloud, prompt: Hi.}
    two: {foreach: inputs.tickets, agent: plain, model: cloud, prompt: Hi.}
    three:
      repeat: {until: "inputs.note == 'x'", max: 3, else: keep}
      steps: {four: {agent: plain, model: cloud, prompt: Hi.}}
    five: {agent: plain, prompt: Hi., escalate: {to: cloud, before: "inputs.note == 'x'"}}
    six: {agent: plain, prompt: Hi., escalate: {to: cloud, when: "inputs.note == 'x'"}}
    seven: {when: inputs.open, agent: plain, prompt: Hi., escalate: {to: cloud, when: invalid}}
    eight: {needs: one, agent: plain, model: cloud, prompt: Hi.}
    """

    assert wrong(tmp_path, steps) == [("ORCH701", "cloud")] * 6


def test_inside_a_loop_a_lowered_value_may_leave_and_outside_it_may_not(tmp_path: Path) -> None:
    """Which items there are is told by the list, not by one item."""
    group = """
    answer:
      foreach: inputs.tickets
      steps:
        scrub: {{agent: plain, prompt: "{{{{ item.body }}}}", declassify: {{from: private, to: public, by: redact}}}}
        expert: {{agent: plain, model: cloud, prompt: "{{{{ {inside} }}}}"}}
    {outside}
    """
    later = 'late: {agent: plain, model: cloud, prompt: "{{ answer[0].scrub }}"}'

    assert wrong(tmp_path, group.format(inside="scrub", outside="")) == [("ORCH701", "cloud")]
    assert wrong(tmp_path, group.format(inside="item.body", outside="")) == [("ORCH700", "cloud")]
    assert wrong(tmp_path, group.format(inside="index", outside="")) == [("ORCH700", "cloud")]
    assert ("ORCH700", "cloud") in wrong(tmp_path, group.format(inside="scrub", outside=later))


def test_each_field_has_its_own_label(tmp_path: Path) -> None:
    """Through maps, positions of zip, groups, and lists of maps; a filter that knows nothing of them joins all."""
    steps = """
    both: {{value: {{a: "{{{{ inputs.open }}}}", b: "{{{{ inputs.note }}}}"}}}}
    pairs: {{foreach: "zip(inputs.opens, inputs.opens)", as: [x, y], value: {{a: "{{{{ x }}}}", b: "{{{{ inputs.note }}}}"}}}}
    group: {{steps: {{a: {{value: x}}, b: {{value: "{{{{ inputs.note }}}}"}}}}}}
    out: {{agent: plain, model: cloud, prompt: "{{{{ {read} }}}}"}}
    """
    fine = ("both.a", "group.a", "pairs[0].a", "pairs | map(attribute='a') | list", "(pairs | first).a")
    bad = (
        "both",
        "both.b",
        "group",
        "group | json",
        "pairs",
        "pairs | map(attribute='b') | list",
        "(pairs | first).b",
    )

    for read in fine:
        assert wrong(tmp_path, steps.format(read=read)) == [], read
    for read in bad:
        assert wrong(tmp_path, steps.format(read=read)) == [("ORCH700", "cloud")], read


# ------------------------------------------------------------------------------------------------ lowering


def test_a_label_on_a_step_only_raises(tmp_path: Path) -> None:
    """Lower is an error, as high or higher is fine."""
    step = "out: {{agent: plain, prompt: '{{{{ inputs.note }}}}', label: {label}}}"

    assert wrong(tmp_path, step.format(label="internal")) == [("ORCH702", "internal")]
    assert wrong(tmp_path, step.format(label="private")) == []
    assert wrong(tmp_path, step.format(label="secret")) == []


def test_a_step_cannot_relabel_what_its_agent_brings_along(tmp_path: Path) -> None:
    """Its `label` is that of its value, not of the role and examples that the agent states."""
    assert wrong(tmp_path, "out: {agent: keeper, model: cloud, prompt: Hi., label: internal}") == [
        ("ORCH700", "cloud")
    ]


@pytest.mark.parametrize(
    ("declassify", "output", "found"),
    [
        ("{from: private, to: public, by: redact}", "{text: string}", []),
        ("{from: private, to: internal, by: approve}", "{text: string}", []),
        ("{from: internal, to: public, by: redact}", "{text: string}", [("ORCH703", "internal")]),
        ("{from: private, to: public, by: aggregate, min_group: 9}", "{n: int, ok: bool}", []),
        ("{from: private, to: public, by: aggregate, min_group: 9}", '{all: ["number"]}', []),
        ("{from: private, to: public, by: aggregate, min_group: 9}", "{n: int, why: string}", [("ORCH704", "aggregate")]),
        ("{from: private, to: public, by: aggregate, min_group: 9}", "a | b", [("ORCH704", "aggregate")]),
        ("{from: private, to: public, by: aggregate, min_group: 9}", "{day: date}", [("ORCH704", "aggregate")]),
    ],
)  # fmt: skip
def test_the_only_way_down_is_checked(
    declassify: str, output: str, found: list[tuple[str, str]], tmp_path: Path
) -> None:
    """From where, to where, and what can come out at all."""
    steps = (
        f'out: {{agent: plain, prompt: "{{{{ inputs.note }}}}", output: {output}, declassify: {declassify}}}'
    )

    assert wrong(tmp_path, steps) == found


def test_lowering_reaches_as_far_as_it_says(tmp_path: Path) -> None:
    """Internal is not public."""
    steps = """
    scrub: {{agent: plain, prompt: "{{{{ inputs.note }}}}", declassify: {{from: private, to: {to}, by: redact}}}}
    out: {{agent: plain, model: {model}, prompt: "{{{{ scrub }}}}"}}
    """

    assert wrong(tmp_path, steps.format(to="internal", model="cloud")) == [("ORCH700", "cloud")]
    assert wrong(tmp_path, steps.format(to="internal", model="narrow")) == []
    assert wrong(tmp_path, steps.format(to="public", model="cloud")) == []


# -------------------------------------------------------------------------------------------- subworkflows

CHILD = """\
orch: 1
inputs: {text: text, open: {type: text, label: public}}
models: {cloud: "openai:gpt-5-mini"}
agents: {plain: {role: You write short answers.}}
steps:
  scrub: {agent: plain, prompt: "{{ inputs.text }}", declassify: {from: private, to: public, by: redact}}
  expert: {agent: plain, model: cloud, prompt: "{{ scrub }} {{ inputs.open }}"}
outputs: {scrubbed: "{{ scrub }}", text: "{{ inputs.text }}", wise: "{{ expert }}"}
"""


def test_the_label_of_an_input_is_a_ceiling(tmp_path: Path) -> None:
    """What a called file was checked with is what it gets."""
    (tmp_path / "child.yaml").write_text(CHILD, encoding="utf-8")
    step = "call: {{workflow: child.yaml, with: {{text: '{{{{ {text} }}}}', open: '{{{{ {open} }}}}'}}, allow_declassify: [scrub]}}"

    assert wrong(tmp_path, step.format(text="inputs.note", open="inputs.open")) == []
    assert wrong(tmp_path, step.format(text="env.KEY", open="inputs.open")) == [
        ("ORCH705", "'{{ env.KEY }}'")
    ]
    assert wrong(tmp_path, step.format(text="inputs.open", open="inputs.note")) == [
        ("ORCH705", "'{{ inputs.note }}'")
    ]


def test_a_called_workflow_lowers_only_what_the_call_allows(tmp_path: Path) -> None:
    """Also through a workflow in between."""
    (tmp_path / "child.yaml").write_text(CHILD, encoding="utf-8")
    (tmp_path / "middle.yaml").write_text(
        "orch: 1\ninputs: {text: text}\nsteps:\n"
        "  inner: {workflow: child.yaml, with: {text: '{{ inputs.text }}', open: x}, allow_declassify: [scrub]}\n",
        encoding="utf-8",
    )
    step = "call: {{workflow: {file}, with: {{text: '{{{{ inputs.note }}}}'{more}}}}}"

    assert wrong(tmp_path, step.format(file="child.yaml", more=", open: x")) == [("ORCH706", "child.yaml")]
    assert wrong(tmp_path, step.format(file="middle.yaml", more="")) == [("ORCH706", "middle.yaml")]


def test_what_a_called_workflow_returns_has_the_labels_of_its_outputs(tmp_path: Path) -> None:
    """Field by field."""
    (tmp_path / "child.yaml").write_text(CHILD, encoding="utf-8")
    steps = """
    call: {{workflow: child.yaml, with: {{text: "{{{{ inputs.note }}}}", open: x}}, allow_declassify: [scrub]}}
    out: {{agent: plain, model: cloud, prompt: "{{{{ call.{field} }}}}"}}
    """

    assert wrong(tmp_path, steps.format(field="scrubbed")) == []
    assert wrong(tmp_path, steps.format(field="wise")) == []
    assert wrong(tmp_path, steps.format(field="text")) == [("ORCH700", "cloud")]


def test_calls_off_the_machine_in_a_called_workflow_count(tmp_path: Path) -> None:
    """For the warning that something private decides on them, and for `egress`."""
    (tmp_path / "child.yaml").write_text(CHILD, encoding="utf-8")
    step = "{{{when}workflow: child.yaml, with: {{text: x, open: x}}, allow_declassify: [scrub]}}"
    call = "call: " + step.format(when="when: \"inputs.note == 'x'\", ")

    assert wrong(tmp_path, call) == [("ORCH701", "child.yaml")]
    assert wrong(tmp_path, "call: " + step.format(when=""), HEAD + "egress: none\n") == [
        ("ORCH708", "child.yaml")
    ]


# ------------------------------------------------------------------------------------------ egress, writes


def test_egress_names_all_that_may_ever_be_used(tmp_path: Path) -> None:
    """What is used must be listed, what is listed should be used; what stays here need not be."""
    steps = """
    one: {agent: plain, model: cloud, prompt: Hi.}
    two: {agent: plain, model: small, prompt: Hi., escalate: {to: trusted}}
    three: {tool: files.write, with: {path: a.txt, text: Hi.}}
    """

    assert wrong(tmp_path, steps, HEAD + "egress: [cloud, trusted]\n") == []
    assert wrong(tmp_path, steps, HEAD + "egress: [cloud]\n") == [("ORCH708", "trusted")]
    assert wrong(tmp_path, steps, HEAD + "egress: none\n") == [("ORCH708", "cloud"), ("ORCH708", "trusted")]
    assert wrong(tmp_path, steps, HEAD + "egress: [cloud, trusted, small]\n") == [("ORCH709", "small")]


@pytest.mark.parametrize(
    ("path", "clash"),
    [
        ("docs/a.md", True),
        ("docs/deep/a.md", True),
        ("DOCS/a.md", True),
        ("./docs/../docs/a.md", True),
        ("docs/a.txt", False),
        ("out/a.md", False),
        ("docs/{{ inputs.open }}.md", True),
        ("{{ inputs.open }}", True),
        ("out/{{ inputs.open }}", False),
    ],
)
def test_private_data_is_not_written_where_it_would_be_read_as_less(
    path: str, clash: bool, tmp_path: Path
) -> None:
    """Globs, folders, and paths that only the run knows."""
    head = HEAD + "knowledge: {handbook: {from: docs/**/*.md, label: internal}}\n"
    steps = f"""
    uses: {{agent: plain, prompt: Hi., knowledge: [handbook]}}
    save: {{tool: files.write, with: {{path: "{path}", text: "{{{{ inputs.note }}}}"}}}}
    """

    found = [code for code, _ in wrong(tmp_path, steps, head)]

    assert found == (["ORCH710"] if clash else [])


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        ("{type: file, default: d.txt, label: public}", "{type: file, default: d.txt}", True),
        ("{type: file, default: d.txt, label: public}", "{type: file, default: ./d.txt}", True),
        ("{type: file, default: d.txt, label: public}", "{type: files, default: '*.txt'}", True),
        ("{type: file, default: d.txt, label: internal}", "{type: file, default: x/../d.txt}", True),
        ("{type: file, default: d.txt}", "{type: file, default: d.txt}", False),
        ("{type: file, default: d.txt, label: public}", "{type: file, default: e.txt}", False),
        ("{type: file, default: d.txt, label: public}", "{type: string, default: d.txt}", False),
    ],
)
def test_one_file_has_one_label(tmp_path: Path, first: str, second: str, clash: bool) -> None:
    """The input with the lower label would take out what the other one keeps in."""
    for name in ("d.txt", "e.txt"):
        (tmp_path / name).write_text("words", encoding="utf-8")
    head = HEAD.replace("  note: text\n", f"  note: text\n  low: {first}\n  high: {second}\n")

    found = [code for code, _ in wrong(tmp_path, "a: {value: '{{ inputs.low }} {{ inputs.high }}'}", head)]

    assert found == (["ORCH714"] if clash else [])


def test_the_format_of_an_agents_answer_is_as_private_as_the_agent(tmp_path: Path) -> None:
    """Its words and descriptions are in the request; those that the step writes out stand in the file."""
    agents = (
        "agents: {keeper: {role: Hi., label: internal, output: {margin: low | high}}, plain: {role: Hi.}}\n"
    )
    head = HEAD.split("agents:", maxsplit=1)[0] + agents

    def parts(steps: str) -> dict[str, str]:
        graph = graph_of(tmp_path, f"{head}steps:\n  {steps}\n")
        flow = graph.scope.nodes[0].flow
        assert flow is not None
        return {name: part.label for name, part in flow.parts.items()}

    assert parts("a: {agent: keeper, prompt: Hello}")["format"] == "internal"
    assert parts("a: {agent: keeper, prompt: Hello, output: {n: int}}")["format"] == "public"
    assert parts("a: {agent: plain, prompt: Hello, output: {n: int}}")["format"] == "public"
    assert wrong(tmp_path, "a: {agent: keeper, role: Own., model: cloud, prompt: Hello}", head) == [
        ("ORCH700", "cloud")
    ]


def test_a_model_that_writes_files_may_choose_any_path(tmp_path: Path) -> None:
    """So where anything is read as less, it may not be given more."""
    head = HEAD + "knowledge: {handbook: {from: docs/*.md, label: internal}}\n"
    step = "out: {{agent: plain, prompt: '{{{{ inputs.{read} }}}}', tools: [files.write], knowledge: [handbook]}}"

    assert wrong(tmp_path, step.format(read="note"), head) == [("ORCH710", "files.write")]
    assert wrong(tmp_path, step.format(read="open"), head) == []


# --------------------------------------------------------------------------------------------- the record


def test_every_step_has_its_labels(tmp_path: Path) -> None:
    """Also those in groups; a run refuses to send what has none."""
    graph = graph_of(
        tmp_path,
        HEAD
        + """
steps:
  a: {value: "{{ inputs.note }}"}
  b: {foreach: inputs.opens, steps: {c: {agent: plain, prompt: "{{ item }}"}}}
  d: {ask: Well?}
  e: {tool: python, with: {code: "1"}}
""",
    )

    assert all(node.flow is not None for node in all_nodes(graph.scope))


def test_the_parts_of_a_request_are_labelled_one_by_one(tmp_path: Path) -> None:
    """The gate in front of the socket looks them up by name."""
    steps = """
    out:
      when: "inputs.note == 'x'"
      agent: keeper
      prompt: "{{ inputs.open }}"
      output: {n: int}
      check: {it is right: "output.n == inputs.note | length"}
      declassify: {from: private, to: public, by: redact}
    """

    found = flow(tmp_path, steps, "out")

    labels: dict[str, Label] = {name: part.label for name, part in found.parts.items()}
    assert labels == {
        "role": "internal",
        "format": "public",
        "prompt": "public",
        "answer": "private",
        "errors": "private",
        "tool_results": "internal",
    } | {"tool_results": labels["tool_results"]}
    assert (found.scope.label, found.output.label, found.facts.label) == ("private", "private", "private")
    assert found.request().label == "internal"
    assert found.scope.source is not None
    assert found.scope.source.path() == ("inputs.note", "out.when")


def test_the_graph_lists_what_may_leave(tmp_path: Path) -> None:
    """Where, as what, how private at most, and which steps lowered something on the way."""
    steps = """
    scrub: {agent: plain, prompt: "{{ inputs.note }}", declassify: {from: private, to: public, by: redact}}
    value: {value: "{{ scrub }}"}
    one: {agent: plain, prompt: "{{ value }}", escalate: {to: cloud}}
    two: {agent: plain, model: trusted, prompt: "{{ inputs.note }}"}
    three: {agent: plain, model: narrow, prompt: Hi.}
    """

    graph = built(tmp_path, steps).graph

    assert graph is not None
    assert [(e.step, e.sink, e.kind, e.label, e.clearance, e.lowered) for e in graph.exits] == [
        ("one", "cloud", "escalation", "public", "public", ("scrub",)),
        ("two", "trusted", "model", "private", "private", ()),
    ]


def test_a_question_per_item_is_labelled_like_its_item(tmp_path: Path) -> None:
    """With `foreach` and with `each`."""
    steps = """
    asked: {{{each}, ask: "Is this urgent: {{{{ item }}}}?"}}
    out: {{agent: plain, model: cloud, prompt: "{{{{ asked | json }}}}"}}
    """

    for each in ("foreach", "each"):
        assert wrong(tmp_path, steps.format(each=f"{each}: inputs.tickets")) == [("ORCH700", "cloud")]
        assert wrong(tmp_path, steps.format(each=f"{each}: inputs.opens")) == []


def test_a_value_of_very_many_parts_shares_one_label(tmp_path: Path) -> None:
    """So that no file is slow to check because of its labels."""
    from orchestrator.graph.tags import LARGEST, Tag, leaf, mapped, origin, row

    tag = leaf(origin("inputs.note", "private"))
    for _ in range(60):
        tag = row((tag, Tag()))
        tag = mapped({"a": tag, "b": tag})

    assert tag.size <= LARGEST
    assert tag.total is not None
    assert tag.total.label == "private"


def test_loops_in_loops_end(tmp_path: Path) -> None:
    """A value that goes one step further in each pass is followed to where it leaves, however many there are."""
    names = [f"r{n}" for n in range(30)]
    shift = "\n".join(
        f'        {a}: {{value: "{{{{ coalesce(last.{b}, 1) }}}}"}}' for a, b in pairwise(names)
    )
    steps = f"""\
outer:
  repeat: {{until: "false", max: 2, else: keep}}
  steps:
    inner:
      repeat: {{until: "false", max: 2, else: keep}}
      steps:
{shift}
        r29: {{value: "{{{{ inputs.note }}}}"}}
        out: {{agent: plain, model: cloud, prompt: "{{{{ r0 }}}}"}}
"""  # fmt: skip

    assert wrong(tmp_path, steps) == [("ORCH700", "cloud")]
