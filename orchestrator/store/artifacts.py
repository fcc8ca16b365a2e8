"""Files that tools made, kept by their content beside the database: never changed, never executable, never twice."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets as random
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.calling import Artifact
from orchestrator.errors import StoreError
from orchestrator.policy.secrets import NONE, Secrets

if TYPE_CHECKING:
    from orchestrator.store.store import Store

FOLDER = "artifacts"
BLOCK = 1 << 20
NOWHERE = "none"
"""The name of no file that is kept."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"(?<=[^./\\])\.[a-z0-9]{1,8}\Z")


def folder_of(store: Store, data: Path) -> Path:
    """Where the artifacts of a store are: beside its database, or in the user's `data` when that is on a server."""
    return (store.place or data) / FOLDER


def is_digest(text: object) -> bool:
    """Whether it is what a content is called by."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def artifact_path(folder: Path, sha256: str, name: str = "") -> Path:
    """Where the content of this digest lies: with the suffix of its name, so that other programs open it.

    Those that were kept before there were suffixes lie without one.
    """
    if not is_digest(sha256):
        return (
            folder / NOWHERE
        )  # the record may be of somebody else: what is no digest could be a path to anything
    bare = folder / sha256[:2] / sha256
    path = bare.with_name(sha256 + _suffix(name))
    return bare if bare.exists() and not path.exists() else path


def _suffix(name: str) -> str:
    """A tool chose the name: nothing of it but a few letters gets to the disk."""
    found = _SUFFIX.search(name.lower())
    return found[0] if found else ""


class Artifacts:
    """Keeps files beneath a folder. One that holds a known secret is told of, and not kept."""

    def __init__(self, folder: Path, secrets: Secrets = NONE) -> None:
        self._folder = folder
        self._secrets = secrets

    def __call__(self, artifact: Artifact) -> Mapping[str, Any]:
        """Keep a copy. Raises StoreError."""
        told = {"name": artifact.name, "media_type": artifact.media_type}
        fresh = self._folder / f".{random.token_hex(8)}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            digest, size = _copied(artifact.path, fresh)
            if self._holds_secret(fresh):
                return {**told, "sha256": "", "bytes": size}
            target = self._folder / digest[:2] / f"{digest}{_suffix(artifact.name)}"
            target.parent.mkdir(mode=0o700, exist_ok=True)
            same = next(target.parent.glob(f"{digest}*"), fresh)  # the same content is the same file
            with contextlib.suppress(FileExistsError):
                os.link(same, target)
            _settle(target.parent, self._folder)
        except OSError as error:
            why = f"{artifact.name} cannot be kept in {self._folder}: {error.strerror}"
            raise StoreError(why, hint="make room, or make the folder writable") from error
        finally:
            fresh.unlink(missing_ok=True)
        return {**told, "sha256": digest, "bytes": size}

    def _holds_secret(self, file: Path) -> bool:
        return bool(self._secrets) and self._secrets.found([file.read_text("utf-8", "replace")]) is not None


def _settle(*folders: Path) -> None:
    """Have their entries on the disk: the event that names a file is, and a power cut may take what only the memory holds."""
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _copied(source: Path, target: Path) -> tuple[str, int]:
    """Digest and size of a regular file that is copied; a link is none."""
    digest, size = hashlib.sha256(), 0
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with (
        os.fdopen(reading, "rb") as given,
        os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy,
    ):
        if not stat.S_ISREG(os.fstat(reading).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        while block := given.read(BLOCK):
            digest.update(block)
            size += len(block)
            copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())
    return digest.hexdigest(), size


__all__ = ["Artifacts", "artifact_path", "folder_of", "is_digest"]
