"""ORCH7xx: how private values are, and what may leave the machine."""

from __future__ import annotations

from orchestrator.graph.examples import files, table

LABELS = table(
    (
        files(
            "ORCH700",
            "private data would leave",
            """
            A value is as private as the most private thing it was made of. A place outside this machine sees only
            what its `clearance` allows, `public` when it states none. Say that the value is less private, lower it
            with `declassify`, leave it out, or raise the clearance. The value of `env.NAME` itself leaves under no clearance.
            """,
            """
            inputs: {ticket: text}
            models: {cloud: "openai:gpt-5-mini"}
            agents: {writer: {role: You write short answers.}}
            steps:
              answer: {agent: writer, model: cloud, prompt: "Answer this: {{ inputs.ticket }}"}
            """,
            """
            inputs: {ticket: {type: text, label: public}}
            models: {cloud: "openai:gpt-5-mini"}
            agents: {writer: {role: You write short answers.}}
            steps:
              answer: {agent: writer, model: cloud, prompt: "Answer this: {{ inputs.ticket }}"}
            """,
        ),
        files(
            "ORCH701",
            "call that private values decide on",
            """
            What is sent is public, but whether it is sent tells something about a private value. A warning, because
            the text of the value does not leave.
            """,
            """
            inputs: {urgent: bool}
            models: {cloud: "openai:gpt-5-mini"}
            agents: {writer: {role: You write short answers.}}
            steps:
              line: {when: inputs.urgent, agent: writer, model: cloud, prompt: Write a line about haste.}
            """,
            """
            inputs: {urgent: {type: bool, label: public}}
            models: {cloud: "openai:gpt-5-mini"}
            agents: {writer: {role: You write short answers.}}
            steps:
              line: {when: inputs.urgent, agent: writer, model: cloud, prompt: Write a line about haste.}
            """,
            "warning",
        ),
        files(
            "ORCH702",
            "label that would lower a value",
            "`label:` on a step raises the label of its value. Only `declassify` lowers one.",
            """
            inputs: {ticket: text}
            agents: {writer: {role: You write short answers.}}
            steps:
              short: {agent: writer, prompt: "Shorten: {{ inputs.ticket }}", label: public}
            """,
            """
            inputs: {ticket: text}
            agents: {writer: {role: You write short answers.}}
            steps:
              short: {agent: writer, prompt: "Shorten: {{ inputs.ticket }}", label: secret}
            """,
        ),
        files(
            "ORCH703",
            "declassify of something more private",
            "`declassify` refuses a value above its `from`: somebody thought about that label, and not about this one.",
            """
            agents: {writer: {role: You write short answers.}}
            steps:
              short:
                agent: writer
                prompt: "Shorten: {{ env.NOTE }}"
                declassify: {from: private, to: public, by: redact}
            """,
            """
            inputs: {note: text}
            agents: {writer: {role: You write short answers.}}
            steps:
              short:
                agent: writer
                prompt: "Shorten: {{ inputs.note }}"
                declassify: {from: private, to: public, by: redact}
            """,
        ),
        files(
            "ORCH704",
            "aggregate that lets text out",
            """
            `by: aggregate` needs an answer of nothing but int, number and bool: a text can hold anything.
            """,
            """
            inputs: {tickets: "[text]"}
            agents: {writer: {role: You count things.}}
            steps:
              late:
                agent: writer
                prompt: "How many of these are late? {{ inputs.tickets }}"
                output: {count: int, why: string}
                declassify: {from: private, to: public, by: aggregate, min_group: 10}
            """,
            """
            inputs: {tickets: "[text]"}
            agents: {writer: {role: You count things.}}
            steps:
              late:
                agent: writer
                prompt: "How many of these are late? {{ inputs.tickets }}"
                output: {count: int}
                declassify: {from: private, to: public, by: aggregate, min_group: 10}
            """,
        ),
        files(
            "ORCH705",
            "workflow that is given too much",
            """
            The label of a workflow's input is a ceiling: its own file was checked with it, so nothing above may go in.
            Inputs are `private` unless they say something else.
            """,
            """
            steps:
              said: {workflow: other.yaml, with: {text: "{{ env.NOTE }}"}}
            """,
            """
            inputs: {note: text}
            steps:
              said: {workflow: other.yaml, with: {text: "{{ inputs.note }}"}}
            """,
        ),
        files(
            "ORCH706",
            "workflow that lowers a label",
            """
            A called workflow may lower labels only in the steps that the call lists under `allow_declassify`, so that
            whoever reads this file sees it. `lowers.yaml` is a file with a step `scrub` that does.
            """,
            """
            steps:
              said: {workflow: lowers.yaml, with: {text: Rain.}}
            """,
            """
            steps:
              said: {workflow: lowers.yaml, with: {text: Rain.}, allow_declassify: [scrub]}
            """,
        ),
        files(
            "ORCH707",
            "allowed step that lowers nothing",
            "What is listed under `allow_declassify` is no step of that workflow, or lowers no label.",
            """
            steps:
              said: {workflow: other.yaml, with: {text: Rain.}, allow_declassify: [scrub]}
            """,
            """
            steps:
              said: {workflow: other.yaml, with: {text: Rain.}}
            """,
            "warning",
        ),
        files(
            "ORCH708",
            "sink that egress does not allow",
            "`egress` names everything off this machine that the file may ever use; this is not among it.",
            """
            egress: none
            models: {cloud: "openai:gpt-5-mini"}
            agents: {writer: {role: You write short answers.}}
            steps:
              line: {agent: writer, model: cloud, prompt: Write a line about rain.}
            """,
            """
            egress: [cloud]
            models: {cloud: "openai:gpt-5-mini"}
            agents: {writer: {role: You write short answers.}}
            steps:
              line: {agent: writer, model: cloud, prompt: Write a line about rain.}
            """,
        ),
        files(
            "ORCH709",
            "egress that nothing uses",
            "A name under `egress` is no model, tool or knowledge through which anything of this file leaves.",
            """
            egress: [cloud]
            steps:
              line: {value: 1}
            """,
            """
            egress: none
            steps:
              line: {value: 1}
            """,
            "warning",
        ),
        files(
            "ORCH710",
            "file written where less private files are read",
            """
            What is written there would be read again under a lower label. Write it somewhere else, or raise the label
            of what is read.
            """,
            """
            inputs: {note: text}
            knowledge: {handbook: {from: docs/*.md, label: internal}}
            agents: {writer: {role: You write short answers., knowledge: [handbook]}}
            steps:
              line: {agent: writer, prompt: Write a line about rain.}
              save: {tool: files.write, with: {path: docs/note.md, text: "{{ inputs.note }}"}}
            """,
            """
            inputs: {note: text}
            knowledge: {handbook: {from: docs/*.md, label: internal}}
            agents: {writer: {role: You write short answers., knowledge: [handbook]}}
            steps:
              line: {agent: writer, prompt: Write a line about rain.}
              save: {tool: files.write, with: {path: out/note.md, text: "{{ inputs.note }}"}}
            """,
        ),
        files(
            "ORCH711",
            "record that keeps more of what is more private",
            "`keep` says what the record holds of values at or above a label: a higher label is never kept more fully.",
            """
            keep: {internal: none, private: full}
            steps:
              line: {value: 1}
            """,
            """
            keep: {internal: full, private: none}
            steps:
              line: {value: 1}
            """,
        ),
        files(
            "ORCH712",
            "limit in dollars without a price",
            """
            What a call may cost at most is reserved before it is made. Of a model that neither the price list nor the file
            gives a price of, nobody can say that, and a run would be refused before its first call.
            """,
            """
            budget: {usd: 1}
            models: {cloud: {use: "openai:our-own", url: "https://models.example.org/v1"}}
            agents: {writer: {role: You write short answers.}}
            steps:
              line: {agent: writer, model: cloud, prompt: Write a line about rain.}
            """,
            """
            budget: {usd: 1}
            models: {cloud: {use: "openai:our-own", url: "https://models.example.org/v1", price: {input: 1, output: 2}}}
            agents: {writer: {role: You write short answers.}}
            steps:
              line: {agent: writer, model: cloud, prompt: Write a line about rain.}
            """,
        ),
        files(
            "ORCH713",
            "release of a value that nobody can read elsewhere",
            """
            `by: approve` shows a person what would leave. The record does not hold values of this label (`keep`, and by
            default those that are secret), so the question can be answered at the terminal of the run only: `orch approve`
            from another shell is refused.
            """,
            """
            keep: {private: hash}
            inputs: {note: text}
            agents: {writer: {role: You write short answers.}}
            steps:
              short:
                agent: writer
                prompt: "Shorten: {{ inputs.note }}"
                declassify: {from: private, to: public, by: approve}
            """,
            """
            keep: {private: full}
            inputs: {note: text}
            agents: {writer: {role: You write short answers.}}
            steps:
              short:
                agent: writer
                prompt: "Shorten: {{ inputs.note }}"
                declassify: {from: private, to: public, by: approve}
            """,
            "warning",
        ),
        files(
            "ORCH714",
            "one file under two labels",
            """
            Two inputs may read the same file, and one says that it is less private than the other does. Nothing would keep
            what is private in it from going wherever the other one may go. Give both the label of what the file holds.
            """,
            """
            inputs:
              open: {type: file, default: notes/day.txt, label: public}
              all: {type: files, default: "notes/*.txt"}
            steps:
              line: {value: "{{ inputs.open }} {{ inputs.all }}"}
            """,
            """
            inputs:
              open: {type: file, default: open/day.txt, label: public}
              all: {type: files, default: "notes/*.txt"}
            steps:
              line: {value: "{{ inputs.open }} {{ inputs.all }}"}
            """,
        ),
        files(
            "ORCH715",
            "text from outside, private data and an effect in one step",
            """Any two of the three are fine. Where all meet, whoever wrote the text (a document, a mail, what a server answered)
            may have the model send the data wherever the tool can reach. No filter finds every such text: let a person look
            before the effect, or take one of the three away.""",
            """
            tools: {mail.send: {mcp: {command: [mail-server]}, clearance: private}}
            inputs: {letter: file}
            agents: {writer: {role: You write short answers.}}
            steps:
              reply: {agent: writer, prompt: "Answer this letter: {{ inputs.letter }}"}
              send: {tool: mail.send, with: {text: "{{ reply }}"}}
            """,
            """
            tools: {mail.send: {mcp: {command: [mail-server]}, clearance: private}}
            inputs: {letter: file}
            agents: {writer: {role: You write short answers.}}
            steps:
              reply: {agent: writer, prompt: "Answer this letter: {{ inputs.letter }}"}
              right: {ask: Send it?, show: "{{ reply }}", choices: ["yes", "no"]}
              send: {tool: mail.send, with: {text: "{{ reply }}"}, when: "right == 'yes'"}
            """,
            "warning",
        ),
    )
)
