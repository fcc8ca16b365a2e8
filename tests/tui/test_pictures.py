"""What the screens look like: each against its stored picture, in two sizes and two themes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.tui.campaign import CAMPAIGN
from tests.tui.pictures import ALL, FOLDER, Picture, record, taken


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = open_store(tmp_path_factory.mktemp("pictures") / "runs.db")
    record(store)
    yield store
    store.close()


@pytest.mark.parametrize("picture", ALL, ids=lambda picture: picture.file.stem)
async def test_a_screen_looks_as_it_did(store: Store, picture: Picture, tmp_path: Path) -> None:
    """Every character, place and colour; whoever changes the looks renews the pictures and sees what they changed."""
    stored = picture.file.read_text(encoding="utf-8") if picture.file.exists() else "there is none"

    svg = await taken(store, picture, stored)

    if svg != stored:
        now = tmp_path / picture.file.name
        now.write_text(svg, encoding="utf-8")
        pytest.fail(
            f"{picture.file} is not what is shown now: {now}\nrenew all: python -m tests.tui.renew", False
        )


def test_no_picture_is_of_a_screen_that_is_gone() -> None:
    """What is stored is what is compared."""
    assert set(FOLDER.glob("*.svg")) == {picture.file for picture in ALL}


def test_the_recorded_run_is_one_of_a_real_model_with_a_repaired_answer(store: Store) -> None:
    """What the pictures show of repair is not made up."""
    events = [event for _, event in store.events(CAMPAIGN)]

    assert any(event.kind == "attempt.finished" and event.decision == "repair" for event in events)
    assert any(event.kind == "model.ready" and "smollm2-135m" in event.ref for event in events)
    assert store.run(CAMPAIGN).status == "done"
