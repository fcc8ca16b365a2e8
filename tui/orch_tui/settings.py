"""The user's own settings of the screen, and the table of its actions with their default keys.

In the user's configuration file they stand under `tui:`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from textual.binding import Binding


class Action(NamedTuple):
    """`keys` are Textual's names, comma-separated. `group` is where the help lists it."""

    keys: str
    words: str
    group: str


ACTIONS: dict[str, Action] = {
    "down": Action("j,down", "Down", "Move"),
    "up": Action("k,up", "Up", "Move"),
    "first": Action("g,home", "First", "Move"),
    "last": Action("G,end", "Last", "Move"),
    "half_down": Action("ctrl+d,pagedown", "Half a page down", "Move"),
    "half_up": Action("ctrl+u,pageup", "Half a page up", "Move"),
    "fold": Action("h,left", "Fold, or to the parent", "Move"),
    "unfold": Action("l,right", "Unfold, or to the first child", "Move"),
    "fold_all": Action("H", "Fold everything", "Move"),
    "toggle": Action("space", "Fold or unfold", "Move"),
    "zoom": Action("enter", "Open", "Move"),
    "back": Action("escape", "Back", "Move"),
    "other_pane": Action("tab", "To the other side", "Move"),
    "wider": Action("greater_than_sign", "More room for the left side", "Move"),
    "narrower": Action("less_than_sign", "Less room for the left side", "Move"),
    "search": Action("slash", "Filter", "Find"),
    "next_match": Action("n", "Next match", "Find"),
    "previous_match": Action("N", "Previous match", "Find"),
    "next_error": Action("e", "Next error", "Find"),
    "previous_error": Action("E", "Previous error", "Find"),
    "follow": Action("f", "Follow what runs", "Find"),
    "sort": Action("O", "Sort by another column", "Runs"),
    "delete": Action("D,delete", "Delete", "Runs"),
    "tab_1": Action("1", "Output", "Tabs"),
    "tab_2": Action("2", "Prompt", "Tabs"),
    "tab_3": Action("3", "Attempts", "Tabs"),
    "tab_4": Action("4", "Why", "Tabs"),
    "tab_5": Action("5", "Raw", "Tabs"),
    "tab_6": Action("6", "Sources", "Tabs"),
    "next_tab": Action("right_square_bracket", "Next tab", "Tabs"),
    "previous_tab": Action("left_square_bracket", "Previous tab", "Tabs"),
    "trace": Action("t", "Trace", "Views"),
    "graph": Action("w", "Graph of the workflow", "Views"),
    "timeline": Action("T", "Timeline", "Views"),
    "logs": Action("L", "Logs", "Views"),
    "models": Action("m", "Models", "Views"),
    "approvals": Action("i", "Approvals", "Views"),
    "runs": Action("R", "Runs", "Views"),
    "zoom_in": Action("plus,equals_sign", "Zoom in", "Timeline"),
    "zoom_out": Action("minus", "Zoom out", "Timeline"),
    "group_models": Action("M", "By model or by step", "Timeline"),
    "replay": Action("P", "Replay what was recorded", "Replay"),
    "pause": Action("p", "Pause, or go on", "Replay"),
    "step": Action("full_stop", "One event on", "Replay"),
    "step_back": Action("comma", "One event back", "Replay"),
    "faster": Action("right_curly_bracket,ctrl+right", "Faster", "Replay"),
    "slower": Action("left_curly_bracket,ctrl+left", "Slower", "Replay"),
    "restart": Action("0", "Start again", "Replay"),
    "copy": Action("y", "Copy", "Do"),
    "copy_command": Action("Y", "Copy as an orch command", "Do"),
    "open_file": Action("o", "Open the YAML in $EDITOR", "Do"),
    "save": Action("s", "Save as SVG, HTML or JSON", "Do"),
    "approve": Action("a", "Approve", "Do"),
    "reject": Action("x", "Reject", "Do"),
    "change": Action("u", "Change the value in $EDITOR, then answer", "Do"),
    "cancel": Action("c", "Cancel the run", "Do"),
    "again": Action("r", "Run anew from here", "Do"),
    "diff": Action("d", "Diff with another attempt or run", "Do"),
    "palette": Action("colon,ctrl+p", "Commands", "Do"),
    "help": Action("question_mark,f1", "Help", "Do"),
    "quit": Action("q", "Leave; runs go on", "Do"),
}
"""Every action of the screen by its id: what the user's configuration may give other keys."""


ELSEWHERE = {
    "Runs": "only in the list of runs",
    "Timeline": "only in the timeline",
    "Tabs": "only in the trace of a run",
    "Replay": "only in a replay",
}
"""Why an action of this group is not valid now; of the others there is no more to say than that."""


def why_not(name: str, screen: object) -> str:
    """Why an action cannot be done here and now: a screen may know more (`refusals`, by action) than its group says."""
    refusals: Mapping[str, str] = getattr(screen, "refusals", {})
    return refusals.get(name) or ELSEWHERE.get(ACTIONS[name].group, "not now, or not here")


@dataclass(frozen=True, slots=True)
class Settings:
    """`keys` replaces default keys by action id; an empty theme follows the terminal's background where it tells it."""

    theme: str = ""
    mouse: bool = True
    keys: dict[str, str] = field(default_factory=dict)


def bindings(
    *ids: str, shown: tuple[str, ...] = ()
) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """Textual bindings of these actions; those of `shown` appear in the footer."""
    from textual.binding import Binding

    found: list[Binding | tuple[str, str] | tuple[str, str, str]] = []
    for name in ids:
        action = ACTIONS[name]
        found.append(Binding(action.keys, name, action.words, show=name in shown, id=name))
    return found


def keys_of(name: str, keys: Mapping[str, str]) -> tuple[str, ...]:
    """The keys of an action, as Textual names them, after the user's own."""
    return tuple(key.strip() for key in keys.get(name, ACTIONS[name].keys).split(",") if key.strip())


def shown_key(key: str) -> str:
    """A key as a person reads it: `?`, `ctrl+d`, `esc`."""
    from textual.keys import REPLACED_KEYS, key_to_character

    words = {"escape": "esc", "pagedown": "pgdn", "pageup": "pgup", "delete": "del"}
    arrows = {"up": "↑", "down": "↓", "left": "←", "right": "→"}
    *modifiers, name = key.split("+") if len(key) > 1 else [key]
    character = key_to_character(REPLACED_KEYS.get(name, name))
    written = character if character and character.isprintable() and character != " " else name
    name = words.get(name) or arrows.get(name) or written
    return "+".join([*modifiers, name])


def clashes(keys: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Keys that two actions share after the user's own: as (key, action, action). The defaults share none."""
    taken: dict[str, str] = {}
    for name in ACTIONS:
        for key in keys_of(name, keys):
            other = taken.setdefault(shown_key(key), name)
            if other != name:
                yield shown_key(key), other, name
