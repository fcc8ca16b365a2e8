"""docs/scheduling.md says what the code does: its numbers are the code's, its sentences those of `orch plan`."""

from __future__ import annotations

from pathlib import Path

from orchestrator.engine.prefixes import LIGHT
from orchestrator.engine.queue import PATIENCE
from orchestrator.engine.residency import BOUND, CROWD

PAGE = Path(__file__).parents[2] / "docs" / "scheduling.md"
WORDS = {4: "four"}


def test_the_bounds_on_the_page_are_those_of_the_code() -> None:
    """Rounds a request may be passed over, items open at once, requests until a model gets its turn."""
    text = " ".join(PAGE.read_text(encoding="utf-8").split())

    assert f"passed over more than {WORDS[PATIENCE]} rounds of all slots" in text
    assert f"Up to {CROWD:,} items are open at once" in text
    assert f"after {BOUND:,} requests of others" in text
    assert LIGHT < 100  # "a role of a sentence"


def test_the_sentences_of_the_plan_are_those_of_the_program() -> None:
    """Both examples are lines that `orch plan` prints."""
    text = PAGE.read_text(encoding="utf-8")
    plan = (PAGE.parents[1] / "orchestrator" / "cli" / "plan_told.py").read_text(encoding="utf-8")

    for words in (
        "with what each agent's prompts begin alike read once",
        "they take turns: ORCH_MODELS_MAX is",
    ):
        assert words in text
        assert words in plan
