"""ORCH3xx and ORCH4xx: values of the wrong type, and values that can be null."""

from __future__ import annotations

from orchestrator.graph.examples import files, steps, table

_TRIAGE = """
            triage:
              agent: writer
              prompt: "Sort this ticket: the invoice is wrong."
              output: {topic: billing | bug | other, score: "int(1..5)", words: "[string]"}
"""

TYPES = table(
    (
        steps(
            "ORCH301",
            "impossible value",
            "A choice is compared with a value it can never have, so the comparison always comes out the same.",
            _TRIAGE
            + """
            note: {when: triage.topic != 'othr', value: yes}
            """,
            _TRIAGE
            + """
            note: {when: triage.topic != 'other', value: yes}
            """,
        ),
        steps(
            "ORCH302",
            "values that cannot be compared",
            "Text, numbers, lists and maps are never equal to each other, and lists have no order.",
            _TRIAGE
            + """
            note: {when: triage.score > '3', value: yes}
            """,
            _TRIAGE
            + """
            note: {when: triage.score > 3, value: yes}
            """,
        ),
        steps(
            "ORCH303",
            "field of something without fields",
            "Only maps have fields. A step without `output:` is plain text; a list has items.",
            """
            draft: {agent: writer, prompt: Write a line about rain.}
            mail: {value: "{{ draft.text }}"}
            """,
            """
            draft: {agent: writer, prompt: Write a line about rain., output: {text: string}}
            mail: {value: "{{ draft.text }}"}
            """,
        ),
        steps(
            "ORCH304",
            "item of something without such items",
            "Items of a list have numbers, fields of a map have names; numbers and true/false have neither.",
            """
            pair: {value: "{{ [1, 2][5] }}"}
            """,
            """
            pair: {value: "{{ [1, 2][1] }}"}
            """,
        ),
        steps(
            "ORCH305",
            "arithmetic on what is no number",
            "Arithmetic needs numbers. `~` joins anything as text.",
            """
            label: {value: "{{ 'no. ' + 7 }}"}
            """.replace("label", "title_line"),
            """
            title_line: {value: "{{ 'no. ' ~ 7 }}"}
            """,
        ),
        steps(
            "ORCH306",
            "filter or function on the wrong kind of value",
            "Filters and functions take what they are made for: `join` a list, `lines` a text, `round` a number.",
            _TRIAGE
            + """
            note: {value: "{{ triage.score | join(', ') }}"}
            """,
            _TRIAGE
            + """
            note: {value: "{{ triage.words | join(', ') }}"}
            """,
        ),
        steps(
            "ORCH308",
            "wrong number of names",
            "`as` has one name per list of `zip`, and so has a `{% for a, b in … %}`.",
            """
            pairs: {foreach: "zip([1, 2], [3, 4])", as: [a, b, c], value: "{{ a }}"}
            """,
            """
            pairs: {foreach: "zip([1, 2], [3, 4])", as: [a, b], value: "{{ a }}"}
            """,
        ),
        steps(
            "ORCH310",
            "not a list",
            "`foreach`, `reduce` and `each` go over a list.",
            """
            draft: {agent: writer, prompt: Write three lines about rain.}
            loud: {foreach: draft, value: "{{ item | upper }}"}
            """,
            """
            draft: {agent: writer, prompt: Write three lines about rain.}
            loud: {foreach: draft | lines, value: "{{ item | upper }}"}
            """,
        ),
        files(
            "ORCH311",
            "not an image",
            "`images` takes inputs of type `image`, one or a list of them.",
            """
            inputs: {photo: string}
            models: {eyes: "ollama:llava"}
            agents: {viewer: {model: eyes, role: You describe images.}}
            steps:
              look: {agent: viewer, prompt: What is this?, images: "{{ inputs.photo }}"}
            """,
            """
            inputs: {photo: image}
            models: {eyes: "ollama:llava"}
            agents: {viewer: {model: eyes, role: You describe images.}}
            steps:
              look: {agent: viewer, prompt: What is this?, images: "{{ inputs.photo }}"}
            """,
        ),
        steps(
            "ORCH312",
            "value of another type than declared",
            "A `value:` with an `output:` promises that type to its readers.",
            """
            limits: {value: {most: many}, output: {most: int}}
            """,
            """
            limits: {value: {most: 5}, output: {most: int}}
            """,
        ),
        steps(
            "ORCH313",
            "replacement of another type",
            "What stands in for a failed answer (`on_error: {value: …}`, `repeat.else`) is read like the answer itself.",
            """
            triage:
              agent: writer
              prompt: "Sort this ticket: the invoice is wrong."
              output: {urgency: low | high}
              on_error: {value: {urgency: unknown}}
            """,
            """
            triage:
              agent: writer
              prompt: "Sort this ticket: the invoice is wrong."
              output: {urgency: low | high}
              on_error: {value: {urgency: high}}
            """,
        ),
        steps(
            "ORCH314",
            "until is not true or false",
            "A loop that ends on a text or a map ends after its first pass, whatever the text says.",
            """
            reply:
              repeat: {until: judge, max: 3}
              steps:
                judge: {agent: writer, prompt: Is rain wet?}
            """,
            """
            reply:
              repeat: {until: judge.good, max: 3}
              steps:
                judge: {agent: writer, prompt: Is rain wet?, output: {good: bool}}
            """,
        ),
        steps(
            "ORCH315",
            "wrong argument of a tool",
            "A tool takes exactly the arguments it names.",
            """
            sums: {tool: python, with: {cod: "1 + 1"}}
            """,
            """
            sums: {tool: python, with: {code: "1 + 1"}}
            """,
        ),
        steps(
            "ORCH316",
            "wrong input of a subworkflow",
            "What `with` gives has the type that the other workflow declares for that input.",
            """
            other_one: {workflow: other.yaml, with: {text: Rain., times: often}}
            """,
            """
            other_one: {workflow: other.yaml, with: {text: Rain., times: 3}}
            """,
        ),
        steps(
            "ORCH317",
            "missing input of a subworkflow",
            "Every input of the other workflow that has no default is given under `with`.",
            """
            other_one: {workflow: other.yaml}
            """,
            """
            other_one: {workflow: other.yaml, with: {text: Rain.}}
            """,
        ),
        files(
            "ORCH318",
            "tool that must not be called again",
            """`retry` calls a tool again after a failure, and `once` says that its effect may be there all the same: a mail
            would go out twice. A function that only computes says `effects: none`.""",
            """
            tools: {notify: {mcp: {command: [notify-server]}}}
            steps:
              one: {tool: notify, retry: 2, with: {text: Rain.}}
            """,
            """
            tools: {notify: {mcp: {command: [notify-server]}, effects: idempotent}}
            steps:
              one: {tool: notify, retry: 2, with: {text: Rain.}}
            """,
        ),
        files(
            "ORCH320",
            "edit of something that is no value",
            """A person changes one value before choosing, so `edit` names it by its path. What is worked out from several
            is made in a `value` step before.""",
            """
            steps:
              draft: {value: {text: Rain falls.}}
              send: {ask: Send it?, edit: draft.text | upper}
            """,
            """
            steps:
              draft: {value: {text: Rain falls.}}
              send: {ask: Send it?, edit: draft.text}
              letter: {value: "{{ steps.send.edited }}"}
            """,
        ),
        files(
            "ORCH319",
            "result that cannot be used again",
            """`cache: true` uses a result again for the very same arguments. What a tool with an effect does, and what
            depends on files, knowledge, a server or another agent, is not in its arguments.""",
            """
            steps:
              one: {tool: files.list, cache: true, with: {path: notes}}
            """,
            """
            steps:
              one: {tool: python, cache: true, with: {code: "1 + 1"}}
            """,
        ),
    )
)

_MAYBE = """
            check_it: {agent: writer, prompt: Is rain wet?, output: {wet: bool}}
            advice: {when: check_it.wet, agent: writer, prompt: What to wear?, output: {text: string, note?: string}}
"""

NULLS = table(
    (
        steps(
            "ORCH401",
            "a value that can be null",
            """A skipped step is null, and so is one that failed under `on_error: continue`, an item kept after a failure, and
            an optional field. A field of null cannot be read. In `prompt`, `with`, `foreach` and `until` reading a null step
            skips the reader; everywhere else say what happens.""",
            _MAYBE
            + """
            mail: {value: "{{ advice.text }}"}
            """,
            _MAYBE
            + """
            mail: {value: "{{ coalesce(advice.text, 'Stay inside.') }}"}
            """,
        ),
        steps(
            "ORCH402",
            "last in the first pass",
            "`last` is the pass before of the innermost `repeat`. In the first pass there is none, so it is null.",
            """
            reply:
              repeat: {until: judge.good, max: 3}
              steps:
                judge: {agent: writer, prompt: "Before: {{ last.judge.why }}", output: {good: bool, why: string}}
            """,
            """
            reply:
              repeat: {until: judge.good, max: 3}
              steps:
                judge:
                  agent: writer
                  prompt: "{% if last %}Before: {{ last.judge.why }}{% else %}Begin.{% endif %}"
                  output: {good: bool, why: string}
            """,
        ),
        steps(
            "ORCH403",
            "null printed into text",
            "A null has no text. Say what to print instead.",
            """
            advice: {agent: writer, prompt: What to wear?, output: {text: string, note?: string}}
            mail: {value: "Note: {{ advice.note }}"}
            """,
            """
            advice: {agent: writer, prompt: What to wear?, output: {text: string, note?: string}}
            mail: {value: "Note: {{ advice.note | default('none') }}"}
            """,
        ),
    )
)
