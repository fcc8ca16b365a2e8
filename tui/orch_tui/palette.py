"""The command palette: the actions that are valid where the person is, the themes, and the mouse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import NamedTuple

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode
from textual.events import Click
from textual.widgets import OptionList

from orch_tui.settings import ACTIONS, shown_key

HIDDEN = frozenset({"palette", "back"})
"""What makes no sense to be chosen here."""
NARROWEST = 30
"""Columns below which Textual cannot draw the list."""


class Command(NamedTuple):
    words: str
    keys: str
    run: Callable[[], Awaitable[object]]


class Palette(CommandPalette):
    """Textual's, that takes keys also while it has found nothing."""

    def _action_command_list(self, action: str) -> None:
        if self.query_one(OptionList).option_count:
            super()._action_command_list(action)

    def _on_click(self, event: Click) -> None:  # type: ignore[override] # as Textual's own has it
        if self.is_current:  # a second click may come when the first has closed it
            super()._on_click(event)


class Actions(Provider):
    """Our actions by their words. What is said of them is all our own: nothing from a run stands here."""

    async def discover(self) -> Hits:
        for command in self._commands():
            yield DiscoveryHit(command.words, command.run, help=command.keys)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands():
            score = matcher.match(f"{command.words} {command.keys}")
            if score > 0:
                yield Hit(score, matcher.highlight(command.words), command.run, help=command.keys)

    def _commands(self) -> Iterator[Command]:
        found: dict[str, tuple[DOMNode, list[str]]] = {}
        for key, (node, binding, enabled, _) in self.screen.active_bindings.items():
            if enabled and binding.id in ACTIONS and binding.id not in HIDDEN:
                found.setdefault(binding.id, (node, []))[1].append(shown_key(key))
        for name, action in ACTIONS.items():
            if name in found and action.group != "Move":
                node, keys = found[name]
                yield Command(action.words, ", ".join(keys), partial(self.app.run_action, name, node))
        yield Command("Theme", "other colours", partial(self.app.run_action, "change_theme"))
        yield Command(
            "Mouse on or off", "off: the terminal selects text", partial(self.app.run_action, "mouse")
        )
