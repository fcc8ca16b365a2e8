"""Writes the generated parts of the reference: `python -m orchestrator.cli.reference docs`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path


def pages(folder: Path) -> Mapping[Path, str]:
    """The reference pages of this directory as they should be."""
    from orchestrator.cli.explain import all_codes
    from orchestrator.render import FILTERS, FUNCTIONS
    from orchestrator.spec.reference import errors_page, fill, key_blocks, table_of

    language = folder / "language.md"
    blocks = {
        **key_blocks(),
        "filters": table_of(FILTERS.values(), filters=True),
        "functions": table_of(FUNCTIONS.values(), filters=False),
    }
    screen = folder / "screen.md"
    return {
        screen: fill(screen.read_text(encoding="utf-8"), {"Actions": _actions()}),
        language: fill(language.read_text(encoding="utf-8"), blocks),
        folder / "errors.md": errors_page(all_codes()),
    }


def _actions() -> str:
    """The actions of the screen with their keys."""
    from orch_tui.settings import ACTIONS

    rows = [f"| `{name}` | {_keys(action.keys)} | {action.words} |" for name, action in ACTIONS.items()]
    return "\n".join(["| action | keys | |", "| --- | --- | --- |", *rows])


def _keys(names: str) -> str:
    """Textual's names as they stand on a keyboard."""
    signs = {
        "slash": "/",
        "colon": ":",
        "question_mark": "?",
        "greater_than_sign": ">",
        "less_than_sign": "<",
    }
    signs |= {
        "right_square_bracket": "]",
        "left_square_bracket": "[",
        "plus": "+",
        "minus": "-",
        "equals_sign": "=",
    }
    return " ".join(f"`{signs.get(name, name)}`" for name in names.split(","))


def main(folder: str = "docs") -> int:
    """Write the pages."""
    for path, text in pages(Path(folder)).items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
