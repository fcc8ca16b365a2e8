"""One instance in two runs, out of its events in each: what was asked, what came back, which model, at what price.

For the command and for the screen. Values that the record does not hold stay what the record says of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator.events import (
    AskAnswered,
    AttemptStarted,
    CallFinished,
    CallStarted,
    Event,
    StepFailed,
    StepFinished,
    StepSkipped,
)
from orchestrator.money import shown
from orchestrator.report import words
from orchestrator.report.diff_facts import Facts
from orchestrator.report.diff_lines import Row, as_text, rows_of, unified


def instance_rows(
    before: Sequence[Event], after: Sequence[Event], names: tuple[str, str] = ("before", "after")
) -> list[Row]:
    """The rows of a diff of one instance. Either side may have no events: then the run has no such instance.

    The value of a group or a fan-out is in no event of its own and is not compared here: look at what is inside it.
    """
    if not before or not after:
        there, other = (names[1], names[0]) if after else (names[0], names[1])
        return [((f"only in {there}" if before or after else f"neither in {there} nor in {other}", "dim"),)]
    one, other_facts = facts_of(before), facts_of(after)
    rows = list(_figures(one, other_facts))
    for title, old, new in _texts(before, after):
        lines = unified(old, new)
        if lines:
            rows += [((title, "bold"),), *rows_of(lines)]
    return rows or [(("the same", "good"),)]


def facts_of(events: Sequence[Event]) -> Facts:
    """The figures of an instance from all its events."""
    found = Facts()
    for seq, event in enumerate(events):
        found.take(event, seq)
    return found


def instance_json(before: Sequence[Event], after: Sequence[Event]) -> dict[str, Any]:
    """The same for a program: figures of both, and a unified diff of each text."""
    texts = {title: unified(old, new) for title, old, new in _texts(before, after) if old != new}
    return {
        "before": figures(facts_of(before)) if before else None,
        "after": figures(facts_of(after)) if after else None,
        "texts": texts,
    }


def figures(found: Facts) -> dict[str, Any]:
    """What is known of an instance without its texts; `cost` in nano-dollars."""
    names = ("verb", "status", "model", "went", "attempts", "prompt_tokens", "completion_tokens", "cost", "seconds",
             "cached", "withheld", "choice")  # fmt: skip
    return {name: getattr(found, name) for name in names}


def _figures(before: Facts, after: Facts) -> Iterator[Row]:
    pairs = [
        ("status", _status(before), _status(after)),
        ("model", before.model, after.model),
        ("decided", before.went, after.went),
        ("choice", before.choice, after.choice),
        ("attempts", str(before.attempts), str(after.attempts)),
        ("tokens", _tokens(before), _tokens(after)),
        ("seconds", f"{before.seconds:.1f}", f"{after.seconds:.1f}"),
        ("cost", shown(before.cost), shown(after.cost)),
    ]
    for name, old, new in pairs:
        if old != new:
            role = "warn" if name in ("status", "model", "decided", "choice") else ""
            yield ((f"{name:<9}", "dim"), (f"{old or '–'} → {new or '–'}", role))
    if before.withheld or after.withheld:
        yield (("some of it was not kept (`keep`), and cannot be compared", "warn"),)


def _status(found: Facts) -> str:
    return f"{found.status}, cached" if found.cached else found.status


def _tokens(found: Facts) -> str:
    return f"{words.number(found.prompt_tokens)} in, {words.number(found.completion_tokens)} out"


def _texts(before: Sequence[Event], after: Sequence[Event]) -> Iterator[tuple[str, str, str]]:
    old, new = _prompt(before), _prompt(after)
    if old is not None and new is not None:
        yield "prompt", old, new
    yield "calls", _calls(before), _calls(after)
    ends = _end(before), _end(after)
    if None not in ends:
        yield "output", ends[0] or "", ends[1] or ""


def _prompt(events: Sequence[Event]) -> str | None:
    """What the model was asked first; None where none was: an answer out of the cache."""
    for event in events:
        if isinstance(event, AttemptStarted):
            return "\n".join(f"[{one.get('role', '')}]\n{_content(one)}" for one in event.messages)
    return None


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content", "")
    rest = {key: value for key, value in message.items() if key not in ("role", "content")}
    return as_text(content) + (f"\n{as_text(rest)}" if rest else "")


def _calls(events: Sequence[Event]) -> str:
    """The calls of tools, with what they were given and what they gave."""
    lines = []
    for event in events:
        match event:
            case CallStarted():
                lines.append(f"{event.tool} {as_text(dict(event.arguments))}")
            case CallFinished():
                lines.append(f"→ {event.outcome} {as_text(event.value)} {event.message}".rstrip())
            case AskAnswered():
                lines.append(f"answered: {event.choice} by {event.by}")
            case _:
                pass
    return "\n".join(lines)


def _end(events: Sequence[Event]) -> str | None:
    """What it came to; None while it has not ended, and for a group."""
    for event in reversed(events):
        match event:
            case StepFinished():
                return None if "container" in event.facts and not event.handled else as_text(event.value)
            case StepFailed():
                return f"failed: {event.message}"
            case StepSkipped():
                return f"skipped: {event.reason}"
            case _:
                pass
    return None


__all__ = ["facts_of", "figures", "instance_json", "instance_rows"]
