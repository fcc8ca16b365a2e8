"""`orch models`: what a person sees of the model store and of the hosts."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.console import Console
from orchestrator.cli.download import Download, amount, fetch_missing, megabytes
from orchestrator.cli.main import cli
from orchestrator.providers.host import Launch, State, encode
from orchestrator.providers.model_store import ModelStore, Weights

BYTES = b"weights of no model"


def orch(*args: str) -> Result:
    return CliRunner().invoke(cli, ["models", *args])


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, in which nothing may be fetched."""
    monkeypatch.setenv("ORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ORCH_OFFLINE", "1")
    return tmp_path / "home"


@pytest.fixture
def qwen(home: Path, tmp_path: Path) -> Weights:
    """A small file under the name of a model of the catalogue."""

    def bring(*_: object) -> Path:
        (tmp_path / "got").write_bytes(BYTES)
        return tmp_path / "got"

    return ModelStore(home / "models", environ=os.environ, fetch=bring).pull("qwen3-0.6b")


def test_ls_names_what_is_here_first(qwen: Weights) -> None:
    """Then what the catalogue can fetch; sizes that are not known to the byte say so."""
    lines = orch("ls").stdout.splitlines()

    assert lines[1].startswith(f"{qwen.name} ")
    assert "yes" in lines[1]
    assert any(line.startswith("smollm2-135m ") and "98 MB" in line for line in lines)
    assert any(line.startswith("mistral-7b ") and "~4.4 GB" in line for line in lines)


def test_ls_installed_is_only_what_is_here(qwen: Weights) -> None:
    """As JSON for other programs."""
    assert [row["name"] for row in json.loads(orch("ls", "--installed", "--json").stdout)] == [qwen.name]


def test_an_empty_store_says_what_to_fetch() -> None:
    """Stdout stays empty: there is no result."""
    result = orch("ls", "--installed")

    assert result.stdout == ""
    assert "orch models pull smollm2-135m" in result.stderr


def test_pull_of_what_is_here_checks_it(qwen: Weights) -> None:
    """Also under another of its names, and without a network."""
    result = orch("pull", "qwen3:0.6b")

    assert result.exit_code == 0
    assert "every byte checked" in result.stderr


def test_pull_offline_is_one_clear_error() -> None:
    """It says what forbids it."""
    result = orch("pull", "smollm2-135m")

    assert result.exit_code == 1
    assert "ORCH_OFFLINE" in result.stderr


@pytest.mark.parametrize("verb", ["pull", "show"])
def test_a_misspelt_name_is_a_mistake_of_the_command_line(verb: str) -> None:
    """Exit code 2, and the name that was probably meant."""
    result = orch(verb, "smolm2-135m")

    assert result.exit_code == 2
    assert "did you mean 'smollm2-135m'" in result.stderr


def test_show_tells_whether_the_file_is_the_right_one(qwen: Weights) -> None:
    """A damaged file is said in words, not by failing."""
    good = json.loads(orch("show", qwen.name, "--json").stdout)
    qwen.path.write_bytes(b"weights of no modem")
    bad = json.loads(orch("show", qwen.name, "--json").stdout)

    assert good["state"] == "sha256 checked"
    assert good["path"] == str(qwen.path)
    assert "damaged" in bad["state"]


def test_rm_removes_and_says_what_was_freed(qwen: Weights) -> None:
    """A second time there is nothing to remove."""
    first, second = orch("rm", qwen.name), orch("rm", qwen.name)

    assert first.exit_code == 0
    assert not qwen.path.exists()
    assert second.exit_code == 2
    assert "is not on this machine" in second.stderr


def test_ps_and_stop_where_nothing_runs(home: Path) -> None:
    """A stale state file, as a killed host leaves it, is not shown as a host."""
    launch = Launch("smollm2-135m", "/m", "0" * 64, 512, 1, 1)
    folder = home / "run" / "hosts" / launch.identity
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    (folder / "state").write_text(encode(State(1, "http://127.0.0.1:1", "k", 1, 0.0, launch)))

    assert json.loads(orch("ps", "--json").stdout) == []
    assert "no model is loaded" in orch("ps").stderr
    assert orch("stop", "--all").exit_code == 0
    assert orch("stop", "smollm2").exit_code == 2
    assert orch("stop").exit_code == 2


# ------------------------------------------------------------------------------------------------ progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_a_bar_that_is_wiped_in_the_end() -> None:
    """One line, drawn over and over."""
    console = Console(io.StringIO(), Terminal())

    with Download("m", console) as progress:
        progress("fetching", 0, 100_000_000)
        progress("fetching", 100_000_000, 100_000_000)

    text = console.err.getvalue()  # type: ignore[attr-defined]
    assert "100 %  100 of 100 MB" in text
    assert "\n" not in text
    assert text.endswith("\r\x1b[K")


def test_a_log_file_sees_a_few_plain_lines() -> None:
    """A thousand steps of progress are five lines."""
    console = Console(io.StringIO(), io.StringIO())

    with Download("m", console) as progress:
        for done in range(0, 100_000_001, 100_000):
            progress("fetching", done, 100_000_000)
        progress("checking", 1, 100_000_000)

    lines = console.err.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "m: fetching 0 of 100 MB"
    assert lines[-1] == "m: checking"
    assert len(lines) == 6


def test_only_embedded_models_that_are_missing_are_fetched(qwen: Weights, home: Path, tmp_path: Path) -> None:
    """Before a run: nothing is asked of the network for what is here, for files, and for other servers."""
    fetched: list[str] = []

    def bring(source: object, *_: object) -> Path:
        fetched.append(str(source))
        (tmp_path / "got").write_bytes(BYTES)
        return tmp_path / "got"

    store = ModelStore(home / "models", environ=os.environ, fetch=bring)
    console = Console(io.StringIO(), io.StringIO())

    fetch_missing(
        [
            "llamacpp:qwen3-0.6b",
            "llamacpp:./x.gguf",
            "ollama:phi3",
            "llamacpp:qwen3-1.7b",
            "llamacpp:qwen3-1.7b",
        ],
        store,
        tmp_path,
        console,
    )

    assert len(fetched) == 1
    assert "qwen3-1.7b: fetched" in console.err.getvalue()  # type: ignore[attr-defined]


def test_bytes_for_people() -> None:
    """Megabytes as disks count them."""
    assert (megabytes(98_362_432), megabytes(2_019_377_696)) == ("98 MB", "2.0 GB")
    assert amount(1_000_000, 2_500_000_000) == "0.0 of 2.5 GB"
