"""The reference pages say what the program does."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cli.reference import pages
from orchestrator.spec.anatomy import PARTS, SECTIONS, keys_of
from orchestrator.spec.docstrings import field_docs
from orchestrator.spec.model import STEPS, Model, Project, Workflow
from orchestrator.spec.reference import fill

DOCS = Path(__file__).parents[2] / "docs"
MODELS: set[type[Model]] = {
    Workflow,
    Project,
    *STEPS.values(),
    *PARTS.values(),
    *filter(None, SECTIONS.values()),
}


@pytest.mark.parametrize("name", ["language.md", "errors.md", "screen.md"])
def test_the_pages_are_up_to_date(name: str) -> None:
    """Renew them with `python -m orchestrator.cli.reference docs`."""
    path = DOCS / name

    assert path.read_text(encoding="utf-8") == pages(DOCS)[path]


@pytest.mark.parametrize("model", sorted(MODELS, key=str))
def test_every_field_has_a_docstring(model: type[Model]) -> None:
    """It is the help text of its key."""
    assert set(keys_of(model).fields.values()) <= field_docs(model).keys()


def test_every_key_stands_in_the_reference() -> None:
    """A key that nobody can look up does not exist for anybody."""
    text = (DOCS / "language.md").read_text(encoding="utf-8")

    missing = [
        key for model in MODELS - {Project} for key in keys_of(model).fields if f"| `{key}`" not in text
    ]

    assert missing == []


def test_a_page_keeps_what_a_person_wrote() -> None:
    """Only what stands between the markers is replaced."""
    page = "before\n<!-- begin a -->\nold\n<!-- end a -->\nafter\n"

    assert fill(page, {"a": "new"}) == "before\n<!-- begin a -->\nnew\n<!-- end a -->\nafter\n"


def test_a_block_that_nobody_generates_is_a_mistake() -> None:
    """A misspelt marker would stay empty for ever."""
    with pytest.raises(KeyError):
        fill("<!-- begin nonsense -->\n<!-- end nonsense -->", {})
