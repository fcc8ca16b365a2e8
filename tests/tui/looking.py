"""What a screen said to the person in passing."""

from __future__ import annotations

from typing import Any

from textual.pilot import Pilot


def said(pilot: Pilot[Any]) -> str:
    """What was notified."""
    return "\n".join(one.message for one in pilot.app._notifications)
