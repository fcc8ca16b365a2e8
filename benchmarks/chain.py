"""The chain that is measured again and again, and a journal that keeps nothing. Imports nothing that takes time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.events import Event


def workflow(steps: int) -> str:
    """A chain of typed agent steps, each reading the one before."""
    lines = [
        "orch: 1",
        "inputs: {text: string}",
        "models: {tiny: 'scripted:answers.yaml'}",
        "agents: {writer: {model: tiny, role: You write one line.}}",
        "steps:",
    ]
    for n in range(steps):
        before = "inputs.text" if n == 0 else f"s{n - 1}.line"
        lines.append(
            f'  s{n}: {{agent: writer, prompt: "Go on: {{{{ {before} }}}}", output: {{line: string(80)}}}}'
        )
    return "\n".join(lines) + "\n"


class Forgetful:
    """A journal that counts."""

    def __init__(self) -> None:
        self.count = 0

    def append(self, _event: Event) -> None:
        self.count += 1

    async def flush(self) -> None:
        return
