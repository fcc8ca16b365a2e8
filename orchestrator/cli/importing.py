"""`orch runs import`: a run that was made elsewhere, to be looked at here. Its file is from somebody else: all of it is
checked before anything is written."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from orchestrator.cli.console import the_console
from orchestrator.errors import UsageError
from orchestrator.report import words

if TYPE_CHECKING:
    from orchestrator.events import Event, RunStarted
    from orchestrator.store.portable import Content, Head
    from orchestrator.store.store import Store

LARGEST = 4_000_000_000
"""Bytes of a file that is read at all."""
_OPTIONS = {"today": str, "cache": bool, "local_only": bool, "locked": bool}


@dataclass(slots=True)
class Found:
    """A run in the file. `same`: it is here already."""

    head: Head
    digest: str = ""
    names: dict[str, str] = field(default_factory=dict)
    """Of the files that its tools made, by digest."""
    run: str = ""
    same: bool = False


@click.command("import")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--as", "other", metavar="RUN", help="The id that the run gets here.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(file: str, other: str | None, as_json: bool) -> None:
    """Take runs from FILE (- is the standard input), made by `orch runs export`, into the runs of this project.

    An imported run can be looked at, compared and exported again. It is never gone on with.
    """
    from orchestrator.cli.wiring import the_store

    console = the_console()
    with _opened(file) as (stream, name):
        found = _looked_through(stream, name)
        store = the_store()
        try:
            _settle(store, found, other)
            for one in found:
                if not one.same:
                    _take(store, stream, name, one)
            if as_json:
                console.json([{"run": one.run, "of": one.head.run, "new": not one.same} for one in found])
            for one in found if not as_json else ():
                said = "is here already" if one.same else f"imported; see it: orch show {one.run}"
                console.say(f"{one.run}  {said}")
        finally:
            store.close()


@contextmanager
def _opened(file: str) -> Iterator[tuple[IO[bytes], str]]:
    """The file, to be read twice. Raises UsageError."""
    try:
        if file == "-":
            with tempfile.TemporaryFile() as spool:
                shutil.copyfileobj(sys.stdin.buffer, spool)
                yield _bounded(spool, "the standard input"), "the standard input"
        else:
            with Path(file).open("rb") as stream:
                yield _bounded(stream, file), file
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", hint="name a file that is there"
        ) from error


def _bounded(stream: IO[bytes], name: str) -> IO[bytes]:
    if stream.seek(0, os.SEEK_END) > LARGEST:
        raise UsageError(f"{name} is larger than {words.size(LARGEST)}", hint="export fewer runs at once")
    stream.seek(0)
    return stream


# ------------------------------------------------------------------------------------------ checking


def _looked_through(stream: IO[bytes], name: str) -> list[Found]:
    """Every line of the file was read once and is sound. Raises UsageError."""
    from orchestrator.store.portable import Content, End, Head, pieces

    found: list[Found] = []
    trial = _Trial(name)
    for piece in pieces(stream, name):
        match piece:
            case Head():
                found.append(Found(piece))
                trial = _Trial(name)
            case Content():
                _refuse_stray(found[-1], piece, name)
            case End():
                trial.end()
                found[-1].digest = piece.digest
            case _:
                event = _cleaned(piece)
                found[-1].names.update(trial.take(event))
    if not found:
        raise UsageError(f"{name} holds no run", hint="have it exported again: orch runs export RUN")
    return found


def _named(event: Event) -> dict[str, str]:
    """The files that an event tells of. Raises ValueError for messages and files without what they consist of."""
    from orchestrator.events import AttemptStarted, CallFinished
    from orchestrator.store.artifacts import is_digest

    if isinstance(event, AttemptStarted):
        if not all(isinstance(one.get("role"), str) and "content" in one for one in event.messages):
            raise ValueError
        return {}
    made = event.artifacts if isinstance(event, CallFinished) else ()
    if not all(type(one["bytes"]) is int and isinstance(one["media_type"], str) for one in made):
        raise ValueError
    if not all(one["sha256"] == "" or is_digest(one["sha256"]) for one in made):
        raise ValueError
    return {str(one["sha256"]): str(one["name"]) for one in made}


def _refuse_stray(found: Found, content: Content, name: str) -> None:
    if content.sha256 not in found.names:
        raise UsageError(f"{name} holds a file that no event of run {found.head.run} names")


class _Trial:
    """Shows the run as every command would, to nobody: what cannot be shown is not let in."""

    def __init__(self, name: str) -> None:
        from orchestrator.report.summary import Summary
        from orchestrator.state import RunState

        self._name = name
        self._state, self._figures = RunState(), Summary()

    def take(self, event: Event) -> dict[str, str]:
        """The names of the files that it tells of, by digest. Raises UsageError."""
        from orchestrator.report.lines import line

        try:
            self._state.apply(event)
            self._figures.add(event)
            line(event)
            return _named(event)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise self._wrong(event.kind) from error

    def end(self) -> None:
        from orchestrator.report.summary import step_table

        try:
            step_table(self._figures)
            self._figures.spending.total()
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise self._wrong("one of its events") from error

    def _wrong(self, what: str) -> UsageError:
        return UsageError(f"{self._name}: {what} is not as orch writes it", hint="have it exported again")


def _cleaned(event: Event) -> Event:
    """Of the options only those that this program knows, each of its own type: they steer what is said of the run."""
    from orchestrator.events import RunStarted

    return replace(event, options=_options(event)) if isinstance(event, RunStarted) else event


def _options(started: RunStarted) -> dict[str, Any]:
    said = started.options
    kept: dict[str, Any] = {
        name: said[name] for name, kind in _OPTIONS.items() if type(said.get(name)) is kind
    }
    for name in ("models", "made_of"):
        if isinstance(value := said.get(name), dict) and all(isinstance(one, str) for one in value.values()):
            kept[name] = value
    match said.get("forked"):
        case {"run": str(run), "at": str() | None as at, "events": int(events)}:
            kept["forked"] = {"run": run, "at": at, "events": events}
    return kept


# ------------------------------------------------------------------------------------------ taking in


def _settle(store: Store, found: list[Found], other: str | None) -> None:
    """Under which id each comes in; no run that is here is ever overwritten. Raises UsageError."""
    from orchestrator.store.foreign import foreign
    from orchestrator.store.portable import ID

    if other is not None and (len(found) != 1 or not ID.fullmatch(other)):
        raise UsageError(
            f"--as {other}: "
            + ("the file holds several runs" if len(found) != 1 else "this is no id of a run"),
            hint="an id is like 1123-0645-k7q",
        )
    known = foreign(store)
    for one in found:
        one.run = other or one.head.run
        if not store.has(one.run):
            continue
        mark = known.get(one.run, {})
        if mark.get("content") != one.digest and store.head(one.run).hash.hex() != one.head.origin:
            raise UsageError(
                f"there is another run {one.run} here, with other content",
                hint="import it under another id: --as RUN",
            )
        one.same = True
    if len({one.run for one in found}) != len(found):
        raise UsageError("the file holds a run twice", hint="have it exported again: orch runs export RUN")


def _take(store: Store, stream: IO[bytes], name: str, one: Found) -> None:
    """The second reading: files first, since the record names them; it is checked as before."""
    from orchestrator.store.portable import write_run

    _take_files(store, stream, name, one)
    facts = {"run": one.head.run, "content": one.digest, "clearance": one.head.clearance, "at": time.time()}
    write_run(store, one.run, _events(stream, name, one), facts)


def _events(stream: IO[bytes], name: str, one: Found) -> Iterator[Event]:
    from orchestrator.events import RunStarted
    from orchestrator.store.portable import Content, End, Head, pieces

    stream.seek(0)
    mine = False
    for piece in pieces(stream, name):
        match piece:
            case Head():
                mine = piece == one.head
            case End() if mine:
                if piece.digest != one.digest:
                    raise UsageError(f"{name} was changed while it was read", hint="import it again")
                return
            case Content() | End():
                pass
            case RunStarted() if mine:
                yield replace(piece, run=one.run, options=_options(piece))
            case _ if mine:
                yield piece


def _take_files(store: Store, stream: IO[bytes], name: str, one: Found) -> None:
    from orchestrator.calling import Artifact
    from orchestrator.config import Config
    from orchestrator.store.artifacts import Artifacts, folder_of
    from orchestrator.store.portable import Content, Head, pieces

    keep = Artifacts(folder_of(store, Config.from_environment(os.environ, Path.cwd()).data))
    stream.seek(0)
    mine = False
    with tempfile.TemporaryDirectory() as folder:
        for piece in pieces(stream, name):
            match piece:
                case Head():
                    mine = piece == one.head
                case Content() if mine and piece.sha256 in one.names:
                    path = Path(folder) / "content"
                    path.write_bytes(piece.data)
                    keep(Artifact(one.names[piece.sha256], "", path))
