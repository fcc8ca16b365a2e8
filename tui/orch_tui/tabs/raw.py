"""The Raw tab: the events of a span as they were recorded."""

from __future__ import annotations

import time

from orch_tui.tabs import pretty
from orch_tui.tabs.page import Page
from orch_tui.tabs.span import Span
from orchestrator.events import to_dict


def raw(span: Span, width: int) -> Page:
    page = Page(width)
    if not span.events:
        page.say("no events of its own: it is made of the steps inside it", "dim")
    for seq, event in span.events:
        clock = time.strftime("%H:%M:%S", time.localtime(event.at))
        page.head(f"#{seq} {event.kind}", clock)
        pretty.put(page, to_dict(event), f"{span.command} --json")
    return page
