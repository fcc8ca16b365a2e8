"""`orch diff` of a workflow: both sides opened, compared, printed in one of three forms."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.cli.console import Console
    from orchestrator.cli.diff_git import Repository
    from orchestrator.cli.diff_sides import Found
    from orchestrator.plan.compare import Comparison

INVALID = 2
"""The exit code when the newer side is not valid: what may leave is not known then."""


def diff_workflows(
    console: Console,
    before: str,
    after: str,
    old: Path,
    new: Path,
    given: Mapping[str, str],
    form: str,
    *,
    exit_code: bool,
    fail_if_leaves: bool,
) -> int:
    """Compare `old` at the revision `before` with `new` at `after`; an empty revision is the file as it lies there.

    `before` may end with `...`: then it is the commit at which it parted from `after`. Returns the exit code.
    """
    from orchestrator.cli.diff_sides import refuse_unknown

    with ExitStack() as stack:
        sides = _sides(stack, before, after, old, new, given)
        refuse_unknown(given, *sides)
        name = _title(sides, str(new) if before else "")
        compared = _compared(sides)
        if compared is None:
            _broken(console, name, sides, form)
            return INVALID if sides[1].side is None else 0
    _print(console, name, compared, _notes(sides), form)
    differs = (exit_code and compared.differs) or (fail_if_leaves and bool(compared.news))
    return int(differs)


def _sides(
    stack: ExitStack, before: str, after: str, old: Path, new: Path, given: Mapping[str, str]
) -> tuple[Found, Found]:
    from orchestrator.cli.diff_sides import of_file

    if not before:
        return of_file(old, str(old), given, shown=str(old)), of_file(new, str(new), given, shown=str(new))
    from orchestrator.cli.diff_git import Repository
    from orchestrator.cli.diff_history import History

    repository = Repository.around(_there(new.absolute().parent))
    start, end = _commits(repository, before, after)

    def tree() -> Path:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="orch-diff-"))).resolve() / "tree"

    names = _named(before, start), _named(after, end) if end else "here"
    return History(repository, (start, end), names, tree).sides(new, given)


def _title(sides: tuple[Found, Found], file: str) -> str:
    if any(one.moved for one in sides):
        return " → ".join(f"{one.name} {one.moved or file}" for one in sides)
    return f"{sides[0].name} → {sides[1].name} {file}".rstrip()


def _there(directory: Path) -> Path:
    """The nearest directory above that is there: that of a workflow may be gone with it."""
    return next((one for one in (directory, *directory.parents) if one.is_dir()), directory)


def _commits(repository: Repository, before: str, after: str) -> tuple[str, str]:
    start = repository.commit(before.removesuffix("..."))
    end = repository.commit(after) if after else ""
    return (repository.base(start, end), end) if before.endswith("...") else (start, end)


def _named(revision: str, commit: str) -> str:
    """As the person said it; the commit where they parted by its beginning."""
    return commit[:10] if revision.endswith("...") else revision


def _compared(sides: tuple[Found, Found]) -> Comparison | None:
    from orchestrator.engine.made_of import inputs_read
    from orchestrator.plan.compare import compare

    before, after = sides[0].side, sides[1].side
    return None if before is None or after is None else compare(before, after, inputs_read)


def _notes(sides: Sequence[Found]) -> list[str]:
    """What was not looked at."""
    return [
        f"{one.left_out:,} large files of {one.name} were not read; whether documents differ is not known for them"
        for one in sides
        if one.left_out
    ]


def _print(console: Console, name: str, found: Comparison, notes: list[str], form: str) -> None:
    match form:
        case "json":
            from orchestrator.report.diff_workflow import data

            console.json({"compared": name, "notes": notes, **data(found)})
        case "github":
            from orchestrator.report.diff_github import comment

            console.out.write(comment(name, found, notes))
        case _:
            from orchestrator.cli.diff_print import print_rows
            from orchestrator.report.diff_workflow import rows

            print_rows(console, [((name, "dim"),), *rows(found)])
            for note in notes:
                console.warning(note)


# ------------------------------------------------------------------------------------------------ not valid


def _broken(console: Console, name: str, sides: tuple[Found, Found], form: str) -> None:
    """What is wrong with a side, and what is known of the other."""
    match form:
        case "json":
            console.json({"compared": name, "differs": None, **{k: _side(s) for k, s in _keyed(sides)}})
        case "github":
            from orchestrator.report.diff_github import broken

            console.out.write(
                broken(name, [(one.name, one.errors) for one in sides if one.side is None], _known(sides))
            )
        case _:
            from orchestrator.cli.diff_print import print_rows
            from orchestrator.spec.format import as_text

            for one in sides:
                if one.side is None:
                    console.view(f"{one.name} is not valid:\n\n{as_text(one.errors)}\n")
            print_rows(console, [((line, ""),) for line in _known(sides)])
            console.say("nothing could be compared")


def _known(sides: tuple[Found, Found]) -> list[str]:
    """The side that is valid, alone: what may leave there."""
    from orchestrator.plan.compare import worst_of

    lines = []
    for one in sides:
        if one.side is not None:
            lines.append(
                f"{one.name} is valid: {worst_of(one.side).calls} model calls, {worst_of(one.side).bound}"
            )
            lines += [
                f"  may leave: step {way.step} → {way.sink} ({way.kind}, {way.label})"
                for way in one.side.plan.exits
            ]
            if not one.side.plan.exits:
                lines.append("  nothing of it leaves this machine")
    return lines


def _keyed(sides: tuple[Found, Found]) -> list[tuple[str, Found]]:
    return [("before", sides[0]), ("after", sides[1])]


def _side(one: Found) -> dict[str, Any]:
    from dataclasses import asdict

    if one.side is None:
        return {"name": one.name, "valid": False, "errors": [asdict(error) for error in one.errors]}
    return {"name": one.name, "valid": True, "leaves": [asdict(way) for way in one.side.plan.exits]}


__all__ = ["diff_workflows"]
