"""ORCH5xx and ORCH6xx: the form of the graph; the models, agents and files it names."""

from __future__ import annotations

from orchestrator.graph.examples import files, steps, table

SHAPE = table(
    (
        steps(
            "ORCH501",
            "steps in a circle",
            "Each of these steps waits for the next, so none can ever start. `repeat` makes a bounded loop.",
            """
            a: {value: "{{ c }}"}
            b: {value: "{{ a }}"}
            c: {value: "{{ b }}"}
            """,
            """
            a: {value: 1}
            b: {value: "{{ a }}"}
            c: {value: "{{ b }}"}
            """,
        ),
        steps(
            "ORCH502",
            "step that reads itself",
            "A step cannot read its own value. Inside a `repeat`, `last` holds the pass before.",
            """
            draft: {agent: writer, prompt: "Make this better: {{ draft }}"}
            """,
            """
            draft: {agent: writer, prompt: Write a line about rain.}
            better: {agent: writer, prompt: "Make this better: {{ draft }}"}
            """,
        ),
        steps(
            "ORCH503",
            "workflows in a circle",
            "A workflow that calls itself, directly or through others, would never end.",
            """
            again: {workflow: workflow.yaml}
            """,
            """
            again: {workflow: other.yaml, with: {text: Rain.}}
            """,
        ),
        files(
            "ORCH504",
            "agents in a circle",
            """An agent that is called as a tool and calls, directly or through others, the one that called it would never
            end.""",
            """
            agents:
              writer: {role: You write short answers., tools: ["agent:critic"]}
              critic: {role: You judge short answers., tools: ["agent:writer"]}
            steps:
              one: {agent: writer, prompt: Write a line about rain.}
            """,
            """
            agents:
              writer: {role: You write short answers., tools: ["agent:critic"]}
              critic: {role: You judge short answers.}
            steps:
              one: {agent: writer, prompt: Write a line about rain.}
            """,
        ),
        steps(
            "ORCH510",
            "step that never runs",
            "Its `when` is always false, or it needs a step whose is.",
            """
            draft: {value: 1, when: false}
            """,
            """
            draft: {value: 1}
            """,
            "warning",
        ),
        steps(
            "ORCH511",
            "condition that is always true",
            "A choice or a map is neither empty nor null, so as a condition it is always true.",
            """
            approve: {ask: Send it?, choices: [send, drop]}
            done: {when: approve, value: sent}
            """,
            """
            approve: {ask: Send it?, choices: [send, drop]}
            done: {when: approve == 'send', value: sent}
            """,
            "warning",
        ),
        steps(
            "ORCH512",
            "overflow that leads nowhere",
            "`overflow: escalate` asks the models of `escalate` when the prompt does not fit; the step names none.",
            """
            one: {agent: writer, prompt: Write a line about rain., overflow: escalate}
            """,
            """
            one: {agent: writer, prompt: Write a line about rain., overflow: escalate, escalate: {to: embedded}}
            """,
        ),
        steps(
            "ORCH513",
            "samples that cannot be chosen among",
            """`samples` asks several times; one of the answers becomes the value. Answers that can be equal (numbers, `bool`,
            a choice of words, a map of such) are chosen by majority, texts by the judge that `pick` names.""",
            """
            one: {agent: writer, prompt: Write a line about rain., samples: 3}
            """,
            """
            one: {agent: writer, prompt: Write a line about rain., samples: 3, pick: judge}
            """,
        ),
        files(
            "ORCH520",
            "declared and never used",
            "An agent, model, tool or knowledge of this file that nothing names.",
            """
            models: {small: "ollama:llama3.2:3b"}
            steps:
              one: {value: 1}
            """,
            """
            models: {small: "ollama:llama3.2:3b"}
            agents: {writer: {model: small, role: You write short answers.}}
            steps:
              one: {agent: writer, prompt: Write a line about rain.}
            """,
            "warning",
        ),
        files(
            "ORCH521",
            "input that nothing reads",
            "Whoever runs the workflow has to give it, and it changes nothing.",
            """
            inputs: {text: string}
            steps:
              one: {value: 1}
            """,
            """
            inputs: {text: string}
            steps:
              one: {value: "{{ inputs.text }}"}
            """,
            "warning",
        ),
        steps(
            "ORCH522",
            "name that is taken to the letter",
            """A text is a text: only what stands in `{{ }}` is read. This one is the name of a value, or holds one in single
            braces, so it was probably meant to be read. Nothing at all is read in `stop`.""",
            """
            draft: {agent: writer, prompt: Write a line about rain., output: {text: string}}
            better: {agent: writer, prompt: "Make this better: {draft.text}", needs: draft}
            """,
            """
            draft: {agent: writer, prompt: Write a line about rain., output: {text: string}}
            better: {agent: writer, prompt: "Make this better: {{ draft.text }}"}
            """,
            "warning",
        ),
    )
)

MODELS = table(
    (
        steps(
            "ORCH601",
            "unknown agent",
            "An agent is one of the file's own, of the project, of `agents/` beside the file, or one that ships with orch.",
            """
            draft: {agent: writer, prompt: Write a line about rain.}
            more: {agent: writter, prompt: Write another.}
            """,
            """
            draft: {agent: writer, prompt: Write a line about rain.}
            more: {agent: writer, prompt: Write another.}
            """,
        ),
        files(
            "ORCH602",
            "unknown model",
            "A model is declared under `models:` in the file or in the project; `embedded` is always there.",
            """
            models: {small: "ollama:llama3.2:3b"}
            agents: {writer: {model: small, role: You write short answers.}}
            steps:
              one: {agent: writer, model: smal, prompt: Write a line about rain.}
            """,
            """
            models: {small: "ollama:llama3.2:3b"}
            agents: {writer: {model: small, role: You write short answers.}}
            steps:
              one: {agent: writer, model: small, prompt: Write a line about rain.}
            """,
        ),
        steps(
            "ORCH603",
            "unknown tool",
            "A tool is built in, declared under `tools:`, or an agent (`agent:name`).",
            """
            sums: {tool: pyton, with: {code: "1 + 1"}}
            """,
            """
            sums: {tool: python, with: {code: "1 + 1"}}
            """,
        ),
        files(
            "ORCH604",
            "unknown knowledge",
            "Knowledge is declared under `knowledge:` in the file or in the project.",
            """
            knowledge: {handbook: {from: "docs/*.md"}}
            agents: {writer: {knowledge: [handbook], role: You write short answers.}}
            steps:
              one: {agent: writer, knowledge: [handbok], prompt: When are you open?}
            """,
            """
            knowledge: {handbook: {from: "docs/*.md"}}
            agents: {writer: {knowledge: [handbook], role: You write short answers.}}
            steps:
              one: {agent: writer, knowledge: [handbook], prompt: When are you open?}
            """,
        ),
        files(
            "ORCH605",
            "cloud model in an agent or a default",
            """Whatever leaves the machine is named where it happens: in a step's own `model:` or in its `escalate`. In an agent
            or a default nobody would see it.""",
            """
            models: {big: "openai:gpt-5-mini"}
            agents: {writer: {model: big, role: You write short answers.}}
            steps:
              one: {agent: writer, prompt: Write a line about rain.}
            """,
            """
            models: {big: "openai:gpt-5-mini"}
            agents: {writer: {role: You write short answers.}}
            steps:
              one: {agent: writer, model: big, prompt: Write a line about rain.}
            """,
        ),
        files(
            "ORCH606",
            "images for a model that does not see",
            "The embedded language models read text only.",
            """
            inputs: {photo: image}
            agents: {viewer: {role: You describe images.}}
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
            "ORCH607",
            "unknown workflow",
            "A subworkflow is a file, relative to this one and inside the project, or the name of one that can be run by name.",
            """
            other_one: {workflow: othr.yaml, with: {text: Rain.}}
            """,
            """
            other_one: {workflow: other.yaml, with: {text: Rain.}}
            """,
        ),
        files(
            "ORCH608",
            "unknown provider",
            "A model is written `provider:model`.",
            """
            models: {small: "olama:llama3.2:3b"}
            agents: {writer: {model: small, role: You write short answers.}}
            steps:
              one: {agent: writer, prompt: Write a line about rain.}
            """,
            """
            models: {small: "ollama:llama3.2:3b"}
            agents: {writer: {model: small, role: You write short answers.}}
            steps:
              one: {agent: writer, prompt: Write a line about rain.}
            """,
        ),
        steps(
            "ORCH609",
            "schema that cannot be used",
            "`{schema: path.json}` names a JSON file of the project that holds a JSON Schema.",
            """
            one: {agent: writer, prompt: Write a line about rain., output: {schema: missing.json}}
            """,
            """
            one: {agent: writer, prompt: Write a line about rain., output: {text: string}}
            """,
        ),
        files(
            "ORCH610",
            "Python tool that is not there",
            "`python: file.py:function` names a function of a file in the project; it is read, never executed, to check this.",
            """
            tools: {score: {python: "missing.py:score"}}
            steps:
              one: {tool: score, with: {text: Rain.}}
            """,
            """
            steps:
              one: {tool: python, with: {code: "1 + 1"}}
            """,
        ),
        files(
            "ORCH611",
            "worked examples that cannot be used",
            """`examples: {from: cases.jsonl}` names a file of the project with one `{"input": …, "output": …}` per line, and each
            output has to be one that the step can answer.""",
            """
            agents: {writer: {role: You write short answers., examples: {from: other.yaml}}}
            steps:
              one: {agent: writer, prompt: Write a line about rain.}
            """,
            """
            agents: {writer: {role: You write short answers.}}
            steps:
              one: {agent: writer, prompt: Write a line about rain.}
            """,
        ),
        files(
            "ORCH612",
            "worked examples that are not used",
            """The file is not there yet, and a run would not begin without it; or the examples ship with an agent whose `output`
            the step replaces.""",
            """
            agents: {writer: {role: You write short answers., examples: {from: not-there.jsonl}}}
            steps:
              one: {agent: writer, prompt: Write a line about rain.}
            """,
            """
            agents: {writer: {role: You write short answers.}}
            steps:
              one: {agent: writer, prompt: Write a line about rain.}
            """,
            "warning",
        ),
        files(
            "ORCH613",
            "more tools than a small model can choose among",
            """With each tool more the right one is chosen less often: in one report 13.6 % right with all tools of a server and
            43.1 % with a few (ghidra-mcp, issue 307). Six is where this begins to show.""",
            """
            agents: {clerk: {tools: [python, sql.query, sql.schema, sql.explain, files.read, files.list, chart]}}
            steps:
              one: {agent: clerk, prompt: How many files are there?}
            """,
            """
            agents: {clerk: {tools: [files.list]}}
            steps:
              one: {agent: clerk, prompt: How many files are there?}
            """,
            "warning",
        ),
        files(
            "ORCH614",
            "MCP server that cannot be reached so",
            """A server is either started here (`command`, with what it needs under `env`) or runs at an address (`url`, with the
            token it wants to see under `key`).""",
            """
            tools: {mail.send: {mcp: {url: "http://127.0.0.1:8000/mcp", env: {MODE: fast}}}}
            steps:
              send: {tool: mail.send, with: {text: Rain.}}
            """,
            """
            tools: {mail.send: {mcp: {url: "http://127.0.0.1:8000/mcp", key: env.MAIL_TOKEN}}}
            steps:
              send: {tool: mail.send, with: {text: Rain.}}
            """,
        ),
        files(
            "ORCH615",
            "documents that are not there",
            """A glob of `knowledge:` means no file that can be looked things up in: there is none, or none of them is text or a
            PDF. A warning, because the files may be made before the run, which refuses to begin without them.""",
            """
            knowledge: {notes: {from: "nowhere/*.md"}}
            agents: {writer: {role: You write short answers., knowledge: [notes]}}
            steps:
              one: {agent: writer, prompt: Write a line about rain.}
            """,
            """
            knowledge: {notes: {from: "docs/*.md"}}
            agents: {writer: {role: You write short answers., knowledge: [notes]}}
            steps:
              one: {agent: writer, prompt: Write a line about rain.}
            """,
            "warning",
        ),
    )
)
