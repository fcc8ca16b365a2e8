"""The person's editor on a value that a question lets them change. Knows no screen and no run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orch_tui.editor import OTHER, Place, command_of, editor_of, run
from orchestrator.errors import UsageError
from orchestrator.policy.editing import changed, suffix_of, text_of

_ELSE = f"{OTHER}, or give the text with `orch approve … --edited FILE`"


def edited(edit: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    """The value as the person left it, None when they changed nothing. Raises UsageError.

    What was written and cannot be taken is kept in a file that the error names.
    """
    descriptor, name = tempfile.mkstemp(prefix="orch-edit-", suffix=suffix_of(edit))  # 0600
    file = Path(name)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text_of(edit))
    try:
        _open(file, environ)
        value = _read(edit, file)
    except UsageError as error:
        if file.read_bytes() != text_of(edit).encode():
            raise UsageError(error.message, hint=f"what you wrote is in {file}") from None
        file.unlink()
        raise
    file.unlink()
    return value


def _open(file: Path, environ: Mapping[str, str]) -> None:
    """Until the editor ends. What stands in the file is no step: an error does not call it one."""
    place = Place(file)
    try:
        said = run(command_of(editor_of(environ, place), place))
    except UsageError as error:
        raise UsageError(error.message, hint=_ELSE) from None
    if said:
        raise UsageError(said, hint="nothing was changed")


def _read(edit: Mapping[str, Any], file: Path) -> Any:
    try:
        return changed(edit, file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise UsageError("that is no UTF-8") from None
