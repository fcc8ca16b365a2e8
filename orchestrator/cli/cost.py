"""`orch cost`: what runs spent, by model, step, workflow or day, and what the same would have cost all-cloud."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import complete
from orchestrator.cli.console import Console, the_console
from orchestrator.cli.usual import USUAL, named
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.errors import StoreError
    from orchestrator.money import Price
    from orchestrator.report.cost import Line
    from orchestrator.store.spending import Spent
    from orchestrator.store.store import Store

_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@click.command()
@click.argument("run", required=False, shell_complete=complete.runs)
@click.option(
    "--by", type=click.Choice(["model", "step", "workflow", "day"]), default="model", show_default=True,
    help="One row per model, step, workflow or day.",
)  # fmt: skip
@click.option("--since", metavar="WHEN", help="Only runs since then: 7d, 12h, 2026-11-01.")
@click.option("--workflow", help="Only runs of the workflow of this name.")
@click.option(
    "--against", metavar="MODEL", help=f"The model to compare with, of the price list (else {USUAL})."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    run: str | None, by: str, since: str | None, workflow: str | None, against: str | None, as_json: bool
) -> None:
    """Show what runs cost, and what the same would have cost with a cloud model alone.

    Without RUN all runs of this project count. The comparison is an estimate: it prices the answers that counted, with
    their tokens as the models here counted them, as if the other model had given each at once.
    """
    from orchestrator.cli.wiring import existing_store

    console = the_console()
    other = named(against) if against else None
    store = existing_store()
    try:
        rows = _rows(store, console, run, workflow, _since(since) if since else 0.0)
    finally:
        store.close()
    name, price = other or _paid(rows) or named(USUAL)
    if as_json:
        console.json(_data(rows, by, name, price))
    else:
        _print(console, rows, by, name, price)


def _rows(store: Store, console: Console, run: str | None, workflow: str | None, since: float) -> list[Spent]:
    from orchestrator.report.summary import costs
    from orchestrator.store.spending import spent

    def damaged(name: str, error: StoreError) -> None:
        console.error(f"run {name} is left out: {error.message}", error.hint)

    wanted = store.find(run) if run else None
    return spent(
        store,
        costs,
        since=since,
        run=wanted,
        workflow=workflow,
        damaged=None if run else damaged,
    )


def _since(text: str) -> float:
    """Seconds since the epoch. Raises UsageError."""
    found = re.fullmatch(r"(\d+)([mhdw])", text.strip())
    try:
        if found:
            return time.time() - int(found[1]) * _UNITS[found[2]]
        return datetime.fromisoformat(text.strip()).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"--since: '{text}' is no time", hint="write 30m, 12h, 7d, 2w, or a date: 2026-11-01"
        ) from None


# ------------------------------------------------------------------------------------------- comparing


def _paid(rows: Sequence[Spent]) -> tuple[str, Price] | None:
    """The cloud model of these runs that cost most, when the price list has it."""
    from orchestrator.pricelist import listed

    spent: dict[str, int] = {}
    for row in rows:
        if row.line["local"] is False and row.line["ref"]:
            spent[row.line["ref"]] = spent.get(row.line["ref"], 0) + row.line["cost"]
    for ref in sorted(spent, key=lambda ref: -spent[ref]):
        provider, _, model = ref.partition(":")
        price = listed(model, provider)
        if price is not None:
            return ref, price
    return None


# -------------------------------------------------------------------------------------------- printing


def _groups(rows: Iterable[Spent], by: str) -> list[tuple[str, Line]]:
    from orchestrator.report.cost import Line

    found: dict[str, Line] = {}
    for row in rows:
        match by:
            case "model":
                title = row.line["ref"] or row.model
            case "step":
                title = row.step
            case "workflow":
                title = row.workflow
            case _:
                title = time.strftime("%Y-%m-%d", time.localtime(row.started))
        found.setdefault(title, Line()).add(Line(**row.line))
    return list(found.items())


def _print(console: Console, rows: Sequence[Spent], by: str, name: str, price: Price) -> None:
    from orchestrator.money import shown
    from orchestrator.report.cost import Line, all_cloud, kept_local, table, total
    from orchestrator.report.words import count, share

    groups = _groups(rows, by)
    if not groups:
        console.say("no model has answered in these runs")
        return
    short = name.partition(":")[2]
    (_, *header), cells = table(groups, price, short)
    console.table((by.upper(), *header), cells)
    whole = total(line for _, line in groups)
    here, every = kept_local(Line(**row.line) for row in rows)
    console.result("")
    runs = count(len({row.run for row in rows}), "run")
    console.result(
        f"spent {shown(whole.cost)} in {runs}; {share(here, every) or '–'} of {count(every, 'answer')} stayed on this machine"
    )
    if whole.open_calls:
        calls = count(whole.open_calls, "call")
        console.result(
            f"at most {shown(whole.open_cost)} more by {calls} without a bill: cut off, or still going on"
        )
    if whole.overruns:
        console.result(f"{count(whole.overruns, 'bill')} larger than what was reserved for it")
    console.result(
        f"all of it by {short}: about {shown(all_cloud(whole, price))} "
        f"(${price.input:g} / ${price.output:g} per million tokens in / out, {price.origin})"
    )


def _data(rows: Sequence[Spent], by: str, name: str, price: Price) -> dict[str, Any]:
    from orchestrator.report.cost import Line, all_cloud, kept_local, total

    groups = _groups(rows, by)
    whole = total(line for _, line in groups)
    here, every = kept_local(Line(**row.line) for row in rows)
    return {
        "by": by,
        "rows": [
            {by: title, **_line(line), "all_cloud_usd": _usd(all_cloud(line, price))}
            for title, line in groups
        ],
        "total": {**_line(whole), "all_cloud_usd": _usd(all_cloud(whole, price))},
        "runs": len({row.run for row in rows}),
        "answers_local": here,
        "answers": every,
        "against": {"model": name, **asdict(price)},
    }


def _line(line: Line) -> dict[str, Any]:
    data = asdict(line)
    return {**data, "usd": _usd(data.pop("cost")), "open_usd": _usd(data.pop("open_cost"))}


def _usd(amount: int) -> float:
    from orchestrator.money import dollars

    return dollars(amount)
