"""A picture as a Mermaid flowchart. Names and texts are data: whatever could be syntax becomes an entity."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.graph.picture import Box, Picture

_PLAIN = re.compile(r"[^\w .,:·…↻=/+*!?-]")
SHAPES = {
    "agent": ("[", "]"),
    "tool": ("[/", "/]"),
    "value": ("(", ")"),
    "ask": ("{{", "}}"),
    "workflow": ("[[", "]]"),
}


def mermaid(picture: Picture) -> str:
    """A `flowchart TD`; groups are subgraphs, arrows of `needs` are dotted."""
    return "\n".join(["flowchart TD", *_scope(picture, "s", 1)]) + "\n"


def _scope(picture: Picture, prefix: str, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for number, box in enumerate(picture.boxes):
        name = f"{prefix}{number}"
        if box.inside is None:
            left, right = SHAPES.get(box.kind, ("[", "]"))
            yield f"{indent}{name}{left}{_label(box)}{right}"
        else:
            yield f"{indent}subgraph {name}[{_label(box)}]"
            yield from _scope(box.inside, f"{name}_", depth + 1)
            yield f"{indent}end"
    for arrow in picture.arrows:
        line = "-.->" if arrow.order_only else "-->"
        yield f"{indent}{prefix}{arrow.source} {line} {prefix}{arrow.target}"


def _label(box: Box) -> str:
    return '"' + "<br/>".join(escape(line) for line in (box.title, *box.lines)) + '"'


def escape(text: str) -> str:
    """The text as part of a quoted Mermaid label."""
    return _PLAIN.sub(lambda found: f"#{ord(found[0])};", text)
