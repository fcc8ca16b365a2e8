"""The user's own settings, `config.yaml`: read strictly, every mistake with its place. Knows no screen.

tui:
  theme: textual-light        # empty: as the terminal is, light or dark
  mouse: false                # then the terminal selects text as ever
  keys: {quit: "Q,ctrl+q"}    # other keys for an action, by its id
cache:
  shared: ~/team/answers      # a directory, or the address of a database: answers that a team shares
  clearance: public           # the highest label of an answer that goes there
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orch_tui.settings import ACTIONS, Settings
from orchestrator.errors import UsageError
from orchestrator.spec.diagnostics import Diagnostic, SpecError
from orchestrator.spec.marks import Marks, Part

LARGEST = 1_000_000
"""Bytes; a file of settings has a few hundred."""
_MODIFIERS = frozenset({"ctrl", "shift", "alt", "super", "meta", "hyper"})
_UNKNOWN, _WRONG, _NO_CHOICE = "ORCH101", "ORCH110", "ORCH111"
_KINDS = {
    "string_type": "is text",
    "bool_type": "is true or false",
    "literal_error": "is public, internal or private",
}


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TuiSection(_Strict):
    """The section `tui`."""

    theme: str = ""
    mouse: bool = True
    keys: dict[str, str] = Field(default_factory=dict)


class CacheSection(_Strict):
    """The section `cache`."""

    shared: str = ""
    clearance: Literal["public", "internal", "private"] = "public"


class UserSettings(_Strict):
    """The whole file."""

    tui: TuiSection = TuiSection()
    cache: CacheSection = CacheSection()


SECTIONS: Mapping[Part, type[_Strict]] = {"tui": TuiSection, "cache": CacheSection}


def read_settings(path: Path) -> Settings:
    """The settings of the screen in a file; the defaults when there is none. Raises as `read_all`."""
    tui = read_all(path).tui
    return Settings(theme=tui.theme, mouse=tui.mouse, keys=dict(tui.keys))


def read_all(path: Path) -> UserSettings:
    """Every setting in a file; the defaults when there is none.

    Raises SpecError for what is wrong in it, UsageError when it cannot be read.
    """
    text = _text(path)
    if text is None:
        return UserSettings()
    from orchestrator.spec.yaml import parse  # who has no file does not pay for reading one

    parsed = parse(text, str(path))
    if any(found.severity == "error" for found in parsed.diagnostics):
        raise SpecError(parsed.diagnostics)
    if parsed.value is None:
        return UserSettings()
    try:
        settings = UserSettings.model_validate(parsed.value)
    except ValidationError as error:
        raise SpecError([_complaint(entry, parsed.marks) for entry in error.errors()]) from None
    wrong = [*_wrong_keys(settings.tui.keys, parsed.marks), *_secrets(settings.cache, parsed.marks)]
    if wrong:
        raise SpecError(wrong)
    return settings


def _text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise UsageError(f"{path} is larger than 1 MB", hint="settings are a few lines of YAML")
        return data.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8", hint="save it as UTF-8") from None
    except OSError as error:
        hint = "make it readable, or move it away"
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint=hint) from None


def _complaint(error: Mapping[str, Any], marks: Marks) -> Diagnostic:
    """What pydantic says, in our words, where it stands."""
    path: tuple[Part, ...] = error["loc"]
    where = repr(".".join(map(str, path))) if path else "the file"
    if error["type"] == "extra_forbidden":
        above = ".".join(map(str, path[:-1]))
        message = f"there is no key {path[-1]!r} {f'in {above!r}' if above else 'at the top of the settings'}"
        known = list(SECTIONS.get(path[0], UserSettings).model_fields if above else UserSettings.model_fields)
        return marks.diagnostic(_UNKNOWN, message, marks.key(*path), _near(str(path[-1]), known, "keys"))
    what = _KINDS.get(error["type"], "is a map of keys")
    return marks.diagnostic(_WRONG, f"{where} {what}", marks.at(*path))


def _secrets(cache: CacheSection, marks: Marks) -> Iterator[Diagnostic]:
    """A password in an address: it would lie in a file that is copied and shown."""
    if "://" in cache.shared and urlsplit(cache.shared).password is not None:
        hint = "leave it out (PGPASSWORD, or a password file, gives it), or set ORCH_CACHE instead"
        message = "'cache.shared' holds a password"
        yield marks.diagnostic(_WRONG, message, marks.at("cache", "shared"), hint)


def _wrong_keys(keys: Mapping[str, str], marks: Marks) -> Iterator[Diagnostic]:
    """Actions that do not exist, keys that no keyboard has, and keys that two actions would share."""
    for action, written in keys.items():
        place = ("tui", "keys", action)
        if action not in ACTIONS:
            hint = _near(action, list(ACTIONS), "actions")
            yield marks.diagnostic(_UNKNOWN, f"there is no action {action!r}", marks.key(*place), hint)
            continue
        problems = (_problem(key.strip(), action, keys) for key in written.split(","))
        for message, hint in filter(None, dict.fromkeys(problems)):
            yield marks.diagnostic(_NO_CHOICE, message, marks.at(*place), hint)


def _problem(key: str, action: str, keys: Mapping[str, str]) -> tuple[str, str] | None:
    if not key:
        return (
            f"a key of {action!r} is empty",
            "write keys with commas between them; the comma itself is `comma`",
        )
    if not _exists(key):
        return f"{key!r} is no key", "for example `x`, `X`, `f5`, `ctrl+x`, `question_mark`"
    for other, default in ACTIONS.items():
        taken = keys.get(other, default.keys)
        if other != action and _character(key) in {_character(each.strip()) for each in taken.split(",")}:
            return f"{key!r} is the key of {other!r} already", f"give {other!r} another one too"
    return None


def _exists(key: str) -> bool:
    from textual.keys import Keys

    *modifiers, name = key.split("+") if key != "+" else [key]
    known = len(name) == 1 or name in {each.value for each in Keys} or _character(name) != name
    return known and set(modifiers) <= _MODIFIERS


def _character(key: str) -> str:
    """What a key writes, so that `?` and `question_mark` are the same; the name itself when it writes nothing."""
    from textual.keys import REPLACED_KEYS, key_to_character

    return key_to_character(REPLACED_KEYS.get(key, key)) or key


def _near(name: str, known: Sequence[str], what: str) -> str:
    near = get_close_matches(name.lower(), known, 1, 0.6)
    return f"did you mean {near[0]!r}?" if near else f"the {what} are {', '.join(known)}"
