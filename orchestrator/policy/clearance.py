"""How private the data may be that a model sees. Pure; knows no graph and no server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.labels import HIGHEST, LOWEST, Label

if TYPE_CHECKING:
    from orchestrator.spec.model import ModelSpec


def clearance_of(spec: ModelSpec, local: bool) -> Label:
    """The highest label this model may see: the stated one, else everything on this machine and only public off it."""
    if spec.clearance is not None:
        return spec.clearance
    return HIGHEST if local else LOWEST
