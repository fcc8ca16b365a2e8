"""A part of a run once more, as a new run: says first what stands and what that may take, and asks. Executes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.binding import Binding, BindingType

from orch_tui.dialogs import Dialog, Paragraph
from orch_tui.doing import refuse, with_patience
from orch_tui.listing import Listing, Rows
from orchestrator.errors import OrchError
from orchestrator.money import shown as amount
from orchestrator.report import words

if TYPE_CHECKING:
    from textual.screen import Screen

    from orch_tui.app import Screens
    from orch_tui.ports import Forks
    from orch_tui.text import Row
    from orch_tui.view import Followed

LISTED = 8
"""Steps that are told one by one."""
NANO = 1_000_000_000


KNOWN = "known answers are used again: to the same request, at temperature 0 or with a fixed seed"
ASKED = "every model is asked, also where an answer is known"


def told(run: str, plan: Mapping[str, Any], *, fresh: bool = False) -> list[Paragraph]:
    """What the plan of a new run out of this one says, for somebody who is to say yes or no."""
    reused = [f"{step} ({count:,})" if count > 1 else step for step, count in plan["reused"].items()]
    anew = [f"{path} ({why})" for path, why in plan["anew"].items()]
    return [
        (f"taken over: {_listed(reused) or 'nothing'}", ""),
        (f"runs anew: {_listed(anew) or 'nothing, the result is put together again'}", ""),
        (_most(plan), "bold"),
        ((ASKED, "bold") if fresh else (KNOWN, "")) if plan["calls"] else ("", ""),
        *((_twice(one), "bad") for one in plan["once"][:LISTED]),
        (_more(plan["once"]), "bad"),
        (f"It is a run of its own; {run} stays as it is.", "dim"),
    ]


class Again(Dialog[bool | None]):
    """Whether it is to begin, and whether models are asked also where an answer is known: None, False, or True.

    Enter alone begins nothing: the cursor stands on no.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", show=False),
        Binding("n", "back", show=False),
        Binding("f", "fresh", show=False),
    ]

    def __init__(self, run: str, path: str, plan: Mapping[str, Any]) -> None:
        self._run, self._path, self._plan = run, path, plan
        self._may_use = bool(plan["cache"] and plan["calls"])
        """Whether known answers are used unless somebody wants otherwise."""
        self._fresh = not plan["cache"]
        super().__init__(self._said())

    def _said(self) -> list[Paragraph]:
        question: Paragraph = (f"Run anew from {self._path}?", "bold")
        return [question, *told(self._run, self._plan, fresh=self._fresh)]

    def below(self) -> Listing:
        return Listing(self._choices(), id="below")

    def _choices(self) -> Rows:
        other = "Use known answers again" if self._fresh else "Ask the models also where an answer is known"
        choices: list[Row] = [
            ((" n ", "key"), ("No", "")),
            ((" y ", "key"), ("Start the new run", "warn")),
            ((" f ", "key"), (other, "")),
        ]
        return Rows(choices if self._may_use else choices[:2])

    def _below_height(self, height: int) -> int:  # noqa: ARG002 - two or three
        return len(self._choices())

    def on_listing_chosen(self, message: Listing.Chosen) -> None:
        if message.listing.id == "below":
            (self.action_back, self.action_yes, self.action_fresh)[message.index]()

    def action_yes(self) -> None:
        self.dismiss(self._fresh and self._may_use)

    def action_fresh(self) -> None:
        """The other of the two; the text says which it is now."""
        if self._may_use:
            self._fresh = not self._fresh
            self._texts = self._said()
            self._lay_out(self.size)
            self.query_one("#below", Listing).set_source(self._choices())

    def action_back(self) -> None:
        self.dismiss(None)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:LISTED]) + _more(names)


def _more(names: list[Any]) -> str:
    return f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""


def _most(plan: Mapping[str, Any]) -> str:
    calls, usd = plan["calls"], plan["usd"]
    if calls == usd == 0:
        return "no model is called"
    said = f"at most {words.count(calls, 'model call') if isinstance(calls, int) else f'{calls} model calls'}"
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
        fresh = await screen.app.push_screen_wait(Again(run, path, plan))
        if fresh is not None:
            _begin(screen, shown, asyncio.to_thread(forks.start, run, path, fresh=fresh))
    except OrchError as error:
        refuse(screen, error)


def _begin(screen: Screen[Any], shown: Followed, starting: Awaitable[str]) -> None:
    """The app waits for it, not the screen: whoever left that is told all the same."""
    app = cast("Screens", screen.app)
    task = asyncio.ensure_future(starting)
    app.starting.add(task)
    task.add_done_callback(app.starting.discard)
    app.run_worker(_begun(screen, shown, task))


async def _begun(screen: Screen[Any], shown: Followed, task: asyncio.Future[str]) -> None:
    try:
        _look_at(screen, shown, await with_patience(screen.app, task, "starting…"))
    except OrchError as error:
        refuse(screen.app, error)


def _look_at(screen: Screen[Any], shown: Followed, new: str) -> None:
    """The new run in the place of this one, unless the person went elsewhere meanwhile."""
    from orch_tui.run_screen import RunScreen

    app = screen.app
    if screen.is_attached and screen.is_current:
        app.switch_screen(RunScreen(shown.world, new))
    app.notify(f"run {new} has begun; {shown.run} is in the list of runs")
