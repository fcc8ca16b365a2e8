"""Draws a graph: Mermaid for documents, text for terminals, SVG for pages. Takes only `graph.model`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from orchestrator.graph.model import Graph
from orchestrator.graph.picture import picture

Format: TypeAlias = Literal["text", "ascii", "mermaid", "svg"]
FORMATS: tuple[Format, ...] = ("text", "ascii", "mermaid", "svg")


def draw(graph: Graph, form: Format) -> str:
    """The drawing as text, ending with a line end. `text` has box characters, `ascii` none beyond ASCII lines."""
    shown = picture(graph)
    match form:
        case "mermaid":
            from orchestrator.graph.draw_mermaid import mermaid

            return mermaid(shown)
        case "svg":
            from orchestrator.graph.draw_svg import svg

            return svg(shown, title=graph.workflow.name or graph.file)
        case "text" | "ascii":
            from orchestrator.graph.draw_text import text

            return text(shown, ascii_lines=form == "ascii")
