"""Limits and variety as the workflow `campaign` measures them: without a model."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from orchestrator.library import shipped_workflows


@pytest.fixture(scope="module")
def campaign() -> ModuleType:
    path = shipped_workflows()["campaign"].with_suffix(".py")
    spec = importlib.util.spec_from_file_location("campaign", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_each_limit_that_is_broken_is_named(campaign: ModuleType) -> None:
    """The product, words to use, words to avoid, the length; a word is a whole word."""
    found = campaign.broken("The best lightness", "Kestrel", ["light"], ["best"], 25)

    assert found == [
        "it does not name Kestrel",
        "the word 'light' is missing",
        "it uses 'best'",
        "it has 3 words, not 6 to 25",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "The best kayak in the world",
        "",
        "It folds. It floats. It is the best kayak of all, " + "and more " * 40 + ".",
        "Kestrel takes you down the river, light as a feather.",
    ],
)
def test_a_mended_text_keeps_the_limits(campaign: ModuleType, text: str) -> None:
    """Whatever the model wrote."""
    brief = "Kestrel is a folding kayak for two people."
    limits = (["river", "light"], ["best"], 25)

    made = campaign.mend(text, "Kestrel", brief, *limits)

    assert campaign.broken(made, "Kestrel", *limits) == []


def test_the_judge_is_heard_among_the_drafts_that_keep_most(campaign: ModuleType) -> None:
    """A favourite that breaks a limit loses to one that does not."""
    good, bad = "Kestrel is light on every river.", "Kestrel is the best kayak of all."
    limits = ("Kestrel", ["river"], ["best"], 25)

    assert campaign.choose([bad, good], bad, *limits) == good
    assert campaign.choose([good, f"{good} Really."], f"{good} Really.", *limits) == f"{good} Really."


def test_variety_is_that_of_words_and_pairs(campaign: ModuleType) -> None:
    """Equal drafts have none, drafts without a common word have all."""
    same, other = campaign.variety(["a b c", "a b c"]), campaign.variety(["a b", "c d"])

    assert (same.distinct_1, same.distinct_2, same.similarity) == (0.5, 0.5, 1.0)
    assert (other.distinct_1, other.distinct_2, other.similarity) == (1.0, 1.0, 0.0)
