"""`orch prune`: makes room. Says first what would go, and never takes what somebody may still need."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from orchestrator.cli.console import Console, is_terminal, the_console
from orchestrator.errors import StoreError, UsageError
from orchestrator.report import words
from orchestrator.state import RunStatus

if TYPE_CHECKING:
    from orchestrator.store.prune import Doomed, Wish
    from orchestrator.store.prune_files import Leftovers
    from orchestrator.store.store import Store

NEVER = ("new", "running")
STATUSES = [status for status in get_args(RunStatus) if status not in NEVER]
LISTED = 20
WORTH = 1_000_000
"""Bytes of empty room for which a store is written anew when nothing else goes."""
_STAYS = {
    "running": "{} being executed",
    "waiting": "{} waiting for somebody (--status waiting takes them)",
    "damaged": "{} with a damaged record (--damaged takes them)",
    "remembered": "{} that agents or inputs with `new: true` remember (--forget takes them)",
    "newest": "{} the newest of their workflow",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that would go."""

    runs: Doomed
    files: Leftovers
    answers: tuple[int, int]
    before: float | None
    unused: int
    indexes: Sequence[Path]
    room: int
    """Bytes of the store that hold nothing."""

    @property
    def sizes(self) -> dict[str, int]:
        return {
            "runs": self.runs.size,
            "files": self.files.size,
            "cache": self.answers[1],
            "unused": self.unused,
            "indexes": sum(path.stat().st_size for path in self.indexes),
            "room": self.room,
        }

    @property
    def empty(self) -> bool:
        things = self.runs.runs, self.files.files, self.answers[0], self.unused, self.indexes
        return not any(things) and self.room < WORTH


@click.command()
@click.option("--older", metavar="AGE", help="Runs that ended longer ago: 30d, 12h.")
@click.option(
    "--keep", type=click.IntRange(min=0), metavar="N", help="The N newest runs of each workflow stay."
)
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice(STATUSES), help="Only runs of this status."
)
@click.option("--workflow", metavar="NAME", help="Only runs of the workflow of this name.")
@click.option(
    "--cache", "cached", is_flag=True, help="Cached answers too; with --older those not used since."
)
@click.option("--index", "indexed", is_flag=True, help="Indexes of documents not used for --older.")
@click.option("--damaged", is_flag=True, help="Runs whose record is damaged too; alone: only those.")
@click.option("--forget", is_flag=True, help="Runs too that agents or inputs with `new: true` remember.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would go.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    older: str | None,
    keep: int | None,
    statuses: tuple[str, ...],
    workflow: str | None,
    cached: bool,
    indexed: bool,
    damaged: bool,
    forget: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Free room: remove old runs, and what no run uses.

    A run goes when everything fits that is stated of --older, --keep, --status and --workflow. Without these, and
    without --damaged, only what belongs to no run goes. Runs that are executed, wait for somebody, or are damaged stay.
    """
    from orchestrator.cli.wiring import existing_store
    from orchestrator.store.prune import Wish

    now, console = time.time(), the_console()
    before = None if older is None else now - _age(older)
    if indexed and before is None:
        raise UsageError("--index needs to know for how long an index was not used", hint="add --older 30d")
    if workflow and before is None and keep is None and not statuses and not damaged:
        raise UsageError("--workflow does not say which of its runs go", hint="add --older 30d, or --keep 5")
    wish = Wish(before, keep, frozenset(statuses), workflow, damaged, forget)
    store = existing_store()
    try:
        plan = _plan(store, wish, now, cached=cached, indexed=indexed)
        if dry_run or plan.empty:
            return _tell(console, plan, as_json=as_json)
        _agree(console, plan, yes=yes, as_json=as_json)
        told = _as_map(plan)
        gone, freed, problem = _carry_out(store, plan, console)
        if as_json:
            console.json({**told, "removed": True, "freed": freed})
        else:
            console.say(f"{_removed(plan, gone)}{words.size(freed)} freed")
    finally:
        store.close()
    if problem is not None:
        console.error(problem.message, problem.hint)
    return 0 if problem is None else 1


def _age(text: str) -> float:
    from pydantic_core import PydanticCustomError

    from orchestrator.spec.fields import parse_duration

    try:
        return parse_duration(text)
    except PydanticCustomError as error:
        raise UsageError(f"--older {text}: {error.message()}", hint="for example --older 30d") from None


def _plan(store: Store, wish: Wish, now: float, *, cached: bool, indexed: bool) -> Plan:
    from orchestrator.store.prune import answers, doomed, empty_room, unused
    from orchestrator.store.prune_files import leftovers

    runs = doomed(store, wish)
    files = leftovers(store, {row.id for row in runs.runs}, now)
    found = answers(store, wish.before) if cached else (0, 0)
    indexes = _indexes(wish.before) if indexed and wish.before is not None else ()
    return Plan(runs, files, found, wish.before, unused(store), indexes, empty_room(store))


def _indexes(before: float) -> list[Path]:
    """Those that were neither written nor read since then, as far as the file system knows."""
    from orchestrator.config import Config, find_root
    from orchestrator.knowledge.retrieve import FOLDER

    config = Config.from_environment(os.environ, Path.cwd())
    found = sorted((config.store(find_root(config.cwd)) / FOLDER).glob("*.db"))
    return [path for path in found if max(path.stat().st_mtime, path.stat().st_atime) < before]


# --------------------------------------------------------------------------------------------- telling


def _tell(console: Console, plan: Plan, *, as_json: bool) -> int:
    if as_json:
        console.json({**_as_map(plan), "removed": False})
    else:
        _print(console, plan)
    return 0


def _as_map(plan: Plan) -> dict[str, Any]:
    return {
        "runs": [row.id for row in plan.runs.runs],
        "stay": dict(plan.runs.stays),
        "files": len(plan.files.files),
        "answers": plan.answers[0],
        "indexes": [path.stem for path in plan.indexes],
        "bytes": plan.sizes,
    }


def _print(console: Console, plan: Plan) -> None:
    runs, sizes = plan.runs.runs, plan.sizes
    for row in runs[:LISTED]:
        day = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.started))
        status = "damaged" if row.id in plan.runs.damaged else row.status
        console.view(f"{row.id}  {day}  {status}  {row.workflow}")
    if len(runs) > LISTED:
        console.view(f"and {len(runs) - LISTED:,} more")
    lines = [
        (len(runs), words.count(len(runs), "run"), sizes["runs"]),
        (len(plan.files.files), words.count(len(plan.files.files), "file") + " of tools", sizes["files"]),
        (plan.answers[0], words.count(plan.answers[0], "cached answer"), sizes["cache"]),
        (len(plan.indexes), "indexes: " + ", ".join(path.stem for path in plan.indexes), sizes["indexes"]),
        (plan.unused, "values that no run uses", plan.unused),
        (plan.room, "room that holds nothing", plan.room),
    ]
    for count, what, size in lines:
        if count:
            console.view(f"{what}, {words.size(size)}")
    if plan.empty:
        console.say("nothing to remove")
    for reason, number in plan.runs.stays.items():
        console.say(f"stays: {_STAYS[reason].format(words.count(number, 'run'))}")
    if plan.files.why_not:
        console.say(f"files of tools stay: {plan.files.why_not}")


def _agree(console: Console, plan: Plan, *, yes: bool, as_json: bool) -> None:
    """Raises UsageError."""
    if yes:
        return
    if as_json or not (is_terminal(sys.stdin) and is_terminal(console.err)):
        raise UsageError("nothing was removed", hint="look first with --dry-run, then say --yes")
    _print(console, plan)
    if not click.confirm("Remove this?", err=True):
        raise UsageError("nothing was removed", hint="say less of it: orch prune --help")


# ---------------------------------------------------------------------------------------------- doing


def _carry_out(store: Store, plan: Plan, console: Console) -> tuple[int, int, StoreError | None]:
    """Runs first: files that they name go when no record names them any more.

    Returns runs removed, bytes, and why the file did not get smaller.
    """
    from orchestrator.store.prune import file_size, remove_answers, remove_doomed, remove_unused
    from orchestrator.store.prune_files import leftovers, remove_files

    before, freed, removed = file_size(store), 0, 0
    try:
        for row, gone in remove_doomed(store, plan.runs.runs):
            removed += gone
            if not gone:
                console.say(f"stays: {row.id}, somebody went on with it")
    except StoreError:
        console.say(f"removed {removed} of {words.count(len(plan.runs.runs), 'run')}")
        raise
    if plan.answers[0]:
        remove_answers(store, plan.before)
    if plan.unused:
        remove_unused(store)
    if plan.files.files:
        files = leftovers(store, (), time.time())
        remove_files(files.files)
        freed += files.size
    freed += _forget(plan.indexes)
    problem = _shrink(store, console)
    return removed, freed + max(0, before - file_size(store)), problem


def _removed(plan: Plan, runs: int) -> str:
    """What went, in words that the freed bytes end."""
    things = [
        (runs, words.count(runs, "run")),
        (len(plan.files.files), words.count(len(plan.files.files), "file") + " of tools"),
        (plan.answers[0], words.count(plan.answers[0], "cached answer")),
        (len(plan.indexes), "indexes: " + ", ".join(path.stem for path in plan.indexes)),
    ]
    told = [text for number, text in things if number]
    return f"removed {', '.join(told)}; " if told else ""


def _forget(indexes: Sequence[Path]) -> int:
    freed = 0
    for path in indexes:
        for ending in ("", "-wal", "-shm"):
            file = path.with_name(path.name + ending)
            freed += file.stat().st_size if file.exists() else 0
            file.unlink(missing_ok=True)
    return freed


def _shrink(store: Store, console: Console) -> StoreError | None:
    """Why it could not be made smaller: whoever prunes may have a disk that is full, and what was to go is gone already."""
    from orchestrator.store.prune import shrink

    if any(row.live for row in store.runs(status="running")):
        console.say("a run is being executed: the file gets smaller when you prune again after it")
        return None
    try:
        shrink(store)
    except StoreError as error:
        hint = "its empty room is used again by the next runs; free some space beside it and prune again"
        return StoreError(f"the file did not get smaller: {error.message}", hint=hint)
    return None
