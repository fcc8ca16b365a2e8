"""The codes of a file's form, explained: what is wrong, why it is refused, a wrong and a right example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent

from orchestrator.spec.diagnostics import Severity


@dataclass(frozen=True, slots=True)
class Code:
    """`title` is a line, `text` a paragraph, `wrong` a file that gives exactly this code, `right` the same without it."""

    code: str
    severity: Severity
    title: str
    text: str
    wrong: str
    right: str


def _code(code: str, title: str, text: str, wrong: str, right: str, severity: Severity = "error") -> Code:
    return Code(
        code, severity, title, " ".join(text.split()), dedent(wrong).lstrip("\n"), dedent(right).lstrip("\n")
    )


def _step(code: str, title: str, text: str, wrong: str, right: str, severity: Severity = "error") -> Code:
    """Examples that are one step; each line stands below `steps:`."""
    return _code(code, title, text, _workflow(wrong), _workflow(right), severity)


def _workflow(steps: str) -> str:
    body = "".join(f"  {line}\n" for line in dedent(steps).strip("\n").splitlines())
    return f"orch: 1\nsteps:\n{body}"


def _head(code: str, title: str, text: str, wrong: str, right: str, severity: Severity = "error") -> Code:
    """Examples that stand above a step."""
    step = "steps:\n  short: {agent: creative, prompt: Say hello.}\n"
    wrong, right = (f"orch: 1\n{dedent(part).lstrip(chr(10))}{step}" for part in (wrong, right))
    return _code(code, title, text, wrong, right, severity)


def _table(*codes: Code) -> Mapping[str, Code]:
    return {code.code: code for code in codes}


_YAML = _table(
    _step(
        "ORCH001",
        "not YAML",
        "The file cannot be read as YAML from this place on. Often the mistake is in the line above.",
        r"""
        hello: {value: "C:\games"}
        """,
        r"""
        hello: {value: 'C:\games'}
        """,
    ),
    _code(
        "ORCH002",
        "the file is empty",
        "A workflow says at least which version of the language it is written in and has one step.",
        "# to be written\n",
        "orch: 1\nsteps:\n  hello: {value: Hello.}\n",
    ),
    _code(
        "ORCH003",
        "not UTF-8",
        """Files are read as UTF-8, so that they mean the same on every machine. This one holds bytes that are not: it
        was probably saved as Latin-1, Windows-1252 or UTF-16. Save it as UTF-8 in your editor.""",
        "",
        "orch: 1\nsteps:\n  hello: {value: Grüße}\n",
    ),
    _code(
        "ORCH004",
        "a control character",
        """YAML allows no control characters but line ends and tabs. Where one is meant, write its escape in double
        quotes.""",
        "orch: 1\nsteps:\n  hello: {value: ring \x07}\n",
        'orch: 1\nsteps:\n  hello: {value: "ring \\u0007"}\n',
    ),
    _step(
        "ORCH005",
        "a key stands twice",
        """A map has each key once. Most YAML readers silently keep the last one, and the other is lost; here it is an
        error.""",
        """
        hello: {value: one}
        hello: {value: two}
        """,
        """
        hello: {value: one}
        again: {value: two}
        """,
    ),
    _step(
        "ORCH006",
        "a YAML tag",
        "Tags like !!python/object or !env are not part of the language: a file is data and never names a class.",
        "hello: {value: !!str 5}",
        'hello: {value: "5"}',
    ),
    _code(
        "ORCH007",
        "more than one document",
        "A file holds one workflow. A line of three dashes begins another document, which nobody would read.",
        "orch: 1\nsteps:\n  hello: {value: one}\n---\norch: 1\n",
        "orch: 1\nsteps:\n  hello: {value: one}\n",
    ),
    _step(
        "ORCH008",
        "aliases unfold into too much",
        """Each alias (*name) stands for everything behind its anchor (&name). Aliases of lists of aliases grow without
        measure: a few hundred bytes can mean billions of values.""",
        """
        a: {value: &a [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}
        b: {value: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a]}
        c: {value: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b]}
        d: {value: [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c]}
        """,
        """
        a: {value: &a [1, 2, 3]}
        b: {value: *a}
        """,
    ),
    _step(
        "ORCH009",
        "an alias without a value",
        """An alias (*name) needs an anchor (&name) before it, and cannot stand inside the value it means. A text that
        begins with * needs quotes.""",
        "files: {value: [*readme]}",
        'files: {value: ["*readme"]}',
    ),
    _code(
        "ORCH010",
        "nested too deep",
        "More than 100 levels of maps and lists are no workflow that somebody wrote.",
        f"orch: 1\nsteps:\n  deep: {{value: {'[' * 101}{']' * 101}}}\n",
        "orch: 1\nsteps:\n  deep: {value: [[[1]]]}\n",
    ),
    _step(
        "ORCH011",
        "an unquoted {{",
        """In YAML a { begins a map, so a value that begins with {{ is a map in a map, and not a template. Put quotes
        around the whole value.""",
        """
        name: {value: Ada}
        hello:
          value: {{ name }}
        """,
        """
        name: {value: Ada}
        hello:
          value: "{{ name }}"
        """,
    ),
    _step(
        "ORCH012",
        "text behind a closing quote",
        """A value that begins with a quote ends at the closing one. An expression that begins with a quoted word needs
        quotes of the other kind around the whole.""",
        """
        words: {value: a b c}
        found:
          value: yes
          when: 'a' in words
        """,
        """
        words: {value: a b c}
        found:
          value: yes
          when: "'a' in words"
        """,
    ),
    _step(
        "ORCH013",
        "a # cuts the value off",
        """Behind a space, # begins a comment, also in the middle of an unquoted text. What is left here is not complete,
        so the # was probably meant. Quote the whole value.""",
        """
        number: {value: 7}
        ticket:
          value: Ticket #{{ number }}
        """,
        """
        number: {value: 7}
        ticket:
          value: "Ticket #{{ number }}"
        """,
    ),
    _code(
        "ORCH014",
        "a tab",
        "YAML indents with spaces; a tab is as wide as every editor likes. Two spaces per level are usual.",
        "orch: 1\nsteps:\n\thello: {value: Hello.}\n",
        "orch: 1\nsteps:\n  hello: {value: Hello.}\n",
    ),
    _step(
        "ORCH015",
        "a quote is not closed",
        "The text goes on to the end of the file, because the quote that begins it has no partner.",
        'hello: {value: "Hello.}',
        'hello: {value: "Hello."}',
    ),
    _step(
        "ORCH016",
        "a colon inside unquoted text",
        """A colon followed by a space separates a key from its value, also in the middle of a sentence. Quote the
        sentence.""",
        """
        hello:
          value: Remember: be kind
        """,
        """
        hello:
          value: "Remember: be kind"
        """,
    ),
    _code(
        "ORCH017",
        "indentation",
        "What belongs together begins in the same column; what belongs to a key is indented below it.",
        "orch: 1\nsteps:\n  hello:\n      value: one\n    when: true\n",
        "orch: 1\nsteps:\n  hello:\n    value: one\n    when: true\n",
    ),
    _step(
        "ORCH018",
        "a bracket is not closed",
        """A { or [ needs its partner, and commas between its entries. Texts that hold brackets or commas need quotes
        there.""",
        "list: {value: [one, two}",
        "list: {value: [one, two]}",
    ),
    _step(
        "ORCH019",
        "a value that begins with a sign",
        "The signs @ ` % & and * mean something at the beginning of a value. Put quotes around it.",
        """
        who:
          value: @ada
        """,
        """
        who:
          value: "@ada"
        """,
    ),
    _code(
        "ORCH020",
        "a missing colon or space",
        "A key and its value are separated by a colon and a space.",
        "orch: 1\nsteps:\n  hello:\n    value:Hello\n    when: true\n",
        "orch: 1\nsteps:\n  hello:\n    value: Hello\n    when: true\n",
    ),
    _step(
        "ORCH021",
        "a comment that looks like a template",
        """Behind a space, # begins a comment. This one holds a template, so it may have been meant as part of the value.
        Quote the value, or leave the {{ }} out of the comment.""",
        """
        number: {value: 7}
        ticket:
          value: Ticket # {{ number }}
        """,
        """
        number: {value: 7}
        ticket:
          value: "Ticket # {{ number }}"
        """,
        "warning",
    ),
    _step(
        "ORCH022",
        "a number that cannot be kept",
        "Whole numbers have 64 bits; infinity and NaN do not exist in JSON, which models read and write.",
        "big: {value: 99999999999999999999}",
        'big: {value: "99999999999999999999"}',
    ),
    _step(
        "ORCH023",
        "a key that is not text",
        "Keys are names. A list or a map cannot be one, and a key cannot be left out.",
        "hello: {value: {[a, b]: c}}",
        'hello: {value: {"[a, b]": c}}',
    ),
    _code(
        "ORCH024",
        "no map at the top",
        "A workflow is a map: `orch: 1`, then `steps:` and what else it needs.",
        "- orch: 1\n- steps\n",
        "orch: 1\nsteps:\n  hello: {value: Hello.}\n",
    ),
)

_KEYS = _table(
    _step(
        "ORCH101",
        "unknown key",
        """This key does not exist here. Nothing in a file is silently ignored: a misspelt key would otherwise change what
        the workflow does without a word.""",
        """
        hello:
          value: Hello.
          wehn: true
        """,
        """
        hello:
          value: Hello.
          when: true
        """,
    ),
    _step(
        "ORCH102",
        "a key is missing",
        "This entry means nothing without the key.",
        "short: {agent: creative}",
        "short: {agent: creative, prompt: Say hello.}",
    ),
    _step(
        "ORCH103",
        "a key of another kind of step",
        "The key exists, but for steps with another verb. It would have no effect here.",
        """
        hello:
          value: Hello.
          repair: 2
        """,
        """
        hello:
          agent: creative
          prompt: Say hello.
          repair: 2
        """,
    ),
    _step(
        "ORCH104",
        "a step without a verb",
        "A step does exactly one thing: agent, tool, value, ask, workflow, or steps (a group).",
        "short: {prompt: Say hello.}",
        "short: {agent: creative, prompt: Say hello.}",
    ),
    _step(
        "ORCH105",
        "a step with two verbs",
        "A step does exactly one thing. Make two steps of it; the second reads the first by its name.",
        'short: {agent: creative, prompt: Say hello., ask: "Good?"}',
        """
        short: {agent: creative, prompt: Say hello.}
        good: {ask: "Good?", show: "{{ short }}"}
        """,
    ),
    _code(
        "ORCH106",
        "a list where names belong",
        """Steps, inputs, models and the like are maps from a name to what it means, not lists. A name is unique that way
        by itself, and a change touches one line.""",
        "orch: 1\nsteps:\n  - id: hello\n    value: Hello.\n",
        "orch: 1\nsteps:\n  hello:\n    value: Hello.\n",
    ),
    _step(
        "ORCH107",
        "empty",
        "There has to be at least one entry.",
        "good: {ask: Good?, choices: []}",
        "good: {ask: Good?, choices: [yes, no]}",
    ),
    _step(
        "ORCH108",
        "a key without a value",
        "The key is there, but nothing stands behind it. Give it a value, or remove it.",
        """
        hello:
          value: Hello.
          when:
        """,
        """
        hello:
          value: Hello.
          when: true
        """,
    ),
    _step(
        "ORCH110",
        "another kind of value is meant",
        """Text, numbers, true and false, lists and maps are not changed into each other by guessing. Text that looks like
        a number needs quotes.""",
        "short: {agent: creative, prompt: 5}",
        'short: {agent: creative, prompt: "5"}',
    ),
    _step(
        "ORCH111",
        "none of the possible values",
        "This key has a fixed set of values.",
        """
        short:
          foreach: [red, blue]
          agent: creative
          prompt: "A word about {{ item }}."
          on_item_error: skip
        """,
        """
        short:
          foreach: [red, blue]
          agent: creative
          prompt: "A word about {{ item }}."
          on_item_error: keep
        """,
    ),
    _step(
        "ORCH112",
        "not a name",
        """Names are used inside expressions, so they consist of small letters, digits and _, and do not begin with a
        digit.""",
        "First-Draft: {value: Hello.}",
        "first_draft: {value: Hello.}",
    ),
    _step(
        "ORCH113",
        "a number out of range",
        "The number is smaller or larger than makes sense here.",
        """
        short: {agent: creative, prompt: Say hello., params: {temperature: 30}}
        """,
        """
        short: {agent: creative, prompt: Say hello., params: {temperature: 0.3}}
        """,
    ),
    _step(
        "ORCH114",
        "not a time",
        "A time is a number with a unit: ms, s, m, h or d. Without a unit, 5 could be anything.",
        "short: {agent: creative, prompt: Say hello., timeout: 5}",
        "short: {agent: creative, prompt: Say hello., timeout: 5s}",
    ),
    _head(
        "ORCH115",
        "a secret in the file",
        "Files are kept in git and shown to people. A key comes from the environment: `env.` and the variable's name.",
        """
        models:
          cloud: {use: "openai:gpt-5-mini", key: sk-1234}
        """,
        """
        models:
          cloud: {use: "openai:gpt-5-mini", key: env.OPENAI_API_KEY}
        """,
    ),
    _code(
        "ORCH116",
        "an unknown version of the language",
        "The first key says which version of the language the file is written in; this orch reads version 1.",
        "orch: 2\nsteps:\n  hello: {value: Hello.}\n",
        "orch: 1\nsteps:\n  hello: {value: Hello.}\n",
    ),
    _step(
        "ORCH119",
        "a value that cannot be used",
        "The value does not fit this key in a way that has no code of its own.",
        "",
        "hello: {value: Hello.}",
    ),
    _step(
        "ORCH120",
        "not a type",
        """Types are string, string(160), text, int, int(1..5), number, bool, date, `a | b | c`, `[type]`, and maps of
        fields. A field that may be missing has a ? behind its name.""",
        "short: {agent: creative, prompt: Say hello., output: {words: strings}}",
        'short: {agent: creative, prompt: Say hello., output: {words: "[string]"}}',
    ),
    _head(
        "ORCH121",
        "a default of another type",
        "The default must be a value that could be given: it has the input's type.",
        """
        inputs:
          tone: {type: warm | formal, default: rude}
        """,
        """
        inputs:
          tone: {type: warm | formal, default: warm}
        """,
    ),
    _step(
        "ORCH130",
        "a key that needs foreach",
        "The key says something about the items of a `foreach`, and this step has none.",
        """
        short:
          agent: creative
          prompt: Say hello.
          on_item_error: keep
        """,
        """
        short:
          foreach: [Ada, Bob]
          agent: creative
          prompt: "Say hello to {{ item }}."
          on_item_error: keep
        """,
    ),
    _step(
        "ORCH131",
        "a key that needs another one",
        "The key refines another one that is not there, so it would have no effect.",
        "good: {ask: Good?, then: no}",
        "good: {ask: Good?, timeout: 1h, then: no}",
    ),
    _step(
        "ORCH132",
        "an answer that is no choice",
        "`then` is the answer when nobody gives one in time, so it is one of the choices.",
        "good: {ask: Good?, choices: [send, drop], timeout: 1h, then: stop}",
        "good: {ask: Good?, choices: [send, drop], timeout: 1h, then: drop}",
    ),
    _step(
        "ORCH133",
        "keys that exclude each other",
        "Exactly one of these keys can be meant.",
        "short: {agent: creative, prompt: Say hello., model: small, models: [small, large]}",
        "short: {agent: creative, prompt: Say hello., models: [small, large]}",
    ),
    _step(
        "ORCH134",
        "an entry stands twice",
        "The list names the same thing twice; once is meant, or one of them is a mistake.",
        "good: {ask: Good?, choices: [yes, no, yes]}",
        "good: {ask: Good?, choices: [yes, no, maybe]}",
    ),
    _head(
        "ORCH135",
        "a key of another type of input",
        "How a file is read can only be said of an input that is a file.",
        """
        inputs:
          tickets: {type: string, format: jsonl}
        """,
        """
        inputs:
          tickets: {type: file, format: jsonl}
        """,
    ),
    _step(
        "ORCH136",
        "a declassification that is none",
        "`declassify` lowers a label, from a higher to a lower one; `aggregate` says how large a group must be.",
        """
        short:
          agent: redactor
          prompt: Say hello.
          declassify: {from: public, to: private, by: redact}
        """,
        """
        short:
          agent: redactor
          prompt: Say hello.
          declassify: {from: private, to: public, by: redact}
        """,
    ),
    _head(
        "ORCH160",
        "agents that use each other",
        "`uses:` starts from another agent. In a circle there is none to start from.",
        """
        agents:
          short: {uses: terse}
          terse: {uses: short}
        """,
        """
        agents:
          short: {uses: terse}
          terse: {role: Answer in one sentence.}
        """,
    ),
    _head(
        "ORCH161",
        "an unknown agent in uses",
        "`uses:` names an agent of the file, beside it, of the project, or one that ships with orch.",
        """
        agents:
          short: {uses: terse}
        """,
        """
        agents:
          short: {uses: terse}
          terse: {role: Answer in one sentence.}
        """,
    ),
    _head(
        "ORCH162",
        "outside the project",
        """Files that a workflow names lie beneath the project's root, also when links are followed: what belongs to a
        project is in it, and a workflow from somebody else cannot read your other files.""",
        """
        inputs:
          list: {type: file, default: ../../list.txt}
        """,
        """
        inputs:
          list: {type: file, default: data/list.txt}
        """,
    ),
)

CODES: Mapping[str, Code] = {**_YAML, **_KEYS}
