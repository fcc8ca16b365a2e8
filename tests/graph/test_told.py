"""What every run would refuse is refused before it: secrets told by value, limits in dollars without a price."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph.workshop import check

HEAD = """
orch: 1
inputs: {open: {type: text, label: public}}
models:
  cloud: {use: "openai:gpt-5-mini", clearance: secret}
  here: "ollama:qwen3:4b"
agents: {plain: {role: You write short answers.}}
"""
UNLISTED = """
orch: 1
models:
  own: {use: "openai:our-own-9", url: "https://models.example.org/v1", clearance: secret%s}
  here: "ollama:qwen3:4b"
agents: {plain: {role: You write short answers.}}
"""


def said(root: Path, text: str) -> list[tuple[str, str]]:
    return [(d.code, d.message) for d in check(root, text).diagnostics if d.severity == "error"]


@pytest.mark.parametrize(
    "steps",
    [
        "{a: {agent: plain, model: cloud, prompt: 'Key {{ env.TOKEN }}'}}",
        "{a: {agent: plain, model: cloud, prompt: \"Key {{ env['TOKEN'] }}\"}}",
        "{a: {agent: plain, model: cloud, prompt: Say it., role: 'You know {{ env.TOKEN }}'}}",
        "{a: {agent: plain, model: here, prompt: '{{ env.TOKEN }}', escalate: {to: cloud}}}",
        "{key: {value: '{{ env.TOKEN }}'}, a: {agent: plain, model: cloud, prompt: 'Key {{ key }}'}}",
    ],
)
def test_the_value_of_a_secret_leaves_under_no_clearance(tmp_path: Path, steps: str) -> None:
    """The run looks for the value itself, so the file is refused where it plainly sends it."""
    found = said(tmp_path, f"{HEAD}steps: {steps}\n")

    assert [code for code, _ in found] == ["ORCH700"]
    assert "env.TOKEN" in found[0][1]
    assert "never leaves this machine by value" in found[0][1]


@pytest.mark.parametrize(
    "steps",
    [
        "{a: {agent: plain, model: cloud, prompt: 'It has {{ env.TOKEN | length }} letters'}}",
        "{a: {agent: plain, model: cloud, prompt: \"{{ 'yes' if env.TOKEN else 'no' }}\"}}",
        "{a: {agent: plain, model: here, prompt: 'Key {{ env.TOKEN }}'}}",
        "{key: {value: '{{ env.TOKEN }}'}, a: {agent: plain, model: cloud, prompt: 'Key {{ key | length }}'}}",
    ],
)
def test_what_is_worked_out_from_a_secret_may_go_where_the_clearance_allows_it(
    tmp_path: Path, steps: str
) -> None:
    """Nothing is refused that a run would do; a model on this machine sees everything."""
    assert said(tmp_path, f"{HEAD}steps: {steps}\n") == []


ASK = "steps: {a: {agent: plain, model: %s, prompt: Hello%s}}\n"


@pytest.mark.parametrize(
    ("rest", "limit"),
    [
        ("budget: {usd: 1}\n" + ASK % ("own", ""), "budget.usd"),
        ("budget: {usd: 1}\n" + ASK % ("here", ", escalate: {to: own}"), "budget.usd"),
        (ASK % ("here", ", escalate: {to: own, usd: 0.1}"), "escalate.usd"),
    ],
)
def test_a_limit_in_dollars_needs_a_price_before_the_run(tmp_path: Path, rest: str, limit: str) -> None:
    """At the limit, once, with what to write; a stated price is enough."""
    found = check(tmp_path, UNLISTED % "" + rest).diagnostics
    priced = said(tmp_path, UNLISTED % ", price: {input: 1, output: 2}" + rest)

    wrong = [d for d in found if d.code == "ORCH712"]
    assert len(wrong) == 1
    assert wrong[0].message.startswith(limit)
    assert "price: {input" in wrong[0].hint
    assert priced == []


@pytest.mark.parametrize(
    "rest",
    [
        "budget: {usd: 1}\n" + ASK % ("here", ""),
        "budget: {cloud_calls: 1}\n" + ASK % ("own", ""),
        ASK % ("own", ""),
    ],
)
def test_without_such_a_limit_or_away_from_it_no_price_is_needed(tmp_path: Path, rest: str) -> None:
    """Only what a limit in dollars binds is asked for its price."""
    assert said(tmp_path, UNLISTED % "" + rest) == []


def test_a_model_of_the_price_list_needs_none_of_its_own(tmp_path: Path) -> None:
    """The list that is read offline counts."""
    assert said(tmp_path, HEAD + "budget: {usd: 1}\n" + ASK % ("cloud", "")) == []


def test_the_budget_binds_what_is_called_too(tmp_path: Path) -> None:
    """A workflow that a step calls spends the same money."""
    (tmp_path / "below.yaml").write_text(UNLISTED % "" + ASK % ("own", ""), encoding="utf-8")

    found = said(tmp_path, "orch: 1\nbudget: {usd: 1}\nsteps: {sub: {workflow: below.yaml}}\n")

    assert [code for code, _ in found] == ["ORCH712"]
