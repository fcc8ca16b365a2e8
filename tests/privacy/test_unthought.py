"""Private values in places nobody thinks of: every construct of a template, endpoints by other names, stand-ins.

What is accepted is run in pairs of worlds: then the cloud learns nothing. What is not is refused before the run.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from orchestrator.graph.open import check_workflow
from tests.privacy.cabinet import FUNCTION
from tests.privacy.canaries import INPUTS, leaks, tell, world
from tests.privacy.making import AGENTS, CASES, CHILD, MODELS, Maker, head, written

WORLDS = 4
STEPS: dict[str, Any] = {
    "local": {"agent": "plain", "prompt": "Sum up {{ inputs.note }}", "on_error": {"value": "no"}},
    "mixed": {
        "value": {
            "a": "{{ inputs.open }}",
            "b": "{{ inputs.note }}",
            "c": "{{ inputs.open | upper }}",
            "d": "{{ 'a' if inputs.flag else 'c' }}",
            "list": ["{{ inputs.open }}", "{{ inputs.note }}"],
            "nested": [
                {"x": "one", "y": "{{ inputs.flag }}"},
                {"x": "two", "y": "{{ not inputs.flag }}"},
            ],
        }
    },
    "filtered": {"value": "{{ mixed.nested | selectattr('y') | list }}"},
    "chosen": {"value": "{{ mixed if inputs.flag else {'a': 'other', 'b': 'other'} }}"},
    "either": {"value": "{{ {'a': inputs.open} if inputs.flag else {'a': inputs.open, 'z': 1} }}"},
    "maybe": {"when": "inputs.flag", "value": {"a": "{{ inputs.open }}"}},
    "each": {"foreach": "inputs.opens", "when": "inputs.note | length > 20", "value": "{{ item }}"},
    "grouped": {"foreach": "inputs.tickets", "as": "it", "steps": {"k": {"value": "{{ inputs.open }}"}}},
}
"""Values of every shape; parts of them are private, or chosen by something private."""
PRIVATE = r"""
{{ inputs.open | truncate(inputs.number) }}
{{ 'x' * inputs.number }}
{{ inputs.opens[inputs.number % 3] }}
{{ range(inputs.number) | list }}
{{ '%s' | format(inputs.note) }}
{{ inputs.opens | join(inputs.note) }}
{{ inputs.opens | map('default', inputs.note) | list }}
{{ inputs.opens | map('replace', 'r', inputs.note) | list }}
{{ inputs.opens | select('eq', inputs.note) | list }}
{{ inputs.opens | reject('in', inputs.notes) | list }}
{% filter upper %}{{ inputs.note }}{% endfilter %}
{% filter replace('a', inputs.note) %}banana{% endfilter %}
{% for x in inputs.opens if inputs.flag %}-{% endfor %}
{% for x in inputs.opens %}{{ x }}{% else %}{{ inputs.note }}{% endfor %}
{% for x in inputs.notes %}{% else %}none{% endfor %}
{% for x in inputs.notes %}{{ loop.index }}{% endfor %}
{% for x in inputs.notes %}{{ loop.last }}{% endfor %}
{% for x in inputs.opens %}{{ loop.cycle(inputs.note, 'x') }}{% endfor %}
{% for x in inputs.opens %}{% if loop.changed(inputs.note) %}c{% endif %}{% endfor %}
{% with x = inputs.note %}{{ x }}{% endwith %}
{% with x = inputs.note %}{% set y = x %}{{ y }}{% endwith %}
{% set y = 'a' %}{% for x in inputs.notes %}{% set y = x %}{% endfor %}{{ y }}
{% set ns = namespace(x='a') %}{% set ns.x = inputs.note %}{{ ns.x }}
{% set ns = namespace(n=0) %}{% for x in inputs.notes %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}
{% set x = inputs %}{{ x.note }}
{% set x, y = inputs.note, 'b' %}{{ x }}
{% set x %}{{ inputs.note }}{% endset %}{{ x }}
{% if inputs.flag %}{% set z = 'a' %}{% else %}{% set z = 'b' %}{% endif %}{{ z }}
{% if inputs.flag %}{% set z = 'a' %}{% endif %}{{ z is defined }}
{% set z = 'b' %}{% if inputs.flag %}{% set z = 'a' %}{% endif %}{{ z }}
{% set a = 'x' %}{% for n in inputs.opens %}{% if inputs.flag %}{% set a = 'y' %}{% endif %}{{ a }}{% endfor %}
{% macro m(x) %}{{ x }}{% endmacro %}{{ m(inputs.note) }}
{% macro m() %}{{ inputs.note }}{% endmacro %}{{ m() }}
{% call(x) inputs.note %}{% endcall %}
{% block b %}{{ inputs.note }}{% endblock %}
{{ {'a': inputs.note}['a'] }}
{{ {'a': inputs.note}.a }}
{{ {inputs.note: 'a'} | length }}
{{ {inputs.note: 'a'} | first }}
{{ [inputs.note, 'x'] | last }}
{{ [inputs.note, 'x'] | length }}
{{ [inputs.open, inputs.note][1 if true else 0] }}
{{ inputs['note'] }}
{{ inputs['no' ~ 'te'] }}
{{ inputs[inputs.open[:0] ~ 'note'] }}
{{ inputs }}
{{ inputs | json }}
{{ inputs | length }}
{{ inputs | list }}
{{ inputs | items | list }}
{{ inputs | dictsort }}
{{ inputs | attr('note') }}
{{ inputs | map(attribute='note') | list }}
{{ [inputs] | map(attribute='note') | list }}
{{ [inputs] | map(attribute='note') | first }}
{{ [inputs] | sum(attribute='number') }}
{{ [inputs] | groupby('note') | list }}
{{ [inputs] | groupby('flag') | length }}
{{ [inputs] | selectattr('flag') | list | length }}
{{ [inputs] | rejectattr('flag') | map(attribute='open') | list }}
{{ [inputs] | sort(attribute='number') | map(attribute='open') | list }}
{{ inputs.items_open | sort(attribute='id', reverse=inputs.flag) | map(attribute='word') | list }}
{{ inputs.opens | sort(reverse=inputs.flag) }}
{{ inputs.opens | batch(inputs.number + 1) | list }}
{{ inputs.opens | slice(inputs.number + 1) | list }}
{{ inputs.opens | random }}
{{ zip(inputs.opens, inputs.threes) | map('first') | list }}
{{ zip(inputs.opens, inputs.threes) | map('last') | list }}
{{ (zip(inputs.opens, inputs.threes) | sort(attribute=1) | list)[0][0] }}
{{ (zip(inputs.opens, inputs.threes) | sort(attribute='1'))[0][0] }}
{% for a, b in zip(inputs.opens, inputs.threes) %}{{ a }}{% endfor %}
{% for a, b in zip(inputs.opens, inputs.threes) %}{% if b | length > 20 %}{{ a }}{% endif %}{% endfor %}
{% for a, b in zip(inputs.opens, inputs.threes) if b | length > 20 %}{{ a }}{% endfor %}
{% for a in inputs.opens if inputs.note | length > 20 %}{{ a }}{% endfor %}
{% for p in zip(inputs.opens, inputs.threes) %}{{ p[0] }}{% endfor %}
{% for p in zip(inputs.opens, inputs.threes) %}{{ p | first }}{% endfor %}
{% for p in zip(inputs.opens, inputs.threes) %}{{ p }}{% endfor %}
{% for p in zip(inputs.opens, inputs.threes) | sort(attribute=1) %}{{ p[0] }}{% endfor %}
{% for p in zip(inputs.opens, inputs.threes) | reverse %}{{ p[0] }}{% endfor %}
{% for p in zip(inputs.opens, inputs.threes)[::-1] %}{{ p[0] }}{% endfor %}
{{ zip(inputs.opens, inputs.threes) | length }}
{{ zip(inputs.threes, inputs.notes)[0] is defined }}
{{ coalesce(inputs.note, 'a') }}
{{ 'a' if inputs.flag }}
{{ 'a' if inputs.flag else 'b' }}
{{ inputs.flag and 'a' or 'b' }}
{{ inputs.flag or 'b' }}
{{ not inputs.flag }}
{{ inputs.note == 'a' }}
{{ 'a' in inputs.note }}
{{ inputs.note is string }}
{{ inputs.note is none }}
{{ inputs.number is even }}
{{ inputs.number ** 2 }}
{{ -inputs.number }}
{{ inputs.note[0:1] }}
{{ inputs.open[0:inputs.number] }}
{{ inputs.open[inputs.number:] }}
{{ inputs.opens[:inputs.number] | length }}
{{ inputs.tickets[0].id }}
{{ inputs.tickets | map(attribute='id') | list }}
{{ (inputs.tickets | first).id }}
{{ inputs.tickets[0]['id'] }}
{{ inputs.items_open[inputs.tickets[0].id].word }}
{{ env.TOKEN }}
{{ env['TOKEN'] }}
{{ env.TOKEN | length }}
{{ env | json }}
{{ env }}
{{ env.get('TOKEN') }}
{{ env | attr('TOKEN') }}
{{ [env] | map(attribute='TOKEN') | first }}
{{ env.TOKEN is defined }}
{{ env.NOSUCH is defined }}
{{ env.NOSUCH | default('x') }}
{{ steps }}
{{ steps.local.tokens }}
{{ steps['local'].tokens }}
{{ steps.local }}
{{ steps.local['model'] }}
{{ steps | json }}
{{ steps | attr('local') }}
{{ [steps] | map(attribute='local.tokens') | first }}
{{ steps['lo' ~ 'cal'].tokens }}
{{ local }}
{{ local | length }}
{{ local is string }}
{{ self }}
{{ self._TemplateReference__context }}
{{ caller }}
{{ cycler(inputs.note, 'a').next() }}
{{ joiner(inputs.note)() }}
{{ lipsum(n=inputs.number) }}
{{ dict(a=inputs.note).a }}
{{ dict(inputs).note }}
{{ inputs.note.upper() }}
{{ inputs.__class__ }}
{{ inputs.items() | list }}
{{ inputs.values() | list }}
{{ inputs.get('note') }}
{{ 'a'.join(inputs.notes) }}
{{ '{}'.format(inputs.note) }}
{% include inputs.note %}
{% import 'x' as y %}
{% extends inputs.note %}
{% autoescape inputs.flag %}<{% endautoescape %}
{% trans %}x{% endtrans %}
{% do inputs.note %}
{{ today ~ inputs.note }}
{{ index }}
{{ item }}
{{ mixed.b }}
{{ mixed }}
{{ mixed | json }}
{{ mixed | length }}
{{ mixed | list }}
{{ mixed['a' if inputs.flag else 'c'] }}
{{ mixed[mixed.d] }}
{{ mixed | dictsort | first }}
{{ mixed | items | list | length }}
{{ (mixed | items | list)[0] }}
{{ mixed.list[1] }}
{{ mixed.list | first }}
{{ mixed.list | last }}
{{ mixed.list | length }}
{{ mixed.list | present | length }}
{{ mixed.list | reverse | list | first }}
{{ (mixed.list | reverse | list)[0] }}
{{ (mixed.list | sort)[0] }}
{{ mixed.list[-1] }}
{{ mixed.list[0:1] }}
{{ (mixed.list + ['x'])[2] }}
{{ (['x'] + mixed.list)[1] }}
{{ (['x'] + mixed.list)[0] }}
{{ mixed.list[1:][0] }}
{{ (mixed.list[1:] | first) }}
{{ mixed.nested[0].y }}
{{ mixed.nested | map(attribute='y') | list }}
{{ mixed.nested | selectattr('y') | map(attribute='x') | list }}
{{ mixed.nested | unique(attribute='y') | map(attribute='x') | list }}
{{ mixed.nested | sort(attribute='y') | map(attribute='x') | list }}
{{ mixed.nested | rejectattr('y') | list | length }}
{{ (mixed.nested | min(attribute='y')).x }}
{{ (mixed.nested | max(attribute='y')).x }}
{{ mixed.nested | groupby('y') | map('last') | list }}
{{ filtered | map(attribute='x') | list }}
{{ filtered | length }}
{{ filtered[0].x }}
{{ (filtered | first).x }}
{{ chosen.a }}
{{ chosen.b }}
{{ either.a }}
{{ either | length }}
{{ maybe.a }}
{{ maybe is none }}
{{ coalesce(maybe.a, 'x') }}
{{ coalesce(maybe, {'a': 'x'}).a }}
{{ each | length }}
{{ each | first }}
{{ (each | present | list) | length }}
{{ each[0] is none }}
{{ grouped | map(attribute='k') | list }}
{{ grouped | map(attribute='it') | list }}
{{ grouped | length }}
{{ grouped[0].k }}
{{ (grouped | present | map(attribute='k') | list) | length }}
""".strip().splitlines()
"""Ways to write something private, or to choose, count, order or test with it."""
PUBLIC = r"""
{{ [inputs.note, 'x'][1] }}
{{ (inputs.note, 'x')[1] }}
{% raw %}{{ inputs.note }}{% endraw %}
{# {{ inputs.note }} #}
{{ "{{ inputs.note }}" }}
{{ mixed.a }}
{{ mixed['a'] }}
{{ mixed.list[0] }}
{{ mixed.list[-2] }}
{{ mixed.nested[0].x }}
{{ mixed.nested | map(attribute='x') | list }}
{{ mixed.nested | map(attribute='x') | sort | list }}
{{ mixed.nested | map(attribute='x') | first }}
{{ (mixed.nested | first).x }}
{{ mixed.nested | map(attribute='x') | present | list }}
""".strip().splitlines()
"""What looks alike, and holds nothing private: the proof is no use if it refuses these."""


def file_of(text: str, *, as_value: bool) -> str:
    """A cloud is asked for what this template makes, at once or by way of a value."""
    steps = dict(STEPS)
    if as_value:
        steps["via"] = {"value": {"q": text}, "on_error": "continue"}
        text = "{{ coalesce(via.q, 'none') | json }}"
    steps["out"] = {"agent": "plain", "model": "cloud", "prompt": f"So: {text}", "on_error": "continue"}
    return written(head(Maker(Random(3))), steps)


def codes(root: Path, text: str, **more: Any) -> set[str]:
    (root / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (root / "child.yaml").write_text(CHILD, encoding="utf-8")
    (root / "tools.py").write_text(FUNCTION, encoding="utf-8")
    (root / CASES).write_text('{"input": "Who?", "output": "Nobody."}\n', encoding="utf-8")
    (root / "workflow.yaml").write_text(text, encoding="utf-8")
    built = check_workflow(root / "workflow.yaml", **more)
    return {d.code for d in built.diagnostics if d.severity == "error"}


def test_every_way_to_write_a_private_value_is_refused(tmp_path: Path) -> None:
    """In a prompt, and in a value that a prompt reads; what is no template is refused as that."""
    accepted = [
        (text, as_value)
        for text in PRIVATE
        for as_value in (False, True)
        if not codes(tmp_path, file_of(text, as_value=as_value))
    ]

    assert accepted == []


def test_most_of_them_are_refused_for_what_they_would_tell(tmp_path: Path) -> None:
    """And not only because they are written wrong: that would prove nothing."""
    found = [codes(tmp_path, file_of(text, as_value=False)) for text in PRIVATE]

    assert sum("ORCH700" in codes for codes in found) > 0.85 * len(PRIVATE)


@pytest.mark.parametrize("text", PUBLIC)
def test_what_is_accepted_tells_nothing(text: str, tmp_path: Path) -> None:
    """The parts of a value that are public go out, the same in every world."""
    for as_value in (False, True):
        assert codes(tmp_path, file_of(text, as_value=as_value)) == set()
        graph = check_workflow(tmp_path / "workflow.yaml").graph
        assert graph is not None
        for number in range(WORLDS):
            one, two = world(2 * number), world(2 * number + 1)
            told, other = tell(graph, one), tell(graph, two)
            assert told.calls > 0
            assert told.refusals == other.refusals == []
            assert leaks(told, one, other) == []


# ------------------------------------------------------------------------------------- models by other names


def asks(model: Any, **more: Any) -> str:
    """A file whose model is called `local`, and is asked something private."""
    models = {"tiny": MODELS["tiny"], "small": MODELS["small"], "odd": MODELS["odd"], "local": model}
    file = {"orch": 1, "inputs": INPUTS, "models": models, "agents": AGENTS, **more}
    return written(file, {"out": {"agent": "plain", "model": "local", "prompt": "{{ inputs.note }}"}})


@pytest.mark.parametrize(
    "model",
    [
        "openai:gpt-5-mini",
        {"use": "openai:gpt-5-mini"},
        {"use": "lmstudio:tiny", "url": "https://models.example.org/v1"},
        {"use": "vllm:tiny", "url": "http://192.0.2.7:8000/v1"},
        {"use": "llama-server:tiny", "url": "http://localhost.example.org/v1"},
        {"use": "llama-server:tiny", "url": "http://127.0.0.1.example.org/v1"},
        {"use": "ollama:llama3.2:3b", "url": "http://203.0.113.9:11434"},
        {"use": "ollama:gpt-oss:120b-cloud"},
        {"use": "openai:tiny", "url": "http://127.0.0.1:8080/v1"},
        {"use": "ollama:llama3.2:3b", "where": "cloud"},
        {"use": "llamacpp:smollm2-135m", "where": "cloud"},
        {"use": "llamacpp:smollm2-135m", "clearance": "public"},
        {"use": "llamacpp:smollm2-135m", "clearance": "internal"},
    ],
    ids=json.dumps,
)
def test_a_name_does_not_make_a_model_local(model: Any, tmp_path: Path) -> None:
    """Its address does, and what the file says against it."""
    assert codes(tmp_path, asks(model)) == {"ORCH700"}


@pytest.mark.parametrize(
    "model", [MODELS["tiny"], {"use": "lmstudio:tiny"}, {"use": "llamacpp:smollm2-135m"}]
)
def test_a_model_on_this_machine_reads_everything(model: Any, tmp_path: Path) -> None:
    """The twin of those above."""
    assert codes(tmp_path, asks(model)) == set()


@pytest.mark.parametrize("where", ["local", "cloud"])
def test_a_remote_address_stays_remote_whatever_is_said(where: str, tmp_path: Path) -> None:
    """`where: local` is for loopback only."""
    model = {"use": "llama-server:tiny", "url": "https://models.example.org/v1", "where": where}

    assert codes(tmp_path, asks(model)) != set()


def test_a_model_put_in_from_the_command_line_is_judged_too(tmp_path: Path) -> None:
    """`-m local=…` changes where it goes, not what may go there."""
    text = asks(MODELS["tiny"])

    assert codes(tmp_path, text) == set()
    assert codes(tmp_path, text, models={"local": "openai:gpt-5-mini"}) == {"ORCH700"}
