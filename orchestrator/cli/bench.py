"""`orch bench`: how good specialists and workflows are on cases, on this machine, with more and less help."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import complete
from orchestrator.cli.console import Console, is_terminal, the_console
from orchestrator.cli.opening import LOCAL_ONLY
from orchestrator.errors import OrchError, UsageError

if TYPE_CHECKING:
    from orchestrator.bench.subject import Rung, Subject
    from orchestrator.config import Config
    from orchestrator.policy.grade import Case
    from orchestrator.report.score import Measured, Row, Table

CASES = "cases.jsonl"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of one call."""

    models: tuple[str, ...] = ()
    rungs: tuple[str, ...] = ()
    cases: Path | None = None
    repeat: int = 1
    limit: int | None = None
    seed: int = 0
    k: int = 8
    parallel: int = 1
    label: str | None = None
    judge: str | None = None


@click.command()
@click.argument("subjects", nargs=-1, metavar="[NAME]…", shell_complete=complete.workflows)
@click.option(
    "--models", default="", metavar="A,B,…", help="Models to compare: references, or names of the project's."
)
@click.option(
    "--cases",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Other cases than those beside it: JSON lines.",
)
@click.option(
    "--rungs", default="", metavar="A,B,…",
    help="Kinds of help: plain, grammar, examples, repair, samples, as-is, nearest, head; or all.",
)  # fmt: skip
@click.option(
    "--repeat", type=click.IntRange(1, 1000), default=1, help="Ask every case so often, with other seeds."
)
@click.option("--limit", type=click.IntRange(1), help="Only so many cases, drawn by the seed.")
@click.option("--seed", type=int, default=0, help="Of the draw, and of the first repeat.")
@click.option(
    "--k", type=click.IntRange(1, 100), default=8, show_default=True, help="Worked examples in a prompt."
)
@click.option(
    "--parallel", type=click.IntRange(1, 64), default=1, show_default=True,
    help="Cases at once; above 1 latencies are those of a busy machine.",
)  # fmt: skip
@click.option(
    "--label", type=click.Choice(["public", "internal", "private"]), help="How private the cases are."
)
@click.option(
    "--judge", metavar="MODEL", help="The model that judges the cases with `judge`; else the measured one."
)
@click.option("--against", metavar="MODEL", help="The cloud model that cost is compared with.")
@click.option("--show", is_flag=True, help="Print every answer that is not right.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every answer.")
@click.option("--svg", type=click.Path(path_type=Path), metavar="FILE", help="Write the picture there.")
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a page with picture and table there.",
)
@click.option("--local-only", is_flag=True, help=LOCAL_ONLY)
def command(
    subjects: tuple[str, ...],
    models: str,
    cases: Path | None,
    rungs: str,
    repeat: int,
    limit: int | None,
    seed: int,
    k: int,
    parallel: int,
    label: str | None,
    judge: str | None,
    against: str | None,
    show: bool,
    as_json: bool,
    svg: Path | None,
    html: Path | None,
    local_only: bool,
) -> int:
    """Measure specialists and workflows on their cases: score, valid answers, latency, memory, cost.

    NAME is a specialist or a workflow; without one, all specialists that have cases. No case is ever among its own
    worked examples. Nothing is recorded: these runs are in no list.

    Exit code 1 when something could not be measured, 130 when it was interrupted; what was measured is printed.
    """
    from orchestrator.cli.usual import USUAL, named
    from orchestrator.config import Config

    console = the_console()
    for path in (svg, html):
        refuse_unwritable(path)
    other = named(against or USUAL)
    wanted = Wanted(_names(models), _names(rungs), cases, repeat, limit, seed, k, parallel, label, judge)
    config = Config.from_environment(os.environ, Path.cwd()).staying(local_only)
    _refuse_bare(wanted.models)
    bench = Bench(wanted, config, console)
    stopped = bench.run(subjects)
    from orchestrator.report.score import Table

    table = Table(tuple(bench.rows), other, _facts(wanted))
    _print(table, console, as_json=as_json, show=show)
    _write(table, svg, html, console)
    return 130 if stopped else 1 if any(row.problem for row in bench.rows) else 0


def _refuse_bare(models: Sequence[str]) -> None:
    """Raise UsageError for a name that is neither a reference nor one of the project's models."""
    from orchestrator.bench.subject import project_models
    from orchestrator.cli.opening import refuse_bare
    from orchestrator.config import find_root

    known = project_models(find_root(Path.cwd())) if any(":" not in model for model in models) else {}
    for model in models:
        if model not in known:
            refuse_bare(model)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _facts(wanted: Wanted) -> dict[str, Any]:
    from orchestrator import __version__

    today = date.today().isoformat()  # noqa: DTZ011 - the user's own calendar
    facts = {"date": today, "version": __version__, "seed": wanted.seed, "repeat": wanted.repeat}
    return facts | {"parallel": wanted.parallel, "examples": wanted.k, "cpus": os.cpu_count()}


# ------------------------------------------------------------------------------------------------ measuring


@dataclass(slots=True)
class Bench:
    """One call of the command: fills `rows`, one after the other."""

    wanted: Wanted
    config: Config
    console: Console
    rows: list[Row] = field(default_factory=list)

    def run(self, names: Sequence[str]) -> bool:
        """Measure all of it; returns whether it was interrupted. Raises UsageError, SpecError before anything is asked."""
        plans = [plan for subject in self._subjects(names) for plan in self._plans(subject)]
        for subject, rung, model in plans:
            found: list[Measured] = []
            try:
                row = self._row(subject, rung, model, found)
            except KeyboardInterrupt:
                self.rows.append(self._empty(subject, rung, model, tuple(found), note="interrupted"))
                return True
            self.rows.append(row)
        return False

    def _subjects(self, names: Sequence[str]) -> list[Subject]:
        from orchestrator.cli.bench_subjects import found_subjects

        if self.wanted.cases is not None and len(names) != 1:
            raise UsageError("--cases goes with one NAME", hint="orch bench NAME --cases FILE")
        return found_subjects(names, self.wanted.cases, self.wanted.label, self.console)

    def _plans(self, subject: Subject) -> list[tuple[Subject, Rung, str | None]]:
        from orchestrator.bench.subject import WITHOUT_MODEL, wanted_rungs
        from orchestrator.policy.grade import is_closed

        rungs = wanted_rungs(subject, self.wanted.rungs, closed=is_closed(subject.output))
        models: tuple[str | None, ...] = self.wanted.models or (None,)
        asking = [(subject, rung, model) for model in models for rung in rungs if rung not in WITHOUT_MODEL]
        return asking + [(subject, rung, None) for rung in rungs if rung in WITHOUT_MODEL]

    def _row(self, subject: Subject, rung: Rung, model: str | None, found: list[Measured]) -> Row:
        from orchestrator.cli.bench_asking import measured_row

        planned = self.planned(subject)
        watch = Watch(self.console, f"{subject.name} {rung}", len(planned), found)
        try:
            facts = measured_row(subject, rung, model, planned, watch, self.wanted, self.config, self.console)
        except OrchError as error:
            watch.end()
            problem = " ".join(part for part in (error.message, error.hint) if part)
            return self._empty(subject, rung, model, tuple(found), problem=problem)
        watch.end()
        row = self._empty(subject, rung, model, tuple(found))
        return replace(row, memory=facts.memory, local=facts.local)

    def _empty(
        self,
        subject: Subject,
        rung: Rung,
        model: str | None,
        found: tuple[Measured, ...],
        problem: str = "",
        note: str = "",
    ) -> Row:
        from orchestrator.cli.bench_asking import named_model
        from orchestrator.report.score import Row

        return Row(
            subject.name,
            rung,
            named_model(subject, rung, model),
            len(self.planned(subject)),
            found,
            problem=problem,
            note=note,
        )

    def planned(self, subject: Subject) -> list[tuple[Case, int]]:
        """Every case with the number of its repeat; a draw is always the same for a seed."""
        import random

        cases = list(subject.cases)
        if self.wanted.limit is not None and self.wanted.limit < len(cases):
            draw = random.Random(self.wanted.seed)  # noqa: S311 - no secret
            cases = sorted(draw.sample(cases, self.wanted.limit), key=lambda case: case.line)
        return [(case, repeat) for repeat in range(self.wanted.repeat) for case in cases]


@dataclass(slots=True)
class Watch:
    """Takes what was measured, and shows on a terminal how far it is."""

    console: Console
    title: str
    total: int
    found: list[Measured]
    began: float = field(default_factory=time.monotonic)

    def __call__(self, one: Measured) -> None:
        self.found.append(one)
        if is_terminal(self.console.err):
            self.console.err.write(f"\r\x1b[K{self._line()}")
            self.console.err.flush()

    def _line(self) -> str:
        from orchestrator.report.words import about
        from orchestrator.safe import safe

        done, spent = len(self.found), time.monotonic() - self.began
        right = sum(one.right for one in self.found)
        left = about(spent / done * (self.total - done)) if done < self.total else "0 s"
        rate = f"{done / spent:.1f}/s" if spent > 0 else ""
        return f"{safe(self.title)}  {done}/{self.total}  {right} right  {rate}  {left} left"

    def end(self) -> None:
        if is_terminal(self.console.err):
            self.console.err.write("\r\x1b[K")
            self.console.err.flush()


# ------------------------------------------------------------------------------------------------- printing


def _print(table: Table, console: Console, *, as_json: bool, show: bool) -> None:
    from orchestrator.report.score import as_data
    from orchestrator.report.score import table as tabled

    if as_json:
        console.json(as_data(table))
        return
    header, lines = tabled(table)
    console.table(header, lines)
    if show:
        for row in table.rows:
            for one in row.measured:
                if not one.right:
                    console.say(f"{row.subject} {row.rung} line {one.case}: {one.why}")
    for row in table.rows:
        if row.note:
            console.say(f"{row.subject} {row.rung}: {row.note} after {len(row.measured)} of {row.planned}")


def refuse_unwritable(path: Path | None) -> None:
    if path is not None and not path.absolute().parent.is_dir():
        raise UsageError(f"{path}: there is no directory {path.parent}")


def _write(table: Table, svg: Path | None, html: Path | None, console: Console) -> None:
    if svg is None and html is None:
        return
    from orchestrator.report import score_picture

    made: list[tuple[Path | None, Callable[[Table], str]]] = [
        (svg, score_picture.svg),
        (html, score_picture.html),
    ]
    for path, draw in made:
        if path is not None:
            try:
                path.write_text(draw(table), encoding="utf-8")
            except OSError as error:
                raise UsageError(f"{path} cannot be written: {error.strerror}") from None
            console.say(f"written: {path}")


__all__ = ["Bench", "Wanted", "Watch", "command", "refuse_unwritable"]
