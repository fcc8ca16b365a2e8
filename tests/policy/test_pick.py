"""Choosing among several answers."""

from __future__ import annotations

from orchestrator.policy.pick import WARM, ballot, majority, varied


def test_the_most_frequent_answer_wins_and_the_first_of_equals() -> None:
    """The first sample is what the model would have said anyway."""
    assert majority(["a", "b", "b"]) == 1
    assert majority(["a", "b"]) == 0


def test_the_first_sample_is_what_would_be_asked_anyway() -> None:
    """So one sample more never loses what was there."""
    params = {"temperature": 0.0}

    assert varied(params, 1) == params
    assert varied(params, 2) == {"temperature": WARM, "seed": 2}


def test_further_samples_keep_the_temperature_of_the_file_and_have_other_seeds() -> None:
    """Each its own, so that no two are the same request."""
    params = {"temperature": 1.1, "seed": 40}

    assert [varied(params, n)["seed"] for n in (1, 2, 3)] == [40, 42, 43]
    assert varied(params, 3)["temperature"] == 1.1


def test_the_judge_reads_the_task_and_the_answers_by_number() -> None:
    """In the order of the samples."""
    text = ballot("Say hello.", ["Hi", "Good day"])

    assert text.index("Say hello.") < text.index("Answer 1:\nHi") < text.index("Answer 2:\nGood day")
    assert text.endswith("1 to 2.")
