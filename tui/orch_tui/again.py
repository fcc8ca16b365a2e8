"""A part of a run once more, as a new run: says first what stands and what that may take, and asks. Executes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orch_tui.dialogs import Confirm, Paragraph
from orch_tui.doing import refuse, with_patience
from orchestrator.errors import OrchError
from orchestrator.money import shown as amount
from orchestrator.report import words

if TYPE_CHECKING:
    from textual.screen import Screen

    from orch_tui.ports import Forks
    from orch_tui.view import Followed

LISTED = 8
"""Steps that are told one by one."""
NANO = 1_000_000_000


def told(run: str, plan: Mapping[str, Any]) -> list[Paragraph]:
    """What the plan of a new run out of this one says, for somebody who is to say yes or no."""
    reused = [f"{step} ({count:,})" if count > 1 else step for step, count in plan["reused"].items()]
    anew = [f"{path} ({why})" for path, why in plan["anew"].items()]
    return [
        (f"taken over: {_listed(reused) or 'nothing'}", ""),
        (f"runs anew: {_listed(anew) or 'nothing, the result is put together again'}", ""),
        (f"at most {_most(plan)}", "bold"),
        *((_twice(one), "bad") for one in plan["once"][:LISTED]),
        (_more(plan["once"]), "bad"),
        (f"It is a run of its own; {run} stays as it is.", "dim"),
    ]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:LISTED]) + _more(names)


def _more(names: list[Any]) -> str:
    return f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""


def _most(plan: Mapping[str, Any]) -> str:
    calls, usd = plan["calls"], plan["usd"]
    said = words.count(calls, "model call") if isinstance(calls, int) else f"{calls} model calls"
    if usd is None:
        return f"{said}, at a cost that nobody knows"
    return f"{said}, {amount(round(usd * NANO))}" if usd else f"{said}, which cost nothing"


def _twice(one: Mapping[str, str]) -> str:
    return f"a second time: {one['path']} calls {one['tool']}, and that happened already"


def offer(screen: Screen[Any], shown: Followed, path: str) -> None:
    """Ask whether this run is to be run anew from here on; then start that and look at it."""
    forks = shown.world.forks
    if forks is None:
        screen.notify("runs cannot be started from here", severity="warning")
    elif not path:
        screen.notify("choose the step from which it is to run anew", severity="warning")
    else:
        screen.run_worker(_offer(screen, shown, path, forks), group="again", exclusive=True)


async def _offer(screen: Screen[Any], shown: Followed, path: str, forks: Forks) -> None:
    run = shown.run
    try:
        looking = asyncio.to_thread(forks.plan, run, path)
        plan = await with_patience(screen, looking, f"looking what of run {run} stands…")
        if not screen.is_current:
            return  # it was left meanwhile
        question = Confirm(f"Run anew from {path}?", yes="Start the new run", more=told(run, plan))
        if await screen.app.push_screen_wait(question):
            starting = asyncio.to_thread(forks.start, run, path)
            _look_at(screen, shown, await with_patience(screen, starting, "starting…"))
    except OrchError as error:
        refuse(screen, error)


def _look_at(screen: Screen[Any], shown: Followed, new: str) -> None:
    """The new run in the place of this one, unless the person went elsewhere meanwhile."""
    from orch_tui.run_screen import RunScreen

    if screen.is_current:
        screen.app.switch_screen(RunScreen(shown.world, new))
    screen.app.notify(f"run {new} has begun; {shown.run} is in the list of runs")
