"""Scripts of answers in a YAML file: `scripted:answers.yaml`.

    - match: invoice            # the last user message contains this (or `regex:` finds something in it)
      value: {topic: billing}   # or `text:`; `chunks:` streams it in pieces
    - text: Hello.              # without a match: the next in order
      delay: 200ms
    - fault: timeout            # ends with this kind of fault
    - text: Sure.
      usage: [9000, 12]         # what its bill says: tokens read and written
      model: another            # which model it says it is

Entries that match come first and answer as often as they match; the others answer once each, in order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from orchestrator.errors import ProviderError, ProviderKind, UsageError
from orchestrator.messages import Request, TokenLogprob
from orchestrator.providers.scripted import Reply, ScriptedModel, asked
from orchestrator.regular import read_regular
from orchestrator.spec.fields import Duration

if TYPE_CHECKING:
    from orchestrator.spec.model import ModelSpec

LARGEST = 10_000_000


class Entry(BaseModel):
    """One answer of a script file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: str | None = None
    regex: str | None = None
    text: str | None = None
    value: Any = None
    chunks: tuple[str, ...] = ()
    thinking: str = ""
    delay: Duration = 0.0
    finish: Literal["stop", "length"] = "stop"
    fault: ProviderKind | None = None
    message: str = ""
    logprobs: tuple[tuple[str, float], ...] | None = None
    usage: tuple[int, int] | None = None
    model: str = ""

    @model_validator(mode="after")
    def _one_answer(self) -> Entry:
        if (
            sum((self.text is not None, self.value is not None, bool(self.chunks), self.fault is not None))
            != 1
        ):
            raise ValueError(f"an answer has exactly one of text, value, chunks, fault ({', '.join(_KINDS)})")
        if self.match is not None and self.regex is not None:
            raise ValueError("an answer has `match` or `regex`, not both")
        if self.regex is not None:
            re.compile(self.regex)
        return self

    def matches(self, text: str) -> bool:
        """Whether it is for this prompt; one without a condition never is."""
        if self.match is not None:
            return self.match in text
        return self.regex is not None and re.search(self.regex, text) is not None

    @property
    def in_order(self) -> bool:
        return self.match is None and self.regex is None

    def reply(self) -> Reply:
        tokens = self.logprobs
        return Reply(
            text=self.text or "",
            value=self.value,
            chunks=self.chunks,
            thinking=self.thinking,
            delay=self.delay,
            finish=self.finish,
            fault=self.fault,
            message=self.message,
            logprobs=None if tokens is None else tuple(TokenLogprob(token, value) for token, value in tokens),
            usage=self.usage,
            model=self.model,
        )


_KINDS = get_args(ProviderKind)


def open_script(name: str, file: str, spec: ModelSpec, base: Path) -> ScriptedModel:
    """The model that answers from this file, relative to `base`. Raises UsageError."""
    path = base / file
    raw = _read(path, name)
    script = script_of(_entries(raw.decode("utf-8", "replace"), path), str(path))
    digest = hashlib.sha256(raw).hexdigest()
    return ScriptedModel(
        script,
        name=name,
        context=spec.context or 8192,
        ref=spec.use,
        digest=digest,
        local=spec.where != "cloud",
        remembers=False,
    )


def script_of(entries: list[Entry], file: str) -> Callable[[Request], Reply]:
    """The entries as a function: the first that matches, else the next of the others."""
    conditional = [entry for entry in entries if not entry.in_order]
    ordered = iter([entry for entry in entries if entry.in_order])

    def answer(request: Request) -> Reply:
        text = asked(request)
        found = next((entry for entry in conditional if entry.matches(text)), None) or next(ordered, None)
        if found is None:
            raise ProviderError(
                "refused", f"{file} has no answer left for this prompt", hint=f"it was asked: {text[:200]}"
            )
        return found.reply()

    return answer


def _read(path: Path, name: str) -> bytes:
    try:
        return read_regular(path, LARGEST)
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise UsageError(
            f"model '{name}': the script {path}: {reason}", hint="write scripted:answers.yaml"
        ) from None


def _entries(text: str, path: Path) -> list[Entry]:
    from orchestrator.spec.yaml import parse

    parsed = parse(text, str(path))
    problem = next((d for d in parsed.diagnostics if d.severity == "error"), None)
    if problem is not None:
        raise UsageError(f"{path}:{problem.mark.line}: {problem.message}", hint=problem.hint)
    if not isinstance(parsed.value, list):
        raise UsageError(f"{path}: a script is a list of answers", hint="write `- text: Hello.`")
    return [_entry(raw, place, path) for place, raw in enumerate(parsed.value, start=1)]


def _entry(raw: Any, place: int, path: Path) -> Entry:
    try:
        return Entry.model_validate({"text": raw} if isinstance(raw, str) else raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path}: answer {place}{': ' + where if where else ''}: {first['msg']}") from None
    except re.error as error:
        raise UsageError(f"{path}: answer {place}: regex: {error}") from None
