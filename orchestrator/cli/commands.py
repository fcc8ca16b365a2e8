"""Every command of `orch`: where it lives and its one line of help. Imports none of them."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """`module` below `orchestrator.cli` and the click command in it."""

    module: str
    help: str
    attribute: str = "command"


SECTIONS: dict[str, dict[str, Entry]] = {
    "Start": {
        "init": Entry("init", "Write a first workflow into a directory."),
        "run": Entry("run", "Run a workflow: a file, or the name of one that ships."),
        "chat": Entry("chat", "Talk with an assistant that runs on this machine."),
        "workflows": Entry("agents", "List the workflows that can be run by name.", "workflows"),
        "agents": Entry("agents", "List the specialists that workflows can use.", "agents"),
    },
    "Before a run": {
        "validate": Entry("validate", "Check workflow files without running anything."),
        "plan": Entry("plan", "Show order, models, calls, prompt sizes and memory of a run."),
        "graph": Entry("graph", "Draw a workflow as Mermaid, text or SVG."),
        "bench": Entry("bench", "Measure specialists and workflows on their cases, with and without help."),
        "lock": Entry("lock", "Write down what a workflow is made of, or check that nothing of it changed."),
        "explain": Entry("explain", "Explain an error code, with a wrong and a right example."),
    },
    "Runs": {
        "runs": Entry("runs", "List runs."),
        "show": Entry("show", "Show a run, or one of its steps."),
        "tui": Entry("tui", "Watch runs live: what runs, on which model, and why."),
        "logs": Entry("logs", "Print what happens in a run, live with -f."),
        "diff": Entry("diff", "Compare two runs, or a workflow with what it was at a git revision."),
        "cost": Entry("cost", "Show what runs cost, and what a cloud model alone would have cost."),
        "fork": Entry("fork", "Run a part of a run anew, as a run of its own."),
        "replay": Entry("replay", "Run a run again from its record, and say what is not as it was."),
        "resume": Entry("resume", "Go on with a run that stopped, waited or crashed."),
        "approve": Entry("approve", "Answer a question that a run is waiting for."),
        "reject": Entry("approve", "Say no to a question that a run is waiting for.", "reject"),
        "verify": Entry("verify", "Check that records of runs are as they were written."),
        "cancel": Entry("cancel", "Stop a run from another shell."),
        "prune": Entry("prune", "Free room: old runs, and what no run uses."),
    },
    "This machine": {
        "models": Entry("models", "List, fetch, inspect, optimize, serve and stop local models."),
        "memory": Entry("memory", "List, show and forget what agents remember of conversations."),
        "index": Entry("index", "Index documents, and search them."),
        "doctor": Entry("doctor", "Say what is installed, what fits, and what is in the way."),
        "schema": Entry("schema", "Print the JSON Schema of workflow files, for editors."),
        "completion": Entry("completion", "Print the completion script for bash, zsh or fish."),
    },
}

COMMANDS: dict[str, Entry] = {name: entry for section in SECTIONS.values() for name, entry in section.items()}
