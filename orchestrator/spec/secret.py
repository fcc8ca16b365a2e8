"""Keys and variables in a file: a secret is named there (`env.NAME`) and never stands there. Pure; reads no environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, TypeAlias
from urllib.parse import parse_qsl

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from orchestrator.spec.model import McpServer

PREFIX = "env."
_NAMED = re.compile(
    r"(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PWD|PASS|CREDENTIALS?|AUTH)(?:_|$)", re.IGNORECASE
)
_ISSUED = re.compile(
    r"(?:^|[\s=:/@])(?:sk-|pk-|rk_|sk_|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|AKIA|AIza|hf_|npm_|pypi-|eyJ[\w-]+\.)[\w-]{8,}"
)
_USER_OF_ADDRESS = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
_ENDS = re.compile(
    r"(?:^|_)(?:API_?KEY|(?<!MAX_)(?<!MIN_)(?<!BOS_)(?<!EOS_)(?<!PAD_)(?<!UNK_)TOKEN|SECRET|PASSWORD|PASSWD)$",
    re.IGNORECASE,
)
"""Names of options and of parts of an address whose value is the secret itself; `--max-token` is about those of a model."""
_NO_SECRETS = frozenset(("empty", "none", "null", "dummy", "not-needed"))
_VARIABLE = re.compile(r"\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*\})")
_DIGIT = re.compile("[0-9]")
_LONG = re.compile(r"[A-Za-z0-9+=_-]{24,}")


def variable_of(value: str) -> str:
    """NAME of `env.NAME`; empty for a text that stands for itself."""
    name = value.removeprefix(PREFIX)
    return name if value.startswith(PREFIX) and name.isidentifier() else ""


def variables_of(server: McpServer) -> tuple[str, ...]:
    """The variables that an MCP server has its secrets from, of the environment that orch runs in."""
    found = (variable_of(text) for text in (*server.env.values(), server.key or ""))
    return tuple(dict.fromkeys(name for name in found if name))


def key_from_environment(value: str) -> str:
    """A key as it may stand in a file. Raises for any other text: it could be the key itself."""
    if not variable_of(value):
        raise PydanticCustomError("secret", "a key never stands in a file")
    return value


def without_secrets(values: Mapping[str, str]) -> Mapping[str, str]:
    """Variables as they may stand in a file. Raises for the first whose name or text is that of a secret."""
    for name, text in values.items():
        if not variable_of(text) and (text.startswith(PREFIX) or is_telling(name, text)):
            raise PydanticCustomError("secret", "a secret never stands in a file", {"inside": (name,)})
    return values


def address(value: str) -> str:
    """An address as it may stand in a file: no password, no token in it. Raises for any other."""
    query = parse_qsl(value.partition("?")[2].partition("#")[0])
    if _USER_OF_ADDRESS.search(value) or _is_issued(value) or any(_is_secret_of(*pair) for pair in query):
        raise PydanticCustomError("secret_inside", "a secret never stands in a file")
    return value


def command(words: tuple[str, ...]) -> tuple[str, ...]:
    """A command as it may stand in a file; every process of the machine sees it besides. Raises for one with a secret."""
    before = ""
    for place, word in enumerate(words):
        name, sign, value = word.partition("=")
        pair = (name, value) if sign else (before, word)
        if _is_issued(word) or _USER_OF_ADDRESS.search(word) or _is_secret_of(*pair):
            raise PydanticCustomError(
                "secret_inside", "a secret never stands in a file", {"inside": (place,)}
            )
        before = word if word.startswith("-") else ""
    return words


def _is_issued(text: str) -> bool:
    """Whether a key or token stands in a text; no name such as `npm_config_yes`, `hf_transfer`, `sk-learning`."""
    return any(not found[0].islower() or _DIGIT.search(found[0]) for found in _ISSUED.finditer(text))


def _is_secret_of(name: str, value: str) -> bool:
    """Whether a value is the secret that a name like `--api-key` announces; a path, another option, the name of a variable
    and what stands where a server wants a key and checks none are not."""
    known = _ENDS.search(name.strip("-").replace("-", "_")) is not None
    plain = (
        value.startswith(("-", "/", ".", "~"))
        or value.casefold() in _NO_SECRETS
        or _VARIABLE.fullmatch(value)
    )
    return known and bool(value) and not plain


def is_telling(name: str, text: str) -> bool:
    """Whether a text under this name looks like a secret: in doubt it does, where words and paths do not."""
    if not text or text.casefold() in ("true", "false", "0", "1"):
        return False
    if _NAMED.search(name) or _ISSUED.search(text) or _USER_OF_ADDRESS.search(text):
        return True
    return any(_is_random(word) for word in _LONG.findall(text))


def _is_random(word: str) -> bool:
    """A long run of letters and digits all mixed."""
    kinds = sum(any(test(char) for char in word) for test in (str.islower, str.isupper, str.isdigit))
    return kinds == 3 or (kinds == 2 and sum(map(str.isdigit, word)) >= 6)


Address: TypeAlias = Annotated[str, AfterValidator(address)]
Command: TypeAlias = Annotated[tuple[str, ...], AfterValidator(command)]
Key: TypeAlias = Annotated[str, AfterValidator(key_from_environment)]
Variables: TypeAlias = Annotated[Mapping[str, str], AfterValidator(without_secrets)]

__all__ = [
    "Address",
    "Command",
    "Key",
    "Variables",
    "address",
    "command",
    "is_telling",
    "key_from_environment",
    "variable_of",
    "variables_of",
    "without_secrets",
]
