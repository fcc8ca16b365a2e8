"""What a waiting run asks, in lines: the questions, their choices and the commands that answer them."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from orchestrator.events import AskOpened, RunWaiting
from orchestrator.report import words

if TYPE_CHECKING:
    from orchestrator.store.store import Store

SHOWN = 5
"""Questions told in full; the rest is counted."""


def waiting_lines(
    run: str, asks: Mapping[str, AskOpened], budget: str = "", unknown: Collection[str] = ()
) -> list[str]:
    """Every open question with the command for each of its choices, and how the run goes on afterwards.

    `budget` says why it waits for a larger one; empty when it does not. `unknown` are steps of which nobody knows
    whether they had their effect.
    """
    if unknown:
        rest = waiting_lines(run, asks, budget) if asks or budget else []
        return [*rest, *_unknown_lines(run, unknown)]
    if budget:
        asked = waiting_lines(run, asks)[:-1] if asks else []
        more = f"go on with a larger one: orch resume {run} --budget-usd … (or --budget-tokens, --budget-cloud-calls)"
        return [*asked, f"run {run} waits for its budget: {budget}", more]
    lines = [f"run {run} waits for {words.count(len(asks), 'answer') if len(asks) > 1 else 'an answer'}:"]
    for ask in list(asks.values())[:SHOWN]:
        lines += ask_lines(run, ask)
    if len(asks) > SHOWN:
        lines.append(f"  and {len(asks) - SHOWN:,} more: orch show {run}")
    return [*lines, f"then go on with: orch resume {run}"]


def answered_line(store: Store, run: str) -> str:
    """Of a run whose answers lie there while nobody executes it: what becomes of it when it goes on."""
    from orchestrator.store.answers import is_rejected

    if is_rejected(store, run):
        return f"run {run} is rejected; it ends, with exit code 3, when it goes on: orch resume {run}"
    return f"run {run} is answered; go on with: orch resume {run}"


def _unknown_lines(run: str, paths: Collection[str]) -> list[str]:
    lines = [f"run {run} stopped in the middle of a call with an effect; nobody knows whether it happened:"]
    for path in list(paths)[:SHOWN]:
        lines += [
            f"  ? {path}   what was called: orch show {run} {path}",
            f"    it happened    orch resume {run} --done {path} [--value JSON]",
            f"    it did not     orch resume {run} --rerun {path}",
        ]
    if len(paths) > SHOWN:
        lines.append(f"  and {len(paths) - SHOWN:,} more: orch show {run}")
    return lines


def ask_lines(run: str, ask: AskOpened) -> list[str]:
    """One question, what it is about, and a command per choice."""
    from orchestrator.policy.editing import editable
    from orchestrator.store.answers import is_hidden

    target = f"{run}/{ask.path}"
    reads = ask.show is not None or ask.edit is not None
    about = [f"    to read first: orch show {run} {ask.path}"] if reads else []
    answers = [(choice, f"orch approve {target} --choice {shlex.quote(choice)}") for choice in ask.choices]
    if is_hidden(ask):
        about = [
            "    the record does not hold what would leave: a terminal that goes on with the run shows it"
        ]
        answers[0] = (ask.choices[0], f"orch resume {run}")
    if editable(ask.edit) is not None:
        answers.append(
            ("change it first", f"orch approve {target} --edit --choice {shlex.quote(ask.choices[0])}")
        )
    answers.append(("stop the run", f"orch reject {target}"))
    width = max(len(word) for word, _ in answers)
    return [
        f"  ? {ask.path}: {ask.question}",
        *about,
        *(f"    {word.ljust(width)}  {command}" for word, command in answers),
    ]


def what_to_do(store: Store, run: str) -> list[str]:
    """For a run that asked: answer, or go on because all is answered; one that lives goes on by itself."""
    from orchestrator.store.answers import is_rejected, open_asks
    from orchestrator.store.lease import owner_alive

    rest = open_asks(store, run)
    alive = owner_alive(store, run)
    if is_rejected(store, run):
        return [f"run {run} ends with exit code 3" if alive else answered_line(store, run)]
    last = store.event(run, store.run(run).events - 1)
    budget = last.reason if isinstance(last, RunWaiting) else ""
    unknown = last.unknown if isinstance(last, RunWaiting) else ()
    if unknown and not alive:
        return waiting_lines(run, rest, budget, unknown)
    if rest or budget:
        lines = waiting_lines(run, rest, budget)
        return lines[:-1] if alive else lines
    return [] if alive else [answered_line(store, run)]
