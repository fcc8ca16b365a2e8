"""ORCH2xx: names that mean nothing where they stand, and names that may not be given."""

from __future__ import annotations

from orchestrator.graph.examples import files, steps, table

NAMES = table(
    (
        steps(
            "ORCH201",
            "unknown name",
            """An expression reads a name that no step, loop variable or input has here. Names resolve outwards: the
            steps of the same group, the loop variable around them, the steps further out.""",
            """
            draft: {agent: writer, prompt: Write a line about rain.}
            final: {value: "{{ drafd }}"}
            """,
            """
            draft: {agent: writer, prompt: Write a line about rain.}
            final: {value: "{{ draft }}"}
            """,
        ),
        steps(
            "ORCH202",
            "unknown field",
            """A typed value has exactly the fields its `output:` (or `rows:`, or the map of a `value:`) names. Reading
            another one would stop the run in the middle.""",
            """
            triage:
              agent: writer
              prompt: "Sort this ticket: the invoice is wrong."
              output: {urgency: low | high}
            note: {value: "{{ triage.urgancy }}"}
            """,
            """
            triage:
              agent: writer
              prompt: "Sort this ticket: the invoice is wrong."
              output: {urgency: low | high}
            note: {value: "{{ triage.urgency }}"}
            """,
        ),
        steps(
            "ORCH203",
            "name known only elsewhere",
            """Some names exist only where they make sense: `item` and `index` under `foreach`, `last` inside a `repeat`,
            `output` in `check`, `items` with `reduce`, `error` and `answer` in `on_error`.""",
            """
            draft: {agent: writer, prompt: "Write about {{ item }}."}
            """,
            """
            draft: {foreach: [rain, snow], agent: writer, prompt: "Write about {{ item }}."}
            """,
        ),
        files(
            "ORCH204",
            "unknown input",
            "An input must be declared under `inputs:` before it is read as `inputs.name`.",
            """
            inputs: {text: string}
            steps:
              short: {value: "{{ inputs.text }} {{ inputs.txt }}"}
            """,
            """
            inputs: {text: string}
            steps:
              short: {value: "{{ inputs.text }}"}
            """,
        ),
        steps(
            "ORCH205",
            "unknown fact",
            """Under `steps.<name>` stand the facts about a step: model, tokens, confidence, sources, escalated, attempts,
            seconds, usd, error, met and passes. Its answer is its name alone.""",
            """
            draft: {agent: writer, prompt: Write a line about rain.}
            cost: {value: "{{ steps.draft.token }}"}
            """,
            """
            draft: {agent: writer, prompt: Write a line about rain.}
            cost: {value: "{{ steps.draft.tokens }}"}
            """,
        ),
        steps(
            "ORCH206",
            "unknown filter",
            "Filters are an explicit list of pure ones; nothing else can stand behind a `|`.",
            """
            loud: {value: "{{ 'rain' | uper }}"}
            """,
            """
            loud: {value: "{{ 'rain' | upper }}"}
            """,
        ),
        steps(
            "ORCH207",
            "unknown function",
            "Only `zip`, `len`, `range` and `coalesce` can be called. Everything else is a filter.",
            """
            size: {value: "{{ size_of([1, 2]) }}"}
            """,
            """
            size: {value: "{{ len([1, 2]) }}"}
            """,
        ),
        steps(
            "ORCH208",
            "unknown test",
            "What stands behind `is` is a test of an explicit list, like `defined`, `none` or `even`.",
            """
            pairs: {value: "{{ 4 is evn }}"}
            """,
            """
            pairs: {value: "{{ 4 is even }}"}
            """,
        ),
        steps(
            "ORCH209",
            "reading into a group",
            "From outside, the inside of a group is reached only through its value: group.step.",
            """
            reply:
              steps:
                draft: {agent: writer, prompt: Write a line about rain.}
            mail: {value: "{{ draft }}"}
            """,
            """
            reply:
              steps:
                draft: {agent: writer, prompt: Write a line about rain.}
            mail: {value: "{{ reply.draft }}"}
            """,
        ),
        steps(
            "ORCH210",
            "reserved name",
            """The names the language itself uses in expressions (inputs, steps, item, last, output, …) and those of its
            functions cannot name a step or a loop variable: nobody could tell which is meant.""",
            """
            coalesce: {value: 3}
            """,
            """
            size: {value: 3}
            """,
        ),
        steps(
            "ORCH211",
            "step named like its loop variable",
            "Inside the step its name would mean the item, outside the whole list.",
            """
            ticket: {foreach: [a, b], as: ticket, value: "{{ ticket }}"}
            """,
            """
            tickets: {foreach: [a, b], as: ticket, value: "{{ ticket }}"}
            """,
        ),
        steps(
            "ORCH212",
            "name hidden by another",
            """A step or loop variable inside a group may not have the name of one that can be seen from there: the same
            word would mean two things. Two loops inside each other need `as:`.""",
            """
            outer:
              foreach: [[1, 2], [3]]
              steps:
                inner: {foreach: item, value: "{{ item }}"}
            """,
            """
            outer:
              foreach: [[1, 2], [3]]
              as: pair
              steps:
                inner: {foreach: pair, value: "{{ item }}"}
            """,
        ),
        steps(
            "ORCH213",
            "needs an unknown step",
            "`needs` names steps of the same level, or of a level further out.",
            """
            draft: {agent: writer, prompt: Write a line about rain.}
            mail: {value: done, needs: drat}
            """,
            """
            draft: {agent: writer, prompt: Write a line about rain.}
            mail: {value: done, needs: draft}
            """,
        ),
        steps(
            "ORCH220",
            "not an expression",
            "The text between `{{` and `}}`, or a key that holds a bare expression, is not complete or not understood.",
            """
            sum: {value: "{{ 1 + }}"}
            """.replace("sum", "total"),
            """
            total: {value: "{{ 1 + 1 }}"}
            """,
        ),
        steps(
            "ORCH221",
            "not part of the language",
            """Methods, macros, includes and the like do not exist: expressions read data and use filters, so that a run
            cannot be surprised by what a value brings along.""",
            """
            loud: {value: "{{ 'rain'.upper() }}"}
            """,
            """
            loud: {value: "{{ 'rain' | upper }}"}
            """,
        ),
    )
)
