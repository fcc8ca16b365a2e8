"""A secret that a tool or a model writes otherwise: in base64, hex, percent signs, backwards; and what is not found."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.events import encode
from orchestrator.policy.encoded import SHORTEST
from orchestrator.policy.secrets import Masked, Secrets
from tests.privacy.harness import play

KEY = "sk-Zürich/9+7 b?c=d&e"
WRITINGS = {
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 of a header": base64.b64encode(f"user:{KEY}".encode()).decode(),
    "base64 inside": base64.b64encode(f"a={KEY};b=1".encode()).decode(),
    "base64 of addresses": base64.urlsafe_b64encode(f"{{'k': '{KEY}'}}".encode()).decode().rstrip("="),
    "hex": KEY.encode().hex(),
    "HEX": binascii.hexlify(KEY.encode()).decode().upper(),
    "percent": quote(KEY, safe=""),
    "small percent": quote(KEY, safe="").replace("%2F", "%2f").replace("%3D", "%3d").replace("%C3%BC", "%c3%bc")
    .replace("%2B", "%2b").replace("%3F", "%3f"),
    "a form": quote_plus(KEY),
    "all percent": "".join(f"%{byte:02x}" for byte in KEY.encode()),
    "backwards": KEY[::-1],
    "blanks around it": f"  {KEY}\n",
}  # fmt: skip


def is_told(text: str) -> bool:
    """Whether the key can be read out of a text, written in any of these ways."""
    return any(writing.strip() in text for writing in (*WRITINGS.values(), KEY))


@pytest.mark.parametrize("writing", WRITINGS)
def test_a_model_that_writes_a_secret_otherwise_tells_nobody(tmp_path: Path, writing: str) -> None:
    """Not the record, not the screen, not the cache."""
    said: list[str] = []
    cache: dict[str, object] = {}
    secrets = Secrets.of({"KEY": KEY})

    played = play(
        tmp_path,
        "steps: {a: {agent: writer, prompt: hi, output: {t: string(999)}}}",
        lambda _: {"t": f"It is {WRITINGS[writing]} you see"},
        secrets=secrets,
        live=Masked(secrets, lambda _, text: said.append(text)),
        cache=cache,
    )

    record = "".join(encode(event) for event in played.events)
    assert "[env.KEY]" in record
    assert not is_told(record)
    assert not is_told("".join(said))
    assert cache == {}


@given(
    st.text("abcXYZ019-_/+ü", min_size=SHORTEST, max_size=40), st.binary(max_size=7), st.binary(max_size=7)
)
def test_bytes_around_a_secret_hide_it_from_nobody(secret: str, before: bytes, after: bytes) -> None:
    """Base64 looks otherwise with each byte before it."""
    secrets = Secrets.of({"KEY": secret})
    data = before + secret.encode() + after

    for text in (base64.b64encode(data), base64.urlsafe_b64encode(data), data.hex().encode()):
        assert secrets.found([text.decode()]) == "[env.KEY]"


def test_a_short_value_is_looked_for_as_it_is_only() -> None:
    """Its writings would be found in texts that have nothing to do with it."""
    secrets = Secrets.of({"CITY": "Lima"})

    assert secrets.clean("Lima amiL 4c696d61 TGltYQ==") == "[env.CITY] amiL 4c696d61 TGltYQ=="


def test_what_is_not_found_is_what_the_documentation_says() -> None:
    """Split, in another case, packed twice: labels and `keep:` are for these."""
    secrets = Secrets.of({"KEY": "abcdefghij"})
    twice = base64.b64encode(base64.b64encode(b"abcdefghij")).decode()

    assert [secrets.found([text]) for text in ("abcde fghij", "ABCDEFGHIJ", twice)] == [None, None, None]
