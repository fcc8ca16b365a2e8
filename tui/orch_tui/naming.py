"""What instances are called, for a person: `loop~2` is `pass 2`, `summary^1.0` is `merge 1.0`. Knows no trace."""

from __future__ import annotations

import re

SIGNS = "~^#"
"""What marks names that are told otherwise than they are written."""
BETWEEN = " › "
_PART = re.compile(r"\^\d+\.\d+|[.~@#]?[^.~@^#]+")


def called(name: str) -> str:
    """One part of a path with its separator, as the tree tells it: `draft`, `3`, `pass 2`, `merge 1.0`, `@tiny`."""
    match name[:1]:
        case ".":
            return name[1:]
        case "~":
            return f"pass {name[1:]}"
        case "#":
            return f"sample {name[1:]}"
        case "^":
            return f"merge {name[1:]}"
        case _:
            return name


def readable(path: str) -> str:
    """A whole path in the words of the tree: `answer › 3 › polish › pass 2 › draft`. The path itself when it is plain."""
    if not any(sign in path for sign in SIGNS):
        return path
    return BETWEEN.join(called(part) for part in _PART.findall(path))
