"""The catalogue of models and the reader of GGUF headers."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from orchestrator.providers.catalog import CATALOG, DEFAULT, find, nearest
from orchestrator.providers.gguf import NotGGUF, read_header


def test_every_name_and_alias_means_one_model() -> None:
    """No two entries can be called by the same name."""
    names = [name for entry in CATALOG for name in (entry.name, *entry.aliases)]

    assert len(names) == len(set(names))
    assert all(find(name) is not None for name in names)


def test_the_default_model_is_pinned() -> None:
    """What everybody's first run fetches is known to the byte."""
    entry = find(DEFAULT)

    assert entry is not None
    assert len(entry.sha256) == 64
    assert entry.bytes == 98_362_432


@pytest.mark.parametrize(
    "name", ["llama3.2:1b", "LLAMA3.2-3B", "qwen2.5:0.5b", "phi3", "gemma3:1b", "mistral"]
)
def test_names_people_know_from_elsewhere_are_found(name: str) -> None:
    """Upper case and other tools' spelling are no obstacle."""
    assert find(name) is not None


def test_a_misspelt_name_gets_its_nearest() -> None:
    """A typo is answered with what was probably meant, and nonsense with nothing."""
    assert nearest("smolm2-135m") == "smollm2-135m"
    assert nearest("zzzzzzzzzzz") is None


def header(**entries: int | str | list[str]) -> bytes:
    """A GGUF header with these entries; dots are written as two underscores."""
    body = b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries))
    for key, value in entries.items():
        body += text(key.replace("__", "."))
        match value:
            case int():
                body += struct.pack("<II", 4, value)
            case str():
                body += struct.pack("<I", 8) + text(value)
            case _:
                body += struct.pack("<IIQ", 9, 8, len(value)) + b"".join(text(one) for one in value)
    return body


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def test_a_header_says_context_and_what_a_token_costs(tmp_path: Path) -> None:
    """Keys and values of all layers, 16 bit each; lists of texts are skipped."""
    path = tmp_path / "m.gguf"
    path.write_bytes(
        header(
            general__architecture="llama",
            tokenizer__ggml__tokens=["a", "bc"],
            llama__context_length=4096,
            llama__block_count=10,
            llama__embedding_length=512,
            llama__attention__head_count=8,
            llama__attention__head_count_kv=2,
        )
    )

    found = read_header(path)

    assert (found.architecture, found.context, found.embedding) == ("llama", 4096, False)
    assert found.kv_bytes == 2 * 10 * 2 * 64 * 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGUF",
        b"PK\x03\x04 a zip file",
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60),
        b"GGUF" + struct.pack("<IQQ", 99, 0, 1),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**62),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<IIQ", 9, 8, 2**61),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("k") + struct.pack("<I", 77),
        header(general__architecture="llama")[:-3],
    ],
    ids=["empty", "cut", "zip", "entries", "version", "text", "list", "kind", "cut text"],
)
def test_a_file_that_is_no_gguf_is_refused_without_reading_far(tmp_path: Path, content: bytes) -> None:
    """Lengths in a header are somebody else's: none is believed."""
    path = tmp_path / "m.gguf"
    path.write_bytes(content)

    with pytest.raises(NotGGUF):
        read_header(path)
