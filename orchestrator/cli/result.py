"""How a run's result looks on stdout: plain text, readable YAML for maps and lists, or JSON."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.cli.console import Console

_UNPRINTABLE = re.compile(
    "[^\\t\\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""What YAML cannot hold as it is, and what it takes for the end of a line."""


def print_result(console: Console, outputs: Any, *, as_json: bool) -> None:
    """Write the result to stdout; nothing else of a run ever goes there."""
    if as_json:
        console.json(outputs)
    else:
        console.result(as_text(outputs))


def as_text(outputs: Any) -> str:
    """A string as it is; everything else as YAML with text blocks, which people read and machines too."""
    match outputs:
        case None:
            return "null"
        case str():
            return outputs
        case bool():
            return "true" if outputs else "false"
        case int() | float():
            return str(outputs)
        case _:
            return _yaml(outputs)


def _yaml(value: Any) -> str:
    import yaml

    class Readable(yaml.SafeDumper):
        """Text of several lines as a block, also where a line ends in a blank or holds a tab: the language allows
        both, only the library is too careful."""

        def analyze_scalar(self, scalar: str) -> yaml.emitter.ScalarAnalysis:
            analysis = super().analyze_scalar(scalar)
            if "\n" in scalar and not _UNPRINTABLE.search(scalar):
                analysis.allow_block = True
            return analysis

    def text(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
        style = '"' if _UNPRINTABLE.search(data) else "|" if "\n" in data else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    Readable.add_representer(str, text)
    dumped: str = yaml.dump(value, Dumper=Readable, allow_unicode=True, sort_keys=False, width=100)
    return dumped.rstrip("\n")
