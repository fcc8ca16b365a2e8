"""`orch explain ORCH101`: what an error code means, with a wrong and a right example."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING

import click

from orchestrator.cli.console import Console, paint, the_console
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.spec.codes import Code

WIDTH = 80


@click.command()
@click.argument("code", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(code: str | None, as_json: bool) -> None:
    """Explain CODE, e.g. ORCH101; without one, list all codes."""
    console = the_console()
    codes = all_codes()
    if code is not None:
        found = _find(code, codes)
        if as_json:
            console.json(_fields(found))
        else:
            console.result(_page(found, console))
    elif as_json:
        console.json([_fields(entry) for entry in codes.values()])
    else:
        console.table(("code", "", "what is wrong"), [(c.code, c.severity, c.title) for c in codes.values()])


def all_codes() -> Mapping[str, Code]:
    """The codes of the file's form and of its wiring, in order."""
    from orchestrator.graph.codes import CODES as WIRING
    from orchestrator.spec.codes import CODES as FORM

    return dict(sorted({**FORM, **WIRING}.items()))


def _find(code: str, codes: Mapping[str, Code]) -> Code:
    wanted = code.strip().upper()
    if wanted.isdigit():
        wanted = f"ORCH{wanted:0>3}"
    if wanted in codes:
        return codes[wanted]
    from difflib import get_close_matches

    near = get_close_matches(wanted, codes, n=1, cutoff=0.7)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UsageError(f"there is no code {code!r}", hint=hint + "`orch explain` lists all codes")


def _fields(code: Code) -> dict[str, str]:
    return {
        "code": code.code,
        "severity": code.severity,
        "title": code.title,
        "text": code.text.strip(),
        "wrong": code.wrong,
        "right": code.right,
    }


def _page(code: Code, console: Console) -> str:
    head = f"{code.code} ({code.severity}): {code.title}"
    parts = [paint(head, "bold") if console.color_out else head, "", fill(code.text.strip(), WIDTH)]
    for title, example in (("Wrong:", code.wrong), ("Right:", code.right)):
        if example:
            parts += ["", title, "", *(f"    {line}".rstrip() for line in example.strip("\n").splitlines())]
    return "\n".join(parts)
