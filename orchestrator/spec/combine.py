"""Keys that only make sense together, or not together. Pure, on the raw map of one model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from orchestrator.labels import LEVELS
from orchestrator.spec.model import (
    STEPS,
    AgentStep,
    AskStep,
    Declassify,
    InputSpec,
    Knowledge,
    McpServer,
    Model,
    ToolSpec,
)

Raw: TypeAlias = Mapping[str, Any]
Finding: TypeAlias = tuple[str, str, str, str]
"""Code, message, the key it is about, hint."""


def combinations(cls: type[Model], raw: Raw) -> Iterator[Finding]:
    """What is wrong with the keys of one map, taken together."""
    for rule in _RULES.get(cls, ()):
        yield from rule(raw)


def _needs_partner(
    key: str, partners: tuple[str, ...], code: str, hint: str
) -> Callable[[Raw], Iterator[Finding]]:
    def rule(raw: Raw) -> Iterator[Finding]:
        if key in raw and not any(partner in raw for partner in partners):
            yield code, f"{key!r} means nothing without {' or '.join(map(repr, partners))}", key, hint

    return rule


def _one_of(keys: tuple[str, ...], code: str, what: str) -> Callable[[Raw], Iterator[Finding]]:
    def rule(raw: Raw) -> Iterator[Finding]:
        given = [key for key in keys if key in raw]
        choices = ", ".join(keys)
        if len(given) > 1:
            yield (
                code,
                f"{' and '.join(map(repr, given))} exclude each other",
                given[1],
                f"{what} has one of {choices}",
            )
        elif not given:
            yield code, f"{what} needs one of {choices}", next(iter(raw), ""), ""

    return rule


def _excludes(first: str, second: str, hint: str) -> Callable[[Raw], Iterator[Finding]]:
    def rule(raw: Raw) -> Iterator[Finding]:
        if first in raw and second in raw:
            yield "ORCH133", f"{first!r} and {second!r} exclude each other", second, hint

    return rule


def _unique(key: str) -> Callable[[Raw], Iterator[Finding]]:
    def rule(raw: Raw) -> Iterator[Finding]:
        values = raw.get(key)
        if not isinstance(values, list):
            return
        for index, value in enumerate(values):
            if isinstance(value, str) and value in values[:index]:
                yield "ORCH134", f"{value!r} stands twice in {key!r}", key, "remove one of them"
                return

    return rule


def _then(raw: Raw) -> Iterator[Finding]:
    then, choices = raw.get("then"), raw.get("choices", ["yes", "no"])
    if isinstance(then, str) and isinstance(choices, list) and choices and then not in choices:
        yield (
            "ORCH132",
            f"'then' is {then!r}, which is none of the choices",
            "then",
            f"choices are {', '.join(map(str, choices))}",
        )


def _levels(raw: Raw) -> Iterator[Finding]:
    high, low = raw.get("from"), raw.get("to")
    if high in LEVELS and low in LEVELS and LEVELS.index(low) >= LEVELS.index(high):
        yield "ORCH136", f"{low!r} is not below {high!r}", "to", f"labels rise {' < '.join(LEVELS)}"


def _groups(raw: Raw) -> Iterator[Finding]:
    if raw.get("by") == "aggregate" and "min_group" not in raw:
        yield (
            "ORCH136",
            "'aggregate' needs 'min_group'",
            "by",
            "say how many people a figure must stand for at least",
        )
    if "min_group" in raw and raw.get("by") in ("redact", "approve"):
        yield "ORCH136", "'min_group' belongs to `by: aggregate`", "min_group", ""


def _files(raw: Raw) -> Iterator[Finding]:
    kind = raw.get("type")
    if not isinstance(kind, str | dict | list):
        return
    for key in ("format", "rows", "missing"):
        if key in raw and kind != "file":
            yield (
                "ORCH135",
                f"{key!r} belongs to inputs of type file",
                key,
                "write `type: file`, or remove it",
            )
    if "new" in raw and kind != "files":
        yield "ORCH135", "'new' belongs to inputs of type files", "new", "write `type: files`, or remove it"
    if kind == "file" and "rows" in raw and raw.get("format", "text") not in ("json", "jsonl", "csv"):
        yield (
            "ORCH135",
            "'rows' needs a format that has rows",
            "rows",
            "write `format: csv`, `jsonl` or `json`",
        )


def _chroma(raw: Raw) -> Iterator[Finding]:
    given = raw.get("from")
    texts = given if isinstance(given, list) else [given]
    if not any(isinstance(text, str) and text.startswith("chroma:") for text in texts):
        return
    if len(texts) > 1:
        hint = "make two of it; an agent may have several"
        yield "ORCH133", "a Chroma folder and other documents exclude each other", "from", hint
    if "chunk" in raw:
        hint = "remove it: the texts of a Chroma folder stay as they are, since its vectors are of these"
        yield "ORCH133", "'chunk' and a Chroma folder exclude each other", "chunk", hint


_FOREACH = tuple(
    _needs_partner(key, ("foreach",), "ORCH130", "add `foreach:` with the list, or remove it")
    for key in ("as", "on_item_error")
)
_STEP = (*_FOREACH, _unique("needs"), _unique("as"))
_WIDE = ("foreach", "models", "samples", "reduce")

_RULES: dict[type[Model], tuple[Callable[[Raw], Iterator[Finding]], ...]] = dict.fromkeys(
    STEPS.values(),
    (*_STEP, _needs_partner("parallel", ("foreach",), "ORCH130", "add `foreach:`, or remove it")),
)
_RULES[AgentStep] = (
    *_STEP,
    _needs_partner("parallel", _WIDE, "ORCH130", "add `foreach:`, or remove it"),
    _needs_partner("by", ("reduce",), "ORCH131", "add `reduce:` with the list to merge, or remove it"),
    _needs_partner(
        "pick", ("samples",), "ORCH131", "add `samples:` with the number of answers, or remove it"
    ),
    _excludes("model", "models", "ask one model, or each of several"),
    _excludes("models", "samples", "ask several models once, or one several times"),
    _unique("models"),
    _unique("tools"),
    _unique("knowledge"),
)
_RULES[AskStep] = (
    *_RULES[AskStep],
    _needs_partner("then", ("timeout",), "ORCH131", "say after how long: `timeout: 24h`"),
    _unique("choices"),
    _then,
)
_RULES[Declassify] = (_levels, _groups)
_RULES[InputSpec] = (_files,)
_RULES[ToolSpec] = (_one_of(("mcp", "python", "agent"), "ORCH133", "a tool"),)
_RULES[Knowledge] = (_chroma,)
_RULES[McpServer] = (_one_of(("command", "url"), "ORCH133", "an MCP server"),)
