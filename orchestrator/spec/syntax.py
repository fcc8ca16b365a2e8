"""YAML's syntax errors in human words: what was meant, where it is, and how to write it.

The usual mistakes are recognised on the line itself. One that is understood is also repaired, character
for character in place, so that the rest of the file can be read and everything be reported at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from yaml import CSafeLoader, MarkedYAMLError, ScalarToken

from orchestrator.spec.diagnostics import Severity

EXPRESSIONS = ("when", "foreach", "reduce", "each", "until", "before", "edit")
_VALUE = r"^(?P<lead>[ \t]*(?:-[ \t]+)*(?:[^\s:#'\"][^:#\n]*?:[ \t]+|-[ \t]+))"
_TEMPLATE = re.compile(_VALUE + r"(?P<value>\{[{%].*?)[ \t]*$")
_QUOTED = re.compile(
    _VALUE + r"(?P<value>(?P<quote>['\"])(?:(?!(?P=quote)).)*(?P=quote)[ \t]*[^\s#].*?)[ \t]*$"
)
_COLON = re.compile(_VALUE + r"(?P<value>[^\s'\"\[\]{}|>&*!#%@`].*?:(?:[ \t].*?)?)[ \t]*$")
_MARKED = re.compile(_VALUE + r"(?P<value>[@`%*&].*?)[ \t]*$")
_NO_SPACE = re.compile(r"^[ \t]*(?:-[ \t]+)?[A-Za-z_]\w*:[^\s:/]")
_NO_COLON = re.compile(r"^[ \t]*[A-Za-z_]\w*[ \t]*$")
_MERGE = re.compile(r"^<{7}(?: .*)?$", re.MULTILINE)
_KEY = re.compile(r"^[ \t]*(?:-[ \t]+)?[A-Za-z_]\w*[ \t]*:(?:[ \t]|$)")
_BLOCK = re.compile(r"^[ \t]*(?P<key>[A-Za-z_]\w*):[ \t]+[|>][-+0-9]*[ \t]*$")
_OPERATOR = re.compile(r"(?:==|!=|[<>=+\-*/%|~(,\[]|\b(?:and|or|not|in|is|if|else))\s*$")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A syntax error: `[start, end)` in the file, and the text with the mistake made harmless, where it can be."""

    code: str
    message: str
    start: int
    end: int
    hint: str = ""
    repaired: str | None = None


def explain(text: str, error: MarkedYAMLError) -> Trouble:
    """What the parser stumbled over, in the words of who wrote the file."""
    mark = error.problem_mark or error.context_mark
    index = mark.index if mark else 0
    problem = error.problem or str(error)
    context = error.context or ""
    opened = error.context_mark.index if error.context_mark else index
    return (
        _unmerged(text)
        or _swallowed(text, index)
        or _not_indented(text, opened, problem)
        or _on_the_line(text, index, problem)
        or _by_context(text, index, opened, problem, context)
        or _general(text, index, problem, context)
    )


def _unmerged(text: str) -> Trouble | None:
    """Where git wrote both sides of a conflict into the file."""
    mark = _MERGE.search(text)
    if mark is None:
        return None
    hint = "keep the lines of one side, or of both, and delete those that begin with <<<<<<<, ======= and >>>>>>>"
    return Trouble(
        "ORCH001",
        "this is no YAML: it holds the marks of a merge that is not finished",
        mark.start(),
        mark.end(),
        hint,
    )


def cut_off(value: str, comment: str, key: str, parent: str) -> Severity | None:
    """Whether a comment behind an unquoted value was probably meant as a part of it."""
    if value.count("{{") != value.count("}}") or value.count("{%") != value.count("%}"):
        return "error"
    if comment[1:2].strip() and ("{{" in comment or "{%" in comment):
        return "error"
    if (key in EXPRESSIONS or parent == "check") and _incomplete(value):
        return "error"
    return "warning" if "{{" in comment and "}}" in comment else None


def _incomplete(expression: str) -> bool:
    return (
        expression.count("'") % 2 == 1
        or expression.count('"') % 2 == 1
        or any(expression.count(a) != expression.count(b) for a, b in ("()", "[]", "{}"))
        or _OPERATOR.search(expression) is not None
    )


# ------------------------------------------------------------------------------ mistakes seen on the line


def _on_the_line(text: str, index: int, problem: str) -> Trouble | None:
    start, line = _line(text, index)
    if found := _TEMPLATE.match(line):
        message = "an unquoted {{ is a map in YAML, not a template"
        return _in_value(text, start, found, "ORCH011", message, "put quotes around the whole value")
    if (found := _QUOTED.match(line)) and start + found.start("value") < index:
        message = f"the value ends at its closing {found['quote']}, but the line goes on"
        hint = _quoted_well(found["value"], found["quote"])
        return _in_value(text, start, found, "ORCH012", message, hint)
    if "mapping values are not allowed" in problem and (found := _COLON.match(line)):
        message = "a colon followed by a space begins a map, even inside a sentence"
        return _in_value(text, start, found, "ORCH016", message, "put quotes around the whole value")
    if found := _MARKED.match(line):
        if start + found.start("value") > index:
            return None
        sign = found["value"][0]
        message = f"a value cannot begin with {sign} unless it is quoted"
        return _in_value(text, start, found, "ORCH019", message, "put quotes around the whole value")
    return None


def _quoted_well(value: str, quote: str) -> str:
    """How to write a value whose closing quote came too early."""
    other = '"' if quote == "'" else "'"
    behind = value[value.index(quote, 1) + 1 :]
    if behind[:1].isalnum() and value.endswith(quote) and other not in value:  # 'it's late'
        return f"put {other} around it instead: {other}{value[1:-1]}{other}"
    return f"put {other} around the whole value: {other}{value}{other}"


def _in_value(text: str, start: int, found: re.Match[str], code: str, message: str, hint: str) -> Trouble:
    first, last = start + found.start("value"), start + found.end("value")
    repaired = text[:first] + "x" * (last - first) + text[last:]
    return Trouble(code, message, first, last, hint, repaired)


# ------------------------------------------------------------------------- mistakes seen from the context


def _swallowed(text: str, index: int) -> Trouble | None:
    """A quote that is closed only by the next one of its kind, lines below: what it swallowed are keys."""
    opened = _quote_ended_at(text, index)
    if opened is None:
        return None
    start, line = _line(text, opened)
    below = text[start + len(line) : index].strip("\r\n").splitlines()
    if not any(_KEY.match(other) for other in below):
        return None
    quote = text[opened]
    message = f"this {quote} is never closed: the text goes on to the next {quote}"
    if not re.fullmatch(_VALUE, text[start:opened]):  # inside a { or [
        return Trouble("ORCH015", message, opened, opened + 1, f"write {quote} where the text ends")
    hint = f"end the value with {quote} too: {line.strip()}{quote}"
    end = start + len(line)
    deeper = below and _indent(below[0]) > _indent(line)
    repaired = None if deeper else text[:opened] + "x" * (end - opened) + text[end:]
    return Trouble("ORCH015", message, opened, opened + 1, hint, repaired)


def _quote_ended_at(text: str, index: int) -> int | None:
    """The start of the quoted text of several lines that ends right before this place."""
    loader = CSafeLoader(text)
    found: tuple[int, int] | None = None
    try:
        while loader.check_token():
            token = loader.get_token()
            if token is None or token.start_mark.index >= index:
                break
            if (
                isinstance(token, ScalarToken)
                and not token.plain
                and token.start_mark.line < token.end_mark.line
            ):
                found = (token.start_mark.index, token.end_mark.index)
    except MarkedYAMLError:
        pass  # the tokens before it are what counts
    finally:
        loader.dispose()
    if found is None or text[found[0]] not in "'\"" or text[found[1] : index].strip():
        return None
    return found[0]


def _not_indented(text: str, opened: int, problem: str) -> Trouble | None:
    """The text of a `|` or `>` that begins in the column of its key."""
    if "could not find expected ':'" not in problem:
        return None
    start, line = _line(text, opened)
    above = (other for other in reversed(text[:start].splitlines()) if other.strip())
    key = next((other for other in above if _BLOCK.match(other) or _indent(other) != _indent(line)), "")
    found = _BLOCK.match(key)
    if found is None or _indent(key) != _indent(line):
        return None
    first = start + _indent(line)
    message = f"the text of {found['key']!r} is not indented"
    hint = f"indent every line of it deeper than `{key.strip()}`"
    return Trouble("ORCH017", message, first, start + len(line), hint)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _by_context(text: str, index: int, opened: int, problem: str, context: str) -> Trouble | None:
    if "quoted scalar" in context and "end of stream" in problem:
        return _unclosed_quote(text, opened)
    if "document" in problem and "%" in text[opened : opened + 1]:
        return None
    if context.startswith("while parsing a flow") or "flow" in context:
        return _unclosed_bracket(text, index, opened)
    if "quoted scalar" in context and "escape" in problem:
        hint = "inside double quotes a \\ begins an escape: write \\\\, or use single quotes"
        return Trouble("ORCH001", "this is no escape that YAML knows", index - 1, index + 1, hint)
    start, line = _line(text, index)
    lead = line[: len(line) - len(line.lstrip())]
    if "\t" in lead or text[index : index + 1] == "\t":
        at = start + lead.index("\t") if "\t" in lead else index
        return Trouble(
            "ORCH014", "a tab cannot indent in YAML", at, at + 1, "indent with spaces, two per level"
        )
    return None


def _unclosed_quote(text: str, opened: int) -> Trouble:
    quote = text[opened : opened + 1]
    _, line = _line(text, opened)
    message = f"this {quote} is never closed"
    return Trouble(
        "ORCH015", message, opened, opened + 1, f"end the value with {quote} too: {line.strip()}{quote}"
    )


def _unclosed_bracket(text: str, index: int, opened: int) -> Trouble:
    sign = text[opened : opened + 1]
    closing = {"[": "]", "{": "}"}.get(sign)
    if closing is None:
        return Trouble(
            "ORCH018",
            "something is missing before this place",
            index,
            index + 1,
            "close the [ or { before it",
        )
    message = f"this {sign} is not closed as expected"
    hint = f"end it with {closing}, with a comma between its entries; quote texts that hold , [ ] {{ or }}"
    return Trouble("ORCH018", message, opened, opened + 1, hint)


def _general(text: str, index: int, problem: str, context: str) -> Trouble:
    start, line = _line(text, index)
    end = start + len(line)
    above = _line_before(text, start)
    for at, candidate in ((start, line), above):
        if _NO_SPACE.match(candidate):
            colon = at + candidate.index(":")
            return Trouble(
                "ORCH020", "a space is missing behind this colon", colon, colon + 1, "write `key: value`"
            )
        if _NO_COLON.match(candidate):
            word = candidate.strip()
            first = at + candidate.index(word)
            return Trouble(
                "ORCH020", f"{word!r} has no colon behind it", first, first + len(word), f"write `{word}:`"
            )
    if "block mapping" in context or "block collection" in context or "mapping values" in problem:
        first = start + len(line) - len(line.lstrip())
        message = "this line does not belong to anything above it: its indentation fits no level"
        if first >= len(text):
            first = max(0, len(text) - 1)
        return Trouble(
            "ORCH017", message, first, max(end, first + 1), "indent it like its neighbours, with spaces"
        )
    return Trouble(
        "ORCH001", f"this is no YAML: {problem}", index, index + 1, "quote the value, or check the line above"
    )


def _line(text: str, index: int) -> tuple[int, str]:
    """Start and text of the line of `index`; of the last line that says something when it is the end."""
    index = min(index, len(text))
    if index and not text[index:].strip():
        index = len(text.rstrip())
    start = max(text.rfind("\n", 0, index), text.rfind("\r", 0, index)) + 1
    ends = [at for at in (text.find("\n", index), text.find("\r", index)) if at >= 0]
    return start, text[start : min(ends, default=len(text))]


def _line_before(text: str, start: int) -> tuple[int, str]:
    body = text[:start].rstrip()
    return _line(body, len(body)) if body else (start, "")
