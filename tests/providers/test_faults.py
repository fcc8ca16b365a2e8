"""What servers say when they fail, and what a person reads."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from orchestrator.providers.faults import SHOWN, of_body, of_exception, of_status, retry_after

WHERE = "http://127.0.0.1:8080/v1"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"error": {"message": "the request exceeds the available context size", "n_prompt_tokens": 9, "n_ctx": 4}},
         "takes 9 tokens, but the model holds 4"),
        ({"error": {"message": "x", "code": "context_length_exceeded"}}, "does not fit"),
        ({"message": "This model's maximum context length is 4096 tokens. However, you requested 5000"}, "4096"),
        ({"error": "Trying to keep the first 5000 tokens when context the overflows."}, "does not fit"),
        ({"error": "input length exceeds the context length"}, "does not fit"),
        ([{"error": {"message": "prompt is too long: 9 tokens > 4 maximum"}}], "too long"),
    ],
)  # fmt: skip
def test_an_overflow_is_told_in_every_dialect(body: object, says: str) -> None:
    """llama-server, OpenAI, vLLM, LM Studio, Ollama, Anthropic."""
    error = of_status(400, json.dumps(body), {}, WHERE)

    assert error.kind == "overflow"
    assert says in error.message


def test_a_message_about_a_length_of_something_else_is_no_overflow() -> None:
    """Only the context counts."""
    assert of_status(400, '{"error": "stop has a bad length"}', {}, WHERE).kind == "refused"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "auth"), (403, "auth"), (404, "refused"), (408, "refused"), (429, "rate_limited"), (500, "server"),
     (502, "server"), (503, "server"), (504, "server"), (529, "server"), (418, "refused")],
)  # fmt: skip
def test_a_status_has_a_kind(status: int, kind: str) -> None:
    """404 without a word about a model is a wrong address."""
    error = of_status(status, "<html>nope</html>", {}, WHERE)

    assert error.kind == kind
    assert "<html>" not in error.message
    assert str(status) in error.message


def test_a_long_message_is_clipped_and_put_on_one_line() -> None:
    """A server's words are data."""
    error = of_status(400, json.dumps({"error": {"message": "a\n" * 9999}}), {}, WHERE)

    assert "\n" not in error.message
    assert len(error.message) < SHOWN + 100


def test_an_error_inside_a_stream_keeps_its_code() -> None:
    """And without one it is the server's fault."""
    assert of_body({"message": "slow down", "code": 429}, WHERE).kind == "rate_limited"
    assert of_body("dead", WHERE).kind == "server"
    assert of_body({"message": "x", "type": "exceed_context_size_error"}, WHERE).kind == "overflow"


def test_retry_after_is_seconds_or_a_date() -> None:
    """Anything else is nothing."""
    now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)

    assert retry_after("1.5") == 1.5
    assert retry_after("-4") == 0.0
    assert retry_after("Thu, 01 Jan 2026 12:00:30 GMT", now=now) == 30.0
    assert retry_after("Thu, 01 Jan 2026 11:00:00 GMT", now=now) == 0.0
    assert retry_after("soon") is None
    assert retry_after(None) is None
    assert retry_after("nan") is None
    assert retry_after("inf") is None


def test_an_unknown_exception_is_a_broken_protocol() -> None:
    """Nothing goes through untyped."""
    error = of_exception(RuntimeError("odd"), WHERE)

    assert error.kind == "protocol"
    assert "odd" in error.message


def test_a_certificate_that_is_not_trusted_is_told() -> None:
    """It is not as if nobody answered, and asking again does not help."""
    cause = OSError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch")
    error = of_exception(cause, "https://models.example/v1")

    assert error.kind == "refused"
    assert "Hostname mismatch" in error.message
    assert "SSL_CERT_FILE" in error.hint
