"""Which weights stand in for which: the same model in a form that this machine computes faster, and how it was made.

    forms/<sha256 of the original>.json     what was made of it, or that nothing faster was found

Makes a form by a child process and keeps it under its digest. Knows no names of models and measures nothing.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from orchestrator.errors import ProviderError
from orchestrator.providers.files import sha256_of, write_atomic
from orchestrator.providers.gguf import NotGGUF

SPARE = 64 << 20
"""Bytes that stay free on the disk."""

Heard = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Form:
    """Weights made of others. Without a `form` they are the parent's own: nothing better was found.

    `engine` is the path of the `llama-server` that computes them here; empty for the engine that comes with orch.
    `figures` are those of the measurement, as `orch models compare --json` prints them; none where nothing was measured: the
    form that the catalogue names.
    """

    parent: str
    sha256: str
    bytes: int
    form: str
    origin: str
    """The form that it was made of, such as Q4_1."""
    how: str
    """What made it, with versions."""
    made: float = 0.0
    engine: str = ""
    engine_version: str = ""
    engine_seen: str = ""
    """Size and time of the server's file when it was measured."""
    dropped: bool = False
    """Whether the original was removed from this machine."""
    figures: Mapping[str, Any] = field(default_factory=dict)


def is_faster_here(form: str) -> bool:
    """Whether this kind of processor is known to compute a form faster than Q4_1, before anybody measured on this machine.

    On x86-64 with AVX2 a prompt in Q8_0 was read 1.8 to 2 times as fast; on others it was not measured.
    """
    return form == "Q8_0" and platform.machine().lower() in ("x86_64", "amd64")


class Lineage:
    """The forms below the folder of a model store; it need not exist."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def of(self, parent: str) -> Form | None:
        """What stands in for the weights of this digest; None when nobody has looked."""
        return self._read(self._place(parent))

    def made_into(self, sha256: str) -> Form | None:
        """How the weights of this digest were made; None for an original."""
        found = (self._read(path) for path in sorted((self.root / "forms").glob("*.json")))
        return next((one for one in found if one is not None and one.form and one.sha256 == sha256), None)

    def path(self, form: Form) -> Path:
        return self.root / "blobs" / f"sha256-{form.sha256}"

    def keep(self, form: Form, fresh: Path | None = None) -> None:
        """Record it; `fresh` is the file of its weights, which gets its name for good."""
        place = self._place(form.parent)
        place.parent.mkdir(parents=True, exist_ok=True)
        if fresh is not None:
            blob = self.path(form)
            blob.parent.mkdir(parents=True, exist_ok=True)
            with fresh.open("rb") as file:
                os.fsync(file.fileno())
            fresh.replace(blob)
        before = self.of(form.parent)
        write_atomic(place, json.dumps(asdict(form), sort_keys=True))
        if before is not None and before.sha256 != form.sha256:
            self._free(before)

    def forget(self, parent: str) -> Form | None:
        """Back to the original; the weights that stood in for it are removed. Returns what was forgotten."""
        found = self.of(parent)
        if found is not None:
            self._place(parent).unlink(missing_ok=True)
            self._free(found)
        return found

    def _free(self, form: Form) -> None:
        if form.form and self.made_into(form.sha256) is None and form.sha256 != form.parent:
            self.path(form).unlink(missing_ok=True)

    def _place(self, parent: str) -> Path:
        return self.root / "forms" / f"{parent}.json"

    def _read(self, path: Path) -> Form | None:
        """None for what is not there or no such record of this version."""
        try:
            found = Form(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        digests = (found.parent, found.sha256)
        whole = all(len(one) == 64 and set(one) <= set("0123456789abcdef") for one in digests)
        return found if whole and path.stem == found.parent else None


def make(source: Path, sha256: str, form: str, target: Path, heard: Heard) -> Form:
    """Write weights in another form beside `target`, which is there only when it is complete.

    Raises ProviderError: refused (no room, no quantisers, the file is damaged).
    """
    from orchestrator.providers.requantize import FORMS, kinds_of, size_of

    try:
        origin, need = kinds_of(source), size_of(source, FORMS[form])
    except (NotGGUF, OSError) as error:
        raise ProviderError("refused", f"{source.name} cannot be turned into {form}: {error}") from error
    room_for(need, target.parent)
    half = target.with_suffix(".half")
    try:
        _run([str(source), str(half), form], heard)
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)
    size = target.stat().st_size
    how = f"ggml's quantisers of xllamacpp {version('xllamacpp')}"
    return Form(sha256, sha256_of(target), size, form, origin, how, time.time())


def room_for(need: int, folder: Path) -> None:
    """Raise ProviderError when so many bytes do not fit on the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < need + SPARE:
        raise ProviderError(
            "refused",
            f"not enough disk space: another form needs {(need + SPARE) >> 20} MB, {free >> 20} MB are free",
            hint="free some space (`orch models rm NAME`), or set ORCH_HOME to a folder on another disk",
        )


def _run(arguments: list[str], heard: Heard) -> None:
    command = [sys.executable, "-m", "orchestrator.providers.requantize", *arguments]
    here = os.pathsep.join(path for path in sys.path if path)
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": here},
        text=True,
        start_new_session=True,
    )
    try:
        for line in child.stdout or ():
            heard(int(line))
        said = child.stderr.read() if child.stderr is not None else ""
        code = child.wait()
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()
    if code != 0:
        why = said.strip().splitlines()[-1] if said.strip() else f"it ended with {code}"
        raise ProviderError("refused", f"the weights cannot be turned into another form: {why[:300]}")


__all__ = ["Form", "Lineage", "is_faster_here", "make", "room_for"]
