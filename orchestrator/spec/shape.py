"""The shape of a file before its values are looked at: keys, verbs, what belongs together.

Returns a copy in which every mistake it reported is made harmless, so that the rest can be checked too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher, get_close_matches
from typing import Any

from orchestrator.spec.anatomy import (
    SECTIONS,
    SHORT_FORMS,
    Path,
    keys_of,
    kind,
    owner,
    part_of,
    sections_of,
)
from orchestrator.spec.combine import combinations
from orchestrator.spec.diagnostics import Diagnostic
from orchestrator.spec.marks import Marks
from orchestrator.spec.model import (
    STEPS,
    VERBS,
    AgentStep,
    InputSpec,
    Knowledge,
    Model,
    ModelSpec,
    Repeat,
    ValueInstead,
)
from orchestrator.spec.types import Unknown

FILL: Mapping[tuple[type[Model], str], Any] = {
    (AgentStep, "prompt"): "",
    (InputSpec, "type"): Unknown(),
    (ModelSpec, "use"): "llamacpp:smollm2-135m",
    (Knowledge, "from"): ".",
    (Repeat, "until"): "true",
    (Repeat, "max"): 1,
    (ValueInstead, "value"): None,
}
"""What stands in for a required key that is missing or wrong, where its owner is worth keeping."""

STAND_INS: Mapping[str, Mapping[str, Any]] = {
    "inputs": {"type": Unknown()},
    "models": {"use": "llamacpp:smollm2-135m"},
    "agents": {},
    "tools": {},
    "steps": {"value": None, "output": Unknown()},
}
"""What stands in for an entry that is wrong as a whole, so that its name stays known."""


@dataclass
class Shape:
    """Walks a file along its models. `broken` names the entries that had to be left out."""

    marks: Marks
    top: type[Model]
    problems: list[Diagnostic] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def check(self, value: Any) -> dict[str, Any] | None:
        """The file with its mistakes made harmless; None when there is nothing to go on with."""
        if not isinstance(value, dict):
            hint = "it begins with `orch: 1`, then `steps:`"
            what = "the file holds no map of keys"
            self.say("ORCH024", f"{what}, but {kind(value)}", (), hint)
            return None
        return self.model(self.top, value, ())

    def say(self, code: str, message: str, path: Path, hint: str = "", *, key: bool = False) -> None:
        mark = self.marks.key(*path) if key else self.marks.at(*path)
        self.problems.append(self.marks.diagnostic(code, message, mark, hint))

    # ------------------------------------------------------------------------------------------- models

    def model(self, cls: type[Model], value: dict[str, Any], path: Path) -> dict[str, Any] | None:
        """The entries of a map that `cls` reads. None when a required key is missing and nothing can stand for it."""
        keys = keys_of(cls)
        found: dict[str, Any] = {}
        sections = sections_of(cls)
        for key, below in value.items():
            if key not in keys.fields:
                self.unknown(cls, key, value, path)
            elif below is None and key not in keys.free:
                self.say(
                    "ORCH108",
                    f"{self.name((*path, key))} is empty",
                    (*path, key),
                    "give it a value, or remove it",
                    key=True,
                )
            elif key in sections:
                entries = self.section(key, below, (*path, key))
                if entries is not None:
                    found[key] = entries
            else:
                part = part_of(cls, key)
                found[key] = (
                    self.model(part, below, (*path, key)) if part and isinstance(below, dict) else below
                )
                if found[key] is None and key not in keys.free:
                    del found[key]
        for code, message, at, hint in combinations(cls, value):
            self.say(code, self.about(path, message), (*path, at), hint, key=True)
        return self.complete(cls, found, value, path)

    def complete(
        self, cls: type[Model], found: dict[str, Any], value: dict[str, Any], path: Path
    ) -> dict[str, Any] | None:
        for key in sorted(keys_of(cls).required - found.keys()):
            misspelt = any(
                get_close_matches(other, [key], cutoff=0.6) for other in value.keys() - found.keys()
            )
            if key not in value and not misspelt:
                self.missing(key, path)
            if (cls, key) in FILL:
                found[key] = FILL[cls, key]
            elif key == "orch":
                found[key] = 1
            else:
                return None
        return found

    def missing(self, key: str, path: Path) -> None:
        message = f"{self.name(path) or 'the file'} has no {key!r}"
        hint = {
            "orch": "begin the file with `orch: 1`",
            "steps": "a workflow has at least one step under `steps:`",
            "prompt": "write what the agent shall do: `prompt: …`",
        }.get(key, f"add `{key}: …`")
        self.say("ORCH102", message, path, hint, key=True)

    def section(self, key: str, value: Any, path: Path) -> Any:
        """A map of named entries."""
        if not isinstance(value, dict):
            self.no_map(key, value, path)
            return None
        found = {}
        for name, entry in value.items():
            kept = self.entry(key, entry, (*path, name))
            if kept is None:
                self.broken.add(name)
            else:
                found[name] = kept
        return found

    def entry(self, section: str, value: Any, path: Path) -> Any:
        cls = SECTIONS[section]
        if cls is None:
            return self.step(value, path)
        if value is None:
            self.say(
                "ORCH108", f"{self.name(path)} is empty", path, "give it a value, or remove it", key=True
            )
            return dict(STAND_INS[section]) if section in STAND_INS else None
        if cls is InputSpec and isinstance(value, dict):
            return self.input(value, path)
        if not isinstance(value, dict):
            if cls in SHORT_FORMS:
                return value
            self.say("ORCH110", f"{self.name(path)} is a map of its keys, not {kind(value)}", path)
            return dict(STAND_INS[section]) if section in STAND_INS else None
        return self.model(cls, value, path)

    def input(self, value: dict[str, Any], path: Path) -> Any:
        """The long form has a `type`; everything else is a map type."""
        if "type" in value:
            return self.model(InputSpec, value, path)
        extras = [key for key in value if key in keys_of(InputSpec).fields]
        near = [key for key in value if key not in extras and get_close_matches(key, ["type"], cutoff=0.6)]
        if extras and near:
            message = f"{self.name(path)} has no key {near[0]!r}"
            self.say("ORCH101", message, (*path, near[0]), "did you mean 'type'?", key=True)
            return FILL[InputSpec, "type"]
        if extras and len(extras) == len(value):
            self.missing("type", path)
            return FILL[InputSpec, "type"]
        return value

    def no_map(self, key: str, value: Any, path: Path) -> None:
        if isinstance(value, list):
            example = {"steps": "`draft: {agent: …, prompt: …}`", "inputs": "`text: string`"}.get(
                key, "`name: …`"
            )
            hint = f"no list with dashes: write a name and a colon for each, {example}"
            self.say("ORCH106", f"'{key}' is a map of names, not a list", path, hint, key=True)
        else:
            self.say("ORCH110", f"'{key}' is a map of names, not {kind(value)}", path, key=True)

    # -------------------------------------------------------------------------------------------- steps

    def step(self, value: Any, path: Path) -> Any:
        if not isinstance(value, dict):
            return self.no_step(value, path)
        verbs = [verb for verb in VERBS if verb in value]
        if len(verbs) == 1:
            return self.model(STEPS[verbs[0]], value, path)
        if not verbs:
            return self.no_verb(value, path)
        self.two_verbs(verbs, path)
        return dict(STAND_INS["steps"])

    def no_step(self, value: Any, path: Path) -> Any:
        name = self.name(path)
        hint = 'write `{agent: …, prompt: …}`, or `{value: "{{ … }}"}`'
        if value is None:
            self.say("ORCH108", f"{name} is empty", path, hint, key=True)
        else:
            self.say("ORCH110", f"{name} is a map of its keys, not {kind(value)}", path, hint)
        return dict(STAND_INS["steps"])

    def two_verbs(self, verbs: list[str], path: Path) -> None:
        message = f"{self.name(path)} has {_count(len(verbs))} verbs: {' and '.join(verbs)}"
        hint = f"a step does one thing, one of {', '.join(VERBS)}: make two steps of it"
        self.say("ORCH105", message, (*path, verbs[1]), hint, key=True)

    def no_verb(self, value: dict[str, Any], path: Path) -> Any:
        """A misspelt verb is read as what it was meant to be, so that the rest of the step is checked too."""
        message = f"{self.name(path)} has no verb"
        near = _nearest_verb(value)
        if near is None:
            self.say("ORCH104", message, path, f"give it one of {', '.join(VERBS)}", key=True)
            return dict(STAND_INS["steps"])
        wrong, verb = near
        self.say("ORCH104", message, (*path, wrong), f"did you mean {verb!r} for {wrong!r}?", key=True)
        meant = {verb if key == wrong else key: below for key, below in value.items()}
        return self.model(STEPS[verb], meant, path)

    # --------------------------------------------------------------------------------------------- keys

    def unknown(self, cls: type[Model], key: str, value: dict[str, Any], path: Path) -> None:
        """A key that this model does not have: of another verb, misspelt, or from another language."""
        where = self.name(path)
        message = f"{where} has no key {key!r}" if where else f"there is no key {key!r} at the top of a file"
        verbs = [verb for verb, step in STEPS.items() if key in keys_of(step).fields and verb != key]
        if cls in STEPS.values() and verbs:
            kinds = " and ".join("groups" if verb == "steps" else f"{verb} steps" for verb in verbs)
            this = next(verb for verb, step in STEPS.items() if step is cls)
            message = f"{key!r} belongs to {kinds}, and {where} is {_article(this)}"
            self.say("ORCH103", message, (*path, key), f"remove {key!r}, or change the step's verb", key=True)
            return
        self.say("ORCH101", message, (*path, key), nearest_key(cls, key, value), key=True)

    def name(self, path: Path) -> str:
        """`step 'draft'`, `'params' of step 'draft'`, `'budget'`; empty for the file itself."""
        who, rest = owner(path)
        if not rest:
            return who
        return f"{rest!r} of {who}" if who else repr(rest)

    def about(self, path: Path, message: str) -> str:
        where = self.name(path)
        return f"{where}: {message}" if where else message


def _nearest_verb(value: Mapping[str, Any]) -> tuple[str, str] | None:
    """The key that looks most like a verb, and that verb; keys that steps do have are not misspelt."""
    strange = [key for key in value if not any(key in keys_of(cls).fields for cls in STEPS.values())]
    pairs = [(key, match[0]) for key in strange if (match := get_close_matches(key, VERBS, 1, 0.7))]
    return max(pairs, key=lambda pair: SequenceMatcher(None, *pair).ratio(), default=None)


FOREIGN: Mapping[str, str] = {
    "<<": "YAML 1.2 has no merge keys: write the keys out",
    "id": "a step's name is the key it stands under",
    "depends_on": "write `needs:`, or nothing: a step that reads another waits for it",
    "dependencies": "write `needs:`, or nothing: a step that reads another waits for it",
    "if": "write `when:`",
    "condition": "write `when:`",
    "for_each": "write `foreach:`",
    "loop": "write `foreach:` for a list, `repeat:` for a loop",
    "system": "the system prompt is called `role:`",
    "system_prompt": "the system prompt is called `role:`",
    "instructions": "the system prompt is called `role:`",
    "temperature": "sampling parameters stand under `params:`",
    "max_tokens": "sampling parameters stand under `params:`",
    "retries": "write `repair:` for answers, `retry:` for tools",
    "input": "write `inputs:`",
    "version": "the version of the language is `orch: 1`",
    "vars": "write `inputs:`",
    "provider": "the provider is the first part of `use: provider:model`",
    "api_key": "write `key: env.NAME`",
    "base_url": "write `url:`",
}


def nearest_key(cls: type[Model], key: str, value: Mapping[str, Any]) -> str:
    """A hint for an unknown key: the nearest one that is still free, or what other languages call it."""
    known = keys_of(cls).fields
    free = [name for name in known if name not in value] or list(known)
    if key in FOREIGN and key not in known and (found := _mentioned(FOREIGN[key], known)):
        return found
    if near := get_close_matches(key.lower(), free, n=1, cutoff=0.6):
        return f"did you mean {near[0]!r}?"
    if near := get_close_matches(key.lower(), known, n=1, cutoff=0.6):
        return f"{near[0]!r} is there already: remove one of them"
    return f"its keys are {', '.join(known)}" if len(known) <= 12 else ""


def _mentioned(hint: str, known: Mapping[str, str]) -> str:
    """The hint, if the key it names exists here."""
    words = re.findall(r"`([a-z_]+):`", hint)
    return hint if not words or any(word in known for word in words) else ""


def _article(verb: str) -> str:
    word = "a group" if verb == "steps" else f"{verb} step"
    return word if verb == "steps" else f"an {word}" if verb[0] in "aeiou" else f"a {word}"


def _count(number: int) -> str:
    return {2: "two", 3: "three"}.get(number, str(number))
