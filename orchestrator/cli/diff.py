"""`orch diff`: two runs, two git revisions of a workflow, or two workflow files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from orchestrator.cli import complete
from orchestrator.cli.console import the_console
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Form = Literal["text", "json", "github"]
SHOWN = 10


def _names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [
        *complete.runs(context, parameter, incomplete),
        *complete.workflows(context, parameter, incomplete),
    ]


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="A [B] [WORKFLOW]", shell_complete=_names)
@click.option(
    "--step", default="", metavar="PATH", help="Of two runs: one instance, with all that differs in it."
)
@click.option("--limit", type=click.IntRange(min=0), default=SHOWN, show_default=True, help="Of two runs: show so many instances that differ.")  # fmt: skip
@click.option("-i", "--input", "given", multiple=True, metavar="NAME=VALUE", help="Of a workflow: an input, to bound calls and cost.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True, help="github: a comment in Markdown, without any value of a run.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when anything differs, as `git diff` does.")
@click.option(
    "--fail-if-leaves", is_flag=True, help="Exit with 1 when something may newly leave this machine."
)
def command(
    what: tuple[str, ...],
    step: str,
    limit: int,
    given: tuple[str, ...],
    form: Form,
    as_json: bool,
    exit_code: bool,
    fail_if_leaves: bool,
) -> int:
    """Compare two runs, or a workflow with what it was.

    \b
    orch diff RUN RUN                  two runs: ids, beginnings, last, last~1
    orch diff main..HEAD flow.yaml     two git revisions; main...HEAD: since they parted
    orch diff main flow.yaml           a revision and the file as it lies here
    orch diff flow.yaml                the last commit and the file as it lies here
    orch diff old.yaml new.yaml        two files

    Of a workflow it says first what may newly leave this machine. Exits with 2 when the newer side is not valid.
    """
    from orchestrator.cli.opening import pairs

    form = "json" if as_json else form
    inputs = pairs(given, "-i")
    ask = _asked(what)
    if ask is None:
        from orchestrator.cli.diff_runs import diff_runs

        if given or fail_if_leaves:
            raise UsageError(
                "-i and --fail-if-leaves are for workflows, not for runs", hint="see orch diff --help"
            )
        return diff_runs(the_console(), what, form, step=step, limit=limit, exit_code=exit_code)
    from orchestrator.cli.diff_workflows import diff_workflows

    if step:
        raise UsageError("--step is for runs: an instance of a step", hint="see orch diff --help")
    return diff_workflows(
        the_console(), *ask, inputs, form, exit_code=exit_code, fail_if_leaves=fail_if_leaves
    )


def _asked(what: Sequence[str]) -> tuple[str, str, Path, Path] | None:
    """Old and new side as revisions (empty: the file as it lies there), and the file on each; None: two runs."""
    from orchestrator.cli.diff_sides import is_workflow

    match list(what):
        case [one] if is_workflow(one):
            return "HEAD", "", Path(one), Path(one)
        case [one] if ".." in one:
            raise UsageError(f"{one}: which workflow?", hint=f"orch diff {one} flow.yaml")
        case [one]:
            raise UsageError(
                f"what is {one} compared with?", hint=f"two runs: orch diff {one} last; see orch diff --help"
            )
        case [one, other] if is_workflow(one) and is_workflow(other):
            return "", "", Path(one), Path(other)
        case [one, other] if is_workflow(other):
            before, dots, after = _range(one)
            return (
                f"{before}{dots if dots == '...' else ''}",
                after or ("HEAD" if dots else ""),
                Path(other),
                Path(other),
            )
        case [one, other]:
            if is_workflow(one) or ".." in one:
                raise UsageError(
                    f"{other} is no workflow file",
                    hint="revisions first, then the file: orch diff main..HEAD flow.yaml",
                )
            return None
        case [one, other, file] if is_workflow(file):
            return one, other, Path(file), Path(file)
        case _:
            raise UsageError("too many to compare", hint="orch diff RUN RUN, or orch diff A..B flow.yaml")


def _range(text: str) -> tuple[str, str, str]:
    """`A..B` and `A...B` as git reads them; a name without dots alone. An empty end is HEAD."""
    for dots in ("...", ".."):
        if dots in text:
            before, _, after = text.partition(dots)
            return before or "HEAD", dots, after or "HEAD"
    return text, "", ""
