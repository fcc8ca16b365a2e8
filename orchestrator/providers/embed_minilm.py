"""all-MiniLM-L6-v2 in numpy: six layers of BERT over the tokens of several texts at once, and their mean.

Texts lie behind each other without padding, so no work is done for what is not there and a text's vector does not
depend on its neighbours. Weights are int8 with a scale per output (per row for the embeddings). Knows no file store.

Source of the architecture: Devlin et al., BERT (2018); Reimers and Gurevych, Sentence-BERT (2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy

    Array = numpy.ndarray[Any, Any]

DIMENSIONS = 384
CONTEXT = 512
"""Positions the model knows, marks of beginning and end included."""
LAYERS, HEADS = 6, 12
ROWS = 96
"""Tokens that go through the wide layer at once: what lies between its halves then stays in the processor's cache."""
_EPSILON = 1e-12
_DENSE = ("query", "key", "value", "out", "up", "down")
"""The matrices of a layer, in the order in which the file holds them."""


class WrongWeights(Exception):
    """The tensors are not those of this model."""


@dataclass(frozen=True, slots=True)
class _Dense:
    weight: Array
    bias: Array

    def __call__(self, rows: Array) -> Array:
        result: Array = rows @ self.weight
        result += self.bias
        return result


@dataclass(frozen=True, slots=True)
class _Norm:
    weight: Array
    bias: Array

    def __call__(self, rows: Array) -> Array:
        """In place."""
        import numpy

        rows -= rows.mean(axis=-1, keepdims=True)
        variance = numpy.einsum("ij,ij->i", rows, rows) / rows.shape[-1]
        rows *= (1.0 / numpy.sqrt(variance + _EPSILON))[:, None]
        rows *= self.weight
        rows += self.bias
        return rows


@dataclass(frozen=True, slots=True)
class _Layer:
    attend: _Dense
    """Query, key and value side by side."""
    out: _Dense
    after_attention: _Norm
    up: _Dense
    down: _Dense
    after_all: _Norm


class MiniLM:
    """The model from its tensors. Holds 54 MB; every method may be called from several threads."""

    def __init__(self, tensors: Mapping[str, Array]) -> None:
        """Raises WrongWeights."""
        try:
            self._build(tensors)
        except (KeyError, ValueError, IndexError) as error:
            raise WrongWeights(f"{type(error).__name__}: {error}") from error

    def embed(self, texts: Sequence[Sequence[int]]) -> Array:
        """One unit vector per text of token numbers: float32, (texts, 384). No text is empty or above CONTEXT."""
        import numpy

        bounds = numpy.cumsum([0, *(len(text) for text in texts)])
        rows = self._begin(texts)
        for layer in self._layers:
            mixed = layer.out(_attention(layer.attend(rows), bounds))
            mixed += rows
            rows = layer.after_attention(mixed)
            _think(layer, rows)
        vectors: Array = numpy.add.reduceat(rows, bounds[:-1], axis=0)
        vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def _begin(self, texts: Sequence[Sequence[int]]) -> Array:
        import numpy

        tokens = numpy.concatenate([numpy.asarray(text, dtype=numpy.int64) for text in texts])
        places = numpy.concatenate([numpy.arange(len(text)) for text in texts])
        rows = self._words[tokens].astype(numpy.float32)
        rows *= self._scales[tokens]
        rows += self._places[places]
        return self._first(rows)

    def _build(self, tensors: Mapping[str, Array]) -> None:
        import numpy

        def norm(name: str) -> _Norm:
            return _Norm(tensors[f"{name}.LayerNorm.weight"], tensors[f"{name}.LayerNorm.bias"])

        start = "inner.embeddings"
        self._words = tensors[f"{start}.word_embeddings.weight_q"]
        self._scales = tensors[f"{start}.word_embeddings.weight_scale"]
        self._places = _float(tensors, f"{start}.position_embeddings.weight")
        self._places += tensors[f"{start}.token_type_embeddings.weight"][0]
        self._first = norm(start)
        names = [name[:-2] for name in tensors if name.startswith("val_") and name.endswith("_q")]
        if len(names) != LAYERS * len(_DENSE):
            raise WrongWeights(f"{len(names)} matrices")
        layers = []
        for number in range(LAYERS):
            at = f"inner.encoder.layer.{number}"
            mine = names[number * len(_DENSE) : (number + 1) * len(_DENSE)]
            query, key, value, out, up, down = (_float(tensors, name) for name in mine)
            bias = [tensors[f"{at}.attention.self.{name}.bias"] for name in _DENSE[:3]]
            layers.append(
                _Layer(
                    _Dense(numpy.hstack([query, key, value]), numpy.hstack(bias)),
                    _Dense(out, tensors[f"{at}.attention.output.dense.bias"]),
                    norm(f"{at}.attention.output"),
                    _Dense(up, tensors[f"{at}.intermediate.dense.bias"]),
                    _Dense(down, tensors[f"{at}.output.dense.bias"]),
                    norm(f"{at}.output"),
                )
            )
        self._layers = tuple(layers)


def _float(tensors: Mapping[str, Array], name: str) -> Array:
    weights: Array = tensors[f"{name}_q"].astype("float32")
    weights *= tensors[f"{name}_scale"]
    return weights


def _attention(mixed: Array, bounds: Array) -> Array:
    """Each token looks at the tokens of its own text."""
    import numpy

    width = mixed.shape[1] // 3
    size = width // HEADS
    result = numpy.empty((mixed.shape[0], width), dtype=numpy.float32)
    for start, end in pairwise(bounds):
        query, key, value = mixed[start:end].reshape(end - start, 3, HEADS, size).transpose(1, 2, 0, 3)
        scores = (query * numpy.float32(size**-0.5)) @ key.transpose(0, 2, 1)
        scores -= scores.max(axis=-1, keepdims=True)
        numpy.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        result[start:end].reshape(end - start, HEADS, size)[:] = (scores @ value).transpose(1, 0, 2)
    return result


def _think(layer: _Layer, rows: Array) -> None:
    """The wide layer and its norm, in place, some rows at a time."""
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS]
        part += layer.down(_gelu(layer.up(part)))
        layer.after_all(part)


def _gelu(x: Array) -> Array:
    """x times the normal distribution up to x; the error function after Abramowitz and Stegun 7.1.26 (1.5e-7)."""
    import numpy

    size = numpy.abs(x)
    z = size * numpy.float32(0.5**0.5)
    t = 1.0 / (1.0 + numpy.float32(0.3275911) * z)
    tail = numpy.full_like(t, 1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail *= t
        tail += numpy.float32(factor)
    tail *= t
    z *= z
    numpy.negative(z, out=z)
    tail *= numpy.exp(z, out=z)
    tail *= size
    tail *= numpy.float32(0.5)
    numpy.maximum(x, 0, out=x)
    x -= tail
    return x
