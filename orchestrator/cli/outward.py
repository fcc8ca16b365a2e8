"""A run as it may leave: values above a clearance become notes, and what tells of the machine and its people goes.

Labels come from the run's own record; what has none there counts as the highest. Numbers stay: tokens, seconds, amounts,
how many items there were.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from orchestrator.engine.record import UNKNOWN, Labels, Recorder, step_of
from orchestrator.events import (
    AskAnswered,
    CallFinished,
    Decided,
    Event,
    ModelReady,
    RunFailed,
    RunInterrupted,
    RunResumed,
    RunStarted,
    StepSkipped,
    Warned,
)
from orchestrator.labels import HIGHEST, LEVELS, Label, above, join
from orchestrator.policy.keep import Keep
from orchestrator.policy.secrets import Secrets

SOMEBODY = "somebody"
_PLACE = re.compile(r"(?:(?<=:)|^)(?:[/~]|[A-Za-z]:\\).*[/\\]")
_SECRET = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS)$")
SHORTEST = 8
"""Characters of a variable that is looked for as a secret: a shorter one is found in every other word."""


@dataclass(slots=True)
class _Kept:
    """A journal that keeps the last event."""

    last: list[Event] = field(default_factory=list)

    def append(self, event: Event) -> None:
        self.last.append(event)

    async def flush(self) -> None:
        """Nothing waits."""


@dataclass(slots=True)
class Outward:
    """Gives each event of one run as it may leave, the first event first."""

    started: RunStarted
    clearance: Label
    key: bytes = field(repr=False)
    secrets: Secrets
    bare: bool = True
    """Without what tells of the machine and of people."""
    _labels: dict[str, Label] = field(init=False)
    _steps: dict[str, Labels] = field(init=False)
    _whole: Label = field(init=False)
    _keep: Keep = field(init=False)
    _journal: _Kept = field(init=False, default_factory=_Kept)
    _recorder: Recorder = field(init=False)

    def __post_init__(self) -> None:
        said = self.started.labels.items()
        self._labels = {
            name: next((level for level in LEVELS if level == label), HIGHEST) for name, label in said
        }
        self._whole = join(self._labels.values()) if self._labels else UNKNOWN
        self._keep = Keep({level: "hash" for level in LEVELS if above(level, self.clearance)}, self.key)
        self._steps = {name: Labels(label, label, label) for name, label in self._labels.items()}
        self._recorder = Recorder(
            journal=self._journal,
            steps=self._steps,
            outputs=self._whole,
            secrets=self.secrets,
            keep=self._keep,
        )

    def __call__(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            self._learn(getattr(event, "path", ""))
            self._recorder.append(self._hidden(self._bare(event) if self.bare else event))
            yield self._journal.last.pop()

    def _learn(self, path: str) -> None:
        """The steps of a record in which no label stands at all: nobody worked them out."""
        if path and not self.started.labels and step_of(path) not in self._labels:
            self._labels[step_of(path)] = UNKNOWN
            self._steps[step_of(path)] = Labels(UNKNOWN, UNKNOWN, UNKNOWN)

    def _hidden(self, event: Event) -> Event:
        """What the record holds in any case, since it stays where it is made."""
        match event:
            case RunStarted():
                kept = {name: self._input(name, value) for name, value in event.inputs.items()}
                return replace(event, inputs=kept)
            case Warned():
                return replace(event, message=self._told(event.path, event.message))
            case RunFailed(path=""):
                return replace(event, message=self._told("", event.message), hint="")
            case Decided() | StepSkipped():
                return replace(event, reason=self._told(event.path, event.reason))
            case AskAnswered():
                return replace(event, choice=self._told(event.path, event.choice))
            case CallFinished() if above(self._of(event.path), self.clearance):
                return replace(event, artifacts=())
            case _:
                return event

    def _of(self, path: str) -> Label:
        """How private what is said of an instance is; of the run, as private as its most private part."""
        return self._labels.get(step_of(path), HIGHEST) if path else self._whole

    def _told(self, path: str, text: str) -> str:
        label = self._of(path)
        return self._keep.note(text, label) if text and above(label, self.clearance) else text

    def _input(self, name: str, value: Any) -> Any:
        label = self._labels.get(f"inputs.{name}", UNKNOWN)
        return self._keep.note(value, label) if above(label, self.clearance) else value

    def _bare(self, event: Event) -> Event:
        match event:
            case RunStarted():
                return replace(event, file=_beneath(event.file, event.root), root="", options=_options(event))
            case RunResumed():
                return replace(event, owner=SOMEBODY)
            case RunInterrupted():
                return replace(event, by=SOMEBODY)
            case AskAnswered() if event.by != "timeout":
                return replace(event, by=SOMEBODY)
            case ModelReady():
                return replace(event, endpoint="", ref=without_place(event.ref))
            case _:
                return event


def without_place(reference: str) -> str:
    """`llamacpp:/home/me/x.gguf` is `llamacpp:x.gguf`."""
    return _PLACE.sub("", reference)


def _beneath(file: str, root: str) -> str:
    path = PurePath(file)
    return path.relative_to(root).as_posix() if root and path.is_relative_to(root) else path.name


def _options(event: RunStarted) -> Mapping[str, Any]:
    models = event.options.get("models")
    if not isinstance(models, Mapping):
        return event.options
    return {**event.options, "models": {name: without_place(str(ref)) for name, ref in models.items()}}


def secrets_in(environ: Mapping[str, str]) -> Secrets:
    """Every variable that is called like a secret: which of them the run knew, its record does not say."""
    return Secrets.of(
        {name: value for name, value in environ.items() if _SECRET.search(name) and len(value) >= SHORTEST}
    )


__all__ = ["Outward", "secrets_in", "without_place"]
