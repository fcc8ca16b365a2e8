"""Mistakes in expressions: the code, the word under the caret, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph.workshop import check, errors, seen

TRIAGE = """
inputs:
  tickets: {type: file, format: jsonl, rows: {id: int, from: string, body: text}}
  tone: {type: warm | formal, default: warm}
  photo: {type: image}
steps:
  triage:
    foreach: inputs.tickets
    agent: writer
    prompt: "Ticket: {{ item.body }} {{ inputs.tone }}"
    images: "{{ inputs.photo }}"
    model: eyes
    output: {urgency: low | high, topic: billing | bug | other, score: "int(1..5)", note?: string, words: "[string]"}
  one: {agent: writer, prompt: Say it., output: {text: string, good: bool, inner: {why: string}}}
  maybe: {when: one.good, agent: writer, prompt: Say more., output: {text: string}}
  plain: {agent: writer, prompt: Say something.}
  STEP
"""
HEAD = "orch: 1\nmodels: {eyes: 'ollama:llava'}\nagents: {writer: {role: You write.}}\n"
UNCALIBRATED = "ORCH540"
"""A threshold that nobody measured is a warning, and no refusal."""

WRONG = [
    # names
    ('x: {value: "{{ onee.text }}"}', "ORCH201", "onee"),
    ('x: {value: "{{ inputs.ton }}"}', "ORCH204", "ton"),
    ('x: {value: "{{ tone }}"}', "ORCH201", "tone"),
    ('x: {value: "{{ steps.oen.tokens }}"}', "ORCH201", "oen"),
    ('x: {value: "{{ steps.one.tokns }}"}', "ORCH205", "tokns"),
    ('x: {value: "{{ item }}"}', "ORCH203", "item"),
    ('x: {value: {a: {b: ["{{ onee }}"]}}}', "ORCH201", "onee"),
    ('x: {value: "{{ 1 | lenght }}"}', "ORCH206", "lenght"),
    ('x: {value: "{{ triage | map(\'uper\') | list }}"}', "ORCH206", "'uper'"),
    ('x: {value: "{{ zipp(triage) }}"}', "ORCH207", "zipp"),
    ('x: {when: one is defind, value: 1}', "ORCH208", "defind"),
    ('x: {value: 1, needs: [on]}', "ORCH213", "on"),
    ('last: {value: 1}', "ORCH210", "last"),
    ('x: {foreach: triage, as: zip, value: 1}', "ORCH210", "zip"),
    # fields, at every depth
    ('x: {value: "{{ one.txt }}"}', "ORCH202", "txt"),
    ('x: {value: "{{ one.inner.wy }}"}', "ORCH202", "wy"),
    ('x: {value: "{{ one[\'txt\'] }}"}', "ORCH202", "'txt'"),
    ('x: {foreach: triage, value: "{{ item.urgancy }}"}', "ORCH202", "urgancy"),
    ('x: {foreach: inputs.tickets, value: "{{ item.bdy }}"}', "ORCH202", "bdy"),
    ('x: {value: "{{ triage[0].urgancy }}"}', "ORCH202", "urgancy"),
    ('x: {value: "{{ (triage | first).urgancy }}"}', "ORCH202", "urgancy"),
    ('x: {value: "{{ triage | map(attribute=\'urgancy\') | list }}"}', "ORCH202", "urgancy"),
    ('x: {value: "{{ triage | selectattr(\'urgancy\', \'eq\', \'low\') | list }}"}', "ORCH202", "urgancy"),
    ('x: {value: "{{ triage | sort(attribute=\'scor\') }}"}', "ORCH202", "scor"),
    ('x: {value: "{{ triage.urgency }}"}', "ORCH303", "urgency"),
    ('x: {value: "{{ plain.text }}"}', "ORCH303", "text"),
    ('x: {value: "{{ one.good.x }}"}', "ORCH303", "x"),
    ('x: {foreach: "zip(inputs.tickets, triage)", as: [t, r], value: "{{ r.body }}"}', "ORCH202", "body"),
    ('x: {foreach: "zip(inputs.tickets, triage)", as: [t, r, s], value: "{{ t.id }}"}', "ORCH308", "[t, r, s]"),
    ('x: {foreach: triage, as: [t, r], value: "{{ t }}"}', "ORCH308", "[t, r]"),
    ('x: {value: "{% for t in triage %}{{ t.urgancy }}{% endfor %}"}', "ORCH202", "urgancy"),
    ('x: {value: "{% set t = one %}{{ t.txt }}"}', "ORCH202", "txt"),
    ('x: {agent: writer, prompt: Hi, output: {n: int}, check: {it is positive: output.m > 0}}', "ORCH202", "m"),
    # values that cannot be
    ('x: {foreach: triage, when: item.topic != "othr", value: 1}', "ORCH301", '"othr"'),
    ('x: {foreach: triage, when: "item.topic in [\'bug\', \'othr\']", value: 1}', "ORCH301", "'othr'"),
    ('x: {value: "{{ triage | selectattr(\'topic\', \'eq\', \'othr\') | list }}"}', "ORCH301", "'othr'"),
    ('x: {value: "{{ \'a\' if inputs.tone == \'cold\' else \'b\' }}"}', "ORCH301", "'cold'"),
    ('x: {foreach: triage, when: item.score == 7, value: 1}', "ORCH301", "7"),
    ('x: {foreach: triage, when: item.score == "3", value: 1}', "ORCH302", '"3"'),
    ('x: {when: triage > 3, value: 1}', "ORCH302", "triage"),
    ('x: {value: "{{ one.text + 1 }}"}', "ORCH305", "1"),
    ('x: {value: "{{ one.text - 1 }}"}', "ORCH305", "text"),
    ('x: {value: "{{ triage * 2 }}"}', "ORCH305", "triage"),
    ('x: {value: "{{ one.text | join }}"}', "ORCH306", "join"),
    ('x: {value: "{{ triage | upper }}"}', "ORCH306", "upper"),
    ('x: {value: "{{ one.good | length }}"}', "ORCH306", "good"),
    ('x: {foreach: one.text, value: 1}', "ORCH310", "one.text"),
    ('x: {foreach: one, value: 1}', "ORCH310", "one"),
    ('x: {agent: writer, prompt: "Merge {{ items }}", reduce: one.text}', "ORCH310", "one.text"),
    ('x: {ask: "Ok?", each: one.text}', "ORCH310", "one.text"),
    ('x: {agent: writer, model: eyes, prompt: Look., images: "{{ one.text }}"}', "ORCH311", '"{{ one.text }}"'),
    # null
    ('x: {value: "{{ maybe.text }}"}', "ORCH401", "text"),
    ('x: {when: maybe.text == "a", value: 1}', "ORCH401", "text"),
    ('x: {value: "{{ steps.maybe.tokens }}"}', "ORCH401", "tokens"),
    ('x: {foreach: triage, value: "Note: {{ item.note }}"}', "ORCH403", "note"),
    ('x: {value: "It is {{ maybe }}"}', "ORCH403", "maybe"),
    ('x: {value: "{{ maybe | length }}"}', "ORCH401", "maybe"),
    ('x: {value: "{% if one.good %}{{ maybe.text }}{% endif %}"}', "ORCH401", "text"),
    # shape
    ('x: {value: "{{ x }}"}', "ORCH502", "x"),
    ('x: {value: 1, needs: x}', "ORCH502", "x"),
    # models and agents
    ('x: {agent: writr, prompt: Hi}', "ORCH601", "writr"),
    ('x: {agent: writer, prompt: Hi, model: eye}', "ORCH602", "eye"),
    ('x: {agent: writer, prompt: Hi, models: [eyes, eye]}', "ORCH602", "eye"),
    ('x: {agent: writer, prompt: Hi, escalate: {to: cloud}}', "ORCH602", "cloud"),
    ('x: {agent: writer, prompt: Hi, escalate: {to: eyes, when: invald}}', "ORCH201", "invald"),
    ('x: {agent: writer, prompt: Hi, tools: [pythn]}', "ORCH603", "pythn"),
    ('x: {tool: agent:writr, with: {a: 1}}', "ORCH601", "agent:writr"),
    ('x: {agent: writer, prompt: Hi, knowledge: [handbook]}', "ORCH604", "handbook"),
    ('x: {agent: writer, prompt: Hi, samples: 3, pick: jude}', "ORCH601", "jude"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "code", "marked"), WRONG, ids=[f"{c}-{s[:50]}" for s, c, _ in WRONG])
def test_a_mistake_is_found_at_its_word(step: str, code: str, marked: str, tmp_path: Path) -> None:
    """One mistake gives one error, with the caret under it."""
    built = check(tmp_path, HEAD + TRIAGE.replace("STEP", step))

    assert errors(built) == [(code, marked)]


RIGHT = [
    'x: {value: "{{ coalesce(maybe.text, one.text) }}"}',
    'x: {value: "{{ maybe.text | default(\'none\') }}"}',
    'x: {value: "{{ maybe.text if maybe else \'none\' }}"}',
    'x: {value: "{{ maybe and maybe.text }}"}',
    'x: {value: "{{ maybe is none or maybe.text == \'a\' }}"}',
    'x: {value: "{% if maybe %}{{ maybe.text }}{% else %}none{% endif %}"}',
    'x: {value: "{% if not maybe %}none{% else %}{{ maybe.text }}{% endif %}"}',
    'x: {value: "{% if maybe is defined and one.good %}{{ maybe.text }}{% endif %}"}',
    'x: {value: "{% if maybe != null %}{{ maybe.text }}{% endif %}"}',
    'x: {when: maybe, value: "{{ maybe.text }}"}',
    'x: {when: maybe and maybe.text == "a", value: 1}',
    'x: {when: maybe, steps: {y: {value: "{{ maybe.text }}"}}}',
    'x: {agent: writer, prompt: "Again: {{ maybe.text }}"}',
    'x: {foreach: maybe.text | lines, value: "{{ item }}"}',
    'x: {foreach: triage, value: "{{ item.note or \'none\' }}"}',
    'x: {foreach: triage, value: "{% if item.note %}{{ item.note }}{% endif %}"}',
    'x: {foreach: triage, when: item.note == "a", value: 1}',
    'x: {value: "{{ triage | map(attribute=\'note\') | present | join(\', \') }}"}',
    'x: {value: "{{ triage | selectattr(\'note\', \'defined\') | list | length }}"}',
    'x: {value: "{{ triage | groupby(\'topic\') | map(attribute=\'grouper\') | list }}"}',
    'x: {value: "{{ (triage | map(attribute=\'score\') | sum) / (triage | length) }}"}',
    'x: {value: "{{ one.text ~ 1 ~ one.good }}"}',
    'x: {value: "{{ \'a\' * 3 }}"}',
    'x: {value: "{{ [1] + [2] }}"}',
    'x: {value: "{{ {\'a\': 1}.a }}"}',
    'x: {value: "{{ triage[0].urgency[0] }}"}',
    'x: {value: "{{ inputs.photo.name }}"}',
    'x: {foreach: inputs.tickets | batch(2) | list, as: [a, b], value: "{{ a }}"}',
    'x: {value: "{% for t in triage if t.note %}{{ loop.index }} {{ t.note }}{% endfor %}"}',
    'x: {value: "{% set n = 1 %}{% if one.good %}{% set n = \'a\' %}{% endif %}{{ n }}"}',
    'x: {foreach: [[1, a], [2, b]], as: [n, s], value: "{{ n + 1 }}{{ s }}"}',
    'x: {value: "{{ steps.one.seconds + steps.triage[0].tokens }}"}',
    'x: {foreach: triage | present, as: t, value: "{{ index }} {{ t.topic }}"}',
    'x: {ask: "Send {{ item.topic }}?", each: triage, show: "{{ item }}"}',
    'x: {agent: writer, prompt: "Merge {{ items | join(\', \') }}", reduce: "triage[0].words"}',
    'x: {agent: writer, prompt: Hi, on_error: {value: "{{ error.message }} {{ answer | default(\'\') }}"}}',
    'x: {agent: writer, prompt: Hi, escalate: {to: eyes, when: invalid or confidence < 0.7 or attempts > 1}}',
    'x: {value: "{{ today > \'2026-01-01\' }}"}',
]  # fmt: skip


@pytest.mark.parametrize("step", RIGHT)
def test_what_is_right_is_not_refused(step: str, tmp_path: Path) -> None:
    """A false error would be worse than none."""
    built = check(tmp_path, HEAD + TRIAGE.replace("STEP", step))

    assert [seen(d) for d in built.diagnostics if d.code != UNCALIBRATED] == []
