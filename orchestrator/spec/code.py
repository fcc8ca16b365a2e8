"""What a code of a diagnostic is, and how its examples are written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent

from orchestrator.spec.diagnostics import Severity


@dataclass(frozen=True, slots=True)
class Code:
    """`title` is a line, `text` a paragraph, `wrong` a file that gives exactly this code, `right` the same without it."""

    code: str
    severity: Severity
    title: str
    text: str
    wrong: str
    right: str


def code(number: str, title: str, text: str, wrong: str, right: str, severity: Severity = "error") -> Code:
    return Code(
        number,
        severity,
        title,
        " ".join(text.split()),
        dedent(wrong).lstrip("\n"),
        dedent(right).lstrip("\n"),
    )


def step_code(
    number: str, title: str, text: str, wrong: str, right: str, severity: Severity = "error"
) -> Code:
    """Examples that are one step; each line stands below `steps:`."""
    return code(number, title, text, _workflow(wrong), _workflow(right), severity)


def _workflow(steps: str) -> str:
    body = "".join(f"  {line}\n" for line in dedent(steps).strip("\n").splitlines())
    return f"orch: 1\nsteps:\n{body}"


def head_code(
    number: str, title: str, text: str, wrong: str, right: str, severity: Severity = "error"
) -> Code:
    """Examples that stand above a step."""
    step = "steps:\n  short: {agent: creative, prompt: Say hello.}\n"
    wrong, right = (f"orch: 1\n{dedent(part).lstrip(chr(10))}{step}" for part in (wrong, right))
    return code(number, title, text, wrong, right, severity)


def table(*codes: Code) -> Mapping[str, Code]:
    return {entry.code: entry for entry in codes}
