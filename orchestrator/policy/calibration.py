"""What a confidence was worth on labelled cases: the share of wrong answers at least so sure. Pure.

The file `NAME.lock.yaml` beside `NAME.yaml` holds such measurements, beside what `orch lock` writes. Each belongs to one model (the digest of its
weights, which another quantisation changes), one template and one type of answer; for any other it says nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from orchestrator.light import light
from orchestrator.lock.file import SECTIONS
from orchestrator.messages import ModelInfo

KEYS = ("step", "model", "template", "schema", "cases", "risk")


@light(frozen=True, slots=True)
class Calibration:
    """`risk` holds pairs, rising in the first: from this raw confidence on, so large a share of answers was wrong."""

    step: str
    model: str
    template: str
    schema: str
    cases: int
    risk: tuple[tuple[float, float], ...]

    def fits(self, template: str, schema: str) -> bool:
        return (self.template, self.schema) == (template, schema)

    def confidence(self, raw: float) -> float:
        """One minus the risk that was measured for answers as sure as this one."""
        return 1.0 - max((entry for entry in self.risk if entry[0] <= raw), key=lambda entry: entry[0])[1]


def calibrated(raw: float, found: Iterable[Calibration], info: ModelInfo) -> float:
    """The confidence in the light of what was measured with this model; as it came when nothing was."""
    model = identity(info)
    return next((entry.confidence(raw) for entry in found if entry.model == model), raw)


def identity(info: ModelInfo) -> str:
    """Its weights; for a server that does not say which they are, the name it goes by."""
    return info.digest.split(" ")[0] or info.ref


def key(templates: Mapping[str, str], schema: Any) -> tuple[str, str]:
    """What a measurement is for: digests of `role` and `prompt`, and of the answer's JSON Schema (None for text)."""
    return _digest({name: templates[name] for name in ("role", "prompt") if name in templates}), _digest(
        schema
    )


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def read_lock(value: Any) -> tuple[Calibration, ...]:
    """The measurements of a lock file; none where it holds only digests. Raises ValueError, with a sentence, for what is none."""
    whole = value if isinstance(value, Mapping) else {}
    locked = whole.keys() & set(SECTIONS)
    entries = whole.get("confidence", [] if locked else None)
    known = {"orch", "confidence", *SECTIONS}
    if not whole.keys() <= known or whole.get("orch") != 1 or not isinstance(entries, list):
        raise ValueError("a lock file holds `orch: 1` and `confidence:`, a list of measurements")
    return tuple(_read(entry, f"confidence[{number}]") for number, entry in enumerate(entries))


def _read(entry: Any, where: str) -> Calibration:
    if not isinstance(entry, Mapping) or set(entry) != set(KEYS):
        raise ValueError(f"{where}: a measurement has {', '.join(KEYS)}")
    texts = {key: entry[key] for key in ("step", "model", "template", "schema")}
    wrong = next((key for key, text in texts.items() if not isinstance(text, str) or not text), None)
    if wrong is not None:
        raise ValueError(f"{where}.{wrong}: this is no text")
    cases = entry["cases"]
    if not isinstance(cases, int) or isinstance(cases, bool) or cases < 1:
        raise ValueError(f"{where}.cases: this is no number of cases")
    return Calibration(**texts, cases=cases, risk=_risk(entry["risk"], f"{where}.risk"))


def _risk(value: Any, where: str) -> tuple[tuple[float, float], ...]:
    pairs = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    risk = tuple((float(pair[0]), float(pair[1])) for pair in pairs if _is_pair(pair))
    if not risk or len(risk) != len(pairs):
        raise ValueError(f"{where}: pairs of a confidence and a share of wrong answers, both from 0 to 1")
    starts, shares = [pair[0] for pair in risk], [pair[1] for pair in risk]
    if starts[0] != 0 or any(a >= b for a, b in pairwise(starts)):
        raise ValueError(f"{where}: it begins at 0 and rises")
    if any(a < b for a, b in pairwise(shares)):
        raise ValueError(f"{where}: surer answers are not wrong more often; measure it on more cases")
    return risk


def _is_pair(pair: Any) -> bool:
    if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
        return False
    return all(isinstance(n, int | float) and not isinstance(n, bool) and 0 <= n <= 1 for n in pair)


__all__ = ["KEYS", "Calibration", "calibrated", "identity", "key", "read_lock"]
