"""Workflows deeper and longer than a screen: what is drawn of them is bounded, and what is left out is said."""

from __future__ import annotations

from collections.abc import Iterable

from orch_tui.drawing import DEEPEST, Badge, Shown, as_list, of_picture
from orch_tui.graph import Canvas
from orch_tui.text import plain
from orchestrator.graph.picture import Box, Picture


def test_groups_too_deep_for_a_drawing_are_folded_and_named() -> None:
    """A frame per level helps nobody: what is left out is counted, in its box and above the drawing."""
    nested = Picture((Box("a", "agent"), Box("b", "agent")), ())
    for level in reversed(range(600)):
        nested = Picture((Box(f"g{level}", "steps", (), nested),), ())

    drawing = of_picture(nested)

    assert len(drawing.spots) == DEEPEST + 1
    assert drawing.trouble == f"folded, since more than {DEEPEST} groups deep: g{DEEPEST}"
    assert any(f"… {600 - DEEPEST - 1 + 2} steps inside" in line for line in drawing.lines)


def test_a_very_deep_list_of_steps_is_not_wider_than_deep_ones_are() -> None:
    """Instead of ever more blanks a step says how deep it is."""
    steps = [".".join(["s"] * depth) for depth in range(1, 601)]

    drawing = as_list(steps)

    assert drawing.width < 2 * DEEPEST + 60
    assert drawing.lines[-1].endswith("s  (600 levels deep)")
    assert drawing.lines[DEEPEST].endswith(" s")


def test_only_what_is_in_sight_is_asked_what_it_does() -> None:
    """What a flush costs goes with the rows of the screen; rows that come in sight later are asked for then."""
    asked: list[list[str]] = []

    def badges(steps: Iterable[str]) -> dict[str, Badge]:
        asked.append(sorted(steps))
        return {step: Badge(f"does {step}", "run") for step in asked[-1]}

    canvas = Canvas(badges)
    canvas.shown = Shown(as_list(f"s{number}" for number in range(1000)))
    canvas.update(range(3))
    rows = [plain(canvas.row(index, 60)) for index in (0, 2, 500)]

    assert asked == [["s0", "s1", "s2"], ["s500"]]
    assert [row.split()[1] for row in rows] == ["s0", "s2", "s500"]
