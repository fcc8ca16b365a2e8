"""Whether the documents of `knowledge:` are there: every glob should mean a file that holds text, or a Chroma folder.

Only the beginnings of files are read. Knows no index.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from orchestrator.graph.setting import Setting
from orchestrator.graph.texts import Path as Place
from orchestrator.inputs.globs import matches
from orchestrator.library import Written
from orchestrator.regular import real
from orchestrator.spec.paths import folder_of

MISSING = "ORCH615"
CHROMA = "chroma:"
CHROMA_FILE = "chroma.sqlite3"
HINT = "a glob like docs/**/*.md, relative to the file that writes it; text of any kind is read, and PDF"
BEGINNING = 4096
"""Bytes of a file that tell text from something else."""
LOOKED_AT = 100
"""Files that are looked at; where none of so many is text, others may still be."""
_TEXTS = (b"%PDF-", b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
"""How text in more than one byte per letter begins, and what text can be taken out of."""


def check_documents(setting: Setting) -> None:
    """Warn of globs of this file, and of what its project declares and it uses, that mean no document."""
    document = setting.document
    for name, spec in document.workflow.knowledge.items():
        at: Place = ("knowledge", name, "from")
        for place, pattern in _patterns(spec.from_, at):
            _check(setting, Written(setting.marks, place), name, pattern, document.path.parent)


def check_shared(setting: Setting) -> None:
    """The same for the documents of the project file that this workflow looks things up in."""
    project, own = setting.project, setting.document.workflow.knowledge
    if project is None:
        return
    for name in sorted(setting.used.get("knowledge", set()) - set(own)):
        spec = project.project.knowledge.get(name)
        for place, pattern in () if spec is None else _patterns(spec.from_, ("knowledge", name, "from")):
            _check(setting, Written(project.marks, place), name, pattern, project.path.parent)


def _patterns(stated: str | tuple[str, ...], at: Place) -> Iterator[tuple[Place, str]]:
    """Every glob, and where it stands."""
    if isinstance(stated, str):
        yield at, stated
        return
    for number, pattern in enumerate(stated):
        yield (*at, number), pattern


def _check(setting: Setting, written: Written, name: str, pattern: str, base: Path) -> None:
    wrong = _wrong(pattern, base, setting.document.root)
    if wrong:
        setting.report.add(written.marks, written.mark(), MISSING, f"knowledge '{name}': {wrong}", HINT)


def _wrong(pattern: str, base: Path, root: Path) -> str:
    """What keeps a glob from meaning documents; nothing where all is well, or where it is no glob of the project at all."""
    if not real(base / folder_of(pattern)).is_relative_to(real(root)):
        return ""  # said by ORCH162; nobody walks through the rest of the machine for it
    if pattern.startswith(CHROMA):
        folder = folder_of(pattern)
        found = _is_file(base / folder / CHROMA_FILE)
        return "" if found else f"'{folder}' is no Chroma folder, there is no {CHROMA_FILE} in it"
    files = list(islice(_files(pattern, base, real(root)), LOOKED_AT))
    if not files:
        return f"'{pattern}' matches no file"
    if len(files) < LOOKED_AT and not any(_holds_text(file) for file in files):
        return f"'{pattern}' matches no text and no PDF, only files such as {files[0].name}"
    return ""


def _files(pattern: str, base: Path, root: Path) -> Iterator[Path]:
    """The regular files of the project that a glob means."""
    for path in matches(pattern, base):
        if _is_file(path) and real(path).is_relative_to(root):
            yield path


def _is_file(path: Path) -> bool:
    """No as well for a name that is too long or may not be looked at, where the method raises."""
    return os.path.isfile(path)  # noqa: PTH113


def _holds_text(path: Path) -> bool:
    """Whether a file can be read as text; one that cannot be opened is not said to be something else."""
    try:
        with path.open("rb") as file:
            data = file.read(BEGINNING)
    except OSError:
        return True
    return data.startswith(_TEXTS) or b"\0" not in data


__all__ = ["check_documents", "check_shared"]
