"""Models as rows: what is loaded on this machine now, and what the models of a run did. Knows no widget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orch_tui.columns import Column, layout
from orch_tui.prices import price_of, told
from orch_tui.text import Role, Row
from orchestrator.money import Nano, shown
from orchestrator.report import words

if TYPE_CHECKING:
    from orch_tui.ports import Machine, Resident
    from orchestrator.events import ModelReady
    from orchestrator.report.summary import ModelRow, Summary

LOADED = (
    Column("name", "MODEL", 16, up_to=44),
    Column("provider", "BY", 9),
    Column("state", "STATE", 9),
    Column("memory", "RAM", 7, right=True),
    Column("slots", "SLOTS BUSY", 10, right=True),
    Column("context", "CONTEXT", 8, right=True),
    Column("until", "STAYS", 12, right=True),
)
LOADED_DROPS = ("context", "provider", "until", "slots", "memory")
CALLED = (
    Column("name", "MODEL", 16, up_to=44),
    Column("where", "RUNS ON", 16),
    Column("calls", "CALLS", 7, right=True),
    Column("read", "TOKENS IN", 10, right=True),
    Column("written", "OUT", 9, right=True),
    Column("rate", "TOK/S", 6, right=True),
    Column("load", "LOADED IN", 10, right=True),
    Column("price", "USD PER MILLION", 18),
    Column("spent", "SPENT", 9, right=True),
)
CALLED_DROPS = ("load", "price", "read", "written", "rate", "spent", "calls")
STATES: Mapping[str, tuple[str, Role]] = {
    "loading": ("◌", "warn"),
    "idle": ("○", "dim"),
    "busy": ("●", "run"),
}
WHERE: Mapping[bool | None, tuple[str, Role]] = {
    True: ("this machine", "good"),
    False: ("off this machine", "cloud"),
    None: ("not known", "dim"),
}
BAR = 30
FULL = 0.9
"""The share of used memory from which the bar warns."""
Number = int | float | None


def model_rows(
    machine: Machine | None,
    run: Summary | None,
    now: float,
    width: int,
    ready: Mapping[str, ModelReady] | None = None,
) -> list[Row]:
    """Everything the screen of models shows. `machine` is None before it was asked; `ready` has the models' prices."""
    looking: list[Row] = [(("Looking…", "dim"),)]
    rows = _machine_rows(machine, now, width) if machine is not None else looking
    return [*rows, (), *_run_rows(run, ready or {}, width)] if run is not None else rows


def memory_row(machine: Machine) -> Row:
    """`Memory ██████░░░░ 5.1 GB of 8.0 GB used · 2.9 GB free`."""
    total, free = machine.memory_total, machine.memory_available
    if total <= 0:
        return (("Memory ", "bold"), ("of this machine is not known", "dim"))
    share = min(1.0, max(0.0, 1 - free / total))
    filled = round(BAR * share)
    role: Role = "warn" if share >= FULL else "run"
    return (
        ("Memory ", "bold"),
        ("█" * filled, role),
        ("░" * (BAR - filled), "track"),
        (f" {words.size(total - free)} of {words.size(total)} used", ""),
        (f" · {words.size(free)} free", "warn" if share >= FULL else "dim"),
    )


def _machine_rows(machine: Machine, now: float, width: int) -> list[Row]:
    title: Row = (("Loaded on this machine", "head"),)
    if not machine.residents:
        return [memory_row(machine), (), title, (("Nothing is loaded: a run loads what it needs.", "dim"),)]
    table = layout(LOADED, LOADED_DROPS, width)
    return [
        memory_row(machine),
        (),
        title,
        table.header(),
        *(table.row(_resident(one, now)) for one in machine.residents),
    ]


def _resident(one: Resident, now: float) -> dict[str, Row]:
    sign, role = STATES.get(one.state, ("·", "dim"))
    slots = words.number(one.slots) if one.slots is not None else "–"
    return {
        "name": ((one.name, ""),),
        "provider": ((one.provider, "dim"),),
        "state": ((f"{sign} {one.state}", role),),
        "memory": ((words.size(one.memory) if one.memory is not None else "–", ""),),
        "slots": ((f"{one.busy}/{slots}" if one.busy is not None else slots, "run" if one.busy else ""),),
        "context": (_number(one.context),),
        "until": ((_stays(one.until, now), "dim"),),
    }


def _stays(until: float | None, now: float) -> str:
    if until is None:
        return "–"
    return f"{words.about(until - now)} more" if until > now else "leaves now"


def _run_rows(run: Summary, ready: Mapping[str, ModelReady], width: int) -> list[Row]:
    title: Row = (("In this run", "head"),)
    if not run.models:
        return [title, (("No model was called yet.", "dim"),)]
    spent: dict[str, Nano] = {}
    for (_, model), line in run.spending.lines.items():
        spent[model] = spent.get(model, 0) + line.cost
    paid = any(spent.values()) or any(
        told(price_of(ready.get(name)), local=None) not in ("", "free") for name in run.models
    )
    columns = CALLED if paid else tuple(one for one in CALLED if one.name not in ("price", "spent"))
    table = layout(columns, CALLED_DROPS, width)
    return [
        title,
        table.header(),
        *(
            table.row(_called(row, ready.get(row.name), spent.get(row.name, 0)))
            for row in run.models.values()
        ),
    ]


def _called(row: ModelRow, ready: ModelReady | None, spent: Nano) -> dict[str, Row]:
    use = row.use
    failed: Row = ((f"✗{use.failed_calls:,} ", "bad"),) if use.failed_calls else ()
    return {
        "name": ((row.name, ""), (f" {row.ref}" if row.ref else "", "dim")),
        "where": (WHERE[row.local],),
        "calls": (*failed, _number(use.calls or None)),
        "read": (_number(use.prompt_tokens or None),),
        "written": (_number(use.completion_tokens or None),),
        "rate": (_number(use.tokens_per_second),),
        "price": ((told(price_of(ready), local=row.local) or "–", "dim"),),
        "spent": ((shown(spent) if spent else "–", "" if spent else "dim"),),
        "load": ((words.seconds(row.load_seconds) if row.load_seconds else "–", "dim"),),
    }


def _number(value: Number) -> tuple[str, Role]:
    return ("–", "dim") if value is None else (f"{value:,.0f}", "")
