"""What differs between two revisions of a workflow, in sentences. For the terminal and for a comment alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from orchestrator.plan.compare import Anew, Change, Comparison, StepChange
from orchestrator.plan.compare_ways import News, Way

Quote = Callable[[str], str]
"""How a word of the file is shown."""
WIDE, LEAD = 160, 40
"""Characters of a value in a line, and of those before the first one that differs."""
FEW = 3
"""Names of steps before one that are told."""
ASKED = {
    "label": "its label",
    "output": "the type of its answer",
    "file": "the file, whose digest stands for its tool",
}


def news(one: News, quote: Quote) -> str:
    """One way out that is new, as a sentence: which step, where to, what, how private."""
    way, was = one.way, one.was
    head = f"step {quote(way.step)} → {quote(way.sink)} ({_kind(way, quote)})"
    if was is None:
        return f"{head}: new; {contents(way, quote)}"
    return f"{head}: {'; '.join(_reasons(one, was, quote))}"


def _reasons(one: News, was: Way, quote: Quote) -> Iterator[str]:
    way = one.way
    for why, names in one.why.items():
        match why:
            case "elsewhere":
                yield f"goes elsewhere, before to {quote(was.target)}"
            case "code":
                yield "its code is another one, and only that says what it sends"
            case "label":
                yield f"may be {way.label}, before at most {was.label}"
            case "parts":
                yield f"more of its request: {_list(names, quote)}"
            case "reads":
                yield f"more can be in it: {_list(names, quote)}"
            case "unlowered":
                yield f"no longer made less private by {_list(names, quote)}"
            case "otherwise":
                yield f"made less private in another way by {_list(names, quote)}"
            case "rule":
                yield f"by another rule, before {quote(_rule(was))}, now {quote(_rule(way))}"
            case "always":
                yield "always, before only when it escalates"
            case "new":
                yield "new"


def contents(way: Way, quote: Quote) -> str:
    """What goes out on one way, and how private it is at most."""
    parts = _list(way.parts, quote) or "that it is called"
    made = f", after {_list(way.lowered, quote)}" if way.lowered else ""
    reads = f"; in it can be {_list(way.reads, quote)}" if way.reads else ""
    when = "always" if way.always else "if it escalates"
    return f"{when}: {parts} ({way.label}{made}){reads}"


def _rule(way: Way) -> str:
    """When it goes there, as the file writes it."""
    return ", ".join(f"{key}: {text}" for key, text in json.loads(way.rule).items())


def _kind(way: Way, quote: Quote) -> str:
    return f"{way.kind}, {quote(way.target)}" if way.target != way.sink else way.kind


def _list(names: Iterable[str], quote: Quote) -> str:
    return ", ".join(quote(name) for name in names)


def _first(names: tuple[str, ...], quote: Quote) -> str:
    """A few of them: in a long chain every step comes after most of the others."""
    more = len(names) - FEW
    return _list(names[:FEW], quote) + (f" and {more:,} more" if more > 0 else "")


def step(change: StepChange, quote: Quote) -> str:
    """One step in a line: what happened to it, and to which keys."""
    match change.what:
        case "added" | "removed":
            return f"{quote(change.path)} {change.what} ({change.verb})"
        case "renamed":
            told = _list((one.key for one in change.keys), quote)
            rest = f"the same but for {told}" if told else "the same in everything else"
            return f"{quote(change.was)} is {quote(change.path)} now, {rest}"
        case _:
            names = [*(one.key for one in change.texts), *(one.key for one in change.keys)]
            return f"{quote(change.path)} changed: {_list(names, quote)}"


def change(one: Change, quote: Quote) -> str:
    """One key: what it said, what it says."""
    if one.before is None:
        what = "is used now" if one.only_use else "is new"
        return f"{quote(one.key)}: {quote(cut(one.after or ''))} {what}"
    if one.after is None:
        what = "is not used any more" if one.only_use else "is gone"
        return f"{quote(one.key)}: {quote(cut(one.before))} {what}"
    before, after = _both(one.before, one.after)
    return f"{quote(one.key)}: {quote(before)} → {quote(after)}"


def changes(found: Iterable[Change], quote: Quote) -> list[str]:
    """Keys, one a line: of a map that was there before, only the entries that are others."""
    return [change(part, quote) for one in found for part in _parts(one)]


def _parts(one: Change) -> Iterator[Change]:
    before, after = _map(one.before), _map(one.after)
    if not before.keys() & after.keys():
        yield one
        return
    for name in dict.fromkeys((*before, *after)):
        if before.get(name, _parts) != after.get(name, _parts):
            yield from _parts(Change(f"{one.key}.{name}", _entry(before, name), _entry(after, name)))


def _map(text: str | None) -> dict[str, Any]:
    value = json.loads(text) if text is not None else None
    return value if isinstance(value, dict) else {}


def _entry(found: dict[str, Any], name: str) -> str | None:
    return json.dumps(found[name], ensure_ascii=False) if name in found else None


def _both(before: str, after: str) -> tuple[str, str]:
    """Two texts short enough for a line, from shortly before the place at which they begin to differ."""
    if max(len(before), len(after)) <= WIDE:
        return before, after
    pairs = enumerate(zip(before, after, strict=False))
    differs = next((at for at, (one, other) in pairs if one != other), min(len(before), len(after)))
    start = max(0, differs - LEAD)
    mark = "…" if start else ""
    return f"{mark}{cut(before[start:])}", f"{mark}{cut(after[start:])}"


def cut(text: str) -> str:
    return text if len(text) <= WIDE else f"{text[: WIDE - 1]}…"


def worst(found: Comparison) -> list[tuple[str, str, str]]:
    """The worst case before and after: calls, calls that leave, dollars."""
    before, after = found.before, found.after
    return [
        ("model calls", before.calls, after.calls),
        ("of them may leave", before.cloud_calls, after.cloud_calls),
        ("cost", before.bound, after.bound),
    ]


def anew(found: tuple[Anew, ...], quote: Quote) -> list[str]:
    """Which answers in the cache are stale."""
    own = [
        f"{quote(one.step)} ({_list([ASKED.get(n, n) for n in one.why], quote)})" for one in found if one.why
    ]
    later = [f"{quote(one.step)} (after {_first(one.after, quote)})" for one in found if not one.why]
    lines = [f"asked anew: {', '.join(own)}"] if own else []
    return (
        [*lines, f"asked anew if what they read comes out differently: {', '.join(later)}"]
        if later
        else lines
    )


__all__ = ["Quote", "anew", "change", "changes", "contents", "news", "step", "worst"]
