"""What a run is given: `-i name=value`, `-i name=@file` and `--input-file`, read into plain typed data."""

from __future__ import annotations

from orchestrator.inputs.read import Raw, read_inputs, refuse_unknown

__all__ = ["Raw", "read_inputs", "refuse_unknown"]
