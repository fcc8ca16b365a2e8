"""The codes of keys, values and types, explained: ORCH101 to ORCH199."""

from __future__ import annotations

from orchestrator.spec.code import code, head_code, step_code, table

KEYS = table(
    step_code(
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
    step_code(
        "ORCH102",
        "a key is missing",
        "This entry means nothing without the key.",
        "short: {agent: creative}",
        "short: {agent: creative, prompt: Say hello.}",
    ),
    step_code(
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
    step_code(
        "ORCH104",
        "a step without a verb",
        "A step does exactly one thing: agent, tool, value, ask, workflow, or steps (a group).",
        "short: {prompt: Say hello.}",
        "short: {agent: creative, prompt: Say hello.}",
    ),
    step_code(
        "ORCH105",
        "a step with two verbs",
        "A step does exactly one thing. Make two steps of it; the second reads the first by its name.",
        'short: {agent: creative, prompt: Say hello., ask: "Good?"}',
        """
        short: {agent: creative, prompt: Say hello.}
        good: {ask: "Good?", show: "{{ short }}"}
        """,
    ),
    code(
        "ORCH106",
        "a list where names belong",
        """Steps, inputs, models and the like are maps from a name to what it means, not lists. A name is unique that way
        by itself, and a change touches one line.""",
        "orch: 1\nsteps:\n  - id: hello\n    value: Hello.\n",
        "orch: 1\nsteps:\n  hello:\n    value: Hello.\n",
    ),
    step_code(
        "ORCH107",
        "empty",
        "There has to be at least one entry.",
        "good: {ask: Good?, choices: []}",
        "good: {ask: Good?, choices: [yes, no]}",
    ),
    step_code(
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
    step_code(
        "ORCH110",
        "another kind of value is meant",
        """Text, numbers, true and false, lists and maps are not changed into each other by guessing. Text that looks like
        a number needs quotes.""",
        "short: {agent: creative, prompt: 5}",
        'short: {agent: creative, prompt: "5"}',
    ),
    step_code(
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
    step_code(
        "ORCH112",
        "not a name",
        """Names are used inside expressions, so they consist of small letters, digits and _, and do not begin with a
        digit.""",
        "First-Draft: {value: Hello.}",
        "first_draft: {value: Hello.}",
    ),
    step_code(
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
    step_code(
        "ORCH114",
        "not a time",
        "A time is a number with a unit: ms, s, m, h or d. Without a unit, 5 could be anything.",
        "short: {agent: creative, prompt: Say hello., timeout: 5}",
        "short: {agent: creative, prompt: Say hello., timeout: 5s}",
    ),
    head_code(
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
    code(
        "ORCH116",
        "an unknown version of the language",
        "The first key says which version of the language the file is written in; this orch reads version 1.",
        "orch: 2\nsteps:\n  hello: {value: Hello.}\n",
        "orch: 1\nsteps:\n  hello: {value: Hello.}\n",
    ),
    step_code(
        "ORCH119",
        "a value that cannot be used",
        "The value does not fit this key in a way that has no code of its own.",
        "",
        "hello: {value: Hello.}",
    ),
    step_code(
        "ORCH120",
        "not a type",
        """Types are string, string(160), text, int, int(1..5), number, bool, date, `a | b | c`, `[type]`, and maps of
        fields. A field that may be missing has a ? behind its name.""",
        "short: {agent: creative, prompt: Say hello., output: {words: strings}}",
        'short: {agent: creative, prompt: Say hello., output: {words: "[string]"}}',
    ),
    head_code(
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
    step_code(
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
    step_code(
        "ORCH131",
        "a key that needs another one",
        "The key refines another one that is not there, so it would have no effect.",
        "good: {ask: Good?, then: no}",
        "good: {ask: Good?, timeout: 1h, then: no}",
    ),
    step_code(
        "ORCH132",
        "an answer that is no choice",
        "`then` is the answer when nobody gives one in time, so it is one of the choices.",
        "good: {ask: Good?, choices: [send, drop], timeout: 1h, then: stop}",
        "good: {ask: Good?, choices: [send, drop], timeout: 1h, then: drop}",
    ),
    step_code(
        "ORCH133",
        "keys that exclude each other",
        "Exactly one of these keys can be meant.",
        "short: {agent: creative, prompt: Say hello., model: small, models: [small, large]}",
        "short: {agent: creative, prompt: Say hello., models: [small, large]}",
    ),
    step_code(
        "ORCH134",
        "an entry stands twice",
        "The list names the same thing twice; once is meant, or one of them is a mistake.",
        "good: {ask: Good?, choices: [yes, no, yes]}",
        "good: {ask: Good?, choices: [yes, no, maybe]}",
    ),
    head_code(
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
    step_code(
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
    head_code(
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
    head_code(
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
    head_code(
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
