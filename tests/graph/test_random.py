"""Random valid workflows build clean; a name spoilt anywhere in them is found at its place."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.graph.build import Built
from orchestrator.graph.open import check_workflow

HEAD = "orch: 1\ninputs: {word: string}\nagents: {writer: {role: You write.}}\nsteps:\n"
FIELDS = ("mood", "score", "reason")
OUTPUT = "{mood: good | bad, score: 'int(1..5)', reason: string}"
SPOILT = "zzz_spoilt"


@dataclass(frozen=True)
class Made:
    text: str
    refs: tuple[tuple[int, int, int], ...]
    """Line, column and length of each name that may be spoilt (1-based)."""


def _use(draw: st.DrawFn, known: list[str]) -> tuple[str, list[str]]:
    """An expression over typed steps, and the names in it that can be spoilt, in order."""
    name = draw(st.sampled_from(known))
    field = draw(st.sampled_from(FIELDS))
    forms = (
        (f"{name}.{field}", [name, field]),
        (f"{name}['{field}']", [name]),
        (f"coalesce({name}.{field}, 'x')", [name, field]),
        (f"{name}.reason | upper | default('x')", [name, "reason"]),
        (f"{name}.score + 1", [name, "score"]),
        (f"[{name}.{field}] | first", [name, field]),
        (f"{name}.{field} if {name}.mood == 'good' else 'x'", [name, field, name, "mood"]),
        (f"steps.{name}.tokens + steps.{name}.attempts", [name, "tokens", name, "attempts"]),
        (f"inputs.word ~ {name}.{field}", ["word", name, field]),
    )
    return draw(st.sampled_from(forms))


def _line(draw: st.DrawFn, name: str, known: list[str]) -> tuple[str, list[str], bool]:
    """A step on one line, the names in it that can be spoilt, and whether its readers know its fields."""
    if not known:
        return f"{name}: {{agent: writer, prompt: Go., output: {OUTPUT}}}", ["writer"], True
    expression, names = _use(draw, known)
    match draw(st.integers(0, 3)):
        case 0:
            return (
                f'{name}: {{agent: writer, prompt: "Say {{{{ {expression} }}}}", output: {OUTPUT}}}',
                ["writer", *names],
                True,
            )
        case 1:
            return f'{name}: {{value: {{a: ["{{{{ {expression} }}}}"]}}}}', names, False
        case 2:
            other = draw(st.sampled_from(known))
            return f'{name}: {{value: "{{{{ {expression} }}}}", needs: [{other}]}}', [*names, other], False
        case _:
            return (
                f'{name}: {{foreach: [1, 2], value: "{{% if item %}}{{{{ {expression} }}}}{{% endif %}}"}}',
                ["item", *names],
                False,
            )


@st.composite
def workflows(draw: st.DrawFn) -> Made:
    known: list[str] = []
    refs: list[tuple[int, int, int]] = []
    lines = HEAD.splitlines()
    for number in range(draw(st.integers(1, 8))):
        name = f"step_{number}"
        grouped = draw(st.booleans())
        indent = "      " if grouped else "  "
        if grouped:
            lines += [f"  group_{number}:", "    steps:"]
        line, names, typed = _line(draw, name, known)
        lines.append(indent + line)
        start = len(indent) + len(name) + 1
        for word in names:
            start = lines[-1].index(word, start)
            refs.append((len(lines), start + 1, len(word)))
            start += len(word)
        if typed and not grouped:
            known.append(name)
    return Made("\n".join(lines) + "\n", tuple(refs))


def _check(text: str) -> Built:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
        file = Path(folder) / "workflow.yaml"
        file.write_text(text, encoding="utf-8")
        return check_workflow(file, display="workflow.yaml")


QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(workflows())
@QUICK
def test_a_valid_workflow_builds_clean(made: Made) -> None:
    """No false errors."""
    built = _check(made.text)

    assert [d for d in built.diagnostics if d.severity == "error"] == []
    assert built.graph is not None
    assert all(dep < node.index for node in built.graph.scope.nodes for dep in node.deps)


@given(workflows(), st.data())
@QUICK
def test_a_spoilt_name_is_found_at_its_place(made: Made, data: st.DataObject) -> None:
    """The caret stands under the very word, whatever it is: a step, a field, an agent, an input, a fact."""
    line, column, length = data.draw(st.sampled_from(made.refs))
    lines = made.text.splitlines()
    row = lines[line - 1]
    lines[line - 1] = row[: column - 1] + SPOILT + row[column - 1 + length :]

    built = _check("\n".join(lines) + "\n")

    assert built.graph is None
    errors = [d for d in built.diagnostics if d.severity == "error"]
    assert [(d.mark.line, d.mark.column, d.mark.width) for d in errors] == [(line, column, len(SPOILT))]
