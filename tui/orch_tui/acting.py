"""What a person does with the run on the screen, whichever of its views is chosen: copy, save, cancel, go elsewhere."""

from __future__ import annotations

from textual.screen import Screen
from textual.widgets import ContentSwitcher

from orch_tui import doing
from orch_tui.copying import Copied, command_for
from orch_tui.covered import Covered
from orch_tui.detail import DetailPanel
from orch_tui.listing import Listing
from orch_tui.logs import LogsView
from orch_tui.parts import Parts
from orch_tui.text import plain
from orch_tui.trace import NOWHERE
from orch_tui.tree import SpanTree
from orch_tui.view import Followed


class Views(Covered, ContentSwitcher):
    """One of the views of a run."""


class Acting(Screen[None]):
    """The screen of a run knows what is in it, and what its keys do."""

    def __init__(self, shown: Followed) -> None:
        super().__init__()
        self.shown = shown
        self._found = Parts(self)

    @property
    def view(self) -> str:
        switcher = self._found.of(Views)
        return (switcher.current if switcher is not None else None) or "trace"

    @property
    def span(self) -> int:
        """What the cursor of the tree stands on, NOWHERE before anything began."""
        rows, cursor = self.shown.rows, self.query_one(SpanTree).cursor
        return rows.at(cursor)[0] if cursor < len(rows) else NOWHERE

    @property
    def path(self) -> str:
        return "" if self.span == NOWHERE else self.shown.trace.path(self.span)

    # -- the tabs, also from the tree

    async def action_tab_1(self) -> None:
        await self._in_panel("tab_1")

    async def action_tab_2(self) -> None:
        await self._in_panel("tab_2")

    async def action_tab_3(self) -> None:
        await self._in_panel("tab_3")

    async def action_tab_4(self) -> None:
        await self._in_panel("tab_4")

    async def action_tab_5(self) -> None:
        await self._in_panel("tab_5")

    async def action_tab_6(self) -> None:
        await self._in_panel("tab_6")

    async def action_next_tab(self) -> None:
        await self._in_panel("next_tab")

    async def action_previous_tab(self) -> None:
        await self._in_panel("previous_tab")

    async def action_diff(self) -> None:
        await self._in_panel("diff")

    async def _in_panel(self, action: str) -> None:
        panel = self.query_one(DetailPanel)
        if hasattr(panel, f"action_{action}"):
            await self.app.run_action(action, panel)

    # -- what a person does with it

    def action_copy(self) -> None:
        doing.copy(self, self._copied())

    def _copied(self) -> Copied:
        selected = self.get_selected_text()
        if selected:
            return Copied(selected, "what is selected")
        if self.view == "trace":
            return Copied(self.query_one(DetailPanel).text, "what the tab shows")
        return Copied(self._line_under_cursor(), "the line")

    def _line_under_cursor(self) -> str:
        listing = self.focused
        if not isinstance(listing, Listing) or listing.cursor >= len(listing.source):
            return ""
        return plain(listing.source.row(listing.cursor, 10_000)).strip()

    def action_copy_command(self) -> None:
        text = command_for(self.shown.run, self._pointed_at)
        doing.copy(self, Copied(text, f"`{text}`"))

    @property
    def _pointed_at(self) -> str:
        """The path that the cursor of the view stands on."""
        return self.query_one(LogsView).path if self.view == "logs" else self.path

    def action_again(self) -> None:
        from orch_tui.again import offer

        offer(self, self.shown, self._pointed_at)

    def action_open_file(self) -> None:
        self.run_worker(doing.open_file(self, self.shown, self.path), group="editor", exclusive=True)

    def action_save(self) -> None:
        doing.offer_to_save(self, self.shown)

    def action_cancel(self) -> None:
        doing.offer_to_cancel(self, self.shown)

    # -- other screens

    def action_models(self) -> None:
        from orch_tui.models import ModelsScreen

        self.app.push_screen(ModelsScreen(self.shown.world, self.shown))

    def action_approvals(self, run: str | None = None) -> None:
        from orch_tui.approvals import ApprovalsScreen

        self.app.push_screen(ApprovalsScreen(self.shown.world, run))

    def action_approve(self) -> None:
        self.action_approvals(self.shown.run)

    action_reject = action_approve

    def action_runs(self) -> None:
        self.dismiss()

    def action_replay(self) -> None:
        from orch_tui.replay_screen import open_replay

        open_replay(self.app, self.shown.world, self.shown.run)
