"""How long prompts will be: rendered where the inputs alone decide them, else literals plus what types allow.

Knows no tokenizer: whoever has one counts `messages`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import nodes

from orchestrator.messages import Message
from orchestrator.plan.bounds import StepBound
from orchestrator.plan.lengths import Known, evaluate
from orchestrator.policy.cases import as_answered, as_asked, read_cases
from orchestrator.render import Program, parse
from orchestrator.spec.schema import describe
from orchestrator.spec.types import Enum, MapOf, Nullable, Str, Type

CHARACTERS_PER_TOKEN = 4
"""A usual figure for English text; other scripts need more tokens. Estimates with it are marked as such."""
PASSAGE = 180
"""Tokens of a passage when `chunk` does not say; a test holds this to the index's own."""
AROUND = 120
"""Characters around a passage: its number, file and heading, and the marks of quotation."""


@dataclass(frozen=True, slots=True)
class PromptSize:
    """The longest prompt of a step, as far as it is known before the run.

    `messages` is its text. `allowance` is characters that answers of earlier steps may add, by their types, and what is
    looked up;
    `open` names what may add any length.
    """

    messages: tuple[Message, ...]
    allowance: int = 0
    open: tuple[str, ...] = ()

    @property
    def characters(self) -> int:
        return sum(len(message.content) for message in self.messages) + self.allowance

    @property
    def tokens(self) -> int:
        """An estimate."""
        return -(-self.characters // CHARACTERS_PER_TOKEN)


def prompt_size(step: StepBound) -> PromptSize | None:
    """The longest prompt of this step; None when it calls no model."""
    node, known = step.node, step.known
    if known is None or "prompt" not in node.programs:
        return None
    texts: list[str] = []
    allowance, unbounded = 0, []
    for key in ("role", "prompt"):
        if (program := node.programs.get(key)) is None:
            texts.append("")
            continue
        values = evaluate(program, known)
        if values:
            texts.append(max((str(value) for value in values), key=len))
            continue
        literal, more, names = _template(program, known)
        texts.append(literal)
        allowance += more
        unbounded += names
    shape = "" if node.output is None else f"Answer with JSON only: {describe(node.output)}"
    system = "\n".join(part for part in (texts[0].strip(), shape) if part)
    messages: tuple[Message, ...] = (Message("user", texts[1]),)
    if system:
        messages = (Message("system", system), *messages)
    more, names = _looked_up(step)
    return PromptSize(messages, allowance + more, tuple(dict.fromkeys((*unbounded, *names))))


def _looked_up(step: StepBound) -> tuple[int, list[str]]:
    """Characters that passages and worked examples add at most; what nobody knows by name."""
    agent, graph = step.node.agent, step.graph
    if agent is None:
        return 0, []
    known = [graph.knowledge[name].spec for name in agent.spec.knowledge or () if name in graph.knowledge]
    passages = sum(one.k * (AROUND + (one.chunk or PASSAGE) * CHARACTERS_PER_TOKEN) for one in known)
    if agent.spec.examples is None:
        return passages, []
    try:
        cases, _ = read_cases(Path(agent.spec.examples.from_).read_bytes())
    except OSError:
        return passages, ["examples"]
    output = step.node.output
    sizes = sorted(len(as_asked(one.input)) + len(as_answered(one.output, output)) for one in cases)
    return passages + sum(sizes[-agent.spec.examples.k :]), []


def _template(program: Program, known: Known) -> tuple[str, int, list[str]]:
    """The literals, with the longest known values in their places; characters that types allow; the open names."""
    literal, allowance, unbounded = [], 0, []
    for part in _parts(program):
        if isinstance(part, nodes.TemplateData):
            literal.append(part.data)
        elif (text := _longest(part, known)) is not None:
            literal.append(text)
        elif (cap := _cap(_type(part, known))) is not None:
            allowance += cap
        else:
            unbounded.append(_name(part))
    return "".join(literal), allowance, unbounded


def _parts(program: Program) -> Iterator[nodes.Expr]:
    """What the template prints, all branches included, each loop body once."""
    for output in parse(program.source, "template").find_all(nodes.Output):
        yield from output.nodes


def _longest(node: nodes.Expr, known: Known) -> str | None:
    chain = _chain(node)
    if not chain:
        return None
    if chain[0] in known.values:
        found = [_walk(known.values[chain[0]], chain[1:])]
    elif known.rows and chain[0] in known.rows[0]:
        found = [_walk(row[chain[0]], chain[1:]) for row in known.rows]
    else:
        return None
    texts = [str(value) for value in found if isinstance(value, str | int | float)]
    return max(texts, key=len) if len(texts) == len(found) else None


def _walk(value: object, fields: tuple[str, ...]) -> object:
    for name in fields:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _chain(node: nodes.Expr) -> tuple[str, ...]:
    match node:
        case nodes.Name():
            return (node.name,)
        case nodes.Getattr():
            owner = _chain(node.node)
            return (*owner, node.attr) if owner else ()
        case _:
            return ()


def _name(node: nodes.Expr) -> str:
    chain = _chain(node)
    if chain:
        return ".".join(chain)
    inner = next(iter(node.find_all(nodes.Name)), None)
    return inner.name if inner is not None else "an expression"


def _type(node: nodes.Expr, known: Known) -> Type | None:
    chain = _chain(node)
    found = known.types.get(chain[0]) if chain else None
    for name in chain[1:]:
        while isinstance(found, Nullable):
            found = found.type
        field = found.field(name) if isinstance(found, MapOf) else None
        found = field.type if field else None
    return found


def _cap(kind: Type | None) -> int | None:
    match kind:
        case Str(limit):
            return limit
        case Enum(values):
            return max(map(len, values))
        case Nullable(inner):
            return _cap(inner)
        case _:
            return None
