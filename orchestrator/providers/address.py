"""Addresses of model servers, taken apart and judged as they are written. Resolves nothing, connects to nothing."""

from __future__ import annotations

from urllib.parse import urlsplit

from orchestrator.errors import UsageError
from orchestrator.light import light


@light(frozen=True, slots=True)
class Place:
    """An http address taken apart; `url` has no slash at its end."""

    url: str
    scheme: str
    host: str
    port: int

    @property
    def root(self) -> str:
        """The address without its path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def place_of(url: str) -> Place:
    """The parts of a model server's address. Raises UsageError."""
    text = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(text.rstrip("/"))
        port = parts.port
    except ValueError as error:
        raise UsageError(f"'{url}' is no address of a server: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"'{url}' is no address of a server", hint="write http://127.0.0.1:8080/v1")
    if parts.username or parts.password:
        raise UsageError("an address holds no credentials", hint="write `key: env.NAME`")
    if parts.query or parts.fragment:
        raise UsageError(f"'{url}': an address has no ? or # part")
    return Place(
        parts.geturl(), parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80)
    )


def is_loopback(url: str) -> bool:
    """Whether the address is on this machine, as it is written: no name but `localhost` is believed."""
    host = place_of(url).host
    return host == "localhost" or host.endswith(".localhost") or is_loopback_address(host)


def is_loopback_address(host: str) -> bool:
    """Whether this is the number of an address on this machine."""
    import ipaddress

    try:
        address = ipaddress.ip_address(host.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
