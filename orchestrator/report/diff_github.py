"""A comparison as a comment in Markdown. Everything that comes from a file or a record stands in code, where nothing is
a link, a mention, HTML or a table; the whole never exceeds what GitHub takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from orchestrator.plan.compare import Comparison, StepChange
from orchestrator.report import diff_words as say
from orchestrator.report.diff_lines import Row, plain, unified
from orchestrator.report.words import count
from orchestrator.safe import safe
from orchestrator.spec.diagnostics import Diagnostic

LIMIT = 65_536
"""Of one comment; counted in bytes, of which there are never fewer than characters."""
NAME, CODE = 300, 12_000
"""Characters of one quoted word, and of one block."""
_MORE = "\n*More differs than a comment can hold; `orch diff` on a terminal shows all of it.*\n"
_TICKS = re.compile("`+")


def quoted(text: str) -> str:
    """A word as inline code: no character in it means anything to GitHub."""
    line = " ".join(safe(text).split()) or " "
    line = line if len(line) <= NAME else f"{line[: NAME - 1]}…"
    fence = "`" * (max((len(run) for run in _TICKS.findall(line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def block(lines: Sequence[str], language: str = "diff") -> str:
    """Lines as a block of code, cut with a note where they are too many."""
    text = "\n".join(safe(line).replace("\n", "⏎") for line in lines)
    if len(text) > CODE:
        kept = text[:CODE].rpartition("\n")[0]
        text = f"{kept}\n… {count(text.count(chr(10)) - kept.count(chr(10)), 'more line')}"
    fence = "`" * max(3, max((len(run) for run in _TICKS.findall(text)), default=0) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def details(title: str, body: str) -> str:
    """Folded; `title` must be Markdown already."""
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>\n"


def comment(name: str, found: Comparison, notes: Sequence[str] = ()) -> str:
    """Two revisions of a workflow. `name` is what was compared."""
    return bounded(
        [f"### orch diff {quoted(name)}\n", *(f"*{quoted(note)}*\n" for note in notes), *_parts(found)]
    )


def broken(name: str, errors: Iterable[tuple[str, Sequence[Diagnostic]]], known: Sequence[str] = ()) -> str:
    """For a side that is not valid: what is wrong with it, where; and what is `known` of the other."""
    parts = [f"### orch diff {quoted(name)}\n"]
    for side, found in errors:
        lines = [
            f"{one.mark.file}:{one.mark.line}:{one.mark.column}: {one.code} {one.message}" for one in found
        ]
        parts.append(
            f"{quoted(side)} **is not valid, so nobody can say what would leave**\n\n{block(lines, 'text')}\n"
        )
    return bounded([*parts, block(known, "text")] if known else parts)


def of_rows(name: str, rows: Sequence[Row]) -> str:
    """Rows that may be published, as one block."""
    return bounded([f"### orch diff {quoted(name)}\n", "\n" + block(plain(rows).splitlines(), "text") + "\n"])


def bounded(parts: Iterable[str]) -> str:
    """As many parts, whole, as one comment holds; a note says that there were more."""
    text, left = "", LIMIT - len(_MORE.encode())
    for part in parts:
        size = len(part.encode("utf-8", "replace")) + 1
        if size > left:
            return text + _MORE
        text, left = f"{text}{part}\n", left - size
    return text


def _parts(found: Comparison) -> Iterator[str]:
    if not found.differs:
        yield f"No difference in {count(found.same, 'step')}."
        return
    if found.news:
        yield f"> [!CAUTION]\n> **May newly leave this machine: {count(len(found.news), 'way')}**\n"
        yield from (f"- {say.news(one, quoted)}" for one in found.news)
    else:
        yield "**Nothing newly leaves this machine.**"
    yield from (f"- no longer leaves: {quoted(way.step)} → {quoted(way.sink)}" for way in found.gone)
    yield ""
    for name, before, after in say.worst(found):
        moved = quoted(before) if before == after else f"{quoted(before)} → {quoted(after)}"
        yield f"- worst case, {name}: {moved}"
    yield from (f"- {line}" for line in say.anew(found.anew, quoted))
    yield ""
    for title, changes in (("Models", found.models), ("File", found.file)):
        if changes:
            lines = [f"- {line}" for line in say.changes(changes, quoted)]
            yield details(f"{title} ({len(lines)})", "\n".join(lines))
    yield from (_step(change) for change in found.steps)


def _step(change: StepChange) -> str:
    """The title is HTML, in which Markdown means nothing: so the names stand in the body."""
    keys = change.keys if change.what in ("changed", "renamed") else ()
    body = [say.step(change, quoted), *(f"- {line}" for line in say.changes(keys, quoted))]
    body += [f"\n{quoted(text.key)}\n\n{block(unified(text.before, text.after))}" for text in change.texts]
    return details(f"Step {_escaped(change.path)}: {change.what}", "\n".join(body))


def _escaped(path: str) -> str:
    """A path of steps in HTML: letters, digits, dots and low lines are all there is in one."""
    return re.sub(r"[^\w.:]", "·", path)[:NAME].replace("_", "&#95;").replace("@", "·")


__all__ = ["LIMIT", "block", "bounded", "broken", "comment", "details", "of_rows", "quoted"]
