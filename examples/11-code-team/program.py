"""A program out of a model's answer, and the examples of a description as a test of it. Text only: nothing is run here."""

from __future__ import annotations

import ast
import re

_FENCE = re.compile(r"```[A-Za-z0-9]*[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)
_STARTS = ("def ", "import ", "from ", "class ", "@", " ", "\t", "#")


def program(prompt: str, answer: str, name: str) -> str:
    """The answer's code behind the imports of the prompt; an answer that is only a body stands below the prompt."""
    found = _FENCE.match(answer.lstrip())
    code = found[1] if found else answer.split("\n```")[0]
    imports = "\n".join(line for line in prompt.splitlines() if line.startswith(("import ", "from ")))
    if f"def {name}(" not in code:
        body = "\n".join(line if line.startswith((" ", "\t")) else f"    {line}" for line in code.splitlines())
        return f"{prompt.rstrip()}\n{body}\n"
    kept = []
    for line in code[_start(code) :].splitlines():
        if line.strip() and not line.startswith(_STARTS):
            break                                    # prose or a call behind the function
        kept.append(line)
    while kept and not _parses("\n".join(kept)):
        kept.pop()                                   # a later function that was cut off in the middle
    return f"{imports}\n\n" + "\n".join(kept).rstrip() + "\n"


def examples(prompt: str, code: str) -> str:
    """The code, then the `>>>` examples of the prompt; exits with 1 when one of them says something else."""
    text = prompt.replace('"""', "\n").replace("'''", "\n")    # no quotes behind what an example expects
    return (
        f"{code}\n"
        "import doctest, sys\n"
        f"_examples = doctest.DocTestParser().get_doctest({text!r}, globals(), 'examples', None, 0)\n"
        "_result = doctest.DocTestRunner().run(_examples)\n"
        "sys.exit(1 if _result.failed else 0)\n"
    )


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError):
        return False
    return True


def _start(code: str) -> int:
    return min((found.start() for found in re.finditer(r"^(?:def|import|from|class|@)", code, re.MULTILINE)), default=0)
