"""Texts that read `confidence`: who gives it, and what was measured of it, said before the run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.graph.build import Built
from orchestrator.graph.cloud import PROVIDERS
from orchestrator.graph.confident import gives_confidence
from orchestrator.providers.presets import PRESETS
from orchestrator.spec.model import ModelSpec
from tests.graph.workshop import LOCK, check, node

HEAD = """\
orch: 1
models: {small: "ollama:qwen", mute: "lmstudio:x", mid: "groq:y", big: "ollama:large"}
agents: {sorter: {model: small, role: You sort letters., output: {kind: "bill | order"}}}
steps:
"""


def checked(root: Path, *lines: str, lock: str | None = None) -> Built:
    if lock is not None:
        (root / "workflow.lock.yaml").write_text(lock, encoding="utf-8")
    return check(root, HEAD + "".join(f"  {line}\n" for line in lines))


def said(built: Built) -> list[tuple[str, int]]:
    return [(d.code, d.mark.line) for d in built.diagnostics if d.code.startswith("ORCH54")]


def rule(when: str, more: str = "", to: str = "big") -> str:
    return f'measured: {{agent: sorter, prompt: Sort it., escalate: {{to: {to}, when: "{when}"}}{more}}}'


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_checker_and_the_providers_agree_on_who_gives_log_probabilities(provider: str) -> None:
    """Two rooms that may not import each other, one rule; what only a server knows it may give."""
    known = PRESETS[provider].logprobs if provider in PRESETS else True

    assert gives_confidence(ModelSpec(use=f"{provider}:some-model")) == known


def test_models_that_reason_give_none() -> None:
    """OpenAI refuses to give them for these."""
    assert not gives_confidence(ModelSpec(use="openai:gpt-5-mini"))
    assert gives_confidence(ModelSpec(use="openai:gpt-4.1-mini"))


@pytest.mark.parametrize(
    "when", ["confidence < 0.7", "invalid or confidence <= 0.5", "0.9 > confidence", "1 - confidence > 0.2"]
)
def test_a_raw_threshold_is_a_warning(when: str, tmp_path: Path) -> None:
    """However it is written."""
    built = checked(tmp_path, rule(when))

    assert said(built) == [("ORCH540", 5)]
    assert built.graph is not None


def test_without_a_threshold_nothing_is_said(tmp_path: Path) -> None:
    """Showing how sure a model was compares nothing; a field called so is the file's own."""
    built = checked(
        tmp_path,
        rule("invalid"),
        "shown: {value: '{{ steps.measured.confidence }}'}",
        "own: {value: {confidence: 3}}",
        "read: {value: '{{ own.confidence < 4 }}'}",
    )

    assert said(built) == []


@pytest.mark.parametrize(
    ("line", "which"),
    [
        (rule("confidence < 0.7", ", model: mute"), "'mute'"),
        (rule("confidence < 0.7", to="[mid, big]"), "'mid'"),
        ("late: {value: '{{ steps.first.confidence > 0.5 }}'}", "'mute'"),
        ("late: {value: \"{{ steps['first'].confidence }}\"}", "'mute'"),
        ("late: {when: steps.said.confidence > 0.5, value: 1}", "'said' asks no model"),
        ("group: {steps: {late: {value: '{{ steps.first.confidence }}'}}}", "'mute'"),
        ("late: {value: '{{ steps.inner.deep.confidence }}'}", "'mute'"),
        ("late: {value: '{{ steps.many[0].confidence }}'}", "'mute'"),
    ],
)
def test_a_confidence_that_nobody_gives_is_an_error(line: str, which: str, tmp_path: Path) -> None:
    """Of the step's own rule, of a rung that a rule looks at again, or of another step."""
    built = checked(
        tmp_path,
        "first: {agent: sorter, model: mute, prompt: Sort it.}",
        "said: {value: 1}",
        "inner: {steps: {deep: {agent: sorter, model: mute, prompt: Sort it.}}}",
        "many: {foreach: [1, 2], agent: sorter, model: mute, prompt: Sort it.}",
        line,
    )

    assert [d.code for d in built.diagnostics if d.severity == "error"] == ["ORCH541"]
    assert which in next(d.message for d in built.diagnostics if d.code == "ORCH541")


def test_the_last_rung_need_not_give_any(tmp_path: Path) -> None:
    """Behind it nobody decides."""
    assert said(checked(tmp_path, rule("confidence < 0.7", to="[big, mid]"))) == [("ORCH540", 5)]


def test_outputs_are_looked_at_too(tmp_path: Path) -> None:
    """They are read after the last step."""
    built = check(
        tmp_path,
        HEAD
        + "  first: {agent: sorter, model: mute, prompt: Sort it.}\n"
        + "outputs: {sure: '{{ steps.first.confidence }}'}\n",
    )

    assert said(built) == [("ORCH541", 6)]


def test_a_measurement_that_fits_makes_the_warning_go(tmp_path: Path) -> None:
    """And belongs to the step, and to what the run is known by."""
    without = checked(tmp_path, rule("confidence < 0.7"))
    built = checked(tmp_path, rule("confidence < 0.7"), lock=LOCK)

    assert said(built) == []
    assert built.graph is not None
    assert without.graph is not None
    assert [entry.cases for entry in node(built.graph, "measured").calibrations] == [200]
    assert built.graph.digest != without.graph.digest


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (", output: {kind: bill | order | other}", "another output"),
        (", role: You sort.", "another prompt or role"),
    ],
)
def test_a_measurement_of_something_else_is_stale(more: str, what: str, tmp_path: Path) -> None:
    """The raw value counts, and that is said."""
    built = checked(
        tmp_path,
        rule("confidence < 0.7", more.replace("bill | order | other", "'bill | order | other'")),
        lock=LOCK,
    )

    assert said(built) == [("ORCH542", 5)]
    assert what in next(d.message for d in built.diagnostics if d.code == "ORCH542")
    assert built.graph is not None
    assert node(built.graph, "measured").calibrations == ()


@pytest.mark.parametrize(
    "lock",
    [
        "", "orch: 2\nconfidence: []\n", "orch: 1\nconfidence: {}\n", "orch: 1\nconfidence: [x]\n", "a: [\n", "\0",
        LOCK.replace("200", "0"), LOCK.replace("smollm2", "3"), LOCK.replace("    cases: 200\n", ""),
        LOCK.replace("0.5]", "1.5]"), LOCK.replace("[0, ", "[0.1, "), LOCK.replace("[0.8, 0.1]", "[0.8, 0.6]"),
        LOCK.replace("[0.8, 0.1]", "[0, 0.1]"), LOCK.replace("[0.8, 0.1]", "[0.8]"), re.sub("risk: .*", "risk: []", LOCK),
    ],
)  # fmt: skip
def test_a_lock_file_that_cannot_be_read_is_a_warning_with_its_name(lock: str, tmp_path: Path) -> None:
    """And nothing of it is used."""
    built = checked(tmp_path, rule("confidence < 0.7"), lock=lock)

    assert sorted(code for code, _ in said(built)) == ["ORCH540", "ORCH542"]
    assert "workflow.lock.yaml is not used" in " ".join(d.message for d in built.diagnostics)
    assert built.graph is not None


def test_a_lock_file_that_nobody_needs_is_not_read(tmp_path: Path) -> None:
    """A file with that name may be somebody else's."""
    assert said(checked(tmp_path, rule("invalid"), lock="not: ours\n")) == []


@pytest.mark.parametrize(
    "lines",
    [
        ["shown: {value: \"{{ steps.measured | map(attribute='confidence') | list }}\"}"],
        ["shown: {value: \"{{ steps.measured | selectattr('confidence', '<', 0.5) | list }}\"}"],
        ["shown: {value: '{% for one in steps.measured %}{{ one.confidence }}{% endfor %}'}"],
        ["shown: {foreach: steps.measured, value: '{{ item.confidence }}'}"],
        ["shown: {foreach: 'zip(measured, steps.measured)', as: [m, f], value: '{{ f.confidence }}'}"],
        ["facts: {value: '{{ steps.measured }}'}", "shown: {foreach: facts, value: '{{ item.confidence }}'}"],
    ],
)
def test_facts_that_are_read_as_a_list_are_read(lines: list[str], tmp_path: Path) -> None:
    """A filter or a loop hides the step's name; its model is asked how sure it was all the same."""
    built = checked(
        tmp_path, "measured: {foreach: [1, 2], agent: sorter, prompt: 'Sort {{ item }}.'}", *lines
    )

    assert [d.message for d in built.diagnostics if d.severity == "error"] == []
    assert built.graph is not None
    assert node(built.graph, "measured").confident


def test_a_field_of_the_files_own_asks_no_model(tmp_path: Path) -> None:
    """What a step answers may be called so."""
    built = checked(
        tmp_path,
        "measured: {agent: sorter, prompt: Sort it.}",
        "own: {value: {confidence: 3, of: '{{ steps.measured.model }}'}}",
        "read: {value: '{{ own.confidence < 4 }}'}",
    )

    assert built.graph is not None
    assert not node(built.graph, "measured").confident
