"""What a model costs: what the file says, else the price list of genai-prices, which is read offline.

The list is imported when somebody asks (it takes 140 ms). Prices there can rise above a number of prompt tokens; the
base price counts here, and a bill above its reservation is an overrun like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

from orchestrator.money import FREE, Price

if TYPE_CHECKING:
    from orchestrator.spec.model import ModelSpec

_HOUSES = {"gemini": "google"}
"""Providers of the language whose name in the list is another one."""


def price_of(spec: ModelSpec, *, local: bool) -> Price | None:
    """The price of a model's entry; free on this machine unless it says otherwise, None when nobody knows."""
    if spec.price is not None:
        stated = spec.price
        return Price(stated.get("input", 0.0), stated.get("output", 0.0), hour=stated.get("hour", 0.0))
    if local:
        return FREE
    provider, _, model = spec.use.partition(":")
    return listed(model, provider)


def listed(model: str, provider: str = "") -> Price | None:
    """The price of a model in the list, by its name and the provider that bills it; None when it is not there.

    Of a provider that the list does not have (a server of one's own) the model's usual provider counts.
    """
    house = _HOUSES.get(provider, provider)
    found = _find(model, house if house in _houses() else "")
    return found[1] if found is not None else None


def listed_name(model: str) -> str | None:
    """The name that the list has for a model, `openai:gpt-5-mini`; None when it is not there."""
    provider, colon, name = model.partition(":")
    found = _find(name, _HOUSES.get(provider, provider)) if colon else None
    found = found or _find(model, "")
    return found[0] if found is not None else None


def near(model: str, most: int = 3) -> tuple[str, ...]:
    """Names in the list that look like this one."""
    names = {name.partition(":")[2]: name for name in names_listed()}
    return tuple(
        names[name] for name in get_close_matches(model.rpartition(":")[2], names, n=most, cutoff=0.5)
    )


@cache
def names_listed() -> tuple[str, ...]:
    """Every model of the list that has a price per token, as `provider:model`."""
    return tuple(_names())


def _names() -> Iterator[str]:
    for provider in _snapshot().providers:
        yield from (f"{provider.id}:{model.id}" for model in provider.models)


@cache
def _houses() -> frozenset[str]:
    return frozenset(provider.id for provider in _snapshot().providers)


@cache
def _find(model: str, house: str) -> tuple[str, Price] | None:
    try:
        provider, info = _snapshot().find_provider_model(model, None, house or None, None)
    except LookupError:
        return None
    from datetime import UTC, datetime

    prices = info.get_prices(datetime.now(UTC))
    read, written = _base(prices, "input_mtok"), _base(prices, "output_mtok")
    if read is None and written is None:
        return None
    cached = _base(prices, "cache_read_mtok")
    return f"{provider.id}:{info.id}", Price(read or 0.0, written or 0.0, cached, origin=_origin())


def _base(prices: Any, name: str) -> float | None:
    """A price per million tokens; of one that rises, the price below its first step."""
    found = getattr(prices, name, None)
    if found is None:
        return None
    return float(getattr(found, "base", found))


def _origin() -> str:
    import genai_prices

    return f"genai-prices {genai_prices.__version__}"


def _snapshot() -> Any:
    from genai_prices.data_snapshot import get_snapshot

    return get_snapshot()
