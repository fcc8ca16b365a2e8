"""A project as it was at a git revision: its files in a directory of their own. Runs nothing of the repository.

Objects are read by their ids (`ls-tree`, `cat-file`): no checkout, no filter, no hook, no attribute, no fetch. Links and
submodules are left out, and so is what would make the tree larger than the bound.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orchestrator.errors import UsageError

FILES, BYTES = 50_000, 64 << 20
"""A tree of more files is refused; of larger ones the files that matter least are left out."""
SECONDS = 60
FIRST = (".yaml", ".yml", ".j2", ".jsonl", ".json", ".py")
"""What workflows are made of, read before anything else."""
_SAFE = ("--no-pager", "--no-replace-objects", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
         "-c", "protocol.allow=never")  # fmt: skip
_REGULAR = (b"100644", b"100755")


@dataclass(frozen=True, slots=True)
class Blob:
    """One file of a tree: id and size of its content, and its path from the top of the repository."""

    sha: str
    size: int
    path: PurePosixPath


@dataclass(frozen=True, slots=True)
class Repository:
    """The working copy around a directory; `top` is its uppermost directory."""

    top: Path

    @classmethod
    def around(cls, directory: Path) -> Repository:
        """Raises UsageError where there is none."""
        if not directory.is_dir():
            raise UsageError(f"there is no directory {directory}", hint="check the path of the workflow")
        done = _git(directory, "rev-parse", "--show-toplevel")
        if done.returncode != 0:
            told = _last(done)
            hint = (
                told
                if "not a git repository" not in told
                else "two files can be compared: orch diff OLD.yaml NEW.yaml"
            )
            raise UsageError(f"{directory} is in no git repository that can be read", hint=hint)
        return cls(Path(os.fsdecode(done.stdout).rstrip("\n")))

    def commit(self, revision: str) -> str:
        """The id of a commit that a person named. Raises UsageError."""
        named = ("--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        done = _git(self.top, "rev-parse", *named)
        if not revision or done.returncode != 0:
            hint = "name a branch, a tag or a commit; in CI the history must be fetched (fetch-depth: 0)"
            raise UsageError(f"git knows no revision '{revision}'", hint=hint)
        return os.fsdecode(done.stdout).strip()

    def base(self, one: str, other: str) -> str:
        """The commit at which two began to differ. Raises UsageError when they have none in common."""
        done = _git(self.top, "merge-base", one, other)
        if done.returncode != 0:
            raise UsageError(
                f"{one[:12]} and {other[:12]} have no commit in common that is here",
                hint="fetch more of the history (fetch-depth: 0), or compare with two dots: A..B",
            )
        return os.fsdecode(done.stdout).split()[0]

    def write(self, commit: str, into: Path, wanted: PurePosixPath) -> int:
        """The files of a commit beneath `into`; how many were left out. Raises UsageError, also when `wanted` is not there."""
        blobs, odd = self._listed(commit)
        if wanted in odd:
            raise UsageError(
                f"{wanted} is a link or a submodule at {commit[:12]}", hint="name the file it means"
            )
        if wanted not in {blob.path for blob in blobs}:
            raise UsageError(f"{wanted} does not exist at {commit[:12]}")
        chosen = _within(blobs, wanted)
        (into / ".git").mkdir(parents=True)  # so that no project above the directory counts
        for path, content in self._contents(chosen):
            _put(into / path, content)
        return len(blobs) - len(chosen)

    def paths(self, commit: str) -> set[PurePosixPath]:
        """Everything that is there at a commit, links and submodules too. Raises UsageError."""
        blobs, odd = self._listed(commit)
        return {blob.path for blob in blobs} | odd

    def read(self, commit: str, wanted: Collection[PurePosixPath]) -> dict[PurePosixPath, bytes]:
        """What stands in these files at a commit, of as many as a tree may have bytes. Raises UsageError."""
        blobs, _ = self._listed(commit)
        return dict(self._contents(_within([blob for blob in blobs if blob.path in wanted], PurePosixPath())))

    def _listed(self, commit: str) -> tuple[list[Blob], set[PurePosixPath]]:
        listed = _git(self.top, "ls-tree", "-r", "-z", "-l", "--full-tree", commit)
        if listed.returncode != 0:
            raise UsageError(f"the files of {commit[:12]} cannot be read", hint=_last(listed))
        return _blobs(listed.stdout)

    def _contents(self, blobs: list[Blob]) -> Iterator[tuple[PurePosixPath, bytes]]:
        asked = "".join(f"{blob.sha}\n" for blob in blobs).encode()
        done = _git(self.top, "cat-file", "--batch", given=asked)
        data, at = done.stdout, 0
        for blob in blobs:
            end = data.find(b"\n", at)
            head = data[at:end].split()
            if done.returncode != 0 or end < 0 or len(head) != 3:
                raise UsageError(
                    f"git cannot read {blob.path}",
                    hint=_last(done) or "the repository may be a partial clone",
                )
            at = end + 1 + int(head[2])
            yield blob.path, data[end + 1 : at]
            at += 1


def _put(place: Path, content: bytes) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    except (
        OSError,
        ValueError,
    ) as error:  # a name that this system has not, or one that is a file and a directory
        raise UsageError(f"{place.name} of that revision cannot be written here: {error}") from None


def _blobs(listing: bytes) -> tuple[list[Blob], set[PurePosixPath]]:
    """The regular files, and the paths of everything else."""
    blobs: list[Blob] = []
    odd: set[PurePosixPath] = set()
    for line in listing.split(b"\0"):
        about, _, name = line.partition(b"\t")
        fields, path = about.split(), PurePosixPath(os.fsdecode(name))
        if len(fields) != 4 or not _stays(path):
            continue
        if fields[0] in _REGULAR and fields[3].isdigit():
            blobs.append(Blob(fields[2].decode(), int(fields[3]), path))
        else:
            odd.add(path)
    if len(blobs) > FILES:
        raise UsageError(f"the repository has {len(blobs):,} files, and {FILES:,} are read at most")
    return blobs, odd


def _stays(path: PurePosixPath) -> bool:
    """Whether it is beneath the directory it is written into, and not where git keeps its own."""
    return (
        bool(path.parts) and not path.is_absolute() and not {"..", ".git"} & {p.lower() for p in path.parts}
    )


def _within(blobs: list[Blob], wanted: PurePosixPath) -> list[Blob]:
    """As many as the bound allows: the workflow, then what workflows are made of, then the small ones."""
    ranked = sorted(blobs, key=lambda b: (b.path != wanted, b.path.suffix not in FIRST, b.size))
    chosen, left = [], BYTES
    for blob in ranked:
        if blob.size <= left:
            left -= blob.size
            chosen.append(blob)
    return chosen


def _git(directory: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "LC_ALL": "C",
    }
    try:
        return subprocess.run(  # noqa: S603 - the user's own git, no shell
            ["git", "-C", str(directory), *_SAFE, *arguments],  # noqa: S607
            input=given,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=environment,
        )
    except FileNotFoundError:
        raise UsageError(
            "git is not installed", hint="two files can be compared: orch diff OLD.yaml NEW.yaml"
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"git does not answer: {error}") from None


def _last(done: subprocess.CompletedProcess[bytes]) -> str:
    """What git said, in a line."""
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[0] if lines else ""


__all__ = ["BYTES", "FILES", "Repository"]
