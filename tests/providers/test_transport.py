"""Where a request may go: addresses, names, loopback."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.errors import PrivacyError, ProviderError, UsageError
from orchestrator.providers.address import Place, is_loopback, place_of
from orchestrator.providers.chat import ChatServer
from orchestrator.providers.transport import proxy_of, resolve
from tests.providers.loopback import Exchange, Loopback


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080/v1", "http://localhost:1", "127.0.0.1:11434", "http://[::1]:80", "http://127.9.9.9/",
     "http://[::ffff:127.0.0.1]", "http://api.localhost", "https://LOCALHOST/v1/"],
)  # fmt: skip
def test_these_are_on_this_machine(url: str) -> None:
    """As they are written."""
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1", "https://api.openai.com/v1", "http://localhost.example.com", "http://0.0.0.0:80",
     "http://127.0.0.1.example.com", "http://[fe80::1]", "http://2130706433", "http://127.1"],
)  # fmt: skip
def test_these_are_not(url: str) -> None:
    """No name and no odd spelling is believed."""
    assert not is_loopback(url)


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://x:99999", "http://user:pw@x", "http://x/?a=1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    """And credentials in one do not show."""
    with pytest.raises(UsageError) as error:
        place_of(url)

    assert "pw" not in error.value.message


def test_an_address_is_taken_apart() -> None:
    """The slash at the end goes, the port comes."""
    assert place_of("https://api.example.com/v1/") == Place(
        "https://api.example.com/v1", "https", "api.example.com", 443
    )
    assert place_of("http://[::1]:8080/v1").root == "http://[::1]:8080"


def test_a_local_name_that_leads_elsewhere_is_refused() -> None:
    """Whatever the name says."""
    with pytest.raises(PrivacyError, match=r"10\.0\.0\.1"):
        asyncio.run(resolve(Place("http://10.0.0.1:1", "http", "10.0.0.1", 1), loopback=True))


def test_a_name_without_an_address_is_unreachable() -> None:
    """The name is in the message."""
    with pytest.raises(ProviderError, match=r"nowhere\.invalid") as error:
        asyncio.run(resolve(place_of("http://nowhere.invalid"), loopback=False))

    assert error.value.kind == "unreachable"


def test_localhost_is_reached_and_named_in_the_request() -> None:
    """The connection goes to the checked address, the Host header keeps the name."""

    async def hello(exchange: Exchange) -> None:
        await exchange.send_json({"hello": 1})

    async def act() -> str:
        async with Loopback({"/x": hello}) as server:
            client = ChatServer(f"http://localhost:{server.port}", model="m")
            assert await client.get("/x") == {"hello": 1}
            await client.close()
            return server.seen[0].headers["host"]

    assert asyncio.run(act()).startswith("localhost:")


def test_a_proxy_is_for_clouds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """And `no_proxy` is honoured."""
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")

    assert proxy_of(place_of("https://api.example.com")) == "http://proxy.example:3128"
    assert proxy_of(place_of("https://inside.example")) is None
    assert proxy_of(place_of("https://127.0.0.1")) is None
