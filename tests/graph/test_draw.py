"""Drawings of small pictures, exactly as a person sees them."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.graph.draw_mermaid import mermaid
from orchestrator.graph.draw_svg import svg
from orchestrator.graph.draw_text import text
from orchestrator.graph.layout import Measures, lay_out
from orchestrator.graph.picture import Arrow, Box, Picture, brief

CHAIN = Picture((Box("sort", "agent", ("triager · tiny",)), Box("out", "value")), (Arrow(0, 1),))
FAN = Picture(
    (Box("a", "agent"), Box("b", "agent"), Box("c", "agent"), Box("d", "value")),
    (Arrow(0, 1), Arrow(0, 2), Arrow(1, 3), Arrow(2, 3)),
)
GROUP = Picture(
    (Box("in", "agent"), Box("loop", "steps", ("repeat: at most 3",), CHAIN)), (Arrow(0, 1, order_only=True),)
)


def test_a_chain_is_two_boxes_and_an_arrow() -> None:
    """The simplest drawing there is; a value has round corners."""
    assert text(CHAIN) == (
        "┌─────────────────┐\n"
        "│ sort            │\n"
        "│ triager · tiny  │\n"
        "└─────────────────┘\n"
        "         │\n"
        "         ▼\n"
        "      ╭─────╮\n"
        "      │ out │\n"
        "      ╰─────╯\n"
    )


def test_a_fan_out_forks_and_joins() -> None:
    """Two steps that read one and are read by one stand side by side."""
    assert text(FAN) == (
        "    ┌───┐\n"
        "    │ a │\n"
        "    └───┘\n"
        "      │\n"
        "  ┌───┴───┐\n"
        "  ▼       ▼\n"
        "┌───┐   ┌───┐\n"
        "│ b │   │ c │\n"
        "└───┘   └───┘\n"
        "  │       │\n"
        "  └───┬───┘\n"
        "      ▼\n"
        "    ╭───╮\n"
        "    │ d │\n"
        "    ╰───╯\n"
    )


def test_a_group_holds_its_steps_and_an_order_without_data_is_dotted() -> None:
    """The group's title stands in its frame, its conditions below."""
    drawn = text(GROUP)

    assert "┌ loop ──" in drawn
    assert "│ repeat: at most 3" in drawn
    assert "┆" in drawn


def test_without_box_characters_the_same_drawing_is_ascii() -> None:
    """For terminals that have nothing else."""
    drawn = text(FAN, ascii_lines=True)

    assert drawn.isascii()
    assert len(drawn.splitlines()) == len(text(FAN).splitlines())


def test_mermaid_has_subgraphs_for_groups_and_dotted_arrows_for_needs() -> None:
    """What a README shows."""
    assert mermaid(GROUP) == (
        "flowchart TD\n"
        '  s0["in"]\n'
        '  subgraph s1["loop<br/>repeat: at most 3"]\n'
        '    s1_0["sort<br/>triager · tiny"]\n'
        '    s1_1("out")\n'
        "    s1_0 --> s1_1\n"
        "  end\n"
        "  s0 -.-> s1\n"
    )


def test_what_a_label_says_is_never_syntax() -> None:
    """Quotes, brackets, directives and markup of any kind come out as entities."""
    evil = 'x"] --> y %%{init: {}}%% <img onerror=1> `md` #quot; \\ |'
    box = Picture((Box("a", "agent", (evil,)),), ())

    label = mermaid(box).splitlines()[1].removeprefix('  s0["').removesuffix('"]')
    drawn = svg(box, title=evil)

    assert not set('"[]{}%<>`|\\') & set(label.replace("<br/>", ""))
    assert "<img" not in drawn
    assert ET.fromstring(drawn).tag.endswith("svg")


@given(st.text(max_size=60))
def test_any_text_gives_a_well_formed_svg_and_lines_without_controls(title: str) -> None:
    """Control characters, surrogates and noncharacters included."""
    box = Picture((Box("a", "agent", (brief(title),)),), ())

    ET.fromstring(svg(box, title=title))

    assert "\x1b" not in text(box)
    assert len(text(box).splitlines()) == 4


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    count = draw(st.integers(1, 9))
    pairs = [(a, b) for b in range(count) for a in range(b)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return Picture(
        tuple(Box("n" * draw(st.integers(1, 9)), "agent") for _ in range(count)),
        tuple(Arrow(*p) for p in chosen),
    )


@given(pictures())
def test_boxes_never_overlap_and_arrows_go_down(picture: Picture) -> None:
    """Whatever the graph, every box has its own place and every arrow ends below where it began."""
    layout = lay_out(
        picture,
        Measures(
            lambda b: (len(b.title) | 1, 3), lambda b: (9, 1), gap=3, track=1, stub=1, pad=(2, 1), thread=1
        ),
    )

    boxes = [p for p in layout.places if p.box]
    for n, one in enumerate(boxes):
        assert one.x >= 0
        for other in boxes[n + 1 :]:
            apart = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert apart or one.y + one.height <= other.y or other.y + other.height <= one.y
    for run in layout.runs:
        assert all(run.source.y + run.source.height <= run.y < target.y for target in run.targets)


@given(pictures())
def test_every_box_that_something_points_to_has_an_arrowhead(picture: Picture) -> None:
    """No arrow gets lost on the way."""
    drawn = text(picture)

    targets = {arrow.target for arrow in picture.arrows}
    assert drawn.count("▼") == len(targets)
