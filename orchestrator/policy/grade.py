"""Whether an answer will do: cases with what a good answer has to hold, and the graders that need nobody else. Pure.

{"input": …, "output": …}                       equal to `output`; of a map, field by field but for `ignore`
contains, lacks, regex, max_words, tolerance    of texts and numbers
valid: true                                     any answer of the declared type
sources                                         files of which one has to be among those that were looked up
tests, query, judge                             a program, a database, a model: see `orchestrator.bench`
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from orchestrator.policy.cases import Wrong, read_each
from orchestrator.policy.quote import miscited
from orchestrator.spec.types import Bool, Enum, MapOf, Str, Type
from orchestrator.spec.values import DEPTH, too_deep

IGNORED = ("why",)
"""Fields that nobody compares where a case does not say: reasons are free text."""
Kind = Literal[
    "exact",
    "contains",
    "lacks",
    "regex",
    "max_words",
    "tolerance",
    "valid",
    "sources",
    "tests",
    "query",
    "judge",
]
KINDS: tuple[str, ...] = get_args(Kind)
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?|[-+]?\.\d+")


@dataclass(frozen=True, slots=True)
class Case:
    """One line of a file of cases: an input, a good answer, and what any good answer has to hold.

    An entry of `contains` is a text, or a list of texts of which one is enough; upper and lower case are equal there.
    `tolerance` is how far a number may be from `output`, `"1%"` a share of it. Cases of one `group` (two replies to one
    source, say) are left out of each other's examples. `line` counts from 1.
    """

    input: Any
    output: Any = None
    contains: Sequence[str | Sequence[str]] = ()
    lacks: Sequence[str] = ()
    max_words: int | None = None
    regex: Sequence[str] = ()
    tolerance: float | str | None = None
    exact: bool = False
    valid: bool = False
    ignore: Sequence[str] = IGNORED
    sources: Sequence[str] = ()
    tests: str = ""
    query: Mapping[str, Any] = field(default_factory=dict)
    judge: bool | str = False
    group: str = ""
    line: int = 0

    @property
    def compared(self) -> bool:
        """Whether an answer has to equal `output`: when the case says so, or says nothing else about texts."""
        others = self.contains or self.lacks or self.regex or self.tests or self.query or self.judge
        return self.exact or (
            self.output is not None
            and self.tolerance is None
            and not self.valid
            and (isinstance(self.output, Mapping) or not (others or self.sources))
        )


@dataclass(frozen=True, slots=True)
class Failed:
    """Which grader says no, and why."""

    kind: Kind
    why: str


def read_graded(data: bytes) -> tuple[tuple[Case, ...], tuple[Wrong, ...]]:
    """The cases of a file, one JSON map a line, and what is wrong with other lines. Further keys are let be."""
    return read_each(data, _case)


def _case(line: str, number: int) -> Case | Wrong:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        return Wrong(number, f"it is no JSON ({error.msg} at character {error.pos + 1})")
    except (RecursionError, ValueError):
        return Wrong(number, "it is no JSON that can be read")
    if not isinstance(found, dict) or found.get("input") is None:
        return Wrong(number, "it is not a map with `input`")
    if line.count("{") + line.count("[") > DEPTH and too_deep(found):
        return Wrong(number, "it is nested too deeply")
    if why := next(_misshapen(found), ""):
        return Wrong(number, why)
    case = Case(**{name: _listed(name, value) for name, value in found.items() if name in _KEYS}, line=number)
    return case if _says_something(case) else Wrong(number, "it has neither `output` nor a grader")


_KEYS = frozenset(Case.__dataclass_fields__) - {"line"}
_LISTS = ("contains", "lacks", "regex", "sources", "ignore")
_SHAPES: Mapping[str, tuple[type, ...]] = {
    "max_words": (int,),
    "exact": (bool,),
    "valid": (bool,),
    "tests": (str,),
    "query": (dict,),
    "judge": (bool, str),
    "group": (str,),
    "tolerance": (int, float, str),
}


def _listed(name: str, value: Any) -> Any:
    return (value,) if name in _LISTS and isinstance(value, str) else value


def _misshapen(found: Mapping[str, Any]) -> Iterator[str]:
    for name in _LISTS:
        value = _listed(name, found.get(name, ()))
        if not isinstance(value, list | tuple) or not all(_is_choice(name, one) for one in value):
            yield f"`{name}` is not a list of texts"
    for name, kinds in _SHAPES.items():
        if name in found and not isinstance(found[name], kinds):
            yield f"`{name}` has the wrong type"
    for pattern in _listed("regex", found.get("regex", ())):
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"`regex`: {error}"
    if "tolerance" in found:
        if allowed(found["tolerance"], 1.0) is None:
            yield '`tolerance` is neither a number nor a share like "1%"'
        if _as_number(found.get("output")) is None:
            yield "`tolerance` needs a number as `output`"


def _is_choice(name: str, value: Any) -> bool:
    if name == "contains" and isinstance(value, list):
        return bool(value) and all(isinstance(one, str) for one in value)
    return isinstance(value, str)


def _says_something(case: Case) -> bool:
    asked = (
        case.contains or case.lacks or case.regex or case.sources or case.tests or case.query or case.judge
    )
    return case.output is not None or bool(asked) or case.valid or case.max_words is not None


# ------------------------------------------------------------------------------------------------- graders


def failed(
    case: Case, answer: Any, output: Type | None = None, looked_up: Sequence[Mapping[str, Any]] = ()
) -> Failed | None:
    """The first grader that says no; None when all of those that need nobody else say yes.

    `looked_up` are the passages that the answer was made from.
    """
    return next(_failures(case, answer, output, looked_up), None)


def right(case: Case, answer: Any) -> bool:
    """Whether an answer will do, as far as that can be told here."""
    return failed(case, answer) is None


def _failures(
    case: Case, answer: Any, output: Type | None, looked_up: Sequence[Mapping[str, Any]]
) -> Iterator[Failed]:
    if answer is None:
        yield Failed("valid", "there is no answer")
        return
    if case.compared and (why := unequal(case.output, answer, case.ignore)):
        yield Failed("exact", why)
    if case.tolerance is not None and not _near(case, answer):
        yield Failed("tolerance", f"no number within {case.tolerance} of {case.output}")
    yield from _of_text(case, _text(answer))
    if case.sources or looked_up:
        yield from _of_sources(case, answer, output, looked_up)


def _of_text(case: Case, text: str) -> Iterator[Failed]:
    folded = text.casefold()
    for wanted in case.contains:
        choices = [wanted] if isinstance(wanted, str) else wanted
        if not any(choice.casefold() in folded for choice in choices):
            yield Failed("contains", f"it lacks {' or '.join(repr(choice) for choice in choices)}")
    for word in case.lacks:
        if word.casefold() in folded:
            yield Failed("lacks", f"it holds {word!r}")
    for pattern in case.regex:
        if re.search(pattern, text) is None:
            yield Failed("regex", f"nothing in it matches {pattern}")
    words = len(text.split())
    if case.max_words is not None and words > case.max_words:
        yield Failed("max_words", f"it has {words} words")


def _of_sources(
    case: Case, answer: Any, output: Type | None, looked_up: Sequence[Mapping[str, Any]]
) -> Iterator[Failed]:
    if why := miscited(answer, output, len(looked_up)):
        yield Failed("sources", why)
    found = {str(passage.get("file", "")) for passage in looked_up}
    if case.sources and not any(_is_file(one, wanted) for one in found for wanted in case.sources):
        yield Failed("sources", f"it was not made from {' or '.join(case.sources)}")


def _is_file(file: str, wanted: str) -> bool:
    return file == wanted or file.endswith("/" + wanted)


def unequal(wanted: Any, answer: Any, ignore: Sequence[str] = ()) -> str:
    """Where an answer differs; empty when it does not. Whitespace around texts does not count."""
    if isinstance(wanted, Mapping) and isinstance(answer, Mapping):
        for name, value in wanted.items():
            if name not in ignore and (why := unequal(value, answer.get(name), ignore)):
                return f"{name}: {why}"
        return ""
    same = _trimmed(wanted) == _trimmed(answer) and isinstance(wanted, bool) == isinstance(answer, bool)
    return "" if same else f"{_short(answer)} instead of {_short(wanted)}"


def _trimmed(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:59] + "…"


def _text(answer: Any) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False, default=str)


# ------------------------------------------------------------------------------------------------- numbers


def allowed(tolerance: float | str, wanted: float) -> float | None:
    """How far a number may be away; None for a tolerance that is none."""
    if isinstance(tolerance, str):
        share = _as_number(tolerance.strip().removesuffix("%")) if tolerance.strip().endswith("%") else None
        return None if share is None or share < 0 else abs(wanted) * share / 100
    if isinstance(tolerance, bool) or not math.isfinite(tolerance) or tolerance < 0:
        return None
    return float(tolerance)


def _near(case: Case, answer: Any) -> bool:
    """Whether the answer is such a number, or a text that names one."""
    wanted = _as_number(case.output)
    if wanted is None or case.tolerance is None:
        return False
    distance = allowed(case.tolerance, wanted) or 0.0
    return any(abs(found - wanted) <= distance + 1e-12 * abs(wanted) for found in _numbers(answer))


def _numbers(answer: Any) -> Iterator[float]:
    if isinstance(answer, str):
        yield from (float(found[0].replace(",", "")) for found in _NUMBER.finditer(answer))
    elif isinstance(answer, Mapping):
        for inner in answer.values():
            yield from _numbers(inner)
    elif (found := _as_number(answer)) is not None:
        yield found


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


# ---------------------------------------------------------------------------------------------- closed sets


def is_closed(output: Type | None) -> bool:
    """Whether there are few answers: every field that is compared is an enum or a bool."""
    if isinstance(output, MapOf):
        compared = [one for one in output.fields if one.name not in IGNORED]
        return bool(compared) and all(is_closed(one.type) for one in compared)
    return isinstance(output, Bool | Enum)


def closed_choice(output: Type | None) -> tuple[str, Bool | Enum] | None:
    """The one closed answer that is asked for, with the name of its field (empty where there is no map).

    None where there are several, or other fields than texts that nobody compares.
    """
    if isinstance(output, Bool | Enum):
        return "", output
    if not isinstance(output, MapOf):
        return None
    compared = [one for one in output.fields if one.name not in IGNORED]
    others = [one.type for one in output.fields if one.name in IGNORED]
    if len(compared) != 1 or not all(isinstance(other, Str) for other in others):
        return None
    kind = compared[0].type
    return (compared[0].name, kind) if isinstance(kind, Bool | Enum) else None


__all__ = [
    "KINDS",
    "Case",
    "Failed",
    "allowed",
    "closed_choice",
    "failed",
    "is_closed",
    "read_graded",
    "right",
    "unequal",
]
