"""Typed inputs of a run from what a person gives; every mistake is reported, all of them at once."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import UsageError
from orchestrator.inputs.files import CEILING, beneath, read_text
from orchestrator.light import light
from orchestrator.spec.schema import check_value, coerce, complete, describe
from orchestrator.spec.types import Date, Enum, ImageType, ListOf, MapOf, Str, Type

if TYPE_CHECKING:
    from orchestrator.spec.model import InputSpec

FILES_CEILING = 10_000
"""Files one `files` input may match."""


@light(frozen=True, slots=True)
class Raw:
    """A value that is data already (from `--input-file`), with the directory its paths are relative to."""

    value: Any
    base: Path | None = None


@light(frozen=True, slots=True)
class _Place:
    """Where paths are looked up: `cwd` for the command line, `base` and `root` for what the workflow writes."""

    root: Path
    cwd: Path
    base: Path
    today: date


def read_inputs(
    specs: Mapping[str, InputSpec],
    given: Mapping[str, str | Raw],
    *,
    root: Path,
    cwd: Path,
    today: date,
    input_file: Path | None = None,
    base: Path | None = None,
) -> dict[str, Any]:
    """The value of every declared input, plain data, in the order of the file.

    `given` holds the texts of `-i name=value`; they win over `input_file`. `base` is the directory of the
    workflow's file, to which a default path is relative (the project's `root` when absent). Raises UsageError.
    """
    place = _Place(root, cwd, base or root, today)
    everything: dict[str, str | Raw] = {**_from_file(input_file), **given}
    values: dict[str, Any] = {}
    problems = _unknown_of(everything, specs)
    missing = [name for name, spec in specs.items() if name not in everything and _required(spec)]
    if missing:
        problems.append(_missing(missing, specs))
    for name, spec in specs.items():
        if name in missing:
            continue
        try:
            values[name] = _value(name, spec, everything.get(name), place)
        except UsageError as error:
            problems.append(UsageError(f"input '{name}': {error.message}", hint=error.hint))
    problems += _two_labels(specs, everything, place)
    _settle(problems)
    return values


def refuse_unknown(given: Iterable[str], specs: Mapping[str, InputSpec]) -> None:
    """Raise UsageError for names that are no inputs."""
    _settle(_unknown_of(given, specs))


def _unknown_of(given: Iterable[str], specs: Mapping[str, InputSpec]) -> list[UsageError]:
    return [_unknown(name, specs) for name in given if name not in specs]


def _two_labels(
    specs: Mapping[str, InputSpec], given: Mapping[str, str | Raw], place: _Place
) -> Iterator[UsageError]:
    """Inputs that read one file, whatever it is called, and do not agree how private it is."""
    labels = {name: spec.label or "private" for name, spec in specs.items()}
    if len(set(labels.values())) < 2:
        return
    readers: dict[tuple[int, int], str] = {}
    for name, spec in specs.items():
        for path in _paths_of(spec, given.get(name), place):
            try:
                found = path.stat()
            except OSError:
                continue
            first = readers.setdefault((found.st_dev, found.st_ino), name)
            if labels[first] != labels[name]:
                message = (
                    f"the inputs '{first}' ({labels[first]}) and '{name}' ({labels[name]}) read the same file"
                )
                hint = f"give {path.name} to one of them, or give both the higher label"
                yield UsageError(message, hint=hint)
                return


def _paths_of(spec: InputSpec, given: str | Raw | None, place: _Place) -> list[Path]:
    """The files that a value is read from, not opened; none for a value that is no path."""
    if not isinstance(spec.type, str | ImageType):
        from_file = isinstance(given, str) and given.startswith("@") and not given.startswith("@@")
        return [place.cwd / given[1:]] if isinstance(given, str) and from_file else []
    value = given.value if isinstance(given, Raw) else spec.default if given is None else given
    if not isinstance(value, str):
        return []
    shown, folder, _ = _path_of(spec, given, place)
    assert shown is not None
    if spec.type != "files":
        return [folder / shown]
    return [folder / name for name in glob.iglob(shown, root_dir=folder, recursive=True)]  # noqa: PTH207


def _settle(problems: list[UsageError]) -> None:
    if len(problems) == 1:
        raise problems[0]
    if problems:
        lines = [f"{p.message}{f' ({p.hint})' if p.hint else ''}" for p in problems]
        raise UsageError(f"{len(problems)} inputs are wrong:\n  " + "\n  ".join(lines))


def _unknown(name: str, specs: Mapping[str, InputSpec]) -> UsageError:
    near = get_close_matches(name, specs, n=1)
    known = f"its inputs are: {', '.join(specs)}" if specs else "it takes none"
    return UsageError(
        f"the workflow has no input '{name}'", hint=f"did you mean '{near[0]}'?" if near else known
    )


def _required(spec: InputSpec) -> bool:
    return "default" not in spec.model_fields_set and spec.missing != "empty"


def _missing(names: list[str], specs: Mapping[str, InputSpec]) -> UsageError:
    words = []
    for name in names:
        about = f": {specs[name].description}" if specs[name].description else ""
        words.append(f"'{name}' ({_wanted(specs[name])}{about})")
    options = " ".join(f"-i {name}={_sample(specs[name])}" for name in names)
    what = "the input" if len(names) == 1 else "the inputs"
    return UsageError(f"{what} {', '.join(words)} must be given", hint=f"add {options}")


def _wanted(spec: InputSpec) -> str:
    if isinstance(spec.type, str):
        return f"{spec.type}, {spec.format}" if spec.type == "file" else spec.type
    return describe(spec.type)


def _sample(spec: InputSpec) -> str:
    match spec.type:
        case "file":
            return (
                f"FILE.{'txt' if spec.format == 'text' else 'png' if spec.format == 'image' else spec.format}"
            )
        case "files":
            return "'*.md'"
        case "image" | ImageType():
            return "FILE.png"
        case Enum(values):
            return values[0]
        case Date():
            return "2026-01-31"
        case Str():
            return "TEXT"
        case ListOf() | MapOf():
            return "JSON"
        case _:
            return "VALUE"


def _from_file(path: Path | None) -> dict[str, Raw]:
    if path is None:
        return {}
    from orchestrator.spec.yaml import parse

    text = read_text(path, str(path))
    if path.suffix == ".json":
        from orchestrator.inputs.tables import read_json

        value = read_json(text, str(path), None)
    else:
        parsed = parse(text, str(path))
        wrong = next((d for d in parsed.diagnostics if d.severity == "error"), None)
        if wrong is not None:
            raise UsageError(
                f"{wrong.mark.file}:{wrong.mark.line}:{wrong.mark.column}: {wrong.message}", hint=wrong.hint
            )
        value = parsed.value
    if not isinstance(value, dict):
        raise UsageError(f"{path} holds no map of inputs", hint="write one `name: value` per input")
    base = path.resolve().parent
    return {str(name): Raw(item, base) for name, item in value.items()}


# ------------------------------------------------------------------------------------------------ one input


def _value(name: str, spec: InputSpec, given: str | Raw | None, place: _Place) -> Any:
    if isinstance(spec.type, str | ImageType):
        return _file_value(spec, given, place)
    kind = spec.type
    match given:
        case None:
            return _default(spec, kind, place)
        case Raw(value):
            return _checked(kind, value)
        case str():
            return _from_text(name, kind, given, place)


def _default(spec: InputSpec, kind: Type, place: _Place) -> Any:
    if spec.default is None:
        return None
    if isinstance(kind, Date) and spec.default == "today":
        return place.today.isoformat()
    return _checked(kind, spec.default)


def _checked(kind: Type, value: Any) -> Any:
    problems = check_value(kind, value)
    if problems:
        text = isinstance(kind, Str) and isinstance(value, int | float)
        raise UsageError(_sentence(problems), hint="put it in quotes to make it text" if text else "")
    return complete(kind, value)


def _sentence(problems: list[str]) -> str:
    return "; ".join(problem.removeprefix("the value: ") for problem in problems)


def _from_text(name: str, kind: Type, text: str, place: _Place) -> Any:
    if text.startswith("@@"):
        text = text[1:]
    elif text.startswith("@"):
        text = read_text(place.cwd / text[1:], text[1:])
        text = text if isinstance(kind, Str) else text.strip()
    try:
        text.encode()
        return coerce(kind, text)
    except UnicodeEncodeError:
        raise UsageError("the text is no UTF-8") from None
    except ValueError as error:
        raise UsageError(str(error), hint=f"it is declared as {describe(kind)}: -i {name}=…") from None


# ---------------------------------------------------------------------------------------------------- files


def _file_value(spec: InputSpec, given: str | Raw | None, place: _Place) -> Any:
    shown, folder, inside = _path_of(spec, given, place)
    if shown is None:
        return _empty(spec) if spec.missing == "empty" else None
    if spec.type == "files":
        return _files(spec, shown, folder, place.root if inside else None)
    path = folder / shown
    if spec.missing == "empty" and not path.exists():
        return _empty(spec)
    if inside:
        path = beneath(path, place.root, shown)
    if spec.type != "file" or spec.format == "image":
        from orchestrator.inputs.media import read_image

        return read_image(path, shown)
    return _read(spec, path, shown)


def _path_of(spec: InputSpec, given: str | Raw | None, place: _Place) -> tuple[str | None, Path, bool]:
    """The path as written, the directory it is relative to, and whether it must stay in the project."""
    match given:
        case None:
            value, folder, inside = spec.default, place.base, True
        case Raw(value):
            folder, inside = given.base or place.cwd, False
        case str():
            return given.removeprefix("@"), place.cwd, False
    if value is not None and not isinstance(value, str):
        raise UsageError("a path is needed, as text")
    return value, folder, inside


def _empty(spec: InputSpec) -> Any:
    if spec.type == "files" or spec.format in ("jsonl", "csv") or (spec.format == "json" and spec.rows):
        return []
    return "" if spec.type == "file" and spec.format in ("text", "pdf") else None


def _read(spec: InputSpec, path: Path, shown: str) -> Any:
    if spec.format == "pdf":
        from orchestrator.inputs.media import read_pdf

        return read_pdf(path, shown)
    text = read_text(path, shown)
    if not text.strip():
        if spec.missing == "empty":
            return _empty(spec)
        raise UsageError(f"{shown} is empty", hint="`missing: empty` on the input would allow that")
    if spec.format == "text":
        return text
    return _table_reader(spec.format)(text, shown, spec.rows)


def _table_reader(format: str) -> Callable[[str, str, MapOf | None], Any]:  # noqa: A002  (the file's word)
    from orchestrator.inputs.tables import read_csv, read_json, read_jsonl

    return {"json": read_json, "jsonl": read_jsonl, "csv": read_csv}[format]


def _files(spec: InputSpec, pattern: str, folder: Path, root: Path | None) -> list[dict[str, str]]:
    # glob and not Path.glob: it takes absolute patterns and passes over hidden directories.
    names = glob.iglob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207
    found = sorted(name for name in names if (folder / name).is_file())
    if not found and spec.missing != "empty":
        raise UsageError(
            f"no file matches {pattern}", hint=f"looked in {folder}; quote the pattern on the command line"
        )
    if len(found) > FILES_CEILING:
        raise UsageError(f"{pattern} matches {len(found):,} files, more than {FILES_CEILING:,}")
    items, room = [], CEILING
    for name in found:
        path = folder / name if root is None else beneath(folder / name, root, name)
        text = read_text(path, name)
        room -= len(text)
        if room < 0:
            raise UsageError(f"the files of {pattern} are larger than {CEILING // 1_000_000} MB together")
        items.append({"name": path.name, "path": Path(name).as_posix(), "text": text})
    return items
