"""The codes of the graph, explained: what is wrong, why it is refused, a wrong and a right example.

Examples that call another workflow mean a file `other.yaml` beside them, with
`inputs: {text: string, times: {type: int, default: 1}}`; one of them means a file `lowers.yaml` with a step
`scrub` that lowers the label of its input `text`; those that look things up mean a file `docs/handbook.md`; and one
means a `workflow.lock.yaml` in which a step `measured` was
measured as the right example has it.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.graph.codes_confidence import CONFIDENCE
from orchestrator.graph.codes_graph import MODELS, SHAPE
from orchestrator.graph.codes_labels import LABELS
from orchestrator.graph.codes_names import NAMES
from orchestrator.graph.codes_types import NULLS, TYPES
from orchestrator.spec.codes import Code

CODES: Mapping[str, Code] = NAMES | TYPES | NULLS | SHAPE | CONFIDENCE | MODELS | LABELS
"""Every code of the graph, by its name."""
