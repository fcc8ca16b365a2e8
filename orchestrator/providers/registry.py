"""From a model's entry in the file to the provider that answers for it. Providers are imported when one is opened.

Also the one place that says, from the file alone and before anything runs, whether a model is on this machine.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from orchestrator.errors import CredentialsMissing, UsageError
from orchestrator.light import light
from orchestrator.providers.address import is_loopback, place_of
from orchestrator.providers.presets import PRESETS, Preset, preset_for

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.ports import Model
    from orchestrator.spec.model import ModelSpec

OWN = ("llamacpp", "ollama", "scripted")
PROVIDERS = (*OWN, *PRESETS)
OLLAMA_URL = "http://127.0.0.1:11434"
SAMPLING = ("temperature", "top_p", "top_k", "min_p", "seed", "repeat_penalty", "stop")
"""The sampling parameters of the language; `max_tokens` beside them is the bound of the answer."""


@light(frozen=True, slots=True)
class Description:
    """What the file says about a model: facts for `plan` and `doctor`, nothing was asked."""

    provider: str
    model: str
    title: str
    url: str
    cloud: bool
    key: str
    """The variable its key comes from; empty when it needs none."""
    constrained: Literal["grammar", "json", "no"]
    """Whether the server can be made to keep to a schema; validated is every answer."""
    params: tuple[str, ...]
    """The sampling parameters it takes."""


def provider_of(ref: str) -> tuple[str, str]:
    """The two halves of `provider:model`. Raises UsageError for an unknown provider."""
    provider, colon, model = ref.partition(":")
    if not colon or not model:
        raise UsageError(f"'{ref}' names no model", hint="write provider:model, like ollama:llama3.2:3b")
    if provider not in PROVIDERS:
        near = get_close_matches(provider, PROVIDERS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"providers are {', '.join(PROVIDERS)}"
        raise UsageError(f"'{ref}': there is no provider '{provider}'", hint=hint)
    return provider, model


def is_cloud(spec: ModelSpec) -> bool:
    """Whether a model is off this machine, as far as the file can tell; when in doubt it is. Raises UsageError."""
    provider, model = provider_of(spec.use)
    if spec.where == "cloud":
        return True
    match provider:
        case "llamacpp" | "scripted":
            return False
        case "ollama":
            forwarded = model.endswith(("-cloud", ":cloud"))
            return forwarded or not is_loopback(spec.url or OLLAMA_URL)
        case _:
            preset = preset_for(provider, spec.url)
            here = is_loopback(spec.url or preset.url)
            return not here or not (preset.local or spec.where == "local")


def describe(spec: ModelSpec) -> Description:
    """What is known of a model without asking anybody. Raises UsageError."""
    provider, model = provider_of(spec.use)
    if provider in OWN:
        url = (spec.url or OLLAMA_URL) if provider == "ollama" else ""
        title = {"llamacpp": "embedded", "ollama": "Ollama", "scripted": "a script"}[provider]
        params = () if provider == "scripted" else SAMPLING
        return Description(
            provider, model, title, url, is_cloud(spec), _key_name(spec, None), "grammar", params
        )
    preset = preset_for(provider, spec.url)
    constrained: Mapping[str, Literal["grammar", "json", "no"]] = {"json": "json", "none": "no"}
    return Description(
        provider=provider,
        model=model,
        title=preset.title,
        url=spec.url or preset.url,
        cloud=is_cloud(spec),
        key=_key_name(spec, preset),
        constrained=constrained.get(preset.schema, "grammar"),
        params=tuple(preset.params),
    )


def key_of(spec: ModelSpec) -> str:
    """The variable that its key comes from; empty when it needs none. Raises UsageError."""
    provider, _ = provider_of(spec.use)
    return _key_name(spec, None if provider in OWN else preset_for(provider, spec.url))


def secret_of(name: str, spec: ModelSpec, environ: Mapping[str, str]) -> str:
    """Its key from the environment; empty when it needs none. Raises CredentialsMissing."""
    return _key(name, key_of(spec), environ)


def open_model(
    name: str, spec: ModelSpec, *, environ: Mapping[str, str], config: Config, base: Path
) -> Model:
    """The model behind an entry, not yet prepared. `base` is the folder of the file that says so.

    Where nothing may leave the machine (`config.offline`), one that is off it is withheld: calls fail, nothing is sent.
    Raises UsageError for what the file says wrong, CredentialsMissing for a key that the environment does not hold.
    """
    provider, model = provider_of(spec.use)
    _refuse_contradictions(name, spec, provider)
    if config.offline:
        from orchestrator.providers.withheld import OFFLINE, Withheld

        if is_cloud(spec):
            return Withheld(name, spec.use)
        environ = {**environ, **OFFLINE}
    match provider:
        case "llamacpp":
            from orchestrator.providers.llamacpp import LlamaCpp

            return LlamaCpp(name, spec, config=config, environ=environ, base=base)
        case "scripted":
            from orchestrator.providers.script import open_script

            return open_script(name, model, spec, base)
        case "ollama":
            return _served(name, spec, _ollama(name, model, spec, environ), "/api/version", environ, base)
        case _:
            return _served(
                name, spec, _openai(name, provider, model, spec, environ), "/models", environ, base
            )


# -------------------------------------------------------------------------------------------------- opening


def _ollama(name: str, model: str, spec: ModelSpec, environ: Mapping[str, str]) -> Any:
    from orchestrator.providers.machine import models_at_most
    from orchestrator.providers.ollama import OllamaModel

    cloud = is_cloud(spec)
    slots = environ.get("OLLAMA_NUM_PARALLEL", "")
    return OllamaModel(
        name,
        model,
        url=spec.url or ollama_here(environ),
        key=_key(name, _key_name(spec, None), environ),
        local=not cloud,
        context=spec.context,
        keep=spec.keep,
        slots=int(slots) if slots.isdigit() and int(slots) > 0 else 1,
        most=models_at_most(environ),
    )


def ollama_here(environ: Mapping[str, str]) -> str:
    """Where Ollama listens on this machine. OLLAMA_HOST may move its port, but no prompt off the machine."""
    stated = environ.get("OLLAMA_HOST", "").strip()
    if not stated:
        return OLLAMA_URL
    scheme, _, rest = stated.rpartition("://")
    rest = f"127.0.0.1{rest}" if rest.startswith(":") else rest
    place = place_of(f"{scheme or 'http'}://{rest}")
    # what a server listens on is reached through loopback
    host = "127.0.0.1" if place.host in ("0.0.0.0", "::") else place.host  # noqa: S104
    port = urlsplit(place.url).port or 11434
    url = f"{place.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    if not is_loopback(url):
        raise UsageError(
            f"OLLAMA_HOST is {stated}, which is not this machine, and the file does not say so",
            hint=f"write `url: {url}` for the model (it is a cloud then), or unset OLLAMA_HOST",
        )
    return url


def _openai(name: str, provider: str, model: str, spec: ModelSpec, environ: Mapping[str, str]) -> Any:
    from orchestrator.providers.openai import OpenAIModel

    preset = preset_for(provider, spec.url)
    unknown = next((p for p in spec.params if p != "max_tokens" and p not in preset.params), None)
    if unknown is not None:
        raise UsageError(
            f"model '{name}' ({spec.use}) takes no parameter '{unknown}'",
            hint=f"it takes max_tokens, {', '.join(preset.params)}",
        )
    return OpenAIModel(
        name,
        model,
        preset,
        provider=provider,
        url=spec.url or preset.url,
        key=_key(name, _key_name(spec, preset), environ),
        local=not is_cloud(spec),
        context=spec.context,
    )


def _served(
    name: str, spec: ModelSpec, model: Any, health: str, environ: Mapping[str, str], base: Path
) -> Model:
    """The model with its own server in front, when the file says how to start one."""
    if spec.serve is None:
        opened: Model = model
        return opened
    from orchestrator.providers.serve import LocalServer, ServedModel

    url = model.server.where
    if not is_loopback(url):
        raise UsageError(f"model '{name}': `serve` starts a server on this machine, but {url} is not on it")
    key = secret_of(name, spec, environ)
    return ServedModel(
        model,
        LocalServer(
            name, _found(spec.serve), url + health, environ=environ, folder=spec.folder or base, key=key
        ),
    )


def _found(command: Sequence[str]) -> tuple[str, ...]:
    """The command as it is started: `orch` is this very orch, whether or not it stands on the path."""
    if command[:1] == ("orch",):
        return (sys.executable, "-m", "orchestrator", *command[1:])
    return tuple(command)


def _refuse_contradictions(name: str, spec: ModelSpec, provider: str) -> None:
    if provider in ("llamacpp", "scripted"):
        wrong = next((key for key in ("url", "serve", "key") if getattr(spec, key) is not None), None)
        if wrong:
            raise UsageError(f"model '{name}': {provider} takes no `{wrong}`", hint="it needs no server")
    elif spec.where == "local" and is_cloud(spec):
        url = spec.url or (OLLAMA_URL if provider == "ollama" else preset_for(provider, None).url)
        raise UsageError(
            f"model '{name}': `where: local`, but {spec.use} at {url} is not on this machine",
            hint="use a model without `-cloud`: Ollama asks its own servers for these; or remove `where`"
            if provider == "ollama" and spec.use.endswith(("-cloud", ":cloud"))
            else "remove `where`, or give the address of a server on this machine",
        )


def _key_name(spec: ModelSpec, preset: Preset | None) -> str:
    """The variable of a key: the one that is written; else the preset's, but only for the preset's own address."""
    if spec.key is not None:
        return spec.key.removeprefix("env.")
    return preset.key if preset is not None and spec.url is None else ""


def _key(name: str, variable: str, environ: Mapping[str, str]) -> str:
    if not variable:
        return ""
    value = environ.get(variable, "").strip()
    if not value:
        raise CredentialsMissing(
            f"model '{name}' needs a key, but the environment holds no {variable}",
            hint=f"export {variable}=…",
        )
    if not value.isascii() or not value.isprintable():
        raise CredentialsMissing(f"{variable} is no key: it holds characters that no key has")
    return value
