"""The gate in front of the socket."""

from __future__ import annotations

import pytest

from orchestrator.engine.egress import leaves, refusal
from orchestrator.labels import LEVELS, Flow, Label, Part, Source, above
from orchestrator.messages import Image, Message, ModelInfo
from orchestrator.policy.clearance import clearance_of
from orchestrator.policy.secrets import Secrets
from orchestrator.spec.model import ModelSpec

BODY = Source("scrub.prompt", "private", via=Source("ticket.body", "private"))


def cloud(endpoint: str = "https://api.example.com/v1", *, local: bool = False) -> ModelInfo:
    return ModelInfo("big", "openai:big", "openai", 8192, 4, local, endpoint=endpoint)


def spec(**keys: object) -> ModelSpec:
    return ModelSpec.model_validate({"use": "openai:big", **keys})


def flow(label: Label, name: str = "prompt") -> Flow:
    return Flow({name: Part(label, BODY), "role": Part("public")})


@pytest.mark.parametrize("label", LEVELS)
@pytest.mark.parametrize("clearance", LEVELS)
def test_a_part_goes_out_exactly_when_its_label_is_not_above_the_clearance(
    label: Label, clearance: Label
) -> None:
    """All sixteen pairs of a label and a clearance."""
    refused = refusal(flow(label), ["role", "prompt"], spec(clearance=clearance), cloud())

    assert (refused is not None) == above(label, clearance)


def test_off_this_machine_the_default_is_public_and_on_it_everything() -> None:
    """What nobody states is strict for clouds and free at home."""
    assert clearance_of(spec(), False) == "public"
    assert clearance_of(spec(), True) == "secret"
    assert clearance_of(spec(clearance="internal"), True) == "internal"


def test_the_sentence_names_step_part_label_sink_clearance_and_path() -> None:
    """Everything a person needs to find the leak."""
    refused = refusal(flow("private"), ["prompt"], spec(), cloud())

    assert refused is not None
    assert refused.sentence("expert") == (
        "'expert' may not send its prompt to 'big' at https://api.example.com/v1: "
        "it is private (ticket.body → scrub.prompt), and 'big' may see public"
    )
    assert refused.error("expert").exit_code == 6


def test_what_nobody_worked_out_is_refused() -> None:
    """No labels at all, and a part without a label: both stay here."""
    assert refusal(None, ["prompt"], spec(clearance="private"), cloud()) is not None
    assert refusal(flow("public"), ["prompt", "attic"], spec(clearance="private"), cloud()) is not None


def test_a_request_whose_parts_nobody_names_counts_with_all_it_may_hold() -> None:
    """An empty list of parts is no way around the gate."""
    assert refusal(flow("private"), [], spec(), cloud()) is not None
    assert refusal(flow("public"), [], spec(), cloud()) is None


def test_an_image_is_a_part_even_if_nobody_names_it() -> None:
    """The gate looks at the messages themselves."""
    message = Message("user", "what is this?", (Image(b"", "image/png"),))

    refused = refusal(flow("public"), ["prompt"], spec(), cloud(), messages=[message])

    assert refused is not None
    assert refused.part == "images"


def test_a_secret_is_refused_by_value_whatever_its_label_and_the_clearance_say() -> None:
    """A model may have copied it into an answer that counts as public."""
    secrets = Secrets.of({"TOKEN": "s3cr3t-value"})
    message = Message("user", 'the header was {"auth": "s3cr3t-value"}')

    refused = refusal(
        flow("public"), ["prompt"], spec(clearance="secret"), cloud(), messages=[message], secrets=secrets
    )

    assert refused is not None
    assert refused.secret == "[env.TOKEN]"
    assert "s3cr3t-value" not in refused.sentence("expert") + refused.hint


def test_a_local_model_reads_everything_unless_its_clearance_is_stated() -> None:
    """Privacy never stands in the way of what stays here."""
    here = cloud("http://127.0.0.1:8080", local=True)

    assert refusal(None, ["prompt"], spec(), here) is None
    assert refusal(flow("private"), ["prompt"], spec(clearance="internal"), here) is not None


@pytest.mark.parametrize(
    ("endpoint", "away"),
    [
        ("", False),
        ("http://127.0.0.1:11434", False),
        ("http://127.8.9.1:1/v1", False),
        ("http://[::1]:8080/v1", False),
        ("http://[::ffff:127.0.0.1]:8080/v1", False),
        ("http://localhost:8080", False),
        ("http://203.0.113.9:8080", True),
        ("http://0.0.0.0:8080", True),
        ("http://[::]:8080", True),
        ("http://10.0.0.1:8080", True),
        ("http://localhost.example.com", True),
        ("http://local", True),
        ("http://2130706433", True),
        ("::::", True),
    ],
)
def test_a_model_that_calls_itself_local_is_judged_by_the_address_it_reached(
    endpoint: str, away: bool
) -> None:
    """The endpoint decides, not the name and not the provider's word."""
    assert leaves(spec(where="local"), cloud(endpoint, local=True)) is away


def test_a_file_may_always_say_that_a_model_is_a_cloud() -> None:
    """`where: cloud` is stricter than any attestation."""
    assert leaves(spec(where="cloud"), cloud("http://127.0.0.1:1", local=True))
