"""A classifier in front of a model: logistic regression on embeddings, trained on a file of cases, calibrated on them.

It answers by itself only where its confidence, on cases it was not trained on, was right nearly always; else it passes
on to the model. Trained once for a file and an embedder, then read from disk. Knows no step.

Sources: multinomial logistic regression by L-BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.4);
temperature scaling (Guo et al., On Calibration of Modern Neural Networks, 2017) fitted on the folds that were held out.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.calling import Classified, Example
from orchestrator.errors import KnowledgeError
from orchestrator.policy.cases import as_asked, read_cases, told

if TYPE_CHECKING:
    import numpy

    from orchestrator.ports import Embedder

    Array = numpy.ndarray[Any, Any]

VERSION = 1
"""Of the training: a file of another version is trained anew."""
FOLDS = 4
MANY = 2000
"""Cases of which one fold alone tells enough."""
ROUNDS = 100
MEMORY = 8
"""Steps that the direction of the next one is made of."""
STRENGTH = 0.1
"""Of the penalty on weights, divided by the number of cases."""
RIGHT = 0.95
"""How often it has to have been right at and above its bar."""
LEAST = 0.5
"""No bar lies below: what is less likely than not is the model's to say."""
NEVER = 2.0
"""A bar that no confidence reaches: the cases are too few, or too hard, to tell."""
TEMPERATURES = (0.2, 4.0)
BATCH = 64


@dataclass(frozen=True, slots=True)
class Trained:
    """Weights of shape (dimensions + 1, classes), the answer of each class as JSON, temperature and bar.

    `held_out` is the share of cases that were classified rightly while they were not trained on.
    """

    weights: Array
    classes: tuple[str, ...]
    temperature: float
    bar: float
    held_out: float


class Head:
    """The classifier of one file of cases. Trains itself when it is first asked; `folder` keeps what it learned."""

    def __init__(self, cases: Path, embedder: Embedder, folder: Path) -> None:
        self._cases = cases
        self._embedder = embedder
        self._folder = folder
        self._trained: Trained | None = None
        self._training = asyncio.Lock()

    async def classify(self, text: str) -> Classified:
        """The most likely answer to this text. Raises KnowledgeError or ProviderError."""
        head = await self.trained()
        vectors = await self._embedder.embed([text])
        return classified(head, vectors)

    async def trained(self) -> Trained:
        """What it learned, now or before. Raises KnowledgeError or ProviderError."""
        async with self._training:
            if self._trained is None:
                self._trained = await self._load_or_train()
            return self._trained

    async def _load_or_train(self) -> Trained:
        examples, content = self._read()
        info = await self._embedder.prepare()
        name = hashlib.sha256(f"{VERSION}\n{info.digest}\n{content}".encode()).hexdigest()
        file = self._folder / f"{name}.npz"
        found = await asyncio.to_thread(_load, file)
        if found is not None:
            return found
        vectors = await self._embedded([as_asked(example.input) for example in examples])
        trained = await asyncio.to_thread(train, vectors, [answer_of(example) for example in examples])
        await asyncio.to_thread(_save, file, trained)
        return trained

    async def _embedded(self, texts: Sequence[str]) -> Array:
        import numpy

        batches = [texts[n : n + BATCH] for n in range(0, len(texts), BATCH)]
        return numpy.concatenate([await self._embedder.embed(batch) for batch in batches])

    def _read(self) -> tuple[tuple[Example, ...], str]:
        try:
            data = self._cases.read_bytes()
        except OSError as error:
            raise KnowledgeError(f"{self._cases}: {error.strerror}", hint="check `head: {from: …}`") from None
        examples, wrong = read_cases(data)
        if wrong:
            raise KnowledgeError(told(wrong, str(self._cases)))
        if len({answer_of(example) for example in examples}) < 2:
            raise KnowledgeError(
                f"{self._cases}: a head needs cases of at least two different answers",
                hint="add cases, or take `head` out",
            )
        return examples, hashlib.sha256(data).hexdigest()


def classified(head: Trained, vectors: Array) -> Classified:
    """The most likely answer for a unit vector of shape (1, dimensions)."""
    shares = _shares(_with_bias(vectors) @ head.weights, head.temperature)[0]
    best = int(shares.argmax())
    return Classified(json.loads(head.classes[best]), round(float(shares[best]), 4), head.bar)


def answer_of(example: Example) -> str:
    """The class of a case: its output as JSON, the same for the same answer."""
    return json.dumps(example.output, ensure_ascii=False, sort_keys=True)


# ------------------------------------------------------------------------------------------------ training


def train(vectors: Array, answers: Sequence[str]) -> Trained:
    """Learn from unit vectors of shape (cases, dimensions) and the answer of each. Deterministic."""
    import numpy

    classes = tuple(sorted(set(answers)))
    targets = numpy.array([classes.index(answer) for answer in answers])
    rows, folds = _with_bias(vectors), _fold_of(targets)
    tried = [
        fold for fold in range(FOLDS if len(rows) <= MANY else 1) if 0 < (folds == fold).sum() < len(rows)
    ]
    logits = numpy.zeros((len(rows), len(classes)), dtype=rows.dtype)
    for fold in tried:
        inside = folds != fold
        logits[~inside] = rows[~inside] @ _fitted(rows[inside], targets[inside], len(classes))
    held_out = numpy.isin(folds, tried)
    logits, wanted = logits[held_out], targets[held_out]
    temperature = _temperature(logits, wanted)
    shares = _shares(logits, temperature)
    right = shares.argmax(axis=1) == wanted
    bar = _bar(shares.max(axis=1), right)
    weights = _fitted(rows, targets, len(classes))
    return Trained(weights, classes, temperature, bar, round(float(right.mean()), 4))


def _with_bias(vectors: Array) -> Array:
    import numpy

    return numpy.hstack([vectors, numpy.ones((len(vectors), 1), dtype=vectors.dtype)]).astype("float32")


def _fold_of(targets: Array) -> Array:
    """Each class is spread evenly over the folds, in the order of the file."""
    import numpy

    seen: dict[int, int] = {}
    folds = numpy.zeros(len(targets), dtype=int)
    for place, target in enumerate(targets.tolist()):
        folds[place] = seen.get(target, target) % FOLDS
        seen[target] = seen.get(target, target) + 1
    return folds


def _fitted(rows: Array, targets: Array, classes: int) -> Array:
    """Weights that minimise the mean cross entropy with a penalty on their squares, by L-BFGS with backtracking."""
    import numpy

    penalty = STRENGTH / len(rows)
    places = numpy.arange(len(rows))

    def loss(weights: Array) -> tuple[float, Array]:
        shares = _shares(rows @ weights, 1.0)
        value = -numpy.log(shares[places, targets] + 1e-12).mean() + penalty / 2 * (weights * weights).sum()
        shares[places, targets] -= 1.0
        return float(value), rows.T @ shares / len(rows) + penalty * weights

    weights = numpy.zeros((rows.shape[1], classes), dtype=rows.dtype)
    value, slope = loss(weights)
    steps: list[tuple[Array, Array]] = []
    for _ in range(ROUNDS):
        way = _direction(slope, steps)
        downhill, length = float((way * slope).sum()), 1.0
        while (found := loss(weights + length * way))[0] > value + 1e-4 * length * downhill and length > 1e-6:
            length /= 2
        change = found[1] - slope
        if value - found[0] < 1e-4 * value:
            break
        steps = [*steps[1 - MEMORY :], (length * way, change)]
        weights, (value, slope) = weights + length * way, found
    return weights


def _direction(slope: Array, steps: Sequence[tuple[Array, Array]]) -> Array:
    """Where the last steps say that the minimum lies (two-loop recursion)."""
    way, shares = -slope, []
    for step, change in reversed(steps):
        share = (step * way).sum() / (step * change).sum()
        shares.append(share)
        way = way - share * change
    if steps:
        step, change = steps[-1]
        way = way * ((step * change).sum() / (change * change).sum())
    for (step, change), share in zip(steps, reversed(shares), strict=True):
        way = way + (share - (change * way).sum() / (step * change).sum()) * step
    return way


def _shares(logits: Array, temperature: float) -> Array:
    """Softmax over the last axis."""
    import numpy

    scaled = logits / temperature
    scaled = numpy.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares: Array = scaled / scaled.sum(axis=-1, keepdims=True)
    return shares


def _temperature(logits: Array, targets: Array) -> float:
    """The temperature at which the held-out cases are most likely, by golden section over its logarithm."""
    import numpy

    golden = (5**0.5 - 1) / 2
    low, high = (float(numpy.log(bound)) for bound in TEMPERATURES)

    def loss(power: float) -> float:
        shares = _shares(logits, float(numpy.exp(power)))
        return float(-numpy.log(shares[numpy.arange(len(targets)), targets] + 1e-12).mean())

    for _ in range(40):
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return float(numpy.exp((low + high) / 2))


def _bar(confidence: Array, right: Array) -> float:
    """The least confidence from which on it was right often enough; `NEVER` where there is none.

    One right and one wrong case are thought in addition (Laplace), so that a few lucky ones prove nothing.
    """
    import numpy

    order = numpy.argsort(-confidence, kind="stable")
    counts = numpy.arange(1, len(order) + 1)
    often = (numpy.cumsum(right[order]) + 1) / (counts + 2)
    good = numpy.nonzero(often >= RIGHT)[0]
    return max(LEAST, round(float(confidence[order[good[-1]]]), 4)) if len(good) else NEVER


# ---------------------------------------------------------------------------------------------------- disk


def _save(file: Path, head: Trained) -> None:
    """Whole or not at all. A disk that is full costs another training, nothing else."""
    import numpy

    content = io.BytesIO()
    facts = json.dumps([list(head.classes), head.temperature, head.bar, head.held_out])
    numpy.savez(content, weights=head.weights, facts=numpy.frombuffer(facts.encode(), dtype="uint8"))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as part:
            part.write(content.getvalue())
        Path(part.name).replace(file)
    except OSError:
        return


def _load(file: Path) -> Trained | None:
    """What was learned before; None when it is not there, or damaged."""
    import zipfile

    import numpy

    try:
        with file.open("rb") as stream, numpy.load(stream, allow_pickle=False) as found:
            classes, temperature, bar, held_out = json.loads(found["facts"].tobytes())
            return Trained(found["weights"], tuple(classes), temperature, bar, held_out)
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None


__all__ = ["Head", "Trained", "answer_of", "classified", "train"]
