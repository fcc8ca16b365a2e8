"""What a model costs: the file's own price, the price list, or nothing on this machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from orchestrator.money import DOLLAR, Price, cost, nano, shown
from orchestrator.pricelist import listed, listed_name, near, price_of
from orchestrator.spec.model import ModelSpec


def test_a_model_of_the_list_costs_what_the_list_says() -> None:
    """A known cloud model has a price for both directions, and says where it is from."""
    price = price_of(ModelSpec(use="openai:gpt-5-mini"), local=False)

    assert price is not None
    assert 0 < price.input < price.output
    assert price.origin.startswith("genai-prices ")


def test_what_the_file_says_wins() -> None:
    """A stated price replaces the list's, also for a model on this machine."""
    spec = ModelSpec(use="openai:gpt-5-mini", price={"input": 1, "output": 2})

    assert price_of(spec, local=False) == Price(1, 2)
    assert price_of(ModelSpec(use="ollama:x", price={"hour": 0.5}), local=True) == Price(hour=0.5)


def test_a_local_model_is_free() -> None:
    """Also one whose name the list knows."""
    price = price_of(ModelSpec(use="ollama:gpt-5-mini"), local=True)

    assert price is not None
    assert (price.input, price.output, price.hour) == (0, 0, 0)


def test_nobody_knows_the_price_of_an_unknown_model() -> None:
    """None, not zero: an unknown price must not look like a free one."""
    assert price_of(ModelSpec(use="openai:no-such-model"), local=False) is None
    assert listed("gpt-5-mini", "groq") is None


def test_a_server_of_ones_own_costs_what_the_models_usual_provider_takes() -> None:
    """A test server that plays a cloud under the name of a real model has its price."""
    assert listed("gpt-5-mini", "vllm") == listed("gpt-5-mini", "openai")


def test_providers_are_found_under_their_name_in_the_list() -> None:
    """Gemini is Google's there."""
    assert listed_name("gemini:gemini-2.5-flash") == "google:gemini-2.5-flash"
    assert any(name.endswith("gpt-5-mini") for name in near("gpt5-mini"))


def test_the_list_is_imported_only_when_asked_for() -> None:
    """It takes longer than `orch --help` may."""
    code = "import orchestrator.pricelist, sys; sys.exit('genai_prices' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("prompt", "completion", "cached", "expected"),
    [
        (0, 0, 0, 0),
        (1, 0, 0, 250),
        (0, 1, 0, 2000),
        (1_000_000, 0, 0, DOLLAR // 4),
        (10, 0, 10, 250),
        (3, 1, 1, 2525),
    ],
)
def test_a_cost_is_exact_in_nano_dollars(prompt: int, completion: int, cached: int, expected: int) -> None:
    """One token at $0.25 per million is 250 nano-dollars; warm tokens cost a tenth here."""
    assert cost(Price(0.25, 2.0, 0.025), prompt, completion, cached=cached) == expected


def test_an_hour_of_a_local_machine_has_its_price() -> None:
    """36 seconds at a dollar an hour are a cent."""
    assert cost(Price(hour=1), 5, 5, seconds=36) == nano(0.01)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0"),
        (nano(0.5), "$0.50"),
        (nano(1234.5), "$1,234.50"),
        (nano(0.0123), "$0.012"),
        (45, "$0.000000045"),
    ],
)
def test_amounts_read_well(amount: int, text: str) -> None:
    """At least two figures that count."""
    assert shown(amount) == text
