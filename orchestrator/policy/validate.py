"""Whether an answer is what the step asked for. Pure: text in, a value or the reason against it out.

A typed answer is read strictly as JSON. One thing is forgiven: a Markdown fence or prose around *one*
complete JSON value, because small models without a grammar cannot leave it. Numbers that JSON does not
know, doubled keys, endless nesting and floods of text are refused. A text in which a model declines, or goes round in
circles, is no answer either: where free text is asked for, and nowhere else.
"""

from __future__ import annotations

import json
import json.scanner
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.light import light
from orchestrator.policy.refused import refuses
from orchestrator.policy.repeated import repeats
from orchestrator.spec.schema import check_value, complete, describe, quoted
from orchestrator.spec.types import Bool, Date, Enum, ListOf, MapOf, Schema, Str, Type
from orchestrator.spec.values import DEPTH, too_deep

Fault = Literal["invalid", "cut", "empty", "refused", "repeated"]

SIZE_CAP = 2_000_000
"""Characters a typed answer may have; no output type allows nearly as many."""
FREE_TEXT = 40
"""Characters from which on a text of a typed answer is prose; shorter ones are names, words and codes."""
STARTS_TRIED = 50
"""Places in prose at which a JSON value is looked for."""


@dataclass(slots=True)
class Valid:
    """The answer as data: text, or the value of the declared type with every field present. Nothing changes it."""

    value: Any


@light(frozen=True, slots=True)
class Invalid:
    """Why an answer cannot be used, in words a small model can act on.

    `cut`: the token bound ended it. `empty`: there was nothing. `invalid`: not of the declared type. `refused`: the
    model declines. `repeated`: the text goes round in circles.
    """

    kind: Fault
    message: str


def read_answer(
    text: str,
    output: Type | None,
    schema: Mapping[str, Any] | None = None,
    finish: Literal["stop", "length"] = "stop",
    asked: Sequence[str] = (),
) -> Valid | Invalid:
    """The value of an answer. `schema` is used where `output` is a schema from a file that holds none itself.

    `asked`: the texts of the request. One that repeats itself, or is about refusing, may be answered in kind.
    """
    found = _read(text, output, schema, finish)
    if isinstance(found, Valid):
        return _sound(found, output, asked)
    if found.kind == "cut" and _circles(text, asked):
        return _repeated("")  # that is why it had no end
    return found


def _read(
    text: str, output: Type | None, schema: Mapping[str, Any] | None, finish: Literal["stop", "length"]
) -> Valid | Invalid:
    bare = (text if text.isascii() else whole_characters(text)).strip()
    if not bare:
        reason = "it used all its tokens before the answer began" if finish == "length" else "it is empty"
        return Invalid("cut" if finish == "length" else "empty", f"there is no answer: {reason}")
    if output is None:
        return _cut("text") if finish == "length" else Valid(bare)
    if len(bare) > SIZE_CAP:
        return Invalid("invalid", f"the answer has {len(bare):,} characters, far more than was asked for")
    return _typed(bare, _with_schema(output, schema), finish)


def repair_message(problem: str) -> str:
    """What the model is told about its last answer; short, and the problem last."""
    return f"Your answer cannot be used. Write the whole answer again, corrected.\nProblem: {problem}"


def whole_characters(text: str) -> str:
    """The text with halves of surrogate pairs, which no file and no terminal can take, replaced."""
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _typed(text: str, output: Type, finish: str) -> Valid | Invalid:
    try:
        value = _read_json(text)
    except _Unreadable as error:
        if finish == "length":
            return _cut("JSON")
        bare = _unquoted(text, output)
        if bare is None:
            return Invalid("invalid", f"{error}; answer with JSON only: {describe(output)}")
        value = bare
    except _Refused as error:
        if finish == "length":
            return _cut("JSON")
        return Invalid("invalid", f"{error}; answer with JSON only: {describe(output)}")
    problems = check_value(output, value)
    if not problems:
        return Valid(complete(output, value))
    if finish == "length":
        return _cut("JSON")
    return Invalid("invalid", "; ".join(_advice(output, value, problem) for problem in problems))


def _sound(answer: Valid, output: Type | None, asked: Sequence[str]) -> Valid | Invalid:
    """The answer, unless a text in it is none."""
    texts = (("", answer.value),) if output is None else _free_texts(answer.value, output, "")
    for where, text in texts:
        if refuses(text, asked):
            return Invalid("refused", f"{where or 'the answer'} declines; answer the task itself")
        if _circles(text, asked):
            return _repeated(where)
    return answer


def _circles(text: str, asked: Sequence[str]) -> bool:
    """Whether a text goes round in circles, and was not asked to."""
    return repeats(text) and not any(repeats(one) for one in asked)


def _repeated(where: str) -> Invalid:
    return Invalid("repeated", f"{where or 'the answer'} repeats itself; write it once, briefly")


def _free_texts(value: Any, type_: Type, where: str) -> Iterator[tuple[str, str]]:
    """The texts of an answer that may be prose, each with the name of its field."""
    match type_:
        case Str(limit) if isinstance(value, str):
            if limit is None or limit >= FREE_TEXT:
                yield where, value
        case MapOf(fields) if isinstance(value, Mapping):
            for field in fields:
                yield from _free_texts(value[field.name], field.type, f"`{field.name}`")
        case ListOf(item) if isinstance(value, list):
            for one in value:
                yield from _free_texts(one, item, where)
        case Schema():
            yield from _long_strings(value, where)
        case _:
            return


def _long_strings(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """The texts in data whose form is known to a JSON Schema only."""
    match value:
        case str():
            if len(value) >= FREE_TEXT:
                yield where, value
        case dict():
            for name, one in value.items():
                yield from _long_strings(one, f"`{name[:FREE_TEXT]}`")
        case list():
            for one in value:
                yield from _long_strings(one, where)
        case _:
            return


def _cut(what: str) -> Invalid:
    return Invalid("cut", f"the {what} was cut off at the token limit; answer more briefly")


def _with_schema(output: Type, schema: Mapping[str, Any] | None) -> Type:
    if isinstance(output, Schema) and output.schema is None and schema is not None:
        return Schema(output.path, schema)
    return output


# ------------------------------------------------------------------------------------------------ reading


class _Unreadable(Exception):
    """There is no JSON value in the text."""


class _Refused(Exception):
    """There is JSON that cannot be taken: doubled keys, NaN, too deep."""


def _read_json(text: str) -> Any:
    try:
        return _loads(text)
    except _Unreadable:
        return _extracted(text)


def scan_json(text: str) -> tuple[Any, int] | None:
    """The JSON value at the beginning of a text and where it ends; None where there is none that can be taken."""
    try:
        return _SCAN(text, 0)
    except (StopIteration, ValueError, RecursionError, _Refused):
        return None


def _loads(text: str) -> Any:
    try:
        value, end = _DECODER.raw_decode(text)
        if end != len(text):
            _DECODER.decode(text)  # raises, and says what stands behind the value
    except json.JSONDecodeError as error:
        raise _Unreadable(f"this is no JSON ({error.msg} at character {error.pos + 1})") from None
    except RecursionError:
        raise _Refused("the JSON is nested too deeply") from None
    except ValueError:  # a whole number of thousands of digits
        raise _Refused("the JSON holds a number that is too long") from None
    return _acceptable(value, text)


def _extracted(text: str) -> Any:
    """The one complete object or list inside prose or a Markdown fence."""
    found: list[Any] = []
    position, tried = 0, 0
    problem = "this is no JSON"
    while tried < STARTS_TRIED and (start := _next_start(text, position)) >= 0:
        tried += 1
        try:
            value, position = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            problem = f"this is no JSON ({error.msg} at character {error.pos + 1})" if tried == 1 else problem
            # Up to the error it was one value, begun and broken; nothing inside it is the answer.
            position = max(error.pos, start + 1)
            continue
        except RecursionError:
            raise _Refused("the JSON is nested too deeply") from None
        except ValueError:
            raise _Refused("the JSON holds a number that is too long") from None
        found.append(value)
    if len(found) > 1:
        raise _Refused(f"there are {len(found)} JSON values, but one was asked for")
    if not found:
        raise _Unreadable(problem)
    return _acceptable(found[0], text)


def _acceptable(value: Any, text: str) -> Any:
    if text.count("{") + text.count("[") > DEPTH and too_deep(value):
        raise _Refused("the JSON is nested too deeply")
    if "\\ud" in text or "\\uD" in text:  # an escape can spell half of a surrogate pair
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise _Refused("a \\u escape spells half a character") from None
    return value


def _next_start(text: str, position: int) -> int:
    starts = [start for start in (text.find("{", position), text.find("[", position)) if start >= 0]
    return min(starts, default=-1)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1) if len(keys) < 1000 else keys[0]
        raise _Refused(f"the field '{twice[:40]}' is written more than once")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:
        raise _Refused(f"{text[:40]} is too large a number")
    return number


def _no_constant(name: str) -> Any:
    raise _Refused(f"{name} is no JSON number")


def _unquoted(text: str, output: Type) -> Any:
    """A closed choice, a text or a date that the model wrote without quotes; None when it is neither."""
    bare = text.strip("`").strip()
    match output:
        case Enum(values):
            return bare if bare in values else None
        case Date():
            return bare if not check_value(output, bare) else None
        case Bool():
            return {"true": True, "false": False}.get(bare.lower())
        case Str():
            return bare if not bare.startswith(("{", "[", '"')) else None
        case _:
            return None


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
_SCAN = json.scanner.make_scanner(_DECODER)  # type: ignore[arg-type]  # the stub asks for the scanner itself


# ------------------------------------------------------------------------------------------------- advice


def _advice(output: Type, value: Any, problem: str) -> str:
    """A problem as an instruction: what must stand there, and what was written."""
    where, _, _ = problem.partition(": ")
    wanted = _at(output, where)
    match wanted:
        case Enum(values):
            return (
                f"`{where}` must be one of: {', '.join(values)}; you wrote {quoted(_value_at(value, where))}"
            )
        case ListOf() | MapOf() | None:
            return problem
        case _:
            return f"`{where}` must be {describe(wanted)}; {problem.partition(': ')[2]}"


def _at(output: Type, where: str) -> Type | None:
    """The type of a top field; None when the place is not one."""
    if isinstance(output, MapOf):
        field = output.field(where)
        return field.type if field is not None else None
    return None


def _value_at(value: Any, where: str) -> Any:
    return value.get(where) if isinstance(value, Mapping) else value
