"""How private the data may be that a model or a tool sees. Pure; knows no graph and no server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.labels import HIGHEST, LOWEST, Label

if TYPE_CHECKING:
    from orchestrator.calling import Signature
    from orchestrator.spec.model import ModelSpec, ToolSpec

WRITTEN: Label = "private"
"""What a tool may see that writes files of the project, where nobody says otherwise."""


def clearance_of(spec: ModelSpec, local: bool) -> Label:
    """The highest label this model may see: the stated one, else everything on this machine and only public off it."""
    if spec.clearance is not None:
        return spec.clearance
    return HIGHEST if local else LOWEST


def clearance_of_tool(spec: ToolSpec | None, signature: Signature) -> Label | None:
    """The highest label this tool may see; None for one that keeps to itself what it is given.

    A server, and a function of the project that does not say that it has no effect, may pass on what they see.
    """
    stated = spec.clearance if spec is not None else None
    if spec is not None and (spec.mcp is not None or (spec.python is not None and spec.effects != "none")):
        return stated or LOWEST
    if signature.network:
        return stated or LOWEST
    return (stated or WRITTEN) if signature.effects != "none" else None
