"""The codes of a file and its YAML, explained: ORCH001 to ORCH099."""

from __future__ import annotations

from orchestrator.spec.code import code, step_code, table

YAML = table(
    step_code(
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
    code(
        "ORCH002",
        "the file is empty",
        "A workflow says at least which version of the language it is written in and has one step.",
        "# to be written\n",
        "orch: 1\nsteps:\n  hello: {value: Hello.}\n",
    ),
    code(
        "ORCH003",
        "not UTF-8",
        """Files are read as UTF-8, so that they mean the same on every machine. This one holds bytes that are not: it
        was probably saved as Latin-1, Windows-1252 or UTF-16. Save it as UTF-8 in your editor.""",
        "",
        "orch: 1\nsteps:\n  hello: {value: Grüße}\n",
    ),
    code(
        "ORCH004",
        "a control character",
        """YAML allows no control characters but line ends and tabs. Where one is meant, write its escape in double
        quotes; only U+0000 may stand nowhere, since paths and programs end at it.""",
        "orch: 1\nsteps:\n  hello: {value: ring \x07}\n",
        'orch: 1\nsteps:\n  hello: {value: "ring \\u0007"}\n',
    ),
    step_code(
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
    step_code(
        "ORCH006",
        "a YAML tag",
        "Tags like !!python/object or !env are not part of the language: a file is data and never names a class.",
        "hello: {value: !!str 5}",
        'hello: {value: "5"}',
    ),
    code(
        "ORCH007",
        "more than one document",
        "A file holds one workflow. A line of three dashes begins another document, which nobody would read.",
        "orch: 1\nsteps:\n  hello: {value: one}\n---\norch: 1\n",
        "orch: 1\nsteps:\n  hello: {value: one}\n",
    ),
    step_code(
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
    step_code(
        "ORCH009",
        "an alias without a value",
        """An alias (*name) needs an anchor (&name) before it, and cannot stand inside the value it means. A text that
        begins with * needs quotes.""",
        "files: {value: [*readme]}",
        'files: {value: ["*readme"]}',
    ),
    code(
        "ORCH010",
        "nested too deep",
        "More than 100 levels of maps and lists are no workflow that somebody wrote.",
        f"orch: 1\nsteps:\n  deep: {{value: {'[' * 101}{']' * 101}}}\n",
        "orch: 1\nsteps:\n  deep: {value: [[[1]]]}\n",
    ),
    step_code(
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
    step_code(
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
    step_code(
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
    code(
        "ORCH014",
        "a tab",
        "YAML indents with spaces; a tab is as wide as every editor likes. Two spaces per level are usual.",
        "orch: 1\nsteps:\n\thello: {value: Hello.}\n",
        "orch: 1\nsteps:\n  hello: {value: Hello.}\n",
    ),
    step_code(
        "ORCH015",
        "a quote is not closed",
        """The text goes on to the next quote of its kind, or to the end of the file, because the quote that begins it has
        no partner.""",
        'hello: {value: "Hello.}',
        'hello: {value: "Hello."}',
    ),
    step_code(
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
    code(
        "ORCH017",
        "indentation",
        "What belongs together begins in the same column; what belongs to a key is indented below it.",
        "orch: 1\nsteps:\n  hello:\n      value: one\n    when: true\n",
        "orch: 1\nsteps:\n  hello:\n    value: one\n    when: true\n",
    ),
    step_code(
        "ORCH018",
        "a bracket is not closed",
        """A { or [ needs its partner, and commas between its entries. Texts that hold brackets or commas need quotes
        there.""",
        "list: {value: [one, two}",
        "list: {value: [one, two]}",
    ),
    step_code(
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
    code(
        "ORCH020",
        "a missing colon or space",
        "A key and its value are separated by a colon and a space.",
        "orch: 1\nsteps:\n  hello:\n    value:Hello\n    when: true\n",
        "orch: 1\nsteps:\n  hello:\n    value: Hello\n    when: true\n",
    ),
    step_code(
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
    step_code(
        "ORCH022",
        "a number that cannot be kept",
        "Whole numbers have 64 bits; infinity and NaN do not exist in JSON, which models read and write.",
        "big: {value: 99999999999999999999}",
        'big: {value: "99999999999999999999"}',
    ),
    step_code(
        "ORCH023",
        "a key that is not text",
        "Keys are names. A list or a map cannot be one, and a key cannot be left out.",
        "hello: {value: {[a, b]: c}}",
        'hello: {value: {"[a, b]": c}}',
    ),
    code(
        "ORCH024",
        "no map at the top",
        "A workflow is a map: `orch: 1`, then `steps:` and what else it needs.",
        "- orch: 1\n- steps\n",
        "orch: 1\nsteps:\n  hello: {value: Hello.}\n",
    ),
    code(
        "ORCH025",
        "the file cannot be read",
        """There is no such file, or it is none that can hold a workflow: a directory, a binary file, one over 1 MB. In
        reports for machines it stands here; in the terminal it is an error without a code.""",
        "",
        "orch: 1\nsteps:\n  hello: {value: Hello.}\n",
    ),
)
