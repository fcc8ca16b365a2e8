"""Reading a file: from a path to a Workflow, with every mistake at its line and column, all at once.

A file with mistakes still gives a Workflow where it can, so that the graph is checked in the same go.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from orchestrator.errors import UsageError
from orchestrator.light import light
from orchestrator.regular import read_regular, real
from orchestrator.spec.blame import complain, mend
from orchestrator.spec.defaults import wrong_defaults
from orchestrator.spec.diagnostics import Diagnostic
from orchestrator.spec.marks import Marks
from orchestrator.spec.model import AgentSpec, Model, Project, Workflow
from orchestrator.spec.paths import stray_paths
from orchestrator.spec.places import PROJECT_FILE, find_root, nearest_file, shown, yaml_files
from orchestrator.spec.shape import Shape
from orchestrator.spec.yaml import parse

LIMIT = 1_000_000
_WORKFLOW = re.compile(rb"""(?m)^[ \t{]*["']?orch["']?[ \t]*:""")
"""What every workflow and every project file has, however wrong the rest of it is."""
ROUNDS = 50

M = TypeVar("M", bound=Model)


@light(frozen=True, slots=True)
class Document:
    """A workflow file. `file` as the user named it; `root` is the project's root, which its paths stay beneath."""

    file: str
    path: Path
    root: Path
    text: str
    workflow: Workflow
    marks: Marks
    broken: frozenset[str] = frozenset()
    """Names of entries that were too wrong to keep: not to be called unknown where they are used."""


@light(frozen=True, slots=True)
class Loaded:
    """What came of reading a workflow. The document is there together with errors where it could be saved."""

    document: Document | None
    diagnostics: tuple[Diagnostic, ...]


@light(frozen=True, slots=True)
class LoadedProject:
    """The project file `orch.yaml`."""

    project: Project
    file: str
    path: Path
    text: str
    marks: Marks
    diagnostics: tuple[Diagnostic, ...] = ()
    broken: frozenset[str] = frozenset()


@light(frozen=True, slots=True)
class Reading(Generic[M]):
    """A text read by one of the models; `value` is None when nothing could be saved."""

    value: M | None
    marks: Marks
    diagnostics: tuple[Diagnostic, ...]
    broken: frozenset[str] = frozenset()


def read(path: Path, *, display: str | None = None, root: Path | None = None) -> Loaded:
    """Read a workflow file. Raises UsageError when there is no such text file."""
    file = display or str(path)
    place = path.absolute()
    home = root or find_root(place.parent)
    text = read_text(path, file, home)
    if isinstance(text, Diagnostic):
        return Loaded(None, (text,))
    reading = interpret(text, file, Workflow)
    if reading.value is None:
        return Loaded(None, reading.diagnostics)
    document = Document(file, place, home, text, reading.value, reading.marks, reading.broken)
    stray = stray_paths(reading.value, reading.marks, place.parent, home)
    return Loaded(document, _sorted(*reading.diagnostics, *stray))


def read_project(root: Path) -> LoadedProject | None:
    """Read the project file of this root; None when it has none. Raises UsageError."""
    path = root / PROJECT_FILE
    if not path.is_file():
        return None
    file = shown(path)
    text = read_text(path, file, root)
    if isinstance(text, Diagnostic):
        return LoadedProject(Project(orch=1), file, path, "", Marks(file, ""), (text,))
    reading = interpret(text, file, Project)
    project = reading.value or Project(orch=1)
    found = _sorted(*reading.diagnostics, *stray_paths(project, reading.marks, root, root))
    return LoadedProject(project, file, path, text, reading.marks, found, reading.broken)


def read_agent(text: str, file: str) -> Reading[AgentSpec]:
    """Read the text of an `agent.yaml`."""
    return interpret(text, file, AgentSpec)


def interpret(text: str, file: str, top: type[M]) -> Reading[M]:
    """The model that a text describes, and everything that is wrong with it, in the order of the file."""
    parsed = parse(text, file)
    marks = parsed.marks
    if parsed.value is None and not parsed.diagnostics:
        return Reading(None, marks, (_empty(marks, top),))
    if parsed.value is None:
        return Reading(None, marks, parsed.diagnostics)
    shape = Shape(marks, top)
    raw = shape.check(parsed.value)
    value = _validate(raw, top, shape) if raw is not None else None
    if isinstance(value, Workflow):
        shape.problems.extend(wrong_defaults(value, marks))
    diagnostics = _sorted(*parsed.diagnostics, *shape.problems)
    return Reading(value if parsed.whole else None, marks, diagnostics, frozenset(shape.broken))


def _validate(raw: dict[str, Any], top: type[M], shape: Shape) -> M | None:
    """Validate, make harmless what is wrong, and again. Later rounds only add what earlier ones hid: types."""
    for number in range(ROUNDS):
        try:
            return top.model_validate(raw)
        except ValidationError as error:
            complaints = [complain(entry, raw) for entry in error.errors(include_url=False)]
        for complaint in reversed(complaints):
            if number == 0 or complaint.typed:
                shape.say(
                    complaint.code, complaint.message, complaint.path, complaint.hint, key=complaint.key
                )
            gone = mend(raw, complaint, top)
            if gone:
                shape.broken.add(gone)
    return None


def _sorted(*diagnostics: Diagnostic) -> tuple[Diagnostic, ...]:
    return tuple(sorted(diagnostics, key=lambda found: (found.mark, found.code)))


def _empty(marks: Marks, top: type[Model]) -> Diagnostic:
    keys = "`orch: 1` and `steps:`" if top is Workflow else "at least one key"
    return marks.diagnostic("ORCH002", "the file is empty", marks.span(0, 1), f"it needs {keys}")


# ---------------------------------------------------------------------------------------------------- text


def read_text(path: Path, file: str, root: Path | None = None) -> str | Diagnostic:
    """The text of a file, or the diagnostic that says why it is none. Raises UsageError when it cannot be read, and, of
    a workflow in this project, for a link out of it to what is none: a diagnostic would show a line of that."""
    data = _read_bytes(path, file)
    if root is not None and not _WORKFLOW.search(data) and not real(path).is_relative_to(real(root)):
        raise UsageError(
            f"{file} is a link out of the project, to a file that is no workflow",
            hint="a workflow has a line `orch: 1`; nothing of the file is shown",
        )
    for mark, encoding in ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")):
        if data.startswith(mark):
            return Marks(file, "").diagnostic(
                "ORCH003", f"the file is {encoding}, not UTF-8", Marks(file, "").at(), "save it as UTF-8"
            )
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data:
        raise UsageError(f"{file} is a binary file, not a workflow", hint="a workflow is a text file in YAML")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _wrong_encoding(data, error, file)


def _wrong_encoding(data: bytes, error: UnicodeDecodeError, file: str) -> Diagnostic:
    before = data[: error.start].decode("utf-8")
    marks = Marks(file, data.decode("utf-8", "replace"))
    mark = marks.span(len(before), len(before) + 1)
    message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
    return marks.diagnostic(
        "ORCH003", message, mark, "save the file as UTF-8 (it may be Latin-1 or Windows-1252)"
    )


def _read_bytes(path: Path, file: str) -> bytes:
    try:
        info = path.stat()
        if stat.S_ISDIR(info.st_mode):
            raise UsageError(f"{file} is a directory, not a workflow file", hint=_inside(path, file))
        if not stat.S_ISREG(info.st_mode):
            raise UsageError(f"{file} is not a regular file", hint="write the workflow into a file")
        if info.st_size > LIMIT:
            raise UsageError(
                f"{file} has {info.st_size / 1e6:.1f} MB, and a workflow file is small: at most 1 MB",
                hint="keep data in files of its own and read them as inputs",
            )
        return read_regular(path, LIMIT)
    except FileNotFoundError:
        near = nearest_file(path)
        hint = f"did you mean {Path(file).parent / near}?" if near else "check the path"
        raise UsageError(f"{file} does not exist", hint=hint) from None
    except NotADirectoryError:
        raise UsageError(f"{file}: {path.parent} is no directory", hint="check the path") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{file} cannot be read: {reason}", hint="check its permissions") from None


def _inside(path: Path, file: str) -> str:
    """The workflow files of a directory that was named by mistake."""
    names = yaml_files(path)
    return f"did you mean {Path(file) / names[0]}?" if names else "name a .yaml file"
