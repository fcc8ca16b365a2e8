"""The screen and the run as files."""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from orch_tui.app import Screens
from orch_tui.saving import run_as_json, save
from orchestrator.errors import OrchError
from tests.cli.recorded import DONE, FAILED, record_all, shell_in
from tests.tui.host import screen, until
from tests.tui.recorded import VARIED, store_in, world
from tests.tui.test_run_screen import read


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    """The next free name is taken."""
    first = save(tmp_path, "orch-a", ".svg", "one")
    second = save(tmp_path, "orch-a", ".svg", "two")

    assert (first.read_text(), second.read_text()) == ("one", "two")
    assert second.name == "orch-a-2.svg"


@pytest.mark.parametrize("stem", ["../../evil", "a/b", "\x1b]0;x\x07", "..", ""])
def test_a_name_from_outside_stays_a_name_in_this_folder(tmp_path: Path, stem: str) -> None:
    """Ids of runs are data."""
    path = save(tmp_path, stem, ".json", "{}")

    assert path.parent == tmp_path
    assert path.name.isprintable()


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    """With what to do about it."""
    with pytest.raises(OrchError, match="cannot be written") as refused:
        save(tmp_path / "gone", "a", ".svg", "x")
    assert refused.value.hint


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="this system has no /dev/full")
def test_a_full_disk_is_a_sentence_and_leaves_no_half_file(tmp_path: Path) -> None:
    """Half a picture would look like a whole one."""
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OrchError, match="cannot be written"):
            save(tmp_path, "a", ".svg", "x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)

    assert list(tmp_path.glob("*.svg")) == []


def test_the_json_is_that_of_orch_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One form for a run, wherever it is printed or saved."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orch.yaml").write_text("orch: 1\n")
    shell = shell_in(tmp_path)
    record_all(shell.store)

    for run in (DONE, FAILED):
        assert run_as_json(shell.store, run) == shell("show", run, "--json").stdout


@pytest.mark.parametrize(("key", "suffix"), [("1", ".svg"), ("2", ".html"), ("3", ".json")])
async def test_s_saves_what_was_chosen_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, suffix: str
) -> None:
    """Into the folder in which the screen was started."""
    monkeypatch.chdir(tmp_path)
    async with Screens(world(store_in(tmp_path)), VARIED).run_test(
        notifications=True, size=(120, 40)
    ) as pilot:
        await read(pilot)
        pilot.app.notify("said in passing", timeout=60)
        await until(pilot, lambda: "said in passing" in screen(pilot.app))

        await pilot.press("s")
        await pilot.pause()
        await pilot.press(key)

        path = tmp_path / f"orch-{VARIED}{suffix}"
        await until(pilot, lambda: path.exists() and path.stat().st_size > 0)
        await until(pilot, lambda: "saved as" in screen(pilot.app))
    text = path.read_text()
    if suffix == ".json":
        assert json.loads(text)["id"] == VARIED
        return
    assert "letter" in text
    assert "under a name that does not exist" not in text.replace("&#160;", " ")
    assert "said in passing" not in text.replace("&#160;", " ")
    assert not re.search(r"@font-face|<script|src=|href=", text)
    if suffix == ".svg":
        ET.fromstring(text)


async def test_a_folder_that_cannot_be_written_is_said_on_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The screen goes on."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    async with Screens(world(store_in(tmp_path)), VARIED).run_test(
        notifications=True, size=(120, 40)
    ) as pilot:
        await read(pilot)
        gone.rmdir()

        await pilot.press("s")
        await pilot.pause()
        await pilot.press("3")

        await until(pilot, lambda: "cannot be written" in screen(pilot.app) or "gone" in screen(pilot.app))
