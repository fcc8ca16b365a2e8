"""What the tabs show of a span, or of the run as a whole: read and made in a thread. Knows no widget.

What cannot be read is a page that says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orch_tui.against import Against, Place
from orch_tui.detail_read import Reader
from orch_tui.scroller import OUTPUT
from orch_tui.settings import keys_of, shown_key
from orch_tui.tabs.attempts import attempts
from orch_tui.tabs.output import output
from orch_tui.tabs.page import Page
from orch_tui.tabs.prompt import prompt
from orch_tui.tabs.raw import raw
from orch_tui.tabs.sources import OF_A_STEP, sources
from orch_tui.tabs.span import Span
from orch_tui.tabs.whole import Whole, calls, decided, outputs, recorded
from orch_tui.tabs.why import why
from orch_tui.trace import NOWHERE
from orchestrator.errors import OrchError

if TYPE_CHECKING:
    from orch_tui.detail_read import Wanted
    from orch_tui.ports import World

PROMPT, ATTEMPTS, WHY, RAW, SOURCES = range(OUTPUT + 1, OUTPUT + 6)
NOBODY = -2
"""In the place of a span before one was chosen; NOWHERE is the run as a whole."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to be seen."""

    span: int = NOBODY
    attempt: int = NOWHERE
    tab: int = OUTPUT
    differences: bool = True
    against: str = ""
    """Another run: the attempts give way to what differs from that one."""


class Pages:
    """Reads and makes them, one after the other."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._reader = Reader(world.store)
        self._against = Against(world.store)

    def of_span(self, wish: Wanted, chosen: Chosen, width: int) -> tuple[Page, str, bool]:
        """The page, how fast the model wrote, whether there are sources. In the thread: never touches a widget."""
        try:
            span = self._reader.read(wish)
            if chosen.tab == WHY:
                span = replace(span, other=wish.comparing.find(self._world))
            if chosen.tab == ATTEMPTS and chosen.against:
                place = Place(span.run, span.path, wish.first, wish.last, group=span.is_container)
                page = self._against.span(place, chosen.against, Page(width), self._back)
            elif chosen.tab == ATTEMPTS:
                page = attempts(span, width, differences=chosen.differences, key=self._key("diff"))
            else:
                page = PAGES[chosen.tab](span, width)
            return page, span.speed, bool(span.lookups)
        except OrchError as error:
            return _trouble(error, width), "", False

    def of_run(self, run: Whole, last: int, chosen: Chosen, width: int) -> Page:
        """The page of the run as a whole. In the thread, as well."""
        try:
            if chosen.tab == ATTEMPTS and chosen.against:
                return self._against.run(run.run, last, chosen.against, Page(width), self._back)
            if chosen.tab == RAW:
                run = self._reader.read_run(run, last)
            if chosen.tab == WHY and run.comparing is not None:
                run = replace(run, other=run.comparing.find(self._world))
            return RUN_PAGES[chosen.tab](run, width)
        except OrchError as error:
            return _trouble(error, width)

    def _key(self, action: str) -> str:
        return shown_key(keys_of(action, self._world.settings.keys)[0])

    @property
    def _back(self) -> str:
        """How to get back from what differs between two runs."""
        return f"{self._key('tab_3')} shows the attempts again"


def _trouble(error: OrchError, width: int) -> Page:
    page = Page(width)
    page.say(error.message, "bad")
    page.say(error.hint, "dim")
    return page


def _no_sources(run: Whole, width: int) -> Page:  # noqa: ARG001 - the shape of a page of a run
    page = Page(width)
    page.say(OF_A_STEP, "dim")
    return page


PAGES: dict[int, Callable[[Span, int], Page]] = {
    OUTPUT: output,
    PROMPT: prompt,
    ATTEMPTS: attempts,
    WHY: why,
    RAW: raw,
    SOURCES: sources,
}
RUN_PAGES: dict[int, Callable[[Whole, int], Page]] = {
    OUTPUT: outputs,
    PROMPT: calls,
    ATTEMPTS: calls,
    WHY: decided,
    RAW: recorded,
    SOURCES: _no_sources,
}
