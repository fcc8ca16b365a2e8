"""Every label rule, with a file that leaks without it and its twin that does not leak at all."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from orchestrator.graph.flow_rules import ALL_RULES, RULES
from orchestrator.graph.open import check_workflow

LEAK = "ORCH700"
HEAD = """\
orch: 1
inputs:
  note: text
  notes: "[string]"
  flag: bool
  open: {type: text, label: public}
  opens: {type: "[string]", label: public}
models: {cloud: "openai:gpt-5-mini", small: "ollama:llama3.2:3b"}
knowledge: {handbook: {from: docs/*.md}, site: {from: site/*.md, label: public}}
agents:
  plain: {role: You write short answers.}
  keeper: {role: You know our margins., label: internal}
  expert: {role: You write short answers., examples: {from: cases.jsonl}}
  teacher: {role: You write short answers., examples: {from: cases.jsonl}, label: public}
  reader: {role: You write short answers., knowledge: [handbook]}
  guide: {role: You write short answers., knowledge: [site]}
"""
CHILD = """\
orch: 1
inputs: {text: text, open: {type: text, label: public}}
steps:
  hidden: {value: "{{ inputs.text }}"}
  shown: {value: "{{ inputs.open }}"}
outputs: {hidden: "{{ hidden }}", shown: "{{ shown }}"}
"""
CASES: dict[str, list[tuple[str, str]]] = {
    "template": [
        ('out: {agent: plain, model: cloud, prompt: "{{ inputs.note }}"}', "note→open"),
        (
            'out: {agent: plain, model: cloud, prompt: "{% if false %}{{ inputs.note }}{% endif %}Hi"}',
            "note→open",
        ),
        ('out: {agent: plain, model: cloud, prompt: "{% if inputs.note %}yes{% endif %}"}', "note→open"),
        ('out: {agent: plain, model: cloud, prompt: "{{ inputs.note | length }}"}', "note→open"),
        ('out: {agent: plain, model: cloud, prompt: "{{ inputs.note is none }}"}', "note→open"),
        ('out: {agent: plain, model: cloud, prompt: "{% set x = inputs.note %}{{ x }}"}', "note→open"),
        ('out: {agent: plain, model: cloud, prompt: "{% for n in inputs.notes %}x{% endfor %}"}', "notes→opens"),
        ('out: {agent: plain, model: cloud, prompt: "{{ inputs.opens[inputs.note | length] }}"}', "note→open"),
        (
            'out: {agent: plain, model: cloud, prompt: "{{ coalesce(inputs.open, inputs.note) }}"}',
            "note→open",
        ),
        (
            """
            both: {value: {a: "{{ inputs.open }}", b: "{{ inputs.note }}"}}
            out: {agent: plain, model: cloud, prompt: "{{ both.b }}"}
            """,
            "both.b→both.a",
        ),
        (
            """
            both: {value: "{{ zip(inputs.opens, inputs.notes) }}"}
            out: {foreach: both, as: [a, b], agent: plain, model: cloud, prompt: "{{ b }}"}
            """,
            "{{ b }}→{{ a }}",
        ),
    ],
    "role": [
        ("out: {agent: keeper, model: cloud, prompt: Hi.}", "agent: keeper→agent: plain"),
        (
            'out: {agent: plain, model: cloud, prompt: Hi., role: "You know {{ inputs.note }}."}',
            "note→open",
        ),
    ],
    "examples": [
        ("out: {agent: expert, model: cloud, prompt: Hi.}", "agent: expert→agent: teacher"),
        ("out: {agent: teacher, model: cloud, prompt: Hi., examples: {from: own.jsonl}}", ", examples: {from: own.jsonl}→"),
    ],
    "knowledge": [
        ("out: {agent: reader, model: cloud, prompt: Hi.}", "agent: reader→agent: guide"),
        ("out: {agent: plain, model: cloud, prompt: Hi., knowledge: [handbook]}", "handbook→site"),
    ],
    "memory": [("out: {agent: plain, model: cloud, prompt: Hi., memory: {key: me}}", ", memory: {key: me}→")],
    "tool-results": [
        (
            """
            read: {tool: files.read, with: {path: notes.txt}}
            out: {agent: plain, model: cloud, prompt: "{{ read }}"}
            """,
            'tool: files.read, with: {path: notes.txt}→tool: python, with: {code: "1"}',
        ),
        (
            """
            read: {tool: python, with: {code: "1", stdin: "{{ inputs.note }}"}}
            out: {agent: plain, model: cloud, prompt: "{{ read.stdout }}"}
            """,
            "note→open",
        ),
        ("out: {agent: plain, model: cloud, prompt: Hi., tools: [files.read]}", "files.read→python"),
        (
            """
            read: {agent: plain, prompt: Hi., tools: ["agent:keeper"]}
            out: {agent: plain, model: cloud, prompt: "{{ read }}"}
            """,
            "agent:keeper→agent:plain",
        ),
    ],
    "items": [
        ('out: {agent: plain, model: cloud, reduce: inputs.notes, by: 2, prompt: "{{ items }}"}', "notes→opens"),
    ],
    "pick": [
        (
            """
            best: {agent: plain, prompt: Hi., samples: 3, pick: keeper}
            out: {agent: plain, model: cloud, prompt: "{{ best }}"}
            """,
            "pick: keeper→pick: plain",
        ),
    ],
    "head": [
        (
            """
            kind: {agent: plain, prompt: Hi., output: a | b, head: {from: own.jsonl}}
            out: {agent: plain, model: cloud, prompt: "{{ kind }}"}
            """,
            ", head: {from: own.jsonl}→",
        ),
    ],
    "when": [
        (
            """
            some: {when: inputs.flag, value: x}
            out: {agent: plain, model: cloud, prompt: "{{ some | default('no') }}"}
            """,
            "inputs.flag→inputs.open",
        ),
        (
            """
            group: {when: inputs.flag, steps: {some: {value: x}}}
            out: {agent: plain, model: cloud, prompt: "{{ coalesce(group.some, 'no') }}"}
            """,
            "inputs.flag→inputs.open",
        ),
    ],
    "foreach": [
        (
            """
            each: {foreach: inputs.notes, value: x}
            out: {agent: plain, model: cloud, prompt: "{{ each | length }}"}
            """,
            "notes→opens",
        ),
    ],
    "index": [
        ('out: {foreach: inputs.notes, agent: plain, model: cloud, prompt: "Number {{ index }}"}', "notes→opens"),
    ],
    "until": [
        (
            """
            loop: {repeat: {until: inputs.flag, max: 3, else: keep}, steps: {n: {value: 1}}}
            out: {agent: plain, model: cloud, prompt: "{{ loop.n }}"}
            """,
            "until: inputs.flag→until: n == 1",
        ),
    ],
    "last": [
        (
            """
            loop:
              repeat: {until: "true", max: 3, else: keep}
              steps:
                out: {agent: plain, model: cloud, prompt: "Hi.{% if last %}{{ last.note }}{% endif %}"}
                note: {value: "{{ inputs.note }}"}
            """,
            "inputs.note→inputs.open",
        ),
        (
            """
            loop:
              repeat: {until: "true", max: 3, else: keep}
              steps:
                out: {agent: plain, model: cloud, prompt: "{{ coalesce(last.a, 'x') }}"}
                a: {value: "{{ coalesce(last.b, 'x') }}"}
                b: {value: "{{ coalesce(last.c, 'x') }}"}
                c: {value: "{{ coalesce(last.d, 'x') }}"}
                d: {value: "{{ coalesce(last.e, 'x') }}"}
                e: {value: "{{ coalesce(last.f, 'x') }}"}
                f: {value: "{{ coalesce(last.g, 'x') }}"}
                g: {value: "{{ inputs.note }}"}
            """,
            "inputs.note→inputs.open",
        ),
    ],
    "else": [
        (
            """
            loop: {repeat: {until: "false", max: 3, else: {n: "{{ inputs.note }}"}}, steps: {n: {value: x}}}
            out: {agent: plain, model: cloud, prompt: "{{ loop.n }}"}
            """,
            "inputs.note→inputs.open",
        ),
    ],
    "on-error": [
        (
            """
            scrub:
              agent: plain
              prompt: "{{ inputs.note }}"
              declassify: {from: private, to: public, by: redact}
              on_error: continue
            out: {agent: plain, model: cloud, prompt: "{{ scrub | default('no') }}"}
            """,
            "on_error: continue→on_error: fail",
        ),
        (
            """
            scrub:
              foreach: inputs.opens
              agent: plain
              prompt: "{{ inputs.note }}"
              declassify: {from: private, to: public, by: redact}
              on_item_error: keep
            out: {agent: plain, model: cloud, prompt: "{{ scrub | present | length }}"}
            """,
            "on_item_error: keep→on_item_error: stop",
        ),
    ],
    "needs": [
        (
            """
            some: {when: inputs.flag, value: x}
            after: {needs: some, value: y}
            out: {agent: plain, model: cloud, prompt: "{{ after | default('no') }}"}
            """,
            "inputs.flag→inputs.open",
        ),
    ],
    "nulls": [
        (
            """
            some: {when: inputs.flag, value: x}
            scrub:
              agent: plain
              prompt: "{{ some }}"
              declassify: {from: private, to: public, by: redact}
            out: {agent: plain, model: cloud, prompt: "{{ scrub | default('no') }}"}
            """,
            '"{{ some }}"→"{{ some | default(1) }}"',
        ),
    ],
    "facts": [
        (
            """
            local: {agent: plain, prompt: "{{ inputs.note }}"}
            out: {agent: plain, model: cloud, prompt: "{{ steps.local.tokens }}"}
            """,
            "note→open",
        ),
        (
            """
            scrub:
              agent: plain
              prompt: "{{ inputs.note }}"
              declassify: {from: private, to: public, by: redact}
            out: {agent: plain, model: cloud, prompt: "{{ steps.scrub.attempts }}"}
            """,
            "steps.scrub.attempts→scrub",
        ),
        (
            """
            group: {steps: {local: {agent: plain, prompt: "{{ inputs.note }}"}}}
            out: {agent: plain, model: cloud, prompt: "{{ steps.group.local.error | default('') }}"}
            """,
            "note→open",
        ),
    ],
    "checks": [
        (
            """
            local: {agent: plain, prompt: Hi., check: {it is the note: output == inputs.note}}
            out: {agent: plain, model: cloud, prompt: "{{ local }}"}
            """,
            "note}→open}",
        ),
    ],
    "repair": [
        (
            "out: {agent: plain, model: cloud, prompt: Hi., check: {it is the note: output == inputs.note}}",
            "note}→open}",
        ),
        (
            "out: {agent: plain, model: cloud, prompt: Hi., check: {it is the note: output == inputs.note}}",
            "model: cloud→model: cloud, repair: 0",
        ),
        (
            "out: {agent: plain, prompt: Hi., check: {ok: output == inputs.note}, escalate: {to: cloud}}",
            "note}→open}",
        ),
    ],
    "escalate": [
        (
            """
            local: {agent: plain, prompt: Hi., escalate: {to: small, when: inputs.flag}}
            out: {agent: plain, model: cloud, prompt: "{{ local }}"}
            """,
            "inputs.flag→invalid",
        ),
        (
            """
            local: {agent: plain, prompt: Hi., escalate: {to: small, before: inputs.flag}}
            out: {agent: plain, model: cloud, prompt: "{{ local }}"}
            """,
            "before: inputs.flag→before: prompt_tokens > 9",
        ),
    ],
    "carry": [
        (
            """
            out:
              agent: plain
              prompt: Hi.
              output: a | b
              head: {from: own.jsonl}
              escalate: {to: cloud, carry: [answer]}
            """,
            ", carry: [answer]→",
        ),
        (
            """
            out:
              agent: plain
              prompt: Hi.
              escalate: {to: cloud, before: inputs.flag, when: "true", carry: [answer]}
            """,
            ", carry: [answer]→",
        ),
    ],
    "label": [
        (
            """
            some: {value: x, label: internal}
            out: {agent: plain, model: cloud, prompt: "{{ some }}"}
            """,
            "label: internal→label: public",
        ),
    ],
    "ask": [
        (
            """
            person: {ask: Is this fine?, show: "{{ inputs.note }}"}
            out: {agent: plain, model: cloud, prompt: "{{ person }}"}
            """,
            "note→open",
        ),
    ],
    "subworkflow": [
        (
            """
            call: {workflow: child.yaml, with: {text: "{{ inputs.open }}", open: x}}
            out: {agent: plain, model: cloud, prompt: "{{ call.hidden }}"}
            """,
            "call.hidden→call.shown",
        ),
    ],
    "env": [
        ('out: {agent: plain, model: cloud, prompt: "{{ env.NOTE }}"}', "env.NOTE→inputs.open"),
    ],
}  # fmt: skip
TABLE = [(rule, *case) for rule, cases in CASES.items() for case in cases]
IDS = [f"{rule}-{number}" for rule, cases in CASES.items() for number, _ in enumerate(cases, 1)]


def codes(root: Path, steps: str, rules: frozenset[str] = ALL_RULES) -> list[str]:
    """What is wrong with a file of these steps, warnings aside."""
    (root / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (root / "child.yaml").write_text(CHILD, encoding="utf-8")
    body = textwrap.indent(textwrap.dedent(steps).strip("\n"), "  ")
    (root / "workflow.yaml").write_text(f"{HEAD}steps:\n{body}\n", encoding="utf-8")
    built = check_workflow(root / "workflow.yaml", rules=rules)
    return [d.code for d in built.diagnostics if d.severity == "error"]


@pytest.mark.parametrize(("rule", "steps", "change"), TABLE, ids=IDS)
def test_what_a_rule_is_about_is_refused_and_its_twin_is_not(
    rule: str, steps: str, change: str, tmp_path: Path
) -> None:
    """Both differ in the one place that the rule looks at."""
    before, after = change.split("→")
    assert before in steps

    assert codes(tmp_path, steps) == [LEAK]
    assert codes(tmp_path, steps.replace(before, after)) == []


@pytest.mark.parametrize(("rule", "steps", "change"), TABLE, ids=IDS)
def test_without_the_rule_it_would_leave(rule: str, steps: str, change: str, tmp_path: Path) -> None:
    """So the rule is needed: no other one refuses the file as well."""
    assert codes(tmp_path, steps, ALL_RULES - {rule}) == []


def test_every_rule_has_a_case() -> None:
    """A new rule without one would not be tried."""
    assert set(CASES) == set(RULES) == set(ALL_RULES)
