"""From an entry of `models:` to a provider; local or cloud, keys, contradictions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Config
from orchestrator.errors import CredentialsMissing, UsageError
from orchestrator.ports import Model
from orchestrator.providers.presets import PRESETS
from orchestrator.providers.registry import describe, is_cloud, open_model, provider_of
from orchestrator.spec.model import ModelSpec


def _spec(use: str, **more: Any) -> ModelSpec:
    return ModelSpec.model_validate({"use": use, **more})


def _open(tmp_path: Path, spec: ModelSpec, environ: Mapping[str, str] | None = None) -> Model:
    config = Config.from_environment({"ORCH_HOME": str(tmp_path / "home")}, tmp_path)
    return open_model("small", spec, environ=environ or {}, config=config, base=tmp_path)


def test_a_reference_has_two_halves() -> None:
    """The model's own name may hold colons."""
    assert provider_of("ollama:llama3.2:3b") == ("ollama", "llama3.2:3b")
    assert provider_of("llamacpp:/models/x.gguf") == ("llamacpp", "/models/x.gguf")


@pytest.mark.parametrize(
    ("ref", "hint"), [("olama:x", "ollama"), ("zzz:x", "providers are"), ("llama3", "provider:model"), ("vllm:", "provider:model")]
)  # fmt: skip
def test_a_wrong_reference_is_told_with_the_nearest(ref: str, hint: str) -> None:
    """A usage error, not a crash."""
    with pytest.raises(UsageError) as error:
        provider_of(ref)

    assert hint in error.value.hint


@pytest.mark.parametrize(
    ("spec", "cloud"),
    [
        (_spec("llamacpp:smollm2-135m"), False),
        (_spec("scripted:a.yaml"), False),
        (_spec("ollama:llama3.2"), False),
        (_spec("ollama:gpt-oss:120b-cloud"), True),
        (_spec("ollama:kimi:cloud"), True),
        (_spec("ollama:llama3.2", url="http://192.168.0.2:11434"), True),
        (_spec("ollama:llama3.2", url="http://localhost:9"), False),
        (_spec("vllm:x"), False),
        (_spec("vllm:x", url="http://gpu.example:8000/v1"), True),
        (_spec("vllm:x", where="cloud"), True),
        (_spec("openai:gpt-5-mini"), True),
        (_spec("openai:x", url="http://127.0.0.1:9/v1"), True),
        (_spec("openai:x", url="http://127.0.0.1:9/v1", where="local"), False),
        (_spec("openai:x", url="http://10.0.0.1:9/v1", where="local"), True),
        (_spec("groq:x"), True),
        (_spec("llamacpp:x", where="cloud"), True),
    ],
    ids=lambda value: value.use if isinstance(value, ModelSpec) else str(value),
)
def test_local_or_cloud_is_known_from_the_file(spec: ModelSpec, cloud: bool) -> None:
    """Loopback and attested weights are local; a proxy on loopback needs it said; when in doubt it is a cloud."""
    assert is_cloud(spec) is cloud
    assert describe(spec).cloud is cloud


def test_every_preset_is_complete() -> None:
    """A cloud has https and a key, a local server loopback and none."""
    for name, preset in PRESETS.items():
        spec = _spec(f"{name}:m")
        assert is_cloud(spec) is not preset.local
        assert preset.url.startswith("http://127.0.0.1" if preset.local else "https://")
        assert bool(preset.key) is not preset.local
        assert describe(spec).key == preset.key


def test_a_missing_key_names_its_variable(tmp_path: Path) -> None:
    """Exit code 4."""
    with pytest.raises(CredentialsMissing, match="MY_KEY") as error:
        _open(tmp_path, _spec("openai:gpt-5-mini", key="env.MY_KEY"), {"OPENAI_API_KEY": "x"})

    assert error.value.exit_code == 4
    with pytest.raises(CredentialsMissing, match="GROQ_API_KEY"):
        _open(tmp_path, _spec("groq:m"), {"GROQ_API_KEY": "  "})


def test_a_broken_key_does_not_show(tmp_path: Path) -> None:
    """The message names the variable, never the value."""
    with pytest.raises(CredentialsMissing) as error:
        _open(tmp_path, _spec("openai:m"), {"OPENAI_API_KEY": "sek\nret"})

    assert "OPENAI_API_KEY" in error.value.message
    assert "sek" not in error.value.message


def test_a_presets_key_does_not_go_to_another_address(tmp_path: Path) -> None:
    """Only a key that the file names does."""
    model = _open(tmp_path, _spec("openai:m", url="http://10.0.0.1/v1"), {"OPENAI_API_KEY": "sekret"})

    assert "sekret" not in str(vars(model))


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (_spec("llamacpp:x", url="http://127.0.0.1"), "takes no `url`"),
        (_spec("scripted:x", serve=["x"]), "takes no `serve`"),
        (_spec("openai:m", where="local"), "not on this machine"),
        (_spec("ollama:m-cloud", where="local"), "not on this machine"),
        (_spec("vllm:m", url="http://gpu.example/v1", serve=["x"]), "not on it"),
        (_spec("transformers:m", params={"min_p": 0.1}), "takes no parameter 'min_p'"),
        (_spec("vllm:m", url="nonsense://"), "no address"),
    ],
    ids=lambda value: value.use if isinstance(value, ModelSpec) else value,
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, spec: ModelSpec, says: str) -> None:
    """Before anything is started."""
    with pytest.raises(UsageError, match=says):
        _open(tmp_path, spec)


@pytest.mark.parametrize(
    ("host", "url"),
    [("", "http://127.0.0.1:11434"), ("0.0.0.0", "http://127.0.0.1:11434"), (":11500", "http://127.0.0.1:11500"),
     ("127.0.0.1:80", "http://127.0.0.1:80"), ("http://localhost:11500/", "http://localhost:11500"), ("[::]:9", "http://127.0.0.1:9")],
)  # fmt: skip
def test_the_environment_may_move_ollamas_port(tmp_path: Path, host: str, url: str) -> None:
    """What it listens on is reached through loopback."""
    model: Any = _open(tmp_path, _spec("ollama:m"), {"OLLAMA_HOST": host, "OLLAMA_NUM_PARALLEL": "3"})

    assert model.server.where == url
    assert model.slots == 3


def test_the_environment_may_not_move_ollama_off_the_machine(tmp_path: Path) -> None:
    """The file says where prompts go."""
    with pytest.raises(UsageError, match=r"OLLAMA_HOST is gpu\.example"):
        _open(tmp_path, _spec("ollama:m"), {"OLLAMA_HOST": "gpu.example"})
