"""The guarded HTTP layer under every provider: where a request may go and what may come back.

The same rules for both HTTP libraries that the SDKs bring (the library comes in as `lib`):
the address is resolved once, checked, and then connected to; no redirect is followed; an environment proxy is used
for clouds only; no header goes out that an SDK took from the environment, and the key is put in here; an answer has the type that was asked for, is not compressed and not larger than `MOST` bytes.
Deadlines and retries are not here but in `tries`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import ModuleType
from typing import Any

from orchestrator.errors import PrivacyError, ProviderError
from orchestrator.providers.address import Place, is_loopback, is_loopback_address
from orchestrator.providers.faults import of_status, protocol, redirected

MOST = 16 * 1024 * 1024
"""Bytes of one answer, at most."""
ERROR = 64 * 1024
"""Bytes of an error's body that are read."""
_SENT = frozenset(
    ("host", "accept", "accept-encoding", "content-type", "content-length", "transfer-encoding", "connection",
     "user-agent"),
)  # fmt: skip
Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Finds the addresses of a host, as numbers. Raises OSError where there are none."""
_JSON_TYPES = ("application/json", "application/x-ndjson", "application/problem+json")


async def look_up(host: str, port: int) -> Sequence[str]:
    """What the system says: /etc/hosts, then the name servers."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


async def resolve(place: Place, *, loopback: bool, lookup: Lookup = look_up) -> tuple[str, ...]:
    """The addresses of a host, IPv4 first. Raises PrivacyError when one of them should be on this machine but is not."""
    try:
        found = await lookup(place.host, place.port)
    except OSError as error:
        raise ProviderError(
            "unreachable",
            f"no address is known for {place.host}: {error.strerror}",
            hint="check `url` and the network",
        ) from None
    addresses = sorted(dict.fromkeys(found), key=lambda text: ":" in text)
    strange = next((text for text in addresses if not is_loopback_address(text)), None)
    if loopback and strange is not None:
        raise PrivacyError(
            f"{place.url} should be on this machine, but {place.host} leads to {strange}",
            hint="check /etc/hosts, or write 127.0.0.1",
        )
    return tuple(addresses)


def proxy_of(place: Place) -> str | None:
    """The proxy that the environment names for an address off this machine."""
    from urllib.request import getproxies, proxy_bypass

    if is_loopback(place.url) or proxy_bypass(f"{place.host}:{place.port}"):
        return None
    proxies = getproxies()
    return proxies.get(place.scheme) or proxies.get("all")


def transport(
    lib: ModuleType,
    place: Place,
    *,
    key: str = "",
    most: int = MOST,
    lookup: Lookup = look_up,
    also: tuple[str, ...] = (),
    judged: bool = True,
) -> Any:
    """A transport of `httpx` or `httpx2` that keeps the rules, for one place. `key` is sent as a bearer token.

    `also` are beginnings of headers that go out as well. Where a status and a content type are read by somebody who
    knows what they mean, they are not `judged` here.
    """
    loopback = is_loopback(place.url)
    proxy = proxy_of(place)
    inner = lib.AsyncHTTPTransport(
        verify=True if place.scheme == "https" or proxy else _no_certificates(),
        trust_env=True,  # of the environment only SSL_CERT_FILE and SSL_CERT_DIR; the proxy is chosen above
        proxy=proxy,
        limits=lib.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=30.0),
    )
    return _Guarded(
        lib,
        inner,
        place,
        key=key,
        pinned=proxy is None,
        loopback=loopback,
        most=most,
        lookup=lookup,
        also=also,
        judged=judged,
    )


def _no_certificates() -> Any:
    """A bare TLS context, which trusts nobody: loading the certificate store costs 20 ms and plain http needs none."""
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client(
    lib: ModuleType,
    place: Place,
    *,
    key: str = "",
    connect: float = 10.0,
    most: int = MOST,
    lookup: Lookup = look_up,
    also: tuple[str, ...] = (),
    judged: bool = True,
) -> Any:
    """An AsyncClient of `httpx` or `httpx2` on the guarded transport; silence is timed outside, see `tries`."""
    return lib.AsyncClient(
        base_url=place.url,
        transport=transport(lib, place, key=key, most=most, lookup=lookup, also=also, judged=judged),
        timeout=lib.Timeout(None, connect=connect),
        headers={"Accept-Encoding": "identity"},
        follow_redirects=False,
        trust_env=False,
    )


class _Guarded:
    """Sends to the checked address only and looks at what comes back, before anybody parses it."""

    def __init__(
        self,
        lib: Any,
        inner: Any,
        place: Place,
        *,
        key: str,
        pinned: bool,
        loopback: bool,
        most: int,
        lookup: Lookup,
        also: tuple[str, ...] = (),
        judged: bool = True,
    ) -> None:
        self._lib = lib
        self._inner = inner
        self._place = place
        self._key = key
        self._pinned = pinned
        self._loopback = loopback
        self._most = most
        self._lookup = lookup
        self._also = also
        self._judged = judged
        self._addresses: Sequence[str] = ()
        self._stream = _stream_class(lib)

    async def handle_async_request(self, request: Any) -> Any:
        if _aim(request.url) != (self._place.scheme, self._place.host, self._place.port):
            raise ProviderError("refused", f"a request to {request.url.host} on the way to {self._place.url}")
        if self._pinned:
            response = await self._send(request)
        else:
            response = await self._inner.handle_async_request(self._aimed(request, self._place.host))
        response.stream = self._stream(response.stream, self._most, self._place.url)
        try:
            await _check(response, request, self._place.url, judged=self._judged)
        except ProviderError:
            await response.aclose()
            raise
        return response

    async def _send(self, request: Any) -> Any:
        """To the first address that answers; it stays the first from then on.

        When none answers any more the name is looked up, and checked, again: a server may have moved.
        """
        if not self._addresses:
            self._addresses = await resolve(self._place, loopback=self._loopback, lookup=self._lookup)
        *before, last = addresses = self._addresses
        for address in before:
            try:
                response = await self._inner.handle_async_request(self._aimed(request, address))
            except (self._lib.ConnectError, self._lib.ConnectTimeout):
                continue
            self._addresses = (address, *(other for other in addresses if other != address))
            return response
        try:
            return await self._inner.handle_async_request(self._aimed(request, last))
        except (self._lib.ConnectError, self._lib.ConnectTimeout):
            self._addresses = ()
            raise

    def _aimed(self, request: Any, address: str) -> Any:
        """The same request to an address; the Host header and the certificate's name stay what was written."""
        headers = [
            (name, value)
            for name, value in request.headers.multi_items()
            if name.lower() in _SENT or (self._also and name.lower().startswith(self._also))
        ]
        if self._key:
            headers.append(("authorization", f"Bearer {self._key}"))
        return self._lib.Request(
            method=request.method,
            url=request.url.copy_with(host=address),
            headers=headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": self._place.host},
        )

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __aenter__(self) -> _Guarded:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._inner.__aexit__(*error)


def _aim(url: Any) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


async def _check(response: Any, request: Any, where: str, *, judged: bool) -> None:
    """Raise what a status or a content type means, before an SDK makes something else of it."""
    if judged and 300 <= response.status_code < 400:
        raise redirected(where, response.headers.get("location", ""))
    if judged and response.status_code >= 400:
        raise of_status(response.status_code, await _beginning(response), response.headers, where)
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise protocol(where, f"sent a compressed answer ({encoding}) that nobody asked for")
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    wanted = request.headers.get("accept", "").split(";")[0].strip().lower()
    if judged and kind and not _is_of(kind, wanted):
        raise protocol(where, f"answers with {kind}, not with {wanted}")


async def _beginning(response: Any) -> str:
    """The first part of an error's body; more than that explains nothing."""
    body = b""
    async for part in response.stream:
        body += part
        if len(body) > ERROR:
            break
    return body[:ERROR].decode("utf-8", "replace")


def _is_of(kind: str, wanted: str) -> bool:
    match wanted:
        case "text/event-stream":
            return kind == wanted
        case "application/json":
            return kind in _JSON_TYPES
        case _:
            return kind != "text/html"


def _stream_class(lib: Any) -> Any:
    """The body of an answer that stops at its size limit, as this library's kind of stream."""

    class Capped(lib.AsyncByteStream):  # type: ignore[misc] # the library comes in as a value
        def __init__(self, inner: Any, most: int, where: str) -> None:
            self._inner = inner
            self._most = most
            self._where = where

        async def __aiter__(self) -> AsyncIterator[bytes]:
            left = self._most
            async for part in self._inner:
                left -= len(part)
                if left < 0:
                    raise protocol(self._where, f"sent more than {self._most} bytes in one answer")
                yield part

        async def aclose(self) -> None:
            await self._inner.aclose()

    return Capped
