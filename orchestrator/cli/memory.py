"""`orch memory`: what agents remember of conversations, listed, shown and forgotten."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from orchestrator.cli.console import the_console
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.store.conversations import Conversation
    from orchestrator.store.store import Store

NOTHING = "nothing is remembered in {}; agents with `memory:` remember, as in `orch chat`"
AGENT = click.option("--agent", help="Only what this agent remembers.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """What agents with `memory:` remember, by the key of the conversation. It goes with the runs it comes from."""
    if context.invoked_subcommand is None:
        context.invoke(listed)


@command.command("ls")
@AGENT
@JSON
def listed(agent: str | None = None, as_json: bool = False) -> None:
    """List conversations, the latest first."""
    from orchestrator.cli.wiring import find_store, where_runs_are

    console = the_console()
    store = find_store()
    try:
        found = [] if store is None else [one for one in _all(store) if agent in (None, one.agent)]
    finally:
        if store is not None:
            store.close()
    if as_json:
        console.json([asdict(one) for one in found])
    elif not found:
        console.say(NOTHING.format(where_runs_are()))
    else:
        rows = [(one.key, one.agent, str(one.turns), _when(one.last)) for one in found]
        console.table(("CONVERSATION", "AGENT", "TURNS", "LAST"), rows)


@command.command("show")
@click.argument("key")
@AGENT
@JSON
def shown(key: str, agent: str | None, as_json: bool) -> None:
    """Show what was said in the conversation KEY."""
    from orchestrator.cli.wiring import existing_store
    from orchestrator.store.conversations import turns_of

    console = the_console()
    store = existing_store()
    try:
        found = [(one, turns_of(store, one.agent, key)) for one in _named(store, key, agent)]
    finally:
        store.close()
    if as_json:
        turns = [{"agent": one.agent, "turns": [asdict(turn) for turn in said]} for one, said in found]
        console.json({"key": key, "agents": turns})
        return
    for one, said in found:
        if len(found) > 1:
            console.view(f"{one.agent}:")
        for turn in said:
            console.view(f"> {turn.asked}\n{turn.answered}\n")


@command.command("rm")
@click.argument("key")
@AGENT
@JSON
def removed(key: str, agent: str | None, as_json: bool) -> None:
    """Forget the conversation KEY. The records of its runs stay: `orch runs rm` removes those, and their turns too."""
    from orchestrator.cli.wiring import existing_store
    from orchestrator.report.words import count
    from orchestrator.store.conversations import forget

    console = the_console()
    store = existing_store()
    try:
        gone = {one.agent: forget(store, one.agent, key) for one in _named(store, key, agent)}
    finally:
        store.close()
    if as_json:
        console.json({"key": key, "turns": gone})
        return
    for name, turns in gone.items():
        console.say(f"{name} has forgotten {count(turns, 'turn')} of '{key}'")


def _all(store: Store) -> Sequence[Conversation]:
    from orchestrator.store.conversations import conversations

    return conversations(store)


def _named(store: Store, key: str, agent: str | None) -> list[Conversation]:
    """The conversations of this key, of one agent or of all that have it. Raises UsageError when there is none."""
    known = _all(store)
    found = [one for one in known if one.key == key and agent in (None, one.agent)]
    if found:
        return found
    whose = f" of agent '{agent}'" if agent is not None else ""
    raise UsageError(f"there is no conversation '{key}'{whose}", hint=_near(key, agent, known))


def _near(key: str, agent: str | None, known: Sequence[Conversation]) -> str:
    from difflib import get_close_matches

    having = [one.agent for one in known if one.key == key]
    if having:
        return f"it is remembered by {', '.join(having)}"
    keys = list(dict.fromkeys(one.key for one in known if agent in (None, one.agent)))
    near = get_close_matches(key, keys, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"there is {', '.join(keys[:8])}" if keys else "nothing is remembered yet"


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
