"""Texts without `{{ }}` that look as if they were meant to be read: warned of, since they are taken to the letter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.graph.kinds import view
from orchestrator.graph.names import Binding
from orchestrator.graph.texts import Path, Text
from orchestrator.spec.types import MapOf, Nullable, Type

if TYPE_CHECKING:
    from orchestrator.graph.setting import Setting
    from orchestrator.spec.marks import Marks
    from orchestrator.spec.model import Sampling

_LONGEST = 200
_NAMED = re.compile(r"[a-z_][a-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*){0,8}")
_BRACED = re.compile(r"(?<!\{)\$?\{[ \t]*(?P<path>[a-z_]\w*(?:\.\w+){1,8})[ \t]*\}(?!\})")
_WHOLE = ("prompt", "outputs", "value", "show", "images")
"""Keys in which even a single name is hardly meant as a text, where it is all they say."""

Find = Callable[[str], Binding | None]


def check_stops(
    setting: Setting, marks: Marks, path: Path, params: Sampling | Mapping[str, Any] | None
) -> None:
    """Warn of texts that end an answer and look like templates; `path` leads to `params`."""
    stop = params.get("stop") if isinstance(params, Mapping) else params.stop if params is not None else None
    for index, text in enumerate((stop,) if isinstance(stop, str) else stop or ()):
        if "{{" in text or "{%" in text:
            at: Path = (*path, "stop", index)
            where = at if marks.has(*at) else (*path, "stop") if marks.has(*path, "stop") else path
            message = f"nothing is read in `stop`: '{text}' is sent as it stands"
            setting.report.at(marks, where, "ORCH522", message, "write the text that ends the answer itself")


def stray_names(text: Text, path: Path, raw: str, find: Find) -> Iterator[tuple[int, int, str, str]]:
    """Offset, width, message and hint of everything in one text that was probably meant to be read."""
    if text.kind == "expression":
        return
    name = raw.strip()
    if len(name) <= _LONGEST and _NAMED.fullmatch(name) and _means(name, text, path, find):
        yield raw.index(name), len(name), f"this is the text '{name}', not its value", _remedy(text, name)
    if "{" not in raw:
        return
    for found in _BRACED.finditer(raw):
        if _exists(found["path"], find):
            message = f"{found[0]} is taken to the letter: braces are doubled to read a value"
            yield found.start(), len(found[0]), message, f"write {{{{ {found['path']} }}}}"


def _means(name: str, text: Text, path: Path, find: Find) -> bool:
    if "." in name:
        return _exists(name, find)
    if text.key not in _WHOLE or path != text.path:
        return False
    binding = find(name)
    return binding is not None and binding.sort in ("step", "loop")


def _remedy(text: Text, name: str) -> str:
    if text.key == "foreach" and isinstance(text.raw, list | tuple):
        whole = ", ".join(str(item) for item in text.raw)
        return f'to read it, write foreach: "[{whole}]"'
    return f'to read it, write "{{{{ {name} }}}}"'


def _exists(dotted: str, find: Find) -> bool:
    """Whether this is a name with fields that are known to be there."""
    first, *rest = dotted.split(".")
    binding = find(first) if first != "env" else None
    if binding is None or binding.sort not in ("inputs", "step", "loop", "last"):
        return False
    kind: Type | None = binding.type
    for part in rest:
        kind = _field(kind, part)
        if kind is None:
            return False
    return True


def _field(kind: Type | None, name: str) -> Type | None:
    while isinstance(kind, Nullable):
        kind = kind.type
    kind = view(kind) if kind is not None else None
    if not isinstance(kind, MapOf):
        return None
    return next((field.type for field in kind.fields if field.name == name), None)
