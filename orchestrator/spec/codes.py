"""The codes of a file's form, explained: what is wrong, why it is refused, a wrong and a right example."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.spec.code import Code
from orchestrator.spec.codes_keys import KEYS
from orchestrator.spec.codes_yaml import YAML

CODES: Mapping[str, Code] = {**YAML, **KEYS}

__all__ = ["CODES", "Code"]
