"""The command palette: the actions that are valid where the person is, the themes, and the mouse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode
from textual.events import Click
from textual.widgets import OptionList

from orch_tui.settings import ACTIONS, keys_of, shown_key, why_not

if TYPE_CHECKING:
    from orch_tui.app import Screens

HIDDEN = frozenset({"palette", "back"})
"""What makes no sense to be chosen here."""
UNLIKELY = 0.3
"""How much less than others what cannot be chosen is meant by who types its words."""
NARROWEST = 30
"""Columns below which Textual cannot draw the list."""


class Command(NamedTuple):
    """`why_not` says why it cannot be chosen now; empty when it can."""

    words: str
    keys: str
    run: Callable[[], Awaitable[object]]
    why_not: str = ""

    @property
    def help(self) -> str:
        return " · ".join(part for part in (self.keys, self.why_not) if part)


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
            shown = Content.styled(command.words, "dim") if command.why_not else command.words
            yield DiscoveryHit(shown, command.run, command.words, command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands():
            score = matcher.match(f"{command.words} {command.keys}")
            if score > 0 and command.why_not:
                dim = Content.styled(command.words, "dim")
                yield Hit(score * UNLIKELY, dim, command.run, command.words, command.help)
            elif score > 0:
                yield Hit(score, matcher.highlight(command.words), command.run, help=command.help)

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
        yield from self._others(frozenset(found))

    def _others(self, valid: frozenset[str]) -> Iterator[Command]:
        """What cannot be done here and now, so that a person finds out that it can be done."""
        keys = cast("Screens", self.app).world.settings.keys
        for name, action in ACTIONS.items():
            if name not in valid and name not in HIDDEN and action.group != "Move":
                reason = why_not(name, self.screen)
                shown = ", ".join(shown_key(key) for key in keys_of(name, keys))
                yield Command(action.words, shown, partial(self._refuse, action.words, reason), reason)

    async def _refuse(self, words: str, why_not: str) -> None:
        self.app.notify(f"{words}: {why_not}", markup=False)
