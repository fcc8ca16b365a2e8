"""What a confidence was worth when somebody measured it."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.messages import ModelInfo
from orchestrator.policy.calibration import Calibration, calibrated, identity, key, read_lock


def info(digest: str = "", ref: str = "vllm:some-model") -> ModelInfo:
    return ModelInfo("small", ref, ref.partition(":")[0], 4096, 1, True, digest=digest)


def measured(model: str, *risk: tuple[float, float]) -> Calibration:
    return Calibration(
        "sort", model, "sha256:t", "sha256:s", 300, risk or ((0.0, 0.5), (0.6, 0.25), (0.9, 0.01))
    )


@pytest.mark.parametrize(
    ("raw", "found"), [(0.0, 0.5), (0.59, 0.5), (0.6, 0.75), (0.89, 0.75), (0.9, 0.99), (1.0, 0.99)]
)
def test_it_is_one_minus_the_risk_of_answers_as_sure_as_this(raw: float, found: float) -> None:
    """Each pair holds from its confidence on."""
    assert measured("sha256:a").confidence(raw) == pytest.approx(found)


def test_it_counts_for_the_weights_it_was_measured_with() -> None:
    """The digest is that of the file, so another quantisation is another model; another engine build is not."""
    lock = (measured("sha256:a"), measured("sha256:b", (0.0, 0.9)))

    assert calibrated(0.95, lock, info("sha256:a xllamacpp 1.0")) == pytest.approx(0.99)
    assert calibrated(0.95, lock, info("sha256:a xllamacpp 2.0")) == pytest.approx(0.99)
    assert calibrated(0.95, lock, info("sha256:b")) == pytest.approx(0.1)
    assert calibrated(0.95, lock, info("sha256:c")) == 0.95
    assert calibrated(0.95, (), info("sha256:a")) == 0.95


def test_a_server_without_digests_goes_by_its_name() -> None:
    """There is nothing better to know it by."""
    assert identity(info()) == "vllm:some-model"


def test_the_key_is_what_was_asked_and_what_may_be_answered() -> None:
    """Other texts of a step, such as its `when`, change no answer."""
    base = key({"prompt": "Sort it.", "role": "You sort.", "when": "x"}, {"enum": ["a", "b"]})

    assert key({"role": "You sort.", "prompt": "Sort it."}, {"enum": ["a", "b"]}) == base
    assert key({"prompt": "Sort!", "role": "You sort."}, {"enum": ["a", "b"]}) != base
    assert key({"prompt": "Sort it.", "role": "You sort."}, {"enum": ["b", "a"]})[1] != base[1]
    assert key({"prompt": "Sort it."}, None)[0] != base[0]


def test_a_lock_file_is_read_as_it_is_written() -> None:
    """Whole numbers are numbers too."""
    entry: dict[str, Any] = {
        "step": "sort", "model": "m", "template": "t", "schema": "s", "cases": 9, "risk": [[0, 1], [0.5, 0]]
    }  # fmt: skip

    assert read_lock({"orch": 1, "confidence": [entry]}) == (
        Calibration("sort", "m", "t", "s", 9, ((0.0, 1.0), (0.5, 0.0))),
    )
    assert read_lock({"orch": 1, "confidence": []}) == ()


@pytest.mark.parametrize(
    "risk",
    [
        None,
        [],
        "0 1",
        [0, 1],
        [[0]],
        [[0, 2]],
        [[0, True]],
        [[0.1, 0.5]],
        [[0, 0.1], [0.5, 0.2]],
        [[0, 1], [0, 0]],
    ],
)
def test_a_risk_that_is_none_is_refused_with_its_place(risk: Any) -> None:
    """Among them one that would call surer answers worse."""
    entry = {"step": "sort", "model": "m", "template": "t", "schema": "s", "cases": 9, "risk": risk}

    with pytest.raises(ValueError, match=r"confidence\[0\]\.risk: "):
        read_lock({"orch": 1, "confidence": [entry]})
