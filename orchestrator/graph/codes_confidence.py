"""ORCH54x: texts that read how sure a model was."""

from __future__ import annotations

from orchestrator.graph.examples import files, table

CONFIDENCE = table(
    (
        files(
            "ORCH540",
            "uncalibrated confidence",
            """
            A confidence is no probability of being right: a small model can be sure and wrong. What a threshold is worth
            shows on labelled cases of your own, and can stand in a lock file beside the workflow. A warning, because a
            raw threshold is better than none.
            """,
            """
            models: {large: "ollama:llama3.2:3b"}
            agents: {sorter: {role: You sort letters., output: {kind: "bill | order"}}}
            steps:
              kind: {agent: sorter, prompt: Which is it?, escalate: {to: large, when: invalid or confidence < 0.7}}
            """,
            """
            models: {large: "ollama:llama3.2:3b"}
            agents: {sorter: {role: You sort letters., output: {kind: "bill | order"}}}
            steps:
              kind: {agent: sorter, prompt: Which is it?, escalate: {to: large, when: invalid}}
            """,
            "warning",
        ),
        files(
            "ORCH541",
            "confidence that nobody gives",
            """
            Confidence is worked out from the log-probabilities of the answer's tokens. This model's provider gives none,
            or the step asks no model.
            """,
            """
            models: {small: "lmstudio:qwen2.5-3b", large: "ollama:llama3.2:3b"}
            agents: {sorter: {model: small, role: You sort letters., output: {kind: "bill | order"}}}
            steps:
              kind: {agent: sorter, prompt: Sort it., escalate: {to: large, when: confidence < 0.7}}
            """,
            """
            models: {small: "lmstudio:qwen2.5-3b", large: "ollama:llama3.2:3b"}
            agents: {sorter: {model: small, role: You sort letters., output: {kind: "bill | order"}}}
            steps:
              kind: {agent: sorter, prompt: Which is it?, escalate: {to: large, when: invalid}}
            """,
        ),
        files(
            "ORCH542",
            "measured confidence that does not fit any more",
            """
            The lock file beside the workflow (`workflow.lock.yaml` here) says how often answers of a step were wrong, for
            one model, one prompt and one output. This step was measured with another prompt or output, or the file
            cannot be read: the raw confidence counts.
            """,
            """
            models: {large: "ollama:llama3.2:3b"}
            agents: {sorter: {role: You sort letters., output: {kind: "bill | order"}}}
            steps:
              measured: {agent: sorter, prompt: Sort this now., escalate: {to: large, when: confidence < 0.7}}
            """,
            """
            models: {large: "ollama:llama3.2:3b"}
            agents: {sorter: {role: You sort letters., output: {kind: "bill | order"}}}
            steps:
              measured: {agent: sorter, prompt: Sort it., escalate: {to: large, when: confidence < 0.7}}
            """,
            "warning",
        ),
    )
)
