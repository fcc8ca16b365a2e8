"""What a server or its connection did wrong, as a ProviderError. The texts servers send are data: clipped, one line.

Knows HTTP and the words of the servers, no client library: exceptions are told by the names of their classes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from orchestrator.errors import PrivacyError, ProviderError

SHOWN = 300
"""Characters of a server's own words that an error shows."""

_OVERFLOW = re.compile(
    r"context[_ ](length|size|window)|maximum context|exceed\w*[_ ](the )?(available )?context|"
    r"input length exceeds|prompt is too long|too many tokens|context the overflows",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"model\b.*\b(not found|does not exist|not exist|unknown)|model_not_found", re.IGNORECASE
)


class Loading(ProviderError):
    """A server that is there and has no weights yet."""


def protocol(where: str, what: str) -> ProviderError:
    """The server at `where` did not keep to its protocol."""
    return ProviderError(
        "protocol", f"{where} {what}", hint="check that `url` is the address of a model server, and its log"
    )


def of_status(
    status: int, body: str, headers: Mapping[str, str], where: str, *, now: datetime | None = None
) -> ProviderError:
    """The fault that an HTTP status other than 2xx means."""
    said, details = _said(body)
    words = f": {said}" if said else ""
    if status in (401, 403):
        return ProviderError(
            "auth",
            f"{where} refuses the credentials (HTTP {status})",
            hint="check the key that `key: env.NAME` names",
        )
    if status == 429:
        return ProviderError(
            "rate_limited",
            f"{where} is asked too often (HTTP 429){words}",
            hint="wait, or lower `parallel` of the step",
            retry_after=retry_after(headers.get("retry-after"), now=now),
        )
    if status == 503 and said == "Loading model":  # llama.cpp's server, from its first moment on
        return Loading("server", f"{where} is still loading its model", hint="wait until it is ready")
    if status >= 500:
        wait = retry_after(headers.get("retry-after"), now=now)
        return ProviderError(
            "server", f"{where} failed (HTTP {status}){words}", hint="see the server's log", retry_after=wait
        )
    if is_overflow(said, details):
        return overflow(where, said, details)
    if status == 404 and (_NO_MODEL.search(said) or _NO_MODEL.search(str(details.get("code", "")))):
        return ProviderError("not_found", f"{where} has no such model{words}")
    if 300 <= status < 400:
        return redirected(where, headers.get("location", ""))
    hint = "check `url`: most servers want it to end in /v1" if status in (404, 405) else ""
    return ProviderError("refused", f"{where} refuses the request (HTTP {status}){words}", hint=hint)


def of_body(error: Any, where: str) -> ProviderError:
    """The fault that an `error` inside a stream means."""
    code = error.get("code") if isinstance(error, Mapping) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 0
    body = json.dumps({"error": error})
    said, details = _said(body)
    if is_overflow(said, details):
        return overflow(where, said, details)
    return of_status(status or 500, body, {}, where)


def of_exception(error: BaseException, where: str) -> ProviderError:
    """The fault that an exception of an HTTP library or an SDK means; ours inside one comes out again.

    Raises PrivacyError when that is what an SDK took for a fault of the network.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ProviderError):
            return seen
        if isinstance(seen, PrivacyError):
            raise seen
        known = _of_class(seen, where)
        if known is not None:
            return known
        seen = seen.__cause__ or seen.__context__
    return protocol(where, f"broke off: {clip(str(error)) or type(error).__name__}")


def _of_class(error: BaseException, where: str) -> ProviderError | None:
    names = {kind.__name__ for kind in type(error).__mro__}
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return ProviderError(
            "refused",
            f"the certificate of {where} is not trusted: {clip(str(error))}",
            hint="check `url`; a certificate authority of your own goes into SSL_CERT_FILE",
        )
    if names & {"ConnectError", "ConnectTimeout", "ProxyError", "PoolTimeout", "ConnectionRefusedError"}:
        return ProviderError(
            "unreachable", f"nothing answers at {where}", hint="start the server, or check `url`"
        )
    if "UnsupportedProtocol" in names or "InvalidURL" in names:
        return ProviderError("refused", f"{where} is no http address", hint="check `url`")
    if names & {"ReadError", "WriteError", "CloseError", "RemoteProtocolError", "LocalProtocolError"}:
        return protocol(where, f"broke off: {clip(str(error)) or 'the connection was reset'}")
    if names & {"JSONDecodeError", "UnicodeDecodeError", "DecodingError"}:
        return protocol(where, "sent an answer that is no JSON")
    return None


def redirected(where: str, location: str) -> ProviderError:
    return ProviderError(
        "refused",
        f"{where} redirects to {clip(location) or 'another address'}; redirects are not followed",
        hint="put the final address into `url`",
    )


def is_overflow(said: str, details: Mapping[str, Any]) -> bool:
    kind = f"{details.get('type', '')} {details.get('code', '')}"
    return "exceed_context" in kind or "context_length" in kind or bool(_OVERFLOW.search(said))


def overflow(where: str, said: str, details: Mapping[str, Any]) -> ProviderError:
    """The request does not fit; names the sizes where the server does."""
    prompt, context = details.get("n_prompt_tokens"), details.get("n_ctx")
    if prompt and context:
        what = f"the prompt takes {prompt} tokens, but the model holds {context}"
    else:
        what = f"the request does not fit the model's context: {said}"
    return ProviderError(
        "overflow", f"{where}: {what}", hint="shorten the prompt, or give the model more `context`"
    )


def retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks for, as a number or a date."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def clip(text: str) -> str:
    """A server's words on one line, not too many of them."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


def _said(body: str) -> tuple[str, Mapping[str, Any]]:
    """The message in an error body, and the map it stands in."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return ("" if body.lstrip().startswith("<") else clip(body)), {}
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    error = value.get("error", value) if isinstance(value, Mapping) else value
    if isinstance(error, Mapping):
        return clip(str(error.get("message") or error.get("detail") or "")), error
    return clip(str(error)), {}
