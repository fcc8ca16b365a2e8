"""One question to a server on this machine, answered in JSON or not at all. Short; never raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LARGEST = 1 << 20
"""Bytes of an answer that are read."""


def ask(url: str, path: str, *, seconds: float, headers: Mapping[str, str] | None = None) -> Any:
    """What the server answers within so many seconds; None when it does not, or not in JSON."""
    import json
    from http.client import HTTPConnection, HTTPException
    from urllib.parse import urlsplit

    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=seconds)
    try:
        connection.request("GET", path, headers={"Accept": "application/json", **(headers or {})})
        return json.loads(connection.getresponse().read(LARGEST))
    except (OSError, HTTPException, ValueError, RecursionError):
        return None
    finally:
        connection.close()
