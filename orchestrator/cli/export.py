"""`orch runs export`: a run as a file that others may have."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator import __version__
from orchestrator.cli import complete
from orchestrator.cli.console import Console, is_terminal, the_console
from orchestrator.errors import OrchError, UsageError
from orchestrator.labels import LOWEST, Label

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.events import Event
    from orchestrator.policy.secrets import Secrets
    from orchestrator.store.portable import Content
    from orchestrator.store.store import Store

EVERYTHING: Label = "private"
"""What --everything means: a secret is never in a file."""
ENDINGS = {"run": ".run.jsonl", "otlp-json": ".otlp.json"}


@click.command("export")
@click.argument("runs", nargs=-1, required=True, metavar="RUN…", shell_complete=complete.runs)
@click.option(
    "-o", "--output", metavar="FILE", help="Where to; - is the standard output. Default: RUN.run.jsonl."
)
@click.option(
    "--everything", is_flag=True, help="Also internal and private values, paths and names; no secrets."
)
@click.option(
    "--format",
    "shape",
    type=click.Choice(list(ENDINGS)),
    default="run",
    show_default=True,
    help="run: for `orch runs import`. otlp-json: OpenTelemetry spans, without texts.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def command(runs: Sequence[str], output: str | None, everything: bool, shape: str, yes: bool) -> None:
    """Write runs to one file that can be imported elsewhere.

    What is labelled above public is not in it: a note says how private it was. Files that tools made come along where
    they may.
    """
    from orchestrator.cli.wiring import existing_store
    from orchestrator.config import Config

    console = the_console()
    config = Config.from_environment(os.environ, Path.cwd())
    store = existing_store()
    try:
        found = list(dict.fromkeys(store.find(run) for run in runs))
        _refuse_damaged(store, found)
        target = _target(output, found, ENDINGS[shape])
        if everything and not yes:
            _agree(console)
        exports = [_export(store, run, config, everything=everything) for run in found]
        size = write(target, _spans(exports) if shape == "otlp-json" else _lines(exports))
        _tell(console, exports, target, size)
        if shape == "run" and not everything:
            _tell_hidden(console, exports)
    finally:
        store.close()


@dataclass(slots=True)
class Export:
    """One run on its way out."""

    store: Store
    run: str
    events: int
    origin: str
    clearance: Label
    outward: Any
    folder: Path
    secrets: Secrets
    left_out: list[str] = field(default_factory=list)
    """Files that did not come along, with the reason."""
    hidden: int = 0
    """Values in whose place a note stands that the record itself holds."""
    _made: dict[str, str] = field(default_factory=dict)

    def seen(self) -> Iterator[Event]:
        """Its events as they may leave. The record may grow meanwhile: what came later is not told."""
        from orchestrator.events import CallFinished

        upto = (event for seq, event in self.store.events(self.run) if seq < self.events)
        for event in self.outward(self._counted(upto)):
            self.hidden += _notes(event)
            if isinstance(event, CallFinished):
                self._made.update({str(one["sha256"]): str(one["name"]) for one in event.artifacts})
            yield event

    def _counted(self, events: Iterable[Event]) -> Iterator[Event]:
        """What the record did not keep itself was not left out here."""
        for event in events:
            self.hidden -= _notes(event)
            yield event

    def contents(self) -> Iterator[Content]:
        """The files of the events that were seen."""
        from orchestrator.store.artifacts import artifact_path
        from orchestrator.store.portable import ALL_ARTIFACTS, LARGEST_ARTIFACT, Content

        room = ALL_ARTIFACTS
        for sha, name in self._made.items():
            path = artifact_path(self.folder, sha, name)
            size = path.stat().st_size if sha and path.is_file() else -1
            if not 0 <= size <= min(room, LARGEST_ARTIFACT):
                self.left_out.append(f"{name} ({'is not there' if size < 0 else 'too large'})")
                continue
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != sha:
                self.left_out.append(f"{name} (is not what it was)")
                continue
            if self.secrets and self.secrets.found([data.decode("utf-8", "replace")]) is not None:
                self.left_out.append(f"{name} (holds a secret)")
                continue
            room -= size
            yield Content(sha, data)


def _notes(event: Event) -> int:
    """How many values of an event are only noted."""
    from orchestrator.policy.keep import noted

    count, left = 0, [getattr(event, one.name) for one in fields(event)]
    while left:
        value = left.pop()
        if isinstance(value, Mapping):
            left.extend(value.values())
        elif isinstance(value, list | tuple):
            left.extend(value)
        else:
            count += noted(value) is not None
    return count


def _export(store: Store, run: str, config: Config, *, everything: bool) -> Export:
    from orchestrator.cli.outward import Outward, secrets_in
    from orchestrator.cli.privacy import KEY_FILE, digest_key
    from orchestrator.events import RunStarted
    from orchestrator.store.artifacts import folder_of

    head, started = store.head(run), store.event(run, 0)
    assert isinstance(started, RunStarted), "the first event of every run is that it started"
    clearance, secrets = EVERYTHING if everything else LOWEST, secrets_in(os.environ)
    outward = Outward(started, clearance, digest_key(config.data / KEY_FILE), secrets, bare=not everything)
    folder = folder_of(store, config.data)
    return Export(store, run, head.count, head.hash.hex(), clearance, outward, folder, secrets)


def _lines(exports: Sequence[Export]) -> Iterator[bytes]:
    from orchestrator.store.portable import Head, first_line, lines_of

    yield first_line(__version__)
    for one in exports:
        head = Head(one.run, one.events, one.origin, one.clearance)
        yield from lines_of(head, one.seen(), one.contents())


def _spans(exports: Sequence[Export]) -> Iterator[bytes]:
    from orchestrator.report.export_otlp import spans

    yield spans([one.seen() for one in exports], __version__)


def _refuse_damaged(store: Store, runs: Sequence[str]) -> None:
    from orchestrator.cli.whole import refuse_damaged
    from orchestrator.store.quarantine import verified

    for run in runs:
        refuse_damaged(run, verified(store, run))


def _agree(console: Console) -> None:
    """Raises UsageError."""
    if not (is_terminal(sys.stdin) and is_terminal(console.err)):
        raise UsageError(
            "--everything tells private values", hint="say --yes if whoever gets the file may read them"
        )
    if not click.confirm("Private values, paths and names will stand in the file. Go on?", err=True):
        raise UsageError("nothing was exported", hint="leave out --everything")


# ------------------------------------------------------------------------------------------- the file


def _target(output: str | None, runs: Sequence[str], ending: str) -> Path | None:
    """None is the standard output. Raises UsageError."""
    if output == "-":
        return None
    if output is None and len(runs) > 1:
        raise UsageError("several runs need a name for their file", hint=f"say it: -o runs{ending}")
    path = Path(output or f"{runs[0]}{ending}")
    if path.exists():
        raise UsageError(f"{path} is there already", hint="remove it, or name another file with -o")
    return path


def write(target: Path | None, lines: Iterable[bytes]) -> int:
    """All of it or nothing; returns bytes. Raises OrchError."""
    if target is None:
        return sum(sys.stdout.buffer.write(line) for line in lines)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            size = sum(file.write(line) for line in lines)
            file.flush()
            os.fsync(file.fileno())
        os.link(fresh, target)  # what lies there meanwhile is not overwritten
    except OSError as error:
        raise OrchError(
            f"{target} cannot be written: {error.strerror}", hint="name another with -o"
        ) from error
    finally:
        fresh.unlink(missing_ok=True)
    return size


def _tell(console: Console, exports: Sequence[Export], target: Path | None, size: int) -> None:
    from orchestrator.report import words

    for one in exports:
        for name in one.left_out:
            console.warning(f"{one.run}: a file did not come along: {name}")
    if target is not None:
        console.say(f"{target}: {words.count(len(exports), 'run')}, {words.size(size)}")


def _tell_hidden(console: Console, exports: Sequence[Export]) -> None:
    from orchestrator.report import words

    hidden = sum(one.hidden for one in exports)
    if hidden:
        were = "was" if hidden == 1 else "were"
        console.say(
            f"{words.count(hidden, 'value')} above {LOWEST} {were} left out; --everything takes them along, but no secrets"
        )


__all__ = ["Export", "command", "write"]
