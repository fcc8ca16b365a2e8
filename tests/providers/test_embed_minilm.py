"""The embedded embedder: its arithmetic against the published model, its weights, and what it refuses."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import numpy
import pytest

from orchestrator.config import Config
from orchestrator.errors import ProviderError, UsageError
from orchestrator.ports import Embedder
from orchestrator.providers.catalog import find
from orchestrator.providers.embed_here import NAME, EmbeddedEmbedder
from orchestrator.providers.embed_tensors import NotTensors, read_tensors
from orchestrator.providers.embedders import open_embedder
from orchestrator.providers.model_store import ModelStore
from orchestrator.spec.model import ModelSpec

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def opened(ref: str | None = None, **more: Any) -> Embedder:
    config = Config.from_environment(os.environ, Path.cwd())
    return open_embedder(ref, environ=os.environ, config=config, base=Path.cwd(), **more)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    """The real one; its weights (23 MB) are fetched once."""
    return opened()


REFERENCE = [
    [0.0064, -0.05, -0.0618, -0.035],
    [-0.0653, -0.0513, -0.0844, 0.0052],
    [0.0431, -0.0263, 0.0988, -0.0025],
]


@pytest.mark.real_model
def test_vectors_are_those_of_the_published_model(embedder: Embedder) -> None:
    """Reference: the same texts through the ONNX run time, first four numbers of each vector."""
    texts = [
        "how do i reset my password",
        "Passwords are reset on the page Account > Security.",
        "rain in May",
    ]

    got = run(embedder.embed(texts))

    assert got.dtype == numpy.float32
    assert got.shape == (3, 384)
    numpy.testing.assert_allclose(got[:, :4], REFERENCE, atol=2e-4)
    numpy.testing.assert_allclose(numpy.linalg.norm(got, axis=1), 1.0, atol=1e-5)


@pytest.mark.real_model
def test_a_vector_does_not_depend_on_its_neighbours(embedder: Embedder) -> None:
    """Alone, or among short and long texts: the same vector."""
    text = "one text among others"

    alone = run(embedder.embed([text]))[0]
    among = run(embedder.embed(["a", "long words " * 120, text, "", "z " * 300]))[2]

    numpy.testing.assert_allclose(alone, among, atol=1e-6)


@pytest.mark.real_model
def test_meaning_counts_more_than_words(embedder: Embedder) -> None:
    """What it is for: a paraphrase is nearer than a sentence about something else."""
    vectors = run(embedder.embed(["a cat sits on the mat", "a kitten is on a rug", "earnings fell in May"]))

    assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2]


@pytest.mark.real_model
def test_a_text_that_is_too_long_is_refused_not_cut(embedder: Embedder) -> None:
    """The message says which text, how long it is and what fits."""
    with pytest.raises(ProviderError, match=r"text 2 has 602 tokens, .* at most 512") as caught:
        run(embedder.embed(["short", "x " * 600]))

    assert caught.value.kind == "overflow"


@pytest.mark.real_model
def test_no_texts_are_no_vectors(embedder: Embedder) -> None:
    """An empty batch has the right shape."""
    assert run(embedder.embed([])).shape == (0, 384)


@pytest.mark.real_model
def test_what_it_says_of_itself_identifies_the_weights(embedder: Embedder) -> None:
    """An index built with other weights can be told from one built with these."""
    info = run(embedder.prepare())
    entry = find(NAME)

    assert entry is not None
    assert info.digest.startswith(f"sha256:{entry.sha256}")
    assert (info.dimensions, info.context, info.local) == (384, 512, True)


def test_without_weights_and_offline_it_says_how_to_fetch_them(tmp_path: Path) -> None:
    """The same sentence as for a chat model."""
    environ = {"ORCH_HOME": str(tmp_path), "ORCH_OFFLINE": "1"}
    embedder = EmbeddedEmbedder(config=Config.from_environment(environ, tmp_path), environ=environ)

    with pytest.raises(ProviderError, match="not on this machine") as caught:
        run(embedder.prepare())

    assert "orch models pull all-minilm-l6-v2" in caught.value.hint


def test_the_default_embedder_has_names_like_a_chat_model() -> None:
    """`llamacpp:` and an alias of the catalogue mean it too, and so does an entry of `models`."""
    assert isinstance(opened("llamacpp:all-minilm"), EmbeddedEmbedder)
    assert isinstance(
        opened("mini", models={"mini": ModelSpec(use="llamacpp:all-minilm-l6-v2")}), EmbeddedEmbedder
    )


def test_a_reference_that_is_none_is_a_mistake_of_the_file() -> None:
    """The hint shows the form."""
    with pytest.raises(UsageError, match="names no model"):
        opened("minilm")


def test_its_weights_are_pinned() -> None:
    """What everybody's first index fetches is known to the byte."""
    entry = find(NAME)

    assert entry is not None
    assert entry.embedding
    assert (len(entry.sha256), entry.bytes) == (64, 22_928_619)
    assert ModelStore(Path("/nowhere"), environ={}).known("all-minilm").name == NAME


# ------------------------------------------------------------------------------------------------- tensors


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def tensor(name: str, kind: int, dims: list[int], raw: bytes) -> bytes:
    body = message(1, b"".join(map(varint, dims))) + varint(2 << 3) + varint(kind)
    return message(5, body + message(8, name.encode()) + message(9, raw))


def onnx(*tensors: bytes) -> bytes:
    return varint(1 << 3) + varint(9) + message(7, b"".join(tensors))


def test_tensors_come_out_in_the_files_order(tmp_path: Path) -> None:
    """Floats and int8, with their shapes; other types are left out."""
    path = tmp_path / "m.onnx"
    floats = struct.pack("<4f", 1, 2, 3, 4)
    path.write_bytes(
        onnx(
            tensor("b", 1, [2, 2], floats),
            tensor("a", 3, [3], b"\x01\xff\x02"),
            tensor("c", 7, [1], b"12345678"),
        )
    )

    found = read_tensors(path)

    assert list(found) == ["b", "a"]
    assert found["b"].tolist() == [[1, 2], [3, 4]]
    assert found["a"].tolist() == [1, -1, 2]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<!DOCTYPE html>",
        b"\xff" * 64,
        onnx(tensor("a", 1, [2, 2], b"\0" * 16))[:-3],
        onnx(tensor("a", 1, [3, 3], b"\0" * 16)),
        onnx(tensor("a", 1, [1 << 40], b"\0" * 16)),
    ],
)
def test_a_file_without_tensors_is_refused(tmp_path: Path, content: bytes) -> None:
    """Cut off, foreign, or lying about its sizes: one exception, and no memory is taken on its word."""
    path = tmp_path / "m.onnx"
    path.write_bytes(content)

    with pytest.raises(NotTensors):
        read_tensors(path)
